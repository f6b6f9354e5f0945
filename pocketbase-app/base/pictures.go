package base

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
	"regexp"
	"time"

	"servicepoint/content"
	"servicepoint/content/upload"

	"github.com/pocketbase/pocketbase/core"
)

// PictureEdge is the longest edge, in pixels, of pictures that pages show.
const PictureEdge = 1280

// Picture is a picture made anew, by the hash of its content.
type Picture struct {
	Name string // SHA-256 in hexadecimal and ".jpg" or ".png"
	Body []byte
}

// Decode runs f when nobody else decodes: a large picture takes up to 650 MB. It
// refuses with 503 when the request ends before.
func (p *Platform) Decode(ctx context.Context, f func()) error {
	select {
	case p.decoding <- struct{}{}:
	case <-ctx.Done():
		return Refuse(http.StatusServiceUnavailable, "busy")
	}
	defer func() { <-p.decoding }()
	f()
	return nil
}

// Picture makes a picture anew that somebody sent. The problem is one of
// [upload.Clean], without a field.
func (p *Platform) Picture(ctx context.Context, sent []byte) (pic Picture, problem *content.Problem, err error) {
	var file upload.File
	err = p.Decode(ctx, func() { file, problem = upload.Picture(sent, PictureEdge) })
	if err != nil || problem != nil {
		return Picture{}, problem, err
	}
	sum := sha256.Sum256(file.Body)
	return Picture{Name: hex.EncodeToString(sum[:]) + "." + file.Ending, Body: file.Body}, nil, nil
}

var pictureName = regexp.MustCompile(`^[0-9a-f]{64}\.(jpg|png)$`)

// IsPictureName reports whether a name is one that [Platform.Picture] gives.
func IsPictureName(name string) bool { return pictureName.MatchString(name) }

// ServePicture answers with a picture. Nothing in it runs, whatever it pretends
// to be; cache is the header Cache-Control.
func ServePicture(e *core.RequestEvent, name string, body []byte, cache string) error {
	kinds := map[string]string{".jpg": "image/jpeg", ".png": "image/png"}
	h := e.Response.Header()
	h.Set("Content-Type", kinds[path.Ext(name)])
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", cache)
	h.Set("ETag", `"`+name[:24]+`"`)
	http.ServeContent(e.Response, e.Request, "", time.Time{}, bytes.NewReader(body))
	return nil
}

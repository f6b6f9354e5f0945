package participation

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"servicepoint/content/citymap"

	"github.com/pocketbase/pocketbase/core"
)

// mapAge is how long browsers keep the city map without asking again.
const mapAge = "public, max-age=86400"

// cityMap are the pictures of the city without any marker: what somebody chose
// never becomes part of an address.
var cityMap = sync.OnceValues(func() (pictures map[string]picture, err error) {
	var b bytes.Buffer
	if err := citymap.PNG(&b); err != nil {
		return nil, err
	}
	svg := citymap.Drawing{Title: "Kassel", Names: true}.SVG()
	return map[string]picture{
		"png": newPicture("image/png", b.Bytes()),
		"svg": newPicture("image/svg+xml", []byte(svg)),
	}, nil
})

type picture struct {
	kind, etag string
	body       []byte
}

func newPicture(kind string, body []byte) picture {
	sum := sha256.Sum256(body)
	return picture{kind: kind, etag: `"` + hex.EncodeToString(sum[:12]) + `"`, body: body}
}

func (pt *Participation) bindMap(se *core.ServeEvent) {
	for _, ending := range []string{"png", "svg"} {
		pt.p.Route(se, "GET", "/umfragen/karte."+ending, func(e *core.RequestEvent) error {
			pictures, err := cityMap()
			if err != nil {
				return err
			}
			p := pictures[ending]
			h := e.Response.Header()
			h.Set("Content-Type", p.kind)
			h.Set("Cache-Control", mapAge)
			h.Set("ETag", p.etag)
			http.ServeContent(e.Response, e.Request, "", time.Time{}, bytes.NewReader(p.body))
			return nil
		})
	}
}

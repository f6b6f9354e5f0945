package base

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"servicepoint/content"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Limits of forms with files. What is longer is read and thrown away, so that
// the other fields of the form are not lost with it.
const (
	MaxFormWithFiles = 256 << 20 // bytes of the whole body
	MaxFiles         = 8         // per form; what comes after is left out
)

// SentFile is a file of a form: its bytes, one more than the limit when it is
// too large. Its name is not kept, names tell of people.
type SentFile struct {
	Field string
	Body  []byte
}

// DecodeFormWithFiles reads a form of either kind, multipart/form-data with
// files of up to limit bytes each. A field for files left empty gives no file.
// Refusals as [DecodeForm].
func DecodeFormWithFiles(w http.ResponseWriter, r *http.Request, limit int64) (url.Values, []SentFile, error) {
	form, files, _, err := DecodeFormWithFilesUpTo(w, r, FormLimits{Text: MaxForm, File: limit, Files: MaxFiles})
	return form, files, err
}

// FormLimits bounds a form with files: bytes of all texts, bytes of one file, how
// many files.
type FormLimits struct {
	Text, File int64
	Files      int
}

// DecodeFormWithFilesUpTo is [DecodeFormWithFiles] with limits of its own, for
// staff; leftOut are the fields of the files that were too many.
func DecodeFormWithFilesUpTo(w http.ResponseWriter, r *http.Request, limits FormLimits) (form url.Values, files []SentFile, leftOut []string, err error) {
	if !strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "multipart/form-data") {
		form, err := DecodeFormUpTo(w, r, limits.Text)
		return form, nil, nil, err
	}
	r.Body = http.MaxBytesReader(w, r.Body, MaxFormWithFiles)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, nil, Refuse(http.StatusBadRequest, "broken_form")
	}
	form = url.Values{}
	left, limit := limits.Text, limits.File
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) && len(form)+len(files) > 0 {
			return form, files, leftOut, nil
		}
		if err != nil {
			return nil, nil, nil, cutOff(err)
		}
		if isFile(part) {
			body, err := io.ReadAll(io.LimitReader(part, limit+1))
			if err == nil {
				_, err = io.Copy(io.Discard, part)
			}
			if err != nil {
				return nil, nil, nil, cutOff(err)
			}
			switch {
			case len(body) == 0 && part.FileName() == "":
			case len(files) == limits.Files:
				leftOut = append(leftOut, part.FormName())
			default:
				files = append(files, SentFile{Field: part.FormName(), Body: body})
			}
			continue
		}
		b, err := io.ReadAll(io.LimitReader(part, left+1))
		switch left -= int64(len(b) + len(part.FormName())); {
		case err != nil:
			return nil, nil, nil, cutOff(err)
		case left < 0:
			return nil, nil, nil, Refuse(http.StatusRequestEntityTooLarge, "body_too_large")
		case !utf8.Valid(b) || !utf8.ValidString(part.FormName()):
			return nil, nil, nil, Refuse(http.StatusBadRequest, "bad_utf8")
		}
		form.Add(part.FormName(), strings.ReplaceAll(string(b), "\r\n", "\n"))
	}
}

func isFile(part *multipart.Part) bool {
	return strings.Contains(strings.ToLower(part.Header.Get("Content-Disposition")), "filename")
}

func cutOff(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return Refuse(http.StatusRequestEntityTooLarge, "body_too_large")
	}
	return Refuse(http.StatusBadRequest, "body_cut_off")
}

// RoutePublicWithFiles is [Platform.RoutePublic] for the POST of forms that may
// carry files; the handler reads them with [DecodeFormWithFiles].
func (p *Platform) RoutePublicWithFiles(se *core.ServeEvent, path string, h Handler) {
	for _, lang := range content.Languages {
		p.RouteWithFiles(se, Prefix(lang)+path, h)
	}
}

// RouteWithFiles is [Platform.Route] for such a POST of staff.
func (p *Platform) RouteWithFiles(se *core.ServeEvent, path string, h Handler, middlewares ...func(*core.RequestEvent) error) {
	route := se.Router.Route("POST", path, func(e *core.RequestEvent) error {
		if body, ok := e.Request.Body.(*router.RereadableReadCloser); ok {
			e.Request.Body = body.ReadCloser // it would copy every file, with all its traces, into the temporary folder
		}
		return p.failed(e, h(e))
	})
	for _, m := range middlewares {
		route.BindFunc(func(e *core.RequestEvent) error { return p.failed(e, m(e)) })
	}
	route.Unbind(apis.DefaultActivityLoggerMiddlewareId, apis.DefaultCorsMiddlewareId, apis.DefaultBodyLimitMiddlewareId)
}

package ideas

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// perAnswer is how many ideas one answer of the API holds.
const perAnswer = 200

// document is a released idea as the API gives it.
type document struct {
	Number   int     `json:"number"`
	Call     string  `json:"call"`
	URL      string  `json:"url"`
	Title    string  `json:"title"`
	Text     string  `json:"text"`
	Language string  `json:"language"`
	Topic    string  `json:"topic"`
	District *string `json:"district"`
	Place    *string `json:"place"`
	Point    *point  `json:"point"`
	Picture  *shot   `json:"picture"`
	Name     *string `json:"name"`
	Edited   bool    `json:"edited"`
	Released string  `json:"released"` // day
	Status   string  `json:"status"`
	Answers  []step  `json:"answers"`
	Votes    int     `json:"votes"`
}

type point struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

type shot struct {
	URL string `json:"url"`
	Alt string `json:"alt"`
}

type step struct {
	Day    string `json:"day"`
	Status string `json:"status"`
	Answer string `json:"answer"`
}

func (x *Ideas) document(i content.Idea) document {
	optional := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	d := document{
		Number: i.Number, Call: i.Call, URL: x.Platform.Origin + "/" + i.Path() + "/", Title: i.Title, Text: i.Text, Language: content.Locale(i.Language),
		Topic: i.Topic, District: optional(i.District), Place: optional(i.Place), Name: optional(i.Name), Edited: i.Edited,
		Released: i.Released.In(content.Berlin).Format(time.DateOnly), Status: i.Status, Answers: []step{}, Votes: i.Votes,
	}
	if i.Lat != 0 || i.Lon != 0 {
		d.Point = &point{i.Lat, i.Lon}
	}
	if i.Picture != "" {
		alt := x.altOf(&Idea{Title: i.Title, Picture: i.Picture, Alt: i.Alt}, i.Language)
		d.Picture = &shot{URL: x.Platform.Origin + "/ideen/bilder/" + i.Picture, Alt: alt}
	}
	for _, s := range i.Steps {
		d.Answers = append(d.Answers, step(s))
	}
	return d
}

// public gives what everybody may read of the calls that are published.
func (x *Ideas) public(ctx context.Context) ([]content.Idea, error) {
	var cat content.Catalogue
	var err error
	if cat.Calls, err = calls(x.Platform.App.DB()); err == nil {
		err = Publish(ctx, x.Platform.App.DB(), &cat)
	}
	return cat.Ideas, err
}

// list answers GET /api/v1/ideas.
func (x *Ideas) list(e *core.RequestEvent) error {
	q := e.Request.URL.Query()
	before, err := strconv.Atoi(q.Get("before"))
	if q.Get("before") != "" && (err != nil || before < 1) {
		return content.Problems{{Field: "before", Code: "not_integer"}}
	}
	all, err := x.public(e.Request.Context())
	if err != nil {
		return err
	}
	out := []document{}
	for _, i := range all {
		switch {
		case i.Into != 0, before > 0 && i.Number >= before,
			q.Get("call") != "" && q.Get("call") != i.Call,
			q.Get("topic") != "" && q.Get("topic") != i.Topic,
			q.Get("status") != "" && q.Get("status") != i.Status:
		default:
			out = append(out, x.document(i))
		}
	}
	sortByNumber(out)
	return answer(e, out[:min(len(out), perAnswer)])
}

// one answers GET /api/v1/ideas/{number}; a merged idea leads to its survivor (308).
func (x *Ideas) one(e *core.RequestEvent) error {
	n, err := number(e)
	if err != nil {
		return err
	}
	all, err := x.public(e.Request.Context())
	if err != nil {
		return err
	}
	for _, i := range all {
		switch {
		case int64(i.Number) != n:
		case i.Into != 0:
			return e.Redirect(http.StatusPermanentRedirect, "/api/v1/ideas/"+strconv.Itoa(i.Into))
		default:
			return answer(e, x.document(i))
		}
	}
	return base.ErrNotFound
}

// answer writes JSON with an ETag; who has it already gets 304.
func answer(e *core.RequestEvent, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	h := e.Response.Header()
	h.Set("ETag", etag)
	h.Set("Cache-Control", "no-cache")
	for tag := range strings.SplitSeq(e.Request.Header.Get("If-None-Match"), ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == etag || tag == "*" {
			return e.NoContent(http.StatusNotModified)
		}
	}
	h.Set("Content-Type", "application/json")
	return e.Blob(http.StatusOK, "application/json", b)
}

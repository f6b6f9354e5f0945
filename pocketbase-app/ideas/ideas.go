package ideas

import (
	"crypto/cipher"
	"embed"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Words of the pages and mails of ideas.
//
//go:embed words/*.json
var Words embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

var pages = base.MustTemplates(templateFiles)

// Ideas is the matter: pages, API, mails and retention. Change the fields before
// [Ideas.Bind].
type Ideas struct {
	Platform *base.Platform
	// Rebuild asks for a build of the site in the transaction that changed what
	// everybody may read, and Wake, after the commit, says that one was asked for.
	Rebuild func(tx core.App, reason, actor string) error
	Wake    func()

	gate     *gate.Gate
	sending  *base.Limits // ideas, by network
	voting   *base.Limits // votes, by network
	pictures *base.Limits // pictures, by network
	voters   func(idea int64) cipher.Block
	persons  []byte
	links    []byte
}

// New makes the matter. From one network 10 ideas an hour and 60 votes an hour
// are taken.
func New(p *base.Platform) *Ideas {
	return &Ideas{
		Platform: p,
		Rebuild:  func(core.App, string, string) error { return nil },
		Wake:     func() {},
		gate:     gate.New(p),
		sending:  base.NewLimits(10, time.Hour),
		voting:   base.NewLimits(60, time.Hour),
		pictures: base.NewLimits(30, time.Hour),
		voters:   pseudonyms(p.Key("idea voters")),
		persons:  p.Key("idea persons"),
		links:    p.Key("idea links"),
	}
}

// Bind binds the pages and the API.
func (x *Ideas) Bind(se *core.ServeEvent) {
	p := x.Platform
	p.RoutePublic(se, "GET", "/ideen/{call}/einreichen/{$}", x.showForm)
	p.RoutePublicWithFiles(se, "/ideen/{call}/einreichen/{$}", x.takeForm)
	p.Route(se, "GET", "/ideen/bilder/{name}", x.publicPicture)
	p.RoutePublic(se, "GET", "/ideen/{call}/{idea}/unterstuetzen/{$}", x.showVote)
	p.RoutePublic(se, "POST", "/ideen/{call}/{idea}/unterstuetzen/{$}", x.takeVote)
	p.RoutePublic(se, "GET", "/meine-idee/{$}", x.showMine)
	p.RoutePublic(se, "POST", "/meine-idee/{$}", x.changeMine)
	p.RoutePublic(se, "POST", "/meine-idee/abmelden/{$}", x.leave)
	p.Route(se, "GET", "/meine-idee/bild/{$}", x.minePicture)
	p.RoutePublic(se, "GET", "/meine-idee/{token}/{$}", x.showLink)
	p.RoutePublic(se, "POST", "/meine-idee/{token}/{$}", x.enter)

	p.Route(se, "GET", "/api/v1/ideas", x.list)
	p.Route(se, "GET", "/api/v1/ideas/{number}", x.one)

	moderate := base.Need(base.Moderator)
	p.Route(se, "GET", "/redaktion/ideen/{$}", x.queue, moderate)
	p.Route(se, "GET", "/redaktion/ideen/{number}/{$}", x.showIdea, moderate)
	p.Route(se, "POST", "/redaktion/ideen/{number}/{$}", x.moderate, moderate)
	p.Route(se, "GET", "/redaktion/ideen/{number}/bild/{$}", x.staffPicture, moderate)
	p.Route(se, "GET", "/redaktion/aufrufe/{slug}/zugang/{$}", x.showAccess, base.Need(base.Editor, base.Publisher))
	p.Route(se, "POST", "/redaktion/aufrufe/{slug}/zugang/{$}", x.makeAccess, base.Need(base.Publisher))
}

// call reads a published call; [base.ErrNotFound] when there is none.
func (x *Ideas) call(slug string) (content.Call, error) {
	var c content.Call
	if !content.IsSlug(slug) {
		return c, base.ErrNotFound
	}
	var live string
	err := x.Platform.App.DB().NewQuery(`SELECT live FROM calls WHERE slug = {:slug} AND state = 'published'`).
		Bind(dbx.Params{"slug": slug}).Row(&live)
	if base.IsNoRows(err) {
		return c, base.ErrNotFound
	}
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal([]byte(live), &c)
}

// calls reads the published calls, by slug.
func calls(db dbx.Builder) ([]content.Call, error) {
	var docs []string
	if err := db.NewQuery(`SELECT live FROM calls WHERE state = 'published' ORDER BY slug`).Column(&docs); err != nil {
		return nil, err
	}
	all := make([]content.Call, len(docs))
	for i, doc := range docs {
		if err := json.Unmarshal([]byte(doc), &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// running refuses what a call does not take now (409).
func running(c content.Call, now time.Time) error {
	switch {
	case c.OpenAt(now):
		return nil
	case now.Before(c.Opens):
		return base.Refuse(http.StatusConflict, "call_not_open", "day", c.Opens.In(content.Berlin).Format("02.01.2006"))
	}
	return base.Refuse(http.StatusConflict, "call_closed")
}

// choice is an option of a list.
type choice struct {
	Value, Label string
	Chosen       bool
}

// topics are the topics of a call in the visitor's language; one that is not
// published any more shows its slug.
func (x *Ideas) topics(c content.Call, lang, chosen string) ([]choice, error) {
	names, err := x.topicNames(lang)
	if err != nil {
		return nil, err
	}
	var out []choice
	for _, slug := range c.Topics {
		out = append(out, choice{slug, named(names, slug), slug == chosen})
	}
	return out, nil
}

func named(names map[string]string, slug string) string {
	if s := names[slug]; s != "" {
		return s
	}
	return slug
}

func (x *Ideas) topicNames(lang string) (map[string]string, error) {
	var rows []struct {
		Slug string `db:"slug"`
		Live string `db:"live"`
	}
	err := x.Platform.App.DB().NewQuery(`SELECT slug, live FROM topics WHERE state = 'published'`).All(&rows)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, r := range rows {
		var t content.Topic
		if err := json.Unmarshal([]byte(r.Live), &t); err != nil {
			return nil, err
		}
		names[r.Slug], _ = t.Name.In(lang)
	}
	return names, nil
}

// districts are all Ortsbezirke, by name.
func (x *Ideas) districts(chosen string) ([]choice, error) {
	var rows []struct {
		Slug  string `db:"slug"`
		Title string `db:"title"`
	}
	err := x.Platform.App.DB().NewQuery(`SELECT slug, title FROM districts WHERE state = 'published' ORDER BY title`).All(&rows)
	var out []choice
	for _, r := range rows {
		out = append(out, choice{r.Slug, r.Title, r.Slug == chosen})
	}
	return out, err
}

func labelled(all []choice, value string) string {
	for _, c := range all {
		if c.Value == value {
			return c.Label
		}
	}
	return value
}

func (x *Ideas) word(lang, key string, args ...any) string {
	return x.Platform.Words.In(lang, key, args...)
}

// showDay and showTime write Berlin time as people read it.
func showDay(ms int64, lang string) string {
	t := time.UnixMilli(ms).In(content.Berlin)
	if lang == content.English {
		return t.Format("2 January 2006")
	}
	return t.Format("02.01.2006")
}

func showTime(ms int64) string {
	return time.UnixMilli(ms).In(content.Berlin).Format("02.01.2006, 15:04") + " Uhr"
}

// prose is what people wrote, shown line by line.
type prose string

// Lines are the lines of a text.
func (p prose) Lines() []string { return strings.Split(string(p), "\n") }

func (x *Ideas) cookie(name, value string, life time.Duration) *http.Cookie {
	k := &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(x.Platform.Origin, "https://"), MaxAge: int(life / time.Second),
	}
	if value == "" {
		k.MaxAge = -1
	}
	return k
}

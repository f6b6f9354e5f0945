// Package editorial is where content is written, published and taken off the
// site: the pages below /redaktion/, revisions, and the loop that rebuilds the
// static site.
//
// It does not know how a site is built (a [Builder] does) nor what else follows
// when something is published ([Editorial.Follow] holds what other matters want
// done in the same transaction). [Editorial.Bind] adds the pages,
// [Editorial.Run] keeps the site in step with what is published, and
// [Editorial.Seed] fills an empty database. The kinds of content are the list
// [Kinds].
package editorial

import (
	"context"
	"embed"
	"encoding/json"
	"html/template"
	"net/url"
	"sync"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

//go:embed words/*.json
var Words embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

var templates = base.MustTemplates(templateFiles)

// Builder makes releases of the static site. An error may wrap
// content.Problems: reasons in words for editors.
type Builder interface {
	Build(ctx context.Context, cat content.Catalogue) (content.Release, error)
	Preview(ctx context.Context, cat content.Catalogue, path string) ([]byte, error)
	Rollback(ctx context.Context, release string) error
	Releases() ([]content.Release, error)
}

// Editorial is the matter. Set its fields before [Editorial.Bind] and [Editorial.Run].
type Editorial struct {
	Builder Builder
	// Follow is called by kind ("events") when a document is published, in the
	// same transaction. It must use tx and not reach the network.
	Follow map[string]func(tx core.App, doc json.RawMessage) error
	// Reached counts who is told when an event is cancelled or moved; nil: nobody.
	Reached func(db dbx.Builder, event string) (int, error)
	// Also adds to every catalogue what other matters have released.
	Also []func(ctx context.Context, db dbx.Builder, cat *content.Catalogue) error
	// Answers gives the number of stored answers of a survey by version; nil: unknown.
	Answers func(ctx context.Context, survey string) (map[int]int, error)
	// Waiting reports whether answers of a survey are stored that Answers cannot
	// count yet; nil: none.
	Waiting func(ctx context.Context, survey string) (bool, error)
	// Render renders the questions of one page (an index) as citizens see them, with
	// the earlier answers that its rules look at as JSON; Press does what a button
	// among them asks for; Brought tells that answers brought up further questions on
	// the page; Review renders all answers before they are sent, with buttons "zu:"
	// and an index. Without Render nobody can try a working copy.
	Render  func(q survey.Questionnaire, page int, lang string, typed url.Values, problems content.Problems) (html template.HTML, values string, err error)
	Press   func(q survey.Questionnaire, page int, form, typed url.Values) bool
	Brought func(q survey.Questionnaire, page int, form, typed url.Values) bool
	Review  func(q survey.Questionnaire, lang string, typed url.Values) (template.HTML, error)
	// Runs gives the history and the next runs of scheduled jobs for the
	// dashboard; nil leaves them out.
	Runs func(ctx context.Context) (past, next []base.Run, err error)

	Debounce time.Duration // how long a build waits for more changes
	Tick     time.Duration // how often the loop looks without being woken

	p        *base.Platform
	wake     chan struct{} // one place
	building sync.Mutex    // held while a release is made or swapped
	comments *base.Limits  // of reviewers, per network address
}

// New makes the matter.
func New(p *base.Platform, b Builder) *Editorial {
	return &Editorial{
		Builder:  b,
		Follow:   map[string]func(core.App, json.RawMessage) error{},
		Debounce: 200 * time.Millisecond,
		Tick:     time.Minute,
		comments: base.NewLimits(30, 10*time.Minute),
		p:        p,
		wake:     make(chan struct{}, 1),
	}
}

// Bind adds the pages below /redaktion/.
func (d *Editorial) Bind(se *core.ServeEvent) {
	read := base.Need(base.Editor, base.Publisher, base.Moderator, base.Admin)
	write, publish := base.Need(base.Editor), base.Need(base.Publisher)
	rebuild := base.Need(base.Publisher, base.Admin)

	d.p.Route(se, "GET", "/redaktion/{$}", d.dashboard, read)
	d.p.Route(se, "POST", "/redaktion/bauen/{$}", d.rebuild, rebuild)
	d.p.Route(se, "POST", "/redaktion/ausgaben/{name}/{$}", d.rollback, publish)
	d.bindBuilder(se, read, write, publish)
	d.bindEvents(se, write, publish)
	for _, k := range Kinds {
		if k.Path == "" {
			continue
		}
		at := "/redaktion/" + k.Path + "/"
		d.p.Route(se, "GET", at+"{$}", d.of(k, d.list), read)
		d.p.Route(se, "GET", at+"neu/{$}", d.of(k, d.blank), write)
		d.p.Route(se, "POST", at+"neu/{$}", d.of(k, d.create), write)
		d.p.Route(se, "GET", at+"{slug}/{$}", d.of(k, d.edit), read)
		d.p.Route(se, "POST", at+"{slug}/{$}", d.of(k, d.save), write)
		d.p.Route(se, "GET", at+"{slug}/vorschau/{$}", d.of(k, d.preview), read)
		d.p.Route(se, "POST", at+"{slug}/veroeffentlichen/{$}", d.of(k, d.publish), publish)
		d.p.Route(se, "POST", at+"{slug}/zuruecknehmen/{$}", d.of(k, d.withdraw), publish)
		d.p.Route(se, "GET", at+"{slug}/fassungen/{rev}/{$}", d.of(k, d.revision), read)
		d.p.Route(se, "POST", at+"{slug}/fassungen/{rev}/{$}", d.of(k, d.restore), write)
	}
}

// of hands the kind of content to a page.
func (d *Editorial) of(k *Kind, page func(*core.RequestEvent, *Kind) error) base.Handler {
	return func(e *core.RequestEvent) error { return page(e, k) }
}

func (d *Editorial) word(key string, args ...any) string {
	return d.p.Words.In(content.German, key, args...)
}

// berlin writes a moment as staff read it; the zero time is "".
func berlin(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(content.Berlin).Format("02.01.2006, 15:04")
}

func fromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

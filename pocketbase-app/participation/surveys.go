package participation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
)

// asked is one published version as it is asked; it never changes.
type asked struct {
	survey.Questionnaire
	documents map[string]document // language → what the API gives
}

// document is a finished API answer.
type document struct {
	body []byte
	etag string
}

// current is the newest version of a survey.
type current struct {
	*asked
	live   bool // published, not withdrawn
	paused bool // by staff
	looked time.Time
}

// surveys remembers published versions. What is current is looked up again
// after a second or when forget was called; versions themselves never change.
type surveys struct {
	p        *base.Platform
	mu       sync.RWMutex
	current  map[string]current
	versions map[versionKey]*asked
}

type versionKey struct {
	slug    string
	version int
}

func newSurveys(p *base.Platform) *surveys {
	return &surveys{p: p, current: map[string]current{}, versions: map[versionKey]*asked{}}
}

func (s *surveys) forget() {
	s.mu.Lock()
	clear(s.current)
	s.mu.Unlock()
}

// find returns the newest version of a survey, base.ErrNotFound when none was
// ever published. The caller looks at live and the dates.
func (s *surveys) find(slug string) (current, error) {
	now := s.p.Now()
	s.mu.RLock()
	c, ok := s.current[slug]
	s.mu.RUnlock()
	if age := now.Sub(c.looked); ok && age >= 0 && age < time.Second {
		return c, nil
	}
	var row struct {
		State   string `db:"state"`
		Version int    `db:"version"`
		Paused  bool   `db:"paused"`
	}
	err := s.p.App.DB().NewQuery(`SELECT s.state, v.version, coalesce(r.paused, 0) AS paused FROM surveys s JOIN survey_versions v ON v.survey = s.slug
		LEFT JOIN survey_runs r ON r.survey = s.slug
		WHERE s.slug = {:slug} ORDER BY v.version DESC LIMIT 1`).Bind(dbx.Params{"slug": slug}).One(&row)
	if base.IsNoRows(err) {
		return current{}, base.ErrNotFound
	}
	if err != nil {
		return current{}, err
	}
	q, err := s.version(slug, row.Version)
	if err != nil {
		return current{}, err
	}
	c = current{asked: q, live: row.State == "published", paused: row.Paused, looked: now}
	s.mu.Lock()
	s.current[slug] = c
	s.mu.Unlock()
	return c, nil
}

// version returns one version of a survey.
func (s *surveys) version(slug string, version int) (*asked, error) {
	key := versionKey{slug, version}
	s.mu.RLock()
	q := s.versions[key]
	s.mu.RUnlock()
	if q != nil {
		return q, nil
	}
	var doc string
	err := s.p.App.DB().NewQuery(`SELECT questionnaire FROM survey_versions WHERE survey = {:slug} AND version = {:version}`).
		Bind(dbx.Params{"slug": slug, "version": version}).Row(&doc)
	if base.IsNoRows(err) {
		return nil, base.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	q = &asked{documents: map[string]document{}}
	if q.Questionnaire, err = decodeQuestionnaire(slug, version, doc); err != nil {
		return nil, err
	}
	for _, lang := range content.Languages {
		if q.documents[lang], err = newDocument(describe(q.Questionnaire, lang)); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	s.versions[key] = q
	s.mu.Unlock()
	return q, nil
}

// live lists the slugs of published surveys.
func (s *surveys) live() ([]string, error) {
	var slugs []string
	err := s.p.App.DB().NewQuery(`SELECT DISTINCT s.slug FROM surveys s JOIN survey_versions v ON v.survey = s.slug
		WHERE s.state = 'published' ORDER BY s.slug`).Column(&slugs)
	return slugs, err
}

// open refuses a survey that takes no answers now (409).
func (c current) open(now time.Time) error {
	switch {
	case !c.live:
		return base.Refuse(http.StatusConflict, "survey_closed")
	case now.Before(c.Opens):
		return base.Refuse(http.StatusConflict, "survey_not_open", "day", c.Opens.In(content.Berlin).Format("02.01.2006"))
	case !c.OpenAt(now):
		return base.Refuse(http.StatusConflict, "survey_closed")
	case c.paused:
		return base.Refuse(http.StatusConflict, "survey_paused")
	}
	return nil
}

// ended reports whether no answers come any more, unless a new version asks anew.
func (c current) ended(now time.Time) bool {
	return !c.live || !now.Before(c.Opens) && !c.OpenAt(now)
}

func newDocument(v any) (document, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return document{}, err
	}
	sum := sha256.Sum256(b)
	return document{body: b, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}, nil
}

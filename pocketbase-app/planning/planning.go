package planning

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"servicepoint/content"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

//go:embed words/*.json
var Words embed.FS // pages of this package

//go:embed templates/*.html templates/parts/*.html
var templates embed.FS

var pages = base.MustTemplates(templates)

// Options are what planning needs of others.
type Options struct {
	// Counts tells how many responses came, by survey, day and channel; a survey
	// without responses may be missing.
	Counts func(ctx context.Context) ([]Count, error)

	// Write writes a package to path, whole or not at all, and gives the number of
	// responses in it. An error with the method Reason() string says itself, in
	// German, why there is no file.
	Write func(ctx context.Context, pkg Package, path string, progress func(done, total int)) (rows int, err error)

	Formats []Format // that a package can hold, in the order in which they are shown

	// Ask gives protected figures; nil: the pages show counts only.
	Ask disclosure.AskAll

	// Texts gives the released texts of a survey by variable; nil: none are shown.
	Texts func(ctx context.Context, slug string) (map[string][]string, error)

	// HasResults tells whether a survey has a public page of results; nil: none has.
	HasResults func(ctx context.Context, slug string) (bool, error)

	Dir string // where the files are, "<data dir>/exports"; made when missing
}

// Format is a form in which a package can hold the answers.
type Format struct{ Name, Title string }

// Count is how many responses a survey got on one day by one channel.
type Count struct {
	Survey  string
	Day     string // Berlin, YYYY-MM-DD
	Channel string
	N       int
}

// Planning is the pages and files of planners. Make it with [New].
type Planning struct {
	p       *base.Platform
	o       Options
	since   time.Time     // what was in the making before is another server's
	asked   chan struct{} // one place: a file waits to be made
	writing sync.Mutex    // held while a file is written

	mu   sync.Mutex
	stop map[string]context.CancelFunc // by file id, while it is written

	figures *figures

	counting sync.Mutex // held while responses are counted
	counted  []Count
	until    time.Time // how long counted stands
}

// New makes the folder for the files.
func New(p *base.Platform, o Options) (*Planning, error) {
	if o.Counts == nil || o.Write == nil || o.Dir == "" {
		return nil, errors.New("planning: Counts, Write and Dir are needed")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	return &Planning{p: p, o: o, since: p.Now(), asked: make(chan struct{}, 1), stop: map[string]context.CancelFunc{}, figures: newFigures(p, o.Ask)}, nil
}

// Bind adds the routes. Counts are for planners and admins, clearances are given by
// admins, and single responses are for planners who are cleared for the survey.
func (pl *Planning) Bind(se *core.ServeEvent) {
	need := base.Need(base.Planner, base.Admin)
	pl.p.Route(se, "GET", "/planung/{$}", pl.showSurveys, need)
	pl.bindViews(se, need)
	pl.bindExports(se, need)
}

func (pl *Planning) word(key string, args ...any) string {
	return pl.p.Words.In(content.German, key, args...)
}

// surveyView is one survey with its counts, summed up.
type surveyView struct {
	Slug, Title string
	Versions    int
	Opens       time.Time
	Closes      time.Time
	Total       int
	Channels    []channelCount
	Days        []dayCount // days with responses, the first first
	fingerprint string
}

type channelCount struct {
	Name string
	N    int
}

type dayCount struct {
	Day string
	N   int
}

// counts gives the counts; those of large surveys stand for a moment, so that
// counting takes no more than a tenth of the time.
func (pl *Planning) counts(ctx context.Context) ([]Count, error) {
	pl.counting.Lock()
	defer pl.counting.Unlock()
	begun := time.Now()
	if begun.Before(pl.until) {
		return pl.counted, nil
	}
	counts, err := pl.o.Counts(ctx)
	if err != nil {
		return nil, err
	}
	took := time.Since(begun)
	pl.counted, pl.until = counts, time.Now().Add(min(10*took, time.Minute))
	return counts, nil
}

// surveys lists every survey that was ever published, with its counts.
func (pl *Planning) surveys(ctx context.Context) ([]surveyView, error) {
	var rows []struct {
		Survey  string `db:"survey"`
		Version int    `db:"version"`
		Doc     string `db:"questionnaire"`
	}
	if err := pl.p.App.DB().NewQuery(`SELECT survey, version, questionnaire FROM survey_versions AS v
		WHERE version = (SELECT MAX(version) FROM survey_versions WHERE survey = v.survey) ORDER BY survey`).WithContext(ctx).All(&rows); err != nil {
		return nil, err
	}
	counts, err := pl.counts(ctx)
	if err != nil {
		return nil, err
	}
	by := map[string][]Count{}
	for _, c := range counts {
		by[c.Survey] = append(by[c.Survey], c)
	}
	views := make([]surveyView, len(rows))
	for i, r := range rows {
		var q survey.Questionnaire
		if err := json.Unmarshal([]byte(r.Doc), &q); err != nil {
			return nil, fmt.Errorf("survey %s, version %d: %w", r.Survey, r.Version, err)
		}
		v := surveyView{Slug: r.Survey, Versions: r.Version, Opens: q.Opens, Closes: q.Closes}
		if v.Title, _ = q.Title.In(content.German); v.Title == "" {
			v.Title = r.Survey
		}
		v.sum(by[r.Survey], pl.channel)
		views[i] = v
	}
	return views, nil
}

// sum adds the counts up. The fingerprint changes whenever any count does.
func (v *surveyView) sum(counts []Count, name func(channel string) string) {
	slices.SortFunc(counts, func(a, b Count) int {
		return strings.Compare(a.Day+" "+a.Channel, b.Day+" "+b.Channel)
	})
	channels, parts := map[string]int{}, []string{fmt.Sprint(v.Versions)}
	for _, c := range counts {
		v.Total += c.N
		channels[c.Channel] += c.N
		if n := len(v.Days); n > 0 && v.Days[n-1].Day == c.Day {
			v.Days[n-1].N += c.N
		} else {
			v.Days = append(v.Days, dayCount{c.Day, c.N})
		}
		parts = append(parts, c.Day, c.Channel, fmt.Sprint(c.N))
	}
	v.fingerprint = base.Hash(parts...)
	for _, channel := range survey.Channels {
		if n := channels[channel]; n > 0 {
			v.Channels = append(v.Channels, channelCount{name(channel), n})
		}
	}
}

func (pl *Planning) channel(code string) string { return pl.word("staff.planning.channel." + code) }

// survey finds one survey; base.ErrNotFound when it was never published.
func (pl *Planning) survey(ctx context.Context, slug string) (surveyView, error) {
	all, err := pl.surveys(ctx)
	if err != nil {
		return surveyView{}, err
	}
	if i := slices.IndexFunc(all, func(v surveyView) bool { return v.Slug == slug }); i >= 0 {
		return all[i], nil
	}
	return surveyView{}, base.ErrNotFound
}

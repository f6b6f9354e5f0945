package participation_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/base/gate"
	"servicepoint/pocketbase-app/participation"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

func number(f float64) *float64 { return &f }

func text(de, en, ls string) content.Text { return content.Text{"de": de, "en": en, "ls": ls} }

// smartKassel is a survey of two pages with every type of item.
func smartKassel() survey.Questionnaire {
	return survey.Questionnaire{
		Slug: "smart-kassel", Version: 1, Languages: []string{"de", "en", "ls"}, Minutes: 4, Anonymous: true,
		Title:  text("Smart Kassel", "Smart Kassel", "Smart Kassel"),
		Intro:  content.Text{"de": "Wie **leben** Sie hier?"},
		Thanks: content.Text{"de": "Danke! Ihre Antworten *zählen*.", "en": "Thanks! Your answers *count*."},
		Opens:  basetest.Start.Add(-time.Hour), Closes: basetest.Start.Add(48 * time.Hour),
		Pages: []survey.Page{{
			Code: "home", Title: text("Ihr Zuhause", "Your home", "Zuhause"),
			Items: []survey.Item{
				{Code: "hello", Type: survey.Info, Text: content.Text{"de": "Es gibt **keine** falschen Antworten."}},
				{Code: "district", Type: survey.SingleChoice, Required: true, Text: text("Wo wohnen Sie?", "Where do you live?", "Wo?"),
					Options: []survey.Option{{Code: "mitte", Text: content.Text{"de": "Mitte"}}, {Code: "west", Text: text("Vorderer Westen", "West", "Westen")}}},
				{Code: "topics", Type: survey.MultipleChoice, MaxChoices: 2, Text: text("Was ist wichtig?", "What matters?", "Was?"),
					Options: []survey.Option{{Code: "energy", Text: text("Energie", "Energy", "Energie")}, {Code: "bus", Text: text("Bus", "Bus", "Bus")},
						{Code: "water", Text: text("Wasser", "Water", "Wasser")}, {Code: "none", Text: text("Nichts davon", "None", "Nichts"), Exclusive: true}}},
				{Code: "content", Type: survey.Scale, Min: number(1), Max: number(5), Text: text("Wie zufrieden?", "How content?", "Zufrieden?"),
					MinLabel: text("gar nicht", "not at all", "nicht"), MaxLabel: text("sehr", "very", "sehr")},
			},
		}, {
			Code: "more", Title: text("Noch mehr", "More", "Mehr"),
			Items: []survey.Item{
				{Code: "rent", Type: survey.Number, Min: number(0), Max: number(9999), Unit: "€", Text: text("Miete?", "Rent?", "Miete?")},
				{Code: "street", Type: survey.ShortText, MaxLength: 40, Text: text("Straße?", "Street?", "Straße?")},
				{Code: "idea", Type: survey.LongText, Text: text("Ihre Idee?", "Your idea?", "Idee?")},
				{Code: "since", Type: survey.Date, Text: text("Seit wann?", "Since when?", "Seit wann?")},
			},
		}},
	}
}

// publish stores a version of a questionnaire as the editorial does.
func publish(t testing.TB, p *base.Platform, q survey.Questionnaire) {
	t.Helper()
	if problems := q.Validate(); len(problems) > 0 {
		t.Fatal(problems)
	}
	doc, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	versions, err := p.App.FindCollectionByNameOrId("survey_versions")
	if err != nil {
		t.Fatal(err)
	}
	v := core.NewRecord(versions)
	v.Set("survey", q.Slug)
	v.Set("version", q.Version)
	v.Set("questionnaire", string(doc))
	if err := p.App.Save(v); err != nil {
		t.Fatal(err)
	}
	setState(t, p, q.Slug, "published")
}

func setState(t testing.TB, p *base.Platform, slug, state string) {
	t.Helper()
	r, err := p.App.FindFirstRecordByData("surveys", "slug", slug)
	if err != nil {
		c, err := p.App.FindCollectionByNameOrId("surveys")
		if err != nil {
			t.Fatal(err)
		}
		r = core.NewRecord(c)
		r.Set("slug", slug)
		r.Set("title", slug)
	}
	r.Set("state", state)
	if err := p.App.Save(r); err != nil {
		t.Fatal(err)
	}
}

// world is a served matter with the survey smart-kassel.
type world struct {
	*base.Platform
	matter *participation.Participation
	srv    *httptest.Server
	client *http.Client
}

func newWorld(t testing.TB) *world {
	t.Helper()
	p := basetest.New(t, participation.Words, gate.Words)
	p.App.Settings().RateLimits.Enabled = false
	m := participation.New(p)
	t.Cleanup(m.Close)
	publish(t, p, smartKassel())
	srv, client := basetest.Serve(t, p, byHeader(p), m.Bind, gate.New(p).Bind)
	return &world{p, m, srv, client}
}

// byHeader signs in whoever the header Test-Staff names.
func byHeader(p *base.Platform) func(*core.ServeEvent) {
	return func(se *core.ServeEvent) {
		se.Router.BindFunc(func(e *core.RequestEvent) error {
			if id := e.Request.Header.Get("Test-Staff"); id != "" {
				var err error
				if e.Auth, err = p.App.FindRecordById("staff", id); err != nil {
					return err
				}
			}
			return e.Next()
		})
	}
}

// newID makes a random UUID as clients do.
func newID() string {
	b := make([]byte, 16)
	rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (w *world) count(t testing.TB, table string) (n int) {
	t.Helper()
	if err := w.App.DB().NewQuery("SELECT count(*) FROM " + table).Row(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

type row struct {
	ID       string `db:"id"`
	Version  int    `db:"version"`
	Language string `db:"language"`
	Channel  string `db:"channel"`
	Day      string `db:"day"`
	Answers  string `db:"answers"`
}

func (w *world) rows(t testing.TB) (list []row) {
	t.Helper()
	err := w.App.DB().NewQuery("SELECT id, version, language, channel, day, answers FROM responses WHERE survey = {:s}").
		Bind(dbx.Params{"s": "smart-kassel"}).All(&list)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

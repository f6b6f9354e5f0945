package content

import (
	"strings"
	"testing"
	"time"
)

func TestCheckNamesTheFieldAtFault(t *testing.T) {
	fee := -1
	guide := func(change func(*Guide)) Guide {
		g := Guide{Slug: "a", Provider: "stadt", Topic: "t", Channels: []string{"info"},
			Texts: map[string]GuideText{German: {Title: "A", Short: "B"}}}
		change(&g)
		return g
	}
	event := func(change func(*Event)) Event {
		e := Event{Slug: "a", Kind: "lecture", Place: "Saal", Start: time.Date(2027, 1, 1, 9, 0, 0, 0, time.UTC),
			Texts: map[string]EventText{German: {Title: "A"}}}
		change(&e)
		return e
	}
	cases := []struct {
		what string
		got  Problems
		want string // "field: code", "" for none
	}{
		{"a good guide", guide(func(*Guide) {}).Check(), ""},
		{"no German text", guide(func(g *Guide) { g.Texts = map[string]GuideText{English: {Title: "A"}} }).Check(), "texts.de.title: required; texts.de.short: required"},
		{"English without title", guide(func(g *Guide) { g.Texts[English] = GuideText{Full: "x"} }).Check(), "texts.en.title: required"},
		{"language nobody reads", guide(func(g *Guide) { g.Texts["xx"] = GuideText{} }).Check(), "texts: unknown_field"},
		{"slug with slash", guide(func(g *Guide) { g.Slug = "../a" }).Check(), "slug: not_slug"},
		{"LeiKa too short", guide(func(g *Guide) { g.LeiKa = "123" }).Check(), "leika: not_leika"},
		{"negative fee", guide(func(g *Guide) { g.FeeCents = &fee }).Check(), "fee_cents: too_small"},
		{"no channel", guide(func(g *Guide) { g.Channels = nil }).Check(), "channels: required"},
		{"unknown channel", guide(func(g *Guide) { g.Channels = []string{"fax"} }).Check(), "channels: unknown_option"},
		{"module too long", guide(func(g *Guide) {
			g.Texts[German] = GuideText{Title: "A", Short: "B", Fees: strings.Repeat("a ", MaxModule)}
		}).Check(), "texts.de.fees: too_long"},
		{"nested too deep", guide(func(g *Guide) {
			g.Texts[German] = GuideText{Title: "A", Short: "B", Full: strings.Repeat(">", 50) + "x"}
		}).Check(), "texts.de.full: too_deep"},
		{"question without options", guide(func(g *Guide) {
			g.Questions = []Question{{Code: "a", Type: "choice", Label: Text{German: "A"}}}
		}).Check(), "questions.0.options: too_few"},
		{"question code twice", guide(func(g *Guide) {
			q := Question{Code: "a", Type: "text", Label: Text{German: "A"}}
			g.Questions = []Question{q, q}
		}).Check(), "questions.1.code: twice"},
		{"a good event", event(func(*Event) {}).Check(), ""},
		{"ends before it starts", event(func(e *Event) { e.End = e.Start.Add(-time.Hour) }).Check(), "end: before_start"},
		{"no start", event(func(e *Event) { e.Start = time.Time{} }).Check(), "start: required"},
		{"no place", event(func(e *Event) { e.Place = "" }).Check(), "place: required"},
		{"online without place", event(func(e *Event) { e.Place, e.Online = "", true }).Check(), ""},
		{"unknown kind", event(func(e *Event) { e.Kind = "party" }).Check(), "kind: unknown_option"},
		{"pool without size", event(func(e *Event) { e.Pools = []Pool{{Code: "saal"}} }).Check(), "pools.0.size: too_small"},
		{"pool of an unknown kind", event(func(e *Event) { e.Pools = []Pool{{Code: "saal", Size: 1, Kind: "balcony"}} }).Check(), "pools.0.kind: unknown_option"},
		{"companion of nobody", event(func(e *Event) { e.Pools = []Pool{{Code: "saal", Size: 1, CompanionOf: "saal"}} }).Check(), "pools.0.companion_of: unknown_option"},
		{"closed before it opens", event(func(e *Event) { e.Booking = Booking{Opens: e.Start, Closes: e.Start.Add(-1)} }).Check(), "booking.closes: before_start"},
		{"offers without end", event(func(e *Event) { e.Booking.OfferHours = 99999 }).Check(), "booking.offer_hours: too_large"},
		{"a choice of one", event(func(e *Event) {
			e.Booking.Ask = []Asked{{Code: "a", Type: AskedChoice, Label: Text{German: "A"}, Options: Text{German: "eins\n"}}}
		}).Check(), "booking.ask.0.options: too_few_options"},
		{"options that are too few in English", event(func(e *Event) {
			e.Booking.Ask = []Asked{{Code: "a", Type: AskedChoice, Label: Text{German: "A"}, Options: Text{German: "eins\nzwei", English: "one"}}}
		}).Check(), "booking.ask.0.options.en: other_lines"},
		{"questions that are no JSON", event(func(e *Event) { e.Booking.Questions = []byte("{") }).Check(), "booking.questions: wrong_type"},
		{"pool twice", event(func(e *Event) { e.Pools = []Pool{{Code: "saal", Size: 1}, {Code: "saal", Size: 1}} }).Check(), "pools.1.code: twice"},
		{"page without text", Page{Slug: "a"}.Check(), "texts.de.title: required"},
		{"image without words", Page{Slug: "a", Texts: map[string]PageText{German: {Title: "A", Body: "![](/a.png)"}}}.Check(), "texts.de.body: alt_missing"},
		{"topic without name", Topic{Slug: "a"}.Check(), "name.de: required"},
		{"provider without name", Provider{Slug: "a"}.Check(), "name: required"},
		{"district with control character", District{Slug: "a", Name: "a\x00"}.Check(), "name: not_text"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			if got := c.got.Error(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"Ada": true, "Ay\u0131\u015f\u0131k": true, "\u0645\u0631\u06cc\u0645\u200c\u062c\u0627\u0646": true, "\u7530\u4e2d": true, "O'Neil 3": true,
		"": false, "\u200b": false, "\u200d\u200b": false, "---": false, "Ada \u202egro.live": false, "\u2066Ada": false,
	} {
		if got := IsName(name); got != want {
			t.Errorf("%+q: %v", name, got)
		}
	}
}

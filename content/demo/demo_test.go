package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func loaded(t *testing.T) Content {
	t.Helper()
	c, err := Load(now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The services of the Service Point as the city tells them.
var services = []string{
	"namensaenderung", "fuehrungszeugnis", "kfz-zulassung-neu", "reisepass", "stromvertrag", "regionalstrom",
	"e-mobilitaet-beratung", "strassenbahnticket", "wohnungsangebote", "stadtfuehrung", "documenta-ticket",
	"abfallkalender", "sperrmuell", "mangel-melden", "zaehlerstand-wasser",
}

func TestEveryServiceHasAGuide(t *testing.T) {
	guides := map[string]content.Guide{}
	for _, g := range loaded(t).Guides {
		guides[g.Slug] = g
	}
	for _, id := range services {
		g, ok := guides[id]
		if !ok {
			t.Errorf("%s: no guide", id)
			continue
		}
		if g.Texts[content.German].Title == "" || g.Texts[content.German].Short == "" || g.Texts[content.German].Full == "" {
			t.Errorf("%s: wants title, short and full text", id)
		}
		if len(g.Channels) == 0 {
			t.Errorf("%s: no channel", id)
		}
	}
	if len(guides) != len(services) {
		t.Errorf("%d guides for %d services", len(guides), len(services))
	}
	for id, leika := range map[string]string{
		"fuehrungszeugnis": "99049001000000", "reisepass": "99085001000000",
		"kfz-zulassung-neu": "99036020001000", "namensaenderung": "",
	} {
		if got := guides[id].LeiKa; got != leika {
			t.Errorf("%s: LeiKa key %q, want %q", id, got, leika)
		}
	}
}

func TestTheWholeIsThere(t *testing.T) {
	c := loaded(t)
	for what, n := range map[string][2]int{
		"providers": {len(c.Providers), 7}, "topics": {len(c.Topics), 8}, "districts": {len(c.Districts), 23},
		"pages": {len(c.Pages), 5}, "surveys": {len(c.Questionnaires), 3},
	} {
		if n[0] != n[1] {
			t.Errorf("%d %s, want %d", n[0], what, n[1])
		}
	}
	translated := map[string]int{}
	for _, lang := range []string{content.English, content.Easy} {
		for _, p := range c.Providers {
			if p.About[lang] == "" {
				t.Errorf("provider %s: no text in %s", p.Slug, lang)
			}
		}
		for _, x := range c.Topics {
			if x.Name[lang] == "" || x.About[lang] == "" {
				t.Errorf("topic %s: no text in %s", x.Slug, lang)
			}
		}
		for _, p := range c.Pages {
			if p.Slug != "imprint" && p.Texts[lang].Body == "" {
				t.Errorf("page %s: no text in %s", p.Slug, lang)
			}
		}
		for _, g := range c.Guides {
			if g.Texts[lang].Full != "" {
				translated["guides "+lang]++
			}
		}
		for _, e := range c.Events {
			if e.Texts[lang].Body != "" && e.Start.After(now) {
				translated["events "+lang]++
			}
		}
		if translated["guides "+lang] < 8 || translated["events "+lang] < 6 {
			t.Errorf("translated to %s: %v, want 8 guides and 6 coming events", lang, translated)
		}
	}
}

// A text that is translated has all the modules and all the questions translated.
func TestTranslationsAreWhole(t *testing.T) {
	c := loaded(t)
	for _, g := range c.Guides {
		for _, lang := range []string{content.English, content.Easy} {
			if _, ok := g.Texts[lang]; !ok {
				continue
			}
			for _, q := range g.Questions {
				if q.Label[lang] == "" || (len(q.Help) > 0 && q.Help[lang] == "") {
					t.Errorf("guide %s: question %s lacks %s", g.Slug, q.Code, lang)
				}
				for _, o := range q.Options {
					if o.Label[lang] == "" {
						t.Errorf("guide %s: option %s of %s lacks %s", g.Slug, o.Code, q.Code, lang)
					}
				}
			}
		}
	}
	for _, e := range c.Events {
		for _, p := range e.Pools {
			for _, lang := range content.Languages {
				if p.Label[lang] == "" {
					t.Errorf("event %s: pool %s lacks %s", e.Slug, p.Code, lang)
				}
			}
		}
	}
}

func TestRequestsAskSensibly(t *testing.T) {
	code := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for _, g := range loaded(t).Guides {
		if g.Accepts("case") != (len(g.Questions) > 0) {
			t.Errorf("guide %s: questions and the channel case belong together", g.Slug)
		}
		if len(g.Questions) > 3 {
			t.Errorf("guide %s: %d questions are too many", g.Slug, len(g.Questions))
		}
		for _, q := range g.Questions {
			if !code.MatchString(q.Code) {
				t.Errorf("guide %s: code %q", g.Slug, q.Code)
			}
			if !slices.Contains([]string{"text", "number", "date", "choice"}, q.Type) {
				t.Errorf("guide %s: type %q of %s", g.Slug, q.Type, q.Code)
			}
			if (q.Type == "choice") != (len(q.Options) > 1) {
				t.Errorf("guide %s: %s has %d options", g.Slug, q.Code, len(q.Options))
			}
		}
	}
}

// Over two years of possible loading days, at different hours and over both
// changes of the clock, the example programme lies ahead and by day.
func TestTheProgrammeIsAlwaysAhead(t *testing.T) {
	coming := 0
	for at := now; at.Before(now.AddDate(2, 0, 0)); at = at.Add(25 * time.Hour) {
		c, err := Load(at)
		if err != nil {
			t.Fatalf("loaded at %s: %v", at, err)
		}
		coming = 0
		for i, e := range c.Events {
			if len(e.Pools) == 0 {
				continue
			}
			coming++
			for _, x := range c.Events[:i] {
				if x.Place == e.Place && x.Room == e.Room && x.Start.Before(e.End) && e.Start.Before(x.End) {
					t.Errorf("loaded at %s: %s and %s are in one room on %s", at, x.Slug, e.Slug, e.Start)
				}
			}
			start, end := e.Start.In(content.Berlin), e.End.In(content.Berlin)
			switch {
			case !e.Start.After(at.Add(12 * time.Hour)):
				t.Errorf("loaded at %s: %s starts at %s", at, e.Slug, start)
			case e.Start.After(at.AddDate(0, 3, 0)):
				t.Errorf("loaded at %s: %s starts only at %s", at, e.Slug, start)
			case start.Hour() < 9 || end.Hour() > 20 || start.YearDay() != end.YearDay() || !end.After(start):
				t.Errorf("loaded at %s: %s runs from %s to %s", at, e.Slug, start, end)
			case start.Weekday() == time.Sunday || holiday(start):
				t.Errorf("loaded at %s: %s is on %s, a day when the house is closed", at, e.Slug, start)
			}
		}
	}
	if coming < 12 {
		t.Errorf("%d coming events, want at least 12", coming)
	}
}

func TestTheSameDayGivesTheSameProgramme(t *testing.T) {
	times := func(at time.Time) (list []string) {
		c, err := Load(at)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range c.Events {
			list = append(list, e.Slug+" "+e.Start.String())
		}
		return list
	}
	morning := time.Date(2026, 3, 28, 0, 0, 1, 0, content.Berlin)
	evening := time.Date(2026, 3, 28, 23, 59, 59, 0, content.Berlin)
	if a, b := times(morning), times(evening.UTC()); !slices.Equal(a, b) {
		t.Errorf("morning %v\nevening %v", a, b)
	}
}

func TestSlots(t *testing.T) {
	sunday := time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC) // Monday in Berlin
	for name, c := range map[string]struct {
		slot slot
		now  time.Time
		want string // empty: refused
	}{
		"the next such day":              {slot{1, "Tuesday", "17:00", "18:00"}, sunday, "2026-11-24 17:00"},
		"not before the days are over":   {slot{2, "Tuesday", "17:00", "18:00"}, sunday, "2026-12-01 17:00"},
		"over Christmas to the new year": {slot{30, "Saturday", "10:00", "11:00"}, sunday, "2027-01-02 10:00"},
		"summer time":                    {slot{1, "Wednesday", "10:00", "11:00"}, time.Date(2026, 7, 1, 8, 0, 0, 0, time.UTC), "2026-07-08 10:00"},
		"not on German Unity Day":        {slot{1, "Saturday", "10:00", "11:00"}, time.Date(2026, 9, 30, 8, 0, 0, 0, time.UTC), "2026-10-10 10:00"},
		"today is refused":               {slot{0, "Tuesday", "10:00", "11:00"}, sunday, ""},
		"an unknown day is refused":      {slot{1, "Sunday", "10:00", "11:00"}, sunday, ""},
		"an end before the start":        {slot{1, "Tuesday", "11:00", "10:00"}, sunday, ""},
		"no time of day":                 {slot{1, "Tuesday", "early", "10:00"}, sunday, ""},
		"no end":                         {slot{1, "Tuesday", "10:00", ""}, sunday, ""},
	} {
		start, end, err := c.slot.next(c.now)
		if got := start.In(content.Berlin).Format("2006-01-02 15:04"); (err == nil) != (c.want != "") || c.want != "" && (got != c.want || !end.After(start)) {
			t.Errorf("%s: %s (%v), want %q", name, got, err, c.want)
		}
	}
}

func TestTimesOfRealEvents(t *testing.T) {
	for name, c := range map[string]struct{ start, end, from, to, precision string }{
		"to the minute":          {"2022-10-30T13:00", "2022-10-30T17:00", "2022-10-30T12:00:00Z", "2022-10-30T16:00:00Z", "minute"},
		"summer time":            {"2022-10-29T13:00", "", "2022-10-29T11:00:00Z", "", "minute"},
		"to the day":             {"2022-04-22", "2022-04-24", "2022-04-21T22:00:00Z", "2022-04-23T22:00:00Z", "day"},
		"to the month":           {"2022-09", "2022-10", "2022-08-31T22:00:00Z", "2022-09-30T22:00:00Z", "month"},
		"no such day":            {"2022-02-30", "", "", "", ""},
		"not a time":             {"soon", "", "", "", ""},
		"end of another kind":    {"2022-04-22", "2022-04", "", "", ""},
		"end before the start":   {"2022-04-22", "2022-04-21", "", "", ""},
		"seconds are not wanted": {"2022-04-22T10:00:00", "", "", "", ""},
	} {
		from, to, precision, err := parseTimes(c.start, c.end)
		format := func(at time.Time) string {
			if at.IsZero() {
				return ""
			}
			return at.Format(time.RFC3339)
		}
		if format(from) != c.from || format(to) != c.to || precision != c.precision && c.precision != "" || (err == nil) != (c.precision != "") {
			t.Errorf("%s: %s to %s, %s (%v)", name, format(from), format(to), precision, err)
		}
	}
}

// What editors could not save may not be seeded either.
func TestEverythingPassesTheChecksOfTheEditors(t *testing.T) {
	c := loaded(t)
	check := func(of, slug string, p content.Problems) {
		if err := p.Err(); err != nil {
			t.Errorf("%s %s: %v", of, slug, err)
		}
	}
	for _, x := range c.Providers {
		check("provider", x.Slug, x.Check())
	}
	for _, x := range c.Topics {
		check("topic", x.Slug, x.Check())
	}
	for _, x := range c.Districts {
		check("district", x.Slug, x.Check())
	}
	for _, x := range c.Guides {
		check("guide", x.Slug, x.Check())
	}
	for _, x := range c.Events {
		check("event", x.Slug, x.Check())
	}
	for _, x := range c.Pages {
		check("page", x.Slug, x.Check())
	}
	for _, x := range c.Questionnaires {
		check("survey", x.Slug, x.Validate())
	}
}

// texts walks over every text of the content that people read.
func texts(c Content, visit func(where, lang, markdown string)) {
	all := func(where string, t content.Text) {
		for lang, s := range t {
			visit(where, lang, s)
		}
	}
	for _, p := range c.Providers {
		all("provider "+p.Slug, p.About)
	}
	for _, x := range c.Topics {
		all("topic "+x.Slug, x.About)
	}
	for _, g := range c.Guides {
		for lang, x := range g.Texts {
			for module, s := range map[string]string{
				"short": x.Short, "full": x.Full, "requirements": x.Requirements, "documents": x.Documents, "fees": x.Fees,
				"deadlines": x.Deadlines, "duration": x.Duration, "legal_basis": x.LegalBasis, "procedure": x.Procedure,
				"forms": x.Forms, "office": x.Office,
			} {
				visit("guide "+g.Slug+" "+module, lang, s)
			}
		}
		for _, q := range g.Questions {
			all("guide "+g.Slug+" question", q.Label)
			all("guide "+g.Slug+" question", q.Help)
			for _, o := range q.Options {
				all("guide "+g.Slug+" option", o.Label)
			}
		}
	}
	for _, e := range c.Events {
		for lang, x := range e.Texts {
			visit("event "+e.Slug, lang, x.Title)
			visit("event "+e.Slug, lang, x.Summary)
			visit("event "+e.Slug, lang, x.Body)
		}
	}
	for _, p := range c.Pages {
		for lang, x := range p.Texts {
			visit("page "+p.Slug, lang, x.Summary)
			visit("page "+p.Slug, lang, x.Body)
		}
	}
	for _, q := range c.Questionnaires {
		all("survey "+q.Slug, q.Title)
		all("survey "+q.Slug, q.Intro)
		all("survey "+q.Slug, q.Thanks)
		for _, i := range q.Items() {
			all("survey "+q.Slug+" "+i.Code, i.Text)
			all("survey "+q.Slug+" "+i.Code, i.Help)
			for _, o := range i.Options {
				all("survey "+q.Slug+" "+i.Code, o.Text)
			}
		}
	}
}

func TestEveryTextRenders(t *testing.T) {
	texts(loaded(t), func(where, lang, markdown string) {
		html, err := content.Render(markdown)
		if err != nil {
			t.Errorf("%s (%s): %v", where, lang, err)
		}
		if markdown != "" && strings.TrimSpace(html) == "" {
			t.Errorf("%s (%s): nothing is left", where, lang)
		}
	})
}

// Only the fees that are known may stand in a text.
func TestNoFeeIsInvented(t *testing.T) {
	money := regexp.MustCompile(`(?i)[\d.,]+\s*(million(en|s)?\s+)?(€|euros?\b|eur\b|cent)`)
	known := []string{"13 €", "11 Millionen Euro", "11 million euros"}
	found := 0
	texts(loaded(t), func(where, lang, text string) {
		for _, sum := range money.FindAllString(text, -1) {
			found++
			if !slices.Contains(known, strings.TrimSpace(sum)) {
				t.Errorf("%s (%s): where does %q come from?", where, lang, sum)
			}
		}
	})
	if found < 3 {
		t.Error("the fee of the certificate of good conduct is not found: this test sees nothing")
	}
	for _, g := range loaded(t).Guides {
		if want := g.Slug == "fuehrungszeugnis"; (g.FeeCents != nil) != want || want && *g.FeeCents != 1300 {
			t.Errorf("guide %s: fee", g.Slug)
		}
	}
}

// Links inside the site stay in the language of the text and lead to a page.
func TestLinksLeadSomewhere(t *testing.T) {
	c := loaded(t)
	known := map[string]bool{"/": true, "/leistungen/": true, "/veranstaltungen/": true, "/umfragen/": true, "/themen/": true,
		"/partner/": true, "/anliegen/": true, "/barriere-melden/": true, "/service-point/": true, "/termine/": true, "/fuehrungen/": true, "/abfall/": true}
	for _, g := range c.Guides {
		known["/leistungen/"+g.Slug+"/"] = true
	}
	for _, p := range c.Providers {
		known["/partner/"+p.Slug+"/"] = true
	}
	link := regexp.MustCompile(`\]\(([^)]*)\)`)
	texts(c, func(where, lang, text string) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target := m[1]
			if target == "/en/" || target == "/ls/" {
				continue
			}
			if lang != content.German {
				var ok bool
				if target, ok = strings.CutPrefix(target, "/"+lang); !ok {
					t.Errorf("%s (%s): %s leaves the language", where, lang, m[1])
				}
			}
			if !known[target] {
				t.Errorf("%s (%s): %s leads nowhere", where, lang, m[1])
			}
		}
	})
}

// The rules of Leichte Sprache that a machine can see: short sentences, no
// subjunctive, no abbreviations.
func TestLeichteSpracheIsEasy(t *testing.T) {
	hard := regexp.MustCompile(`(?i)\b(könnten?|würden?|hätten?|wären?|sollten?|müssten?|dürften?|z\. ?B\.|bzw\.|usw\.|deren|dessen|wegen)\b`)
	words, sentences := map[string]int{}, map[string]int{}
	texts(loaded(t), func(where, lang, text string) {
		if lang != content.Easy {
			return
		}
		if found := hard.FindString(content.Plain(text)); found != "" {
			t.Errorf("%s: %q is not easy", where, found)
		}
		for _, s := range sentencesOf(text) {
			n := len(strings.Fields(s))
			if n > 14 {
				t.Errorf("%s: %d words in one sentence: %s", where, n, s)
			}
			words[where] += n
			sentences[where]++
		}
	})
	if len(words) < 40 {
		t.Fatalf("only %d easy texts found", len(words))
	}
	for _, where := range slices.Sorted(maps.Keys(words)) {
		if sentences[where] < 2 {
			continue
		}
		if mean := float64(words[where]) / float64(sentences[where]); mean >= 10 {
			t.Errorf("%s: %.1f words in a sentence", where, mean)
		}
	}
}

// sentencesOf splits Markdown into the sentences that are read: lines and what
// ends with a full stop, a question mark or an exclamation mark.
func sentencesOf(markdown string) (list []string) {
	link := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	mark := regexp.MustCompile(`^(#+|[-*]|\d+\.)\s+|\*\*|\\$`)
	end := regexp.MustCompile(`[.?!](\s+|$)`)
	number := regexp.MustCompile(`(\d)\. `)
	for line := range strings.SplitSeq(markdown, "\n") {
		line = mark.ReplaceAllString(strings.TrimSpace(line), "")
		line = link.ReplaceAllString(line, "$1")
		line = number.ReplaceAllString(line, "$1 ")
		for _, s := range end.Split(line, -1) {
			if s = strings.TrimSpace(s); s != "" {
				list = append(list, s)
			}
		}
	}
	return list
}

func TestQuestionnairesHoldTogether(t *testing.T) {
	code := regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	c := loaded(t)
	for _, q := range c.Questionnaires {
		seen := map[string]bool{}
		say := func(where string, text content.Text) {
			for _, lang := range q.Languages {
				if text[lang] == "" {
					t.Errorf("survey %s: %s lacks %s", q.Slug, where, lang)
				}
			}
		}
		say("title", q.Title)
		say("intro", q.Intro)
		say("thanks", q.Thanks)
		for _, p := range q.Pages {
			say("page "+p.Code, p.Title)
		}
		for _, i := range q.Items() {
			if !code.MatchString(i.Code) || seen[i.Code] {
				t.Errorf("survey %s: code %q", q.Slug, i.Code)
			}
			seen[i.Code] = true
			say(i.Code, i.Text)
			if len(i.Help) > 0 {
				say(i.Code+" help", i.Help)
			}
			for _, r := range i.Rows {
				say(i.Code+" "+r.Code, r.Text)
			}
			options := map[string]bool{}
			for _, o := range i.Options {
				if options[o.Code] {
					t.Errorf("survey %s: option %q of %s", q.Slug, o.Code, i.Code)
				}
				options[o.Code] = true
				say(i.Code+" "+o.Code, o.Text)
			}
			if i.Type == survey.Scale && (i.Min == nil || i.Max == nil || *i.Min >= *i.Max) {
				t.Errorf("survey %s: scale %s has no ends", q.Slug, i.Code)
			}
			if i.Type == survey.Scale && i.Look != survey.Stars {
				say(i.Code+" low end", i.MinLabel)
				say(i.Code+" high end", i.MaxLabel)
			}
		}
	}
	q := c.Questionnaires[slices.IndexFunc(c.Questionnaires, func(q survey.Questionnaire) bool { return q.Slug == "smart-kassel" })]
	if !q.OpenAt(now) || !q.Anonymous || !q.Closes.IsZero() {
		t.Error("smart-kassel must be open and anonymous")
	}
	for _, i := range q.Items() {
		if i.Code != "district" {
			continue
		}
		for n, d := range c.Districts {
			if i.Options[n].Code != strings.ReplaceAll(d.Slug, "-", "_") || i.Options[n].Text[content.German] != d.Name {
				t.Errorf("district %d: %v is not %v", n, i.Options[n], d)
			}
		}
	}
}

// A broken file is refused, and the message names it.
func TestBrokenFilesAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"unknown module":         {"guides/sperrmuell.de.md", "# T\n\nShort.\n\n## magic\nx\n", `sperrmuell.de.md: unknown module "magic"`},
		"unknown field":          {"guides/sperrmuell.json", `{"provider": "kvg", "prize": 3}`, `unknown field "prize"`},
		"two values":             {"guides/sperrmuell.json", `{} {}`, "something follows"},
		"unknown provider":       {"guides/sperrmuell.json", `{"provider": "nobody", "topic": "wohnen"}`, `no such provider "nobody"`},
		"unknown topic":          {"guides/sperrmuell.json", `{"provider": "kvg", "topic": "x"}`, `no such topic "x"`},
		"slug inside":            {"guides/sperrmuell.json", `{"slug": "sperrmuell", "provider": "kvg", "topic": "wohnen"}`, "come from the file names"},
		"neither start nor slot": {"events/starkregen.json", `{"kind": "lecture", "topic": "wasser"}`, "either a start or a slot"},
		"unknown kind":           {"events/starkregen.json", `{"kind": "party", "topic": "wasser", "start": "2022-01"}`, `no such kind "party"`},
		"unknown district":       {"events/starkregen.json", `{"kind": "lecture", "topic": "wasser", "start": "2022-01", "district": "x"}`, `no such district "x"`},
		"text without facts":     {"guides/nobody.de.md", "# T\n\nShort.\n", "nobody.de.md: belongs to nothing"},
		"unknown language":       {"guides/sperrmuell.fr.md", "# T\n\nShort.\n", "sperrmuell.fr.md: belongs to nothing"},
		"other name":             {"providers/kvg.en.md", "# Other\n\nText.\n", `the title is "Other"`},
		"slug twice":             {"topics.json", `[{"slug": "wasser"}, {"slug": "wasser"}]`, `topic wasser: is there twice`},
		"no slug":                {"topics.json", `[{"slug": "../x"}]`, `cannot be in an address`},
		"survey of another slug": {"surveys/smart-kassel.json", `{"slug": "x"}`, `the slug inside is "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(with(t, c.file, c.text), now)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("no German text", func(t *testing.T) {
		files := with(t, "x", "")
		delete(files, "guides/sperrmuell.de.md")
		if _, err := load(files, now); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
}

// with copies the embedded files and puts one in or over.
func with(t *testing.T, file, text string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{file: {Data: []byte(text)}}
	err := fs.WalkDir(embedded, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == file {
			return err
		}
		b, err := fs.ReadFile(embedded, path)
		files[path] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Content goes into the database as JSON and must come back the same.
func TestContentSurvivesJSON(t *testing.T) {
	c := loaded(t)
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back Content
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != string(again) {
		t.Error("the content changed on its way through JSON")
	}
}

func Example() {
	c, err := Load(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))
	if err != nil {
		panic(err)
	}
	fmt.Println(len(c.Providers), "partners,", len(c.Guides), "guides")
	fmt.Println(c.Guides[0].Texts["en"].Title)
	for _, e := range c.Events {
		if e.Slug == "sprechstunde-waermepumpe" {
			fmt.Println(e.Texts["de"].Title, e.Start.In(content.Berlin).Format("2.1.2006, 15:04"))
		}
	}
	// Output:
	// 7 partners, 15 guides
	// Apply for a certificate of good conduct
	// Sprechstunde Wärmepumpe 1.12.2026, 17:00
}

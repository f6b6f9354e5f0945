package editorial

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/content/survey/surveytest"

	"pgregory.net/rapid"
)

const fragen = "/redaktion/umfragen/smart-kassel/fragen/"

func (h *house) draft(slug string) survey.Questionnaire {
	h.t.Helper()
	q, err := h.DraftOf(slug)
	if err != nil {
		h.t.Fatal(err)
	}
	return q
}

func (h *house) surveyRev() []string { return []string{h.rev("surveys", "smart-kassel")} }

// step presses a button of the overview.
func (h *house) step(was, code, action string, more ...string) string {
	h.t.Helper()
	form := url.Values{"rev": h.surveyRev(), "was": {was}, "code": {code}, "aktion": {action}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	status, page, location := h.do("editor", fragen, form)
	if status != 303 {
		h.t.Fatalf("%s %s %s: %d\n%s", was, code, action, status, page)
	}
	return location
}

// TestASurveyIsMadeByForms begins with nothing and ends with a questionnaire that
// could be published.
func TestASurveyIsMadeByForms(t *testing.T) {
	h := newHouse(t)
	h.want(303, "editor", "/redaktion/umfragen/neu/", url.Values{"title.de": {"Wege in Kassel"}, "languages": {"de", "en"}, "anonymous": {"", "ja"}})
	at := "/redaktion/umfragen/wege-in-kassel/fragen/"
	rev := func() []string { return []string{h.rev("surveys", "wege-in-kassel")} }
	contains(t, h.want(200, "editor", at, nil), "Hier gibt es noch keine Seite")
	h.want(422, "editor", at+"neue-seite/", url.Values{"rev": rev(), "title.de": {""}})
	h.want(303, "editor", at+"neue-seite/", url.Values{"rev": rev(), "title.de": {"Ihr Weg"}})
	contains(t, h.want(200, "editor", at+"neue-frage/?seite=ihr_weg&art=single_choice", nil), "Neue Frage: Einfachauswahl", `name="options.2.text.de"`)

	page := h.want(422, "editor", at+"neue-frage/", url.Values{"rev": rev(), "seite": {"ihr_weg"}, "type": {"single_choice"}, "text.de": {""}, "options.0.text.de": {"Tram"}})
	contains(t, page, `href="#f-text.de"`, `href="#f-options"`, `value="Tram"`)
	item := url.Values{"rev": rev(), "seite": {"ihr_weg"}, "type": {"single_choice"}, "text.de": {"Wie kommen Sie her?"}, "code": {"weg"}, "required": {"ja"},
		"options.0.text.de": {"Tram"}, "options.1.text.de": {""}, "options.2.text.de": {"Rad"}, "options.lines": {"Auto\nZu Fuß"}}
	// A button inside the form stores nothing and loses nothing.
	more := url.Values{}
	for k, v := range item {
		more[k] = v
	}
	more.Set("aktion", "options:add")
	contains(t, h.want(200, "editor", at+"neue-frage/", more), `name="options.3.text.de"`, `value="Rad"`, "autofocus", "noch nicht gespeichert")
	if len(h.draft("wege-in-kassel").Pages[0].Items) != 0 {
		t.Error("adding a line stored the question")
	}
	h.want(303, "editor", at+"neue-frage/", item)
	h.want(303, "editor", at+"neue-frage/", url.Values{"rev": rev(), "seite": {"ihr_weg"}, "type": {"long_text"}, "text.de": {"Warum „{weg}“?"}, "code": {"warum"},
		"show_if.join": {"or"}, "show_if.0.var": {"weg"}, "show_if.0.op": {"eq"}, "show_if.0.value": {"zu fuß"}, "show_if.1.var": {"weg"}, "show_if.1.op": {"eq"}, "show_if.1.value": {"rad"}})
	q := h.draft("wege-in-kassel")
	var codes []string
	for _, o := range q.Item("weg").Options {
		codes = append(codes, o.Code)
	}
	if !slices.Equal(codes, []string{"tram", "rad", "auto", "zu_fuss"}) || !q.Item("weg").Required {
		t.Errorf("%v %+v", codes, q.Item("weg"))
	}
	want := condition.Or(condition.Eq(condition.Var("weg"), condition.Str("zu_fuss")), condition.Eq(condition.Var("weg"), condition.Str("rad")))
	if !q.Item("warum").ShowIf.Equal(want) {
		t.Errorf("rule %v", q.Item("warum").ShowIf)
	}
	if p := q.Validate(); len(p) > 0 {
		t.Errorf("not fit to be published: %v", p)
	}
	contains(t, h.want(200, "moderator", at, nil), "Frage 1 ist „Zu Fuß“", "Wie kommen Sie her?", "2 Fragen auf 1 Seiten")

	// The code of a question changes everywhere.
	form := itemForm(*q.Item("weg"))
	form.Set("rev", rev()[0])
	form.Set("code", "verkehrsmittel")
	h.want(303, "editor", at+"frage/weg/", form)
	q = h.draft("wege-in-kassel")
	if p := q.Validate(); len(p) > 0 || german(q.Item("warum").Text) != "Warum „{verkehrsmittel}“?" {
		t.Errorf("%v %v", p, q.Item("warum").Text)
	}
}

// TestEveryItemSurvivesItsForm: what the form of a question shows and sends back
// unchanged is the same question, whatever it is. (Sound ones: see the exception.)
func TestEveryItemSurvivesItsForm(t *testing.T) {
	check := func(fail func(string, ...any), q survey.Questionnaire) {
		for p := range q.Pages {
			for i, it := range q.Pages[p].Items {
				form := itemForm(it)
				for name, v := range form { // as a browser sends it
					if v[0] == "" && !strings.HasSuffix(name, ".text.de") {
						delete(form, name)
					}
				}
				got, problems := readItem(form, it, before(&q, p, i))
				if strings.Contains(problems.Error(), "unknown_option") {
					continue // its rule names an answer that the other question lacks: said so, rightly
				}
				was, _ := json.Marshal(it)
				is, _ := json.Marshal(got)
				if len(problems) > 0 || string(was) != string(is) {
					fail("%v\n%s\n%s", problems, was, is)
				}
			}
		}
	}
	check(t.Errorf, surveytest.Everything())
	rapid.Check(t, func(r *rapid.T) { check(r.Fatalf, surveytest.Questionnaires(r)) })
}

func TestOrderCopyDeleteUndo(t *testing.T) {
	h := newHouse(t)
	h.want(303, "editor", fragen+"neue-seite/", url.Values{"rev": h.surveyRev(), "title.de": {"Zwei"}, "code": {"p2"}})
	h.want(303, "editor", fragen+"neue-frage/", url.Values{"rev": h.surveyRev(), "seite": {"p1"}, "type": {"yes_no"}, "text.de": {"Gern?"}, "code": {"gern"}})
	order := func() string {
		var s []string
		for _, p := range h.draft("smart-kassel").Pages {
			s = append(s, p.Code+":")
			for _, it := range p.Items {
				s = append(s, it.Code)
			}
		}
		return strings.Join(s, " ")
	}
	for _, c := range []struct{ was, code, action, more, want string }{
		{"frage", "gern", "hoch", "", "p1: gern weg p2:"},
		{"frage", "gern", "hoch", "", "p1: gern weg p2:"},
		{"frage", "gern", "runter", "", "p1: weg gern p2:"},
		{"frage", "gern", "runter", "", "p1: weg p2: gern"},
		{"frage", "gern", "hoch", "", "p1: weg gern p2:"},
		{"frage", "weg", "verschieben", "p2", "p1: gern p2: weg"},
		{"frage", "weg", "kopieren", "", "p1: gern p2: weg weg_2"},
		{"seite", "p2", "hoch", "", "p2: weg weg_2 p1: gern"},
		{"seite", "p2", "kopieren", "", "p2: weg weg_2 p2_2: weg_3 weg_2_2 p1: gern"},
		{"seite", "p2_2", "loeschen", "", "p2: weg weg_2 p1: gern"},
		{"frage", "weg", "loeschen", "", "p2: weg_2 p1: gern"},
	} {
		location := h.step(c.was, c.code, c.action, "ziel", c.more)
		if got := order(); got != c.want {
			t.Fatalf("%s %s: %s, want %s", c.action, c.code, got, c.want)
		}
		if c.action == "loeschen" {
			contains(t, h.want(200, "editor", location, nil), "Rückgängig machen")
		} else if page := h.want(200, "editor", location, nil); c.action != "verschieben" && c.action != "kopieren" && c.want != "p1: gern weg p2:" && c.code == "gern" && !strings.Contains(page, "autofocus") {
			t.Errorf("after %s the focus is lost", c.action)
		}
	}
	h.step("", "", "rueckgaengig")
	if got := order(); got != "p2: weg weg_2 p1: gern" {
		t.Errorf("undone: %s", got)
	}
	// Into the library and out again, with a free code.
	h.step("frage", "gern", "merken")
	h.step("seite", "p2", "merken")
	items, pages, err := h.library()
	if err != nil || len(items) != 1 || len(pages) != 1 {
		t.Fatal(items, pages, err)
	}
	h.step("eintrag", "p1", "einfuegen", "eintrag", "1")
	h.step("eintrag", "", "einfuegen", "eintrag", "2")
	if got := order(); got != "p2: weg weg_2 p1: gern gern_2 p2_2: weg_3 weg_2_2" {
		t.Errorf("with the library: %s", got)
	}
	contains(t, h.want(200, "editor", "/redaktion/umfragen/bibliothek/", nil), "Gern?")
	h.want(303, "editor", "/redaktion/umfragen/bibliothek/", url.Values{"eintrag": {"1"}})
	h.want(404, "editor", "/redaktion/umfragen/bibliothek/", url.Values{"eintrag": {"1"}})
	// Who is late is told so, and nothing happens.
	h.want(409, "editor", fragen, url.Values{"rev": {"1"}, "was": {"frage"}, "code": {"gern"}, "aktion": {"loeschen"}})
	h.want(400, "editor", fragen, url.Values{"rev": h.surveyRev(), "was": {"frage"}, "code": {"gern"}, "aktion": {"?"}})
	h.want(404, "editor", fragen, url.Values{"rev": h.surveyRev(), "was": {"frage"}, "code": {"nie"}, "aktion": {"hoch"}})
}

// TestTwoEditorsOfOneSurvey: different questions at the same time do not matter,
// the same one does, and nothing typed is lost.
func TestTwoEditorsOfOneSurvey(t *testing.T) {
	h := newHouse(t)
	early := h.surveyRev()
	h.want(303, "editor", fragen+"neue-frage/", url.Values{"rev": early, "seite": {"p1"}, "type": {"yes_no"}, "text.de": {"Gern?"}, "code": {"gern"}})
	form := itemForm(*ptr(h.draft("smart-kassel")).Item("weg"))
	form["rev"] = early
	form.Set("text.de", "Womit kommen Sie?")
	h.want(303, "editor", fragen+"frage/weg/", form)
	if q := h.draft("smart-kassel"); len(q.Items()) != 2 || german(q.Item("weg").Text) != "Womit kommen Sie?" {
		t.Errorf("%+v", q.Items())
	}
	form.Set("text.de", "Wie reisen Sie?")
	page := h.want(409, "editor", fragen+"frage/weg/", form)
	contains(t, page, "Womit kommen Sie?", "Wie reisen Sie?", "Unterschiede zwischen beiden Fassungen")
	form["rev"] = h.surveyRev()
	h.want(303, "editor", fragen+"frage/weg/", form)
	if q := h.draft("smart-kassel"); german(q.Item("weg").Text) != "Wie reisen Sie?" {
		t.Errorf("%v", q.Item("weg").Text)
	}
}

func ptr[T any](v T) *T { return &v }

func TestFaultsStandAtTheirFields(t *testing.T) {
	h := newHouse(t)
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"unknown answer in a rule": {url.Values{"type": {"text"}, "text.de": {"T"}, "show_if.0.var": {"weg"}, "show_if.0.op": {"eq"}, "show_if.0.value": {"flugzeug"}}, `href="#f-show_if.0.value"`},
		"a later question":         {url.Values{"type": {"text"}, "text.de": {"T"}, "show_if.0.var": {"spaeter"}, "show_if.0.op": {"eq"}, "show_if.0.value": {"x"}}, `href="#f-show_if.0.var"`},
		"no JSON":                  {url.Values{"type": {"text"}, "text.de": {"T"}, "show_if.as": {"json"}, "show_if.json": {"{"}}, `href="#f-show_if.json"`},
		"an operator of nobody":    {url.Values{"type": {"text"}, "text.de": {"T"}, "show_if.as": {"json"}, "show_if.json": {`{"log":[1]}`}}, `href="#f-show_if.json"`},
		"a code twice":             {url.Values{"type": {"text"}, "text.de": {"T"}, "code": {"weg"}}, `href="#f-code"`},
		"a bad code":               {url.Values{"type": {"text"}, "text.de": {"T"}, "code": {"Weg 1"}}, `href="#f-code"`},
		"a scale without end":      {url.Values{"type": {"scale"}, "text.de": {"T"}, "min": {"1"}}, `href="#f-max"`},
		"letters for a number":     {url.Values{"type": {"number"}, "text.de": {"T"}, "max": {"viel"}}, `href="#f-max"`},
		"personal and anonymous":   {url.Values{"type": {"text"}, "text.de": {"T"}, "personal": {"ja"}}, `href="#f-personal"`},
		"the code of an option":    {url.Values{"type": {"single_choice"}, "text.de": {"T"}, "options.0.text.de": {""}, "options.1.text.de": {"A"}, "options.1.code": {"Ä"}, "options.2.text.de": {"B"}}, `href="#f-options.0.code"`},
		"a pipe to nowhere":        {url.Values{"type": {"info"}, "text.de": {"{nie}"}}, `href="#f-text.de"`},
		"a formula":                {url.Values{"type": {"calculated"}, "text.de": {"T"}, "formula": {`{"+":["a"]}`}}, `href="#f-formula"`},
		"a type of nobody":         {url.Values{"type": {"quiz"}, "text.de": {"T"}}, `href="#f-type"`},
	} {
		c.form["rev"], c.form["seite"] = h.surveyRev(), []string{"p1"}
		page := h.want(422, "editor", fragen+"neue-frage/", c.form)
		if !strings.Contains(page, c.want) {
			_, summary, _ := strings.Cut(page, "error-summary")
			t.Errorf("%s: no %s in %.600s", name, c.want, summary)
		}
	}
	if h.rev("surveys", "smart-kassel") != "1" {
		t.Error("something was stored")
	}
	contains(t, h.want(422, "editor", fragen+"json/", url.Values{"rev": {"1"}, "json": {`{"pages":[],"x":1}`}}), "x")
	contains(t, h.want(422, "editor", fragen+"json/", url.Values{"rev": {"1"}, "json": {"{\n\n"}}), "Zeile 3")
}

func TestSectionsAndQuotas(t *testing.T) {
	h := newHouse(t)
	contains(t, h.want(200, "editor", fragen+"abschnitte/", nil), `name="sections.0.text.de"`)
	h.want(303, "editor", fragen+"abschnitte/", url.Values{"rev": h.surveyRev(), "sections.0.text.de": {"Alltag"}, "sections.1.text.de": {""}})
	h.want(303, "editor", fragen+"seite/p1/", url.Values{"rev": h.surveyRev(), "title.de": {"Alltag"}, "code": {"p1"}, "section": {"alltag"}})
	h.want(303, "editor", fragen+"abschnitte/", url.Values{"rev": h.surveyRev(), "sections.0.was": {"alltag"}, "sections.0.code": {"tag"}, "sections.0.text.de": {"Tag"}})
	if q := h.draft("smart-kassel"); q.Pages[0].Section != "tag" || german(q.Sections[0].Title) != "Tag" {
		t.Errorf("%+v", q)
	}
	h.want(422, "editor", fragen+"quoten/", url.Values{"rev": h.surveyRev(), "quotas.0.text.de": {"Voll"}, "quotas.0.limit": {"0"}, "quotas.0.show_if.0.var": {"weg"}, "quotas.0.show_if.0.op": {"eq"}, "quotas.0.show_if.0.value": {"Rad"}})
	h.want(303, "editor", fragen+"quoten/", url.Values{"rev": h.surveyRev(), "quotas.0.text.de": {"Voll"}, "quotas.0.limit": {"5"}, "quotas.0.show_if.0.var": {"weg"}, "quotas.0.show_if.0.op": {"eq"}, "quotas.0.show_if.0.value": {"Rad"}})
	q := h.draft("smart-kassel")
	if len(q.Quotas) != 1 || q.Quotas[0].Limit != 5 || !q.Quotas[0].When.Equal(condition.Eq(condition.Var("weg"), condition.Str("rad"))) {
		t.Errorf("%+v", q.Quotas)
	}
	contains(t, h.want(200, "editor", fragen+"quoten/", nil), `value="rad"`)
	h.want(303, "editor", fragen+"abschnitte/", url.Values{"rev": h.surveyRev(), "sections.0.text.de": {""}})
	if q := h.draft("smart-kassel"); len(q.Sections) != 0 || q.Pages[0].Section != "" {
		t.Errorf("%+v", q)
	}
}

var _ = content.German

package formats

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/content/survey/surveytest"

	"pgregory.net/rapid"
)

// forget is the stated list of what a format does not keep, applied to a
// questionnaire: what comes back from the format has to equal it. Conditions that
// the writer reported are gone, too.
func forget(format string, q survey.Questionnaire, losses []Loss) survey.Questionnaire {
	b, err := json.Marshal(q)
	if err != nil {
		panic(err)
	}
	var c survey.Questionnaire
	if err := json.Unmarshal(b, &c); err != nil {
		panic(err)
	}
	lost := map[string]bool{}
	for _, l := range losses {
		if l.Code == "condition" || l.Code == "option_rule" && strings.Contains(l.Place, "/options/") {
			lost[l.Place] = true
		}
	}
	f := survey.Questionnaire{Slug: c.Slug, Version: 1, Languages: []string{content.German}, Title: c.Title, Intro: c.Intro, Thanks: c.Thanks, Pages: c.Pages}
	if format == SurveyJS {
		f.Slug = slug(c.Title[content.German]) // the name is not in the file
	}
	for p := range f.Pages {
		page := &f.Pages[p]
		page.Section = ""
		if lost["pages/"+page.Code] {
			page.ShowIf = condition.Expr{}
		}
		if format == XLSForm {
			page.Random = false
		}
		var items []survey.Item
		for _, it := range page.Items {
			at := "items/" + it.Code
			if lost[at] {
				it.ShowIf = condition.Expr{}
			}
			for _, list := range []struct {
				name    string
				options []survey.Option
			}{{"options", it.Options}, {"rows", it.Rows}} {
				for i := range list.options {
					o := &list.options[i]
					o.Image, o.Place, o.Fixed = nil, nil, false
					if lost[at+"/"+list.name+"/"+o.Code] {
						o.ShowIf = condition.Expr{}
						o.Exclusive = o.Exclusive && format == XLSForm && !o.Other && it.Type == survey.MultipleChoice
					}
				}
			}
			items = append(items, forgetItem(format, it)...)
		}
		page.Items = items
		for i := range page.Items {
			for lang, text := range page.Items[i].Text {
				page.Items[i].Text[lang] = ours.ReplaceAllStringFunc(text, func(gap string) string {
					key := gap[1 : len(gap)-1]
					code, part, _ := strings.Cut(key, ".")
					kind := q.Item(code).Type
					switch {
					case part == "":
					case kind == survey.Point, format == XLSForm && part == survey.PartText && kind != survey.MatrixSingle && kind != survey.MatrixMultiple:
						return "(" + key + ")"
					case format == XLSForm && kind == survey.MatrixMultiple:
						return "{" + code + "_" + part + "}"
					}
					return gap
				})
			}
		}
	}
	return f
}

func forgetItem(format string, it survey.Item) []survey.Item {
	it.Personal, it.Unit = false, ""
	chooses := it.Type == survey.SingleChoice || it.Type == survey.MultipleChoice
	if format == XLSForm || !chooses {
		it.DontKnow, it.NoAnswer = false, false
	}
	if it.Look == survey.Pictures || it.Look == survey.NPS || format == XLSForm && it.Look == survey.Stars {
		it.Look = ""
	}
	for i := range it.Options {
		if o := &it.Options[i]; o.Other {
			o.Code = "other"
			if format == XLSForm {
				o.Text = content.Text{content.German: "Sonstiges"}
			}
			o.Exclusive = false
		}
	}
	if it.IsMatrix() {
		it.MinChoices, it.MaxChoices = 0, 0
		if format == XLSForm {
			it.Random = false
		}
	}
	switch it.Type {
	case survey.District:
		it.Type = survey.SingleChoice
		it.Look = survey.Dropdown
		if len(it.Options) == 0 {
			it.Type, it.Look = survey.ShortText, ""
		}
	case survey.Street:
		if format == SurveyJS {
			it.Type = survey.ShortText
		}
	case survey.Point:
		it.Options = nil
		if format == SurveyJS {
			it.Type = survey.ShortText
		}
	case survey.Ranking:
		if format == XLSForm {
			it.MinChoices, it.MaxChoices = 0, 0
		}
	case survey.File, survey.Photo:
		it.MinChoices = 0
		if format == XLSForm || it.MaxChoices == 1 {
			it.MaxChoices = 0
		}
	case survey.Number:
		if format == XLSForm {
			it.Step = 0
		} else if it.Step > 0 {
			it.Integer = false
		}
	case survey.Calculated:
		it.Min, it.Max = nil, nil
	case survey.Date, survey.Time:
		if format == XLSForm {
			it.Earliest, it.Latest = "", ""
		}
	case survey.Scale:
		if format == XLSForm {
			if len(it.MinLabel) > 0 {
				it.Help = content.Text{content.German: strings.TrimSpace(it.Help[content.German] + " " +
					strconv.Itoa(int(*it.Min)) + " = " + it.MinLabel[content.German] + ", " + strconv.Itoa(int(*it.Max)) + " = " + it.MaxLabel[content.German])}
			}
			it.MinLabel, it.MaxLabel = nil, nil
		}
	case survey.MatrixMultiple:
		if format == XLSForm { // a text and a question for every row
			head := survey.Item{Code: it.Code, Type: survey.Info, Text: it.Text, Help: it.Help, ShowIf: it.ShowIf}
			list := []survey.Item{head}
			for _, r := range it.Rows {
				list = append(list, survey.Item{Code: it.Code + "_" + r.Code, Type: survey.MultipleChoice, Text: r.Text, Required: it.Required,
					ShowIf: condition.And(it.ShowIf, r.ShowIf), Options: it.Options})
			}
			return list
		}
	}
	return []survey.Item{it}
}

// shape is a questionnaire without its rules, which are compared by what they do.
func shape(q survey.Questionnaire) survey.Questionnaire {
	b, _ := json.Marshal(q)
	var c survey.Questionnaire
	if err := json.Unmarshal(b, &c); err != nil {
		panic(err)
	}
	c.Languages = nil // those that have texts, which depends on "yes" and "no" being in the file
	none := func(e *condition.Expr) { *e = condition.Expr{} }
	for p := range c.Pages {
		none(&c.Pages[p].ShowIf)
		for i := range c.Pages[p].Items {
			it := &c.Pages[p].Items[i]
			none(&it.ShowIf)
			none(&it.Formula)
			for k := range it.Options {
				none(&it.Options[k].ShowIf)
				delete(it.Options[k].Text, content.English) // words of our own: "Other"
			}
			for k := range it.Rows {
				none(&it.Rows[k].ShowIf)
			}
		}
	}
	return c
}

// rules lists the rules of a questionnaire by what they govern.
func rules(q survey.Questionnaire) map[string]condition.Expr {
	all := map[string]condition.Expr{}
	for _, p := range q.Pages {
		all["page "+p.Code] = p.ShowIf
		for _, it := range p.Items {
			all[it.Code] = it.ShowIf
			for _, o := range it.Options {
				all[it.Code+" option "+o.Code] = o.ShowIf
			}
			for _, o := range it.Rows {
				all[it.Code+" row "+o.Code] = o.ShowIf
			}
		}
	}
	return all
}

// transported gives answers under the names and codes that a format keeps.
func transported(format string, q survey.Questionnaire, a survey.Answers) survey.Answers {
	out := survey.Answers{}
	for _, v := range q.Variables() {
		value, ok := a[v.Key]
		if !ok {
			continue
		}
		key := v.Key
		if format == XLSForm && v.Item.Type == survey.MatrixMultiple {
			key = strings.Replace(key, ".", "_", 1)
		}
		for _, o := range v.Item.Options {
			if o.Other {
				switch x := value.(type) {
				case string:
					if x == o.Code && v.Listed {
						value = "other"
					}
				case []string:
					x = slices.Clone(x)
					for i := range x {
						if x[i] == o.Code {
							x[i] = "other"
						}
					}
					value = x
				}
			}
		}
		out[key] = value
	}
	return out
}

// TestRoundTrip: what we write for another format and read again is the same
// questionnaire, up to the list in forget.
func TestRoundTrip(t *testing.T) {
	for _, format := range []string{SurveyJS, XLSForm} {
		t.Run(format, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				q := surveytest.Questionnaires(t)
				back, want := roundTrip(t, format, q)
				for range 5 {
					raw, _ := surveytest.Sendings(t, q)
					a, _ := q.Check(raw)
					b := transported(format, q, a)
					got := rules(back)
					for what, rule := range rules(want) {
						// The rules of want are in q's names and codes.
						if w, g := rule.Holds(a), got[what].Holds(b); w != g {
							from, _ := rule.MarshalJSON()
							to, _ := got[what].MarshalJSON()
							t.Fatalf("%s: holds %v, came back as %v\nanswers %s\nrule %s\ncame back as %s", what, w, g, a.Canonical(), from, to)
						}
					}
				}
			})
		})
	}
}

func roundTrip(t interface {
	Fatalf(string, ...any)
}, format string, q survey.Questionnaire) (back, want survey.Questionnaire) {
	b, losses, err := Write(format, q)
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	back, readLosses, err := Read("umfrage"+Extension(format), b)
	if err != nil {
		t.Fatalf("read: %v\n%s", err, b)
	}
	if p := back.Validate(); len(p) > 0 {
		t.Fatalf("came back broken: %v", p)
	}
	want = forget(format, q, losses)
	if w, g := shape(want), shape(back); !reflect.DeepEqual(w, g) {
		t.Fatalf("came back different\n%s\nreported on writing: %v\non reading: %v", difference(w, g), losses, readLosses)
	}
	return back, want
}

// difference shows the first lines in which two questionnaires differ.
func difference(a, b survey.Questionnaire) string {
	x, _ := json.MarshalIndent(a, "", " ")
	y, _ := json.MarshalIndent(b, "", " ")
	left, right := strings.Split(string(x), "\n"), strings.Split(string(y), "\n")
	for i := range min(len(left), len(right)) {
		if left[i] != right[i] {
			from, to := max(0, i-8), i+4
			return "want\n" + strings.Join(left[from:min(to, len(left))], "\n") + "\ngot\n" + strings.Join(right[from:min(to, len(right))], "\n")
		}
	}
	return "one is longer"
}

func TestOwnJSONKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := surveytest.Questionnaires(t)
		b, losses, err := Write(Own, q)
		if err != nil || len(losses) > 0 {
			t.Fatalf("%v %v", err, losses)
		}
		back, losses, err := Read("q.json", b)
		if err != nil || len(losses) > 0 {
			t.Fatalf("%v %v", err, losses)
		}
		again, _, err := Write(Own, back)
		if err != nil || string(again) != string(b) {
			t.Fatalf("came back different: %v", err)
		}
	})
}

// TestEverythingRoundTrips writes the questionnaire that has one of everything.
func TestEverythingRoundTrips(t *testing.T) {
	for _, format := range []string{SurveyJS, XLSForm} {
		t.Run(format, func(t *testing.T) {
			roundTrip(t, format, surveytest.Everything())
		})
	}
}

// TestRealQuestionnairesRoundTrip: imported, written, read again.
func TestRealQuestionnairesRoundTrip(t *testing.T) {
	for _, name := range realFiles {
		q, _, err := Read(name, real(t, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{SurveyJS, XLSForm} {
			b, _, err := Write(format, q)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			back, _, err := Read("x"+Extension(format), b)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if p := back.Validate(); len(p) > 0 {
				t.Errorf("%s by %s: %v", name, format, p)
			}
			if w, g := len(q.Items()), len(back.Items()); g < w {
				t.Errorf("%s by %s: %d items came back of %d", name, format, g, w)
			}
		}
	}
}

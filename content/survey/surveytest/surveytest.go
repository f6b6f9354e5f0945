// Package surveytest draws sound questionnaires and what people may send to
// them, for property tests (rapid) of every package that handles surveys.
//
// [Questionnaires] draws a questionnaire that passes Validate, with every type
// of item, routing and quotas; [Sendings] draws something to send, right or
// wrong, as JSON and as a form; [Everything] is a fixed questionnaire with an
// item of every type.
package surveytest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"

	"pgregory.net/rapid"
)

func text(s string) content.Text { return content.Text{content.German: s} }

func number(f float64) *float64 { return &f }

func options(codes ...string) (list []survey.Option) {
	for _, c := range codes {
		list = append(list, survey.Option{Code: c, Text: text("Antwort " + c)})
	}
	return list
}

// Questionnaires draws a questionnaire that passes Validate.
func Questionnaires(t *rapid.T) survey.Questionnaire {
	q := survey.Questionnaire{Slug: "s", Version: 1, Languages: content.Languages, Title: text("Umfrage"), Sections: []survey.Section{{Code: "teil", Title: text("Teil")}}}
	g := &generator{T: t}
	for p := range rapid.IntRange(1, 4).Draw(t, "pages") {
		page := survey.Page{
			Code: "p" + strconv.Itoa(p), Title: text("Seite"), Random: rapid.Bool().Draw(t, "random page"),
			ShowIf: g.condition("page"),
		}
		if rapid.Bool().Draw(t, "section") {
			page.Section = "teil"
		}
		before := slices.Clone(g.known)
		for range rapid.IntRange(1, 5).Draw(t, "items") {
			if page.Random { // any item may come first
				g.known, before = before, g.known
			}
			it := g.item()
			if page.Random {
				g.known, before = before, g.known
			}
			page.Items = append(page.Items, it)
			g.known = append(g.known, it.Variables()...)
		}
		q.Pages = append(q.Pages, page)
	}
	q.Pages[0].ShowIf = condition.Expr{}
	q.Pages[0].Items = append(q.Pages[0].Items, survey.Item{Code: "last", Type: survey.ShortText, Text: text("Noch etwas?")})
	if rapid.Bool().Draw(t, "quota") {
		if when := g.condition("quota"); !when.IsZero() {
			q.Quotas = []survey.Quota{{Code: "many", When: when, Limit: rapid.IntRange(1, 5).Draw(t, "limit")}}
		}
	}
	return q
}

type generator struct {
	*rapid.T
	known []survey.Variable // that conditions may name
	n     int
}

func (g *generator) bool(what string) bool { return rapid.Bool().Draw(g.T, what) }

func (g *generator) item() survey.Item {
	g.n++
	it := survey.Item{
		Code: fmt.Sprintf("q%d", g.n), Text: text("Frage " + strconv.Itoa(g.n)),
		Type: rapid.SampledFrom(survey.Types).Draw(g.T, "type"),
	}
	if len(g.known) == 0 && it.Type == survey.Calculated {
		it.Type = survey.Number
	}
	it.ShowIf = g.condition("item")
	if it.Asks() {
		it.Required = g.bool("required")
		if it.Type != survey.Consent {
			it.DontKnow, it.NoAnswer = g.bool("dont_know"), g.bool("no_answer")
		}
	}
	if len(g.known) > 0 && g.bool("piped") {
		it.Text = text("Frage zu {" + rapid.SampledFrom(g.known).Draw(g.T, "pipe").Key + "}")
	}
	n := rapid.IntRange(2, 6).Draw(g.T, "options")
	codes := make([]string, n)
	for i := range codes {
		codes[i] = strconv.Itoa(i)
	}
	switch it.Type {
	case survey.SingleChoice, survey.MultipleChoice, survey.Ranking, survey.MatrixSingle, survey.MatrixMultiple, survey.District, survey.Point:
		it.Options = options(codes...)
	}
	switch it.Type {
	case survey.SingleChoice, survey.MultipleChoice:
		it.Random = g.bool("random")
		it.Options[n-1].Other = g.bool("other")
		it.Options[1].Exclusive = it.Type == survey.MultipleChoice && g.bool("exclusive")
		it.Options[0].ShowIf = g.condition("option")
	case survey.MatrixSingle, survey.MatrixMultiple:
		it.Rows = options("a", "b", "c")
		it.Rows[1].ShowIf = g.condition("row")
		it.Random = g.bool("random")
	case survey.Scale:
		low := rapid.IntRange(-3, 3).Draw(g.T, "low")
		it.Min, it.Max = number(float64(low)), number(float64(low+rapid.IntRange(1, 10).Draw(g.T, "steps")))
	case survey.Number:
		it.Integer = g.bool("integer")
		if g.bool("step") {
			it.Step = 0.5
		}
	case survey.ShortText, survey.LongText:
		it.MaxLength = rapid.IntRange(0, 20).Draw(g.T, "length")
	case survey.File, survey.Photo:
		it.MaxChoices = rapid.IntRange(0, 3).Draw(g.T, "uploads")
	case survey.Calculated:
		it.Formula = g.sum()
	}
	switch it.Type {
	case survey.MultipleChoice, survey.Ranking, survey.MatrixMultiple:
		it.MaxChoices = rapid.IntRange(0, n).Draw(g.T, "max")
	}
	return it
}

// condition draws a rule about what is known so far, often none at all.
func (g *generator) condition(what string) condition.Expr {
	if len(g.known) == 0 || rapid.IntRange(0, 2).Draw(g.T, what+" has a rule") > 0 {
		return condition.Expr{}
	}
	one := func() map[string]any {
		v := rapid.SampledFrom(g.known).Draw(g.T, "variable")
		name := map[string]any{"var": v.Key}
		switch code := strconv.Itoa(rapid.IntRange(0, 5).Draw(g.T, "value")); {
		case rapid.IntRange(0, 3).Draw(g.T, "missing") == 0:
			return map[string]any{"missing": []any{v.Key}}
		case v.Kind == condition.List:
			return map[string]any{"in": []any{code, name}}
		case v.Kind == condition.Number:
			op := rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">="}).Draw(g.T, "op")
			return map[string]any{op: []any{name, rapid.IntRange(-3, 5).Draw(g.T, "number")}}
		case v.Item.Type == survey.YesNo:
			return map[string]any{"==": []any{name, rapid.SampledFrom([]string{"yes", "no"}).Draw(g.T, "yes")}}
		default:
			return map[string]any{rapid.SampledFrom([]string{"==", "!="}).Draw(g.T, "op"): []any{name, code}}
		}
	}
	rule := one()
	switch rapid.IntRange(0, 3).Draw(g.T, "shape") {
	case 0:
		rule = map[string]any{"and": []any{rule, one()}}
	case 1:
		rule = map[string]any{"or": []any{rule, one()}}
	case 2:
		rule = map[string]any{"!": []any{rule}}
	}
	return g.parse(rule)
}

// sum adds up what is known and a number.
func (g *generator) sum() condition.Expr {
	parts := []any{1}
	for _, v := range g.known {
		if v.Kind == condition.Number && len(parts) < 4 {
			parts = append(parts, map[string]any{"var": v.Key})
		}
	}
	return g.parse(map[string]any{"+": parts})
}

func (g *generator) parse(rule map[string]any) condition.Expr {
	b, err := json.Marshal(rule)
	if err != nil {
		g.Fatal(err)
	}
	e, err := condition.Parse(b)
	if err != nil {
		g.Fatalf("%s: %v", b, err)
	}
	return e
}

// Sendings draws, for every variable, something to send, right or wrong, both as
// JSON and as the fields of a form. One field in five is left out.
func Sendings(t *rapid.T, q survey.Questionnaire) (map[string]json.RawMessage, url.Values) {
	raw, form := map[string]json.RawMessage{}, url.Values{}
	put := func(key string, v any, fields ...string) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		raw[key], form[key] = b, fields
	}
	code := rapid.Map(rapid.IntRange(0, 6), strconv.Itoa)
	for _, v := range q.Variables() {
		it := v.Item
		if it.Type == survey.Calculated {
			continue
		}
		switch rapid.IntRange(0, 9).Draw(t, "sends") {
		case 0, 1:
			continue
		case 2:
			if it.DontKnow || it.NoAnswer {
				mark := rapid.SampledFrom([]string{survey.DontKnow, survey.Declined}).Draw(t, "mark")
				put(survey.Mark(v.Key), mark, mark)
				continue
			}
		}
		switch {
		case it.Type == survey.Point && v.Part == "":
			s := fmt.Sprintf("%d.5,%d.25", rapid.IntRange(-95, 95).Draw(t, "lat"), rapid.IntRange(-180, 180).Draw(t, "lon"))
			put(v.Key, s, s)
		case v.Part == survey.PartText || v.Part == survey.PartAddress:
			s := rapid.StringN(0, 25, -1).Draw(t, "text")
			put(v.Key, s, s)
		case it.Type == survey.YesNo || it.Type == survey.Consent:
			s := rapid.SampledFrom([]string{"yes", "no"}).Draw(t, "yes")
			put(v.Key, s, s)
		case it.Type == survey.File || it.Type == survey.Photo:
			list := rapid.SliceOfN(rapid.StringMatching(`[0-9a-f]{32}\.(jpg|png|txt)`), 0, 3).Draw(t, "uploads")
			put(v.Key, list, list...)
		case v.Listed && v.Kind == condition.List:
			list := rapid.SliceOfN(code, 0, 4).Draw(t, "chosen")
			put(v.Key, list, list...)
		case v.Listed:
			s := code.Draw(t, "option")
			put(v.Key, s, s)
		case it.Type == survey.Scale:
			n := rapid.IntRange(-5, 15).Draw(t, "step")
			put(v.Key, n, strconv.Itoa(n))
		case it.Type == survey.Number:
			f := float64(rapid.IntRange(-1e6, 1e6).Draw(t, "number")) / 100
			put(v.Key, f, survey.FormatNumber(f, content.German))
		case it.Type == survey.Date:
			iso := rapid.StringMatching(`(18|19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]`).Draw(t, "date")
			put(v.Key, iso, iso[8:]+"."+iso[5:7]+"."+iso[:4])
		case it.Type == survey.Time:
			s := rapid.StringMatching(`[0-2][0-9]:[0-6][0-9]`).Draw(t, "time")
			put(v.Key, s, s)
		case it.Type == survey.Email:
			s := rapid.StringMatching(`[a-z]{1,8}(@[a-z]{1,8}(\.org)?)?`).Draw(t, "email")
			put(v.Key, s, s)
		default:
			s := rapid.StringN(0, 25, -1).Draw(t, "text")
			put(v.Key, s, s)
		}
	}
	return raw, form
}

// Everything has an item of every type, looks, routing, rows, marks and sections.
func Everything() survey.Questionnaire {
	image := &survey.Image{Name: "0000000000000000000000000000000000000000000000000000000000000000.png"}
	rule := func(s string) condition.Expr {
		e, err := condition.Parse([]byte(s))
		if err != nil {
			panic(err)
		}
		return e
	}
	place := options("rathaus", "bahnhof")
	place[0].Place = &survey.Place{Latitude: 51.3127, Longitude: 9.4797}
	place[1].Place = &survey.Place{Latitude: 51.3128, Longitude: 9.4475}
	pictures := options("tram", "bike")
	pictures[0].Image, pictures[1].Image = image, image
	topics := options("energy", "bus", "water", "none", "other")
	topics[3].Exclusive, topics[4].Other = true, true
	why := options("price", "time", "other")
	why[2].Other = true
	return survey.Questionnaire{
		Slug: "everything", Version: 1, Languages: content.Languages, Title: text("Alles"), Anonymous: false,
		Sections: []survey.Section{{Code: "one", Title: text("Erster Teil")}, {Code: "two", Title: text("Zweiter Teil")}},
		Pages: []survey.Page{
			{Code: "choices", Section: "one", Title: text("Auswahl"), Items: []survey.Item{
				{Code: "hello", Type: survey.Info, Text: text("**Guten Tag**")},
				{Code: "reason", Type: survey.SingleChoice, Text: text("Warum?"), Required: true, Options: why, Random: true},
				{Code: "topics", Type: survey.MultipleChoice, Text: text("Was?"), Options: topics, MinChoices: 1, MaxChoices: 3, DontKnow: true, NoAnswer: true},
				{Code: "part", Type: survey.District, Look: survey.Dropdown, Text: text("Wo?"), Options: options("mitte", "west")},
				{Code: "way", Type: survey.SingleChoice, Look: survey.Pictures, Text: text("Womit?"), Options: pictures},
				{Code: "member", Type: survey.YesNo, Text: text("Kennen Sie uns?"), NoAnswer: true},
				{Code: "since", Type: survey.Date, Text: text("Seit wann?"), Earliest: "2000-01-01", ShowIf: rule(`{"==":[{"var":"member"},"yes"]}`)},
			}},
			{Code: "figures", Section: "one", Title: text("Zahlen"), Items: []survey.Item{
				{Code: "content", Type: survey.Scale, Text: text("Zufrieden?"), Min: number(1), Max: number(5), MinLabel: text("gar nicht"), MaxLabel: text("sehr"), DontKnow: true},
				{Code: "stars", Type: survey.Scale, Look: survey.Stars, Text: text("Sterne?"), Min: number(1), Max: number(5)},
				{Code: "nps", Type: survey.Scale, Look: survey.NPS, Text: text("Empfehlen Sie uns?"), Min: number(0), Max: number(10)},
				{Code: "rank", Type: survey.Ranking, Text: text("Was zuerst?"), Options: options("a", "b", "c")},
				{Code: "grid", Type: survey.MatrixSingle, Text: text("Wie gut?"), Rows: options("bus", "tram"), Options: options("good", "bad"), DontKnow: true},
				{Code: "boxes", Type: survey.MatrixMultiple, Text: text("Wann?"), Rows: options("bus", "tram"), Options: options("day", "night")},
				{Code: "people", Type: survey.Number, Text: text("Personen?"), Integer: true, Min: number(0), Max: number(20), Unit: "Personen"},
				{Code: "double", Type: survey.Calculated, Text: text("Das Doppelte"), Formula: rule(`{"*":[{"var":"people"},2]}`)},
				{Code: "at", Type: survey.Time, Text: text("Um wie viel Uhr?")},
			}},
			{Code: "words", Section: "two", Title: text("Worte zu {reason}"), ShowIf: rule(`{"!":{"missing":["reason"]}}`), Random: true, Items: []survey.Item{
				{Code: "name", Type: survey.ShortText, Text: text("Name?"), Personal: true},
				{Code: "idea", Type: survey.LongText, Text: text("Idee zu {reason}?")},
				{Code: "mail", Type: survey.Email, Text: text("E-Mail?")},
				{Code: "road", Type: survey.Street, Text: text("Straße?")},
				{Code: "spot", Type: survey.Point, Text: text("Wo genau?"), Options: place},
			}},
			{Code: "end", Section: "two", Title: text("Anhang"), Items: []survey.Item{
				{Code: "paper", Type: survey.File, Text: text("Datei?")},
				{Code: "picture", Type: survey.Photo, Text: text("Foto?"), MaxChoices: 2},
				{Code: "agree", Type: survey.Consent, Text: text("Ich stimme zu.")},
			}},
		},
	}
}

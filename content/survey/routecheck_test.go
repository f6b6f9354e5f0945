package survey_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"

	"pgregory.net/rapid"
)

func expr(source string) condition.Expr {
	e, err := condition.Parse([]byte(source))
	if err != nil {
		panic(err)
	}
	return e
}

// routed is a questionnaire with one page for each list of items: p0, p1, …
func routed(pages ...[]survey.Item) survey.Questionnaire {
	q := survey.Questionnaire{Slug: "s", Version: 1, Languages: []string{"de"}, Title: de("t")}
	for i, items := range pages {
		for j := range items {
			items[j].Text = de("?")
		}
		q.Pages = append(q.Pages, survey.Page{Code: "p" + strconv.Itoa(i), Title: de("t"), Items: items})
	}
	return q
}

func options(codes ...string) (list []survey.Option) {
	for _, c := range codes {
		list = append(list, survey.Option{Code: c, Text: de(c)})
	}
	return list
}

func findings(q survey.Questionnaire) string {
	var list []string
	for _, f := range q.Findings() {
		list = append(list, finding(f.Field, f.Code, f.Args["name"]))
	}
	return strings.Join(list, "; ")
}

func finding(field, code string, name any) string {
	s := field + " " + strings.TrimPrefix(code, "route_")
	if name != nil {
		s += fmt.Sprint(" ", name)
	}
	return s
}

func TestFaultsOfRoutingAreFound(t *testing.T) {
	// base asks for a district, topics, a rent, a day and whether one rents; then how it is.
	base := func() survey.Questionnaire {
		return routed(
			[]survey.Item{
				{Code: "district", Type: survey.SingleChoice, Required: true, Options: options("nord", "mitte", "west")},
				{Code: "topics", Type: survey.MultipleChoice, Options: append(options("bus", "energy", "water"), survey.Option{Code: "none", Text: de("x"), Exclusive: true}), MaxChoices: 2},
				{Code: "rents", Type: survey.YesNo},
			},
			[]survey.Item{
				{Code: "rent", Type: survey.Number, Min: number(0), Max: number(5000), ShowIf: expr(`{"==":[{"var":"rents"},"yes"]}`)},
				{Code: "area", Type: survey.Number, Min: number(1), Max: number(500), Integer: true},
				{Code: "since", Type: survey.Date, Earliest: "2000-01-01"},
				{Code: "name", Type: survey.ShortText, MaxLength: 5},
			},
			[]survey.Item{
				{Code: "last", Type: survey.Scale, Min: number(1), Max: number(5)},
				{Code: "why", Type: survey.SingleChoice, Options: options("a", "b")},
			},
		)
	}
	cases := []struct{ what, at, rule, want string }{
		{"a page for one district", "page", `{"==":[{"var":"district"},"nord"]}`, ""},
		{"a page for nobody", "page", `{"and":[{"==":[{"var":"rents"},"no"]},{">":[{"var":"rent"},0]}]}`, "pages.2.show_if page_never"},
		{"a page for everybody", "page", `{"!":[{"missing":["district"]}]}`, "pages.2.show_if always"},
		{"two districts at once", "item", `{"and":[{"==":[{"var":"district"},"nord"]},{"==":[{"var":"district"},"mitte"]}]}`,
			"pages.2.items.1.show_if contradiction"},
		{"one part contradicts itself", "item", `{"or":[{"==":[{"var":"rents"},"yes"]},{"and":[{"<":[{"var":"area"},10]},{">":[{"var":"area"},20]}]}]}`,
			"pages.2.items.1.show_if.or.1 contradiction"},
		{"no whole number between", "item", `{"and":[{">":[{"var":"area"},10]},{"<":[{"var":"area"},11]}]}`, "pages.2.items.1.show_if contradiction"},
		{"any number between", "item", `{"and":[{">":[{"var":"rent"},10]},{"<":[{"var":"rent"},11]}]}`, ""},
		{"beyond the bounds", "item", `{">":[{"var":"rent"},5000]}`, "pages.2.items.1.show_if contradiction"},
		{"before the earliest day", "item", `{"<":[{"var":"since"},"2000-01-01"]}`, "pages.2.items.1.show_if contradiction"},
		{"no day between", "item", `{"and":[{">":[{"var":"since"},"2024-02-28"]},{"<":[{"var":"since"},"2024-02-29"]}]}`, "pages.2.items.1.show_if contradiction"},
		{"a day that leap years have", "item", `{"and":[{">":[{"var":"since"},"2024-02-28"]},{"<":[{"var":"since"},"2024-03-01"]}]}`, ""},
		{"a text that is too long to be answered", "item", `{"==":[{"var":"name"},"Wilhelm"]}`, "pages.2.items.1.show_if contradiction"},
		{"a text", "item", `{"==":[{"var":"name"},"Willi"]}`, ""},
		{"any text but one", "item", `{"!=":[{"var":"name"},"Willi"]}`, ""},
		{"texts in order are not looked into", "item", `{"and":[{"<":[{"var":"name"},"b"]},{">":[{"var":"name"},"a"]}]}`, "pages.2.items.1.show_if not_checked"},
		{"a code that is not there", "item", `{"==":[{"var":"district"},"nrod"]}`, "pages.2.items.1.show_if unknown_code district"},
		{"a code of several", "item", `{"in":[{"var":"district"},["nord","nrod"]]}`, "pages.2.items.1.show_if unknown_code district"},
		{"a code of a list", "item", `{"in":["tram",{"var":"topics"}]}`, "pages.2.items.1.show_if unknown_code topics"},
		{"two topics", "item", `{"and":[{"in":["bus",{"var":"topics"}]},{"in":["water",{"var":"topics"}]}]}`, ""},
		{"three topics of at most two", "item", `{"and":[{"in":["bus",{"var":"topics"}]},{"in":["water",{"var":"topics"}]},{"in":["energy",{"var":"topics"}]}]}`,
			"pages.2.items.1.show_if contradiction"},
		{"none and another", "item", `{"and":[{"in":["bus",{"var":"topics"}]},{"in":["none",{"var":"topics"}]}]}`, "pages.2.items.1.show_if contradiction"},
		{"asked about what was not asked", "item", `{"and":[{"==":[{"var":"rents"},"no"]},{"!":[{">":[{"var":"rent"},500]}]}]}`, "pages.2.items.1.show_if hidden rent"},
		{"when something was not asked", "item", `{"missing":["rent"]}`, ""},
		{"a quotient", "item", `{">":[{"/":[{"var":"rent"},{"var":"area"}]},12]}`, ""},
		{"a quotient that is never so large", "item", `{">":[{"/":[{"var":"rent"},{"var":"area"}]},5001]}`, "pages.2.items.1.show_if not_checked"},
		{"a sum of steps that is never reached", "option", `{">":[{"+":[{"if":[{"in":["bus",{"var":"topics"}]},1,0]},{"if":[{"in":["water",{"var":"topics"}]},1,0]}]},2]}`,
			"pages.2.items.1.options.0.show_if contradiction"},
		{"an option for nobody", "option", `{"and":[{"!=":[{"var":"rents"},"yes"]},{">":[{"var":"rent"},0]}]}`, "pages.2.items.1.options.0.show_if option_never"},
		{"an option for everybody", "option", `{"or":[{"missing":["rent"]},{">=":[{"var":"rent"},0]}]}`, "pages.2.items.1.options.0.show_if always"},
		{"an option for some", "option", `{">":[{"var":"last"},3]}`, ""},
		{"a later question", "page", `{">":[{"var":"last"},3]}`, "pages.2.show_if later last"},
		{"itself", "option", `{"==":[{"var":"why"},"a"]}`, "pages.2.items.1.options.0.show_if later why"},
		{"a quota for some", "quota", `{"==":[{"var":"district"},"nord"]}`, ""},
		{"a quota for everybody", "quota", `{"!":[{"missing":["district"]}]}`, ""},
		{"a quota for nobody", "quota", `{"and":[{"==":[{"var":"rents"},"no"]},{">":[{"var":"rent"},0]}]}`, "quotas.0.when quota_never"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			q := base()
			switch rule := expr(c.rule); c.at {
			case "page":
				q.Pages[2].ShowIf = rule
			case "item":
				q.Pages[2].Items[1].ShowIf = rule
			case "option":
				q.Pages[2].Items[1].Options[0].ShowIf = rule
			case "quota":
				q.Quotas = []survey.Quota{{Code: "q", When: rule, Limit: 10}}
			}
			if problems := q.Validate(); len(problems) > 0 && !strings.Contains(c.want, "later") {
				t.Fatal(problems)
			}
			if got := findings(q); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestPeopleWhoGetStuckAreFound(t *testing.T) {
	rule := func(code string) condition.Expr { return condition.Eq(condition.Var("kind"), condition.Str(code)) }
	q := routed(
		[]survey.Item{{Code: "kind", Type: survey.SingleChoice, Options: options("a", "b", "c")}},
		[]survey.Item{{Code: "what", Type: survey.SingleChoice, Required: true, Options: options("x", "y")}},
	)
	what := &q.Pages[1].Items[0]
	what.Options[0].ShowIf, what.Options[1].ShowIf = rule("a"), rule("b")
	list := q.Findings()
	if len(list) != 1 || list[0].Code != survey.RouteDeadEnd || list[0].Severity != survey.SeverityError || list[0].Field != "pages.1.items.0.options" {
		t.Fatalf("%+v", list)
	}
	t.Log(list[0].Args["example"])
	what.DontKnow = true
	if got := findings(q); got != "" {
		t.Errorf("who may say so is not stuck: %s", got)
	}
	what.DontKnow = false
	what.ShowIf = condition.OneOf("kind", "a", "b")
	if got := findings(q); got != "" {
		t.Errorf("asked only those who have a choice: %s", got)
	}
	*what = survey.Item{Code: "what", Type: survey.MultipleChoice, Text: de("?"), MinChoices: 2, Options: options("x", "y")}
	what.Options[0].ShowIf, what.Options[1].ShowIf = rule("a"), rule("b")
	if got := findings(q); got != "pages.1.items.0.options.0 option_never; pages.1.items.0.options.1 option_never" {
		t.Errorf("two of one cannot be chosen: %s", got)
	}
}

func TestAQuotaBeyondTheEndOfTheSurveyIsFound(t *testing.T) {
	q := everything()
	q.MaxResponses = 100
	q.Quotas = []survey.Quota{{Code: "west", When: expr(`{"==":[{"var":"district"},"west"]}`), Limit: 101}}
	if got := findings(q); got != "quotas.0.limit quota_beyond" {
		t.Error(got)
	}
	q.Quotas[0].Limit = 100
	if got := findings(q); got != "" {
		t.Error(got)
	}
}

func TestTooManyCombinationsAreNotGuessed(t *testing.T) {
	var items []survey.Item
	var sum []condition.Expr
	for i := range 12 {
		code := fmt.Sprint("s", i)
		items = append(items, survey.Item{Code: code, Type: survey.Scale, Min: number(1), Max: number(5)})
		sum = append(sum, condition.Var(code))
	}
	q := routed(items, []survey.Item{
		{Code: "all", Type: survey.ShortText, ShowIf: condition.Eq(condition.Add(sum...), condition.Num(60))},
		{Code: "some", Type: survey.ShortText, ShowIf: condition.Gt(condition.Add(sum...), condition.Num(30))},
		{Code: "more", Type: survey.ShortText, ShowIf: condition.Gt(condition.Add(sum...), condition.Num(60))},
	})
	began := time.Now()
	if got := findings(q); got != "pages.1.items.2.show_if not_checked" {
		t.Error(got)
	}
	t.Log(time.Since(began))
}

func TestALargeQuestionnaireIsChecked(t *testing.T) {
	var pages [][]survey.Item
	for p := range 50 {
		var items []survey.Item
		for i := range 10 {
			it := survey.Item{Code: fmt.Sprintf("q%d_%d", p, i), Type: survey.MultipleChoice, Options: options("a", "b", "c", "d", "e", "f")}
			if p > 0 {
				it.ShowIf = condition.Or(condition.In(fmt.Sprintf("q%d_%d", p-1, i), "a"), condition.In(fmt.Sprintf("q%d_%d", p-1, (i+1)%10), "b"))
			}
			items = append(items, it)
		}
		pages = append(pages, items)
	}
	q := routed(pages...)
	began := time.Now()
	list := q.Findings()
	t.Logf("%d findings in %v", len(list), time.Since(began))
	for _, f := range list {
		if f.Code != survey.RouteNotChecked {
			t.Errorf("%s %s", f.Field, f.Code)
		}
	}
}

func TestEveryFindingHasASentence(t *testing.T) {
	words, err := content.LoadWords()
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{survey.RouteLater, survey.RouteContradiction, survey.RouteUnknownCode, survey.RoutePageNever, survey.RouteItemNever,
		survey.RouteRowNever, survey.RouteOptionNever, survey.RouteAlways, survey.RouteHidden, survey.RouteDeadEnd, survey.RouteQuotaNever,
		survey.RouteQuotaBeyond, survey.RouteNotChecked} {
		for _, lang := range content.Languages {
			if s := words.Say(lang, content.Problem{Code: code}); strings.HasPrefix(s, "problem.") {
				t.Errorf("%s: no words for %s", lang, code)
			}
		}
	}
}

// world is everything that can be answered to a small questionnaire, found by
// sending all combinations to the reader itself.
type world struct {
	q      survey.Questionnaire
	states []survey.Answers // that routing allows
	free   []survey.Answers // without routing
}

// days are those that conditions name; the questionnaires take all but the first and the last.
var days = []string{"2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02"}

// sendable are the values that anybody may send for a variable; nil for none.
func sendable(v survey.Variable) []any {
	switch it := v.Item; {
	case v.Part == survey.PartText || it.Type == survey.ShortText:
		return []any{nil, "0", "a", "b", "c"}
	case it.Type == survey.Date:
		return []any{nil, days[1], days[2], days[3]}
	case it.Type == survey.Calculated:
		return []any{nil}
	case v.Kind == condition.Number:
		step := 1.0
		if it.Type == survey.Number && !it.Integer {
			step = 0.5
		}
		values := []any{nil}
		for f := *it.Min; f <= *it.Max; f += step {
			values = append(values, f)
		}
		return values
	case v.Kind == condition.List:
		values := []any{nil}
		for set := 1; set < 1<<len(it.Options); set++ {
			var list []string
			for i, o := range it.Options {
				if set&(1<<i) != 0 {
					list = append(list, o.Code)
				}
			}
			values = append(values, list)
		}
		return values
	default:
		values := []any{nil}
		for _, o := range it.Choices() {
			values = append(values, o.Code)
		}
		return values
	}
}

func explore(q survey.Questionnaire) []survey.Answers {
	variables := q.Variables()
	seen := map[string]bool{}
	var states []survey.Answers
	raw := map[string]json.RawMessage{}
	var send func(i int)
	send = func(i int) {
		if i < len(variables) {
			for _, v := range sendable(variables[i]) {
				delete(raw, variables[i].Key)
				if v != nil {
					b, err := json.Marshal(v)
					if err != nil {
						panic(err)
					}
					raw[variables[i].Key] = b
				}
				send(i + 1)
			}
			return
		}
		a, problems := q.Check(raw)
		for _, p := range problems {
			key := strings.TrimPrefix(p.Field, "answers.")
			code, _, _ := strings.Cut(key, ".")
			it := q.Item(code)
			answerable := it != nil && (!isStuck(it, a) || it.DontKnow)
			if p.Code == "required" && it != nil && it.DontKnow { // answered with the mark
				continue
			}
			if p.Code != "nothing_answered" && !(p.Code == "required" && !answerable) {
				return
			}
		}
		if s := string(a.Canonical()); !seen[s] {
			seen[s] = true
			states = append(states, a)
		}
	}
	send(0)
	return states
}

// isStuck reports whether the item has nothing to choose from.
func isStuck(it *survey.Item, a survey.Answers) bool {
	open, exclusive := 0, 0
	for _, o := range it.Choices() {
		if o.ShowIf.Holds(a) {
			if o.Exclusive {
				exclusive++
			} else {
				open++
			}
		}
	}
	choice := len(it.Choices()) > 0
	return choice && exclusive == 0 && open < max(it.MinChoices, 1)
}

func newWorld(q survey.Questionnaire) *world {
	w := &world{q: q, states: explore(q)}
	b, err := json.Marshal(q)
	if err != nil {
		panic(err)
	}
	var free survey.Questionnaire
	if err := json.Unmarshal(b, &free); err != nil {
		panic(err)
	}
	for p := range free.Pages {
		free.Pages[p].ShowIf = condition.Expr{}
		for i := range free.Pages[p].Items {
			it := &free.Pages[p].Items[i]
			it.ShowIf, it.Required = condition.Expr{}, false
			for o := range it.Options {
				it.Options[o].ShowIf = condition.Expr{}
			}
			for o := range it.Rows {
				it.Rows[o].ShowIf = condition.Expr{}
			}
		}
	}
	for _, a := range explore(free) {
		w.free = append(w.free, a)
		if _, ok := a["sum"]; ok { // not worked out
			without := survey.Answers{}
			for k, v := range a {
				if k != "sum" {
					without[k] = v
				}
			}
			w.free = append(w.free, without)
		}
	}
	return w
}

func some(states []survey.Answers, holds ...condition.Expr) bool {
	e := condition.And(holds...)
	return slices.ContainsFunc(states, func(a survey.Answers) bool { return e.Holds(a) })
}

// findings says what [survey.Questionnaire.Findings] should.
func (w *world) findings() []string {
	var list []string
	add := func(field, code string, name any) { list = append(list, finding(field, code, name)) }
	shows := map[string]condition.Expr{}
	var contradictions func(field string, e condition.Expr) bool
	contradictions = func(field string, e condition.Expr) bool {
		reported := false
		for i, a := range e.Args() {
			if contradictions(fmt.Sprintf("%s.%s.%d", field, e.Op(), i), a) {
				reported = true
			}
		}
		switch e.Op() {
		case condition.OpAnd, condition.OpOr, condition.OpNot, condition.OpIn,
			condition.OpEq, condition.OpNe, condition.OpLt, condition.OpLe, condition.OpGt, condition.OpGe:
		default:
			return reported
		}
		if !reported && !some(w.free, e) {
			add(field, survey.RouteContradiction, nil)
			reported = true
		}
		return reported
	}
	rule := func(field string, e, others condition.Expr, never string) bool {
		if e.IsZero() {
			return true
		}
		contradictions(field, e)
		if !some(w.states, others, e) {
			if some(w.free, e) {
				add(field, never, nil)
			}
			return false
		}
		var names []string
		e.Walk(func(e condition.Expr) bool {
			if e.Op() == condition.OpVar {
				names = append(names, e.Value().(string))
			}
			return true
		})
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if !some(w.states, others, e, shows[name]) {
				add(field, survey.RouteHidden, name)
			}
		}
		if never != survey.RouteQuotaNever && !some(w.states, others, condition.Not(e)) {
			add(field, survey.RouteAlways, nil)
		}
		return true
	}
	for p, page := range w.q.Pages {
		for i := range page.Items {
			it := &page.Items[i]
			for _, v := range it.Variables() {
				shows[v.Key] = condition.And(page.ShowIf, it.ShowIf)
				if v.Row != nil {
					shows[v.Key] = condition.And(page.ShowIf, it.ShowIf, v.Row.ShowIf)
				}
				if v.Part == survey.PartText {
					shows[v.Key] = condition.And(page.ShowIf, it.ShowIf, condition.Eq(condition.Var(it.Code), condition.Str(it.Options[len(it.Options)-1].Code)))
				}
			}
		}
		field := fmt.Sprintf("pages.%d", p)
		if !rule(field+".show_if", page.ShowIf, condition.Expr{}, survey.RoutePageNever) {
			continue
		}
		for i := range page.Items {
			it := &page.Items[i]
			at := fmt.Sprintf("%s.items.%d", field, i)
			if !rule(at+".show_if", it.ShowIf, page.ShowIf, survey.RouteItemNever) {
				continue
			}
			asked := condition.And(page.ShowIf, it.ShowIf)
			for k, row := range it.Rows {
				rule(fmt.Sprintf("%s.rows.%d.show_if", at, k), row.ShowIf, asked, survey.RouteRowNever)
			}
			routed := false
			for k, o := range it.Options {
				f := fmt.Sprintf("%s.options.%d", at, k)
				routed = routed || !o.ShowIf.IsZero()
				if rule(f+".show_if", o.ShowIf, asked, survey.RouteOptionNever) && it.Type == survey.MultipleChoice && !some(w.states, condition.In(it.Code, o.Code)) {
					add(f, survey.RouteOptionNever, nil)
				}
			}
			if !it.Formula.IsZero() {
				contradictions(at+".formula", it.Formula)
			}
			if routed && it.Required && !it.DontKnow {
				for _, v := range it.Variables() {
					if v.Listed && slices.ContainsFunc(w.states, func(a survey.Answers) bool { return shows[v.Key].Holds(a) && isStuck(it, a) }) {
						add(at+".options", survey.RouteDeadEnd, nil)
						break
					}
				}
			}
		}
	}
	for i, quota := range w.q.Quotas {
		rule(fmt.Sprintf("quotas.%d.when", i), quota.When, condition.Expr{}, survey.RouteQuotaNever)
	}
	return list
}

// smallRouted draws questionnaires with so few combinations that all can be
// tried. Loose ones calculate with any numbers and put texts in order.
func smallRouted(t *rapid.T, loose bool) survey.Questionnaire {
	q := survey.Questionnaire{Slug: "s", Version: 1, Languages: []string{"de"}, Title: de("t")}
	var known []survey.Variable
	maybe := func(percent int) bool { return rapid.IntRange(0, 99).Draw(t, "maybe") < percent }
	rule := func(percent int) condition.Expr {
		if len(known) == 0 || !maybe(percent) {
			return condition.Expr{}
		}
		return drawCondition(t, known, 2, loose)
	}
	n, combinations := 0, 1
	for p := range rapid.IntRange(2, 3).Draw(t, "pages") {
		page := survey.Page{Code: "p" + strconv.Itoa(p), Title: de("t"), ShowIf: rule(50)}
		for range rapid.IntRange(1, 3).Draw(t, "items") {
			it := survey.Item{Code: fmt.Sprintf("q%d", n), Text: de("?"), ShowIf: rule(40),
				Type: rapid.SampledFrom([]survey.Type{survey.SingleChoice, survey.MultipleChoice, survey.YesNo, survey.Scale, survey.Number,
					survey.MatrixSingle, survey.ShortText, survey.Date, survey.Calculated}).Draw(t, "type")}
			it.Required = it.Type != survey.Calculated && maybe(50)
			it.DontKnow = it.Type != survey.Calculated && maybe(20)
			switch it.Type {
			case survey.SingleChoice, survey.MultipleChoice, survey.MatrixSingle:
				it.Options = options("a", "b", "c")[:rapid.IntRange(2, 3).Draw(t, "options")]
				for o := range it.Options {
					it.Options[o].ShowIf = rule(25)
				}
				if it.Type == survey.MultipleChoice {
					last := len(it.Options) - 1
					it.Options[last].Exclusive = last > 1 && maybe(30)
					it.MinChoices = rapid.IntRange(0, 2).Draw(t, "least")
					if maybe(30) {
						it.MaxChoices = max(it.MinChoices, 1)
					}
				}
				if it.Type == survey.SingleChoice && maybe(20) {
					it.Options[len(it.Options)-1].Other = true
				}
				if it.Type == survey.MatrixSingle {
					it.Rows = options("r", "s")
					it.Options = it.Options[:2]
					it.Rows[1].ShowIf = rule(40)
				}
			case survey.Scale:
				it.Min, it.Max = number(1), number(3)
			case survey.Number:
				it.Min, it.Max, it.Integer = number(0), number(2), maybe(50)
			case survey.Date:
				it.Earliest, it.Latest = days[1], days[3]
			case survey.Calculated:
				it.Code = "sum"
				if q.Item("sum") != nil || slices.ContainsFunc(page.Items, func(i survey.Item) bool { return i.Code == "sum" }) || len(known) == 0 {
					continue
				}
				it.Formula = condition.Add(condition.Num(1), drawNumber(t, known))
			}
			more := 1
			for _, v := range it.Variables() {
				more *= len(sendable(v))
			}
			if combinations*more > 4000 {
				break
			}
			combinations *= more
			n++
			page.Items = append(page.Items, it)
			known = append(known, page.Items[len(page.Items)-1].Variables()...)
		}
		if len(page.Items) == 0 {
			page.Items = []survey.Item{{Code: "i" + strconv.Itoa(p), Type: survey.Info, Text: de("!")}}
		}
		q.Pages = append(q.Pages, page)
	}
	if len(known) > 0 && maybe(50) {
		q.Quotas = []survey.Quota{{Code: "quota", Limit: 1, When: drawCondition(t, known, 2, loose)}}
	}
	return q
}

// drawNumber gives a number that is 0 when it has no other value.
func drawNumber(t *rapid.T, known []survey.Variable) condition.Expr {
	v := rapid.SampledFrom(known).Draw(t, "variable")
	if v.Kind == condition.Number && (v.Item.Type == survey.Scale || v.Item.Integer) && rapid.Bool().Draw(t, "as it is") {
		return condition.Var(v.Key)
	}
	return condition.If(drawCondition(t, known, 1, false), condition.Num(1), condition.Num(0))
}

// drawCondition draws a condition over variables, whose values it knows.
func drawCondition(t *rapid.T, known []survey.Variable, depth int, loose bool) condition.Expr {
	if depth > 0 && rapid.IntRange(0, 2).Draw(t, "deeper") == 0 {
		a, b := drawCondition(t, known, depth-1, loose), drawCondition(t, known, depth-1, loose)
		return rapid.SampledFrom([]condition.Expr{condition.And(a, b), condition.Or(a, b), condition.Not(a), condition.And(a, condition.Not(b))}).Draw(t, "joined")
	}
	v := rapid.SampledFrom(known).Draw(t, "variable")
	if rapid.IntRange(0, 5).Draw(t, "presence") == 0 {
		return rapid.SampledFrom([]condition.Expr{condition.Missing(v.Key), condition.Answered(v.Key)}).Draw(t, "missing")
	}
	codes := []string{"a", "b"}
	if v.Listed {
		codes = nil
		for _, o := range v.Item.Choices() {
			codes = append(codes, o.Code)
		}
	}
	code := rapid.SampledFrom(codes).Draw(t, "code")
	compare := func(a, b condition.Expr) condition.Expr {
		return rapid.SampledFrom([]func(a, b condition.Expr) condition.Expr{condition.Eq, condition.Ne, condition.Lt, condition.Le, condition.Gt, condition.Ge}).Draw(t, "compare")(a, b)
	}
	switch {
	case v.Kind == condition.List:
		return condition.In(v.Key, code)
	case v.Kind == condition.Number && loose:
		w := rapid.SampledFrom(known).Filter(func(w survey.Variable) bool { return w.Kind == condition.Number }).Draw(t, "number")
		return compare(condition.Add(condition.Var(v.Key), condition.Mul(condition.Var(w.Key), condition.Var(w.Key))), condition.Num(float64(rapid.IntRange(0, 10).Draw(t, "bound"))))
	case v.Kind == condition.Number:
		return compare(condition.Var(v.Key), condition.Num(float64(rapid.IntRange(0, 4).Draw(t, "bound"))))
	case v.Item.Type == survey.Date:
		return compare(condition.Var(v.Key), condition.Str(rapid.SampledFrom(days).Draw(t, "day")))
	case v.Item.Type == survey.ShortText && loose:
		return compare(condition.Var(v.Key), condition.Str(code))
	}
	for _, w := range known {
		if w.Listed && w.Kind == condition.Text && v.Listed && w.Key != v.Key && rapid.IntRange(0, 9).Draw(t, "two") == 0 {
			return condition.Eq(condition.Var(v.Key), condition.Var(w.Key))
		}
	}
	return rapid.SampledFrom([]condition.Expr{
		condition.Eq(condition.Var(v.Key), condition.Str(code)),
		condition.Ne(condition.Var(v.Key), condition.Str(code)),
		condition.OneOf(v.Key, code, codes[0]),
	}).Draw(t, "text")
}

// TestFindingsAreWhatTryingEverythingFinds sends all combinations of answers to
// the reader and compares what follows with the findings.
func TestFindingsAreWhatTryingEverythingFinds(t *testing.T) {
	kinds := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		q := smallRouted(t, false)
		mustBeSound(t, q)
		want := newWorld(q).findings()
		var got []string
		for _, f := range q.Findings() {
			if f.Code == survey.RouteNotChecked {
				t.Fatalf("%s is not checked", f.Field)
			}
			got = append(got, finding(f.Field, f.Code, f.Args["name"]))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			b, _ := json.MarshalIndent(q, "", " ")
			t.Fatalf("%s\nfound    %q\nexpected %q", b, got, want)
		}
		for _, s := range want {
			kinds[strings.Fields(s)[1]]++
		}
	})
	t.Log(kinds)
}

func mustBeSound(t *rapid.T, q survey.Questionnaire) {
	for _, p := range q.Validate() {
		if p.Code != "required" || p.Field != "pages" { // nothing but texts
			t.Fatalf("%v", p)
		}
	}
}

// TestWhatIsNotCheckedIsNotGuessed compares where not all values can be tried:
// what is found must be true of those that were sent.
func TestWhatIsNotCheckedIsNotGuessed(t *testing.T) {
	open, claims := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		q := smallRouted(t, true)
		mustBeSound(t, q)
		want := newWorld(q).findings()
		for _, f := range q.Findings() {
			s := finding(f.Field, f.Code, f.Args["name"])
			within := func(w string) bool { // with the values sent, a smaller part never holds, or nobody comes by
				field, code, _ := strings.Cut(w, " ")
				place, _, _ := strings.Cut(field, "show_if")
				return strings.HasPrefix(field, f.Field) && code == "contradiction" ||
					strings.HasPrefix(f.Field, place) && (code == "contradiction" || strings.HasSuffix(code, "_never"))
			}
			switch {
			case f.Code == survey.RouteNotChecked:
				open++
			case f.Code == survey.RouteDeadEnd: // has an example
			case !slices.Contains(want, s) && !slices.ContainsFunc(want, within):
				b, _ := json.MarshalIndent(q, "", " ")
				t.Fatalf("%s\n%s is not true, expected %q", b, s, want)
			default:
				claims++
			}
		}
	})
	t.Logf("%d claims, %d left open", claims, open)
	if open == 0 || claims == 0 {
		t.Error("the test proves nothing")
	}
}

package participation

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

// What staff type for a mark, beside the numbers of options.
const (
	typedDontKnow = "w" // weiß nicht
	typedDeclined = "k" // keine Angabe
)

// ruler says a rule as "Nur wenn …", with questions by their numbers; "" for none.
type ruler func(condition.Expr) string

func (pt *Participation) rules(q survey.Questionnaire, lang string, numbers map[string]int) ruler {
	return func(e condition.Expr) string {
		if e.IsZero() {
			return ""
		}
		said := q.Explain(e, pt.p.Words, lang, func(it *survey.Item) string {
			if n := numbers[it.Code]; n > 0 {
				return pt.p.Words.In(lang, "participation.sheet_question", "n", n)
			}
			s, _ := it.Text.In(lang) // a calculated value
			return s
		})
		return pt.p.Words.In(lang, "participation.sheet_only_if", "rule", said)
	}
}

// typeField is one field of quick entry: one variable.
type typeField struct {
	Key, Number, Text, Hint, Rule string
	Value, Problem                string
	Long                          bool
	Other                         string // what the first person typed, when it differs
}

// typeFields are the fields of a sheet in the order of the paper.
func (pt *Participation) typeFields(q survey.Questionnaire, typed, other url.Values, problems content.Problems) []typeField {
	numbers := numbered(q)
	rule := pt.rules(q, content.German, numbers)
	say := func(key string, args ...any) string {
		return pt.p.Words.In(content.German, "staff.paper."+key, args...)
	}
	var fields []typeField
	for p := range q.Pages {
		page := &q.Pages[p]
		for i := range page.Items {
			it := &page.Items[i]
			if !onPaper(it) {
				continue
			}
			text, _ := it.Text.In(content.German)
			for n, v := range it.Variables() {
				f := typeField{Key: v.Key, Number: strconv.Itoa(numbers[it.Code]), Text: text, Value: typed.Get(v.Key), Rule: rule(it.ShowIf)}
				if f.Rule == "" {
					f.Rule = rule(page.ShowIf)
				}
				switch {
				case v.Row != nil:
					row, _ := v.Row.Text.In(content.German)
					f.Number += letter(n)
					f.Text += " – " + row
					f.Hint = optionHint(it)
				case v.Part == survey.PartText:
					f.Text += " – " + say("other")
				case v.Part == survey.PartPlace:
					if len(it.Options) == 0 {
						continue
					}
					f.Text += " – " + say("place")
					f.Hint = optionHint(it)
				case v.Part == survey.PartAddress:
					f.Text += " – " + say("address")
				case it.Type == survey.Point: // coordinates are not written on paper
					continue
				case v.Listed:
					f.Hint = optionHint(it)
				case it.Type == survey.Scale:
					f.Hint = survey.FormatNumber(*it.Min, content.German) + " – " + survey.FormatNumber(*it.Max, content.German)
				case it.Type == survey.Date:
					f.Hint = say("date")
				case it.Type == survey.LongText:
					f.Long = true
				}
				if v.Kind == condition.List {
					f.Hint += " · " + say("several")
				}
				if it.DontKnow {
					f.Hint += " · " + typedDontKnow + " = " + say("dont_know")
				}
				if it.NoAnswer {
					f.Hint += " · " + typedDeclined + " = " + say("declined")
				}
				f.Hint = strings.TrimPrefix(f.Hint, " · ")
				for _, problem := range problems {
					if problem.Field == v.Key {
						f.Problem = pt.p.Words.Say(content.German, problem)
						break
					}
				}
				if s := other.Get(v.Key); other != nil && s != f.Value {
					if f.Other = s; s == "" {
						f.Other = say("blank")
					}
				}
				fields = append(fields, f)
			}
		}
	}
	return fields
}

func optionHint(it *survey.Item) string {
	parts := make([]string, 0, len(it.Choices()))
	for i, o := range it.Choices() {
		text, _ := o.Text.In(content.German)
		parts = append(parts, strconv.Itoa(i+1)+" = "+text)
	}
	return strings.Join(parts, ", ")
}

// Described are the ids of what explains the field.
func (f typeField) Described() string {
	var ids []string
	for id, present := range map[string]bool{"h-": f.Hint != "" || f.Rule != "", "e-": f.Problem != "", "o-": f.Other != ""} {
		if present {
			ids = append(ids, id+f.Key)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// tidyTyped keeps the fields of the sheet, one text each, blanks at the ends
// removed, so that two entries can be compared.
func (pt *Participation) tidyTyped(q survey.Questionnaire, form url.Values) url.Values {
	typed := url.Values{}
	for _, f := range pt.typeFields(q, nil, nil, nil) {
		s := strings.TrimSpace(strings.ReplaceAll(form.Get(f.Key), "\r\n", "\n"))
		if !f.Long {
			s = strings.Join(strings.Fields(s), " ")
		}
		if s != "" {
			typed.Set(f.Key, s)
		}
	}
	return typed
}

// readTyped turns numbers into codes and checks the sheet. On paper nobody can be
// held to answer: what is required may be missing, and fewer boxes may be ticked
// than asked for. Answers that routing hides are dropped; their keys come back.
func readTyped(q survey.Questionnaire, typed url.Values) (survey.Answers, []string, content.Problems) {
	form := url.Values{}
	var problems content.Problems
	for _, v := range q.Variables() {
		s := typed.Get(v.Key)
		switch {
		case s == "" || v.Item.Type == survey.Calculated:
			continue
		case s == typedDontKnow && v.Item.DontKnow:
			form.Set(survey.Mark(v.Key), survey.DontKnow)
		case s == typedDeclined && v.Item.NoAnswer:
			form.Set(survey.Mark(v.Key), survey.Declined)
		case v.Listed:
			codes, ok := typedCodes(v.Item, s, v.Kind == condition.List)
			if !ok {
				problems.Add(v.Key, "unknown_option")
				continue
			}
			form[v.Key] = codes
		default:
			form.Set(v.Key, s)
		}
	}
	r := q.Read(form)
	for _, p := range r.Problems {
		switch p.Code {
		case "required", "too_few", "nothing_answered":
		default:
			problems = append(problems, p)
		}
	}
	if len(problems) == 0 && len(r.Answers) == 0 {
		problems.Add("answers", "nothing_answered")
	}
	var dropped []string
	for _, v := range q.Variables() {
		_, answered := r.Answers[v.Key]
		_, marked := r.Answers[survey.Mark(v.Key)]
		wrong := slices.ContainsFunc(problems, func(p content.Problem) bool { return p.Field == v.Key })
		if typed.Get(v.Key) != "" && !answered && !marked && !wrong {
			dropped = append(dropped, v.Key)
		}
	}
	return r.Answers, dropped, problems
}

// typedCodes reads "1", or "1 3 4" and "1,3,4" where several may be chosen.
func typedCodes(it *survey.Item, s string, several bool) (codes []string, ok bool) {
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '\n' })
	options := it.Choices()
	for _, f := range fields {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 || n > len(options) {
			return nil, false
		}
		codes = append(codes, options[n-1].Code)
	}
	return codes, len(codes) > 0 && (several || len(codes) == 1)
}

// sheetNumber reads the number that stands on a sheet.
func sheetNumber(form url.Values) (int, content.Problems) {
	n, err := strconv.Atoi(strings.TrimSpace(form.Get("bogen")))
	if err != nil || n < 1 || n > 999_999 {
		return 0, content.Problems{{Field: "bogen", Code: "out_of_range", Args: map[string]any{"min": 1, "max": 999_999}}}
	}
	return n, nil
}

package survey

import (
	"strings"
	"time"

	"servicepoint/content"
)

// Say writes the answer of a variable as people read it: labels in place of
// codes, numbers and days as the language writes them. An empty answer is "".
func (v Variable) Say(a Answers, lang string) string {
	switch value := a[v.Key].(type) {
	case string:
		switch {
		case v.Listed:
			return v.Item.label(value, lang)
		case v.Item.Type == Date:
			return FormatDate(value, lang)
		}
		return value
	case float64:
		s := FormatNumber(value, lang)
		if v.Item.Unit != "" {
			s += " " + v.Item.Unit
		}
		return s
	case []string:
		texts := make([]string, len(value))
		for i, code := range value {
			texts[i] = v.Item.label(code, lang)
		}
		return strings.Join(texts, ", ")
	}
	return ""
}

func (it *Item) label(code, lang string) string {
	if i := it.option(code); i >= 0 {
		s, _ := it.Choices()[i].Text.In(lang)
		return s
	}
	return code
}

// Pipe puts earlier answers into a text: "{code}" becomes what [Variable.Say]
// says, "…" when there is no answer. put is called with every answer on its way
// into the text, for example to escape it in HTML; nil leaves it as it is.
func (q Questionnaire) Pipe(text string, a Answers, lang string, put func(string) string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	return piped.ReplaceAllStringFunc(text, func(gap string) string {
		key := gap[1 : len(gap)-1]
		it := q.Item(itemOf(key))
		if it == nil {
			return gap
		}
		for _, v := range it.Variables() {
			if v.Key != key {
				continue
			}
			s := v.Say(a, lang)
			if s == "" {
				s = "…"
			}
			if put != nil {
				s = put(s)
			}
			return s
		}
		return gap
	})
}

// Seconds that answering takes, after what survey research reckons with: about a
// second for every three words, and a while to decide.
const (
	wordsPerSecond = 3
	toChoose       = 4
	toWrite        = 12
	toWriteMuch    = 40
	perRow         = 4
)

// Duration estimates how long the whole questionnaire takes who is asked everything.
func (q Questionnaire) Duration() time.Duration {
	seconds := 0.0
	words := func(t content.Text) { seconds += float64(len(strings.Fields(t[content.German]))) / wordsPerSecond }
	words(q.Intro)
	for _, it := range q.Items() {
		words(it.Text)
		words(it.Help)
		for _, o := range it.Options {
			words(o.Text)
		}
		for _, r := range it.Rows {
			words(r.Text)
		}
		switch it.Type {
		case Info, Calculated:
		case MatrixSingle, MatrixMultiple:
			seconds += perRow * float64(len(it.Rows))
		case Ranking:
			seconds += perRow * float64(len(it.Options))
		case LongText, Point, File, Photo:
			seconds += toWriteMuch
		case ShortText, Number, Email, Date, Time, Street:
			seconds += toWrite
		default:
			seconds += toChoose
		}
	}
	return time.Duration(seconds * float64(time.Second))
}

// EstimatedMinutes is what editors wrote, or else what Duration says, at least 1.
func (q Questionnaire) EstimatedMinutes() int {
	if q.Minutes > 0 {
		return q.Minutes
	}
	return max(1, int(q.Duration().Round(time.Minute)/time.Minute))
}

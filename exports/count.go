package exports

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"

	"servicepoint/content"
	"servicepoint/content/survey"
)

// Frequency is what was answered to one item.
type Frequency struct {
	Code     string
	Text     string      // of the question, German
	Type     survey.Type // in the newest version
	Asked    int         // responses of versions that have the item
	Answered int         // of those, responses with an answer: the base of all per cents
	Shares   []Share     // options or scale values in their order; none for texts, numbers and dates
	Numbers  int         // how many answers Mean, Min and Max rest on
	Mean     float64     // of scales and numbers
	Min, Max float64
	From, To string // first and last of dates, YYYY-MM-DD
}

// Share is how many chose one option. With multiple choice the per cents of an
// item may add up to more than 100.
type Share struct {
	Code    string
	Label   string
	N       int
	Percent float64 // of Answered
}

// Count counts the answers of a survey. It is the one computation behind the
// sheet "Häufigkeiten" and every chart. The error is that of the iterator, or
// says that a response is of a version that is not among versions.
func Count(versions []survey.Questionnaire, rows iter.Seq2[survey.Response, error]) ([]Frequency, error) {
	m, err := merge(versions)
	if err != nil {
		return nil, err
	}
	t := newTally(m)
	for r, err := range rows {
		if err != nil {
			return nil, err
		}
		if err := t.add(r); err != nil {
			return nil, err
		}
	}
	return t.frequencies(), nil
}

// tally counts one response after the other; its memory does not grow with them.
type tally struct {
	m     *merged
	asked map[int]int // version → responses
	items map[string]*itemTally
}

type itemTally struct {
	answered, numbers int
	codes             map[string]int
	sum, min, max     float64
	from, to          string
}

func newTally(m *merged) *tally {
	t := &tally{m: m, asked: map[int]int{}, items: map[string]*itemTally{}}
	for _, q := range m.versions {
		t.asked[q.Version] = 0
	}
	for _, it := range m.items {
		t.items[it.Code] = &itemTally{codes: map[string]int{}}
	}
	return t
}

func (t *tally) add(r survey.Response) error {
	if _, ok := t.asked[r.Version]; !ok {
		return fmt.Errorf("exports: a response of version %d, which is not among the versions of %q", r.Version, t.m.slug)
	}
	t.asked[r.Version]++
	for code, v := range r.Answers {
		it, counted := t.m.byCode[code], t.items[code]
		if it == nil || isEmpty(v) {
			continue
		}
		counted.answered++
		switch it.Type {
		case survey.SingleChoice, survey.MultipleChoice:
			codes, _ := codesOf(v)
			for i, c := range codes {
				if !slices.Contains(codes[:i], c) {
					counted.codes[c]++
				}
			}
		case survey.Scale, survey.Number:
			if n, ok := numberOf(v); ok {
				counted.addNumber(n)
				if it.Type == survey.Scale {
					counted.codes[strconv.FormatFloat(n, 'f', -1, 64)]++
				}
			}
		case survey.Date:
			if s, ok := v.(string); ok {
				if counted.from == "" || s < counted.from {
					counted.from = s
				}
				counted.to = max(counted.to, s)
			}
		}
	}
	return nil
}

func (c *itemTally) addNumber(n float64) {
	if c.numbers == 0 {
		c.min, c.max = n, n
	}
	c.numbers++
	c.sum += n
	c.min, c.max = min(c.min, n), max(c.max, n)
}

func (t *tally) frequencies() []Frequency {
	all := make([]Frequency, 0, len(t.m.items))
	for _, it := range t.m.items {
		c := t.items[it.Code]
		f := Frequency{
			Code: it.Code, Type: it.Type, Answered: c.answered,
			Numbers: c.numbers, Min: c.min, Max: c.max, From: c.from, To: c.to,
		}
		f.Text, _ = it.Text.In(content.German)
		for _, v := range it.versions {
			f.Asked += t.asked[v]
		}
		if c.numbers > 0 {
			f.Mean = c.sum / float64(c.numbers)
		}
		for _, s := range it.shares(c) {
			if c.answered > 0 {
				s.Percent = 100 * float64(s.N) / float64(c.answered)
			}
			f.Shares = append(f.Shares, s)
		}
		all = append(all, f)
	}
	return all
}

// shares lists the known options or scale values, then whatever else was answered.
func (it *item) shares(c *itemTally) []Share {
	var shares []Share
	known := map[string]bool{}
	put := func(code, label string) {
		if !known[code] {
			known[code] = true
			shares = append(shares, Share{Code: code, Label: label, N: c.codes[code]})
		}
	}
	switch it.Type {
	case survey.SingleChoice, survey.MultipleChoice:
		for _, o := range it.options {
			put(o.Code, it.label(o.Code))
		}
	case survey.Scale:
		if it.Min != nil && it.Max != nil && *it.Max-*it.Min <= 100 {
			for n := math.Ceil(*it.Min); n <= *it.Max; n++ {
				code := strconv.FormatFloat(n, 'f', -1, 64)
				put(code, it.scaleLabel(n))
			}
		}
	default:
		return nil
	}
	var others []string
	for code := range c.codes {
		if !known[code] {
			others = append(others, code)
		}
	}
	slices.Sort(others)
	for _, code := range others {
		put(code, code)
	}
	return shares
}

// scaleLabel names a value of a scale; only its ends have words.
func (it *item) scaleLabel(n float64) string {
	label := strconv.FormatFloat(n, 'f', -1, 64)
	var end string
	switch {
	case n == *it.Min:
		end, _ = it.MinLabel.In(content.German)
	case n == *it.Max:
		end, _ = it.MaxLabel.In(content.German)
	}
	if end != "" {
		label += " (" + end + ")"
	}
	return label
}

// isEmpty reports whether v is no answer.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []string:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

func numberOf(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}

// Package tally counts the answers of a survey: how often what was answered, why
// nothing was, and two questions against each other. It is the one computation
// behind sheets, charts and published results.
//
// It knows nothing of storage, sheets or pages and does not hide small groups:
// who publishes figures has to. [Merge] lays the versions of a questionnaire over
// each other; a [Counter] takes one response after the other and gives a [Figure]
// for every variable and a [Table] for every pair that was asked for. Its memory
// grows with the questionnaire, not with the responses.
package tally

import (
	"errors"
	"fmt"
	"slices"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

// Survey is a survey over all its versions: the newest decides on texts and
// order, nothing that any version asked is lost.
type Survey struct {
	Slug     string
	Title    content.Text
	Versions []survey.Questionnaire // ascending
	Items    []*Item                // order of the newest version, then what only older ones asked

	byCode    map[string]*Item
	byKey     map[string]*Variable
	byVersion map[int]*survey.Questionnaire
	apart     map[int][]string // by version: variables that cannot be judged without personal answers
}

// Item is one question over all versions of a survey.
type Item struct {
	survey.Item              // as the newest version asks it
	Page        content.Text // title of its page
	Versions    []int        // in which it is asked, ascending
	Offered     []Option     // the choices of all versions, the newest version's first
	Variables   []*Variable  // of all versions, likewise
	Types       map[survey.Type][]int
	Whole       bool // in every version numbers are integers
}

// Option is a choice and the versions that offer it.
type Option struct {
	survey.Option
	Versions []int // ascending
}

// Variable is one variable over all versions of a survey. Its embedded part is
// as the newest version has it that has it at all.
type Variable struct {
	survey.Variable
	Of       *Item
	Versions []int // ascending
}

// Merge lays the versions of one survey over each other.
func Merge(versions []survey.Questionnaire) (*Survey, error) {
	if len(versions) == 0 {
		return nil, errors.New("tally: a survey without a version")
	}
	s := &Survey{
		Versions: slices.Clone(versions), byCode: map[string]*Item{}, byKey: map[string]*Variable{}, byVersion: map[int]*survey.Questionnaire{}, apart: map[int][]string{},
	}
	slices.SortFunc(s.Versions, func(a, b survey.Questionnaire) int { return a.Version - b.Version })
	newest := &s.Versions[len(s.Versions)-1]
	s.Slug, s.Title = newest.Slug, newest.Title
	for i := len(s.Versions) - 1; i >= 0; i-- {
		q := &s.Versions[i]
		if q.Slug != s.Slug {
			return nil, fmt.Errorf("tally: versions of two surveys, %q and %q", s.Slug, q.Slug)
		}
		if s.byVersion[q.Version] != nil {
			return nil, fmt.Errorf("tally: version %d of %q is given twice", q.Version, q.Slug)
		}
		s.byVersion[q.Version] = q
		s.apart[q.Version] = apart(q)
		s.lay(q)
	}
	for _, it := range s.Items {
		slices.Sort(it.Versions)
		for i := range it.Offered {
			slices.Sort(it.Offered[i].Versions)
		}
		for _, v := range it.Variables {
			slices.Sort(v.Versions)
		}
	}
	return s, nil
}

// lay adds one version below those that are newer.
func (s *Survey) lay(q *survey.Questionnaire) {
	for p := range q.Pages {
		page := &q.Pages[p]
		for i := range page.Items {
			asked := &page.Items[i]
			if asked.Type == survey.Info {
				continue
			}
			it := s.byCode[asked.Code]
			if it == nil {
				it = &Item{Item: *asked, Page: page.Title, Types: map[survey.Type][]int{}, Whole: true}
				s.Items, s.byCode[asked.Code] = append(s.Items, it), it
			}
			it.Versions = append(it.Versions, q.Version)
			it.Types[asked.Type] = append(it.Types[asked.Type], q.Version)
			it.Whole = it.Whole && (asked.Integer || asked.Type == survey.Scale)
			for _, o := range asked.Choices() {
				n := slices.IndexFunc(it.Offered, func(have Option) bool { return have.Code == o.Code })
				if n < 0 {
					n = len(it.Offered)
					it.Offered = append(it.Offered, Option{Option: o})
				}
				it.Offered[n].Versions = append(it.Offered[n].Versions, q.Version)
			}
			for _, v := range asked.Variables() {
				have := s.byKey[v.Key]
				if have == nil {
					have = &Variable{Variable: v, Of: it}
					it.Variables, s.byKey[v.Key] = append(it.Variables, have), have
				}
				have.Versions = append(have.Versions, q.Version)
			}
		}
	}
}

// apart lists the variables of personal questions and of those whose routing
// depends on them. Without the personal answers it is not known why another one
// is missing.
func apart(q *survey.Questionnaire) (keys []string) {
	if q.Anonymous { // asks nothing personal
		return nil
	}
	hidden := map[string]bool{}
	depends := func(rules ...condition.Expr) bool {
		return slices.ContainsFunc(rules, func(e condition.Expr) bool {
			return slices.ContainsFunc(e.Vars(), func(name string) bool { return hidden[name] })
		})
	}
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			it := &q.Pages[p].Items[i]
			for _, v := range it.Variables() {
				if it.IsPersonal() || depends(q.Pages[p].ShowIf, it.ShowIf, it.Formula) || v.Row != nil && depends(v.Row.ShowIf) {
					hidden[v.Key] = true
					keys = append(keys, v.Key)
				}
			}
		}
	}
	return keys
}

// Item returns an item by its code, nil when no version has it.
func (s *Survey) Item(code string) *Item { return s.byCode[code] }

// Variable returns a variable by its key, nil when no version has it.
func (s *Survey) Variable(key string) *Variable { return s.byKey[key] }

// Variables lists all variables in the order of the items.
func (s *Survey) Variables() (all []*Variable) {
	for _, it := range s.Items {
		all = append(all, it.Variables...)
	}
	return all
}

// Newest is the newest version.
func (s *Survey) Newest() *survey.Questionnaire { return &s.Versions[len(s.Versions)-1] }

// Version returns a version by its number, nil when there is none.
func (s *Survey) Version(n int) *survey.Questionnaire { return s.byVersion[n] }

// Empty tells of every variable of any version why the response has no answer to
// it. The error says that its version is not among the versions.
func (s *Survey) Empty(r survey.Response) (map[string]survey.Missing, error) {
	q := s.byVersion[r.Version]
	if q == nil {
		return nil, fmt.Errorf("tally: a response of version %d, which is not among the versions of %q", r.Version, s.Slug)
	}
	empty := q.Empty(r.Answers)
	if !r.Personal {
		for _, key := range s.apart[r.Version] {
			if r.Answers[key] == nil && r.Answers[survey.Mark(key)] == nil {
				empty[key] = survey.LeftOut
			}
		}
	}
	if len(s.Versions) > 1 {
		for key, v := range s.byKey {
			if r.Answers[key] == nil && !slices.Contains(v.Versions, r.Version) {
				empty[key] = survey.NotAsked
			}
		}
	}
	return empty, nil
}

// Label is the text of an option in a language, the code itself when no version
// knows it.
func (it *Item) Label(code, lang string) string {
	for _, o := range it.Offered {
		if o.Code == code {
			if s, _ := o.Text.In(lang); s != "" {
				return s
			}
		}
	}
	return code
}

// Several reports whether any version took several options.
func (v *Variable) Several() bool {
	return len(v.Of.Types[survey.MultipleChoice])+len(v.Of.Types[survey.MatrixMultiple]) > 0 && (v.Part == "" || v.Row != nil)
}

// Ranked reports whether the answer is an order of options.
func (v *Variable) Ranked() bool { return v.Of.Type == survey.Ranking }

// Crossable reports whether every response has at most one of a short list of
// values, which a table can have as rows or columns.
func (v *Variable) Crossable() bool {
	return v.Listed && !v.Several() && !v.Ranked() || v.Of.Type == survey.Scale
}

// form tells answers apart that cannot be counted together.
type form int

const (
	words form = iota
	choices
	order
	numbers
	moments
)

func formOf(v *survey.Variable) form {
	switch v.Item.Type {
	case survey.Ranking:
		return order
	case survey.Scale, survey.Number, survey.Calculated:
		return numbers
	case survey.Date, survey.Time:
		return moments
	}
	if v.Listed {
		return choices
	}
	return words
}

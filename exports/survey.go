package exports

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
)

// Survey is what goes into one workbook.
type Survey struct {
	Versions []survey.Questionnaire // every version that was asked, in any order
	Exported time.Time              // when the snapshot was taken
	Program  string                 // name and version of the program, e.g. "servicepoint 1.0"

	// Rows gives every response once, in an order that does not tell when they
	// came (key order). Count is their number, from the same snapshot: the sheet's
	// dimension is written before the first row.
	Rows  iter.Seq2[survey.Response, error]
	Count int
}

// Refusal is a reason why a survey cannot be exported at all; trying again does
// not help.
type Refusal struct {
	text   string // for logs
	reason string // for planners
}

func (r *Refusal) Error() string { return "exports: " + r.text }

// Reason says in German, for planners, why there is no file.
func (r *Refusal) Reason() string { return r.reason }

func refuse(reason, text string, args ...any) *Refusal {
	return &Refusal{text: fmt.Sprintf(text, args...), reason: reason}
}

// Limits of a worksheet.
const (
	MaxRows      = 1_048_576 - 1 // responses: the header takes one row
	MaxColumns   = 16_384
	MaxCellUnits = 32_767 // UTF-16 units in a cell
)

// item is one question over all versions of a survey.
type item struct {
	survey.Item          // as the newest version asks it
	page        string   // title of its page
	versions    []int    // in which it is asked, ascending
	options     []option // of all versions, the newest version's first
	types       map[survey.Type][]int
}

type option struct {
	survey.Option
	versions []int
}

// merged is a survey over all its versions.
type merged struct {
	slug     string
	title    string
	versions []survey.Questionnaire // ascending
	items    []*item                // order of the newest version, then what only older ones asked
	byCode   map[string]*item
}

// merge lays the versions of one survey over each other: the newest version
// decides on texts and order, nothing that any version asked is lost.
func merge(versions []survey.Questionnaire) (*merged, error) {
	if len(versions) == 0 {
		return nil, errors.New("exports: a survey without a version")
	}
	m := &merged{versions: slices.Clone(versions), byCode: map[string]*item{}}
	slices.SortFunc(m.versions, func(a, b survey.Questionnaire) int { return a.Version - b.Version })
	newest := m.versions[len(m.versions)-1]
	m.slug = newest.Slug
	m.title, _ = newest.Title.In(content.German)
	for i := len(m.versions) - 1; i >= 0; i-- {
		q := m.versions[i]
		if q.Slug != m.slug {
			return nil, fmt.Errorf("exports: versions of two surveys, %q and %q", m.slug, q.Slug)
		}
		if i > 0 && m.versions[i-1].Version == q.Version {
			return nil, fmt.Errorf("exports: version %d of %q is given twice", q.Version, q.Slug)
		}
		m.lay(q)
	}
	for _, it := range m.items {
		slices.Sort(it.versions)
		for i := range it.options {
			slices.Sort(it.options[i].versions)
		}
	}
	return m, nil
}

// lay adds one version below those that are newer.
func (m *merged) lay(q survey.Questionnaire) {
	for _, p := range q.Pages {
		page, _ := p.Title.In(content.German)
		for _, asked := range p.Items {
			if asked.Type == survey.Info {
				continue
			}
			it := m.byCode[asked.Code]
			if it == nil {
				it = &item{Item: asked, page: page, types: map[survey.Type][]int{}}
				m.items, m.byCode[asked.Code] = append(m.items, it), it
			}
			it.versions = append(it.versions, q.Version)
			it.types[asked.Type] = append(it.types[asked.Type], q.Version)
			for _, o := range asked.Options {
				i := slices.IndexFunc(it.options, func(have option) bool { return have.Code == o.Code })
				if i < 0 {
					i = len(it.options)
					it.options = append(it.options, option{Option: o})
				}
				it.options[i].versions = append(it.options[i].versions, q.Version)
			}
		}
	}
}

// label is the German text of an option, the code itself when nobody knows it.
func (it *item) label(code string) string {
	for _, o := range it.options {
		if o.Code == code {
			if s, _ := o.Text.In(content.German); s != "" {
				return s
			}
		}
	}
	return code
}

// wasMultiple reports whether any version took several options.
func (it *item) wasMultiple() bool { return len(it.types[survey.MultipleChoice]) > 0 }

// codesOf reads the chosen options, whatever way the answer was decoded.
func codesOf(v any) ([]string, bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []string:
		return v, true
	case []any:
		codes := make([]string, 0, len(v))
		for _, x := range v {
			s, ok := x.(string)
			if !ok {
				return nil, false
			}
			codes = append(codes, s)
		}
		return codes, true
	}
	return nil, false
}

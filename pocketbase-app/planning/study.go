package planning

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/citymap"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"

	"github.com/pocketbase/dbx"
)

// study is a survey with its questions over all versions.
type study struct {
	surveyView
	asked    *tally.Survey
	district *tally.Variable // in which Ortsbezirk somebody lives; nil when nobody asks
	age      *tally.Variable // likewise the age group
}

// study loads a survey; base.ErrNotFound when it was never published.
func (pl *Planning) study(ctx context.Context, slug string) (study, error) {
	view, err := pl.survey(ctx, slug)
	if err != nil {
		return study{}, err
	}
	var docs []string
	if err := pl.p.App.DB().NewQuery(`SELECT questionnaire FROM survey_versions WHERE survey = {:survey} ORDER BY version`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).Column(&docs); err != nil {
		return study{}, err
	}
	versions := make([]survey.Questionnaire, len(docs))
	for i, doc := range docs {
		if err := json.Unmarshal([]byte(doc), &versions[i]); err != nil {
			return study{}, fmt.Errorf("survey %s: %w", slug, err)
		}
		versions[i].Slug = slug
	}
	s := study{surveyView: view}
	if s.asked, err = tally.Merge(versions); err != nil {
		return s, err
	}
	for _, v := range s.crossable() {
		if s.district == nil && isDistrict(v) {
			s.district = v
		}
		if s.age == nil && ageCode.MatchString(v.Of.Code) {
			s.age = v
		}
	}
	return s, nil
}

var ageCode = regexp.MustCompile(`^(age|alter)(_|$)`)

// isDistrict reports whether a variable asks for the Ortsbezirk, by its type or
// because most of its options are some.
func isDistrict(v *tally.Variable) bool {
	if v.Of.Type == survey.District {
		return true
	}
	known := 0
	for _, o := range v.Of.Offered {
		if districtOf(o.Code) != nil {
			known++
		}
	}
	return known >= 5 && 5*known >= 4*len(v.Of.Offered)
}

// districtOf gives the Ortsbezirk of an option's code, which may have "_" where
// addresses have "-"; nil when it is none.
func districtOf(code string) *citymap.District {
	code = strings.ReplaceAll(code, "_", "-")
	if i := slices.IndexFunc(districts, func(d citymap.District) bool { return d.Slug == code }); i >= 0 {
		return &districts[i]
	}
	return nil
}

var districts = citymap.Districts()

// shown reports whether pages show a variable: nothing personal and nothing that
// is one person's own.
func (s study) shown(v *tally.Variable) bool {
	for _, n := range v.Versions {
		if s.asked.Version(n).Item(v.Of.Code).IsPersonal() {
			return false
		}
	}
	switch v.Of.Type {
	case survey.Number, survey.Calculated, survey.Scale:
		return true
	case survey.Consent:
		return false
	}
	return v.Listed
}

// crossable lists what tables and filters may be of.
func (s study) crossable() (list []*tally.Variable) {
	for _, v := range s.asked.Variables() {
		if s.shown(v) && v.Crossable() {
			list = append(list, v)
		}
	}
	return list
}

// variable finds one of crossable by its key, nil when there is none.
func (s study) variable(key string) *tally.Variable {
	for _, v := range s.crossable() {
		if v.Key == key {
			return v
		}
	}
	return nil
}

// say gives a text in German, the language of staff.
func say(t content.Text) string {
	s, _ := t.In(content.German)
	return s
}

// question is what a variable asks, with the row of a matrix.
func question(v *tally.Variable) string {
	if v.Row != nil {
		return say(v.Of.Text) + " – " + say(v.Row.Text)
	}
	return say(v.Of.Text)
}

// option is something to choose in a form.
type option struct {
	Value, Label string
	Chosen       bool
}

type optionGroup struct {
	Label   string
	Options []option
}

// codes lists what may be answered to a variable.
func (pl *Planning) codes(v *tally.Variable) (list []option) {
	if v.Of.Type == survey.Scale {
		for _, step := range v.Of.Steps() {
			list = append(list, option{Value: strconv.Itoa(step), Label: say(v.Of.StepText(step))})
		}
		return list
	}
	for _, o := range v.Of.Offered {
		list = append(list, option{Value: o.Code, Label: say(o.Text)})
	}
	return list
}

// conditions are the filters of a page: "wo=district:mitte", each key at most
// [disclosure.MostFilters] times over the page, several codes of one are an "or".
type conditions []disclosure.Filter

// Form fields of filters.
const where = "wo"

// conditions reads the filters of an address.
func (pl *Planning) conditions(s study, values []string) (c conditions, ps content.Problems) {
	for _, value := range values {
		if value == "" {
			continue
		}
		key, code, ok := strings.Cut(value, ":")
		if !ok || !pl.offers(s, key, code) {
			ps.Add(where, "unknown_option")
			return nil, ps
		}
		i := slices.IndexFunc(c, func(f disclosure.Filter) bool { return f.Key == key })
		if i < 0 {
			i, c = len(c), append(c, disclosure.Filter{Key: key})
		}
		if !slices.Contains(c[i].Codes, code) {
			c[i].Codes = append(c[i].Codes, code)
		}
	}
	if len(c) > disclosure.MostFilters {
		ps.Add(where, "planning_filters", "max", disclosure.MostFilters)
	}
	return c, ps
}

func (pl *Planning) offers(s study, key, code string) bool {
	if key == disclosure.Channel {
		return slices.Contains(survey.Channels, code)
	}
	v := s.variable(key)
	return v != nil && slices.ContainsFunc(pl.codes(v), func(o option) bool { return o.Value == code })
}

// without leaves the filters of a variable out: of a question about itself.
func (c conditions) without(keys ...string) (rest []disclosure.Filter) {
	for _, f := range c {
		if !slices.Contains(keys, f.Key) {
			rest = append(rest, f)
		}
	}
	return rest
}

// values are the conditions as an address has them.
func (c conditions) values() (list []string) {
	for _, f := range c {
		for _, code := range f.Codes {
			list = append(list, f.Key+":"+code)
		}
	}
	return list
}

// filterView is the form of filters.
type filterView struct {
	Selects []filterSelect
	Said    []string // what is kept, in words
	Problem string
	Hidden  []option // the other parts of the address
}

type filterSelect struct {
	ID, Label string
	Groups    []optionGroup
	Options   []option
}

// filter makes the form. Values that the selects cannot show (a second code of a
// question) stay in the address as hidden fields.
func (pl *Planning) filter(s study, c conditions) (out filterView) {
	left := c.values()
	take := func(value string) bool {
		if i := slices.Index(left, value); i >= 0 {
			left = slices.Delete(left, i, i+1)
			return true
		}
		return false
	}
	choose := func(list []option, key string, once *bool) (all []option) {
		for _, o := range list {
			value := key + ":" + o.Value
			chosen := !*once && take(value)
			*once = *once || chosen
			all = append(all, option{value, o.Label, chosen})
		}
		return all
	}
	put := func(id, label string, list []option, key string) {
		once := false
		out.Selects = append(out.Selects, filterSelect{ID: id, Label: label, Options: choose(list, key, &once)})
	}
	if s.district != nil {
		put("wo-bezirk", pl.word("staff.planning.view.district"), pl.codes(s.district), s.district.Key)
	}
	if s.age != nil {
		put("wo-alter", pl.word("staff.planning.view.age"), pl.codes(s.age), s.age.Key)
	}
	put("wo-weg", pl.word("staff.planning.view.channel"), pl.channels(), disclosure.Channel)
	more, once := filterSelect{ID: "wo-mehr", Label: pl.word("staff.planning.view.more_filter")}, false
	for _, v := range s.crossable() {
		if v == s.district || v == s.age {
			continue
		}
		more.Groups = append(more.Groups, optionGroup{question(v), choose(pl.codes(v), v.Key, &once)})
	}
	if len(more.Groups) > 0 {
		out.Selects = append(out.Selects, more)
	}
	for _, value := range left {
		out.Hidden = append(out.Hidden, option{Value: value, Label: where})
	}
	out.Said = pl.sayWhere(s, c)
	return out
}

func (pl *Planning) channels() (list []option) {
	for _, c := range survey.Channels {
		list = append(list, option{Value: c, Label: pl.channel(c)})
	}
	return list
}

// sayWhere says filters in words: "Ortsbezirk: Mitte oder Südstadt".
func (pl *Planning) sayWhere(s study, filters []disclosure.Filter) (said []string) {
	for _, f := range filters {
		label, list := pl.word("staff.planning.view.channel"), pl.channels()
		if v := s.variable(f.Key); v != nil {
			label, list = question(v), pl.codes(v)
		}
		var codes []string
		for _, o := range list {
			if slices.Contains(f.Codes, o.Value) {
				codes = append(codes, o.Label)
			}
		}
		said = append(said, label+": "+strings.Join(codes, " "+pl.word("staff.planning.view.or")+" "))
	}
	return said
}

// number writes a whole number as German readers expect it.
func number(n int) string { return surveyView{}.Number(n) }

// percent writes a share of a base: whole per cents, because few hundred answers
// carry no more; "unter 1 %" rather than nothing.
func percent(n, base int) string {
	if base <= 0 {
		return ""
	}
	if f := 100 * float64(n) / float64(base); f > 0 && f < 0.5 {
		return "< 1\u00a0%"
	} else {
		return strconv.Itoa(int(math.Round(f))) + "\u00a0%"
	}
}

func decimal(f float64) string { return survey.FormatNumber(math.Round(f*10)/10, content.German) }

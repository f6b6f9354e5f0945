package survey

import (
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"servicepoint/content/survey/condition"
)

// Bounds of what is tried in full.
const (
	wholeRange  = 101 // values of a number, days, minutes
	wholeChoice = 12  // options of a list, which have 2^12 subsets
)

// domain are the values of one variable that make a difference to some conditions.
type domain struct {
	slot    *slot
	texts   []string  // codes and texts that conditions name
	numbers []float64 // that conditions compare with
	ordered bool      // texts are compared by < and the like
	whole   bool      // every value makes a difference: it is calculated with, or compared with another variable
	fixed   []any     // the values, unless they are options
	exact   bool      // the values tried stand for all
}

// mention notes what an expression wants to know of the variables.
func mention(e condition.Expr, domains map[string]*domain) {
	args := e.Args()
	variable := func(e condition.Expr) *domain {
		if name, ok := e.Value().(string); ok && e.Op() == condition.OpVar {
			return domains[name]
		}
		return nil
	}
	switch op := e.Op(); op {
	case condition.OpVar:
		if d := variable(e); d != nil {
			d.whole = true
		}
		return
	case condition.OpEq, condition.OpNe, condition.OpLt, condition.OpLe, condition.OpGt, condition.OpGe, condition.OpIn:
		for i, a := range args {
			d, other := variable(a), args[1-i]
			if d == nil {
				mention(a, domains)
				continue
			}
			switch other.Op() {
			case condition.OpNumber:
				d.numbers = append(d.numbers, other.Value().(float64))
			case condition.OpText:
				d.texts = append(d.texts, other.Value().(string))
				d.ordered = d.ordered || op != condition.OpEq && op != condition.OpNe && op != condition.OpIn
			case condition.OpList:
				d.texts = append(d.texts, other.Value().([]string)...)
			default:
				d.whole = true
			}
		}
		return
	}
	for _, a := range args {
		mention(a, domains)
	}
}

// settle works out the values, once everything is mentioned.
func (d *domain) settle() {
	d.exact = true
	it := d.slot.Item
	slices.Sort(d.texts)
	d.texts = slices.Compact(d.texts)
	slices.Sort(d.numbers)
	d.numbers = slices.Compact(d.numbers)
	switch {
	case it.Type == Calculated:
	case d.slot.listed():
		d.whole = d.whole || d.ordered
		named := 0
		for _, o := range it.Choices() {
			if d.mentions(o.Code) {
				named++
			}
		}
		d.exact = d.slot.Kind != condition.List || named <= wholeChoice
	case d.slot.Kind == condition.Number:
		d.settleNumbers()
	case it.Type == Date:
		first := day(it.Earliest, time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC))
		last := day(it.Latest, time.Date(lastYear, 12, 31, 0, 0, 0, 0, time.UTC))
		d.settleSpan(int(last.Sub(first)/(24*time.Hour))+1, func(i int) string { return first.AddDate(0, 0, i).Format(time.DateOnly) })
	case it.Type == Time:
		first, last := minute(it.Earliest, 0), minute(it.Latest, 24*60-1)
		d.settleSpan(last-first+1, func(i int) string { return time.Time{}.Add(time.Duration(first+i) * time.Minute).Format("15:04") })
	case d.slot.Kind == condition.List:
		d.settleUploads()
	default:
		d.settleText()
	}
}

// listed reports whether the variable's values are known options. Districts get
// theirs when the questionnaire is published.
func (s *slot) listed() bool {
	return s.Listed && !(s.Item.Type == District && len(s.Item.Options) == 0)
}

func day(s string, otherwise time.Time) time.Time {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t
	}
	return otherwise
}

func minute(s string, otherwise int) int {
	if t, err := time.Parse("15:04", s); err == nil {
		return t.Hour()*60 + t.Minute()
	}
	return otherwise
}

// settleSpan takes n texts in rising order: those that conditions name, and one
// from each gap between them.
func (d *domain) settleSpan(n int, at func(int) string) {
	take := map[int]bool{0: true, n - 1: true}
	for _, s := range d.texts {
		i := sort.Search(n, func(i int) bool { return at(i) >= s })
		take[i] = true
		take[sort.Search(n, func(i int) bool { return at(i) > s })] = true
		if d.whole { // samples
			take[i-1], take[i+1] = true, true
		}
	}
	if d.whole && n <= wholeRange {
		for i := range n {
			take[i] = true
		}
	} else {
		d.exact = !d.whole
	}
	for i := range take {
		if i >= 0 && i < n {
			d.fixed = append(d.fixed, at(i))
		}
	}
	slices.SortFunc(d.fixed, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
}

// settleNumbers takes the numbers that conditions name, the bounds and one from
// each gap between them.
func (d *domain) settleNumbers() {
	it := d.slot.Item
	lowest, highest := -largest, largest
	if it.Min != nil {
		lowest = *it.Min
	}
	if it.Max != nil {
		highest = *it.Max
	}
	points := []float64{lowest}
	for _, n := range d.numbers {
		if n > lowest && n < highest {
			points = append(points, n)
		}
	}
	if highest > lowest {
		points = append(points, highest)
	}
	step, base := it.grid()
	if d.whole {
		switch {
		case step > 0 && (highest-lowest)/step < wholeRange:
			for i := range wholeRange {
				points = append(points, base+(math.Ceil((lowest-base)/step-1e-9)+float64(i))*step)
			}
		default:
			d.exact = false
			points = append(points, 0, 1, -1, 2, 3, 5, 10, 20, 50, 100, 1000, lowest+step, lowest+1, highest-step, highest-1)
			for _, n := range d.numbers {
				points = append(points, n-1, n+1)
			}
		}
		slices.Sort(points)
		points = slices.Compact(points)
	}
	if it.Integer && it.Step > 0 && it.Step != math.Trunc(it.Step) {
		d.exact = false // two grids at once
	}
	for i, p := range points {
		d.number(p)
		if i+1 < len(points) {
			d.number(between(p, points[i+1], step, base))
		}
	}
}

func (d *domain) number(f float64) {
	if v, fault := d.slot.Item.acceptNumber(f); fault == nil {
		d.fixed = append(d.fixed, v)
	}
}

// grid is the distance of an item's numbers and where it begins; 0: any number.
func (it *Item) grid() (step, base float64) {
	if it.Step > 0 {
		if it.Min != nil {
			base = *it.Min
		}
		return it.Step, base
	}
	if it.Integer || it.Type == Scale {
		return 1, 0
	}
	return 0, 0
}

// between is a number between two, NaN when there is none.
func between(p, q, step, base float64) float64 {
	f := p + (q-p)/2
	if step > 0 {
		f = base + (math.Floor((p-base)/step+1e-9)+1)*step
		if f >= q-step*1e-9 {
			return math.NaN()
		}
	}
	if f <= p || f >= q {
		return math.NaN()
	}
	return f
}

// settleText takes the texts that conditions name and one that none names.
func (d *domain) settleText() {
	it := d.slot.Item
	d.exact = !d.whole && !d.ordered
	take := func(s string) bool {
		if it.Type == District {
			d.fixed = append(d.fixed, s)
			return true
		}
		v, f := it.accept(&d.slot.Variable, s, nil)
		if f != nil || v != s { // otherwise nobody can have answered so
			return false
		}
		d.fixed = append(d.fixed, v)
		return true
	}
	for _, s := range d.texts {
		take(s)
	}
	unlike := 1
	if d.whole { // two, which are unlike each other
		unlike = 2
	}
	for i := range len(d.texts) + 36 {
		s := strconv.FormatInt(int64(i), 36)
		if it.Type == Email {
			s += "@example.org"
		} else if it.Type == Point && d.slot.Part == "" {
			s = "51.31270," + strconv.FormatFloat(float64(i)/100, 'f', 5, 64)
		}
		if !slices.Contains(d.texts, s) && take(s) {
			if unlike--; unlike == 0 {
				return
			}
		}
	}
	d.exact = false
}

// settleUploads takes the least number of files. Conditions on names of files,
// which nobody knows beforehand, are not looked into.
func (d *domain) settleUploads() {
	names := make([]string, max(d.slot.Item.MinChoices, 1))
	for i := range names {
		names[i] = strings.Repeat("0", 30) + strconv.Itoa(10+i) + ".jpg"
	}
	d.fixed = []any{names}
	d.exact = !d.whole && len(d.texts) == 0
}

// shown are the options that routing shows after answers a; all when free.
func (it *Item) shown(a Answers, free bool) []*Option {
	options := it.Choices()
	shown := make([]*Option, 0, len(options))
	for i := range options {
		if free || options[i].ShowIf.Holds(a) {
			shown = append(shown, &options[i])
		}
	}
	return shown
}

// answerable reports whether there is something to choose from after answers a.
func (s *slot) answerable(a Answers) bool {
	d := domain{slot: s, exact: true}
	return len(d.values(a, false)) > 0
}

// values are the values after answers a.
func (d *domain) values(a Answers, free bool) []any {
	if !d.slot.listed() {
		return slices.Clip(d.fixed)
	}
	shown := d.slot.Item.shown(a, free)
	if d.slot.Kind == condition.List {
		return d.lists(shown)
	}
	var values []any
	other := false
	for _, o := range shown {
		switch {
		case d.mentions(o.Code):
			values = append(values, o.Code)
		case !other: // one stands for all that no condition names
			other = true
			values = append(values, o.Code)
		}
	}
	return values
}

func (d *domain) mentions(code string) bool {
	if d.whole {
		return true
	}
	_, found := slices.BinarySearch(d.texts, code)
	return found
}

// lists are the subsets of the options that conditions name, each filled up with
// as many others as the item's bounds want.
func (d *domain) lists(shown []*Option) (values []any) {
	var named, rest []*Option
	other := false
	for _, o := range shown {
		switch {
		case o.Exclusive && d.mentions(o.Code):
			values = append(values, []string{o.Code})
		case o.Exclusive && !other: // one stands for all that no condition names
			other = true
			values = append(values, []string{o.Code})
		case o.Exclusive:
		case d.mentions(o.Code):
			named = append(named, o)
		default:
			rest = append(rest, o)
		}
	}
	most := d.slot.Item.MaxChoices
	if most == 0 {
		most = len(shown)
	}
	named = named[:min(len(named), wholeChoice)] // the others stay away, see settle
	for set := range 1 << len(named) {
		var chosen []*Option
		for i, o := range named {
			if set&(1<<i) != 0 {
				chosen = append(chosen, o)
			}
		}
		fill := max(d.slot.Item.MinChoices-len(chosen), 0)
		if set == 0 {
			fill = max(fill, 1)
		}
		if fill > len(rest) || len(chosen)+fill > most {
			continue
		}
		chosen = append(chosen, rest[:fill]...)
		list := make([]string, 0, len(chosen))
		for _, o := range shown {
			if slices.Contains(chosen, o) {
				list = append(list, o.Code)
			}
		}
		values = append(values, list)
	}
	return values
}

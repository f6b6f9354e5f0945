package tally

import (
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"

	"servicepoint/content"
	"servicepoint/content/survey"
)

// Figure is what was answered to one variable. All = Answered + NotAsked +
// Skipped + DontKnow + Declined + Foreign.
type Figure struct {
	*Variable
	All      int
	Answered int // the base of all per cents
	NotAsked int // or personal and left out
	Skipped  int
	DontKnow int
	Declined int
	Foreign  int // answered to a version that asked it as something else, for example as a text: counted nowhere else

	Shares  []Share // options in their order or steps of a scale; none of texts, numbers and dates
	Numbers *Numbers
	NPS     *NPS
	From    string // first and last of dates (YYYY-MM-DD) and times (HH:MM)
	To      string
}

// Asked is how many were asked.
func (f Figure) Asked() int { return f.Answered + f.Skipped + f.DontKnow + f.Declined + f.Foreign }

// Share is how many chose one option. With several answers the per cents of a
// figure may add up to more than 100.
type Share struct {
	Code    string
	Text    content.Text // nil: the code is all there is
	N       int          // of a ranking: how many ranked it at all
	Percent float64      // of Answered
	First   int          // of a ranking: how many put it first
	Rank    float64      // of a ranking: mean place among those who ranked it, 1 is the best; 0 when nobody did
}

// Label is the text in a language, the code when there is none.
func (s Share) Label(lang string) string {
	if t, _ := s.Text.In(lang); t != "" {
		return t
	}
	return s.Code
}

// Numbers sums numbers up. Quartiles are interpolated (R's type 7, QUARTILE.INC
// of spreadsheets).
type Numbers struct {
	N           int
	Mean        float64
	Q1, Q3      float64
	Median      float64
	Min, Max    float64
	Approximate bool // too many different values: the quartiles have only a few significant digits
}

// NPS is the net promoter score of a scale from 0 to 10: promoters give 9 or 10,
// detractors 0 to 6.
type NPS struct {
	Promoters, Passives, Detractors int
	Score                           float64 // per cent of promoters less per cent of detractors, -100 to 100
}

// Table counts two variables against each other. It holds who answered both.
type Table struct {
	Row, Column *Variable
	Rows        []Share // N: margins, also where several answers were possible
	Columns     []Share
	N           [][]int // by row and column
	Base        int     // responses with an answer to both
}

// Pair names two variables by their keys, rows first.
type Pair struct{ Row, Column string }

// Counter counts one response after the other.
type Counter struct {
	survey  *Survey
	all     int
	by      map[string]*counted
	crosses []*crossed
}

// NewCounter counts every variable and the pairs. Pairs of unknown variables, and
// of such that have no list of values, give no table.
func NewCounter(s *Survey, pairs ...Pair) *Counter {
	c := &Counter{survey: s, by: map[string]*counted{}}
	for _, v := range s.Variables() {
		c.by[v.Key] = &counted{Variable: v, form: formOf(&v.Variable), foreign: foreign(s, v)}
	}
	for _, p := range pairs {
		row, column := c.by[p.Row], c.by[p.Column]
		if row == nil || column == nil || !row.listed() || !column.listed() {
			continue
		}
		c.crosses = append(c.crosses, &crossed{row: row, column: column, n: map[[2]string]int{}, rows: map[string]int{}, columns: map[string]int{}})
	}
	return c
}

// foreign lists the versions whose answers to a variable are of another kind.
func foreign(s *Survey, v *Variable) (versions []int) {
	want := formOf(&v.Variable)
	for _, n := range v.Versions {
		it := s.byVersion[n].Item(v.Of.Code)
		for _, old := range it.Variables() {
			if old.Key == v.Key && formOf(&old) != want {
				versions = append(versions, n)
			}
		}
	}
	return versions
}

// Count counts all responses.
func Count(s *Survey, rows iter.Seq2[survey.Response, error], pairs ...Pair) (*Counter, error) {
	c := NewCounter(s, pairs...)
	for r, err := range rows {
		if err != nil {
			return nil, err
		}
		if err := c.Add(r); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Add counts a response. It keeps nothing of it.
func (c *Counter) Add(r survey.Response) error {
	empty, err := c.survey.Empty(r)
	if err != nil {
		return err
	}
	c.AddRead(r, empty)
	return nil
}

// AddRead is Add for who has called [Survey.Empty] already.
func (c *Counter) AddRead(r survey.Response, empty map[string]survey.Missing) {
	c.all++
	for key, n := range c.by {
		n.add(r, r.Answers[key], empty[key])
	}
	for _, x := range c.crosses {
		x.add(r)
	}
}

// All is the number of responses.
func (c *Counter) All() int { return c.all }

// Bounds of what a counter remembers of one variable.
const (
	mostValues  = 10_000 // different numbers, before digits are given up
	mostUnknown = 1_000  // different codes that no version offers
)

// counted is a variable in the making.
type counted struct {
	*Variable
	form    form
	foreign []int // versions

	answered, notAsked, skipped, dontKnow, declined, other int

	codes map[string]int
	first map[string]int // rankings
	ranks map[string]int // sums of places

	numbers  int
	sum      float64
	min, max float64
	values   map[float64]int
	digits   int // significant digits of values; 0: all
	from, to string
}

func (n *counted) isForeign(version int) bool { return slices.Contains(n.foreign, version) }

func (n *counted) listed() bool {
	return n.form == choices || n.form == order || n.Of.Type == survey.Scale
}

func (n *counted) add(r survey.Response, value any, why survey.Missing) {
	if IsEmpty(value) {
		switch why {
		case survey.Skipped, "": // "": accepted answers always have a reason
			n.skipped++
		case survey.IsDontKnow:
			n.dontKnow++
		case survey.HasDeclined:
			n.declined++
		default:
			n.notAsked++
		}
		return
	}
	if n.isForeign(r.Version) {
		n.other++
		return
	}
	n.answered++
	switch n.form {
	case choices, order:
		n.addCodes(value)
	case numbers:
		if f, ok := NumberOf(value); ok {
			n.addNumber(f)
			if n.Of.Type == survey.Scale {
				n.bump(stepCode(f))
			}
		}
	case moments:
		if s, ok := value.(string); ok {
			if n.from == "" || s < n.from {
				n.from = s
			}
			n.to = max(n.to, s)
		}
	}
}

func (n *counted) addCodes(value any) {
	codes, _ := CodesOf(value)
	place := 0
	for i, code := range codes {
		if slices.Contains(codes[:i], code) {
			continue
		}
		n.bump(code)
		if place++; n.form == order {
			if n.ranks == nil {
				n.ranks, n.first = map[string]int{}, map[string]int{}
			}
			n.ranks[code] += place
			if place == 1 {
				n.first[code]++
			}
		}
	}
}

func (n *counted) bump(code string) {
	if n.codes == nil {
		n.codes = map[string]int{}
	}
	if _, known := n.codes[code]; !known && len(n.codes) >= len(n.Of.Offered)+mostUnknown {
		code = "…"
	}
	n.codes[code]++
}

func (n *counted) addNumber(f float64) {
	if n.numbers == 0 {
		n.min, n.max, n.values = f, f, map[float64]int{}
	}
	n.numbers++
	n.sum += f
	n.min, n.max = min(n.min, f), max(n.max, f)
	n.values[cut(f, n.digits)]++
	for len(n.values) > mostValues && n.digits != 1 {
		if n.digits--; n.digits < 0 {
			n.digits = 15
		}
		fewer := make(map[float64]int, len(n.values))
		for v, k := range n.values {
			fewer[cut(v, n.digits)] += k
		}
		n.values = fewer
	}
}

// cut leaves the first significant digits of f, towards zero: cutting twice is
// cutting once, so that the order of the numbers does not matter. 0 keeps all.
func cut(f float64, digits int) float64 {
	if digits == 0 || f == 0 {
		return f
	}
	s := strconv.FormatFloat(f, 'e', -1, 64) // -1.2345e+06
	mantissa, exponent := s, ""
	for i := range s {
		if s[i] == 'e' {
			mantissa, exponent = s[:i], s[i:]
		}
	}
	keep := digits
	if mantissa[0] == '-' {
		keep++
	}
	if digits > 1 {
		keep++ // the point
	}
	if len(mantissa) > keep {
		mantissa = mantissa[:keep]
	}
	f, _ = strconv.ParseFloat(mantissa+exponent, 64)
	return f
}

func stepCode(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Figures gives what has been counted so far, in the order of the variables.
func (c *Counter) Figures() []Figure {
	all := make([]Figure, 0, len(c.by))
	for _, v := range c.survey.Variables() {
		all = append(all, c.by[v.Key].figure(c.all))
	}
	return all
}

// Figure gives one of [Counter.Figures] by its key.
func (c *Counter) Figure(key string) (Figure, bool) {
	n := c.by[key]
	if n == nil {
		return Figure{}, false
	}
	return n.figure(c.all), true
}

func (n *counted) figure(all int) Figure {
	f := Figure{
		Variable: n.Variable, All: all, Answered: n.answered, NotAsked: n.notAsked, Skipped: n.skipped, DontKnow: n.dontKnow,
		Declined: n.declined, Foreign: n.other, From: n.from, To: n.to,
	}
	for _, s := range n.known() {
		s.N, s.First = n.codes[s.Code], n.first[s.Code]
		if s.N > 0 && n.form == order {
			s.Rank = float64(n.ranks[s.Code]) / float64(s.N)
		}
		if f.Answered > 0 {
			s.Percent = 100 * float64(s.N) / float64(f.Answered)
		}
		f.Shares = append(f.Shares, s)
	}
	if n.numbers > 0 {
		f.Numbers = n.summary()
	}
	if n.Of.Look == survey.NPS && n.numbers > 0 {
		f.NPS = n.nps()
	}
	return f
}

// known lists the known options or steps in their order, then whatever else
// was answered.
func (n *counted) known() (shares []Share) {
	if !n.listed() {
		return nil
	}
	seen := map[string]bool{}
	put := func(code string, text content.Text) {
		if !seen[code] {
			seen[code] = true
			shares = append(shares, Share{Code: code, Text: text})
		}
	}
	if n.form == numbers {
		for _, step := range n.Of.Steps() {
			put(strconv.Itoa(step), n.Of.StepText(step))
		}
	} else {
		for _, o := range n.Of.Offered {
			put(o.Code, o.Text)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(n.codes)) {
		put(code, nil)
	}
	return shares
}

// StepText names a step of a scale; only its ends have words.
func (it *Item) StepText(step int) content.Text {
	var end content.Text
	switch {
	case it.Min != nil && float64(step) == *it.Min:
		end = it.MinLabel
	case it.Max != nil && float64(step) == *it.Max:
		end = it.MaxLabel
	}
	t := content.Text{}
	for _, lang := range content.Languages {
		if end[lang] != "" {
			t[lang] = strconv.Itoa(step) + " (" + end[lang] + ")"
		}
	}
	if len(t) == 0 {
		t[content.German] = strconv.Itoa(step)
	}
	return t
}

func (n *counted) nps() *NPS {
	p := &NPS{}
	for step := range 11 {
		switch k := n.codes[strconv.Itoa(step)]; {
		case step >= 9:
			p.Promoters += k
		case step >= 7:
			p.Passives += k
		default:
			p.Detractors += k
		}
	}
	if all := p.Promoters + p.Passives + p.Detractors; all > 0 {
		p.Score = 100 * float64(p.Promoters-p.Detractors) / float64(all)
	}
	return p
}

func (n *counted) summary() *Numbers {
	s := &Numbers{N: n.numbers, Mean: n.sum / float64(n.numbers), Min: n.min, Max: n.max, Approximate: n.digits > 0}
	sorted := slices.Sorted(maps.Keys(n.values))
	if !s.Approximate { // the same whatever order the numbers came in
		sum := 0.0
		for _, v := range sorted {
			sum += v * float64(n.values[v])
		}
		s.Mean = sum / float64(n.numbers)
	}
	at := func(i int) float64 {
		for _, v := range sorted {
			if i -= n.values[v]; i < 0 {
				return v
			}
		}
		return n.max
	}
	quantile := func(p float64) float64 {
		h := p * float64(n.numbers-1)
		low := math.Floor(h)
		a := at(int(low))
		if h == low {
			return a
		}
		return a + (h-low)*(at(int(low)+1)-a)
	}
	s.Q1, s.Median, s.Q3 = quantile(0.25), quantile(0.5), quantile(0.75)
	return s
}

// crossed is a table in the making.
type crossed struct {
	row, column   *counted
	base          int
	n             map[[2]string]int
	rows, columns map[string]int
}

func (x *crossed) add(r survey.Response) {
	rows, columns := x.row.codesIn(r), x.column.codesIn(r)
	if len(rows) == 0 || len(columns) == 0 {
		return
	}
	x.base++
	for i, a := range rows {
		x.rows[a]++
		for _, b := range columns {
			if i == 0 {
				x.columns[b]++
			}
			x.n[[2]string{a, b}]++
		}
	}
}

// codesIn gives what a response says to a variable, out of the values that a
// version offers: tables do not grow with what is stored.
func (n *counted) codesIn(r survey.Response) (codes []string) {
	value := r.Answers[n.Key]
	if IsEmpty(value) || n.isForeign(r.Version) {
		return nil
	}
	if n.form == numbers {
		f, ok := NumberOf(value)
		if !ok || f != math.Trunc(f) || !slices.Contains(n.Of.Steps(), int(f)) {
			return nil
		}
		return []string{stepCode(f)}
	}
	given, _ := CodesOf(value)
	for i, code := range given {
		if !slices.Contains(given[:i], code) && slices.ContainsFunc(n.Of.Offered, func(o Option) bool { return o.Code == code }) {
			codes = append(codes, code)
		}
	}
	return codes
}

// Tables gives the tables of the pairs, in their order.
func (c *Counter) Tables() (tables []Table) {
	for _, x := range c.crosses {
		t := Table{Row: x.row.Variable, Column: x.column.Variable, Base: x.base}
		t.Rows, t.Columns = x.row.margin(x.rows, x.base), x.column.margin(x.columns, x.base)
		for _, r := range t.Rows {
			line := make([]int, len(t.Columns))
			for i, c := range t.Columns {
				line[i] = x.n[[2]string{r.Code, c.Code}]
			}
			t.N = append(t.N, line)
		}
		tables = append(tables, t)
	}
	return tables
}

func (n *counted) margin(counts map[string]int, base int) (shares []Share) {
	for _, s := range n.known() {
		if s.Text == nil {
			continue // offered by no version
		}
		s.N = counts[s.Code]
		if base > 0 {
			s.Percent = 100 * float64(s.N) / float64(base)
		}
		shares = append(shares, s)
	}
	return shares
}

// IsEmpty reports whether v is no answer.
func IsEmpty(v any) bool {
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

// CodesOf reads the chosen options, whatever way the answer was decoded.
func CodesOf(v any) ([]string, bool) {
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

// NumberOf reads a number that is one.
func NumberOf(v any) (float64, bool) {
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

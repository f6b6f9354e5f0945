package survey

import (
	"encoding/json"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"servicepoint/content"
)

// Bounds of answers.
const (
	largest      = 1e15 // numbers beyond lose their last digit in sheets
	firstYear    = 1900
	lastYear     = 2100
	shownUnknown = 20 // problems of unknown items are listed up to here
)

// fault is a problem that does not know its field yet; nil means none.
type fault struct {
	code string
	args []any
}

func wrong(code string, args ...any) *fault { return &fault{code, args} }

// Check turns the answers of an API body into normalised [Answers]: options in
// the order of the questionnaire, texts trimmed, null and blank left out. What is
// wrong stands at the field "answers.<code>". Answers that passed once pass again.
func (q Questionnaire) Check(raw map[string]json.RawMessage) (Answers, content.Problems) {
	answers := make(Answers, len(raw))
	var problems content.Problems
	known := 0
	for p := range q.Pages {
		items := q.Pages[p].Items
		for i := range items {
			it := &items[i]
			if it.Type == Info {
				continue
			}
			var v any
			var f *fault
			if sent, ok := raw[it.Code]; ok {
				known++
				v, f = it.fromJSON(sent)
			}
			it.settle(v, f, "answers."+it.Code, answers, &problems)
		}
	}
	if known < len(raw) {
		problems = append(problems, q.unknownItems(raw)...)
	}
	if len(problems) == 0 && len(answers) == 0 {
		problems.Add("answers", "nothing_answered")
	}
	return answers, problems
}

// CheckForm turns the fields of one page's form into [Answers]. Every field is
// named after its item; what is wrong stands at the item's code. Fields that
// belong to no item of the page are left alone.
func (p Page) CheckForm(form url.Values) (Answers, content.Problems) {
	answers := Answers{}
	var problems content.Problems
	for i := range p.Items {
		it := &p.Items[i]
		if it.Type == Info {
			continue
		}
		v, f := it.fromForm(form[it.Code])
		it.settle(v, f, it.Code, answers, &problems)
	}
	return answers, problems
}

// CheckForm checks the fields of all pages as [Page.CheckForm] does, and that
// anything was answered at all.
func (q Questionnaire) CheckForm(form url.Values) (Answers, content.Problems) {
	answers := Answers{}
	var problems content.Problems
	for _, p := range q.Pages {
		a, wrong := p.CheckForm(form)
		maps.Copy(answers, a)
		problems = append(problems, wrong...)
	}
	if len(problems) == 0 && len(answers) == 0 {
		problems.Add("answers", "nothing_answered")
	}
	return answers, problems
}

// settle applies the item's rules to a value as read and notes the outcome.
func (it *Item) settle(v any, f *fault, field string, answers Answers, problems *content.Problems) {
	if f == nil && v != nil {
		v, f = it.accept(v)
	}
	if f == nil && v == nil && it.Required {
		f = wrong("required")
	}
	switch {
	case f != nil:
		problems.Add(field, f.code, f.args...)
	case v != nil:
		answers[it.Code] = v
	}
}

// unknownItems names what was sent and is not asked, in a fixed order.
func (q Questionnaire) unknownItems(raw map[string]json.RawMessage) (problems content.Problems) {
	asked := map[string]bool{}
	for _, it := range q.Items() {
		asked[it.Code] = it.Type != Info
	}
	for _, code := range slices.Sorted(maps.Keys(raw)) {
		if asked[code] {
			continue
		}
		if len(problems) == shownUnknown {
			break
		}
		if len(code) > 60 {
			code = strings.ToValidUTF8(code[:60], "") + "…"
		}
		problems.Add("answers."+code, "unknown_item")
	}
	return problems
}

// accept applies the rules of the item's type to a string, []string or float64
// and returns the normalised answer, nil when it is blank.
func (it *Item) accept(v any) (any, *fault) {
	switch v := v.(type) {
	case string:
		switch it.Type {
		case SingleChoice:
			return it.acceptOption(v)
		case ShortText, LongText:
			return it.acceptText(v)
		case Date:
			return acceptDate(v)
		}
	case []string:
		if it.Type == MultipleChoice {
			return it.acceptOptions(v)
		}
	case float64:
		if it.Type == Scale || it.Type == Number {
			return it.acceptNumber(v)
		}
	}
	return nil, wrong("wrong_type")
}

func (it *Item) option(code string) int {
	for i := range it.Options {
		if it.Options[i].Code == code {
			return i
		}
	}
	return -1
}

func (it *Item) acceptOption(code string) (any, *fault) {
	if code == "" {
		return nil, nil
	}
	i := it.option(code)
	if i < 0 {
		return nil, wrong("unknown_option")
	}
	return it.Options[i].Code, nil
}

func (it *Item) acceptOptions(codes []string) (any, *fault) {
	if len(codes) == 0 {
		return nil, nil
	}
	chosen := make([]bool, len(it.Options))
	exclusive := false
	for _, code := range codes {
		i := it.option(code)
		if i < 0 {
			return nil, wrong("unknown_option")
		}
		if chosen[i] {
			return nil, wrong("twice")
		}
		chosen[i] = true
		exclusive = exclusive || it.Options[i].Exclusive
	}
	switch {
	case exclusive && len(codes) > 1:
		return nil, wrong("exclusive")
	case !exclusive && len(codes) < it.MinChoices:
		return nil, wrong("too_few", "min", it.MinChoices)
	case it.MaxChoices > 0 && len(codes) > it.MaxChoices:
		return nil, wrong("too_many", "max", it.MaxChoices)
	}
	list := make([]string, 0, len(codes))
	for i, yes := range chosen {
		if yes {
			list = append(list, it.Options[i].Code)
		}
	}
	return list, nil
}

func (it *Item) acceptNumber(f float64) (any, *fault) {
	lowest, highest := -largest, largest
	if it.Min != nil {
		lowest = *it.Min
	}
	if it.Max != nil {
		highest = *it.Max
	}
	switch {
	case math.IsNaN(f):
		return nil, wrong("not_number")
	case (it.Integer || it.Type == Scale) && f != math.Trunc(f):
		return nil, wrong("not_integer")
	case f < lowest:
		return nil, wrong("too_small", "min", FormatNumber(lowest, content.German))
	case f > highest:
		return nil, wrong("too_large", "max", FormatNumber(highest, content.German))
	}
	if f == 0 {
		f = 0 // no negative zero
	}
	return f, nil
}

// TextLimit is the greatest number of characters of a text answer.
func (it *Item) TextLimit() int {
	switch {
	case it.MaxLength > 0:
		return it.MaxLength
	case it.Type == LongText:
		return 4000
	}
	return 200
}

func (it *Item) acceptText(s string) (any, *fault) {
	if !utf8.ValidString(s) {
		return nil, wrong("not_text")
	}
	if it.Type == LongText && strings.Contains(s, "\r") {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, nil
	}
	for _, r := range s {
		if it.refuses(r) {
			return nil, wrong("not_text")
		}
	}
	if limit := it.TextLimit(); len(s) > limit && utf8.RuneCountInString(s) > limit {
		return nil, wrong("too_long", "max", limit)
	}
	return s, nil
}

// refuses tells characters that no text may hold: control characters but line
// breaks and tabs in long texts, noncharacters, which sheets cannot store (XML
// 1.0), and the mark of a character that was lost on the way.
func (it *Item) refuses(r rune) bool {
	if r == '\n' || r == '\t' {
		return it.Type != LongText
	}
	return unicode.IsControl(r) || r == utf8.RuneError || r&0xFFFE == 0xFFFE || r >= 0xFDD0 && r <= 0xFDEF
}

func acceptDate(s string) (any, *fault) {
	if s == "" {
		return nil, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return nil, wrong("not_date")
	}
	return t.Format(time.DateOnly), nil
}

// fromJSON reads one value of an API body: string, list of strings, number; nil for null.
func (it *Item) fromJSON(raw json.RawMessage) (any, *fault) {
	if len(raw) == 0 {
		return nil, wrong("wrong_type")
	}
	switch c := raw[0]; {
	case c == '"':
		if s, ok := plainString(raw); ok {
			return s, nil
		}
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return s, nil
		}
	case c == '[':
		var list []*string // a null among them is no option
		if json.Unmarshal(raw, &list) == nil && !slices.Contains(list, nil) {
			texts := make([]string, len(list))
			for i, s := range list {
				texts[i] = *s
			}
			return texts, nil
		}
	case c == '-' || c >= '0' && c <= '9':
		var f float64
		if json.Unmarshal(raw, &f) == nil {
			return f, nil
		}
		if json.Valid(raw) {
			return nil, wrong("too_large", "max", FormatNumber(largest, content.German))
		}
	case string(raw) == "null":
		return nil, nil
	}
	return nil, wrong("wrong_type")
}

// plainString reads a JSON string without escapes, which most are.
func plainString(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[len(raw)-1] != '"' {
		return "", false
	}
	inner := raw[1 : len(raw)-1]
	for _, c := range inner {
		if c < ' ' || c == '"' || c == '\\' {
			return "", false
		}
	}
	return string(inner), utf8.Valid(inner)
}

// fromForm reads the fields of one item as a browser sends them. Blank means not answered.
func (it *Item) fromForm(fields []string) (any, *fault) {
	sent := make([]string, 0, len(fields))
	for _, s := range fields {
		if strings.TrimSpace(s) != "" {
			sent = append(sent, s)
		}
	}
	if it.Type == MultipleChoice {
		if len(sent) == 0 {
			return nil, nil
		}
		return sent, nil
	}
	switch {
	case len(sent) == 0:
		return nil, nil
	case len(sent) > 1:
		return nil, wrong("wrong_type")
	}
	switch it.Type {
	case Scale, Number:
		return it.readNumber(sent[0])
	case Date:
		return readDate(sent[0])
	}
	return sent[0], nil
}

// readNumber reads a number as people in Germany write it. One dot or comma with
// exactly three digits behind it could mean thousands or thousandths and is
// refused with a hint, for a wrong guess would spoil a figure unseen.
func (it *Item) readNumber(s string) (any, *fault) {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '−':
			return '-'
		case unicode.IsSpace(r):
			return -1
		}
		return r
	}, s)
	if unit := strings.Join(strings.Fields(it.Unit), ""); unit != "" {
		s = strings.TrimSuffix(s, unit)
	}
	dots, commas := strings.Count(s, "."), strings.Count(s, ",")
	switch {
	case dots > 0 && commas > 0:
		thousands, decimal := ".", ","
		if strings.LastIndex(s, ".") > strings.LastIndex(s, ",") {
			thousands, decimal = ",", "."
		}
		if whole, _, _ := strings.Cut(s, decimal); !grouped(whole, thousands) {
			return nil, wrong("not_number")
		}
		s = strings.Replace(strings.ReplaceAll(s, thousands, ""), decimal, ".", 1)
	case dots > 1 && grouped(s, "."):
		s = strings.ReplaceAll(s, ".", "")
	case commas > 1 && grouped(s, ","):
		s = strings.ReplaceAll(s, ",", "")
	case dots+commas == 1 && (grouped(s, ".") || grouped(s, ",")):
		return nil, wrong("ambiguous_number")
	default:
		s = strings.Replace(s, ",", ".", 1)
	}
	for _, r := range strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+") {
		if r != '.' && (r < '0' || r > '9') {
			return nil, wrong("not_number")
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, wrong("not_number")
	}
	return f, nil
}

// grouped reports whether s is digits in thousands: 1.234.567.
func grouped(s, separator string) bool {
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+"), separator)
	for i, part := range parts {
		if i > 0 && len(part) != 3 || len(part) == 0 || len(part) > 3 || i == 0 && part[0] == '0' {
			return false
		}
	}
	return len(parts) > 1
}

var dateForms = []string{"2.1.2006", "2. 1. 2006", "2006-1-2"}

func readDate(s string) (any, *fault) {
	s = strings.TrimSpace(s)
	for _, form := range dateForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.Format(time.DateOnly), nil
		}
	}
	return nil, wrong("not_date")
}

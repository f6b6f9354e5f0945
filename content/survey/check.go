package survey

import (
	"encoding/json"
	"math"
	"net/mail"
	"net/url"
	"regexp"
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

// accept applies the rules of a variable to a string, []string or float64 and
// returns the normalised answer, nil when it is blank. Options that routing hides
// from these answers cannot be chosen.
func (it *Item) accept(v *Variable, value any, a Answers) (any, *fault) {
	switch value := value.(type) {
	case string:
		switch {
		case v.Part == PartText && !it.IsMatrix() || v.Part == PartAddress && it.Type == Point:
			return it.acceptText(value)
		case it.Type == Point && v.Part == "":
			return acceptPoint(value)
		}
		switch it.Type {
		case SingleChoice, MatrixSingle, District, YesNo, Consent, Point:
			return it.acceptOption(value, a)
		case ShortText, LongText, Street:
			return it.acceptText(value)
		case Email:
			return it.acceptEmail(value)
		case Date:
			return it.acceptDate(value)
		case Time:
			return it.acceptTime(value)
		}
	case []string:
		switch it.Type {
		case MultipleChoice, MatrixMultiple:
			return it.acceptOptions(value, a)
		case Ranking:
			return it.acceptRanking(value, a)
		case File, Photo:
			return it.acceptUploads(value)
		}
	case float64:
		if it.Type == Scale || it.Type == Number {
			return it.acceptNumber(value)
		}
	}
	return nil, wrong("wrong_type")
}

func (it *Item) option(code string) int {
	options := it.Choices()
	for i := range options {
		if options[i].Code == code {
			return i
		}
	}
	return -1
}

func (it *Item) acceptOption(code string, a Answers) (any, *fault) {
	if code == "" {
		return nil, nil
	}
	i := it.option(code)
	if i < 0 {
		return nil, wrong("unknown_option")
	}
	if o := &it.Choices()[i]; o.ShowIf.Holds(a) {
		return o.Code, nil
	}
	return nil, nil // hidden by routing: dropped
}

// chosen marks which options are among the codes; what routing hides is dropped.
func (it *Item) chosen(codes []string, a Answers) (chosen []bool, n int, f *fault) {
	options := it.Choices()
	chosen = make([]bool, len(options))
	for _, code := range codes {
		i := it.option(code)
		if i < 0 {
			return nil, 0, wrong("unknown_option")
		}
		if chosen[i] {
			return nil, 0, wrong("twice")
		}
		if options[i].ShowIf.Holds(a) {
			chosen[i] = true
			n++
		}
	}
	return chosen, n, nil
}

func (it *Item) acceptOptions(codes []string, a Answers) (any, *fault) {
	chosen, n, f := it.chosen(codes, a)
	if f != nil || n == 0 {
		return nil, f
	}
	exclusive := false
	list := make([]string, 0, n)
	for i, yes := range chosen {
		if yes {
			list = append(list, it.Options[i].Code)
			exclusive = exclusive || it.Options[i].Exclusive
		}
	}
	switch {
	case exclusive && n > 1:
		return nil, wrong("exclusive")
	case !exclusive && n < it.MinChoices:
		return nil, wrong("too_few", "min", it.MinChoices)
	case it.MaxChoices > 0 && n > it.MaxChoices:
		return nil, wrong("too_many", "max", it.MaxChoices)
	}
	return list, nil
}

// acceptRanking keeps the order; ranking fewer than all is fine unless
// MinChoices asks for more.
func (it *Item) acceptRanking(codes []string, a Answers) (any, *fault) {
	chosen, n, f := it.chosen(codes, a)
	switch {
	case f != nil || n == 0:
		return nil, f
	case n < it.MinChoices:
		return nil, wrong("too_few", "min", it.MinChoices)
	case it.MaxChoices > 0 && n > it.MaxChoices:
		return nil, wrong("too_many", "max", it.MaxChoices)
	}
	list := make([]string, 0, n)
	for _, code := range codes {
		if chosen[it.option(code)] {
			list = append(list, code)
		}
	}
	return list, nil
}

// uploadName is what the store of uploads calls a file: 32 hexadecimal digits
// and the ending of what it was turned into.
var uploadName = regexp.MustCompile(`^[0-9a-f]{32}\.(jpg|png|pdf|txt)$`)

// Uploads is the greatest number of files of an item.
func (it *Item) Uploads() int { return max(it.MaxChoices, 1) }

func (it *Item) acceptUploads(names []string) (any, *fault) {
	for i, name := range names {
		switch {
		case !uploadName.MatchString(name) || it.Type == Photo && !strings.HasSuffix(name, ".jpg") && !strings.HasSuffix(name, ".png"):
			return nil, wrong("not_upload")
		case slices.Contains(names[:i], name):
			return nil, wrong("twice")
		}
	}
	switch n := len(names); {
	case n == 0:
		return nil, nil
	case n < it.MinChoices:
		return nil, wrong("too_few", "min", it.MinChoices)
	case n > it.Uploads():
		return nil, wrong("too_many", "max", it.Uploads())
	}
	return slices.Clone(names), nil
}

// acceptPoint reads "latitude,longitude" in degrees (WGS 84) and rounds to five
// decimals, about one metre.
func acceptPoint(s string) (any, *fault) {
	if s = strings.TrimSpace(s); s == "" {
		return nil, nil
	}
	north, east, _ := strings.Cut(s, ",")
	lat, err := strconv.ParseFloat(strings.TrimSpace(north), 64)
	lon, err2 := strconv.ParseFloat(strings.TrimSpace(east), 64)
	if err != nil || err2 != nil || !(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 180) {
		return nil, wrong("not_point")
	}
	return strconv.FormatFloat(lat, 'f', 5, 64) + "," + strconv.FormatFloat(lon, 'f', 5, 64), nil
}

// acceptEmail takes a bare address (RFC 5321: at most 254 bytes) and puts its
// host in lower case.
func (it *Item) acceptEmail(s string) (any, *fault) {
	if s = strings.TrimSpace(s); s == "" {
		return nil, nil
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 {
		return nil, wrong("not_email")
	}
	at := strings.LastIndex(s, "@")
	if !strings.Contains(s[at:], ".") {
		return nil, wrong("not_email")
	}
	return s[:at] + strings.ToLower(s[at:]), nil
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
	case !it.onStep(f):
		return nil, wrong("not_step", "step", FormatNumber(it.Step, content.German))
	}
	if f == 0 {
		f = 0 // no negative zero
	}
	return f, nil
}

// onStep reports whether f is a whole number of steps from Min (or 0) away, as
// far as float64 can tell.
func (it *Item) onStep(f float64) bool {
	if it.Step <= 0 {
		return true
	}
	base := 0.0
	if it.Min != nil {
		base = *it.Min
	}
	steps := (f - base) / it.Step
	return math.Abs(steps-math.Round(steps)) <= 1e-9*max(1, math.Abs(steps))
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

func (it *Item) acceptDate(s string) (any, *fault) {
	if s == "" {
		return nil, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return nil, wrong("not_date")
	}
	s = t.Format(time.DateOnly)
	return s, it.outside(s, FormatDate)
}

func (it *Item) acceptTime(s string) (any, *fault) {
	if s == "" {
		return nil, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return nil, wrong("not_time")
	}
	s = t.Format("15:04")
	return s, it.outside(s, func(s, _ string) string { return s })
}

// outside compares with the earliest and latest day or time; both are written so
// that the order of texts is the order of time.
func (it *Item) outside(s string, show func(s, lang string) string) *fault {
	switch {
	case it.Earliest != "" && s < it.Earliest:
		return wrong("too_early", "min", show(it.Earliest, content.German))
	case it.Latest != "" && s > it.Latest:
		return wrong("too_late", "max", show(it.Latest, content.German))
	}
	return nil
}

// fromJSON reads one value of an API body: string, list of strings, number; nil for null.
func fromJSON(raw json.RawMessage) (any, *fault) {
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

// pressed reports whether the item is answered by radio buttons, boxes or a list,
// among which its marks stand too.
func (it *Item) pressed() bool {
	return it.Type == Scale || it.Type != Point && len(it.Choices()) > 0
}

// fromForm reads the fields of one variable as a browser sends them. Blank means
// not answered.
func (it *Item) fromForm(v *Variable, form url.Values) (value any, mark string, f *fault) {
	sent := make([]string, 0, 1)
	for _, s := range form[v.Key] {
		switch {
		case strings.TrimSpace(s) == "":
		case it.pressed() && (s == "?"+DontKnow || s == "?"+Declined):
			mark = s[1:]
		default:
			sent = append(sent, s)
		}
	}
	if it.DontKnow || it.NoAnswer {
		for _, s := range form[Mark(v.Key)] {
			if s != "" {
				mark = s
			}
		}
	}
	if len(sent) == 0 {
		return nil, mark, nil
	}
	switch it.Type {
	case MultipleChoice, MatrixMultiple, Ranking, File, Photo:
		if v.Part == "" || it.IsMatrix() {
			return sent, mark, nil
		}
	}
	if len(sent) > 1 {
		return nil, mark, wrong("wrong_type")
	}
	switch it.Type {
	case Scale, Number:
		value, f = it.readNumber(sent[0])
	case Date:
		value, f = readDate(sent[0])
	case Time:
		value, f = readTime(sent[0])
	default:
		value = sent[0]
	}
	return value, mark, f
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

var timeForms = []string{"15:04", "15.04", "15:04:05", "15"}

func readTime(s string) (any, *fault) {
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "Uhr"))
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.Format("15:04"), nil
		}
	}
	return nil, wrong("not_time")
}

package cases

import (
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

// Limits of what may be sent, in characters.
const (
	maxName    = 120
	maxEmail   = 254 // RFC 5321
	maxMessage = 5000
	maxAnswer  = 1000
	maxNumber  = 1e12
)

// Request is what a citizen sends from a guide; it is the body of POST /api/v1/cases.
// Answers maps question codes to a text, a number, a date (YYYY-MM-DD) or the
// code of an option.
type Request struct {
	Guide   string         `json:"guide"`
	Name    string         `json:"name"`
	Email   string         `json:"email"`
	Message string         `json:"message"`
	Answers map[string]any `json:"answers"`
}

// Check returns the request as it is stored (blanks trimmed, unanswered
// questions left out) or what is wrong with it. Without contact, as for barrier
// reports, name and e-mail may be missing.
func (r Request) Check(questions []content.Question, contact bool) (Request, error) {
	var ps content.Problems
	r.Name = checkLine(&ps, "name", r.Name, maxName, contact)
	r.Email = checkEmail(&ps, r.Email, contact)
	r.Message = checkText(&ps, "message", r.Message, maxMessage, true)
	r.Answers = checkAnswers(&ps, questions, r.Answers)
	return r, ps.Err()
}

// answerField is the name of a question's form field and of its problems: in a
// problem document it becomes the pointer "#/answers/<code>".
func answerField(code string) string { return "answers." + code }

func checkAnswers(ps *content.Problems, questions []content.Question, given map[string]any) map[string]any {
	answers := map[string]any{}
	for _, q := range questions {
		v := checkAnswer(ps, q, given[q.Code])
		if v != nil {
			answers[q.Code] = v
		}
	}
	var unknown []string
	for code := range given {
		if !slices.ContainsFunc(questions, func(q content.Question) bool { return q.Code == code }) {
			unknown = append(unknown, code)
		}
	}
	slices.Sort(unknown)
	for _, code := range unknown[:min(len(unknown), 20)] {
		ps.Add(answerField(clip(code, 60)), "unknown_field")
	}
	return answers
}

// checkAnswer returns the answer as it is stored, nil for none.
func checkAnswer(ps *content.Problems, q content.Question, v any) any {
	field := answerField(q.Code)
	if s, ok := v.(string); ok {
		if s = strings.TrimSpace(s); s == "" {
			v = nil
		} else {
			v = s
		}
	}
	if v == nil {
		if q.Required {
			ps.Add(field, "required")
		}
		return nil
	}
	text, isText := v.(string)
	number, isNumber := v.(float64)
	switch {
	case q.Type == "number" && isNumber:
		switch {
		case math.IsNaN(number), number > maxNumber:
			ps.Add(field, "too_large", "max", strconv.FormatFloat(maxNumber, 'f', -1, 64))
		case number < -maxNumber:
			ps.Add(field, "too_small", "min", strconv.FormatFloat(-maxNumber, 'f', -1, 64))
		default:
			return number
		}
	case q.Type == "number" && isText:
		ps.Add(field, "not_number")
	case !isText:
		ps.Add(field, "wrong_type")
	case q.Type == "date":
		if day, err := time.Parse(time.DateOnly, text); err == nil && day.Year() >= 1800 && day.Year() <= 2200 {
			return text
		}
		ps.Add(field, "not_date")
	case q.Type == "choice":
		if slices.ContainsFunc(q.Options, func(o content.Option) bool { return o.Code == text }) {
			return text
		}
		ps.Add(field, "unknown_option")
	default:
		if s := checkText(ps, field, text, maxAnswer, q.Required); s != "" {
			return s
		}
	}
	return nil
}

func checkLine(ps *content.Problems, field, s string, most int, required bool) string {
	if strings.ContainsAny(strings.TrimSpace(s), "\n\t") {
		ps.Add(field, "not_text")
		return ""
	}
	if strings.TrimSpace(s) != "" && !content.IsName(s) {
		ps.Add(field, "not_text")
		return ""
	}
	return checkText(ps, field, s, most, required)
}

func checkText(ps *content.Problems, field, s string, most int, required bool) string {
	s = strings.TrimSpace(s)
	switch {
	case s == "" && required:
		ps.Add(field, "required")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		ps.Add(field, "not_text")
	case utf8.RuneCountInString(s) > most:
		ps.Add(field, "too_long", "max", most)
	default:
		return s
	}
	return ""
}

// checkEmail takes plain ASCII addresses: mail servers that accept others are rare.
func checkEmail(ps *content.Problems, s string, required bool) string {
	s = strings.TrimSpace(s)
	if s == "" {
		if required {
			ps.Add("email", "required")
		}
		return ""
	}
	if len(s) > maxEmail {
		ps.Add("email", "too_long", "max", maxEmail)
		return ""
	}
	a, err := mail.ParseAddress(s)
	_, domain, _ := strings.Cut(s, "@")
	if err != nil || a.Address != s || !strings.Contains(domain, ".") || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		ps.Add("email", "not_email")
		return ""
	}
	return s
}

// fromForm reads the fields of a request form. Numbers and dates are read as
// people write them in the page's language; what cannot be read stays a text,
// for [Request.Check] to name.
func fromForm(form url.Values, guide string, questions []content.Question, lang string) Request {
	r := Request{Guide: guide, Name: form.Get("name"), Email: form.Get("email"), Message: form.Get("message"), Answers: map[string]any{}}
	for _, q := range questions {
		s := strings.TrimSpace(form.Get(answerField(q.Code)))
		if s == "" {
			continue
		}
		r.Answers[q.Code] = s
		switch q.Type {
		case "number":
			if n, ok := readNumber(s, lang); ok {
				r.Answers[q.Code] = n
			}
		case "date":
			if day, err := time.Parse("2.1.2006", strings.ReplaceAll(s, " ", "")); err == nil {
				r.Answers[q.Code] = day.Format(time.DateOnly)
			}
		}
	}
	return r
}

var (
	dotGroups   = regexp.MustCompile(`^[-+]?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)?$`)
	commaGroups = regexp.MustCompile(`^[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$`)
	plainNumber = regexp.MustCompile(`^[-+]?[0-9]+([.,][0-9]+)?$`)
)

// readNumber reads "1.234,5" as Germans write it and "1,234.5" as the English
// do; a single point or comma that cannot group thousands is the decimal sign.
func readNumber(s, lang string) (float64, bool) {
	s = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "−", "-").Replace(s)
	english := lang == content.English
	switch {
	case !english && dotGroups.MatchString(s):
		s = strings.ReplaceAll(strings.ReplaceAll(s, ".", ""), ",", ".")
	case english && commaGroups.MatchString(s):
		s = strings.ReplaceAll(s, ",", "")
	case plainNumber.MatchString(s):
		s = strings.ReplaceAll(s, ",", ".")
	default:
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// showAnswer writes a stored answer as people read it.
func showAnswer(q content.Question, v any, lang string) string {
	switch v := v.(type) {
	case float64:
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if lang != content.English {
			s = strings.ReplaceAll(s, ".", ",")
		}
		return s
	case string:
		if q.Type == "choice" {
			for _, o := range q.Options {
				if o.Code == v {
					s, _ := o.Label.In(lang)
					return s
				}
			}
		}
		if q.Type == "date" {
			if day, err := time.Parse(time.DateOnly, v); err == nil {
				return showDay(day, lang)
			}
		}
		return v
	}
	return ""
}

func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

// showDay and showTime write Berlin time as people read it.
func showDay(t time.Time, lang string) string {
	if lang == content.English {
		return t.Format("2 January 2006")
	}
	return t.Format("02.01.2006")
}

func showTime(ms int64, lang string) string {
	t := time.UnixMilli(ms).In(content.Berlin)
	if lang == content.English {
		return t.Format("2 January 2006, 15:04")
	}
	return t.Format("02.01.2006, 15:04") + " Uhr"
}

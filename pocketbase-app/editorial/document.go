package editorial

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey/condition"
)

// document is a document while it is edited: its JSON as maps.
type document map[string]any

func parse(raw []byte) (document, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var doc document
	err := json.Unmarshal(raw, &doc)
	return doc, err
}

func (d document) at(path string) any {
	var v any = map[string]any(d)
	for part := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[part]
	}
	return v
}

func (d document) text(path string) string { s, _ := d.at(path).(string); return s }

func (d document) set(path string, v any) {
	parts := strings.Split(path, ".")
	m := map[string]any(d)
	for _, part := range parts[:len(parts)-1] {
		next, ok := m[part].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[part] = next
		}
		m = next
	}
	m[parts[len(parts)-1]] = v
}

// unset removes what stands at a path, and maps in which only empty texts are
// left then: a language whose last text is deleted is gone.
func (d document) unset(path string) {
	head, last, nested := strings.Cut(path, ".")
	if !nested {
		delete(d, head)
		return
	}
	inner, ok := d[head].(map[string]any)
	if !ok {
		return
	}
	document(inner).unset(last)
	for _, v := range inner {
		if v != "" {
			return
		}
	}
	delete(d, head)
}

// moment reads a time of the document; the zero time when there is none.
func (d document) moment(path string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, d.text(path))
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

// form gives the values of an edit page. raw is the document's own JSON, whose
// order of members fields of JSON keep.
func (k *Kind) form(raw json.RawMessage, lang string) (url.Values, error) {
	doc, err := parse(raw)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	form := url.Values{}
	for _, f := range k.Fields {
		if f.shown(lang) {
			f.show(form, doc, members, lang)
		}
	}
	return form, nil
}

func (f field) show(form url.Values, doc document, members map[string]json.RawMessage, lang string) {
	path := f.in(lang)
	v := doc.at(path)
	switch f.Type {
	case asNumber:
		if n, ok := v.(float64); ok {
			form.Set(path, strconv.FormatFloat(n, 'f', -1, 64))
		}
	case asCents:
		if n, ok := v.(float64); ok {
			form.Set(path, fmt.Sprintf("%d,%02d", int(n)/100, int(n)%100))
		}
	case asFlag:
		if v == true {
			form.Set(path, "ja")
		}
	case asChoices:
		form[path] = strs(v)
	case asList:
		form.Set(path, strings.Join(strs(v), ", "))
	case asMoment:
		if t := doc.moment(path); !t.IsZero() {
			t = t.In(content.Berlin)
			form.Set(path+"_date", t.Format("2006-01-02"))
			form.Set(path+"_time", t.Format("15:04"))
		}
	case asJSON:
		var b bytes.Buffer
		if raw := members[path]; len(raw) > 0 && string(raw) != "null" && json.Indent(&b, raw, "", "  ") == nil {
			form.Set(path, b.String())
		}
	case asRows:
		list, _ := v.([]any)
		for i, one := range list {
			row, _ := one.(map[string]any)
			sub := url.Values{}
			for _, c := range f.Columns {
				if c.shown(lang) {
					c.show(sub, row, nil, lang)
				}
			}
			for name, values := range sub {
				form[rowAt(path, i)+name] = values
			}
		}
	default:
		form.Set(path, doc.text(path))
	}
}

func strs(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, one := range list {
		if s, ok := one.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// fill puts what was sent for one language into the document. Fields that were
// not sent stay as they are. It reports what cannot be read; what is read but
// wrong is found by [Kind.decode].
func (k *Kind) fill(doc document, form url.Values, lang string) content.Problems {
	var problems content.Problems
	for _, f := range k.Fields {
		if f.shown(lang) {
			problems = append(problems, f.fill(doc, form, lang)...)
		}
	}
	return problems
}

func (f field) fill(doc document, form url.Values, lang string) content.Problems {
	path := f.in(lang)
	switch f.Type {
	case asMoment:
		return f.fillMoment(doc, form, path)
	case asRows:
		return f.fillRows(doc, form, path, lang)
	}
	if _, sent := form[path]; !sent {
		return nil
	}
	s := strings.TrimSpace(form.Get(path))
	switch f.Type {
	case asFlag:
		doc.set(path, slices.Contains(form[path], "ja"))
		return nil
	case asChoices:
		chosen := []any{}
		for _, code := range form[path] {
			if code != "" {
				chosen = append(chosen, code)
			}
		}
		doc.set(path, chosen)
		return nil
	}
	if s == "" {
		doc.unset(path)
		return nil
	}
	switch f.Type {
	case asNumber:
		n, err := strconv.Atoi(s)
		if err != nil {
			return content.Problems{{Field: path, Code: "not_integer"}}
		}
		doc.set(path, n)
	case asCents:
		n, ok := cents(s)
		if !ok {
			return content.Problems{{Field: path, Code: "not_money"}}
		}
		doc.set(path, n)
	case asList:
		list := []any{}
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		doc.set(path, list)
	case asJSON:
		if err := json.Unmarshal([]byte(s), new(any)); err != nil {
			return content.Problems{{Field: path, Code: "json_syntax", Args: map[string]any{"line": lineOf(s, err)}}}
		}
		doc.set(path, json.RawMessage(s))
	default:
		doc.set(path, s)
	}
	return nil
}

func (f field) fillMoment(doc document, form url.Values, path string) content.Problems {
	if _, sent := form[path+"_date"]; !sent {
		return nil
	}
	date, clock := strings.TrimSpace(form.Get(path+"_date")), strings.TrimSpace(form.Get(path+"_time"))
	if date == "" {
		doc.unset(path)
		return nil
	}
	day, err := time.ParseInLocation("2006-01-02", date, content.Berlin)
	if err != nil {
		if day, err = time.ParseInLocation("2.1.2006", date, content.Berlin); err != nil {
			return content.Problems{{Field: path + "_date", Code: "not_date"}}
		}
	}
	at := time.Time{}
	if clock != "" {
		if at, err = time.Parse("15:04", clock); err != nil {
			return content.Problems{{Field: path + "_time", Code: "not_time"}}
		}
	}
	t := time.Date(day.Year(), day.Month(), day.Day(), at.Hour(), at.Minute(), 0, 0, content.Berlin)
	if same := doc.moment(path).In(content.Berlin); !same.IsZero() && same.Truncate(time.Minute).Equal(t) {
		return nil // keep seconds that the form does not show
	}
	doc.set(path, t.UTC().Format(time.RFC3339))
	return nil
}

// maxRows is how many rows of one field a form may send.
const maxRows = 50

func rowAt(path string, i int) string { return path + "." + strconv.Itoa(i) + "." }

// sentRow gives what a form says of one row, by the paths of its columns.
func sentRow(form url.Values, at string) url.Values {
	sub := url.Values{}
	for name, values := range form {
		if rest, ok := strings.CutPrefix(name, at); ok {
			sub[rest] = values
		}
	}
	return sub
}

// blank reports whether nothing is written in a row; what is only chosen or ticked does not count.
func (f field) blank(row url.Values, lang string) bool {
	for _, c := range f.Columns {
		if c.Type != asChoice && c.Type != asFlag && c.shown(lang) && strings.TrimSpace(row.Get(c.in(lang))) != "" {
			return false
		}
	}
	return true
}

// fillRows reads the rows of a list; an empty one takes the entry away. On the page of
// another language only the texts in that language are sent.
func (f field) fillRows(doc document, form url.Values, path, lang string) content.Problems {
	var problems content.Problems
	old, _ := doc.at(path).([]any)
	rows, sent := []any{}, false
	for i := range maxRows {
		row := document{}
		if i < len(old) {
			if m, ok := old[i].(map[string]any); ok {
				row = m
			}
		}
		sub := sentRow(form, rowAt(path, i))
		if len(sub) == 0 {
			if i < len(old) {
				rows = append(rows, map[string]any(row))
			}
			continue
		}
		sent = true
		if lang == content.German && f.blank(sub, lang) || lang != content.German && i >= len(old) {
			continue
		}
		for _, c := range f.Columns {
			if !c.shown(lang) {
				continue
			}
			for _, q := range c.fill(row, sub, lang) {
				// The rows that are kept close up; a problem stays with the row that was sent.
				q.Field = rowAt(path, i) + q.Field
				problems = append(problems, q)
			}
		}
		rows = append(rows, map[string]any(row))
	}
	if sent {
		doc.set(path, rows)
	}
	return problems
}

// cents reads an amount in euros: "13", "13,5", "13.50".
func cents(s string) (int, bool) {
	whole, part, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(strings.TrimSuffix(s, "€")), ".", ","), ",")
	if len(part) > 2 || len(whole) == 0 || len(whole) > 6 || strings.Trim(whole+part, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.Atoi(whole)
	m, _ := strconv.Atoi((part + "00")[:2])
	return n*100 + m, true
}

// lineOf tells in which line of a JSON text an error stands.
func lineOf(s string, err error) int {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return 1 + strings.Count(s[:min(int(syntax.Offset), len(s))], "\n")
	}
	return 1 + strings.Count(s, "\n")
}

// maxDocument is what the collections take, in bytes of JSON.
const maxDocument = 1 << 20

// finish checks a filled document and returns its canonical JSON. Problems name
// the fields of the form.
func (d *Editorial) finish(k *Kind, doc document, lang string) (json.RawMessage, content.Problems, error) {
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, nil, err
	}
	canonical, problems, err := k.decode(raw)
	if err != nil {
		return nil, k.undecodable(err), nil
	}
	if len(canonical) > maxDocument {
		return nil, content.Problems{{Field: k.Fields[0].in(lang), Code: "too_large_document"}}, nil
	}
	return canonical, d.onForm(k, problems, lang), nil
}

// finishDraft is finish for a working copy, which may lack what only publishing
// needs.
func (d *Editorial) finishDraft(k *Kind, doc document, lang string) (json.RawMessage, content.Problems, error) {
	canonical, problems, err := d.finish(k, doc, lang)
	if k.later == nil || err != nil || canonical == nil || len(problems) == 0 {
		return canonical, problems, err
	}
	_, problems, err = k.decode(canonical)
	problems = slices.DeleteFunc(problems, k.later)
	return canonical, d.onForm(k, problems, lang), err
}

// undecodable explains why JSON that an editor wrote is no document of the kind.
func (k *Kind) undecodable(err error) content.Problems {
	at := k.Fields[0].in(content.German)
	for _, f := range k.Fields {
		if f.Type == asJSON {
			at = f.Path
		}
	}
	return undecodableAt(at, err)
}

func undecodableAt(at string, err error) content.Problems {
	var fault *condition.Fault
	if errors.As(err, &fault) {
		return content.Problems{{Field: at, Code: fault.Code, Args: fault.Args}}
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return content.Problems{{Field: at, Code: "json_type", Args: map[string]any{"name": wrong.Field}}}
	}
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return content.Problems{{Field: at, Code: "json_field", Args: map[string]any{"name": strings.Trim(name, `"`)}}}
	}
	return content.Problems{{Field: at, Code: "wrong_type"}}
}

// onForm turns the fields of problems into fields of the form, so that the error
// summary leads to them: a moment to its date, a place inside JSON to the JSON,
// a text of another language to the language switch.
func (d *Editorial) onForm(k *Kind, problems content.Problems, lang string) content.Problems {
	var out content.Problems
	for _, q := range problems {
		out = append(out, d.placed(k, q, lang))
	}
	return out
}

func (d *Editorial) placed(k *Kind, q content.Problem, lang string) content.Problem {
	inside := func(field string) content.Problem {
		return content.Problem{Field: field, Code: "inside", Args: map[string]any{"where": q.Field, "what": d.p.Words.Say(content.German, q)}}
	}
	for _, f := range k.Fields {
		path := f.in(lang)
		if q.Field != path && !strings.HasPrefix(q.Field, path+".") || !f.shown(lang) {
			continue
		}
		switch {
		case f.Type == asMoment:
			q.Field = path + "_date"
		case f.Type == asJSON:
			return inside(path)
		case f.Type == asRows && q.Field != path && lang != content.German && !strings.HasSuffix(q.Field, "."+lang):
			return inside("sprache")
		}
		return q
	}
	if q.Field == "slug" {
		return q
	}
	return inside("sprache")
}

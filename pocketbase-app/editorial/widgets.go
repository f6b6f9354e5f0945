package editorial

import (
	"net/url"
	"slices"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
)

// shown is one field as the template sees it.
type shown struct {
	base.Field
	Type    string
	Options []option
	Clock   base.Field // the time of a moment
	Entries []row
	Beside  bool // the German text stands beside it
	German  string
	On      bool // of a flag
}

type option struct {
	Code, Label string
	Chosen      bool
}

// row is one entry of a list: its columns, or only its texts on the page of another
// language.
type row struct {
	Name    string
	Columns []shown
}

func (d *Editorial) label(f field) string { return d.word("staff.field." + f.name()) }

// wordOr gives the words of a key, or "" when nobody wrote any.
func (d *Editorial) wordOr(key string) string {
	if s := d.word(key); s != key {
		return s
	}
	return ""
}

func (d *Editorial) input(name, label string, form url.Values, problems content.Problems) base.Field {
	f := base.Field{Name: name, Label: label, Type: "text", Value: form.Get(name), Rows: "6"}
	for _, q := range problems {
		if q.Field == name {
			f.Problem = d.p.Words.Say(content.German, q)
			break
		}
	}
	return f
}

func (d *Editorial) shown(k *Kind, f field, lang string, form, german url.Values, problems content.Problems) (shown, error) {
	path := f.in(lang)
	s := shown{Type: f.Type, Field: d.input(path, d.label(f), form, problems)}
	s.Help = d.wordOr("staff.help." + f.name())
	s.Required = f.Required && (lang == content.German || f.name() == "title" || f.name() == "name")
	if f.perLanguage() && lang != content.German {
		s.Lang = content.Locale(lang)
		s.Beside, s.German = true, german.Get(f.in(content.German))
	}
	switch f.Type {
	case asFlag:
		s.On = slices.Contains(form[path], "ja")
	case asText:
		s.Rows = "3"
	case asJSON:
		s.Rows = "20"
	case asNumber, asCents:
		s.InputMode = "decimal"
	case asMoment:
		at := s.Field
		s.Field = d.input(path+"_date", d.word("staff.editorial.date_of", "what", at.Label), form, problems)
		s.Clock = d.input(path+"_time", d.word("staff.editorial.time_of", "what", at.Label), form, problems)
		s.Field.Type, s.Clock.Type = "date", "time"
		s.Help, s.Required = at.Help, at.Required
	case asRows:
		s.Beside = false
		entries, err := d.rows(k, f, lang, form, german, problems)
		s.Entries = entries
		return s, err
	case asChoice, asChoices:
		options, err := d.options(f, form[path])
		s.Options = options
		return s, err
	}
	return s, nil
}

func (d *Editorial) options(f field, chosen []string) ([]option, error) {
	var out []option
	for _, code := range f.Options {
		out = append(out, option{code, d.word("staff.option." + f.name() + "." + code), slices.Contains(chosen, code)})
	}
	if f.Source == "" {
		return out, nil
	}
	var rows []struct {
		Slug  string `db:"slug"`
		Title string `db:"title"`
	}
	err := d.p.App.DB().NewQuery(`SELECT slug, title FROM {{` + f.Source + `}} ORDER BY title`).All(&rows)
	for _, r := range rows {
		out = append(out, option{r.Slug, r.Title, slices.Contains(chosen, r.Slug)})
	}
	return out, err
}

// rows shows the entries there are and, on the German page, two empty ones.
func (d *Editorial) rows(k *Kind, f field, lang string, form, german url.Values, problems content.Problems) ([]row, error) {
	var rows []row
	empty := 2
	for i := 0; i < maxRows && empty > 0; i++ {
		at := rowAt(f.Path, i)
		sub := sentRow(form, at)
		if lang != content.German && len(sub) == 0 {
			break
		}
		if f.blank(sub, lang) && len(german.Get(at+f.Columns[0].in(content.German))) == 0 {
			empty--
		}
		r := row{Name: d.word("staff.field."+f.name()+"_n", "n", i+1)}
		for _, c := range f.Columns {
			if !c.shown(lang) {
				continue
			}
			c.Word, c.Path = f.name()+"_"+c.name(), at+c.Path
			s, err := d.shown(k, c, lang, form, german, problems)
			if err != nil {
				return nil, err
			}
			r.Columns = append(r.Columns, s)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

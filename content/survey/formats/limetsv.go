package formats

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content/survey"
)

const maxColumns = 300

// readRows reads tab-separated text.
func readRows(b []byte) ([][]string, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	var rows [][]string
	for {
		row, err := r.Read()
		if row == nil && err != nil {
			if errors.Is(err, csv.ErrFieldCount) {
				continue
			}
			if err.Error() == "EOF" {
				return rows, nil
			}
			return nil, fmt.Errorf("no tab-separated text: %w", err)
		}
		if len(row) > maxColumns {
			return nil, tooLarge("columns", maxColumns)
		}
		if rows = append(rows, row); len(rows) > maxRows {
			return nil, tooLarge("rows", maxRows)
		}
	}
}

// readTSV reads LimeSurvey's tab-separated survey structure. Rows belong to the
// question and the group before them; every language repeats all of them.
func readTSV(b []byte) (survey.Questionnaire, []Loss, error) {
	rows, err := readRows(b)
	if err != nil {
		return survey.Questionnaire{}, nil, err
	}
	if len(rows) < 2 || !slices.Contains(rows[0], "class") || !slices.Contains(rows[0], "name") {
		return survey.Questionnaire{}, nil, errors.New("the first line has to name the columns: class, type/scale, name, relevance, text, …")
	}
	header := rows[0]
	l := newLime()
	settings := map[string]string{}
	texts := map[string]map[string]string{}
	groups := map[string]*limeGroup{}
	questions := map[string]*limeQuestion{}
	type partKey struct{ question, class, code, scale string }
	parts := map[partKey]*limePart{}
	nth := map[string]int{} // groups by language: they have no code of their own
	var g *limeGroup
	var q *limeQuestion
	for n, row := range rows[1:] {
		cells := map[string]string{}
		for i, v := range row {
			if i < len(header) && v != "" {
				cells[header[i]] = v
			} else if v != "" {
				l.lose("line "+strconv.Itoa(n+2), "bad_file", v, "")
			}
		}
		class, name, lang := cells["class"], cells["name"], cells["language"]
		if lang == "" {
			lang = settings["language"]
		}
		place := "line " + strconv.Itoa(n+2)
		switch class {
		case "S":
			if name == "language" {
				l.base = cells["text"]
			}
			settings[name] = cells["text"]
			for _, k := range sortedKeys(cells) {
				if !slices.Contains([]string{"class", "name", "text", "language"}, k) && !(k == "relevance" && trivial(cells[k])) {
					l.lose(place, "attribute", k+"="+cells[k], "")
				}
			}
		case "SL":
			if texts[lang] == nil {
				texts[lang] = map[string]string{"surveyls_language": lang}
			}
			texts[lang][name] = cells["text"]
			for _, k := range sortedKeys(cells) {
				if !slices.Contains([]string{"class", "name", "text", "language"}, k) && !(k == "relevance" && trivial(cells[k])) {
					l.lose(place, "attribute", k+"="+cells[k], "")
				}
			}
		case "G":
			key := cells["type/scale"]
			if key == "" {
				key = strconv.Itoa(nth[lang])
			}
			nth[lang]++
			// The first language has the groups; the others repeat them in order.
			if lang != l.base && groups[key] == nil && nth[lang] <= len(l.groups) {
				g = l.groups[nth[lang]-1]
			} else {
				g = groups[key]
			}
			rec := l.account("groups/"+key, cells)
			use(rec, "class", "type/scale", "name", "text", "language", "relevance", "help")
			rec.usual("mandatory", "N")
			rec.usual("random_group", "")
			if g == nil {
				g = &limeGroup{record: rec, id: strconv.Itoa(len(l.groups) + 1), title: map[string]string{}, about: map[string]string{}, relevance: cells["relevance"]}
				groups[key] = g
				l.groups = append(l.groups, g)
			} else if cells["relevance"] != g.cells["relevance"] {
				l.lose(g.place, "conditions_differ", cells["relevance"], g.cells["relevance"])
			}
			g.title[lang], g.about[lang] = name, cells["text"]
			q = nil
		case "Q":
			if g == nil { // questions before any group
				g = &limeGroup{record: l.account("groups/0", nil), id: "0", title: map[string]string{}, about: map[string]string{}}
				l.groups = append(l.groups, g)
			}
			q = questions[name]
			rec := l.account("questions/"+name, cells)
			if q == nil {
				q = &limeQuestion{record: rec, id: name, title: name, kind: cells["type/scale"], text: map[string]string{}, help: map[string]string{}, attributes: map[string]limeAttribute{}}
				questions[name] = q
				g.questions = append(g.questions, q)
				use(rec, "class", "type/scale", "name", "text", "help", "language")
				rec.usual("same_default", "0", "1")
				rec.usual("hidden", "0")
				rec.usual("random_order", "0")
				for _, k := range rec.names {
					q.attributes[k] = limeAttribute{cells[k], func() { rec.take(k) }}
				}
			} else {
				rec.same(q.record, rec.names...)
				use(rec, "class", "name", "text", "help", "language")
				rec.place = "questions/" + name + "[" + lang + "]"
			}
			q.text[lang], q.help[lang] = cells["text"], cells["help"]
		case "SQ", "A":
			if q == nil {
				l.lose(place, "bad_file", class+" "+name+" of no question", "")
				continue
			}
			k := partKey{q.title, class, name, cells["type/scale"]}
			rec := l.account(q.place+map[string]string{"SQ": "/subquestions", "A": "/answers"}[class], cells)
			p := parts[k]
			if p == nil {
				p = &limePart{record: rec, code: name, scale: cells["type/scale"], relevance: cells["relevance"], text: map[string]string{}}
				parts[k] = p
				use(rec, "class", "type/scale", "name", "text", "language", "relevance")
				rec.usual("mandatory", "N")
				rec.usual("other", "N")
				rec.usual("same_default", "0", "1")
				rec.usual("assessment_value", "0")
				if class == "SQ" {
					q.sub = append(q.sub, p)
				} else {
					q.answers = append(q.answers, p)
				}
			} else {
				rec.same(p.record, rec.names...)
				use(rec, "class", "name", "text", "language")
			}
			p.text[lang] = cells["text"]
			if class == "SQ" && cells["help"] != "" {
				l.lose(rec.place, "attribute", "help="+cells["help"], "")
				rec.take("help")
			}
		default:
			if strings.Join(row, "") != "" {
				l.lose(place, "attribute", "class "+class+" "+name+" "+cells["text"], "")
			}
		}
	}
	l.settings = l.account("survey", settings)
	if l.base == "" {
		l.base = "en"
	}
	for lang, t := range texts {
		rec := l.account("survey/"+lang, t)
		l.languages[lang] = rec
	}
	if len(l.languages) == 0 {
		l.languages[l.base] = &record{place: "survey", cells: map[string]string{}, taken: map[string]bool{}}
	}
	return l.convert()
}

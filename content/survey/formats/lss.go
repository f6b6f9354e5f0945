package formats

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content/survey"
)

const (
	maxRows = 100_000
	maxXML  = 8 // elements inside each other
)

// table is one table of an .lss file: rows of columns and texts.
type table []map[string]string

// readTables reads the tables of LimeSurvey's XML. Document types are refused,
// and with them entities of the file's own.
func readTables(b []byte) (map[string]table, error) {
	dec := xml.NewDecoder(bytes.NewReader(b))
	tables := map[string]table{}
	var path []string
	var row map[string]string
	var text strings.Builder
	rows := 0
	for {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("no XML: %w", err)
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, errors.New("document types and entities in XML are refused")
		case xml.StartElement:
			if path = append(path, t.Name.Local); len(path) > maxXML {
				return nil, errors.New("elements nest too deeply")
			}
			text.Reset()
			if len(path) == 4 && path[3] == "row" && path[2] == "rows" {
				if rows++; rows > maxRows {
					return nil, tooLarge("rows", maxRows)
				}
				row = map[string]string{}
			}
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			switch {
			case len(path) == 5 && row != nil:
				row[path[4]] = text.String()
			case len(path) == 4 && row != nil:
				tables[path[1]] = append(tables[path[1]], row)
				row = nil
			case len(path) > 2 && row == nil && !slices.Contains(path, "fields") && path[1] != "languages" && strings.TrimSpace(text.String()) != "":
				at := strings.Join(path[1:], "/") // options of a theme
				tables["-"] = append(tables["-"], map[string]string{"place": at, "value": text.String()})
				if rows++; rows > maxRows {
					return nil, tooLarge("rows", maxRows)
				}
			case len(path) == 2 && strings.TrimSpace(text.String()) != "":
				tables[""] = append(tables[""], map[string]string{path[1]: text.String()})
			}
			path = path[:len(path)-1]
			text.Reset()
		}
	}
	return tables, nil
}

// readLSS reads LimeSurvey's survey structure of both generations: rows for
// every language, or since version 4 texts in tables of their own (to version 7,
// database 717, as far as files were to be had).
func readLSS(b []byte) (survey.Questionnaire, []Loss, error) {
	tables, err := readTables(b)
	if err != nil {
		return survey.Questionnaire{}, nil, err
	}
	kind := ""
	for _, r := range tables[""] {
		kind += r["LimeSurveyDocType"]
	}
	if kind != "" && kind != "Survey" {
		return survey.Questionnaire{}, nil, fmt.Errorf("a LimeSurvey file of a %s; export the survey structure (.lss)", strings.ToLower(kind))
	}
	l := newLime()
	if len(tables["surveys"]) == 0 {
		return survey.Questionnaire{}, nil, errors.New("the file has no table of surveys")
	}
	s := tables["surveys"][0]
	l.base = s["language"]
	l.settings = l.account("survey", s)
	l.settings.usual("sid", s["sid"]) // the survey itself
	for _, r := range tables["surveys_languagesettings"] {
		rec := l.account("survey/"+r["surveyls_language"], r)
		l.languages[r["surveyls_language"]] = rec
	}
	if len(l.languages) == 0 {
		l.languages[l.base] = &record{place: "survey", cells: map[string]string{}, taken: map[string]bool{}}
	}
	joinTexts(tables)
	groups := map[string]*limeGroup{}
	for _, r := range tables["groups"] {
		g := groups[r["gid"]]
		if g == nil {
			g = &limeGroup{id: strconv.Itoa(len(groups) + 1), title: map[string]string{}, about: map[string]string{}, relevance: r["grelevance"]}
			g.record = l.account("groups/"+r["gid"], r)
			groups[r["gid"]] = g
			l.groups = append(l.groups, g)
			use(g.record, "gid", "sid", "group_order", "group_name", "description", "language", "grelevance")
		} else {
			rec := l.account("groups/"+r["gid"]+"["+r["language"]+"]", r)
			rec.same(g.record, rec.names...)
			use(rec, "group_name", "description", "language")
		}
		g.title[r["language"]], g.about[r["language"]] = r["group_name"], r["description"]
	}
	slices.SortStableFunc(l.groups, func(a, b *limeGroup) int { return whole(a.cells["group_order"]) - whole(b.cells["group_order"]) })
	for i, g := range l.groups {
		g.id = strconv.Itoa(i + 1)
	}
	questions := map[string]*limeQuestion{}
	for _, r := range tables["questions"] {
		if p := r["parent_qid"]; p != "" && p != "0" {
			tables["subquestions"] = append(tables["subquestions"], r)
			continue
		}
		q := questions[r["qid"]]
		if q == nil {
			q = &limeQuestion{id: r["qid"], title: r["title"], kind: r["type"], text: map[string]string{}, help: map[string]string{}, attributes: map[string]limeAttribute{}}
			q.record = l.account("questions/"+r["title"], r)
			use(q.record, "qid", "title", "type", "gid", "sid", "parent_qid", "question", "help", "language", "question_order", "scale_id")
			q.usual("same_default", "0", "")
			q.usual("same_script", "0", "")
			questions[r["qid"]] = q
			if g := groups[r["gid"]]; g != nil {
				g.questions = append(g.questions, q)
			} else {
				l.lose(q.place, "bad_file", "a question of no group", "")
			}
		} else {
			rec := l.account("questions/"+r["title"]+"["+r["language"]+"]", r)
			rec.same(q.record, rec.names...)
			use(rec, "question", "help", "language")
		}
		q.text[r["language"]], q.help[r["language"]] = r["question"], r["help"]
	}
	for _, g := range l.groups {
		slices.SortStableFunc(g.questions, func(a, b *limeQuestion) int {
			return whole(a.cells["question_order"]) - whole(b.cells["question_order"])
		})
	}
	l.parts(tables["subquestions"], questions, true)
	l.parts(tables["answers"], questions, false)
	for _, r := range tables["question_attributes"] {
		rec := l.account("questions/?/attributes/"+r["attribute"], r)
		use(rec, "qid", "attribute", "language")
		q := questions[r["qid"]]
		if q == nil {
			continue
		}
		rec.place = q.place + "/" + r["attribute"]
		rec.names, rec.cells = []string{r["attribute"]}, map[string]string{r["attribute"]: r["value"]}
		rec.usual(r["attribute"], limeDefaults[r["attribute"]]...)
		if old, twice := q.attributes[r["attribute"]]; !twice || old.value == "" || ourLanguage(r["language"]) == "de" {
			q.attributes[r["attribute"]] = limeAttribute{r["value"], func() { rec.take(r["attribute"]) }}
		}
	}
	for _, r := range tables["conditions"] {
		q := questions[r["qid"]]
		rec := l.account("conditions/"+r["cid"], r)
		use(rec, "cid")
		if q != nil {
			q.conditions = append(q.conditions, rec)
		}
	}
	for _, r := range tables["-"] {
		l.lose(r["place"], "look", r["value"], "")
	}
	known := []string{"", "-", "surveys", "surveys_languagesettings", "groups", "questions", "subquestions", "answers", "question_attributes", "conditions",
		"group_l10ns", "question_l10ns", "answer_l10ns"}
	for _, name := range sortedKeys(tables) {
		if slices.Contains(known, name) {
			continue
		}
		for i, r := range tables[name] {
			code := map[string]string{"quota": "setting", "quota_members": "setting", "quota_languagesettings": "setting", "assessments": "scores", "defaultvalues": "default", "defaultvalue_l10ns": "default", "survey_url_parameters": "setting"}[name]
			if code == "" {
				code = "technical"
				if strings.HasPrefix(name, "themes") || strings.Contains(name, "template") {
					code = "look"
				}
			}
			for _, column := range sortedKeys(r) {
				if strings.TrimSpace(r[column]) != "" {
					l.lose(name, code, fmt.Sprintf("%d %s=%s", i+1, column, r[column]), "")
				}
			}
		}
	}
	return l.convert()
}

func (l *lime) account(place string, r map[string]string) *record {
	return l.record(place, sortedKeys(r), r)
}

func use(r *record, names ...string) {
	for _, n := range names {
		r.take(n)
	}
}

func whole(s string) int { n, _ := strconv.Atoi(strings.TrimSpace(s)); return n }

// parts reads sub-questions and answers.
func (l *lime) parts(rows table, questions map[string]*limeQuestion, sub bool) {
	type key struct{ qid, code, scale string }
	seen := map[key]*limePart{}
	slices.SortStableFunc(rows, func(a, b map[string]string) int {
		return whole(a["question_order"]+a["sortorder"]) - whole(b["question_order"]+b["sortorder"])
	})
	for _, r := range rows {
		qid, code, text := r["qid"], r["code"], r["answer"]
		if sub {
			qid, code, text = r["parent_qid"], r["title"], r["question"]
		}
		q := questions[qid]
		if q == nil {
			l.lose("answers/"+qid, "bad_file", code+" of no question", "")
			continue
		}
		k := key{qid, code, r["scale_id"]}
		p := seen[k]
		place := q.place + "/answers"
		if sub {
			place = q.place + "/subquestions"
		}
		rec := l.account(place, r)
		if p == nil {
			p = &limePart{record: rec, code: code, scale: r["scale_id"], relevance: r["relevance"], text: map[string]string{}}
			seen[k] = p
			use(rec, "qid", "parent_qid", "sid", "gid", "aid", "code", "title", "answer", "question", "language", "scale_id", "sortorder", "question_order", "relevance", "type")
			rec.usual("assessment_value", "0", "")
			rec.usual("mandatory", "N", "")
			rec.usual("other", "N", "")
			rec.usual("same_default", "0", "")
			rec.usual("same_script", "0", "")
			if sub {
				q.sub = append(q.sub, p)
			} else {
				q.answers = append(q.answers, p)
			}
		} else {
			rec.same(p.record, rec.names...)
			use(rec, "qid", "answer", "question", "language", "aid")
		}
		p.text[r["language"]] = text
	}
}

// joinTexts makes the rows of the second generation look like those of the
// first: one row for every language.
func joinTexts(tables map[string]table) {
	join := func(name, texts, id string) {
		if len(tables[texts]) == 0 {
			return
		}
		by := map[string]table{}
		for _, t := range tables[texts] {
			by[t[id]] = append(by[t[id]], t)
		}
		var rows table
		for _, r := range tables[name] {
			if len(by[r[id]]) == 0 {
				rows = append(rows, r)
			}
			for _, t := range by[r[id]] {
				both := map[string]string{}
				for k, v := range r {
					both[k] = v
				}
				for k, v := range t {
					if k != "id" {
						both[k] = v
					}
				}
				rows = append(rows, both)
			}
		}
		tables[name] = rows
	}
	join("groups", "group_l10ns", "gid")
	join("questions", "question_l10ns", "qid")
	join("subquestions", "question_l10ns", "qid")
	join("answers", "answer_l10ns", "aid")
}

package formats

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
)

// The parts of DDI-Codebook 2.6 that a questionnaire fills. Order is the schema's.
type ddiCodeBook struct {
	XMLName xml.Name `xml:"ddi:codebook:2_6 codeBook"`
	Version string   `xml:"version,attr"`
	Lang    string   `xml:"xml:lang,attr"`
	Study   ddiStudy `xml:"stdyDscr"`
	Data    ddiData  `xml:"dataDscr"`
}

type ddiStudy struct {
	Citation ddiCitation `xml:"citation"`
	Info     *ddiInfo    `xml:"stdyInfo,omitempty"`
	Method   ddiMethod   `xml:"method"`
}

type ddiCitation struct {
	Title struct {
		Main     ddiText   `xml:"titl"`
		Parallel []ddiText `xml:"parTitl,omitempty"`
		ID       string    `xml:"IDNo"`
	} `xml:"titlStmt"`
	Version *ddiVersion `xml:"verStmt,omitempty"`
}

type ddiVersion struct {
	Version string `xml:"version"`
}

type ddiInfo struct {
	Abstract []ddiText `xml:"abstract"`
}

type ddiMethod struct {
	Collection struct {
		Mode ddiText `xml:"collMode"`
	} `xml:"dataColl"`
}

type ddiData struct {
	Groups []ddiGroup `xml:"varGrp,omitempty"`
	Vars   []ddiVar   `xml:"var"`
}

type ddiGroup struct {
	ID     string    `xml:"ID,attr"`
	Type   string    `xml:"type,attr"`
	Vars   string    `xml:"var,attr,omitempty"`
	Labels []ddiText `xml:"labl"`
}

type ddiText struct {
	Lang string `xml:"xml:lang,attr,omitempty"`
	Text string `xml:",chardata"`
}

type ddiVar struct {
	ID       string        `xml:"ID,attr"`
	Name     string        `xml:"name,attr"`
	Interval string        `xml:"intrvl,attr,omitempty"`
	Labels   []ddiText     `xml:"labl"`
	Security *ddiText      `xml:"security,omitempty"`
	Question *ddiQuestion  `xml:"qstn,omitempty"`
	Range    *ddiRanges    `xml:"valrng,omitempty"`
	Universe []ddiText     `xml:"universe,omitempty"`
	Category []ddiCategory `xml:"catgry,omitempty"`
	Coding   *ddiText      `xml:"codInstr,omitempty"`
	Derived  *ddiDerived   `xml:"derivation,omitempty"`
	Format   *ddiFormat    `xml:"varFormat,omitempty"`
}

type ddiQuestion struct {
	ID        string    `xml:"ID,attr"`
	Kind      string    `xml:"responseDomainType,attr,omitempty"`
	Before    []ddiText `xml:"preQTxt,omitempty"`
	Text      []ddiText `xml:"qstnLit"`
	Interview []ddiText `xml:"ivuInstr,omitempty"`
}

type ddiRanges struct {
	Range struct {
		Min  string `xml:"min,attr,omitempty"`
		Max  string `xml:"max,attr,omitempty"`
		Unit string `xml:"UNITS,attr,omitempty"`
	} `xml:"range"`
}

type ddiCategory struct {
	Missing string    `xml:"missing,attr,omitempty"`
	Value   string    `xml:"catValu"`
	Labels  []ddiText `xml:"labl"`
}

type ddiDerived struct {
	Command ddiText `xml:"drvcmd"`
}

type ddiFormat struct {
	Type string `xml:"type,attr"`
}

// ddiTexts gives a text in its languages. DDI wants plain text.
func ddiTexts(t content.Text, languages []string, markdown bool) []ddiText {
	var all []ddiText
	for _, lang := range languages {
		if s := strings.TrimSpace(t[lang]); s != "" {
			if markdown {
				s = content.Plain(s)
			}
			all = append(all, ddiText{content.Locale(lang), clean(s)})
		}
	}
	return all
}

// writeDDI documents a questionnaire as DDI-Codebook 2.6: a variable for every
// column that answers will fill, with question, categories and routing.
func writeDDI(q survey.Questionnaire) ([]byte, []Loss, error) {
	var l ledger
	book := ddiCodeBook{Version: "2.6", Lang: content.Locale(content.German)}
	title := ddiTexts(q.Title, q.Languages, false)
	if len(title) > 0 {
		book.Study.Citation.Title.Main, book.Study.Citation.Title.Parallel = title[0], title[1:]
	}
	book.Study.Citation.Title.ID = q.Slug
	if q.Version > 0 {
		book.Study.Citation.Version = &ddiVersion{fmt.Sprint(q.Version)}
	}
	if abstract := ddiTexts(q.Intro, q.Languages, true); len(abstract) > 0 {
		book.Study.Info = &ddiInfo{abstract}
	}
	book.Study.Method.Collection.Mode = ddiText{content.Locale(content.English), "Self-administered questionnaire: web, terminal, tablet, paper; telephone by staff"}
	runLosses(&l, q)
	if len(q.Thanks) > 0 {
		l.lose("survey", "attribute", "thanks", "")
	}
	for i := range q.Pages {
		p := &q.Pages[i]
		group := ddiGroup{ID: "page_" + p.Code, Type: "section", Labels: ddiTexts(p.Title, q.Languages, false)}
		before := content.Text{}
		for j := range p.Items {
			it := &p.Items[j]
			place := "items/" + it.Code
			if it.Type == survey.Info { // said before the next question
				for lang, t := range it.Text {
					before[lang] = strings.TrimSpace(before[lang] + "\n\n" + t)
				}
				if !it.ShowIf.IsZero() {
					l.lose(place, "condition", "text between questions", "")
				}
				continue
			}
			for _, v := range it.Variables() {
				dv := ddiVariable(&l, q, p, v, place)
				if dv.Question != nil {
					dv.Question.Before = ddiTexts(before, q.Languages, true)
				}
				book.Data.Vars = append(book.Data.Vars, dv)
				group.Vars = strings.TrimSpace(group.Vars + " " + dv.ID)
			}
			before = content.Text{}
		}
		if len(before) > 0 {
			l.lose("pages/"+p.Code, "attribute", "text after the last question", "")
		}
		book.Data.Groups = append(book.Data.Groups, group)
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.Encode(book); err != nil {
		return nil, nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), l.losses, nil
}

func ddiID(key string) string { return "v_" + strings.ReplaceAll(key, ".", "-") }

func ddiVariable(l *ledger, q survey.Questionnaire, p *survey.Page, v survey.Variable, place string) ddiVar {
	it := v.Item
	dv := ddiVar{ID: ddiID(v.Key), Name: v.Key, Labels: ddiTexts(it.Text, q.Languages, false)}
	if v.Row != nil {
		for i := range dv.Labels {
			for _, lang := range q.Languages {
				if content.Locale(lang) == dv.Labels[i].Lang {
					row, _ := v.Row.Text.In(lang)
					dv.Labels[i].Text += " – " + clean(row)
				}
			}
		}
	}
	if it.IsPersonal() {
		dv.Security = &ddiText{content.Locale(content.English), "personal: kept apart and given to cleared staff only"}
	}
	if it.Type == survey.Calculated {
		formula, _ := it.Formula.MarshalJSON()
		dv.Derived = &ddiDerived{ddiText{Text: string(formula)}}
	} else {
		dv.Question = &ddiQuestion{ID: "q_" + strings.ReplaceAll(v.Key, ".", "-"), Text: ddiTexts(it.Text, q.Languages, false), Interview: ddiTexts(it.Help, q.Languages, false)}
		if v.Row != nil {
			dv.Question.Text = dv.Labels
		}
	}
	dv.Format = &ddiFormat{"character"}
	switch {
	case v.Listed:
		kind := "category"
		if it.Type == survey.MultipleChoice || it.Type == survey.MatrixMultiple || it.Type == survey.Ranking {
			kind = "multiple"
		}
		if dv.Question != nil {
			dv.Question.Kind = kind
		}
		for _, o := range it.Choices() {
			dv.Category = append(dv.Category, ddiCategory{Value: o.Code, Labels: ddiTexts(o.Text, q.Languages, false)})
		}
	case it.Type == survey.Number || it.Type == survey.Scale || it.Type == survey.Calculated:
		dv.Format.Type = "numeric"
		if dv.Question != nil {
			dv.Question.Kind = "numeric"
		}
		if it.Type == survey.Scale || it.Integer {
			dv.Interval = "discrete"
		} else {
			dv.Interval = "contin"
		}
		if it.Min != nil || it.Max != nil {
			dv.Range = &ddiRanges{}
			if it.Min != nil {
				dv.Range.Range.Min = fmt.Sprint(*it.Min)
			}
			if it.Max != nil {
				dv.Range.Range.Max = fmt.Sprint(*it.Max)
			}
		}
		if it.Unit != "" {
			l.lose(place, "attribute", "unit="+it.Unit, "")
		}
	case dv.Question != nil:
		dv.Question.Kind = "text"
		if it.Type == survey.Date || it.Type == survey.Time {
			dv.Question.Kind = "datetime"
		}
	}
	for _, mark := range []string{survey.DontKnow, survey.Declined} {
		if mark == survey.DontKnow && it.DontKnow || mark == survey.Declined && it.NoAnswer {
			label := map[string]content.Text{
				survey.DontKnow: {content.German: "Weiß nicht", content.English: "Don't know", content.Easy: "Weiß nicht"},
				survey.Declined: {content.German: "Keine Angabe", content.English: "No answer", content.Easy: "Keine Angabe"},
			}[mark]
			dv.Category = append(dv.Category, ddiCategory{Missing: "Y", Value: mark, Labels: ddiTexts(label, q.Languages, false)})
		}
	}
	var universe []string
	if !p.ShowIf.IsZero() {
		b, _ := p.ShowIf.MarshalJSON()
		universe = append(universe, string(b))
	}
	if !it.ShowIf.IsZero() {
		b, _ := it.ShowIf.MarshalJSON()
		universe = append(universe, string(b))
	}
	if v.Row != nil && !v.Row.ShowIf.IsZero() {
		b, _ := v.Row.ShowIf.MarshalJSON()
		universe = append(universe, string(b))
	}
	if len(universe) > 0 {
		dv.Universe = []ddiText{{content.Locale(content.English), "asked when " + strings.Join(universe, " and ")}}
	}
	if v.Part == survey.PartText {
		dv.Coding = &ddiText{content.Locale(content.English), "the text of the answer that asks for one"}
	}
	return dv
}

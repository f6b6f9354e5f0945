// Package ddi writes the codebook of an export as DDI-Codebook 2.6: the study, the
// files of the export, and for every column of the frame its question, categories,
// reasons for having no answer and summary statistics.
//
// [New] gives a sink that counts the rows and writes the document when it is
// closed; its memory grows with the columns and categories, not with the rows. The
// questionnaire alone, with its routing and the texts between questions, is
// written by content/survey/formats.
package ddi

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/exports/frame"
)

// Study is what the codebook says besides the columns.
type Study struct {
	ID        string       // e.g. the survey's slug
	Abstract  content.Text // plain text
	Versions  []int        // of the questionnaire
	From, To  string       // first and last day of collection, YYYY-MM-DD; "" is unknown
	Producer  string       // who is responsible for the data
	Place     string       // geographic coverage
	Access    string       // conditions of use; who may use it and until when
	Created   time.Time
	Program   string
	Files     []File // the data files that the columns stand in
	Languages []string
}

// File is a data file.
type File struct{ Name, MediaType string }

// codebook is a document in the making, a [frame.Sink].
type codebook struct {
	w      io.Writer
	frame  *frame.Frame
	about  func() Study
	study  Study
	counts []count
	rows   int
}

// count is what is counted of one column.
type count struct {
	valid    int
	marks    map[string]int
	values   map[string]int // of the column's categories only
	n        int            // numbers
	mean, m2 float64        // Welford's
	min, max float64
	from, to string // of days and times
}

// New begins a codebook of a frame whose rows follow. about is asked when the rows
// are over.
func New(w io.Writer, f *frame.Frame, about func() Study) (frame.Sink, error) {
	c := &codebook{w: w, frame: f, about: about, counts: make([]count, len(f.Columns))}
	for i, col := range f.Columns {
		c.counts[i] = count{marks: map[string]int{}, values: map[string]int{}}
		for _, cat := range col.Categories {
			c.counts[i].values[cat.Code] = 0
		}
	}
	return c, nil
}

// Row counts one row.
func (c *codebook) Row(cells []frame.Value) error {
	c.rows++
	for i := range cells {
		n, kind := &c.counts[i], c.frame.Columns[i].Kind
		switch cell := &cells[i]; cell.State {
		case frame.Mark:
			n.marks[cell.Text]++
		case frame.Number:
			n.valid++
			n.number(cell.Number)
			if len(n.values) > 0 {
				n.value(strconv.FormatFloat(cell.Number, 'f', -1, 64))
			}
		case frame.Words:
			n.valid++
			switch kind {
			case frame.Codes:
				for _, code := range strings.Fields(cell.Text) {
					n.value(code)
				}
			case frame.Day, frame.Time:
				if n.from == "" || cell.Text < n.from {
					n.from = cell.Text
				}
				n.to = max(n.to, cell.Text)
			default:
				n.value(cell.Text)
			}
		}
	}
	return nil
}

func (n *count) value(code string) {
	if _, known := n.values[code]; known {
		n.values[code]++
	}
}

func (n *count) number(x float64) {
	n.n++
	if n.n == 1 {
		n.min, n.max = x, x
	}
	n.min, n.max = min(n.min, x), max(n.max, x)
	d := x - n.mean
	n.mean += d / float64(n.n)
	n.m2 += d * (x - n.mean)
}

// Close writes the document.
func (c *codebook) Close() error {
	if c.study = c.about(); len(c.study.Languages) == 0 {
		c.study.Languages = content.Languages
	}
	if _, err := io.WriteString(c.w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(c.w)
	enc.Indent("", "  ")
	if err := enc.Encode(c.document()); err != nil {
		return err
	}
	_, err := io.WriteString(c.w, "\n")
	return err
}

func (c *codebook) document() *codeBook {
	s := c.study
	book := &codeBook{Version: "2.6", Lang: content.Locale(content.German)}
	title := c.texts(c.frame.Title)
	if len(title) == 0 {
		title = []text{{Text: c.frame.Name}}
	}
	study := &book.Study
	study.Citation.Title = titles{Main: title[0], Parallel: title[1:], ID: s.ID}
	study.Citation.Production = &production{Producer: s.Producer}
	if !s.Created.IsZero() {
		day := s.Created.In(content.Berlin).Format(time.DateOnly)
		study.Citation.Production.Date = &date{Day: day, Text: day}
	}
	if s.Program != "" {
		study.Citation.Production.Software = &text{Text: s.Program}
	}
	if len(s.Versions) > 0 {
		study.Citation.Version = &version{strings.Trim(fmt.Sprint(s.Versions), "[]")}
	}
	study.Info.Abstract = c.texts(s.Abstract)
	study.Info.Summary = &summary{Kind: "survey data"}
	for _, one := range []struct{ event, day string }{{"start", s.From}, {"end", s.To}} {
		if one.day != "" {
			study.Info.Summary.Collected = append(study.Info.Summary.Collected, date{Event: one.event, Day: one.day, Text: one.day})
		}
	}
	if s.Place != "" {
		study.Info.Summary.Place = &text{Text: s.Place}
	}
	if s.Access != "" {
		study.Access = &access{Conditions: text{content.Locale(content.German), s.Access}}
	}
	var ids []string
	for i, f := range s.Files {
		id := "F" + strconv.Itoa(i+1)
		ids = append(ids, id)
		one := fileDescription{ID: id}
		one.Text.Name, one.Text.Type = f.Name, f.MediaType
		one.Text.Size.Cases, one.Text.Size.Variables = c.rows, len(c.frame.Columns)
		book.Files = append(book.Files, one)
	}
	book.Data.Groups = c.groups()
	for i := range c.frame.Columns {
		book.Data.Variables = append(book.Data.Variables, c.variable(i, strings.Join(ids, " ")))
	}
	return book
}

// groups are the questions with several columns.
func (c *codebook) groups() (all []group) {
	for i, parent := range c.frame.Columns {
		members := []string{id(i)}
		for k, col := range c.frame.Columns {
			if col.Of == parent.Name {
				members = append(members, id(k))
			}
		}
		if len(members) > 1 {
			all = append(all, group{ID: "g" + strconv.Itoa(i+1), Type: "multipleResp", Variables: strings.Join(members, " "), Labels: c.texts(parent.Label)})
		}
	}
	return all
}

func id(i int) string { return "V" + strconv.Itoa(i+1) }

func (c *codebook) variable(i int, files string) variable {
	col, n := c.frame.Columns[i], &c.counts[i]
	v := variable{ID: id(i), Name: col.Name, Files: files, Labels: c.texts(col.Label), Format: &form{"character"}}
	if len(v.Labels) > 0 && col.Of == "" {
		v.Question = &question{Text: v.Labels}
	}
	if col.Personal {
		v.Security = &text{content.Locale(content.English), "personal: for cleared staff only"}
	}
	if len(col.Versions) > 0 {
		v.Universe = &text{content.Locale(content.English), "asked in version " + strings.Trim(fmt.Sprint(col.Versions), "[]")}
	}
	v.Statistics = []statistic{{"vald", strconv.Itoa(n.valid)}, {"invd", strconv.Itoa(c.rows - n.valid)}}
	switch col.Kind {
	case frame.Integer, frame.Decimal, frame.Flag:
		v.Format.Type, v.Interval = "numeric", "discrete"
		if col.Kind == frame.Decimal {
			v.Interval = "contin"
		}
		if col.Unit != "" { // the schema's UNITS tells only whole numbers from others
			v.Text = &text{content.Locale(content.German), "Einheit: " + col.Unit}
		}
		if n.n > 0 {
			v.Statistics = append(v.Statistics, statistic{"min", say(n.min)}, statistic{"max", say(n.max)}, statistic{"mean", say(n.mean)})
		}
		if n.n > 1 {
			v.Statistics = append(v.Statistics, statistic{"stdev", say(math.Sqrt(n.m2 / float64(n.n-1)))})
		}
	case frame.Day, frame.Time:
		if n.from != "" {
			v.Statistics = append(v.Statistics, statistic{"min", n.from}, statistic{"max", n.to})
		}
	}
	for _, cat := range col.Categories {
		v.Categories = append(v.Categories, category{Value: cat.Code, Labels: c.texts(cat.Text), Count: frequency(n.values[cat.Code])})
	}
	if col.Marks {
		for _, mark := range []string{frame.Skipped, frame.DontKnow, frame.Declined} {
			v.Categories = append(v.Categories, category{Missing: "Y", Value: mark, Labels: c.texts(markTexts[mark]), Count: frequency(n.marks[mark])})
		}
	}
	return v
}

// markTexts say what the marks mean.
var markTexts = map[string]content.Text{
	frame.Skipped:  {content.German: "übersprungen", content.English: "skipped"},
	frame.DontKnow: {content.German: "weiß nicht", content.English: "don't know"},
	frame.Declined: {content.German: "keine Angabe", content.English: "declined"},
}

func say(f float64) string { return strconv.FormatFloat(f, 'g', 10, 64) }

func (c *codebook) texts(t content.Text) (all []text) {
	for _, lang := range c.study.Languages {
		if s, _ := frame.Tidy(strings.TrimSpace(t[lang])); s != "" {
			all = append(all, text{content.Locale(lang), s})
		}
	}
	return all
}

package exports

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/content/survey/tally"
	"servicepoint/exports/frame"
)

// Frame gives the responses as codes: the columns of the sheet Daten_Codes, for
// every other format. Its rows end with ctx.
func (s Survey) Frame(ctx context.Context) (*frame.Frame, error) {
	m, err := tally.Merge(s.Versions)
	if err != nil {
		return nil, err
	}
	columns, err := columnsOf(m, s.Personal, s.FreeText)
	if err != nil {
		return nil, err
	}
	f := &frame.Frame{Name: m.Slug, Title: m.Title, Count: s.Count}
	for _, col := range columns {
		f.Columns = append(f.Columns, frameColumn(m, col))
	}
	f.Rows = s.frameRows(ctx, m, columns, f.Columns)
	return f, nil
}

func (s Survey) frameRows(ctx context.Context, m *tally.Survey, columns []column, typed []frame.Column) iter.Seq2[[]frame.Value, error] {
	return func(yield func([]frame.Value, error) bool) {
		reader := newFrameReader(m, columns, typed)
		for r, err := range s.Rows {
			if err == nil {
				err = ctx.Err()
			}
			var cells []frame.Value
			if err == nil {
				cells, err = reader.row(r)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(cells, nil) {
				return
			}
		}
	}
}

// frameReader makes responses into rows of a frame.
type frameReader struct {
	merged  *tally.Survey
	columns []column
	typed   []frame.Column
	cells   []frame.Value // used again for the next row
}

func newFrameReader(m *tally.Survey, columns []column, typed []frame.Column) *frameReader {
	return &frameReader{m, columns, typed, make([]frame.Value, len(columns))}
}

func (f *frameReader) row(r survey.Response) ([]frame.Value, error) {
	empty, err := f.merged.Empty(r)
	if err != nil {
		return nil, err
	}
	one := row{r, empty}
	for i, col := range f.columns {
		f.cells[i] = frameValue(col, f.typed[i].Kind, &one)
	}
	return f.cells, nil
}

func frameColumn(m *tally.Survey, col column) frame.Column {
	c := frame.Column{Name: col.name}
	if col.variable == nil {
		c.Label = metaLabels[col.meta]
		switch col.meta {
		case "version":
			c.Kind = frame.Integer
		case "day":
			c.Kind = frame.Day
		case "language":
			c.Kind, c.Categories = frame.Code, namedCategories(content.Languages, languageNames)
		case "channel":
			c.Kind, c.Categories = frame.Code, namedCategories(survey.Channels, channelNames)
		}
		return c
	}
	v := col.variable
	c.Label, c.Unit, c.Versions, c.Personal = wording(v), v.Of.Unit, v.Versions, isPersonal(m, v.Of)
	if col.option != nil {
		c.Kind, c.Of, c.Option, c.Label, c.Versions = frame.Flag, v.Key, col.option.Code, joined(c.Label, col.option.Text), col.option.Versions
		if wasRanked(v) {
			c.Kind = frame.Integer
		}
		return c
	}
	c.Kind, c.Marks = kindOf(v), true
	switch c.Kind {
	case frame.Code, frame.Codes:
		numbers := numbered(m, v.Of)
		for _, o := range v.Of.Offered {
			c.Categories = append(c.Categories, frame.Category{Code: o.Code, Text: o.Text, Number: numbers[o.Code]})
		}
	case frame.Integer, frame.Decimal:
		if v.Of.Type == survey.Scale {
			c.Categories = scaleNames(v.Of)
		}
	}
	c.Free = isFree(v)
	return c
}

// kindOf is the kind that the answers of all versions fit into: an item whose
// versions disagree becomes text, so that no answer is lost.
func kindOf(v *tally.Variable) frame.Kind {
	kinds := map[frame.Kind]bool{}
	for t := range v.Of.Types {
		k := frame.Text
		switch {
		case t == survey.Ranking, t == survey.MultipleChoice && v.Part == "", t == survey.MatrixMultiple:
			k = frame.Codes
		case t == survey.Date:
			k = frame.Day
		case t == survey.Time:
			k = frame.Time
		case t == survey.Number, t == survey.Scale, t == survey.Calculated && v.Kind == condition.Number:
			k = frame.Decimal
			if v.Of.Whole || t == survey.Scale {
				k = frame.Integer
			}
		case v.Listed:
			k = frame.Code
		}
		kinds[k] = true
	}
	if len(kinds) == 1 {
		for k := range kinds {
			return k
		}
	}
	if len(kinds) == 2 && kinds[frame.Code] && kinds[frame.Codes] {
		return frame.Codes
	}
	if len(kinds) == 2 && kinds[frame.Integer] && kinds[frame.Decimal] {
		return frame.Decimal
	}
	return frame.Text
}

func frameValue(col column, kind frame.Kind, r *row) frame.Value {
	if col.variable == nil {
		switch col.meta {
		case "version":
			return frame.Num(float64(r.Version))
		case "language":
			return frame.Str(r.Language)
		case "channel":
			return frame.Str(r.Channel)
		}
		return frame.Str(r.Day)
	}
	answer := r.Answers[col.variable.Key]
	if col.option != nil {
		if n, ok := chosen(col, r.Response).(int); ok {
			return frame.Num(float64(n))
		}
		return frame.Value{}
	}
	if tally.IsEmpty(answer) {
		if s, ok := marks[r.empty[col.variable.Key]]; ok {
			return frame.Marked(s)
		}
		return frame.Value{}
	}
	if n, ok := tally.NumberOf(answer); ok {
		if kind == frame.Integer || kind == frame.Decimal {
			return frame.Num(n)
		}
		return frame.Str(strconv.FormatFloat(n, 'f', -1, 64))
	}
	if s, ok := answer.(string); ok {
		return frame.Str(s)
	}
	if codes, ok := tally.CodesOf(answer); ok {
		return frame.Str(strings.Join(codes, " "))
	}
	return frame.Str(fmt.Sprint(answer))
}

var metaLabels = map[string]content.Text{
	"version":  {content.German: "Version des Fragebogens", content.English: "Version of the questionnaire"},
	"language": {content.German: "Sprache", content.English: "Language"},
	"channel":  {content.German: "Weg der Antwort", content.English: "Channel"},
	"day":      {content.German: "Tag der Antwort (Berlin)", content.English: "Day of the answer (Berlin)"},
}

func namedCategories(codes []string, names map[string]content.Text) (list []frame.Category) {
	for i, code := range codes {
		list = append(list, frame.Category{Code: code, Text: names[code], Number: i + 1})
	}
	return list
}

// numbered counts the codes of an item as the versions brought them, the oldest
// version first and each in its own order.
func numbered(m *tally.Survey, it *tally.Item) map[string]int {
	numbers := map[string]int{}
	for _, n := range it.Versions {
		for _, o := range m.Version(n).Item(it.Code).Choices() {
			if numbers[o.Code] == 0 {
				numbers[o.Code] = len(numbers) + 1
			}
		}
	}
	return numbers
}

// wording is what was asked: of a row of a matrix the question and the row.
func wording(v *tally.Variable) content.Text {
	if v.Row == nil {
		return v.Of.Text
	}
	return joined(v.Of.Text, v.Row.Text)
}

// joined puts two texts together in every language that has the first.
func joined(a, b content.Text) content.Text {
	t := content.Text{}
	for lang, s := range a {
		second, _ := b.In(lang)
		t[lang] = s + " – " + second
	}
	return t
}

// scaleNames are the names of the ends of a scale.
func scaleNames(it *tally.Item) (list []frame.Category) {
	name := func(at *float64, label content.Text) {
		if at != nil && len(label) > 0 {
			list = append(list, frame.Category{Code: strconv.FormatFloat(*at, 'f', -1, 64), Text: label})
		}
	}
	name(it.Min, it.MinLabel)
	name(it.Max, it.MaxLabel)
	return slices.Clip(list)
}

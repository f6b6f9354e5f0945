// Package parquet writes frames as Apache Parquet files, compressed with ZSTD.
//
// Every column may be null. A blank cell is null; so is one with a mark, and the
// column of the same name with a question mark says which ("age?": skipped,
// dont_know, declined), as in the answers of the API. Types: Integer INT64, Decimal
// DOUBLE, Flag INT(8) so that sums and means work everywhere, Day DATE, everything
// else STRING; times of day too, because Spark refuses files with Parquet's TIME.
// Labels, categories and units stand in the key-value metadata under [MetadataKey].
//
// Memory is bounded by the row group, not by the number of rows.
package parquet

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"time"
	"unsafe"

	"servicepoint/content"
	"servicepoint/exports/frame"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// MetadataKey is the key of the description of the columns, a JSON document.
const MetadataKey = "servicepoint.codebook"

// A row group ends when it has so many rows, or so many bytes of values.
const (
	groupRows  = 128 << 10
	groupBytes = 16 << 20
	batchRows  = 256 // rows that go to the columns at once
)

// codec is shared by all files: it keeps its compressors, tens of megabytes each, for
// the next one.
var codec = &zstd.Codec{Level: zstd.SpeedDefault}

// Writer is a sink that writes one file.
type Writer struct {
	out      *parquet.GenericWriter[any]
	columns  []*parquet.ColumnWriter
	fields   []field
	batches  [][]parquet.Value
	rows     int // of the file
	pending  int // in the batches
	group    int // rows of the row group
	bytes    int // of the row group's values, about
	replaced int
}

// field is one column of the file.
type field struct {
	name  string
	from  int // place in the row
	kind  frame.Kind
	marks bool // the column that says which mark
}

// New begins a file. Extra key-value metadata may be given in pairs of key and value.
func New(w io.Writer, f *frame.Frame, metadata ...string) (*Writer, error) {
	p := &Writer{}
	var nodes []parquet.Field
	add := func(fd field, n parquet.Node) {
		p.fields = append(p.fields, fd)
		nodes = append(nodes, &column{Node: parquet.Optional(n), name: fd.name})
	}
	for i, c := range f.Columns {
		add(field{name: c.Name, from: i, kind: c.Kind}, node(c))
		if c.Marks {
			add(field{name: c.Name + "?", from: i, marks: true}, coded())
		}
	}
	if len(p.fields) == 0 {
		return nil, fmt.Errorf("parquet: %s has no columns", f.Name)
	}
	book, err := codebook(f)
	if err != nil {
		return nil, err
	}
	options := []parquet.WriterOption{
		parquet.NewSchema(f.Name, &table{fields: nodes}),
		parquet.Compression(codec),
		parquet.CreatedBy("servicepoint", "1", ""),
		parquet.DataPageVersion(1), // every reader knows it
		parquet.PageBufferSize(256 << 10),
		parquet.DictionaryMaxBytes(1 << 20),
		parquet.KeyValueMetadata(MetadataKey, string(book)),
	}
	for i := 0; i+1 < len(metadata); i += 2 {
		options = append(options, parquet.KeyValueMetadata(metadata[i], metadata[i+1]))
	}
	p.out = parquet.NewGenericWriter[any](w, options...)
	p.columns = p.out.ColumnWriters()
	p.batches = make([][]parquet.Value, len(p.fields))
	for i := range p.batches {
		p.batches[i] = make([]parquet.Value, 0, batchRows)
	}
	return p, nil
}

func coded() parquet.Node { return parquet.Encoded(parquet.String(), &parquet.RLEDictionary) }

func node(c frame.Column) parquet.Node {
	switch c.Kind {
	case frame.Integer:
		return parquet.Int(64)
	case frame.Decimal:
		return parquet.Leaf(parquet.DoubleType)
	case frame.Flag:
		return parquet.Int(8)
	case frame.Day:
		return parquet.Date()
	case frame.Text:
		return parquet.String()
	}
	return coded()
}

// table is the root of a schema whose columns keep their order; the library's own
// group sorts them by name.
type table struct {
	parquet.Group
	fields []parquet.Field
}

func (t *table) Fields() []parquet.Field { return t.fields }

// GoType is asked for and not used: values are written to the columns.
func (t *table) GoType() reflect.Type { return reflect.TypeFor[struct{}]() }

type column struct {
	parquet.Node
	name string
}

func (c *column) Name() string                      { return c.name }
func (c *column) Value(reflect.Value) reflect.Value { return reflect.Value{} }

// Row takes one row.
func (p *Writer) Row(cells []frame.Value) error {
	p.rows++
	for i := range p.fields {
		fd := &p.fields[i]
		v, err := p.value(fd, cells[fd.from])
		if err != nil {
			return fmt.Errorf("parquet: row %d, column %s: %w", p.rows, fd.name, err)
		}
		level := 1
		if v.IsNull() {
			level = 0
		}
		p.batches[i] = append(p.batches[i], v.Level(0, level, i))
	}
	p.bytes += 8 * len(p.fields)
	if p.pending++; p.pending == batchRows {
		return p.flush()
	}
	return nil
}

func (p *Writer) value(fd *field, v frame.Value) (parquet.Value, error) {
	switch {
	case v.State == frame.Blank, fd.marks != (v.State == frame.Mark):
		return parquet.NullValue(), nil
	case fd.marks:
		return stringValue(v.Text[1:]), nil
	}
	switch fd.kind {
	case frame.Integer:
		const exact = 1 << 53
		n := int64(v.Number)
		if v.State != frame.Number || float64(n) != v.Number || n > exact || n < -exact {
			return parquet.Value{}, fmt.Errorf("%s is no integer", show(v))
		}
		return parquet.Int64Value(n), nil
	case frame.Decimal:
		if v.State != frame.Number || math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
			return parquet.Value{}, fmt.Errorf("%s is no number", show(v))
		}
		return parquet.DoubleValue(v.Number), nil
	case frame.Flag:
		if v.State != frame.Number || v.Number != 0 && v.Number != 1 {
			return parquet.Value{}, fmt.Errorf("%s is neither 0 nor 1", show(v))
		}
		return parquet.Int32Value(int32(v.Number)), nil
	case frame.Day:
		d, err := time.Parse(time.DateOnly, v.Text)
		if v.State != frame.Words || err != nil {
			return parquet.Value{}, fmt.Errorf("%s is no day", show(v))
		}
		return parquet.Int32Value(int32(d.Unix() / (24 * 60 * 60))), nil
	}
	if v.State != frame.Words {
		return parquet.Value{}, fmt.Errorf("%s is no text", show(v))
	}
	s, replaced := frame.Tidy(v.Text)
	if replaced {
		p.replaced++
	}
	p.bytes += len(s)
	return stringValue(s), nil
}

// stringValue shares the bytes of s: the library copies values into its pages and never
// writes to them.
func stringValue(s string) parquet.Value {
	return parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// show gives what a wrong value is without giving an answer away.
func show(v frame.Value) string {
	if v.State == frame.Number {
		return "a number"
	}
	return "a text"
}

// flush gives the batches to the columns and ends a row group that is large enough.
func (p *Writer) flush() error {
	for i, batch := range p.batches {
		if _, err := p.columns[i].WriteRowValues(batch); err != nil {
			return fmt.Errorf("parquet: column %s: %w", p.fields[i].name, err)
		}
		clear(batch)
		p.batches[i] = batch[:0]
	}
	p.group += p.pending
	p.pending = 0
	if p.group < groupRows && p.bytes < groupBytes {
		return nil
	}
	p.group, p.bytes = 0, 0
	return p.out.Flush()
}

// Close writes the last rows and the footer.
func (p *Writer) Close() error {
	if err := p.flush(); err != nil {
		return err
	}
	return p.out.Close()
}

// Replaced is how many texts held characters that no format can hold (frame.Tidy).
func (p *Writer) Replaced() int { return p.replaced }

type bookDoc struct {
	Title   content.Text      `json:"title"`
	Marks   map[string]string `json:"marks"`
	Columns []columnDoc       `json:"columns"`
}

type columnDoc struct {
	Name       string        `json:"name"`
	Kind       frame.Kind    `json:"kind"`
	Label      content.Text  `json:"label"`
	Unit       string        `json:"unit,omitempty"`
	Of         string        `json:"of,omitempty"`
	Option     string        `json:"option,omitempty"`
	Categories []categoryDoc `json:"categories,omitempty"`
	Versions   []int         `json:"versions,omitempty"`
}

type categoryDoc struct {
	Code  string       `json:"code"`
	Label content.Text `json:"label"`
}

func codebook(f *frame.Frame) ([]byte, error) {
	doc := bookDoc{Title: f.Title, Marks: map[string]string{"skipped": "übersprungen", "dont_know": "weiß nicht", "declined": "keine Angabe"}}
	for _, c := range f.Columns {
		d := columnDoc{Name: c.Name, Kind: c.Kind, Label: c.Label, Unit: c.Unit, Of: c.Of, Option: c.Option, Versions: c.Versions}
		for _, cat := range c.Categories {
			d.Categories = append(d.Categories, categoryDoc{cat.Code, cat.Text})
		}
		doc.Columns = append(doc.Columns, d)
	}
	return json.Marshal(doc)
}

package delimited

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"servicepoint/content"
	"servicepoint/exports/frame"
)

// Package says what a data package is.
type Package struct {
	Name        string // lower-case letters, digits, ".", "_", "-"
	Title       string
	Description string
	Created     time.Time
	Version     string
	Licence     *Licence // nil: none is granted
	Publisher   string   // of the data, e.g. "Stadt Kassel"
	Resources   []Resource
}

// Licence of a package. Name has letters, digits, ".", "_" and "-", e.g. "dl-de-by-2.0".
type Licence struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	Path  string `json:"path,omitempty"` // address of the text
}

// Resource is one file that [NewCSV] wrote.
type Resource struct {
	Frame  *frame.Frame
	Path   string // beside datapackage.json
	Bytes  int64
	SHA256 string // hex
}

const profiles = "https://datapackage.org/profiles/2.0/"

// DataPackage describes CSV files as datapackage.json (Data Package 2.0): names, types
// and labels of the columns, the categories of codes, and what the marks mean. Titles
// are German; every other language stands in the additional member "labels".
func DataPackage(p Package) ([]byte, error) {
	doc := packageDoc{
		Schema: profiles + "datapackage.json", Name: p.Name, Title: p.Title, Description: p.Description, Version: p.Version,
	}
	if !p.Created.IsZero() {
		doc.Created = p.Created.UTC().Format(time.RFC3339)
	}
	if p.Licence != nil {
		doc.Licences = []Licence{*p.Licence}
	}
	if p.Publisher != "" {
		doc.Contributors = []contributor{{Title: p.Publisher, Roles: []string{"publisher"}}}
	}
	if len(p.Resources) == 0 {
		return nil, fmt.Errorf("datapackage: no file is described")
	}
	for _, r := range p.Resources {
		doc.Resources = append(doc.Resources, describe(r))
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	return append(b, '\n'), err
}

type packageDoc struct {
	Schema       string        `json:"$schema"`
	Name         string        `json:"name,omitempty"`
	Title        string        `json:"title,omitempty"`
	Description  string        `json:"description,omitempty"`
	Version      string        `json:"version,omitempty"`
	Created      string        `json:"created,omitempty"`
	Licences     []Licence     `json:"licenses,omitempty"`
	Contributors []contributor `json:"contributors,omitempty"`
	Resources    []resourceDoc `json:"resources"`
}

type contributor struct {
	Title string   `json:"title"`
	Roles []string `json:"roles"`
}

type resourceDoc struct {
	Schema    string     `json:"$schema"`
	Name      string     `json:"name"`
	Type      string     `json:"type"`
	Title     string     `json:"title,omitempty"`
	Path      string     `json:"path"`
	Format    string     `json:"format"`
	MediaType string     `json:"mediatype"`
	Encoding  string     `json:"encoding"`
	Bytes     int64      `json:"bytes,omitempty"`
	Hash      string     `json:"hash,omitempty"`
	Dialect   dialectDoc `json:"dialect"`
	Table     schemaDoc  `json:"schema"`
}

type dialectDoc struct {
	Schema         string `json:"$schema"`
	Delimiter      string `json:"delimiter"`
	LineTerminator string `json:"lineTerminator"`
	QuoteChar      string `json:"quoteChar"`
	DoubleQuote    bool   `json:"doubleQuote"`
	Header         bool   `json:"header"`
}

type schemaDoc struct {
	Schema  string       `json:"$schema"`
	Fields  []fieldDoc   `json:"fields"`
	Missing []missingDoc `json:"missingValues"`
}

type missingDoc struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

type fieldDoc struct {
	Name        string            `json:"name"`
	Type        string            `json:"type"`
	Format      string            `json:"format,omitempty"`
	Title       string            `json:"title,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Unit        string            `json:"unit,omitempty"`
	Delimiter   string            `json:"delimiter,omitempty"`
	Categories  []categoryDoc     `json:"categories,omitempty"`
	Items       []categoryDoc     `json:"itemCategories,omitempty"` // our own: the profile has none for several codes
	Constraints map[string]any    `json:"constraints,omitempty"`
}

type categoryDoc struct {
	Value  any               `json:"value"`
	Label  string            `json:"label,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

var missingValues = []missingDoc{
	{"", "nicht gefragt"},
	{frame.Skipped, "übersprungen"},
	{frame.DontKnow, "weiß nicht"},
	{frame.Declined, "keine Angabe"},
}

func describe(r Resource) resourceDoc {
	d := resourceDoc{
		Schema: profiles + "dataresource.json", Name: r.Frame.Name, Type: "table", Path: r.Path, Format: "csv", MediaType: "text/csv",
		Encoding: "utf-8", Bytes: r.Bytes,
		Dialect: dialectDoc{Schema: profiles + "tabledialect.json", Delimiter: ",", LineTerminator: "\r\n", QuoteChar: `"`, DoubleQuote: true, Header: true},
		Table:   schemaDoc{Schema: profiles + "tableschema.json", Missing: missingValues},
	}
	d.Title, _ = r.Frame.Title.In(content.German)
	if r.SHA256 != "" {
		d.Hash = "sha256:" + r.SHA256
	}
	for _, c := range r.Frame.Columns {
		d.Table.Fields = append(d.Table.Fields, field(c))
	}
	return d
}

func field(c frame.Column) fieldDoc {
	f := fieldDoc{Name: c.Name, Type: "string", Unit: c.Unit}
	f.Title, f.Labels = labels(c.Label)
	number := false
	switch c.Kind {
	case frame.Codes:
		f.Delimiter = " " // the published profile of 2.0 does not know the type list
	case frame.Integer:
		f.Type, number = "integer", true
	case frame.Decimal:
		f.Type = "number"
	case frame.Flag:
		f.Type, f.Constraints = "integer", map[string]any{"minimum": 0, "maximum": 1}
	case frame.Day:
		f.Type = "date"
	case frame.Time:
		f.Type, f.Format = "time", "%H:%M"
	}
	for _, cat := range c.Categories {
		d := categoryDoc{Value: cat.Code}
		d.Label, d.Labels = labels(cat.Text)
		if number || c.Kind == frame.Decimal {
			n, err := strconv.ParseFloat(cat.Code, 64)
			if err != nil {
				continue
			}
			d.Value = json.Number(frame.AppendNumber(nil, n))
		}
		switch {
		case c.Kind == frame.Code:
			f.Categories = append(f.Categories, d)
		default: // several codes, or numbers of which only some have names
			f.Items = append(f.Items, d)
		}
	}
	return f
}

// labels are the German text and those of the other languages.
func labels(t content.Text) (german string, others map[string]string) {
	german, _ = t.In(content.German)
	for lang, s := range t {
		if lang != content.German && s != "" {
			if others == nil {
				others = map[string]string{}
			}
			others[content.Locale(lang)] = s
		}
	}
	return german, others
}

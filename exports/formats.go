package exports

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey/formats"
	"servicepoint/exports/dcat"
	"servicepoint/exports/ddi"
	"servicepoint/exports/delimited"
	"servicepoint/exports/frame"
	"servicepoint/exports/ods"
	"servicepoint/exports/parquet"
	"servicepoint/exports/spss"
)

// Format is a form in which a package can hold the answers: one file, or several
// that belong together.
type Format struct {
	Name  string // in profiles and on the command line
	Title string // German, for planners
	Needs string // name of the format whose file this one reads; "" is none
	files []fileKind
}

// fileKind is one file of a format. Exactly one of rows, text and book is set.
type fileKind struct {
	name   string // ".csv" and "_x.csv" follow the survey's name, others stand alone
	media  string // media type
	packed bool   // is compressed already

	rows func(c *contents) pen                // takes the rows of the pass that all files share
	text func(w io.Writer, c *contents) error // is written after the rows, when the other files are known
	book bool                                 // is written by [WriteWorkbook], which drives the pass
}

// pen writes the rows of one file.
type pen struct {
	measure frame.Sink // takes the rows of a first pass; nil when none is needed
	open    func(w io.Writer) (frame.Sink, error)
}

func plainly[S frame.Sink](open func(w io.Writer, f *frame.Frame) (S, error)) func(c *contents) pen {
	return func(c *contents) pen {
		return pen{open: func(w io.Writer) (frame.Sink, error) { return open(w, c.frame) }}
	}
}

// Formats are all formats, in the order in which planners see them.
var Formats = []Format{
	{Name: "xlsx", Title: "Excel-Arbeitsmappe mit Codebuch und Häufigkeiten", files: []fileKind{
		{name: ".xlsx", media: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", packed: true, book: true},
	}},
	{Name: "ods", Title: "OpenDocument-Tabelle (LibreOffice)", files: []fileKind{
		{name: ".ods", media: "application/vnd.oasis.opendocument.spreadsheet", packed: true, rows: plainly(ods.New)},
	}},
	{Name: "csv-de", Title: "CSV für deutsches Excel", files: []fileKind{
		{name: "_excel.csv", media: "text/csv; charset=utf-8", rows: plainly(delimited.NewGerman)},
	}},
	{Name: "csv", Title: "CSV für Programme, mit Beschreibung (Frictionless Data Package)", files: []fileKind{
		{name: ".csv", media: "text/csv; charset=utf-8", rows: plainly(delimited.NewCSV)},
		{name: "datapackage.json", media: "application/json", text: writeDataPackage},
	}},
	{Name: "jsonl", Title: "JSON Lines", files: []fileKind{
		{name: ".jsonl", media: "application/jsonl", rows: plainly(delimited.NewJSONLines)},
	}},
	{Name: "parquet", Title: "Parquet (DuckDB, Spark, pandas)", files: []fileKind{
		{name: ".parquet", media: "application/vnd.apache.parquet", packed: true, rows: func(c *contents) pen {
			return pen{open: func(w io.Writer) (frame.Sink, error) { return parquet.New(w, c.frame) }}
		}},
	}},
	{Name: "sav", Title: "SPSS (auch für PSPP, R und Stata)", files: []fileKind{
		{name: ".sav", media: "application/x-spss-sav", rows: func(c *contents) pen {
			widths := spss.Measure(c.frame)
			return pen{measure: widths, open: func(w io.Writer) (frame.Sink, error) {
				return spss.New(w, c.frame, widths, spss.Options{Created: c.survey.Exported, Program: c.survey.Program, Notes: c.notes()})
			}}
		}},
	}},
	{Name: "sps", Title: "SPSS-Syntax, die die CSV-Datei für Programme einliest", Needs: "csv", files: []fileKind{
		{name: ".sps", media: "text/plain; charset=utf-8", rows: script(spss.NewSyntax)},
	}},
	{Name: "r", Title: "R-Skript, das die CSV-Datei für Programme einliest", Needs: "csv", files: []fileKind{
		{name: ".R", media: "text/plain; charset=utf-8", rows: script(spss.NewR)},
	}},
	{Name: "codebook", Title: "Codebuch als CSV", files: []fileKind{
		{name: "_codebuch.csv", media: "text/csv; charset=utf-8", text: writeCodebook},
	}},
	{Name: "ddi", Title: "Codebuch und Fragebogen als DDI-Codebook 2.6", files: []fileKind{
		{name: "_ddi.xml", media: "application/xml", rows: func(c *contents) pen {
			return pen{open: func(w io.Writer) (frame.Sink, error) { return ddi.New(w, c.frame, c.study) }}
		}},
		{name: "_fragebogen_ddi.xml", media: "application/xml", text: writeQuestionnaire},
	}},
	{Name: "dcat", Title: "Metadaten nach DCAT-AP.de", files: []fileKind{
		{name: "_dcat.ttl", media: "text/turtle", text: func(w io.Writer, c *contents) error { return c.dataset().Turtle(w) }},
		{name: "_dcat.jsonld", media: "application/ld+json", text: func(w io.Writer, c *contents) error { return c.dataset().JSONLD(w) }},
	}},
}

// script is a file that reads the CSV of the same package.
func script(open func(w io.Writer, f *frame.Frame, csv string, o spss.Options) frame.Sink) func(c *contents) pen {
	return func(c *contents) pen {
		return pen{open: func(w io.Writer) (frame.Sink, error) {
			return open(w, c.frame, c.entry("csv", ".csv").name, spss.Options{Notes: c.notes()}), nil
		}}
	}
}

// writeQuestionnaire writes the newest version with its routing and the texts
// between questions, which the codebook of the data does not have.
func writeQuestionnaire(w io.Writer, c *contents) error {
	b, _, err := formats.Write(formats.DDI, *c.merged.Newest())
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// study is what the codebook says besides the columns.
func (c *contents) study() ddi.Study {
	q := c.merged.Newest()
	s := ddi.Study{
		ID: c.merged.Slug, From: c.manifest.From, To: c.manifest.To, Producer: publisher, Place: "Kassel", Access: strings.Join(c.notes()[1:], " "),
		Created: c.survey.Exported, Program: c.survey.Program, Abstract: content.Text{}, Languages: q.Languages,
	}
	for lang, text := range q.Intro {
		s.Abstract[lang] = content.Plain(text)
	}
	for _, version := range c.merged.Versions {
		s.Versions = append(s.Versions, version.Version)
	}
	for _, e := range c.entries {
		if (e.kind.rows != nil || e.kind.book) && e.format != "ddi" && e.format != "sps" && e.format != "r" {
			s.Files = append(s.Files, ddi.File{Name: e.name, MediaType: e.kind.media})
		}
	}
	return s
}

// fileTypes are the EU's codes of file types.
var fileTypes = map[string]string{"xlsx": "XLSX", "ods": "ODS", "csv-de": "CSV", "csv": "CSV", "jsonl": "JSONL", "parquet": "PARQUET", "codebook": "CSV", "ddi": "XML"}

// dataset describes the files of the package. Single responses are for internal
// use; what is published has a description of its own.
func (c *contents) dataset() dcat.Dataset {
	d := dcat.Dataset{
		Address: "#dataset", Identifier: c.merged.Slug, Title: c.merged.Title, Description: content.Text{content.German: strings.Join(c.notes(), " ")},
		Keywords: []string{"Beteiligung", "Umfrage"}, Themes: []string{"GOVE"}, Issued: c.survey.Exported, From: c.manifest.From, To: c.manifest.To,
		Version: fmt.Sprint(c.merged.Newest().Version), Publisher: dcat.Agent{Name: publisher, Address: "https://www.kassel.de/"}, Municipality: dcat.Kassel,
	}
	for _, e := range c.entries {
		if e.format == "dcat" { // nobody knows its own hash
			continue
		}
		media, _, _ := strings.Cut(e.kind.media, ";")
		d.Files = append(d.Files, dcat.File{
			Access: e.name, Title: content.Text{content.German: e.name}, MediaType: media, Format: fileTypes[e.format], Bytes: e.bytes, SHA256: e.digest(),
		})
	}
	return d
}

// FormatNames lists the names of all formats.
func FormatNames() []string {
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = f.Name
	}
	return names
}

// chosen gives the named formats in the order of [Formats], with those that they
// need.
func chosenFormats(names []string) ([]Format, error) {
	want := map[string]bool{}
	for _, name := range names {
		i := slices.IndexFunc(Formats, func(f Format) bool { return f.Name == name })
		if i < 0 {
			return nil, refuse("Das Format „"+name+"“ gibt es nicht.", "no format %q; there are %s", name, strings.Join(FormatNames(), ", "))
		}
		want[name] = true
		if Formats[i].Needs != "" {
			want[Formats[i].Needs] = true
		}
	}
	var list []Format
	for _, f := range Formats {
		if want[f.Name] {
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		return nil, refuse("Es ist kein Format gewählt.", "no format chosen")
	}
	return list, nil
}

// notes say what a file is, for formats that hold such lines.
func (c *contents) notes() []string {
	notes := []string{"Umfrage " + c.merged.Slug + ", Stand " + stamp(c.survey.Exported), LicenceText}
	if c.survey.Watermark != "" {
		notes = append(notes, "Nur für: "+c.survey.Watermark)
	}
	return notes
}

func writeDataPackage(w io.Writer, c *contents) error {
	csv := c.entry("csv", ".csv")
	b, err := delimited.DataPackage(delimited.Package{
		Name: c.merged.Slug, Title: german(c.merged.Title), Description: LicenceText, Created: c.survey.Exported,
		Version: fmt.Sprint(c.merged.Newest().Version), Publisher: publisher,
		Resources: []delimited.Resource{{Frame: c.frame, Path: csv.name, Bytes: csv.bytes, SHA256: csv.digest()}},
	})
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

var markTexts = [][2]string{{frame.Skipped, "übersprungen"}, {frame.DontKnow, "weiß nicht"}, {frame.Declined, "keine Angabe"}}

// writeCodebook writes one row per column and one per value that has a name.
func writeCodebook(w io.Writer, c *contents) error {
	f := &frame.Frame{Name: c.frame.Name + "_codebuch"}
	for _, name := range []string{"Spalte", "Art", "Frage", "Einheit", "Versionen", "Wert", "Bedeutung"} {
		f.Columns = append(f.Columns, frame.Column{Name: name, Kind: frame.Text})
	}
	out, err := delimited.NewGerman(w, f)
	if err != nil {
		return err
	}
	for _, col := range c.frame.Columns {
		put := func(value, meaning string) {
			if err == nil {
				err = out.Row([]frame.Value{
					frame.Str(col.Name), frame.Str(kindNames[col.Kind]), frame.Str(german(col.Label)), frame.Str(col.Unit),
					frame.Str(list(col.Versions)), frame.Str(value), frame.Str(meaning),
				})
			}
		}
		put("", "")
		for _, cat := range col.Categories {
			put(cat.Code, german(cat.Text))
		}
		if col.Marks {
			for _, m := range markTexts {
				put(m[0], m[1])
			}
		}
	}
	if err != nil {
		return err
	}
	return out.Close()
}

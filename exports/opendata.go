package exports

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/exports/dcat"
	"servicepoint/exports/delimited"
	"servicepoint/exports/frame"
)

// OpenData makes the files of [content.ResultFiles] out of released figures: the
// very numbers of the page, hidden ones blank in all of them. Nothing else of the
// survey comes in here.
func OpenData(ctx context.Context, r content.Results, program string) (map[string][]byte, error) {
	title := german(r.Title)
	frames := []*frame.Frame{openFigures(r), openTables(r)}
	files := map[string][]byte{}
	dir, err := os.MkdirTemp("", "opendata")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	book := filepath.Join(dir, "ergebnisse.xlsx")
	about := [][2]string{
		{"Umfrage", title}, {"Veröffentlichung", fmt.Sprintf("Nr. %d vom %s", r.Release, r.Released.In(content.Berlin).Format("02.01.2006"))},
		{"Ausgefüllte Fragebögen", fmt.Sprint(r.N)}, {"Herausgeberin", openPublisher}, {"Lizenz", openLicence.Title + ", " + openLicence.Path},
		{"Verborgene Zahlen", "Leere Zellen mit verborgen = 1 sind Zahlen von 1 bis 4 und solche, aus denen man sie errechnen könnte. Sie stehen in keiner Datei."},
	}
	if _, err := WriteTables(ctx, book, Tables{Title: "Ergebnisse: " + title, About: about, Frames: frames, Exported: r.Released, Program: program}, nil); err != nil {
		return nil, err
	}
	if files["ergebnisse.xlsx"], err = os.ReadFile(book); err != nil {
		return nil, err
	}
	p := delimited.Package{
		Name: r.Survey + "-ergebnisse", Title: "Ergebnisse: " + title, Created: r.Released, Version: fmt.Sprint(r.Release),
		Licence: &openLicence, Publisher: openPublisher,
	}
	for _, f := range frames {
		var b bytes.Buffer
		sink, err := delimited.NewCSV(&b, f)
		if err != nil {
			return nil, err
		}
		if err := frame.Pour(ctx, f, nil, sink); err != nil {
			return nil, err
		}
		if err := sink.Close(); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b.Bytes())
		p.Resources = append(p.Resources, delimited.Resource{Frame: f, Path: f.Name + ".csv", Bytes: int64(b.Len()), SHA256: hex.EncodeToString(sum[:])})
		files[f.Name+".csv"] = b.Bytes()
	}
	if files["datapackage.json"], err = delimited.DataPackage(p); err != nil {
		return nil, err
	}
	return files, describe(r, files)
}

// describe adds the metadata of the files after DCAT-AP.de, for open-data portals.
// Addresses count from the folder of the files.
func describe(r content.Results, files map[string][]byte) error {
	title, about := content.Text{}, content.Text{}
	for lang, prefix := range map[string]string{content.German: "Ergebnisse: ", content.English: "Results: "} {
		if r.Title[lang] != "" {
			title[lang] = prefix + r.Title[lang]
		}
	}
	about[content.German] = fmt.Sprintf("Was %d Menschen in einer Umfrage der Stadt Kassel geantwortet haben: Zahlen je Frage und je zwei Fragen. "+
		"Kleine Zahlen sind verborgen. Veröffentlichung Nr. %d.", r.N, r.Release)
	if title[content.English] != "" {
		about[content.English] = fmt.Sprintf("What %d people answered in a survey of the City of Kassel: figures per question and per two questions. Small figures are hidden. Release no. %d.", r.N, r.Release)
	}
	day := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return at.In(content.Berlin).Format(time.DateOnly)
	}
	to := r.Closes
	if to.IsZero() || to.After(r.Released) {
		to = r.Released // the survey went on
	}
	d := dcat.Dataset{
		Address: "../#dataset", Identifier: r.Survey + "-ergebnisse", Title: title, Description: about, Keywords: []string{"Beteiligung", "Umfrage", "Kassel"},
		Themes: []string{"GOVE", "SOCI"}, Page: "../", Issued: r.Released, Modified: r.Released, From: day(r.Opens), To: day(to), Version: fmt.Sprint(r.Release),
		Public: true, Licence: dcat.Attribution2, Attribution: openPublisher,
		Publisher: dcat.Agent{Name: openPublisher, Address: "https://www.kassel.de/"}, Municipality: dcat.Kassel,
	}
	for _, f := range content.ResultFiles {
		b, ok := files[f.Name]
		if !ok { // the metadata
			continue
		}
		sum := sha256.Sum256(b)
		media, _, _ := strings.Cut(f.Type, ";")
		d.Files = append(d.Files, dcat.File{
			Access: "../", Download: f.Name, Title: inGerman(f.Name), MediaType: media, Format: strings.ToUpper(strings.TrimPrefix(filepath.Ext(f.Name), ".")),
			Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:]),
		})
	}
	var turtle, linked bytes.Buffer
	err := errors.Join(d.Turtle(&turtle), d.JSONLD(&linked))
	files["metadaten.ttl"], files["metadaten.jsonld"] = turtle.Bytes(), linked.Bytes()
	return err
}

const openPublisher = "Stadt Kassel"

var openLicence = delimited.Licence{Name: "dl-de-by-2.0", Title: "Datenlizenz Deutschland – Namensnennung – Version 2.0", Path: "https://www.govdata.de/dl-de/by-2-0"}

func inGerman(s string) content.Text { return content.Text{content.German: s} }

// Kinds of numbers that a figure has.
var openKinds = []frame.Category{
	{Code: "anzahl", Text: inGerman("Personen")}, {Code: "erste_stelle", Text: inGerman("Personen, die es an die erste Stelle setzen")},
	{Code: "rang", Text: inGerman("mittlerer Platz")}, {Code: "mittelwert", Text: inGerman("Mittelwert")}, {Code: "quartil1", Text: inGerman("unteres Quartil")},
	{Code: "median", Text: inGerman("Median")}, {Code: "quartil3", Text: inGerman("oberes Quartil")}, {Code: "nps", Text: inGerman("Net Promoter Score")},
}

func openFigures(r content.Results) *frame.Frame {
	var rows [][]frame.Value
	for _, f := range r.Figures {
		row := func(kind, code string, answer content.Text, value, percent frame.Value, hidden bool) {
			rows = append(rows, []frame.Value{
				frame.Str(f.Key), frame.Str(german(f.Text)), frame.Str(german(f.Row)), frame.Str(kind), frame.Str(code), frame.Str(german(answer)),
				value, percent, frame.Num(float64(f.Base)), flag(hidden),
			})
		}
		kind := "anzahl"
		if f.Ranked {
			kind = "erste_stelle"
		}
		for _, s := range f.Shares {
			if s.N < 0 {
				row(kind, s.Code, s.Text, frame.Value{}, frame.Value{}, true)
				continue
			}
			row(kind, s.Code, s.Text, frame.Num(float64(s.N)), frame.Num(s.Percent), false)
			if s.Rank > 0 {
				row("rang", s.Code, s.Text, frame.Num(s.Rank), frame.Value{}, false)
			}
		}
		if n := f.Numbers; n != nil {
			for _, one := range []struct {
				kind string
				n    float64
			}{{"mittelwert", n.Mean}, {"quartil1", n.Q1}, {"median", n.Median}, {"quartil3", n.Q3}} {
				row(one.kind, "", nil, frame.Num(one.n), frame.Value{}, false)
			}
		}
		if f.Score != nil {
			row("nps", "", nil, frame.Num(*f.Score), frame.Value{}, false)
		}
	}
	return ofRows("antworten", "Antworten auf einzelne Fragen", []frame.Column{
		{Name: "frage", Label: inGerman("Kennung der Frage"), Kind: frame.Text}, {Name: "fragetext", Label: inGerman("Frage"), Kind: frame.Text},
		{Name: "zeile", Label: inGerman("Zeile einer Matrix"), Kind: frame.Text}, {Name: "art", Label: inGerman("Was die Zahl ist"), Kind: frame.Code, Categories: openKinds},
		{Name: "code", Label: inGerman("Kennung der Antwort"), Kind: frame.Text}, {Name: "antwort", Label: inGerman("Antwort"), Kind: frame.Text},
		{Name: "wert", Label: inGerman("Zahl"), Kind: frame.Decimal}, {Name: "prozent", Label: inGerman("Prozent der Basis"), Kind: frame.Decimal},
		{Name: "basis", Label: inGerman("Personen, die geantwortet haben"), Kind: frame.Integer}, {Name: "verborgen", Label: inGerman("Zahl ist verborgen"), Kind: frame.Flag},
	}, rows)
}

func openTables(r content.Results) *frame.Frame {
	var rows [][]frame.Value
	for _, t := range r.Tables {
		for i, line := range t.N {
			for j, n := range line {
				value := frame.Value{}
				if n >= 0 {
					value = frame.Num(float64(n))
				}
				rows = append(rows, []frame.Value{
					frame.Str(t.RowKey), frame.Str(german(t.Row)), frame.Str(german(t.Rows[i])), frame.Str(t.ColumnKey), frame.Str(german(t.Column)),
					frame.Str(german(t.Columns[j])), value, frame.Num(float64(t.Base)), flag(n < 0),
				})
			}
		}
	}
	return ofRows("kreuztabellen", "Je zwei Fragen zusammen", []frame.Column{
		{Name: "frage1", Label: inGerman("Kennung der ersten Frage"), Kind: frame.Text}, {Name: "fragetext1", Label: inGerman("Erste Frage"), Kind: frame.Text},
		{Name: "antwort1", Label: inGerman("Antwort auf die erste Frage"), Kind: frame.Text}, {Name: "frage2", Label: inGerman("Kennung der zweiten Frage"), Kind: frame.Text},
		{Name: "fragetext2", Label: inGerman("Zweite Frage"), Kind: frame.Text}, {Name: "antwort2", Label: inGerman("Antwort auf die zweite Frage"), Kind: frame.Text},
		{Name: "anzahl", Label: inGerman("Personen"), Kind: frame.Integer}, {Name: "basis", Label: inGerman("Personen, die beides beantwortet haben"), Kind: frame.Integer},
		{Name: "verborgen", Label: inGerman("Zahl ist verborgen"), Kind: frame.Flag},
	}, rows)
}

func flag(b bool) frame.Value {
	if b {
		return frame.Num(1)
	}
	return frame.Num(0)
}

func ofRows(name, title string, columns []frame.Column, rows [][]frame.Value) *frame.Frame {
	return &frame.Frame{Name: name, Title: inGerman(title), Columns: columns, Count: len(rows), Rows: func(yield func([]frame.Value, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}}
}

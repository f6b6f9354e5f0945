package spss_test

import (
	"bytes"
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/exports/frame"
	"servicepoint/exports/spss"
)

func text(de, en string) content.Text { return content.Text{content.German: de, content.English: en} }

var created = time.Date(2026, 12, 24, 11, 30, 5, 0, time.UTC)

// table is a frame of rows that are held.
func table(columns []frame.Column, rows [][]frame.Value) *frame.Frame {
	return &frame.Frame{Name: "smart-kassel", Title: text("Smart Kassel", ""), Columns: columns, Count: len(rows), Rows: seq(rows)}
}

func seq(rows [][]frame.Value) iter.Seq2[[]frame.Value, error] {
	return func(yield func([]frame.Value, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// measured is the first pass.
func measured(t testing.TB, f *frame.Frame) *spss.Widths {
	t.Helper()
	w := spss.Measure(f)
	if err := frame.Pour(context.Background(), f, nil, w); err != nil {
		t.Fatal(err)
	}
	return w
}

// sav is the system file of a frame.
func sav(t testing.TB, f *frame.Frame) []byte {
	t.Helper()
	var b bytes.Buffer
	s, err := spss.New(&b, f, measured(t, f), spss.Options{Created: created, Program: "servicepoint test", Notes: []string{"Stadt Kassel – nur für Planende", strings.Repeat("Für Mitarbeitende der Stadt. ", 9)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := frame.Pour(context.Background(), f, nil, s); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// everything has a column of every kind, with every kind of empty, and the traps.
func everything() *frame.Frame {
	long := strings.Repeat("Ein Brunnen für alle – ", 40) // 1,000 bytes
	columns := []frame.Column{
		{Name: "version", Label: text("Version", "Version"), Kind: frame.Integer},
		{Name: "happy", Label: text("Wie zufrieden sind Sie?", "How happy are you?"), Kind: frame.Code, Marks: true, Categories: []frame.Category{
			{Code: "very", Text: text("sehr", "very"), Number: 1}, {Code: "middling", Text: text("geht so", "so so"), Number: 3}, {Code: "not", Text: text("gar nicht", "not at all"), Number: 2}}},
		{Name: "district", Label: text("Ortsbezirk", "District"), Kind: frame.Code, Marks: true, Categories: []frame.Category{
			{Code: "1", Text: text("Mitte", "Centre")}, {Code: "23", Text: text("Waldau", "Waldau")}}},
		{Name: "themes", Label: text("Welche Themen?", "Which themes?"), Kind: frame.Codes, Marks: true, Categories: []frame.Category{
			{Code: "energy", Text: text("Energie", "Energy")}, {Code: "mobility", Text: text("Mobilität", "Mobility")}}},
		{Name: "themes.energy", Label: text("Welche Themen? – Energie", ""), Kind: frame.Flag, Of: "themes", Option: "energy"},
		{Name: "themes.mobility", Label: text("Welche Themen? – Mobilität", ""), Kind: frame.Flag, Of: "themes", Option: "mobility"},
		{Name: "age", Label: text("Alter", "Age"), Kind: frame.Integer, Unit: "Jahre", Marks: true},
		{Name: "rate", Label: text("Temperatur", ""), Kind: frame.Decimal, Marks: true},
		{Name: "since", Label: text("Seit wann?", ""), Kind: frame.Day, Marks: true},
		{Name: "at", Label: text("Um wie viel Uhr?", ""), Kind: frame.Time, Marks: true},
		{Name: "ideas", Label: text("Ideen", ""), Kind: frame.Text, Marks: true, Free: true},
		{Name: "short", Label: text("Kurz", ""), Kind: frame.Text, Marks: true},
		{Name: "a_name_that_is_much_longer_than_the_sixty_four_bytes_that_SPSS_allows", Label: text(strings.Repeat("Ü", 300), ""), Kind: frame.Text},
		{Name: "all", Label: text("reserviertes Wort", ""), Kind: frame.Text},
		{Name: "V1", Label: text("heißt wie ein kurzer Name", ""), Kind: frame.Integer},
	}
	n, s, m := frame.Num, frame.Str, frame.Marked
	var no frame.Value
	return table(columns, [][]frame.Value{
		{n(1), s("very"), s("23"), s("energy mobility"), n(1), n(1), n(41), n(-98), s("2001-05-17"), s("07:45"), s("=1+1"), s("ä"), s("x"), s("y"), n(-100)},
		{n(2), s("not"), s("1"), s("energy"), n(1), n(0), n(151), n(36.25), s("1890-01-01"), s("00:00"), s(long), s("-99"), s(""), no, n(1e15)},
		{n(2), m(frame.Skipped), m(frame.Declined), m(frame.DontKnow), no, no, m(frame.Skipped), m(frame.DontKnow), m(frame.Declined), m(frame.Skipped), m(frame.DontKnow), m(frame.Skipped), no, no, no},
		{n(2), no, no, no, no, no, no, no, no, no, no, no, no, no, n(0.1)},
		{n(2), s("middling"), s("1"), s("mobility"), n(0), n(1), n(0), n(1.0 / 3), s("2026-12-24"), s("23:59"), s("Zeile eins\nZeile \"zwei\"; drei"), s("it's"), no, no, no},
	})
}

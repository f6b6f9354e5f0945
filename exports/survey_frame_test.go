package exports_test

import (
	"fmt"
	"strings"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/exports"
	"servicepoint/exports/frame"
)

func TestFrameIsTypedCodes(t *testing.T) {
	s := fixture(responses())
	f, err := s.Frame(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]frame.Kind{}
	for _, c := range f.Columns {
		kinds[c.Name] = c.Kind
		if c.Label["de"] == "" {
			t.Errorf("%s has no label", c.Name)
		}
	}
	for name, want := range map[string]frame.Kind{
		"version": frame.Integer, "response.day": frame.Day, "day": frame.Day, "district": frame.Code, "themes": frame.Codes,
		"themes.energy": frame.Flag, "age": frame.Integer, "happy": frame.Integer, "ideas": frame.Text,
	} {
		if kinds[name] != want {
			t.Errorf("%s is %q, want %q", name, kinds[name], want)
		}
	}
	for range 2 { // rows can be read again
		var rows []string
		sink := collect(func(cells []frame.Value) {
			var b strings.Builder
			for i, c := range cells {
				if c.State != frame.Blank {
					fmt.Fprintf(&b, "%s=%s", f.Columns[i].Name, c.Text)
					if c.State == frame.Number {
						fmt.Fprintf(&b, "%g", c.Number)
					}
					b.WriteByte('|')
				}
			}
			rows = append(rows, b.String())
		})
		if err := frame.Pour(t.Context(), f, nil, sink); err != nil {
			t.Fatal(err)
		}
		if want := "version=1|language=de|channel=web|response.day=2026-11-03|district=2|themes=energy old|themes.energy=1|themes.mobility=0|themes.old=1|age=41|fax=0561 123456|"; rows[0] != want {
			t.Errorf("first row\n%s\nwant\n%s", rows[0], want)
		}
		if !strings.Contains(rows[3], "age=?skipped|") || len(rows) != len(responses()) {
			t.Errorf("%d rows, fourth %s", len(rows), rows[3])
		}
	}
}

// Numbers of codes do not change when a later version adds an option before others.
func TestCodesAreCountedAsTheVersionsBroughtThem(t *testing.T) {
	f, err := fixture(nil).Frame(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, c := range f.Columns {
		if c.Name == "themes" {
			for _, cat := range c.Categories {
				got[cat.Code] = cat.Number
			}
		}
	}
	// The first version has energy, mobility, old; the second drops old and adds Energy.
	if fmt.Sprint(got) != "map[Energy:4 energy:1 mobility:2 old:3]" {
		t.Error(got)
	}
}

type collect func(cells []frame.Value)

func (c collect) Row(cells []frame.Value) error { c(cells); return nil }
func (c collect) Close() error                  { return nil }

// Once asked with a fraction, a number stays one with a fraction.
func TestANumberIsWholeOnlyIfEveryVersionSaysSo(t *testing.T) {
	for _, whole := range []bool{true, false} {
		q := survey.Questionnaire{Slug: "x", Version: 1, Pages: []survey.Page{{Items: []survey.Item{{Code: "n", Type: survey.Number, Integer: whole}}}}}
		newer := q
		newer.Version, newer.Pages = 2, []survey.Page{{Items: []survey.Item{{Code: "n", Type: survey.Number, Integer: true}}}}
		f, err := exports.Survey{Versions: []survey.Questionnaire{q, newer}}.Frame(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if kind := f.Columns[len(f.Columns)-1].Kind; (kind == frame.Integer) != whole {
			t.Errorf("first version whole: %v, column %s", whole, kind)
		}
	}
}

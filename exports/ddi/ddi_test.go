package ddi_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/exports/ddi"
	"servicepoint/exports/frame"
	"servicepoint/exports/frame/frametest"
)

func written(t *testing.T, f *frame.Frame, s ddi.Study) string {
	t.Helper()
	var b bytes.Buffer
	sink, err := ddi.New(&b, f, func() ddi.Study { return s })
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(frame.Pour(t.Context(), f, nil, sink), sink.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var study = ddi.Study{
	ID: "smart-kassel", Abstract: content.Text{"de": "Worum es geht", "en": "What it is about"}, Versions: []int{1, 2}, From: "2026-11-01", To: "2026-12-24",
	Producer: "Stadt Kassel", Place: "Kassel", Access: "Nur für Planende bis 31.01.2027", Created: time.Date(2026, 12, 24, 11, 0, 0, 0, time.UTC), Program: "servicepoint test",
	Files: []ddi.File{{Name: "smart-kassel.csv", MediaType: "text/csv"}, {Name: "smart-kassel.sav", MediaType: "application/x-spss-sav"}},
}

func table() *frame.Frame {
	n, s, m := frame.Num, frame.Str, frame.Marked
	var no frame.Value
	return frametest.Of("smart-kassel", frametest.Columns(),
		[]frame.Value{n(1), s("1"), s("energy bus"), n(1), n(40), n(7.5), s("2001-05-17"), s("07:45"), s("ein Text, der geheim ist")},
		[]frame.Value{n(1), s("1"), s("energy"), n(1), n(50), n(8.5), s("1999-01-01"), s("12:00"), no},
		[]frame.Value{n(2), m(frame.Skipped), m(frame.Declined), no, m(frame.DontKnow), no, no, m(frame.Skipped), m(frame.Skipped)},
	)
}

func TestStatistics(t *testing.T) {
	got := written(t, table(), study)
	var book struct {
		Vars []struct {
			Name  string `xml:"name,attr"`
			Files string `xml:"files,attr"`
			Stats []struct {
				Type  string `xml:"type,attr"`
				Value string `xml:",chardata"`
			} `xml:"sumStat"`
			Categories []struct {
				Missing string `xml:"missing,attr"`
				Value   string `xml:"catValu"`
				N       string `xml:"catStat"`
			} `xml:"catgry"`
		} `xml:"dataDscr>var"`
		Cases []string `xml:"fileDscr>fileTxt>dimensns>caseQnty"`
	}
	if err := xml.Unmarshal([]byte(got), &book); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, v := range book.Vars {
		var b strings.Builder
		for _, s := range v.Stats {
			b.WriteString(s.Type + "=" + s.Value + " ")
		}
		for _, c := range v.Categories {
			b.WriteString(c.Value + c.Missing + ":" + c.N + " ")
		}
		said[v.Name] = strings.TrimSpace(b.String())
		if v.Files != "F1 F2" {
			t.Errorf("%s is in %q", v.Name, v.Files)
		}
	}
	for name, want := range map[string]string{
		"district":      "vald=2 invd=1 1:2 2:0 x-y:0 ?skippedY:1 ?dont_knowY:0 ?declinedY:0",
		"themes":        "vald=2 invd=1 energy:2 bus:1 ?skippedY:0 ?dont_knowY:0 ?declinedY:1",
		"themes.energy": "vald=2 invd=1 min=1 max=1 mean=1 stdev=0",
		"age":           "vald=2 invd=1 min=40 max=50 mean=45 stdev=7.071067812 ?skippedY:0 ?dont_knowY:1 ?declinedY:0",
		"rent":          "vald=2 invd=1 min=7.5 max=8.5 mean=8 stdev=0.7071067812 ?skippedY:0 ?dont_knowY:0 ?declinedY:0",
		"since":         "vald=2 invd=1 min=1999-01-01 max=2001-05-17 ?skippedY:0 ?dont_knowY:0 ?declinedY:0",
		"ideas":         "vald=1 invd=2 ?skippedY:1 ?dont_knowY:0 ?declinedY:0",
	} {
		if said[name] != want {
			t.Errorf("%s: %s\nwant %s", name, said[name], want)
		}
	}
	if strings.Join(book.Cases, " ") != "3 3" {
		t.Errorf("cases %v", book.Cases)
	}
	if strings.Contains(got, "geheim") {
		t.Error("a free text stands in the codebook")
	}
}

// The document holds against the schema, whatever the frame.
func TestDDIForeignReader(t *testing.T) {
	shared := os.Getenv("SERVICEPOINT_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	schema := filepath.Join(shared, "ddi/schemas/codebook.xsd")
	lint, err := exec.LookPath("xmllint")
	_, missing := os.Stat(schema)
	switch verify := os.Getenv("SERVICEPOINT_VERIFY") != ""; {
	case missing != nil:
		t.Skipf("the DDI schemas are not here: %v; name the folder above ddi/ in SERVICEPOINT_SHARED", missing)
	case err != nil && verify:
		t.Fatal("xmllint is missing: apt-get install libxml2-utils")
	case err != nil:
		t.Skip("NOT CHECKED: xmllint is missing: apt-get install libxml2-utils")
	}
	check := func(doc string) string {
		file := filepath.Join(t.TempDir(), "ddi.xml")
		if err := os.WriteFile(file, []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), lint, "--nonet", "--noout", "--schema", schema, file).CombinedOutput()
		if err == nil {
			return ""
		}
		return string(out)
	}
	empty := frametest.Of("leer", frametest.Columns())
	for what, doc := range map[string]string{
		"a study": written(t, table(), study), "no facts": written(t, table(), ddi.Study{ID: "x"}), "traps": written(t, frametest.Traps(), study), "no rows": written(t, empty, study),
	} {
		if out := check(doc); out != "" {
			t.Errorf("%s: %.1500s", what, out)
		}
	}
	if out := check(strings.Replace(written(t, table(), study), "<qstnLit", "<nonsense/><qstnLit", 1)); out == "" {
		t.Error("xmllint accepts what is no codebook")
	}
}

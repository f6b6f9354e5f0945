package formats

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"servicepoint/content/survey/surveytest"
)

// mostFuzzed bounds what the fuzz targets try: with the real files of 200 KB and more
// as seeds one input took seconds, and a minute went by in making one smaller. Those
// files are read whole by other tests; here stands their beginning.
const mostFuzzed = 16 << 10

// beginning cuts a real file to what can be fuzzed, nil when that is no file any more.
func beginning(name string, b []byte) []byte {
	switch Detect(name, b) {
	case SurveyJS:
		var doc map[string]any
		if json.Unmarshal(b, &doc) != nil {
			return nil
		}
		pages, _ := doc["pages"].([]any)
		pages = pages[:min(len(pages), 2)]
		for _, p := range pages {
			if page, ok := p.(map[string]any); ok {
				if elements, ok := page["elements"].([]any); ok {
					page["elements"] = elements[:min(len(elements), 4)]
				}
			}
		}
		doc["pages"] = pages
		b, _ = json.Marshal(doc)
	case TSV:
		lines := bytes.SplitAfter(b, []byte("\n"))
		b = bytes.Join(lines[:min(len(lines), 40)], nil)
	}
	if len(b) > mostFuzzed && Detect(name, b) != XLSForm { // workbooks are quick
		return nil
	}
	return b
}

// fuzz reads whatever comes. What is read without an error is a questionnaire
// that can be checked, written and read again; no file makes a panic.
func fuzz(f *testing.F, name string, seeds ...[]byte) {
	for _, s := range seeds {
		f.Add(s)
	}
	for _, r := range realFiles {
		b, err := os.ReadFile(filepath.Join(shared(), "surveys", r))
		if err != nil || Detect(r, b) != Detect(name, seeds[0]) {
			continue
		}
		if b = beginning(r, b); b != nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 2*mostFuzzed && Detect(name, b) != XLSForm { // workbooks have bounds of their own
			return
		}
		q, losses, err := Read(name, b)
		if err != nil {
			return
		}
		q.Validate()
		for _, l := range losses {
			if l.In("de") == "" || l.Place == "" {
				t.Errorf("%#v", l)
			}
		}
		out, _, err := Write(Own, q)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Read("q.json", out); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, p := range q.Pages {
			for _, it := range p.Items {
				for lang, s := range it.Text {
					if strings.ContainsAny(s, "\x00\x01\x02\x03\x04\x1b") {
						t.Errorf("%s %s: a control character in %q", it.Code, lang, s)
					}
				}
			}
		}
	})
}

func FuzzSurveyJS(f *testing.F) {
	b, _, err := Write(SurveyJS, surveytest.Everything())
	if err != nil {
		f.Fatal(err)
	}
	fuzz(f, "x.json", b, []byte(`{"pages":[{"elements":[{"type":"panel","elements":[{"type":"matrixdropdown","name":"m","columns":[{"name":"a"}],"rows":[1,2],"choices":[1,2]}]}]}]}`))
}

func FuzzXLSForm(f *testing.F) {
	b, _, err := Write(XLSForm, surveytest.Everything())
	if err != nil {
		f.Fatal(err)
	}
	fuzz(f, "x.xlsx", b)
}

func FuzzLSS(f *testing.F) {
	fuzz(f, "x.lss", []byte(modernLSS), []byte(oldLSS), []byte(lime6(636)), []byte(lime6(717)))
}

func FuzzTSV(f *testing.F) {
	fuzz(f, "x.txt", []byte("class\ttype/scale\tname\trelevance\ttext\nS\t\tlanguage\t1\tde\nSL\t\tsurveyls_title\t1\tT\nG\tG0\tg\t1\t\nQ\tL\ta\t1\tA?\nA\t0\t1\t\tx\nA\t0\t2\t\ty\nQ\tM\tm\t((a == 1))\tM?\nSQ\t\tx\t1\tX\nSQ\t\ty\t1\tY\n"))
}

func FuzzOwn(f *testing.F) {
	b, _, err := Write(Own, surveytest.Everything())
	if err != nil {
		f.Fatal(err)
	}
	fuzz(f, "x.json", b)
}

// FuzzExpression reads foreign conditions; whatever is read can be lowered.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{`{a} = 1 and !({b} anyof [1, '2'])`, `selected(${a}, 'x') or not(. >= 3)`, `((!is_empty(163671X2520X48165.NAOK) && (163671X2520X48165.NAOK == 1)))`, `-3 + min(1, {b.length}) * 2 > 4 / 2`} {
		for d := range 3 {
			f.Add(d, s)
		}
	}
	f.Fuzz(func(t *testing.T, d int, s string) {
		if d < 0 || d > 2 {
			return
		}
		tree, err := parseExpression(dialect(d), s)
		if err != nil {
			return
		}
		lw := &lowering{d: dialect(d), note: func(string, string) {}, resolve: func(name string) (ref, bool) {
			return ref{kind: refKind(len(name) % 7), key: "a", option: "x", codes: map[string]string{"1": "1", "x": "x"}, order: []string{"1", "x"}}, len(name) > 1
		}}
		if e, err := lw.boolean(tree); err == nil {
			e.Holds(map[string]any{"a": "x"})
		}
	})
}

func TestFilesBeyondTheBoundsAreErrors(t *testing.T) {
	deep := strings.Repeat(`{"type":"panel","name":"p","elements":[`, 60) + strings.Repeat(`]}`, 60)
	bomb := func(size int) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, name := range []string{"[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"} {
			w, err := z.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(bytes.Repeat([]byte(" "), size)); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	parts := func() []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i := range 300 {
			if _, err := z.Create(fmt.Sprint("part", i)); err != nil {
				t.Fatal(err)
			}
		}
		z.Close()
		return b.Bytes()
	}
	for name, file := range map[string]struct {
		name string
		b    []byte
	}{
		"too large":                  {"x.json", bytes.Repeat([]byte("{"), MaxBytes+1)},
		"panels inside each other":   {"x.json", []byte(`{"pages":[{"name":"p","elements":[` + deep + `]}]}`)},
		"JSON inside of itself":      {"x.json", []byte(strings.Repeat(`{"a":`, 100_000))},
		"a workbook that unpacks":    {"x.xlsx", bomb(30 << 20)},
		"a workbook of many parts":   {"x.xlsx", parts()},
		"a document type":            {"x.lss", []byte(`<!DOCTYPE a [<!ENTITY x "y">]><document><LimeSurveyDocType>Survey</LimeSurveyDocType></document>`)},
		"an entity":                  {"x.lss", []byte(`<document><LimeSurveyDocType>Survey</LimeSurveyDocType><surveys><rows><row><sid>&x;</sid></row></rows></surveys></document>`)},
		"elements inside each other": {"x.lss", []byte(`<document><LimeSurveyDocType>Survey</LimeSurveyDocType>` + strings.Repeat("<a>", 1000))},
		"another LimeSurvey file":    {"x.lss", []byte(`<document><LimeSurveyDocType>Question</LimeSurveyDocType></document>`)},
		"many rows":                  {"x.txt", append([]byte("class\tname\n"), bytes.Repeat([]byte("A\t1\n"), maxRows+2)...)},
		"many columns":               {"x.txt", append([]byte("class\tname\n"), bytes.Repeat([]byte("\t"), 1000)...)},
		"nothing":                    {"x.json", []byte(`{}`)},
		"no format":                  {"x.pdf", []byte(`%PDF-1.7`)},
		"empty":                      {"x.json", nil},
		"two objects":                {"x.json", []byte(`{"slug":"a"}{"slug":"b"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			if q, _, err := Read(file.name, file.b); err == nil {
				t.Errorf("read as %d pages", len(q.Pages))
			} else if len(err.Error()) > 300 {
				t.Errorf("an error of %d characters", len(err.Error()))
			}
		})
	}
}

func TestForeignMarkupBecomesText(t *testing.T) {
	for _, c := range []struct{ in, plain, markdown string }{
		{"Wie geht's?", "Wie geht's?", "Wie geht's?"},
		{"<p>Eins</p><p>Zwei <b>fett</b></p>", "Eins\n\nZwei fett", "Eins\n\nZwei **fett**"},
		{"a<br>b", "a\nb", "a\nb"},
		{`<a href="https://kassel.de/x">hier</a>`, "hier (https://kassel.de/x)", "[hier](https://kassel.de/x)"},
		{`<a href="javascript:alert(1)">hier</a>`, "hier", "hier"},
		{`<script>alert("x")</script>Text`, "Text", "Text"},
		{`<img src="https://a.example/x.png" alt="Ein Haus">`, "Ein Haus", "Ein Haus"},
		{`<style>p{}</style><span style="x" onclick="y">Text</span>`, "Text", "Text"},
		{"2 &lt; 3 &amp; 4", "2 < 3 & 4", `2 \< 3 & 4`},
		{"*nicht* [kein](link)", "*nicht* [kein](link)", `\*nicht\* \[kein\](link)`},
		{"<ul><li>a</li><li>b</li></ul>", "- a\n- b", "- a\n- b"},
		{"# keine Überschrift", "# keine Überschrift", `\# keine Überschrift`},
		{"1. kein <i>Punkt</i>", "1. kein Punkt", `1\. kein *Punkt*`},
		{"a\x00\x01{b}\x02", "a{b}", "a{b}"},
		{"<b>offen", "offen", "offen"},
		{"<svg><a href='https://x.example'>x</a></svg>y", "y", "y"},
	} {
		if got := plainOrMarkdown(c.in, false).text; got != c.plain {
			t.Errorf("%q: plain %q, want %q", c.in, got, c.plain)
		}
		if got := plainOrMarkdown(c.in, true).text; got != c.markdown {
			t.Errorf("%q: Markdown %q, want %q", c.in, got, c.markdown)
		}
	}
}

package demo

import (
	"strings"
	"testing"

	"servicepoint/content"
)

func TestParseGuide(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want content.GuideText
		err  string
	}{
		"title, short and modules": {
			text: "# Name\n\nA short\ntext.\n\n## full\nMore.\n\n### Sub\n\n- a\n\n## fees\nNone.\n",
			want: content.GuideText{Title: "Name", Short: "A short text.", Full: "More.\n\n### Sub\n\n- a", Fees: "None."},
		},
		"only a short text":         {text: "# Name\n\nShort.", want: content.GuideText{Title: "Name", Short: "Short."}},
		"no title":                  {text: "Name\n\nShort.", err: "first line"},
		"empty title":               {text: "# \n\nShort.", err: "first line"},
		"nothing":                   {text: "", err: "first line"},
		"no first paragraph":        {text: "# Name\n\n## full\nMore.", err: "first paragraph"},
		"two titles":                {text: "# Name\n\nShort.\n\n# Name", err: "second title"},
		"unknown module":            {text: "# Name\n\nShort.\n\n## price\n5", err: `unknown module "price"`},
		"module twice":              {text: "# Name\n\nShort.\n\n## full\na\n\n## full\nb", err: "twice"},
		"empty module":              {text: "# Name\n\nShort.\n\n## full\n\n## fees\nb", err: "empty"},
		"text before the modules":   {text: "# Name\n\nShort.\n\nMore.\n\n## full\na", err: "between"},
		"carriage returns":          {text: "# Name\r\n\r\nShort.", err: "control character"},
		"a NUL":                     {text: "# Name\n\nSh\x00ort.", err: "control character"},
		"broken UTF-8":              {text: "# Name\n\nSh\xffort.", err: "UTF-8"},
		"a space behind the code":   {text: "# Name\n\nShort.\n\n## full \na", err: `unknown module "full "`},
		"the code in other letters": {text: "# Name\n\nShort.\n\n## Full\na", err: `unknown module "Full"`},
	} {
		t.Run(name, func(t *testing.T) {
			var got content.GuideText
			doc, err := parseDocument(c.text)
			if err == nil {
				got, err = doc.guide()
			}
			switch {
			case c.err == "" && err != nil:
				t.Fatal(err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Fatalf("got %v, want %q", err, c.err)
			case c.err == "" && got != c.want:
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestLinesOfLeichteSpracheAreKept(t *testing.T) {
	for name, c := range map[string][2]string{
		"two sentences":             {"One.\nTwo.", "One.\\\nTwo."},
		"paragraphs stay":           {"One.\n\nTwo.", "One.\n\nTwo."},
		"before a list":             {"One:\n\n- a\n- b", "One:\n\n- a\n- b"},
		"a list without a gap":      {"One:\n- a\n- b", "One:\n- a\n- b"},
		"numbers":                   {"1. a\n2. b", "1. a\n2. b"},
		"a sentence with a number":  {"One.\n2 more.", "One.\\\n2 more."},
		"inside a list item":        {"- a\n  b\n- c", "- a\\\n  b\n- c"},
		"headings":                  {"## H\nOne.\nTwo.", "## H\nOne.\\\nTwo."},
		"twice is as good as once":  {"One.\\\nTwo.", "One.\\\nTwo."},
		"trailing spaces are eaten": {"One.  \nTwo.", "One.\\\nTwo."},
	} {
		if got := keepLines(c[0]); got != c[1] {
			t.Errorf("%s: %q, want %q", name, got, c[1])
		}
		if twice := keepLines(keepLines(c[0])); twice != c[1] {
			t.Errorf("%s: a second pass changes it to %q", name, twice)
		}
	}
}

// write is the way back: what parseDocument and guide took apart.
func write(t content.GuideText) string {
	var b strings.Builder
	b.WriteString("# " + t.Title + "\n\n" + t.Short + "\n")
	for _, m := range [][2]string{
		{"full", t.Full}, {"requirements", t.Requirements}, {"documents", t.Documents}, {"fees", t.Fees}, {"deadlines", t.Deadlines},
		{"duration", t.Duration}, {"legal_basis", t.LegalBasis}, {"procedure", t.Procedure}, {"forms", t.Forms}, {"office", t.Office},
	} {
		if m[1] != "" {
			b.WriteString("\n## " + m[0] + "\n" + m[1] + "\n")
		}
	}
	return b.String()
}

// Whatever is accepted is the same after writing and reading it again.
func FuzzGuide(f *testing.F) {
	f.Add("# Name\n\nShort.\n\n## full\nMore.\n\n## fees\nNone.\n")
	f.Add("# Name\n\nShort.\n\n## office\n- a\n\n\n  b\n## full\n## x")
	f.Add("#  \n\n\n\n## full")
	f.Add("# a\n\nb\n\n\n\n## full\n\u00a0\n")
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := parseDocument(text)
		if err != nil {
			return
		}
		keepLines(doc.Body)
		guide, err := doc.guide()
		if err != nil {
			return
		}
		doc, err = parseDocument(write(guide))
		if err != nil {
			t.Fatalf("%q: written and refused: %v", text, err)
		}
		again, err := doc.guide()
		if err != nil || again != guide {
			t.Fatalf("%q: %+v became %+v (%v)", text, guide, again, err)
		}
	})
}

package content_test

import (
	"fmt"
	"strings"
	"testing"

	"servicepoint/content"
)

func ExampleRender() {
	html, _ := content.Render("# Sperrmüll\n\nBitte **anmelden**: [Formular](/leistungen/sperrmuell/anfrage/)")
	fmt.Println(html)
	// Output:
	// <h2>Sperrmüll</h2>
	// <p>Bitte <strong>anmelden</strong>: <a href="/leistungen/sperrmuell/anfrage/">Formular</a></p>
}

func TestRenderIsSafe(t *testing.T) {
	cases := []struct{ what, md, never string }{
		{"script", "<script>alert(1)</script>", "<script"},
		{"handler", `<img src=x onerror=alert(1)>`, "onerror"},
		{"javascript link", "[x](javascript:alert(1))", "javascript:"},
		{"data link", "[x](data:text/html,1)", "data:"},
		{"image of another site", "![logo](https://evil.example/x.png)", "evil.example"},
		{"image without protocol", "![logo](//evil.example/x.png)", "evil.example"},
		{"style by table alignment", "| a |\n| :-: |\n| b |", "style"},
		{"form", `<form action="/x"><input></form>`, "<form"},
	}
	for _, c := range cases {
		html, err := content.Render(c.md)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if strings.Contains(html, c.never) {
			t.Errorf("%s: %s", c.what, html)
		}
	}
}

func TestHeadingsKeepTheirOrder(t *testing.T) {
	html, err := content.RenderBelow("# A\n\n### B\n\n# C\n\n## D\n\n###### E", 3)
	if err != nil {
		t.Fatal(err)
	}
	want := "<h3>A</h3>\n<h4>B</h4>\n<h3>C</h3>\n<h4>D</h4>\n<h5>E</h5>\n"
	if html != want {
		t.Errorf("got %s", html)
	}
}

func TestMarkdownBounds(t *testing.T) {
	cases := []struct{ what, md, code string }{
		{"20 KB of quotation marks", strings.Repeat(">", 20_000), "too_long"},
		{"many quotation marks", strings.Repeat("> ", 500) + "x", "too_deep"},
		{"only quotation marks", strings.Repeat(">", 500), "too_deep"},
		{"deep list", strings.Repeat("- ", 50) + "x", "too_deep"},
		{"deep indentation", strings.Repeat("    ", 50) + "- x", "too_deep"},
		{"wide table", strings.Repeat("| a ", 500), "table_too_wide"},
		{"long text", strings.Repeat("ä\n", content.MaxMarkdown), "too_long"},
		{"control character", "a\x00b", "not_text"},
		{"bad UTF-8", "a\xffb", "not_text"},
		{"image without description", "![](/bild.png)", "alt_missing"},
		{"a rule is no nesting", "a\n\n----------------\n\n* * * * * * * * * * *\n", ""},
		{"a good text", "# Ü\n\n1. a\n   - b\n\n> Zitat\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", ""},
	}
	for _, c := range cases {
		p := content.CheckMarkdown("full", c.md)
		got := ""
		if len(p) > 0 {
			got = p[0].Code
		}
		if got != c.code {
			t.Errorf("%s: got %q, want %q", c.what, got, c.code)
		}
	}
}

func TestPlain(t *testing.T) {
	got := content.Plain("# Titel\n\nEin *Wort* und ein [Link](https://example.org).\n\n- eins\n- zwei")
	want := "Titel\nEin Wort und ein Link (https://example.org).\n– eins\n– zwei"
	if got != want {
		t.Errorf("got %q", got)
	}
}

func TestWordsAreComplete(t *testing.T) {
	if _, err := content.LoadWords(); err != nil {
		t.Fatal(err)
	}
}

func FuzzRender(f *testing.F) {
	f.Add("# a\n> b\n- [c](d)\n<script>")
	f.Add("| a | b |\n|---|:-:|\n| ![x](//y) | `z` |")
	f.Fuzz(func(t *testing.T, md string) {
		html, err := content.Render(md)
		if err != nil {
			return
		}
		for _, never := range []string{"<script", "<style", "<iframe", "<form", "<h1"} {
			if strings.Contains(strings.ToLower(html), never) {
				t.Fatalf("%q gives %q", md, html)
			}
		}
		content.Plain(md)
	})
}

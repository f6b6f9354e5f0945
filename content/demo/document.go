package demo

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"servicepoint/content"
)

// document is one text file:
//
//	# Title
//
//	The first paragraph is the lead: plain text, one line on the page.
//
//	The rest is the body, Markdown.
type document struct {
	Title string
	Lead  string
	Body  string
}

// parseDocument takes a text file apart.
func parseDocument(text string) (document, error) {
	if !utf8.ValidString(text) {
		return document{}, errors.New("not UTF-8")
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }); i >= 0 {
		return document{}, fmt.Errorf("control character %q (lines end with a line feed, indents are spaces)", text[i])
	}
	head, rest, _ := strings.Cut(strings.Trim(text, "\n"), "\n")
	title, ok := strings.CutPrefix(head, "# ")
	if title = strings.TrimSpace(title); !ok || title == "" {
		return document{}, errors.New(`the first line must be "# Title"`)
	}
	rest = strings.TrimLeft(rest, "\n")
	lead, body, _ := strings.Cut(rest, "\n\n")
	lead = strings.Join(strings.Fields(lead), " ")
	if lead == "" || strings.HasPrefix(lead, "#") {
		return document{}, errors.New("a first paragraph must follow the title")
	}
	for _, line := range strings.Split(body, "\n") {
		if strings.HasPrefix(line, "# ") {
			return document{}, fmt.Errorf("a second title: %q", line)
		}
	}
	return document{Title: title, Lead: lead, Body: strings.TrimSpace(body)}, nil
}

// guide reads the body as the modules of a service description: each begins
// with a line "## code", codes are the JSON names of [content.GuideText].
func (d document) guide() (content.GuideText, error) {
	t := content.GuideText{Title: d.Title, Short: d.Lead}
	modules := map[string]*string{
		"full": &t.Full, "requirements": &t.Requirements, "documents": &t.Documents,
		"fees": &t.Fees, "deadlines": &t.Deadlines, "duration": &t.Duration,
		"legal_basis": &t.LegalBasis, "procedure": &t.Procedure, "forms": &t.Forms, "office": &t.Office,
	}
	if d.Body == "" {
		return t, nil
	}
	before, rest, _ := strings.Cut("\n"+d.Body, "\n## ")
	if strings.TrimSpace(before) != "" {
		return t, errors.New(`text between the first paragraph and the first "## module"`)
	}
	for _, section := range strings.Split(rest, "\n## ") {
		code, text, _ := strings.Cut(section, "\n")
		module := modules[code]
		text = strings.TrimSpace(text)
		switch {
		case module == nil:
			return t, fmt.Errorf("unknown module %q", code)
		case *module != "":
			return t, fmt.Errorf("module %q is there twice", code)
		case text == "":
			return t, fmt.Errorf("module %q is empty: leave it out", code)
		}
		*module = text
	}
	return t, nil
}

// keepLines makes every line end inside a paragraph a hard break. Leichte
// Sprache is written with one sentence on a line and must be shown like that.
func keepLines(body string) string {
	lines := strings.Split(body, "\n")
	for i := 0; i+1 < len(lines); i++ {
		if isProse(lines[i]) && isProse(lines[i+1]) && !startsBlock(lines[i+1]) && !strings.HasSuffix(lines[i], `\`) {
			lines[i] = strings.TrimRight(lines[i], " ") + `\`
		}
	}
	return strings.Join(lines, "\n")
}

func isProse(line string) bool {
	line = strings.TrimSpace(line)
	return line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "|")
}

// startsBlock reports whether a line begins a list item or a quotation.
func startsBlock(line string) bool {
	line = strings.TrimLeft(line, " ")
	for _, mark := range []string{"- ", "* ", "+ ", ">"} {
		if strings.HasPrefix(line, mark) {
			return true
		}
	}
	digits := strings.TrimLeft(line, "0123456789")
	return digits != line && strings.HasPrefix(digits, ". ")
}

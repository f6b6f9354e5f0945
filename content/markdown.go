package content

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// Bounds of one Markdown text. They are checked before rendering, because deep
// quotations and wide tables cost goldmark seconds.
const (
	MaxMarkdown     = 100_000 // characters
	MaxTableColumns = 12
	maxMarks        = 8     // nested quotations and lists
	maxLine         = 8_000 // bytes
)

var markdown = goldmark.New(goldmark.WithExtensions(
	extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)),
	extension.Strikethrough,
))

// policy is what may stand in a page: structure, but no style, script, class,
// form or embedded thing of another site.
var policy = func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li",
		"h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto", "tel")
	p.AllowRelativeURLs(true)
	p.AllowAttrs("alt").OnElements("img")
	p.AllowAttrs("src").Matching(regexp.MustCompile(`^/[^/]`)).OnElements("img")
	p.RequireParseableURLs(true)
	return p
}()

// Render turns Markdown into safe HTML whose highest heading is h2. Raw HTML is
// dropped. Problems of [CheckMarkdown] come back as the error.
func Render(md string) (string, error) { return RenderBelow(md, 2) }

// RenderBelow is [Render] for a text that stands inside a section: its highest
// heading becomes the given level (2 to 6). Levels are never skipped.
func RenderBelow(md string, top int) (string, error) {
	if err := CheckMarkdown("", md).Err(); err != nil {
		return "", err
	}
	src := []byte(md)
	doc := markdown.Parser().Parse(text.NewReader(src))
	levelHeadings(doc, top)
	var b bytes.Buffer
	if err := markdown.Renderer().Render(&b, src, doc); err != nil {
		return "", err
	}
	return policy.Sanitize(b.String()), nil
}

// levelHeadings maps the levels an editor used to top, top+1, … without gaps.
func levelHeadings(doc ast.Node, top int) {
	var open []int // levels of the headings that enclose this one, as written
	ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		h, ok := n.(*ast.Heading)
		if !ok || !entering {
			return ast.WalkContinue, nil
		}
		for len(open) > 0 && open[len(open)-1] >= h.Level {
			open = open[:len(open)-1]
		}
		open = append(open, h.Level)
		h.Level = min(top+len(open)-1, 6)
		return ast.WalkSkipChildren, nil
	})
}

// Plain turns Markdown into plain text: paragraphs as lines, no marks. Links
// keep their address in brackets, so that mails stay useful.
func Plain(md string) string {
	src := []byte(md)
	var b strings.Builder
	ast.Walk(markdown.Parser().Parse(text.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				b.Write(n.Segment.Value(src))
				if n.HardLineBreak() {
					b.WriteByte('\n')
				} else if n.SoftLineBreak() {
					b.WriteByte(' ')
				}
			}
		case *ast.String:
			if entering {
				b.Write(n.Value)
			}
		case *ast.AutoLink:
			if entering {
				b.Write(n.URL(src))
			}
		case *ast.Link:
			if !entering {
				b.WriteString(" (" + string(n.Destination) + ")")
			}
		case *ast.ListItem:
			if entering {
				b.WriteString("– ")
			}
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			if entering {
				for i := range n.Lines().Len() {
					line := n.Lines().At(i)
					b.Write(line.Value(src))
				}
			}
		}
		if !entering && n.Type() == ast.TypeBlock && n.Kind() != ast.KindDocument && b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
			b.WriteByte('\n')
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}

// CheckMarkdown says what stands against publishing a text: length, nesting,
// wide tables, unreadable characters, images without a description.
func CheckMarkdown(field, md string) Problems {
	var p Problems
	if !utf8.ValidString(md) || strings.ContainsFunc(md, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r'
	}) {
		p.Add(field, "not_text")
		return p
	}
	if utf8.RuneCountInString(md) > MaxMarkdown {
		p.Add(field, "too_long", "max", MaxMarkdown)
		return p
	}
	for line := range strings.Lines(md) {
		if len(line) > maxLine {
			p.Add(field, "too_long", "max", maxLine)
			return p
		}
		if strings.Count(line, "|") > MaxTableColumns+1 {
			p.Add(field, "table_too_wide", "max", MaxTableColumns)
			return p
		}
		if nesting(line) > maxMarks {
			p.Add(field, "too_deep")
			return p
		}
	}
	if emptyAlt.MatchString(md) {
		p.Add(field, "alt_missing")
	}
	return p
}

var emptyAlt = regexp.MustCompile(`!\[\s*\]\s*[(\[]`)

// nesting counts the quotation and list marks, and the steps of indentation,
// that a line begins with.
func nesting(line string) int {
	marks, blanks := 0, 0
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == ' ':
			blanks++
		case c == '\t':
			blanks += 4
		case c == '>':
			marks++
		case c == '\n' || c == '\r':
		case (c == '-' || c == '*' || c == '+') && (i+1 == len(line) || strings.IndexByte(" \t\r\n", line[i+1]) >= 0):
			marks++
		case c >= '0' && c <= '9' && i+1 < len(line) && (line[i+1] == '.' || line[i+1] == ')'):
			marks++
			i++
		case c >= '0' && c <= '9':
		default:
			return marks + blanks/4
		}
	}
	// Nothing but marks: dashes and stars make a rule, the others nest.
	return strings.Count(line, ">") + strings.Count(line, "+")
}

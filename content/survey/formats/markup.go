package formats

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// markupParts is what became of one foreign text.
type markupParts struct {
	text    string
	looks   []string // formatting that was dropped: names of elements
	dropped []string // elements that meant something: pictures, scripts, frames
}

// Marks around a foreign placeholder inside of a text, until it is known whether
// the question was asked before. Foreign texts never have them: control
// characters are removed.
const (
	pipeOpen  = "\x01"
	pipeClose = "\x02"
)

var blocks = map[string]bool{"p": true, "div": true, "tr": true, "table": true, "ul": true, "ol": true, "h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "blockquote": true, "section": true, "hr": true, "center": true, "header": true, "footer": true}

// skipped elements lose what stands inside them, too.
var skipped = map[string]bool{"script": true, "style": true, "iframe": true, "object": true, "embed": true, "svg": true, "math": true, "video": true, "audio": true, "canvas": true, "template": true, "noscript": true, "textarea": true, "select": true, "title": true, "xmp": true, "noembed": true, "noframes": true, "plaintext": true}

var voidElements = map[string]bool{"br": true, "img": true, "hr": true, "input": true, "meta": true, "link": true, "embed": true, "source": true, "col": true, "wbr": true, "area": true, "base": true, "track": true, "param": true}

var linkable = regexp.MustCompile(`^(?i:https?://|mailto:|tel:)[^\s()<>"]+$`)

// plainOrMarkdown turns foreign HTML into plain text, or into Markdown in which
// nothing but paragraphs, lists, bold, italics and links is left. Nothing of the
// HTML itself gets through.
func plainOrMarkdown(src string, markdown bool) markupParts {
	src = clean(src)
	if !strings.ContainsAny(src, "<&") {
		m := markupParts{text: tidyText(src)}
		if markdown {
			m.text = escapeLines(escapeMarkdown(m.text))
		}
		return m
	}
	var m markupParts
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(src))
	depth, skipping := 0, ""
	var hrefs []string
	newline := func(n int) { b.WriteString(strings.Repeat("\n", n)) }
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		t := z.Token()
		name := t.Data
		if skipping != "" {
			switch {
			case kind == html.StartTagToken && name == skipping:
				depth++
			case kind == html.EndTagToken && name == skipping:
				if depth--; depth == 0 {
					skipping = ""
				}
			}
			continue
		}
		switch kind {
		case html.TextToken:
			text := strings.NewReplacer("\r", " ", "\n", " ", "\t", " ").Replace(clean(t.Data))
			if markdown {
				text = escapeMarkdown(text)
			}
			b.WriteString(text)
		case html.StartTagToken, html.SelfClosingTagToken:
			switch {
			case skipped[name]:
				m.dropped = append(m.dropped, name)
				if kind == html.StartTagToken && !voidElements[name] {
					skipping, depth = name, 1
				}
			case name == "br":
				newline(1)
			case name == "li":
				newline(1)
				b.WriteString("- ")
			case name == "td" || name == "th":
				b.WriteString(" ")
				m.looks = append(m.looks, name)
			case blocks[name]:
				newline(2)
				if name != "p" && name != "div" && name != "ul" && name != "ol" {
					m.looks = append(m.looks, name)
				}
			case name == "a":
				href := ""
				for _, a := range t.Attr {
					if a.Key == "href" && linkable.MatchString(strings.TrimSpace(a.Val)) {
						href = strings.TrimSpace(a.Val)
					}
				}
				if kind == html.StartTagToken {
					hrefs = append(hrefs, href)
				}
				switch {
				case href == "":
					m.looks = append(m.looks, "a")
				case markdown:
					b.WriteString("[")
				}
			case name == "img":
				said := ""
				for _, a := range t.Attr {
					switch a.Key {
					case "alt":
						said = clean(a.Val)
						if markdown {
							said = escapeMarkdown(said)
						}
					case "src":
						m.dropped = append(m.dropped, "img "+a.Val)
					}
				}
				b.WriteString(said)
			case name == "input" || name == "button" || name == "form" || name == "link" || name == "meta":
				m.dropped = append(m.dropped, name)
			case (name == "strong" || name == "b") && markdown:
				b.WriteString(pipeBold)
			case (name == "em" || name == "i") && markdown:
				b.WriteString(pipeItalic)
			default:
				m.looks = append(m.looks, name)
			}
		case html.EndTagToken:
			switch {
			case blocks[name]:
				newline(2)
			case name == "a" && len(hrefs) > 0:
				href := hrefs[len(hrefs)-1]
				hrefs = hrefs[:len(hrefs)-1]
				switch {
				case href == "":
				case markdown:
					b.WriteString("](" + href + ")")
				case !strings.HasSuffix(strings.TrimSpace(b.String()), strings.TrimPrefix(href, "mailto:")):
					b.WriteString(" (" + strings.TrimPrefix(strings.TrimPrefix(href, "mailto:"), "tel:") + ")")
				}
			case (name == "strong" || name == "b") && markdown:
				b.WriteString(pipeBold)
			case (name == "em" || name == "i") && markdown:
				b.WriteString(pipeItalic)
			}
		}
	}
	for range hrefs { // never closed
		if markdown {
			b.WriteString("](#)")
		}
	}
	m.text = tidyText(b.String())
	if markdown {
		m.text = escapeLines(settleMarks(m.text))
	}
	return m
}

// Marks of bold and italics until it is known that they are closed in the same line.
const (
	pipeBold   = "\x03"
	pipeItalic = "\x04"
)

var emptyMarks = regexp.MustCompile("\x03[ \u00a0]*\x03|\x04[ \u00a0]*\x04")

// settleMarks writes marks of emphasis as Markdown reads them: on one line and
// without blanks inside.
func settleMarks(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		for emptyMarks.MatchString(line) {
			line = emptyMarks.ReplaceAllString(line, " ")
		}
		for _, mark := range []struct{ from, to string }{{pipeBold, "**"}, {pipeItalic, "*"}} {
			parts := strings.Split(line, mark.from)
			if len(parts)%2 == 0 || strings.ContainsAny(line, pipeBold) && strings.ContainsAny(line, pipeItalic) {
				line = strings.Join(parts, "") // unbalanced or nested: the words are what counts
				continue
			}
			var b strings.Builder
			for j, p := range parts {
				if j%2 == 0 {
					b.WriteString(p)
					continue
				}
				inner := strings.TrimSpace(p)
				if strings.HasPrefix(p, " ") {
					b.WriteString(" ")
				}
				b.WriteString(mark.to + inner + mark.to)
				if strings.HasSuffix(p, " ") {
					b.WriteString(" ")
				}
			}
			line = b.String()
		}
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}

// clean removes what no text may have: control characters but line feed and tab.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\u00a0' || r == '\u2028' || r == '\u2029':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || r == '\ufeff':
			return -1
		}
		return r
	}, strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\r\n", "\n"))
}

var (
	manyBlanks = regexp.MustCompile(`[ \t]+`)
	manyLines  = regexp.MustCompile(`\n{3,}`)
)

func tidyText(s string) string {
	lines := strings.Split(manyBlanks.ReplaceAllString(s, " "), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(l)
		if lines[i] == "-" {
			lines[i] = ""
		}
	}
	return strings.TrimSpace(manyLines.ReplaceAllString(strings.Join(lines, "\n"), "\n\n"))
}

var markdownSigns = regexp.MustCompile("[\\\\`*_\\[\\]<>|~]")

func escapeMarkdown(s string) string { return markdownSigns.ReplaceAllString(s, `\$0`) }

var lineSigns = regexp.MustCompile(`(?m)^(#|\+ |={2,}|-{2,}|\d+[.)] )`)

// escapeLines keeps lines from becoming headings, rules or numbered lists that nobody meant.
func escapeLines(s string) string {
	return lineSigns.ReplaceAllStringFunc(s, func(m string) string {
		if m[0] >= '0' && m[0] <= '9' {
			return m[:len(m)-2] + `\` + m[len(m)-2:]
		}
		return `\` + m
	})
}

var underlined = regexp.MustCompile(`__([^_\n]+)__|\*\*([^*\n]+)\*\*`)

// unmark takes simple Markdown marks out of a plain text, as SurveyJS and XLSForm
// authors write them.
func unmark(s string) (string, bool) {
	out := underlined.ReplaceAllString(s, "$1$2")
	out = strings.ReplaceAll(out, `\*`, "*")
	return out, out != s
}

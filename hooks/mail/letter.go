package mail

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/url"
	"regexp"
	"strings"

	"servicepoint/content"
	"servicepoint/hooks"
)

//go:embed letter.html
var letterSource string

// One template makes the HTML of all mails: no picture, nothing from afar, and a
// style of its own for dark screens.
var letterTemplate = template.Must(template.New("letter").Parse(letterSource))

// block is a paragraph, a list or a link of its own.
type block struct {
	Lines [][]piece // of a paragraph
	Items [][]piece // of a list
}

// piece is text or a link.
type piece struct{ Text, Link string }

type letterView struct {
	Locale, Subject, From string
	Blocks                []block
	German                []block
	Button                *hooks.MailButton
}

func letterHTML(m hooks.Mail, subject, from string) (string, error) {
	v := letterView{Locale: content.Locale(m.Lang), Subject: subject, From: from, Blocks: blocks(m.Text), Button: m.Button}
	if germanBelow(m) {
		v.German = blocks(m.German)
	}
	var b bytes.Buffer
	if err := letterTemplate.Execute(&b, v); err != nil {
		return "", err
	}
	return b.String(), nil
}

func germanBelow(m hooks.Mail) bool {
	return m.Lang != content.German && strings.TrimSpace(m.German) != ""
}

// letterText is the plain part.
func letterText(m hooks.Mail) string {
	var b strings.Builder
	b.WriteString(strings.TrimRight(m.Text, "\r\n"))
	if m.Button != nil {
		b.WriteString("\n\n" + m.Button.Label + ":\n" + m.Button.URL)
	}
	if germanBelow(m) {
		b.WriteString("\n\n----------------------------------------\nDeutsch\n\n" + strings.TrimRight(m.German, "\r\n"))
	}
	b.WriteString("\n")
	return b.String()
}

var listMark = regexp.MustCompile(`^\s*[-•*]\s+`)

func blocks(text string) []block {
	var all []block
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		var b block
		for line := range strings.SplitSeq(paragraph, "\n") {
			if strings.TrimSpace(line) == "" {
				continue
			}
			if mark := listMark.FindString(line); mark != "" {
				if len(b.Lines) > 0 {
					all, b = append(all, b), block{}
				}
				b.Items = append(b.Items, pieces(line[len(mark):]))
				continue
			}
			if len(b.Items) > 0 {
				all, b = append(all, b), block{}
			}
			b.Lines = append(b.Lines, pieces(line))
		}
		if len(b.Lines)+len(b.Items) > 0 {
			all = append(all, b)
		}
	}
	return all
}

// links are addresses within text; what ends a sentence is no part of them.
var links = regexp.MustCompile(`https?://[^\s<>"„“”]+[^\s<>"„“”.,;:!?)\]'’]`)

func pieces(line string) []piece {
	var all []piece
	last := 0
	for _, at := range links.FindAllStringIndex(line, -1) {
		address := line[at[0]:at[1]]
		if u, err := url.Parse(address); err != nil || u.Host == "" {
			continue
		}
		if at[0] > last {
			all = append(all, piece{Text: line[last:at[0]]})
		}
		all = append(all, piece{Text: address, Link: address})
		last = at[1]
	}
	if last < len(line) {
		all = append(all, piece{Text: line[last:]})
	}
	return all
}

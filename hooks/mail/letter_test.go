package mail_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"regexp"
	"strings"
	"testing"

	"servicepoint/hooks"
	"servicepoint/hooks/mail"

	"golang.org/x/net/html"
)

// part is a leaf of a message's tree with the kinds above it.
type part struct {
	kind, name string
	above      string
	body       string
}

func leaves(t *testing.T, kind string, encoding, disposition, above string, r io.Reader) []part {
	t.Helper()
	media, params, err := mime.ParseMediaType(kind)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(media, "multipart/") {
		var all []part
		for m := multipart.NewReader(r, params["boundary"]); ; {
			p, err := m.NextRawPart()
			if err == io.EOF {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, leaves(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p.Header.Get("Content-Disposition"),
				above+strings.TrimPrefix(media, "multipart/")+"/", p)...)
		}
	}
	switch encoding {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	_, d, _ := mime.ParseMediaType(disposition)
	name, err := new(mime.WordDecoder).DecodeHeader(d["filename"])
	if err != nil {
		t.Fatal(err)
	}
	return []part{{media, name, above, string(b)}}
}

// sent is the message that the sink got for a payload, as headers and leaves.
func sent(t *testing.T, m hooks.Mail) (netmail.Header, []part) {
	t.Helper()
	s := newSink(t)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := through(s).Submit(t.Context(), order("k", b)); err != nil {
		t.Fatal(err)
	}
	letters, _ := s.letters(t)
	got := letters[messageID("k")]
	if got == nil {
		t.Fatal("nothing arrived")
	}
	return got.Header, leaves(t, got.Header.Get("Content-Type"), got.Header.Get("Content-Transfer-Encoding"), "", "", got.Body)
}

var reminder = hooks.Mail{
	To: "erika@kassel.example", Lang: "en", Subject: "Your place: <Wärme> & more",
	Text:        "Good day,\n\nyour place is safe. Bring:\n- your <b>ticket</b>\n- the letter of https://kassel.example/a?b=1&c=2.\n\nhttps://kassel.example/buchung/?x=1",
	German:      "Guten Tag,\n\nIhr Platz ist sicher.",
	Button:      &hooks.MailButton{Label: "Change or cancel", URL: "https://kassel.example/buchungen/"},
	Calendar:    "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
	Method:      "REQUEST",
	Unsubscribe: "https://kassel.example/abmelden/T0KEN",
	Attachments: []hooks.MailAttachment{
		{Name: "Ticket.pdf", Type: "application/pdf", Content: []byte("%PDF-1.7 \x00\xff")},
		{Name: "Einladung für Groß.ics", Type: "text/calendar", Content: []byte("BEGIN:VCALENDAR\r\n")},
	},
}

func TestLetterIsMadeOfText(t *testing.T) {
	header, parts := sent(t, reminder)
	var kinds []string
	for _, p := range parts {
		kinds = append(kinds, p.above+p.kind+" "+p.name)
	}
	want := "mixed/alternative/text/plain |mixed/alternative/text/html |mixed/alternative/text/calendar |mixed/application/pdf Ticket.pdf|mixed/text/calendar Einladung für Groß.ics"
	if got := strings.Join(kinds, "|"); got != want {
		t.Fatalf("parts\n%s\nwant\n%s", got, want)
	}
	if header.Get("List-Unsubscribe") != "<https://kassel.example/abmelden/T0KEN>" || header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		t.Errorf("headers %v", header)
	}
	if parts[3].body != "%PDF-1.7 \x00\xff" {
		t.Errorf("the file is %q", parts[3].body)
	}

	plain := strings.ReplaceAll(parts[0].body, "\r\n", "\n")
	for _, want := range []string{"Change or cancel:\nhttps://kassel.example/buchungen/\n", "Deutsch\n\nGuten Tag,\n\nIhr Platz ist sicher."} {
		if !strings.Contains(plain, want) {
			t.Errorf("the text lacks %q:\n%s", want, plain)
		}
	}
	page := parts[1].body
	for _, want := range []string{`<html lang="en">`, "<h1>Your place: &lt;Wärme&gt; &amp; more</h1>", "<li>your &lt;b&gt;ticket&lt;/b&gt;</li>",
		`<a href="https://kassel.example/a?b=1&amp;c=2">https://kassel.example/a?b=1&amp;c=2</a>.</li>`,
		`<a class="button" href="https://kassel.example/buchungen/">Change or cancel</a>`, `<section lang="de">`, `content="light dark"`, "prefers-color-scheme: dark"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	checkQuiet(t, page)
}

// checkQuiet looks for what loads something, runs or is not closed.
func checkQuiet(t *testing.T, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		switch n.Data {
		case "img", "script", "link", "iframe", "object", "form", "video", "audio", "base":
			if n.Type == html.ElementNode {
				t.Errorf("the page has <%s>", n.Data)
			}
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "style" {
				t.Errorf("the page has %s=%q", a.Key, a.Val)
			}
		}
	}
	if regexp.MustCompile(`(?i)url\(|@import`).MatchString(page) {
		t.Error("the style loads something")
	}
}

func TestGermanStandsBelowOtherLanguagesOnly(t *testing.T) {
	for lang, want := range map[string]bool{"de": false, "en": true, "ls": true} {
		m := reminder
		m.Lang, m.Attachments = lang, nil
		_, parts := sent(t, m)
		if strings.Contains(parts[0].body, "Ihr Platz ist sicher") != want || strings.Contains(parts[1].body, "Ihr Platz ist sicher") != want {
			t.Errorf("%s: German below, want %t", lang, want)
		}
	}
}

func TestExtrasThatCannotBeSentAreRejected(t *testing.T) {
	s := newSink(t)
	for what, change := range map[string]func(*hooks.Mail){
		"unsubscribe by script":   func(m *hooks.Mail) { m.Unsubscribe = "javascript:alert(1)" },
		"unsubscribe with header": func(m *hooks.Mail) { m.Unsubscribe = "https://kassel.example/\r\nBcc: all@kassel.example" },
		"unsubscribe with >":      func(m *hooks.Mail) { m.Unsubscribe = "https://kassel.example/>, <mailto:x@y>" },
		"button by script":        func(m *hooks.Mail) { m.Button = &hooks.MailButton{Label: "x", URL: "javascript:alert(1)"} },
		"button without label":    func(m *hooks.Mail) { m.Button = &hooks.MailButton{URL: "https://kassel.example/"} },
		"button with a user":      func(m *hooks.Mail) { m.Button = &hooks.MailButton{Label: "x", URL: "https://kassel@evil.example/"} },
		"file without name":       func(m *hooks.Mail) { m.Attachments = []hooks.MailAttachment{{Type: "application/pdf"}} },
		"file with a path":        func(m *hooks.Mail) { m.Attachments = []hooks.MailAttachment{{Name: "../x", Type: "application/pdf"}} },
		"file with a header":      func(m *hooks.Mail) { m.Attachments = []hooks.MailAttachment{{Name: "x\r\ny", Type: "application/pdf"}} },
		"file of no kind":         func(m *hooks.Mail) { m.Attachments = []hooks.MailAttachment{{Name: "x", Type: "pdf\r\nX: y"}} },
		"too large": func(m *hooks.Mail) {
			m.Attachments = []hooks.MailAttachment{{Name: "x", Type: "application/pdf", Content: bytes.Repeat([]byte("x"), hooks.LargestMail+1)}}
		},
	} {
		m := reminder
		change(&m)
		b, _ := json.Marshal(m)
		if _, err := through(s).Submit(t.Context(), order("k", b)); !errors.Is(err, hooks.ErrRejected) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, all := s.letters(t); all != 0 {
		t.Errorf("%d were sent", all)
	}
}

func TestFilesAreMadeWhenTheMailLeaves(t *testing.T) {
	s := newSink(t)
	p := through(s)
	ill := errors.New("the printer is ill")
	var file []byte
	var fails error
	p.Make = func(_ context.Context, made string) ([]byte, error) {
		if made != "tickets:B-1" {
			t.Errorf("asked for %q", made)
		}
		return file, fails
	}
	m := reminder
	m.Attachments = []hooks.MailAttachment{{Name: "tickets.pdf", Type: "application/pdf", Made: "tickets:B-1"}}
	b, _ := json.Marshal(m)
	fails = ill
	if _, err := p.Submit(t.Context(), order("k", b)); !errors.Is(err, ill) || errors.Is(err, hooks.ErrRejected) {
		t.Errorf("a file that cannot be made now: %v", err)
	}
	if _, all := s.letters(t); all != 0 {
		t.Fatal("a mail left without its file")
	}
	fails = nil
	for key, want := range map[string]int{"with": 1, "gone": 0} {
		if want == 0 {
			file = nil
		} else {
			file = []byte("%PDF-1.7")
		}
		if _, err := p.Submit(t.Context(), order(key, b)); err != nil {
			t.Fatal(err)
		}
		letters, _ := s.letters(t)
		got := letters[messageID(key)]
		n := 0
		for _, part := range leaves(t, got.Header.Get("Content-Type"), got.Header.Get("Content-Transfer-Encoding"), "", "", got.Body) {
			if part.kind == "application/pdf" {
				n++
				if part.body != "%PDF-1.7" {
					t.Errorf("the file is %q", part.body)
				}
			}
		}
		if n != want {
			t.Errorf("%s: %d files, want %d", key, n, want)
		}
	}
}

func TestRefusedLogInHaltsAndIsNoRejection(t *testing.T) {
	s := newSink(t)
	p := through(s)
	smtp := p.Transport.(mail.SMTP)
	smtp.User, smtp.Password = "service@kassel.example", "old"
	p.Transport = smtp
	if _, err := p.Submit(t.Context(), order("k", payload(nil))); err != nil {
		t.Fatalf("the control: %v", err)
	}
	s.set(func(s *sink) { s.onAuth = "535 5.7.8 service@kassel.example: bad password" })
	if _, err := p.Submit(t.Context(), order("k", payload(nil))); !errors.Is(err, hooks.ErrCredentials) || strings.Contains(err.Error(), "@") {
		t.Errorf("%v", err)
	}
	s.set(func(s *sink) { s.onAuth = "454 4.7.0 try later" })
	if _, err := p.Submit(t.Context(), order("k", payload(nil))); err == nil || errors.Is(err, hooks.ErrCredentials) || errors.Is(err, hooks.ErrRejected) {
		t.Errorf("454: %v", err)
	}
}

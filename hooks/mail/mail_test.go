package mail_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servicepoint/hooks"
	"servicepoint/hooks/hookstest"
	"servicepoint/hooks/mail"
)

var sender = netmail.Address{Name: "Service Point Kassel – Grüße", Address: "service@kassel.example"}

var letter = hooks.Mail{
	To: "erika.mustermann@kassel.example", Name: "Erika Müstermann, geb. Groß", Lang: "ls",
	Subject: "Ihr Platz ist gebucht: Wärme für Kassel – Fragen und Antworten zu Ihrem Gebäude",
	Text:    "Guten Tag,\n\nIhr Platz ist sicher: https://service-point.example/anliegen/?nummer=B-7K3M9-QX2TD und noch viel mehr Text in einer langen Zeile.\n.\nPunkt",
	HTML:    "<p>Guten Tag, Ihr Platz ist sicher.</p>", Calendar: "BEGIN:VCALENDAR\r\nSUMMARY:Wärme\r\nEND:VCALENDAR\r\n", Method: "REQUEST",
}

func payload(change func(*hooks.Mail)) json.RawMessage {
	l := letter
	if change != nil {
		change(&l)
	}
	b, _ := json.Marshal(l)
	return b
}

func order(key string, p json.RawMessage) hooks.Order {
	return hooks.Order{ID: 1, Key: key, Provider: "mail", Kind: "mail", Subject: "B-1", Payload: p, Attempt: 1,
		Created: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
}

// bad are payloads that no transport can send.
var bad = []json.RawMessage{
	payload(func(m *hooks.Mail) { m.To = "" }),
	payload(func(m *hooks.Mail) { m.To = "Mustermann" }),
	payload(func(m *hooks.Mail) { m.To = "erika@kassel.example, other@kassel.example" }),
	payload(func(m *hooks.Mail) { m.To = "erika@kassel.example\r\nBcc: all@kassel.example" }),
	payload(func(m *hooks.Mail) { m.To = "Erika <erika@kassel.example>" }),
	payload(func(m *hooks.Mail) { m.Subject = " \n" }),
	payload(func(m *hooks.Mail) { m.Text = "" }),
	payload(func(m *hooks.Mail) { m.Method = "REQUEST; x=y" }),
	json.RawMessage(`{"to":"erika@kassel.example","subject":"s","text":"t","bcc":"Mustermann"}`),
}

var secrets = []string{"erika", "Erika", "Mustermann", "Müstermann"}

func TestFolderConforms(t *testing.T) {
	hookstest.Run(t, func(t *testing.T) hookstest.Candidate {
		dir := filepath.Join(t.TempDir(), "mails")
		return hookstest.Candidate{
			Provider: mail.Provider{From: sender, Transport: mail.Folder{Dir: dir}},
			Good:     payload(nil), Bad: bad, Secrets: secrets,
			Done: func(key string) int {
				files, _ := filepath.Glob(filepath.Join(dir, "*"))
				n := 0
				for _, file := range files {
					if b, _ := os.ReadFile(file); bytes.Contains(b, []byte(messageID(key))) {
						n++
					}
				}
				return n
			},
		}
	})
}

func TestSMTPConforms(t *testing.T) {
	hookstest.Run(t, func(t *testing.T) hookstest.Candidate {
		s := newSink(t)
		return hookstest.Candidate{
			Provider: through(s),
			Good:     payload(nil), Bad: bad, Secrets: secrets,
			Done: func(key string) int {
				letters, _ := s.letters(t)
				if letters[messageID(key)] != nil {
					return 1
				}
				return 0
			},
			Cut: func() { s.set(func(s *sink) { s.onEnd = "cut" }) },
		}
	})
}

func messageID(key string) string {
	digest := sha256.Sum256([]byte(key))
	return "<" + hex.EncodeToString(digest[:16]) + "@kassel.example>"
}

func through(s *sink) mail.Provider {
	return mail.Provider{From: sender, ReplyTo: &netmail.Address{Address: "antwort@kassel.example"},
		Transport: mail.SMTP{Host: "127.0.0.1", Port: s.port(), Security: mail.Plain, Hello: "service-point.test", Timeout: 2 * time.Second}}
}

func TestMailHasItsPartsAndHeaders(t *testing.T) {
	s := newSink(t)
	if _, err := through(s).Submit(t.Context(), order("mail:B-1:confirm:1", payload(nil))); err != nil {
		t.Fatal(err)
	}
	letters, _ := s.letters(t)
	m := letters[messageID("mail:B-1:confirm:1")]
	if m == nil {
		t.Fatalf("no such message in %v", letters)
	}
	checkLetter(t, m)
	for _, b := range s.messages {
		for line := range strings.SplitSeq(string(b), "\r\n") {
			if len(line) > 998 || strings.ContainsFunc(line, func(r rune) bool { return r > 126 || r == '\n' }) {
				t.Errorf("line unfit for SMTP: %q", line)
			}
		}
	}
}

func TestFolderKeepsTheSameLetterReadable(t *testing.T) {
	dir := t.TempDir()
	p := mail.Provider{From: sender, ReplyTo: &netmail.Address{Address: "antwort@kassel.example"}, Transport: mail.Folder{Dir: dir}}
	r, err := p.Submit(t.Context(), order("mail:B-1:confirm:1", payload(nil)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(r.Reference, "mail-B-1-confirm-1-") || !strings.HasSuffix(r.Reference, ".eml") {
		t.Errorf("file %q", r.Reference)
	}
	b, err := os.ReadFile(filepath.Join(dir, r.Reference))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte("https://service-point.example/anliegen/?nummer=B-7K3M9-QX2TD und noch")) {
		t.Errorf("the text is not readable:\n%s", b)
	}
	m, err := netmail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	checkLetter(t, m)
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files", len(files))
	}
}

func checkLetter(t *testing.T, m *netmail.Message) {
	t.Helper()
	decode := new(mime.WordDecoder)
	subject, err := decode.DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != letter.Subject {
		t.Errorf("subject %q %v", subject, err)
	}
	for header, want := range map[string]netmail.Address{
		"From": sender, "Reply-To": {Address: "antwort@kassel.example"}, "To": {Name: letter.Name, Address: letter.To},
	} {
		if list, err := m.Header.AddressList(header); err != nil || len(list) != 1 || *list[0] != want {
			t.Errorf("%s: %v %v", header, list, err)
		}
	}
	for header, want := range map[string]string{
		"Auto-Submitted": "auto-generated", "Content-Language": "de-simple", "Date": "Sun, 22 Nov 2026 10:00:00 +0100",
		"MIME-Version": "1.0", "Bcc": "",
	} {
		if got := m.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for i, want := range []struct{ kind, body string }{
		{"text/plain; charset=UTF-8", letter.Text}, {"text/html; charset=UTF-8", letter.HTML}, {"text/calendar; method=REQUEST; charset=UTF-8", letter.Calendar},
	} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatalf("part %d: %v", i, err)
		}
		var body io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(part)
		}
		b, err := io.ReadAll(body)
		if got := part.Header.Get("Content-Type"); got != want.kind {
			t.Errorf("part %d is %q, want %q", i, got, want.kind)
		}
		wantBody := strings.ReplaceAll(strings.ReplaceAll(want.body, "\r\n", "\n"), "\n", "\r\n")
		if err != nil || strings.TrimRight(string(b), "\r\n") != strings.TrimRight(wantBody, "\r\n") {
			t.Errorf("part %d: %v\n%q\nwant\n%q", i, err, b, wantBody)
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("more than three parts: %v", err)
	}
}

func TestHeadersCannotBeInjected(t *testing.T) {
	for what, change := range map[string]func(*hooks.Mail){
		"subject": func(m *hooks.Mail) { m.Subject = "Hallo\r\nBcc: all@kassel.example\r\n\r\nText" },
		"name":    func(m *hooks.Mail) { m.Name = "Erika\r\nBcc: all@kassel.example" },
		"quoted":  func(m *hooks.Mail) { m.Name = `Erika" <all@kassel.example>, "x` },
		"lone CR": func(m *hooks.Mail) { m.Subject = "Hallo\rBcc: all@kassel.example" },
		"UTF-8":   func(m *hooks.Mail) { m.Subject = "Hallo\u2028Bcc: all@kassel.example" },
		"lang":    func(m *hooks.Mail) { m.Lang = "de\r\nBcc: all@kassel.example" },
	} {
		t.Run(what, func(t *testing.T) {
			s := newSink(t)
			if _, err := through(s).Submit(t.Context(), order("k", payload(change))); err != nil {
				t.Fatal(err)
			}
			letters, all := s.letters(t)
			m := letters[messageID("k")]
			if all != 1 || m == nil {
				t.Fatalf("%d messages", all)
			}
			to, err := m.Header.AddressList("To")
			if m.Header.Get("Bcc") != "" || err != nil || len(to) != 1 || to[0].Address != letter.To || len(s.tos) != 1 {
				t.Errorf("header %v, to %v %v, envelope %v", m.Header, to, err, s.tos)
			}
		})
	}
}

func TestAnswersOfTheServer(t *testing.T) {
	type outcome int
	const (
		sent outcome = iota
		rejected
		later // this mailbox
		again // unknown outcome
	)
	for what, c := range map[string]struct {
		set  func(*sink)
		want outcome
	}{
		"accepted":                        {func(*sink) {}, sent},
		"mailbox unknown":                 {func(s *sink) { s.onTo = "550 5.1.1 <erika.mustermann@kassel.example> Mustermann unknown" }, rejected},
		"mailbox full":                    {func(s *sink) { s.onTo = "452 4.2.2 full" }, later},
		"greylisted":                      {func(s *sink) { s.onTo = "451 4.7.1 try later" }, later},
		"server closes at the recipient":  {func(s *sink) { s.onTo = "421 4.3.2 shutting down" }, again},
		"content refused":                 {func(s *sink) { s.onEnd = "554 5.6.0 no" }, rejected},
		"content refused for now":         {func(s *sink) { s.onEnd = "451 4.3.0 no" }, again},
		"DATA refused":                    {func(s *sink) { s.onData = "554 5.5.1 no valid recipients" }, rejected},
		"our sender is refused":           {func(s *sink) { s.onFrom = "550 5.7.1 not you" }, again},
		"server is not ready":             {func(s *sink) { s.greeting = "554 5.3.2 no service" }, again},
		"line cut at the greeting":        {func(s *sink) { s.greeting = "cut" }, again},
		"line cut at the recipient":       {func(s *sink) { s.onTo = "cut" }, again},
		"line cut after DATA":             {func(s *sink) { s.onEnd = "cut" }, again},
		"accepted, then RSET refused":     {func(s *sink) { s.onReset = "502 5.5.1 no" }, sent},
		"accepted, then cut at RSET":      {func(s *sink) { s.onReset = "cut" }, sent},
		"accepted, then cut at QUIT":      {func(s *sink) { s.onQuit = "cut" }, sent},
		"server is gone":                  {func(s *sink) { s.Close() }, again},
		"no encryption although required": {nil, again},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSink(t)
			p := through(s)
			if c.set == nil {
				p.Transport = mail.SMTP{Host: "127.0.0.1", Port: s.port(), Timeout: 2 * time.Second}
			} else {
				s.set(c.set)
			}
			_, err := p.Submit(t.Context(), order("k", payload(nil)))
			var retry hooks.RetryAfter
			got := again
			switch {
			case err == nil:
				got = sent
			case errors.Is(err, hooks.ErrRejected):
				got = rejected
			case errors.As(err, &retry):
				got = later
			}
			if got != c.want {
				t.Errorf("outcome %d, want %d: %v", got, c.want, err)
			}
			if err != nil {
				for _, secret := range secrets {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("the error quotes %q: %v", secret, err)
					}
				}
			}
			if _, all := s.letters(t); c.set == nil && all != 0 {
				t.Error("sent without encryption")
			}
		})
	}
}

func TestCutAfterDataGivesADuplicateWithTheSameID(t *testing.T) {
	s := newSink(t)
	s.set(func(s *sink) { s.onEnd = "cut" })
	p := through(s)
	for range 2 {
		p.Submit(t.Context(), order("k", payload(nil)))
	}
	if distinct, all := s.letters(t); all != 2 || len(distinct) != 1 {
		t.Errorf("%d messages with %d Message-IDs, want 2 with 1", all, len(distinct))
	}
	if !bytes.Equal(s.messages[0], s.messages[1]) {
		t.Error("the second message differs from the first")
	}
}

func TestASilentServerIsLeftWhenTheCallEnds(t *testing.T) {
	s := newSink(t)
	s.set(func(s *sink) { s.hang = true })
	p := mail.Provider{From: sender, Transport: mail.SMTP{Host: "127.0.0.1", Port: s.port(), Security: mail.Plain, Timeout: time.Minute}}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := p.Submit(ctx, order("k", payload(nil)))
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte(payload(nil)))
	for _, b := range bad {
		f.Add([]byte(b))
	}
	dir := f.TempDir()
	n := 0
	f.Fuzz(func(t *testing.T, b []byte) {
		n++
		p := mail.Provider{From: sender, Transport: mail.Folder{Dir: dir}}
		r, err := p.Submit(t.Context(), order(fmt.Sprint("k", n), b))
		if err != nil {
			if !errors.Is(err, hooks.ErrRejected) {
				t.Fatal(err)
			}
			return
		}
		file, err := os.ReadFile(filepath.Join(dir, r.Reference))
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(filepath.Join(dir, r.Reference))
		m, err := netmail.ReadMessage(bytes.NewReader(file))
		if err != nil {
			t.Fatalf("%v\n%s", err, file)
		}
		if to, err := m.Header.AddressList("To"); err != nil || len(to) != 1 || m.Header.Get("Bcc")+m.Header.Get("Cc") != "" {
			t.Fatalf("%v %v", m.Header, err)
		}
	})
}

func ExampleFolder() {
	dir, _ := os.MkdirTemp("", "mails")
	defer os.RemoveAll(dir)
	p := mail.Provider{From: netmail.Address{Address: "service@kassel.example"}, Transport: mail.Folder{Dir: dir}}
	b, _ := json.Marshal(hooks.Mail{To: "erika@kassel.example", Lang: "de", Subject: "Ihre Buchung", Text: "Guten Tag"})
	r, err := p.Submit(context.Background(), hooks.Order{Key: "mail:B-7K3M9-QX2TD:confirm:1", Payload: b})
	fmt.Println(r.Reference, err)
	// Output: mail-B-7K3M9-QX2TD-confirm-1-1a6f16d2.eml <nil>
}

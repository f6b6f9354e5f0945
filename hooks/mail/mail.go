// Package mail is the provider "mail": it sends what matters write to citizens
// and staff.
//
// It does not know what the mails are about. [Provider] composes a message from
// a [hooks.Mail] and hands it to a [Transport]: [SMTP] for a mail server, or
// [Folder], which keeps messages as files for demos and tests.
package mail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	netmail "net/mail"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"servicepoint/content"
	"servicepoint/hooks"

	gomail "github.com/wneessen/go-mail"
)

// Provider sends mail orders.
type Provider struct {
	From      netmail.Address  // sender of every mail
	ReplyTo   *netmail.Address // nil: answers go to From
	Transport Transport
	// Make makes a file that a mail names in [hooks.MailAttachment.Made]; nil when there
	// is none any more. Without it such files are left out.
	Make func(ctx context.Context, made string) ([]byte, error)
}

// Transport takes a composed message. A second call with the same key must not
// deliver twice where the transport can tell.
type Transport interface {
	// Deliver returns the transport's own reference for the message.
	Deliver(ctx context.Context, key string, m *gomail.Msg) (reference string, err error)
	// Encoding of text parts on the way.
	Encoding() gomail.Encoding
}

// Name is "mail".
func (Provider) Name() string { return "mail" }

// Submit composes and delivers the mail: a part of plain text, one of HTML, and a
// calendar and files where there are some. The Message-ID is derived from the
// order's key, so that a mail that had to be sent twice (SMTP gives no answer
// when the line is cut after the last byte) can be recognised by receivers.
func (p Provider) Submit(ctx context.Context, o hooks.Order) (hooks.Result, error) {
	m, err := p.compose(o, func(made string) ([]byte, error) {
		if p.Make == nil {
			return nil, nil
		}
		return p.Make(ctx, made)
	})
	if making, ok := errors.AsType[makingError](err); ok {
		return hooks.Result{}, making
	}
	if err != nil {
		return hooks.Result{}, fmt.Errorf("%w: %w", err, hooks.ErrRejected)
	}
	if err := ctx.Err(); err != nil {
		return hooks.Result{}, err
	}
	reference, err := p.Transport.Deliver(ctx, o.Key, m)
	if err != nil {
		return hooks.Result{}, err
	}
	return hooks.Result{Reference: reference}, nil
}

// makingError is a file that could not be made now.
type makingError struct{ error }

func (e makingError) Unwrap() error { return e.error }

// The errors name fields, never values: they are stored and shown to operators.
func (p Provider) compose(o hooks.Order, file func(made string) ([]byte, error)) (*gomail.Msg, error) {
	var letter hooks.Mail
	dec := json.NewDecoder(bytes.NewReader(o.Payload))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&letter); err != nil {
		return nil, fmt.Errorf("payload is no mail")
	}
	to, err := netmail.ParseAddress(letter.To)
	if err != nil || to.Name != "" || strings.ContainsFunc(letter.To, unicode.IsControl) {
		return nil, fmt.Errorf("to: no address")
	}
	to.Name = oneLine(letter.Name)
	subject := oneLine(letter.Subject)
	if subject == "" || strings.TrimSpace(letter.Text) == "" {
		return nil, fmt.Errorf("subject or text is empty")
	}
	switch letter.Method {
	case "", "PUBLISH", "REQUEST", "CANCEL":
	default:
		return nil, fmt.Errorf("method: not known")
	}

	for i, a := range letter.Attachments {
		if a.Made == "" {
			continue
		}
		if letter.Attachments[i].Content, err = file(a.Made); err != nil {
			return nil, makingError{fmt.Errorf("attachment %d: %w", i+1, err)}
		}
	}
	letter.Attachments = slices.DeleteFunc(letter.Attachments, func(a hooks.MailAttachment) bool { return a.Made != "" && a.Content == nil })
	if err := checkExtras(letter); err != nil {
		return nil, err
	}
	page := letter.HTML
	if page == "" {
		if page, err = letterHTML(letter, subject, p.From.Name); err != nil {
			return nil, errors.New("text cannot be made HTML")
		}
	}

	digest := sha256.Sum256([]byte(o.Key))
	id := hex.EncodeToString(digest[:16])
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(p.Transport.Encoding()))
	if len(letter.Attachments) == 0 {
		m.SetBoundary("part-" + id) // the same mail again is the same bytes; with files there are two boundaries
	}
	m.FromMailAddress(&p.From)
	if p.ReplyTo != nil {
		m.ReplyToMailAddress(p.ReplyTo)
	}
	m.ToMailAddress(to)
	m.Subject(subject)
	m.SetMessageIDWithValue(id + "@" + domain(p.From.Address))
	m.SetDateWithValue(o.Created.In(content.Berlin).Truncate(time.Second))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic answers, please
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	m.SetGenHeader("Content-Language", content.Locale(letter.Lang))

	if letter.Unsubscribe != "" {
		m.SetGenHeader("List-Unsubscribe", "<"+letter.Unsubscribe+">")
		m.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}

	m.SetBodyString(gomail.TypeTextPlain, crlf(letterText(letter)))
	m.AddAlternativeString(gomail.TypeTextHTML, crlf(page))
	if letter.Calendar != "" {
		kind := "text/calendar"
		if letter.Method != "" {
			kind += "; method=" + letter.Method
		}
		m.AddAlternativeString(gomail.ContentType(kind), crlf(letter.Calendar))
	}
	for _, a := range letter.Attachments {
		m.AttachReadSeeker(a.Name, bytes.NewReader(a.Content), gomail.WithFileContentType(gomail.ContentType(a.Type)), gomail.WithFileEncoding(gomail.EncodingB64))
	}
	return m, nil
}

// checkExtras looks at what stands in headers and in links.
func checkExtras(m hooks.Mail) error {
	if m.Unsubscribe != "" && !isLink(m.Unsubscribe) {
		return errors.New("unsubscribe: no address")
	}
	if b := m.Button; b != nil && (!isLink(b.URL) || strings.TrimSpace(b.Label) == "" || oneLine(b.Label) != b.Label) {
		return errors.New("button: no address or no label")
	}
	size := 0
	for i, a := range m.Attachments {
		size += len(a.Content)
		kind, _, err := mime.ParseMediaType(a.Type)
		switch {
		case a.Name == "" || len(a.Name) > 120 || oneLine(a.Name) != a.Name || strings.ContainsAny(a.Name, `/\"`):
			return fmt.Errorf("attachment %d: the name cannot be used", i+1)
		case err != nil || kind != a.Type:
			return fmt.Errorf("attachment %d: no media type", i+1)
		case size > hooks.LargestMail:
			return fmt.Errorf("attachments are larger than %d bytes", hooks.LargestMail)
		}
	}
	return nil
}

func isLink(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(s, "<>\"\\ ") {
		return false
	}
	return (u.Scheme == "https" || u.Scheme == "http") && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// oneLine makes a header value: control characters and line breaks become blanks.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	return strings.Join(strings.Fields(s), " ")
}

func crlf(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r", "\n"), "\n", "\r\n")
}

func domain(address string) string {
	return address[strings.LastIndexByte(address, '@')+1:]
}

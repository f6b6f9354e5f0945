package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"time"

	"servicepoint/hooks"

	gomail "github.com/wneessen/go-mail"
)

// Security of the line to the mail server.
type Security string

// StartTLS is the zero value's meaning: no mail leaves without encryption
// unless somebody says so.
const (
	StartTLS Security = "starttls"
	TLS      Security = "tls"
	Plain    Security = "plain" // only for a server on the same machine
)

// SMTP sends mail through a server.
type SMTP struct {
	Host     string
	Port     int // 587 with StartTLS, 465 with TLS, 25 with Plain
	User     string
	Password string
	Security Security      // StartTLS unless set
	Hello    string        // our own name in EHLO; the machine's name unless set
	Timeout  time.Duration // of one delivery: 25 s
	TLS      *tls.Config   // nil: the system's certificates
}

// How long a mailbox that says "later" is left alone (greylisting, full box).
const mailboxBusy = 5 * time.Minute

// Encoding is quoted-printable: it passes every server.
func (SMTP) Encoding() gomail.Encoding { return gomail.EncodingQP }

// Deliver sends one message over a connection of its own. The server's final no
// (5xx) to the recipient or the content wraps [hooks.ErrRejected]; its "later"
// (4xx) to the recipient wraps [hooks.RetryAfter]. A refused log-in wraps
// [hooks.ErrCredentials]. Other refusals of ourselves (sender, encryption) are faults
// of the settings: tried again until staff mend them.
func (s SMTP) Deliver(ctx context.Context, _ string, m *gomail.Msg) (string, error) {
	client, err := s.client(ctx)
	if err != nil {
		return "", fmt.Errorf("mail settings: %w", err)
	}
	line, err := client.DialToSMTPClientWithContext(ctx)
	var refused *textproto.Error
	if errors.As(err, &refused) && (refused.Code == 535 || refused.Code == 534 || refused.Code == 530) { // RFC 4954
		return "", fmt.Errorf("mail server: code %d: %w", refused.Code, hooks.ErrCredentials)
	}
	if err != nil {
		return "", fmt.Errorf("mail server: %w", err)
	}
	err = client.SendWithSMTPClient(line, m)
	_ = client.CloseWithSMTPClient(line) // QUIT is courtesy: what was accepted is accepted
	if m.IsDelivered() {
		return m.GetMessageID(), nil
	}
	if ctx.Err() != nil {
		return "", fmt.Errorf("mail server: %w", ctx.Err())
	}
	return "", verdict(err)
}

func (s SMTP) client(ctx context.Context) (*gomail.Client, error) {
	port := map[Security]int{"": 587, StartTLS: 587, TLS: 465, Plain: 25}[s.Security]
	config := s.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.ServerName == "" {
		config.ServerName = s.Host
	}
	options := []gomail.Option{
		gomail.WithPort(cmp.Or(s.Port, port)),
		gomail.WithTimeout(cmp.Or(s.Timeout, 25*time.Second)),
		gomail.WithTLSConfig(config),
		gomail.WithTLSPolicy(gomail.TLSMandatory),
		gomail.WithoutNoop(),
		gomail.WithDialContextFunc(s.dial(ctx, config)),
	}
	switch s.Security {
	case TLS:
		options = append(options, gomail.WithSSL())
	case Plain:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	case StartTLS, "":
	default:
		return nil, fmt.Errorf("unknown security %q", s.Security)
	}
	if s.Hello != "" {
		options = append(options, gomail.WithHELO(s.Hello))
	}
	if s.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.User), gomail.WithPassword(s.Password))
	}
	return gomail.NewClient(s.Host, options...)
}

// dial connects; the line is cut when ctx ends, whatever the server does.
func (s SMTP) dial(call context.Context, config *tls.Config) gomail.DialContextFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var dialer interface {
			DialContext(ctx context.Context, network, address string) (net.Conn, error)
		} = &net.Dialer{}
		if s.Security == TLS {
			dialer = &tls.Dialer{Config: config}
		}
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &leashed{Conn: conn, loosen: context.AfterFunc(call, func() { conn.Close() })}, nil
	}
}

// leashed is a connection that closes with a context.
type leashed struct {
	net.Conn
	loosen func() bool
}

func (l *leashed) Close() error {
	l.loosen()
	return l.Conn.Close()
}

// verdict says what an error of one message means. Only codes leave this
// function: servers quote addresses in their texts.
func verdict(err error) error {
	var refused *gomail.SendError
	if !errors.As(err, &refused) {
		return errors.New("mail server: no answer")
	}
	code := refused.ErrorCode()
	what := fmt.Errorf("mail server: %s: code %d %s", refused.Reason, code, refused.EnhancedStatusCode())
	ofMessage := refused.Reason == gomail.ErrSMTPRcptTo || refused.Reason == gomail.ErrSMTPData || refused.Reason == gomail.ErrSMTPDataClose
	switch {
	case ofMessage && code >= 500 && code < 600:
		return fmt.Errorf("%w: %w", what, hooks.ErrRejected)
	case refused.Reason == gomail.ErrSMTPRcptTo && code >= 400 && code < 500 && code != 421:
		return fmt.Errorf("%w: %w", what, hooks.RetryAfter{After: mailboxBusy})
	}
	return what
}

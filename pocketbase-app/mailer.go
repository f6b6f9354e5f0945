package main

import (
	"fmt"
	netmail "net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"servicepoint/hooks/mail"
)

// mailer reads SERVICEPOINT_SMTP; without it mails become files in <dir>/mail.
func (s *server) mailer() (mail.Provider, error) {
	p := mail.Provider{From: netmail.Address{Name: "Kassel Service Point", Address: os.Getenv("SERVICEPOINT_MAIL_FROM")}}
	if p.From.Address == "" {
		u, err := url.Parse(s.p.Origin)
		if err != nil {
			return p, err
		}
		host := u.Hostname()
		if host == "127.0.0.1" || host == "localhost" || host == "" {
			host = "service-point.example"
		}
		p.From.Address = "service-point@" + host
	}
	server := os.Getenv("SERVICEPOINT_SMTP")
	if server == "" {
		s.mailDir = filepath.Join(s.p.App.DataDir(), "mail")
		p.Transport = mail.Folder{Dir: s.mailDir}
		return p, os.MkdirAll(s.mailDir, 0o750)
	}
	smtp, err := parseSMTP(server)
	p.Transport = smtp
	return p, err
}

// parseSMTP reads smtp://user:password@host:587 (StartTLS), smtps://…:465 (TLS)
// or smtp+plain://127.0.0.1:25 for a server on the same machine.
func parseSMTP(address string) (mail.SMTP, error) {
	u, err := url.Parse(address)
	if err != nil {
		return mail.SMTP{}, fmt.Errorf("SERVICEPOINT_SMTP: %w", err)
	}
	t := mail.SMTP{Host: u.Hostname(), User: u.User.Username()}
	t.Password, _ = u.User.Password()
	switch u.Scheme {
	case "smtp":
		t.Security, t.Port = mail.StartTLS, 587
	case "smtps":
		t.Security, t.Port = mail.TLS, 465
	case "smtp+plain":
		t.Security, t.Port = mail.Plain, 25
	default:
		return t, fmt.Errorf("SERVICEPOINT_SMTP: want smtp://, smtps:// or smtp+plain://, have %q", u.Scheme)
	}
	if u.Port() != "" {
		if t.Port, err = strconv.Atoi(u.Port()); err != nil {
			return t, fmt.Errorf("SERVICEPOINT_SMTP: %w", err)
		}
	}
	if t.Host == "" {
		return t, fmt.Errorf("SERVICEPOINT_SMTP: no host in %q", address)
	}
	return t, nil
}

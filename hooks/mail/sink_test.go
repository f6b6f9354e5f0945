package mail_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
)

// sink is a small mail server that keeps what it is sent and misbehaves on demand.
type sink struct {
	net.Listener
	mu       sync.Mutex
	messages [][]byte
	froms    []string
	tos      []string

	// Answers instead of "250 ok". After "cut" the line is closed,
	// with DATA after the message was kept.
	greeting, onHello, onFrom, onTo, onData, onEnd, onReset, onQuit, onAuth string
	hang                                                                    bool // never answers DATA's end
}

func newSink(t *testing.T) *sink {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{Listener: l}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer conn.Close(); s.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return s
}

// set makes the sink misbehave.
func (s *sink) set(how func(*sink)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how(s)
}

func (s *sink) port() int { return s.Addr().(*net.TCPAddr).Port }

func (s *sink) serve(conn net.Conn) {
	r := bufio.NewReader(conn)
	say := func(configured *string, usual string) bool {
		s.mu.Lock()
		answer := usual
		if configured != nil && *configured != "" {
			answer = *configured
			if answer == "cut" {
				*configured = "" // once
			}
		}
		s.mu.Unlock()
		if answer == "cut" {
			return false
		}
		_, err := io.WriteString(conn, answer+"\r\n")
		return err == nil
	}
	ok := say(&s.greeting, "220 sink ESMTP")
	for ok {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "EHLO", "HELO":
			ok = say(&s.onHello, "250-sink\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-AUTH CRAM-MD5\r\n250 SMTPUTF8")
		case "AUTH":
			ok = say(&s.onAuth, "235 2.7.0 welcome")
		case "MAIL":
			s.note(&s.froms, line)
			ok = say(&s.onFrom, "250 2.1.0 ok")
		case "RCPT":
			s.note(&s.tos, line)
			ok = say(&s.onTo, "250 2.1.5 ok")
		case "DATA":
			s.mu.Lock()
			refuse := s.onData
			s.mu.Unlock()
			if refuse != "" {
				ok = say(&refuse, "")
				continue
			}
			if !say(nil, "354 go ahead") {
				return
			}
			s.keep(r)
			s.mu.Lock()
			hang := s.hang
			s.mu.Unlock()
			if hang {
				r.ReadByte() // until the client gives up
				return
			}
			ok = say(&s.onEnd, "250 2.0.0 queued as 4711")
		case "RSET":
			ok = say(&s.onReset, "250 ok")
		case "QUIT":
			say(&s.onQuit, "221 bye")
			return
		default:
			ok = say(nil, "250 ok")
		}
	}
}

func (s *sink) note(list *[]string, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, line)
}

// keep reads a message up to the lonely dot; one that is refused is dropped.
func (s *sink) keep(r *bufio.Reader) {
	var b bytes.Buffer
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.onEnd == "" || s.onEnd == "cut" {
		s.messages = append(s.messages, b.Bytes())
	}
}

// letters parses what was kept, one per Message-ID, as receivers do that
// recognise duplicates; all counts every one.
func (s *sink) letters(t *testing.T) (distinct map[string]*netmail.Message, all int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	distinct = map[string]*netmail.Message{}
	for _, b := range s.messages {
		m, err := netmail.ReadMessage(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
		distinct[m.Header.Get("Message-ID")] = m
	}
	return distinct, len(s.messages)
}

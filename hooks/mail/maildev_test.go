package mail_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servicepoint/hooks/mail"
)

// maildevScript is where .ci/tools verify puts the mail server that developers look
// into mails with.
const maildevScript = "../../bin/maildev/node_modules/maildev/dist/bin/maildev.js"

// TestForeignReaderOfMails sends a letter with everything to maildev, whose reader
// is independent of ours, and looks at what it understood.
func TestForeignReaderOfMails(t *testing.T) {
	if os.Getenv("SERVICEPOINT_VERIFY") == "" {
		t.Skip("starts maildev; make verify does it")
	}
	script, err := filepath.Abs(maildevScript)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(script); err != nil {
		t.Fatalf("maildev is missing (.ci/tools verify installs it): %v", err)
	}
	smtp, web := freePort(t), freePort(t)
	cmd := exec.Command("node", script, "--ip", "127.0.0.1", "-s", fmt.Sprint(smtp), "--web-ip", "127.0.0.1", "-w", fmt.Sprint(web))
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	read := func(path string) ([]byte, error) {
		res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", web, path))
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		return io.ReadAll(res.Body)
	}
	for begun := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		if b, err := read("/api/email"); err == nil && strings.HasPrefix(string(b), "[") {
			break
		} else if time.Since(begun) > time.Minute {
			t.Fatalf("maildev does not answer: %s %v", b, err)
		}
	}
	p := mail.Provider{From: sender, Transport: mail.SMTP{Host: "127.0.0.1", Port: smtp, Security: mail.Plain}}
	letter := reminder
	letter.Name = "Erika Müstermann, geb. Groß"
	b, _ := json.Marshal(letter)
	for range 2 { // a repetition is recognised by its id
		if _, err := p.Submit(t.Context(), order("mail:B-1:confirm:1", b)); err != nil {
			t.Fatal(err)
		}
	}
	var got []struct {
		ID, Subject, Text, HTML string
		To                      []struct{ Address, Name string }
		Headers                 map[string]any
		Attachments             []struct{ FileName, GeneratedFileName, ContentType string }
		Calendar                any
	}
	for begun := time.Now(); len(got) < 2; time.Sleep(200 * time.Millisecond) {
		b, err := read("/api/email")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%v in %s", err, b)
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("the mails did not arrive")
		}
	}
	m := got[0]
	if m.Subject != letter.Subject || len(m.To) != 1 || m.To[0].Name != letter.Name || m.To[0].Address != letter.To {
		t.Errorf("subject %q, to %v", m.Subject, m.To)
	}
	if id, again := m.Headers["message-id"], got[1].Headers["message-id"]; id != again || id == nil {
		t.Errorf("ids %q and %q", id, again)
	}
	if !strings.Contains(m.Text, "Ihr Platz ist sicher.") || !strings.Contains(m.HTML, "<li>your &lt;b&gt;ticket&lt;/b&gt;</li>") {
		t.Errorf("text %q\nHTML %q", m.Text, m.HTML)
	}
	var files []string
	for _, a := range m.Attachments {
		files = append(files, a.FileName+a.GeneratedFileName+" "+a.ContentType)
	}
	if all := strings.Join(files, "|"); !strings.Contains(all, "Ticket.pdf") || !strings.Contains(all, "application/pdf") || !strings.Contains(all, "text/calendar") {
		t.Errorf("attachments %v", files)
	}
	if source, err := read("/api/email/" + m.ID + "/source"); err != nil || !strings.Contains(string(source), "List-Unsubscribe-Post: List-Unsubscribe=One-Click") {
		t.Errorf("%v\n%.1500s", err, source)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBackupByTheAPI takes a backup as an operator does in the dashboard, of a
// running server, looks what is in it, and restores it.
func TestBackupByTheAPI(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "superuser", "upsert", "it@example.org", "a-long-password", "--dir", dir)
	cmd.Args[0] = "servicepoint"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	s := runningIn(t, dir)
	for _, name := range []string{"exports/umfrage.xlsx", "mail/brief.eml"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(s.Dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.Dir, name), []byte("marker"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	post := func(path, token, body string) map[string]any {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var answer map[string]any
		json.NewDecoder(res.Body).Decode(&answer)
		if res.StatusCode/100 != 2 {
			t.Fatalf("%s: %s %v", path, res.Status, answer)
		}
		return answer
	}
	token := post("/api/collections/_superusers/auth-with-password", "", `{"identity":"it@example.org","password":"a-long-password"}`)["token"].(string)
	post("/api/backups", token, `{"name":"noon.zip"}`)
	b, err := os.ReadFile(filepath.Join(s.Dir, "backups", "noon.zip"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, f := range z.File {
		first, _, _ := strings.Cut(f.Name, "/")
		has[first] = true
	}
	for _, name := range []string{"data.db", "auxiliary.db"} {
		if !has[name] {
			t.Errorf("the backup lacks %s: it would prove nothing", name)
		}
	}
	for _, name := range []string{"urn.db", "urn.db-journal", "secret.key", "site", "exports", "mail", "servicepoint.lock", "backups", ".pb_temp_to_delete"} {
		if has[name] {
			t.Errorf("the backup holds %s", name)
		}
	}

	const answer = "/api/v1/surveys/smart-kassel/responses/"
	later := newUUID()
	send := func(id string) (status int) { // 0: nobody answers
		req, _ := http.NewRequest(http.MethodPut, s.URL+answer+id, strings.NewReader(`{"language":"de","channel":"web","answers":{"important_themes":["energy"],"use":["advice"],"visits":1}}`))
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0
		}
		res.Body.Close()
		return res.StatusCode
	}
	if status := send(later); status != 201 {
		t.Fatal(status)
	}
	key, err := os.ReadFile(filepath.Join(s.Dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	post("/api/backups/noon.zip/restore", token, "")
	status := 0
	for range 600 { // the server answers, then starts itself anew
		if status = send(later); status == 201 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if status != 201 {
		t.Errorf("%d: what came after the backup is still there", status)
	}
	if now, err := os.ReadFile(filepath.Join(s.Dir, "secret.key")); err != nil || !bytes.Equal(now, key) {
		t.Errorf("the secret key changed: %v", err)
	}
	shows(t, s.URL+"/umfragen/", "Smart Kassel", true)
}

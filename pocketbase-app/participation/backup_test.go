package participation_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"
)

// backup takes a backup as PocketBase's dashboard and API do, and opens it.
func (w *world) backup(t *testing.T, name string) map[string][]byte {
	t.Helper()
	if err := w.App.CreateBackup(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	r, err := zip.OpenReader(filepath.Join(w.App.DataDir(), "backups", name))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files := map[string][]byte{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
		in.Close()
	}
	return files
}

// A backup holds what a restore needs, and neither what waits in the urn nor what
// drafts say, nor a key of anything.
func TestABackupHoldsNoUrnNoDraftAndNoKey(t *testing.T) {
	w := newWorld(t)
	dir := w.App.DataDir()
	w.publishAs(t, "urne", func(q *survey.Questionnaire) { q.Access = survey.AccessCode })
	publish(t, w.Platform, withFiles())
	codes, err := gate.New(w.Platform).NewCodes(t.Context(), "umfragen/urne", 30)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(i int) string { return fmt.Sprintf("answer number %03d", i) }
	for i := range 25 {
		if status, b := w.put(t, "urne", newID(), strings.Replace(withPass(codes[i]), `"rent"`, `"idea":"`+answer(i)+`","rent"`, 1)); status != 201 {
			t.Fatalf("%d %s", status, b)
		}
	}
	v := w.visitor(t)
	v.post(s+"/teilnehmen/", "")
	v.led(v.post(s+"/seite/2/", "idea=Schattige+Baenke&s-aktion=spaeter"), s+"/spaeter/")
	link := v.saved(s)
	v.led(v.post(s+"/spaeter/", "s-aktion=mail&email=ada@example.org"), s+"/spaeter/?gesendet=1")
	v.post("/umfragen/bilder/teilnehmen/", "")
	v.upload("/umfragen/bilder/seite/1/", map[string][]string{"s-aktion": {"laden:place"}}, sentFile{"place", photo(30, 20)})
	uploaded := w.files(t)
	if err := os.WriteFile(filepath.Join(dir, "uploads", "neu", "half"), []byte("half a file"), 0o600); err != nil || len(uploaded) != 1 {
		t.Fatal(err, uploaded)
	}

	files := w.backup(t, "noon.zip")
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	upload, err := filepath.Rel(dir, uploaded[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"auxiliary.db", "data.db", upload}; !slices.Equal(names, want) {
		t.Errorf("the backup holds %v, want %v", names, want)
	}

	// What is in the urn is not in the backup; the control: it is in the urn's file,
	// and the block that left it is in the backup.
	urn, err := os.ReadFile(filepath.Join(dir, "urn.db"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	waiting, moved := 0, 0
	for i := range 25 {
		inUrn, inBackup := bytes.Contains(urn, []byte(answer(i))), bytes.Contains(files["data.db"], []byte(answer(i)))
		switch {
		case inUrn == inBackup:
			t.Errorf("%s: in the urn %v, in the backup %v", answer(i), inUrn, inBackup)
		case inUrn:
			waiting++
		default:
			moved++
		}
	}
	if waiting != 15 || moved != 10 {
		t.Errorf("%d wait, %d moved", waiting, moved)
	}
	token := regexp.MustCompile(`/fortsetzen/([0-9A-Z]{32})/`).FindStringSubmatch(link)[1]
	for name, b := range files {
		for what, text := range map[string]string{"a draft": "Schattige Baenke", "a link": token, "an address": "ada@example.org", "the secret key": string(secret)} {
			if bytes.Contains(b, []byte(text)) {
				t.Errorf("%s holds %s", name, what)
			}
		}
	}

	// The database of the backup is whole, and the draft in it opens with the link only.
	path := filepath.Join(t.TempDir(), "data.db")
	if err := os.WriteFile(path, files["data.db"], 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := base.Connect(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var whole string
	var drafts, links int
	if err := db.NewQuery(`PRAGMA integrity_check`).Row(&whole); err != nil || whole != "ok" {
		t.Error(whole, err)
	}
	if err := db.NewQuery(`SELECT (SELECT count(*) FROM survey_drafts), (SELECT count(*) FROM survey_links WHERE hash = '`+base.Hash("survey link", token)+`')`).Row(&drafts, &links); err != nil || drafts != 2 || links != 1 {
		t.Errorf("%d drafts, %d links, %v", drafts, links, err)
	}
}

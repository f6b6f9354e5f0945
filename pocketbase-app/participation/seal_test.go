package participation_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"servicepoint/hooks"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"pgregory.net/rapid"
)

// readable looks for a text in every file of a data directory, in the forms in
// which programs write texts down, and names the files that hold it.
func readable(t testing.TB, dir, text string) (files []string) {
	t.Helper()
	quoted, _ := json.Marshal(text)
	forms := [][]byte{[]byte(text), bytes.Trim(quoted, `"`), []byte(url.QueryEscape(text)), []byte(hex.EncodeToString([]byte(text)))}
	for shift := range 3 { // base64 has three forms, by where a text begins
		padded := append(make([]byte, shift), text...)
		b := base64.StdEncoding.EncodeToString(padded)
		forms = append(forms, []byte(b[shift+1:len(b)-4]))
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, form := range forms {
			if bytes.Contains(b, form) {
				files = append(files, filepath.Base(path))
				break
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Whatever somebody types, no file holds it before it is sent: not while they go
// from page to page, save by themselves, make links, get one by mail and go on
// elsewhere. The control is the same text in the form that drafts had before.
func TestNoFileHoldsWhatADraftSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Demo = true // no limit of mails
	dir := w.App.DataDir()
	if _, err := w.App.DB().NewQuery(`CREATE TABLE old_drafts (hash TEXT PRIMARY KEY, answers TEXT NOT NULL) STRICT, WITHOUT ROWID`).Execute(); err != nil {
		t.Fatal(err)
	}
	letters := rapid.StringOfN(rapid.RuneFrom([]rune("aeinrstäöüß0179 ,.&%+")), 12, 38, -1)
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		street, idea := "x"+letters.Draw(r, "street")+"x", "y"+letters.Draw(r, "idea")+"y"
		page := url.Values{"street": {street}, "idea": {idea}}.Encode()
		secret := func(when string) {
			t.Helper()
			for _, text := range []string{street, idea} {
				if files := readable(t, dir, text); len(files) > 0 {
					r.Fatalf("%q is readable in %v %s", text, files, when)
				}
			}
		}
		v := w.visitor(t)
		v.led(v.post(s+"/teilnehmen/", ""), s+"/seite/1/")
		v.led(v.post(s+"/seite/1/", "district=west"), s+"/seite/2/")
		v.see(v.post(s+"/seite/2/", page+"&s-aktion=merken"), 204)
		secret("after a save by script")
		v.led(v.post(s+"/seite/2/", page+"&rent=12&s-aktion=sprache:en"), "/en"+s+"/seite/2/")
		v.see(v.get("/en"+s+"/seite/2/"), 200, `value="12"`)
		secret("after a change of language")
		if rapid.Bool().Draw(r, "saved") {
			v.led(v.post(s+"/spaeter/", "s-aktion=mail&email=ada@example.org"), s+"/spaeter/?gesendet=1")
			link := v.saved(s)
			secret("with links")
			v = w.visitor(t)
			v.led(v.post(link, ""), s+"/seite/2/")
			secret("after it moved to another browser")
		}
		if rapid.Bool().Draw(r, "dropped") {
			v.post(s+"/verlassen/", "")
			secret("after it was deleted")
		}
		if n%10 == 1 { // the control
			b, _ := json.Marshal(url.Values{"street": {street}, "idea": {idea}})
			if _, err := w.App.DB().NewQuery(`INSERT OR REPLACE INTO old_drafts VALUES ({:h}, {:a})`).Bind(dbx.Params{"h": newID(), "a": string(b)}).Execute(); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{street, idea} {
				if files := readable(t, dir, text); len(files) == 0 {
					r.Fatalf("the control does not find %q: the test would prove nothing", text)
				}
			}
		}
		if _, err := w.App.DB().NewQuery(`PRAGMA wal_checkpoint(TRUNCATE)`).Execute(); err != nil { // keeps the log short
			t.Fatal(err)
		}
	})
}

var tokenLike = regexp.MustCompile(`[0-9A-HJKMNP-TV-Z]{32}`)

// Who has every file but secret.key tries everything in them that could be a token.
// With the token of a browser or a link the same way opens the draft.
func TestTheFilesOpenNoDraft(t *testing.T) {
	w := newWorld(t)
	v := w.visitor(t)
	v.led(v.post(s+"/teilnehmen/", ""), s+"/seite/1/")
	v.led(v.post(s+"/seite/1/", "district=west"), s+"/seite/2/")
	v.led(v.post(s+"/spaeter/", "s-aktion=mail&email=ada@example.org"), s+"/spaeter/?gesendet=1")
	link := v.saved(s)
	if files := readable(t, w.App.DataDir(), "ada@example.org"); len(files) > 0 {
		t.Errorf("the address is readable in %v while the mail waits", files)
	}

	opens := func(candidate string) bool {
		p := w.visitor(t).get(s + "/fortsetzen/" + candidate + "/")
		return p.status == 200
	}
	tokens := map[string]bool{}
	collect := func() {
		for _, name := range []string{"data.db", "data.db-wal", "auxiliary.db", "auxiliary.db-wal"} {
			b, err := os.ReadFile(filepath.Join(w.App.DataDir(), name))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			for _, m := range tokenLike.FindAll(b, -1) {
				tokens[string(m)] = true
			}
		}
	}
	collect()
	for token := range tokens {
		if opens(token) {
			t.Errorf("%s opens the draft", token)
		}
	}
	// Two controls: the link works, and in a mail that is not private it is found.
	token := tokenLike.FindString(link)
	if !opens(token) || tokens[token] {
		t.Fatal("the control proves nothing")
	}
	err := w.App.RunInTransaction(func(tx core.App) error {
		return w.PutOrder(tx, hooks.Order{Key: "open", Provider: "mail", Kind: "mail", Subject: "open", Payload: []byte(`{"text":"` + w.Origin + link + `"}`)})
	})
	if err != nil {
		t.Fatal(err)
	}
	collect()
	if !tokens[token] {
		t.Error("the control is not found: the test would prove nothing")
	}
}

// The length of what is stored tells a long text from a short one in coarse steps only.
func TestALongerAnswerDoesNotShow(t *testing.T) {
	w := newWorld(t)
	v := w.visitor(t)
	v.post(s+"/teilnehmen/", "")
	lengths := map[int]bool{}
	for n := range 60 {
		v.led(v.post(s+"/seite/2/", "idea="+strings.Repeat("a", n+1)), s+"/pruefen/")
		var length int
		if err := w.App.DB().NewQuery(`SELECT length(sealed) FROM survey_drafts`).Row(&length); err != nil {
			t.Fatal(err)
		}
		lengths[length] = true
	}
	if len(lengths) != 1 {
		t.Errorf("lengths %v", lengths)
	}
}

// A draft does not open with the key of another, nor after it was changed.
func TestAChangedDraftDoesNotOpen(t *testing.T) {
	w := newWorld(t)
	for what, change := range map[string]string{
		"nothing":         `UPDATE survey_drafts SET saved = 0`,
		"another's text":  `UPDATE survey_drafts SET sealed = (SELECT o.sealed FROM kept o WHERE o.hash <> survey_drafts.hash)`,
		"another's key":   `UPDATE survey_drafts SET key = (SELECT o.key FROM kept o WHERE o.hash <> survey_drafts.hash)`,
		"a shorter text":  `UPDATE survey_drafts SET sealed = substr(sealed, 1, length(sealed) - 1)`,
		"no key":          `UPDATE survey_drafts SET key = x''`,
		"another's place": `UPDATE survey_drafts SET (key, sealed) = (SELECT o.key, o.sealed FROM kept o WHERE o.hash <> survey_drafts.hash)`,
	} {
		v, other := w.visitor(t), w.visitor(t)
		v.post(s+"/teilnehmen/", "")
		other.post(s+"/teilnehmen/", "")
		v.post(s+"/seite/2/", "idea=Mehr+Schatten")
		other.post(s+"/seite/2/", "idea=Weniger+Autos")
		for _, q := range []string{`CREATE TABLE kept AS SELECT * FROM survey_drafts`, change} {
			if _, err := w.App.DB().NewQuery(q).Execute(); err != nil {
				t.Fatal(err)
			}
		}
		p := v.get(s + "/seite/2/")
		if what == "nothing" {
			v.see(p, 200, "Mehr Schatten")
		} else if p.status != 500 || strings.Contains(p.html, "Schatten") || strings.Contains(p.html, "Autos") {
			t.Errorf("%s: %d\n%s", what, p.status, p.html)
		}
		for _, q := range []string{`DROP TABLE kept`, `DELETE FROM survey_drafts`} {
			if _, err := w.App.DB().NewQuery(q).Execute(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

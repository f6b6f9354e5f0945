package main

import (
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"servicepoint/pocketbase-app/base"
)

// TestTheSiteKnowsReleasedIdeasOnly plants a secret in every private field, lets
// moderators do everything there is to do, and looks for the secrets in every
// file of the releases, in the API and in the log. The negative control is what
// may be read: it must be found.
func TestTheSiteKnowsReleasedIdeasOnly(t *testing.T) {
	t.Parallel()
	s := running(t)
	moderator, editor := visitor(t), visitor(t)
	signIn(t, moderator, s.URL, "moderation")
	signIn(t, editor, s.URL, "redaktion")
	secrets := []string{}
	secret := func(what string) string {
		word := "geheim" + what + strings.ToLower(base.NewToken())
		secrets = append(secrets, word)
		return word
	}
	// send hands an idea in and gives the address for moderators.
	send := func(form url.Values) (at string) {
		t.Helper()
		c := visitor(t)
		form.Set("topic", "energie")
		form.Set("email", secret("mail")+"@example.org")
		form.Set("key", secret("key"))
		res, body := ask(t, c, "POST", s.URL+"/ideen/smart-kassel/einreichen/", form)
		if res.StatusCode != 303 {
			t.Fatalf("%d %.2000s", res.StatusCode, body)
		}
		_, body = ask(t, c, "GET", s.URL+"/meine-idee/?neu=1", nil)
		secrets = append(secrets, regexp.MustCompile(`/meine-idee/([0-9a-z]{32})/`).FindStringSubmatch(body)[1])
		_, body = ask(t, moderator, "GET", s.URL+"/redaktion/ideen/", nil)
		all := regexp.MustCompile(`href="(/redaktion/ideen/\d+/)">`).FindAllStringSubmatch(body, -1)
		return all[len(all)-1][1]
	}
	act := func(at string, form url.Values) {
		t.Helper()
		_, body := ask(t, moderator, "GET", s.URL+at, nil)
		form.Set("rev", regexp.MustCompile(`name="rev" value="(\d+)"`).FindStringSubmatch(body)[1])
		if res, body := ask(t, moderator, "POST", s.URL+at, form); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %d %.3000s", form.Get("aktion"), res.StatusCode, body)
		}
	}
	idea := func(title string) url.Values {
		return url.Values{"title": {title}, "text": {"Ein Text mit genug Zeichen. " + title}}
	}

	// waits, was asked back, was refused: nothing of them is public.
	send(idea(secret("neu")))
	asked := send(idea(secret("gefragt")))
	act(asked, url.Values{"aktion": {"asked"}, "ask_message": {secret("frage")}, "note": {secret("notiz")}})
	refused := idea(secret("abgelehnt"))
	refused.Set("name", secret("name"))
	refused.Set("place", secret("ort"))
	at := send(refused)
	act(at, url.Values{"aktion": {"rejected"}, "reason": {"insult"}, "reject_message": {secret("grund")}, "note": {secret("intern")}})

	// was edited, released, answered: what was taken out and notes are not public.
	open := idea("Sichtbare Idee")
	open.Set("text", "Bitte rufen Sie "+secret("person")+" an.")
	open.Set("name", "Sichtbarer Name")
	at = send(open)
	act(at, url.Values{"aktion": {"edited"}, "title": {"Sichtbare Idee"}, "text": {"Bitte rufen Sie […] an. Sichtbarer Text."}, "name": {"Sichtbarer Name"}, "place": {""}, "note": {secret("bearbeitet")}})
	act(at, url.Values{"aktion": {"released"}})
	act(at, url.Values{"aktion": {"answered"}, "status": {"planned"}, "answer": {"Sichtbare Antwort."}, "note": {secret("antwort")}})
	number := regexp.MustCompile(`\d+`).FindString(at)
	page := s.URL + "/ideen/smart-kassel/" + number + "-sichtbare-idee/"
	shows(t, page, "Sichtbare Antwort.", true)

	// was released and merged: its text leaves the site, its address leads on.
	was := secret("zusammengelegt")
	merged := send(idea(was))
	act(merged, url.Values{"aktion": {"released"}})
	_, body := ask(t, moderator, "GET", s.URL+merged, nil)
	old := regexp.MustCompile(`href="(/ideen/smart-kassel/[^"]+)"`).FindStringSubmatch(body)[1]
	shows(t, s.URL+old, was, true)
	act(merged, url.Values{"aktion": {"merged"}, "into": {number}})
	shows(t, s.URL+old, "Sichtbare Idee", true) // the client follows the redirect

	current, err := filepath.EvalSymlinks(filepath.Join(s.Dir, "site", "current"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	err = filepath.WalkDir(current, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".br") || strings.HasSuffix(path, ".gz") {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, api := ask(t, visitor(t), "GET", s.URL+"/api/v1/ideas", nil)
	all.WriteString(api)
	for _, word := range secrets {
		// What was public once may stand in the old address that leads on, nowhere else.
		if n := strings.Count(all.String(), word); word == was && n > 3 || word != was && n > 0 {
			t.Errorf("%s is public", word)
		}
	}
	for _, word := range []string{"Sichtbare Idee", "Sichtbarer Text.", "Sichtbarer Name", "Sichtbare Antwort."} {
		if !strings.Contains(all.String(), word) {
			t.Errorf("%q is not found: this test proves nothing", word)
		}
	}

	// A moderator takes the page off the site, and a publisher the whole call.
	act(at, url.Values{"aktion": {"rejected"}, "reason": {"unclear"}})
	shows(t, page, "Sichtbare Antwort.", false)
	_, body = ask(t, editor, "GET", s.URL+"/redaktion/aufrufe/smart-kassel/", nil)
	rev := regexp.MustCompile(`name="rev" value="(\d+)"`).FindStringSubmatch(body)[1]
	if res, body := ask(t, editor, "POST", s.URL+"/redaktion/aufrufe/smart-kassel/zuruecknehmen/", url.Values{"rev": {rev}}); res.StatusCode != 303 {
		t.Fatalf("%d %.500s", res.StatusCode, body)
	}
	shows(t, s.URL+"/ideen/smart-kassel/", "Was wünschen Sie sich", false)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	log := logDump(t, s.Dir)
	for _, word := range secrets {
		if strings.Contains(log, word) {
			t.Errorf("%s is in the log", word)
		}
	}
}

package participation_test

import (
	"bytes"
	"fmt"
	unescape "html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"servicepoint/content/survey"
	"servicepoint/content/survey/surveytest"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
	"pgregory.net/rapid"
)

var linkPattern = regexp.MustCompile(`id="link" value="([^"]+)"`)

// saved asks for a link and returns its path.
func (v *visitor) saved(at string) string {
	v.t.Helper()
	p := v.post(at+"/spaeter/", "s-aktion=link")
	v.see(p, 200)
	m := linkPattern.FindStringSubmatch(p.html)
	if m == nil {
		v.t.Fatalf("no link in\n%s", p.html)
	}
	link, err := url.Parse(unescape.UnescapeString(m[1]))
	if err != nil {
		v.t.Fatal(err)
	}
	return link.Path
}

func TestAPrivateLinkGoesOnWhereOneStopped(t *testing.T) {
	w := newWorld(t)
	v := w.visitor(t)
	v.post(s+"/teilnehmen/", "")
	v.led(v.post(s+"/seite/1/", "district=west&topics=bus"), s+"/seite/2/")
	v.led(v.post(s+"/seite/2/", "rent=612,5&s-aktion=spaeter"), s+"/spaeter/")
	v.see(v.get(s+"/spaeter/"), 200, "bis zum 04.12.2026", `name="email"`) // the survey ends then
	link := v.saved(s)

	other := w.visitor(t)
	p := other.get("/en" + link)
	other.see(p, 200, "Go on with the survey")
	if got := p.header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("Referrer-Policy %q", got)
	}
	v.see(v.get(s+"/seite/2/"), 200, `value="612,5"`) // to look at the link changes nothing
	other.led(other.post("/en"+link, ""), "/en"+s+"/seite/2/")
	other.see(other.get(s+"/seite/2/"), 200, `value="612,5"`)
	v.see(v.get(s+"/seite/2/"), 410, "an einem anderen Gerät")

	// After the ordinary day it is still there; the link works again.
	w.Now = func() time.Time { return basetest.Start.Add(40 * time.Hour) }
	if _, err := w.matter.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.led(v.post(link, ""), s+"/seite/2/")
	v.led(v.send(s+"/seite/2/"), s+"/pruefen/")
	v.led(v.post(s+"/pruefen/", ""), s+"/danke/")
	if rows := w.rows(t); len(rows) != 1 || rows[0].Answers != `{"district":"west","rent":612.5,"topics":["bus"]}` {
		t.Errorf("rows %+v", rows)
	}
	other.see(other.get(link), 404, "Der Link gilt nicht mehr")
	other.see(other.post(link, ""), 404)
	other.see(other.post(strings.Replace(link, "fortsetzen/", "fortsetzen/X", 1), ""), 404)
	if n := w.count(t, "survey_links"); n != 0 {
		t.Errorf("%d links are left", n)
	}
}

// Nothing stored leads from the address to the answers, and the link stands
// nowhere but in the mail.
func TestTheAddressOfALinkIsNotKept(t *testing.T) {
	w := newWorld(t)
	v := w.visitor(t)
	v.post(s+"/teilnehmen/", "")
	v.post(s+"/seite/1/", "district=west")
	v.see(v.post("/en"+s+"/spaeter/", "s-aktion=mail&email=ada"), 422, `href="#f-email"`, `value="ada"`)
	v.see(v.post(s+"/spaeter/", "s-aktion=mail&email="), 422)
	v.led(v.post(s+"/spaeter/", "s-aktion=mail&email=ada@example.org"), s+"/spaeter/?gesendet=1")
	v.see(v.get(s+"/spaeter/?gesendet=1"), 200, "unterwegs")
	var order struct {
		Key     string `db:"key"`
		Subject string `db:"subject"`
		Kind    string `db:"kind"`
		Payload string `db:"payload"`
	}
	if err := w.App.DB().NewQuery(`SELECT key, subject, kind, payload FROM orders`).One(&order); err != nil {
		t.Fatal(err)
	}
	mail, err := w.OpenPayload(order.Kind, order.Key, []byte(order.Payload))
	if err != nil {
		t.Fatal(err)
	}
	token := regexp.MustCompile(`/fortsetzen/([0-9A-Z]{32})/`).FindSubmatch(mail)
	if token == nil || order.Kind != "private-mail" || !bytes.Contains(mail, []byte("ada@example.org")) {
		t.Fatalf("order %+v, mail %s", order, mail)
	}
	var drafts, links string
	if err := w.App.DB().NewQuery(`SELECT group_concat(hash || survey || key || sealed) FROM survey_drafts`).Row(&drafts); err != nil {
		t.Fatal(err)
	}
	if err := w.App.DB().NewQuery(`SELECT group_concat(hash || draft || key) FROM survey_links`).Row(&links); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"ada@example.org", string(token[1]), order.Key[len("mail:survey-link:"):]} {
		if strings.Contains(drafts+links, secret) {
			t.Errorf("%q stands beside the draft", secret)
		}
	}
	if !strings.Contains(links, base.Hash("survey link", string(token[1]))) {
		t.Error("the control proves nothing")
	}
	v.see(w.visitor(t).post("/umfragen/smart-kassel/fortsetzen/"+string(token[1])+"/", ""), 303)
}

// Whoever is interrupted anywhere, closes the browser, follows a private link to
// another one and changes the language sends the same as who goes straight through.
func TestResumedEqualsUninterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.App.DB().NewQuery(`CREATE TABLE seen (id TEXT PRIMARY KEY)`).Execute(); err != nil {
		t.Fatal(err)
	}
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		q := surveytest.Questionnaires(r)
		n++
		q.Slug, q.Opens = fmt.Sprintf("fall-%d", n), basetest.Start.AddDate(0, 0, -1)
		q.Quotas = nil // the first of the two would use one up
		publish(t, w.Platform, q)
		_, form := surveytest.Sendings(r, q)
		for key := range form { // a form cannot send what breaks its encoding
			form[key] = slices.DeleteFunc(form[key], func(s string) bool { return strings.Contains(s, "\r") })
		}
		straight := w.walk(t, q, form, func(v *visitor, _ int) (*visitor, string) { return v, "" })
		resumed := w.walk(t, q, form, func(v *visitor, page int) (*visitor, string) {
			prefix := rapid.SampledFrom([]string{"", "/en", "/ls"}).Draw(r, "language")
			at := "/umfragen/" + q.Slug
			switch rapid.IntRange(0, 3).Draw(r, "interruption") {
			case 0: // another window with the same cookie
				jar := v.client.Jar
				v = w.visitor(t)
				v.client.Jar = jar
			case 1:
				link := v.saved(prefix + at)
				v = w.visitor(t)
				v.see(v.post(link, ""), 303)
			case 2: // back and forth
				p := v.post(fmt.Sprintf("%s%s/seite/%d/", prefix, at, page+1), fields(v.get(fmt.Sprintf("%s/seite/%d/", at, page+1)).html).Encode()+"&s-aktion=zurueck")
				v.see(p, 303)
			}
			return v, prefix
		})
		if straight != resumed {
			r.Fatalf("straight: %s\nresumed:  %s", straight, resumed)
		}
	})
}

// walk goes through all pages that are asked and sends what the form of each
// shows filled in; pause is called before each page. The result is what was
// stored, or the faults of the review.
func (w *world) walk(t *testing.T, q survey.Questionnaire, form url.Values, pause func(v *visitor, page int) (*visitor, string)) string {
	t.Helper()
	at := "/umfragen/" + q.Slug
	v := w.visitor(t)
	v.see(v.post(at+"/teilnehmen/", ""), 303)
	for i := range q.Pages {
		path := fmt.Sprintf("%s/seite/%d/", at, i+1)
		for range 4 { // an answer may bring up further questions
			p := v.get(path)
			if p.status != 200 {
				break // routing hides it
			}
			var prefix string
			v, prefix = pause(v, i)
			sent := fields(v.get(prefix + path).html)
			for _, it := range q.Pages[i].Items {
				if !slices.Contains(sent["s-gezeigt"], it.Code) {
					continue
				}
				for _, key := range it.Variables() {
					for _, name := range []string{key.Key, survey.Mark(key.Key)} {
						if delete(sent, name); len(form[name]) > 0 {
							sent[name] = form[name]
						}
					}
				}
			}
			if p = v.post(prefix+path, sent.Encode()); p.status != 303 || !strings.Contains(p.location, "weitere=") {
				break
			}
		}
	}
	p := v.post(at+"/pruefen/", "")
	if p.status == 422 {
		faults := regexp.MustCompile(`<li><a href="[^"]*">(.*?)</a></li>`).FindAllString(p.html, -1)
		return strings.Join(faults, "\n")
	}
	v.led(p, at+"/danke/")
	var stored string
	if err := w.App.DB().NewQuery(`SELECT answers || language FROM responses WHERE survey = {:s} AND id NOT IN (SELECT id FROM seen)`).
		Bind(dbx.Params{"s": q.Slug}).Row(&stored); err != nil {
		t.Fatal(err)
	}
	if _, err := w.App.DB().NewQuery(`INSERT INTO seen SELECT id FROM responses WHERE survey = {:s} ON CONFLICT DO NOTHING`).
		Bind(dbx.Params{"s": q.Slug}).Execute(); err != nil {
		t.Fatal(err)
	}
	return stored
}

package ideas

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
)

// named publishes the call again with another access.
func (h *house) access(how string) {
	h.call(content.Call{
		Slug: "smart", Title: content.Text{"de": "Was wünschen Sie sich?"}, Intro: content.Text{"de": "Sagen Sie es."},
		Topics: []string{"mobilitaet", "umwelt"}, Closes: h.now.AddDate(0, 1, 0), Access: how,
	})
}

// slips makes codes or links at the page of staff and returns the links' queries.
func (h *house) slips(n int) []url.Values {
	h.t.Helper()
	const at = "/redaktion/aufrufe/smart/zugang/"
	h.visitor(base.Editor).want(200, "GET", at, nil)
	h.visitor(base.Editor).want(403, "POST", at, url.Values{"n": {"1"}})
	h.visitor(base.Publisher).want(422, "POST", at, url.Values{"n": {"501"}})
	body := h.visitor(base.Publisher).want(200, "POST", at, url.Values{"n": {strconv.Itoa(n)}})
	var all []url.Values
	for _, m := range regexp.MustCompile(`einreichen/\?([^<]+)<`).FindAllStringSubmatch(body, -1) {
		q, err := url.ParseQuery(m[1])
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, q)
	}
	if len(all) != n {
		h.t.Fatalf("%d slips: %s", len(all), body)
	}
	return all
}

func TestWhoHasACode(t *testing.T) {
	h := open(t)
	i := h.released("Eine Idee mit Codes")
	h.access("code")
	codes := h.slips(3)
	at := votePath(i)
	a := h.visitor()
	if body := a.want(422, "POST", at, url.Values{"aktion": {"abgeben"}}); !strings.Contains(body, `href="#f-zugangscode"`) {
		t.Errorf("without a code: %s", body)
	}
	a.want(422, "POST", at, url.Values{"aktion": {"abgeben"}, "zugangscode": {"0000-0000-0000-0000"}})
	code := codes[0].Get("code")
	a.want(303, "POST", at, url.Values{"aktion": {"abgeben"}, "zugangscode": {strings.ToLower(code)}})
	// The same code in another browser is the same person.
	h.visitor().want(303, "POST", at, url.Values{"aktion": {"abgeben"}, "zugangscode": {code}})
	if n := h.idea(i.Number).Votes; n != 1 {
		t.Errorf("one code has %d votes", n)
	}
	// It stays good for other ideas, and the browser need not show it again.
	a.want(303, "POST", at, url.Values{"aktion": {"zuruecknehmen"}})
	a.want(303, "POST", at, url.Values{"aktion": {"abgeben"}})
	b := h.visitor()
	b.want(303, "POST", at, url.Values{"aktion": {"abgeben"}, "zugangscode": {codes[1].Get("code")}})
	if body := b.want(200, "GET", at, nil); !strings.Contains(body, "2 Stimmen") || !strings.Contains(body, "Jede Person hat eine Stimme.") {
		t.Errorf("two codes: %s", body)
	}

	form := wish("Mit einem Code geschickt")
	if body := h.visitor().want(422, "POST", "/ideen/smart/einreichen/", form); !strings.Contains(body, "Mit einem Code geschickt") {
		t.Error("what was typed is lost")
	}
	c := h.visitor()
	if body := c.want(200, "GET", "/ideen/smart/einreichen/?code="+url.QueryEscape(codes[2].Get("code")), nil); !strings.Contains(body, codes[2].Get("code")) {
		t.Error("the slip's code is not in the form")
	}
	for n := range perPerson {
		form := wish("Idee Nummer " + strconv.Itoa(n))
		form.Set("zugangscode", codes[2].Get("code"))
		c.send(form)
	}
	form.Set("zugangscode", codes[2].Get("code"))
	if body := c.want(422, "POST", "/ideen/smart/einreichen/", form); !strings.Contains(body, "schon 10 Ideen") {
		t.Errorf("the eleventh idea: %s", body)
	}
	if n := h.scalar(`SELECT COUNT(*) FROM ideas WHERE title = 'Mit einem Code geschickt'`); n != 0 {
		t.Error("a refused idea is stored")
	}
	// Nothing in the tables of ideas knows a code or its hash.
	if n := h.scalar(`SELECT COUNT(*) FROM gate_passes g WHERE EXISTS (SELECT 1 FROM idea_votes v WHERE v.voter = g.hash)
		OR EXISTS (SELECT 1 FROM idea_senders s WHERE s.sender = g.hash)`); n != 0 {
		t.Errorf("%d codes are joined with votes or senders", n)
	}
	if n := h.scalar(`SELECT COUNT(*) FROM idea_senders s JOIN idea_votes v ON v.voter = s.sender`); n != 0 {
		t.Error("senders are joined with voters")
	}
}

func TestWhoIsInvited(t *testing.T) {
	h := open(t)
	i := h.released("Eine Idee mit Einladung")
	h.access("invitation")
	links := h.slips(2)
	token := links[0].Get("einladung")
	a := h.visitor()
	if body := a.want(200, "GET", "/ideen/smart/einreichen/?einladung="+token, nil); !strings.Contains(body, `name="einladung" value="`+token+`"`) {
		t.Error("the invitation is not in the form")
	}
	for range 2 {
		h.visitor().want(303, "POST", votePath(i), url.Values{"aktion": {"abgeben"}, "einladung": {token}})
	}
	h.visitor().want(422, "POST", votePath(i), url.Values{"aktion": {"abgeben"}, "einladung": {token[1:] + "0"}})
	if n := h.idea(i.Number).Votes; n != 1 {
		t.Errorf("one invitation has %d votes", n)
	}
	h.access("account")
	h.visitor().want(422, "POST", votePath(i), url.Values{"aktion": {"abgeben"}})
	h.access("")
	h.visitor(base.Publisher).want(422, "POST", "/redaktion/aufrufe/smart/zugang/", url.Values{"n": {"1"}})
}

// Without scripts the form's ticket counts after some seconds; a ticket lets one
// browser in.
func TestProofOfWork(t *testing.T) {
	h := open(t)
	i := h.released("Eine Idee mit Prüfung")
	h.access("proof")
	a := h.visitor()
	body := a.want(200, "GET", votePath(i), nil)
	m := regexp.MustCompile(`name="warten" value="([^"]+)"`).FindStringSubmatch(body)
	if m == nil || !strings.Contains(body, `src="/gate/proof.js"`) {
		t.Fatalf("no proof: %s", body)
	}
	form := url.Values{"aktion": {"abgeben"}, "warten": {m[1]}}
	a.want(422, "POST", votePath(i), form) // too soon
	h.now = h.now.Add(60_000_000_000)
	a.want(303, "POST", votePath(i), form)
	h.visitor().want(422, "POST", votePath(i), form)
	a.want(303, "POST", votePath(i), url.Values{"aktion": {"zuruecknehmen"}})
	a.want(303, "POST", votePath(i), url.Values{"aktion": {"abgeben"}})
	if n := h.idea(i.Number).Votes; n != 1 {
		t.Errorf("%d votes", n)
	}
}

func TestAClickOnTheMap(t *testing.T) {
	h := open(t)
	form := wish("Ein Punkt auf der Karte")
	form.Set("karte.x", "380")
	form.Set("karte.y", "250")
	body := h.visitor().want(200, "POST", "/ideen/smart/einreichen/", form)
	if !regexp.MustCompile(`name="point" type="text" value="51\.3\d+,9\.4\d+"`).MatchString(body) || !strings.Contains(body, "Ein Punkt auf der Karte") {
		t.Errorf("the point: %s", body)
	}
	if h.scalar(`SELECT COUNT(*) FROM ideas`) != 0 {
		t.Error("a click sends the idea")
	}
}

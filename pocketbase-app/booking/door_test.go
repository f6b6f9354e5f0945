package booking

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
)

// staffed is a house in which everybody is signed in with a role.
func staffed(t testing.TB, role string) house {
	p := basetest.New(t, Words)
	return serve(t, p, New(p), basetest.SignedIn(t, p, role))
}

// codesOf are the codes on a guest's tickets.
func (h house) codesOf(reference string) (codes []string) {
	h.t.Helper()
	list, err := h.s.Tickets(h.p.App.DB(), reference)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, t := range list {
		c, err := code(h.s.signer(), t)
		if err != nil {
			h.t.Fatal(err)
		}
		codes = append(codes, c)
	}
	return codes
}

func (h house) enter(event string, scan Scan) Scanned {
	h.t.Helper()
	if scan.At == 0 {
		scan.At = h.p.Now().UnixMilli()
	}
	got, err := h.s.Enter(event, scan)
	if err != nil {
		h.t.Fatal(err)
	}
	return got
}

func TestATicketOpensTheDoorOnce(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10)))
	h.publish(lecture("wasser", room(10)))
	g := h.guest("waerme", `{"name":"Ada Lovelace","email":"ada@example.org","places":2}`)
	codes := h.codesOf(g.reference)
	first := h.enter("waerme", Scan{Scan: "scan-number-00001", Code: codes[0], Device: "Tür links"})
	if first.Result != ScanIn || first.Name != "Ada Lovelace" || first.Ticket != g.reference+"/1" {
		t.Errorf("%+v", first)
	}
	if again := h.enter("waerme", Scan{Scan: "scan-number-00001", Code: codes[0]}); again.Result != ScanIn {
		t.Errorf("the same scan again: %+v", again)
	}
	if other := h.enter("waerme", Scan{Scan: "scan-number-00002", Code: codes[0], Device: "Tür rechts"}); other.Result != ScanAlready || other.Device != "Tür links" {
		t.Errorf("somebody else: %+v", other)
	}
	flipped := []byte(codes[1])
	flipped[len(flipped)-9] ^= 1
	for what, c := range map[string]struct {
		event string
		scan  Scan
		want  string
	}{
		"by number":              {"waerme", Scan{Ticket: g.reference + "/2"}, ScanIn},
		"another event":          {"wasser", Scan{Code: codes[1]}, ScanElse},
		"another event's number": {"wasser", Scan{Ticket: g.reference + "/2"}, ScanElse},
		"no such number":         {"waerme", Scan{Ticket: g.reference + "/9"}, ScanUnknown},
		"nonsense":               {"waerme", Scan{Code: "hello"}, ScanUnknown},
	} {
		c.scan.Scan = base.NewToken()
		if got := h.enter(c.event, c.scan); got.Result != c.want {
			t.Errorf("%s: %s, want %s", what, got.Result, c.want)
		}
	}
	if got := h.enter("waerme", Scan{Scan: "scan-number-00003", Code: string(flipped)}); got.Result != ScanForged && got.Result != ScanUnknown {
		t.Errorf("a forged code: %+v", got)
	}
	if n := h.number(`SELECT count(*) FROM entries`); n != 2 {
		t.Errorf("%d entries", n)
	}
	if err := h.s.Leave("waerme", g.reference+"/1"); err != nil {
		t.Fatal(err)
	}
	if back := h.enter("waerme", Scan{Scan: "scan-number-00004", Code: codes[0]}); back.Result != ScanIn {
		t.Errorf("taken back and scanned again: %+v", back)
	}
	h.audit()
}

func TestOldTicketsOfAHandedOnBookingAreVoid(t *testing.T) {
	h := open(t)
	h.publish(lecture("waerme", room(10)))
	g := h.guest("waerme", `{"name":"Ada","email":"ada@example.org"}`)
	old := h.codesOf(g.reference)[0]
	if _, _, err := h.s.Do(Act{What: Transfer, Reference: g.reference, Request: Request{Name: "Grace", Email: "grace@example.org"}}); err != nil {
		t.Fatal(err)
	}
	if got := h.enter("waerme", Scan{Scan: "scan-number-00001", Code: old}); got.Result != ScanUnknown {
		t.Errorf("the old ticket: %+v", got)
	}
	now := h.codesOf(g.reference)[0]
	h.mustDo(Cancel, g.reference)
	if got := h.enter("waerme", Scan{Scan: "scan-number-00002", Code: now}); got.Result != ScanVoid {
		t.Errorf("a cancelled ticket: %+v", got)
	}
	if n := h.number(`SELECT count(*) FROM entries`); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// TestTwoPhonesWithoutAConnectionLetOneIn is the case that a counter cannot see: both
// phones took the ticket, the first to hand it in wins and the other is told.
func TestTwoPhonesWithoutAConnectionLetOneIn(t *testing.T) {
	h := staffed(t, base.Counter)
	h.publish(lecture("waerme", room(10)))
	g := h.guest("waerme", `{"name":"Ada","email":"ada@example.org"}`)
	c := h.codesOf(g.reference)[0]
	hand := func(scans ...Scan) (got []Scanned) {
		t.Helper()
		b, _ := json.Marshal(map[string]any{"scans": scans})
		r := h.send("POST", "/einlass/waerme/abgleich", "application/json", string(b))
		if r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		var answer struct{ Results []Scanned }
		if err := json.Unmarshal([]byte(r.body), &answer); err != nil {
			t.Fatal(err)
		}
		return answer.Results
	}
	at := h.p.Now().Add(-time.Hour)
	left := Scan{Scan: "phone-left-000001", Code: c, At: at.UnixMilli(), Device: "links"}
	right := Scan{Scan: "phone-right-00001", Code: c, At: at.Add(-time.Minute).UnixMilli(), Device: "rechts"}
	if got := hand(left); got[0].Result != ScanIn {
		t.Errorf("%+v", got)
	}
	if got := hand(right); got[0].Result != ScanAlready || got[0].Device != "links" || got[0].At != at.In(content.Berlin).Format("15:04") {
		t.Errorf("%+v", got)
	}
	if got := hand(left, left); got[0].Result != ScanIn || got[1].Result != ScanIn { // the answer was lost, it comes again
		t.Errorf("%+v", got)
	}
	if n := h.number(`SELECT count(*) FROM entries`); n != 1 {
		t.Errorf("%d entries", n)
	}
	for what, body := range map[string]string{"too many": `{"scans":[` + strings.TrimSuffix(strings.Repeat(`{"scan":"0123456789abcdef"},`, MaxSync+1), ",") + `]}`, "no id": `{"scans":[{"scan":"x"}]}`} {
		if r := h.send("POST", "/einlass/waerme/abgleich", "application/json", body); r.status != 422 {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}
	list := h.send("GET", "/einlass/waerme/liste", "", "")
	if list.status != 200 || strings.Contains(list.body, c) || strings.Contains(list.body, "ada@example.org") || !strings.Contains(list.body, `"n":"Ada"`) {
		t.Errorf("the phone's list: %d %s", list.status, list.body)
	}
}

func TestTheDoorWorksWithoutScripts(t *testing.T) {
	h := staffed(t, base.Counter)
	h.publish(lecture("waerme", room(3)))
	g := h.guest("waerme", `{"name":"Ada Lovelace","email":"ada@example.org"}`)
	door := func(values url.Values) reply { return h.post("/einlass/waerme/", values) }
	wants(t, "nothing typed", door(url.Values{"suche": {" "}}), 422, "e-suche")
	wants(t, "a name", door(url.Values{"suche": {"lovel"}}), 200, g.reference+"/1", `name="ein"`)
	wants(t, "nobody", door(url.Values{"suche": {"Hopper"}}), 200, "notice-warning")
	wants(t, "a code", door(url.Values{"suche": {h.codesOf(g.reference)[0]}, "ort": {"Saal"}}), 200, "notice-success", "Ada Lovelace", `value="Saal"`)
	wants(t, "again", door(url.Values{"ein": {g.reference + "/1"}}), 200, "notice-warning", "Saal")
	if r := door(url.Values{"zurueck": {g.reference + "/1"}}); r.status != 303 || h.number(`SELECT count(*) FROM entries`) != 0 {
		t.Errorf("taken back: %d", r.status)
	}
	key := base.NewToken()
	for range 2 { // sent twice
		if r := door(url.Values{"abend": {"1"}, "key": {key}, "plaetze": {"2"}, "pool": {"saal"}}); r.status != 303 {
			t.Errorf("two without a booking: %d %s", r.status, r.body)
		}
	}
	if n := h.taken("waerme", "saal"); n != 3 {
		t.Errorf("%d taken", n)
	}
	wants(t, "full", door(url.Values{"abend": {"1"}, "key": {base.NewToken()}, "plaetze": {"1"}, "pool": {"saal"}}), 409, "e-plaetze")
	wants(t, "none", door(url.Values{"abend": {"1"}, "key": {base.NewToken()}, "plaetze": {"0"}, "pool": {"saal"}}), 422, "e-plaetze")
	h.audit()
}

func TestTheCounterBooksBlocksAndDecides(t *testing.T) {
	h := staffed(t, base.Counter)
	ev := waitingEvent("waerme", room(4))
	ev.Booking.Approval = true
	h.publish(ev)
	page := func(values url.Values) reply {
		return h.post("/schalter/veranstaltungen/waerme/", values)
	}
	wants(t, "no name", page(url.Values{"tat": {"buchen"}, "key": {base.NewToken()}, "places": {"1"}, "pool": {"saal"}, "email": {"x"}}), 422, "e-name", "e-email", `value="x"`)
	if r := page(url.Values{"tat": {"buchen"}, "key": {base.NewToken()}, "name": {"Ada"}, "places": {"1"}, "pool": {"saal"}, "weg": {"phone"}}); r.status != 303 {
		t.Fatalf("without an address: %d %s", r.status, r.body)
	}
	if n := h.number(`SELECT count(*) FROM claims WHERE channel = 'phone' AND name = 'Ada'`); n != 1 {
		t.Errorf("%d bookings by telephone", n)
	}
	wants(t, "blocking more than there is", page(url.Values{"tat": {"sperren"}, "sperrpool": {"saal"}, "sperre": {"9"}, "grund": {"Technik"}}), 409, "e-sperre", `value="Technik"`)
	if r := page(url.Values{"tat": {"sperren"}, "sperrpool": {"saal"}, "sperre": {"2"}, "grund": {"Technik"}}); r.status != 303 || h.taken("waerme", "saal") != 3 {
		t.Errorf("blocked: %d, %d taken", r.status, h.taken("waerme", "saal"))
	}
	a := h.book("waerme", "key-to-be-approved", `{"name":"Grace","email":"grace@example.org"}`).answer(t)
	h.settle(a.Reference, hooks.Done)
	if h.state(a.Reference) != Pending {
		t.Fatal(h.state(a.Reference))
	}
	wants(t, "pending", h.send("GET", "/schalter/veranstaltungen/waerme/", "", ""), 200, "Grace", `value="zusagen"`, "Technik", `value="freigeben"`)
	h.publish(lecture("anders", room(4)))
	if r := h.post("/schalter/veranstaltungen/anders/", url.Values{"tat": {"zusagen"}, "reference": {a.Reference}}); r.status != 404 {
		t.Errorf("approved from the page of another event: %d", r.status)
	}
	if r := page(url.Values{"tat": {"zusagen"}, "reference": {a.Reference}}); r.status != 303 || h.state(a.Reference) == Pending {
		t.Errorf("approved: %d, %s", r.status, h.state(a.Reference))
	}
	wants(t, "found", page(url.Values{"tat": {"suchen"}, "suche": {"grace@"}}), 200, "Grace")
	wants(t, "not found", page(url.Values{"tat": {"suchen"}, "suche": {"Hopper"}}), 200, "Hopper")
	h.audit()
}

func TestEditorsWriteToEverybodyAndSeeNobody(t *testing.T) {
	h := staffed(t, base.Editor)
	h.publish(lecture("waerme", room(10)))
	for i := range 3 {
		h.guest("waerme", fmt.Sprintf(`{"name":"Gast %d","email":"gast%d@example.org"}`, i, i))
	}
	at := "/redaktion/veranstaltungen/waerme/buchungen/"
	page := h.send("GET", at, "", "")
	wants(t, "counts", page, 200, "3")
	if strings.Contains(page.body, "gast1@") || strings.Contains(page.body, "Gast 1") {
		t.Error("an editor sees who booked")
	}
	key := hiddenKey.FindStringSubmatch(page.body)[1]
	values := url.Values{"key": {key}, "betreff": {"Anderer Eingang"}, "nachricht": {"Bitte nehmen Sie den Eingang am Hof."}}
	wants(t, "nothing written", h.post(at, url.Values{"key": {key}}), 422, "e-betreff", "e-nachricht")
	wants(t, "the review", h.post(at, values), 200, `value="senden"`, "Eingang am Hof")
	values.Set("schritt", "senden")
	for range 2 {
		if r := h.post(at, values); r.status != 303 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	if n := h.number(`SELECT count(*) FROM orders WHERE key LIKE 'mail:%:message:%'`); n != 3 {
		t.Errorf("%d mails to three people", n)
	}
}

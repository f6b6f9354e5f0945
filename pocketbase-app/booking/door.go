package booking

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/ticket"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

//go:embed door.js
var doorScript []byte

//go:embed doorworker.js
var doorWorker []byte

// bindDoor adds the pages at which staff let people in.
func (s *Service) bindDoor(se *core.ServeEvent) {
	staff := base.Need(base.Counter, base.Admin)
	script := func(b []byte) base.Handler {
		return func(e *core.RequestEvent) error {
			h := e.Response.Header()
			h.Set("Cache-Control", "no-cache")
			return e.Blob(http.StatusOK, "text/javascript; charset=utf-8", b)
		}
	}
	s.p.Route(se, "GET", "/einlass/einlass.js", script(doorScript))
	s.p.Route(se, "GET", "/einlass/worker.js", script(doorWorker)) // its folder is what it may see to
	s.p.Route(se, "GET", "/einlass/{slug}/{$}", s.showDoor, staff)
	s.p.Route(se, "POST", "/einlass/{slug}/{$}", s.sendDoor, staff)
	s.p.Route(se, "GET", "/einlass/{slug}/liste", s.doorList, staff)
	s.p.Route(se, "POST", "/einlass/{slug}/abgleich", s.doorSync, staff)
}

// What happened to a scan.
const (
	ScanIn      = "in"      // the first time
	ScanAlready = "already" // somebody came in with the ticket before
	ScanUnknown = "unknown" // no ticket of ours, or an old one of a place that was handed on
	ScanElse    = "else"    // of another event
	ScanVoid    = "void"    // cancelled, refused or not approved
	ScanForged  = "forged"  // a false signature: somebody made it up
)

// Scan is one look at a ticket: its code, or its number as staff chose it from the list.
type Scan struct {
	Scan   string `json:"scan"`             // random id, made by the phone
	Code   string `json:"code,omitempty"`   // as read, or
	Ticket string `json:"ticket,omitempty"` // B-7K3M9-QX2TD/1
	At     int64  `json:"at"`               // Unix milliseconds by the phone's clock
	Device string `json:"device,omitempty"`
}

// Scanned is the answer to a scan.
type Scanned struct {
	Scan   string `json:"scan"`
	Result string `json:"result"`
	Ticket string `json:"ticket,omitempty"`
	Name   string `json:"name,omitempty"`
	Pool   string `json:"pool,omitempty"`
	At     string `json:"at,omitempty"`     // when somebody came in, clock of Berlin
	Device string `json:"device,omitempty"` // where
}

// Enter lets in whoever shows a ticket of an event: the row that is written first
// decides, and everybody later is told when and where that was. The same scan
// again gives the same answer. Times ahead of the clock, and those of more than
// two days ago, count as now.
func (s *Service) Enter(event string, scan Scan) (Scanned, error) {
	out := Scanned{Scan: scan.Scan, Result: ScanUnknown}
	reference, number, nonce := "", 0, ""
	if scan.Code != "" {
		claims, err := ticket.NewKeys(s.signer().Public()).Read(scan.Code)
		switch {
		case err == ticket.ErrSignature:
			out.Result = ScanForged
			return out, nil
		case err != nil:
			return out, nil
		case claims.Event != ticket.EventTag(event):
			out.Result = ScanElse
			return out, nil
		}
		reference, number, nonce = claims.Reference, claims.Number, hex.EncodeToString(claims.Nonce[:])
	} else {
		var ok bool
		if reference, number, ok = ticketNumber(scan.Ticket); !ok {
			return out, nil
		}
	}
	now := s.p.Now()
	at := time.UnixMilli(scan.At)
	if at.After(now) || at.Before(now.Add(-48*time.Hour)) {
		at = now
	}
	err := s.p.App.RunInTransaction(func(tx core.App) error {
		var row struct {
			Ticket
			Kind   string `db:"kind"`
			State  string `db:"state"`
			Holder string `db:"holder"`
		}
		err := tx.DB().NewQuery(`SELECT t.reference, t.number, t.event, t.pool, t.name, t.nonce, coalesce(t.released, 0) AS released, coalesce(t.checked_in, 0) AS checked_in,
				c.kind, c.state, c.name AS holder
			FROM tickets t JOIN claims c ON c.reference = t.reference WHERE t.reference = {:reference} AND t.number = {:number}`).
			Bind(dbx.Params{"reference": reference, "number": number}).One(&row)
		if base.IsNoRows(err) || err == nil && nonce != "" && nonce != row.Nonce {
			return nil
		}
		if err != nil {
			return err
		}
		ev, _, err := anyEvent(tx.DB(), event)
		if err != nil {
			return err
		}
		out.Ticket = reference + "/" + strconv.Itoa(number)
		out.Name = row.Name
		if out.Name == "" {
			out.Name = row.Holder
		}
		out.Pool, _ = poolLabel(ev, row.Pool, content.German)
		switch {
		case row.Event != event:
			out.Result = ScanElse
			return nil
		case row.Kind != KindBooking || row.State != Confirmed && row.State != Active || row.Released != 0:
			out.Result = ScanVoid
			return nil
		}
		params := dbx.Params{"reference": reference, "number": number}
		if row.CheckedIn == 0 {
			if _, err := tx.DB().NewQuery(`INSERT INTO entries (reference, number, event, scan, device, at)
				VALUES ({:reference}, {:number}, {:event}, {:scan}, {:device}, {:at}) ON CONFLICT DO NOTHING`).Bind(dbx.Params{
				"reference": reference, "number": number, "event": event, "scan": scan.Scan, "device": scan.Device, "at": at.UnixMilli(),
			}).Execute(); err != nil {
				return err
			}
		}
		// Without a row here somebody came in at the door without a booking.
		entry := struct {
			Scan   string `db:"scan"`
			Device string `db:"device"`
			At     int64  `db:"at"`
		}{At: row.CheckedIn}
		if err := tx.DB().NewQuery(`SELECT scan, device, at FROM entries WHERE reference = {:reference} AND number = {:number}`).
			Bind(params).One(&entry); err != nil && !base.IsNoRows(err) {
			return err
		}
		out.At, out.Device = time.UnixMilli(entry.At).In(content.Berlin).Format("15:04"), entry.Device
		if entry.Scan != scan.Scan {
			out.Result = ScanAlready
			return nil
		}
		out.Result = ScanIn
		_, err = tx.DB().NewQuery(`UPDATE tickets SET checked_in = {:at}, checked_by = {:device} WHERE reference = {:reference} AND number = {:number} AND checked_in IS NULL`).
			Bind(dbx.Params{"at": entry.At, "device": entry.Device, "reference": reference, "number": number}).Execute()
		return err
	})
	return out, err
}

// Leave takes an entry back that was a mistake.
func (s *Service) Leave(event, number string) error {
	reference, n, ok := ticketNumber(number)
	if !ok {
		return base.ErrNotFound
	}
	return s.p.App.RunInTransaction(func(tx core.App) error {
		params := dbx.Params{"reference": reference, "number": n, "event": event}
		if _, err := tx.DB().NewQuery(`DELETE FROM entries WHERE reference = {:reference} AND number = {:number} AND event = {:event}`).Bind(params).Execute(); err != nil {
			return err
		}
		_, err := tx.DB().NewQuery(`UPDATE tickets SET checked_in = NULL, checked_by = '' WHERE reference = {:reference} AND number = {:number} AND event = {:event}`).Bind(params).Execute()
		return err
	})
}

var ticketForm = regexp.MustCompile(`^([A-Z]-[0-9A-Z]{5}-[0-9A-Z]{5}) ?/ ?([0-9]{1,4})$`)

func ticketNumber(s string) (reference string, number int, ok bool) {
	m := ticketForm.FindStringSubmatch(s)
	if m == nil {
		return "", 0, false
	}
	number, err := strconv.Atoi(m[2])
	return m[1], number, err == nil
}

// guest is one ticket in the lists of the door.
type guest struct {
	Reference string `db:"reference"`
	Number    int    `db:"number"`
	Pool      string `db:"pool"`
	Name      string `db:"name"`
	Nonce     string `db:"nonce"`
	CheckedIn int64  `db:"checked_in"`
}

func (g guest) Ticket() string { return g.Reference + "/" + strconv.Itoa(g.Number) }
func (g guest) In() bool       { return g.CheckedIn != 0 }
func (g guest) Clock() string {
	return time.UnixMilli(g.CheckedIn).In(content.Berlin).Format("15:04")
}

// guests lists who may come in, by name.
func (s *Service) guests(event string) (list []guest, err error) {
	err = s.p.App.DB().NewQuery(`SELECT t.reference, t.number, t.pool, CASE t.name WHEN '' THEN c.name ELSE t.name END AS name, t.nonce, coalesce(t.checked_in, 0) AS checked_in
		FROM tickets t JOIN claims c ON c.reference = t.reference
		WHERE c.event = {:event} AND t.event = {:event} AND c.kind = 'booking' AND c.state IN ('active', 'confirmed') AND t.released IS NULL
		ORDER BY name COLLATE NOCASE, t.reference, t.number`).Bind(dbx.Params{"event": event}).All(&list)
	return list, err
}

type doorPage struct {
	Slug, EventName, When string
	In, All               int
	End                   int64 // Unix milliseconds after which phones wipe their lists
	Pools                 []place
	Result                *Scanned
	Found                 []guest
	Searched              bool
	Device                string
	Labels                map[string]string
	Key, Number           string // of the form for guests without a booking
}

func (s *Service) doorPage(slug string) (doorPage, []guest, error) {
	ev, found, err := anyEvent(s.p.App.DB(), slug)
	if err != nil {
		return doorPage{}, nil, err
	}
	if !found {
		return doorPage{}, nil, base.ErrNotFound
	}
	list, err := s.guests(slug)
	if err != nil {
		return doorPage{}, nil, err
	}
	rows, err := counters(s.p.App.DB(), s.p.Now(), slug)
	if err != nil {
		return doorPage{}, nil, err
	}
	page := doorPage{
		Slug: slug, EventName: titleOf(ev, content.German), When: when(ev, content.German), All: len(list),
		Pools: places(ev, rows[slug], content.German), End: endOf(ev).Add(12 * time.Hour).UnixMilli(), Labels: map[string]string{},
		Key: base.NewToken(), Number: "1",
	}
	for _, pl := range page.Pools {
		page.Labels[pl.Code] = pl.Label
	}
	for _, g := range list {
		if g.In() {
			page.In++
		}
	}
	return page, list, nil
}

func (s *Service) showDoor(e *core.RequestEvent) error {
	page, _, err := s.doorPage(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	return s.doorView(e, http.StatusOK, page, nil, nil)
}

func (s *Service) doorView(e *core.RequestEvent, status int, page doorPage, form url.Values, problems content.Problems) error {
	if n := form.Get("plaetze"); n != "" {
		page.Number = n
	}
	return s.p.Show(e, status, templates, "staff-door", base.View{
		Title: s.p.Words.In(content.German, "staff.door.title", "event", page.EventName), Data: page, Form: form, Problems: problems,
	})
}

// sendDoor works without scripts: a code, a booking number or a part of a name is
// looked up; buttons let in, take back and let in without a booking. What was
// looked for never becomes part of an address.
func (s *Service) sendDoor(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	slug := e.Request.PathValue("slug")
	page, list, err := s.doorPage(slug)
	if err != nil {
		return err
	}
	device := deviceName(form.Get("ort"))
	page.Device = device
	let := func(scan Scan) error {
		scan.Scan, scan.At, scan.Device = base.NewToken(), s.p.Now().UnixMilli(), device
		got, err := s.Enter(slug, scan)
		if err != nil {
			return err
		}
		if page, _, err = s.doorPage(slug); err != nil {
			return err
		}
		page.Result, page.Device = &got, device
		return s.doorView(e, http.StatusOK, page, url.Values{"ort": {device}}, nil)
	}
	switch {
	case form.Get("ein") != "":
		return let(Scan{Ticket: form.Get("ein")})
	case form.Get("zurueck") != "":
		if err := s.Leave(slug, form.Get("zurueck")); err != nil {
			return err
		}
		return e.Redirect(http.StatusSeeOther, "/einlass/"+slug+"/")
	case form.Has("abend"):
		n, err := strconv.Atoi(strings.TrimSpace(form.Get("plaetze")))
		if err != nil || n < 1 || n > MaxPlaces {
			return s.doorView(e, http.StatusUnprocessableEntity, page, form, content.Problems{{Field: "plaetze", Code: "too_large", Args: map[string]any{"max": MaxPlaces}}})
		}
		_, _, err = s.Book(Order{
			Event: slug, Request: Request{Places: n, Pool: form.Get("pool")}, Language: content.German,
			Channel: Door, Staff: base.Staff(e).Id, Key: "door:" + form.Get("key"),
		})
		if problems, ok := err.(content.Problems); ok {
			for i := range problems {
				problems[i].Field = "plaetze"
			}
			return s.doorView(e, http.StatusUnprocessableEntity, page, form, problems)
		}
		if why := asRefusal(err); why != nil && why != base.ErrNotFound {
			return s.doorView(e, why.Status, page, form, content.Problems{{Field: "plaetze", Code: "door_" + why.Code}})
		}
		if err != nil {
			return err
		}
		return e.Redirect(http.StatusSeeOther, "/einlass/"+slug+"/")
	}
	wanted := strings.TrimSpace(form.Get("suche"))
	if len(ticket.Clean(wanted)) == ticket.Length {
		return let(Scan{Code: wanted})
	}
	if utf8.RuneCountInString(wanted) < 2 {
		return s.doorView(e, http.StatusUnprocessableEntity, page, form, content.Problems{{Field: "suche", Code: "required"}})
	}
	page.Searched = true
	reference := base.NormaliseReference(wanted)
	for _, g := range list {
		if g.Reference == reference || strings.Contains(strings.ToLower(g.Name), strings.ToLower(wanted)) {
			g.Pool = page.Labels[g.Pool]
			if page.Found = append(page.Found, g); len(page.Found) == 50 {
				break
			}
		}
	}
	return s.doorView(e, http.StatusOK, page, form, nil)
}

// deviceName is what staff call the place where they stand: a few words, or "".
func deviceName(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > 40 || !isLine(s) {
		return ""
	}
	return s
}

type doorGuest struct {
	Ticket string `json:"t"`
	Name   string `json:"n"`
	Pool   string `json:"p"`
	Hash   string `json:"h"` // SHA-256 of the code
	In     string `json:"i,omitempty"`
}

// doorList is what phones keep for when there is no connection.
func (s *Service) doorList(e *core.RequestEvent) error {
	page, list, err := s.doorPage(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	answer := struct {
		In     int         `json:"in"`
		All    int         `json:"all"`
		Guests []doorGuest `json:"guests"`
	}{page.In, page.All, []doorGuest{}}
	signer := s.signer()
	for _, g := range list {
		text, err := code(signer, Ticket{Event: page.Slug, Reference: g.Reference, Number: g.Number, Nonce: g.Nonce})
		if err != nil {
			return err
		}
		sum := sha256.Sum256([]byte(text))
		one := doorGuest{Ticket: g.Ticket(), Name: g.Name, Pool: page.Labels[g.Pool], Hash: hex.EncodeToString(sum[:])}
		if g.In() {
			one.In = g.Clock()
		}
		answer.Guests = append(answer.Guests, one)
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	return e.JSON(http.StatusOK, answer)
}

// MaxSync is how many scans a phone hands in at once.
const MaxSync = 200

// doorSync takes scans, also those made without a connection, in the order given.
func (s *Service) doorSync(e *core.RequestEvent) error {
	var body struct {
		Scans []Scan `json:"scans"`
	}
	if _, err := base.DecodeJSON(e.Response, e.Request, &body); err != nil {
		return err
	}
	if len(body.Scans) > MaxSync {
		return content.Problems{{Field: "scans", Code: "too_large", Args: map[string]any{"max": MaxSync}}}
	}
	slug := e.Request.PathValue("slug")
	if _, found, err := anyEvent(s.p.App.DB(), slug); err != nil || !found {
		return orNotFound(err)
	}
	answers := []Scanned{}
	for _, scan := range body.Scans {
		if len(scan.Scan) < 16 || len(scan.Scan) > 64 {
			return content.Problems{{Field: "scans", Code: "required"}}
		}
		scan.Device = deviceName(scan.Device)
		got, err := s.Enter(slug, scan)
		if err != nil {
			return err
		}
		answers = append(answers, got)
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	return e.JSON(http.StatusOK, map[string]any{"results": answers})
}

package planning

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Every route of packages and clearances, asked by every role: pages open to those
// who may, and what holds single responses only under a clearance.
func TestRolesAndClearances(t *testing.T) {
	h := newHouse(t)
	owner := h.planner()
	id := h.made(owner)
	uncleared := h.browser(base.Planner)
	h.clear(uncleared.staff, "andere-umfrage", true, true) // for another survey only
	people := []struct {
		name string
		b    browser
	}{
		{"cleared", owner}, {"not cleared", uncleared}, {"admin", h.browser(base.Admin)}, {"editor", h.browser(base.Editor)},
		{"publisher", h.browser(base.Publisher)}, {"counter", h.browser(base.Counter)}, {"moderator", h.browser(base.Moderator)}, {"guest", h.browser()},
	}
	for _, r := range []struct {
		method, path string
		form         url.Values
		want         map[string]int // others 403, guests 303
	}{
		{"GET", "/planung/", nil, map[string]int{"cleared": 200, "not cleared": 200, "admin": 200}},
		{"GET", "/planung/smart-kassel/", nil, map[string]int{"cleared": 200, "not cleared": 200, "admin": 200}},
		{"GET", exportsAt, nil, map[string]int{"cleared": 200, "not cleared": 200, "admin": 200}},
		{"GET", "/planung/exporte/umfragen/nichts/", nil, map[string]int{"cleared": 404, "not cleared": 404, "admin": 404}},
		{"POST", exportsAt + "starten/", url.Values{}, map[string]int{"cleared": 422}},
		{"POST", exportsAt + "profile/", url.Values{}, map[string]int{"cleared": 422}},
		{"POST", exportsAt + "profile/keines/", url.Values{}, map[string]int{"cleared": 404, "not cleared": 404}},
		{"GET", "/planung/exporte/" + id + "/", nil, map[string]int{"cleared": 200}},
		{"POST", "/planung/exporte/" + id + "/abbrechen/", nil, map[string]int{"cleared": 303, "admin": 303}},
		{"GET", "/planung/freigaben/", nil, map[string]int{"admin": 200}},
		{"POST", "/planung/freigaben/", url.Values{}, map[string]int{"admin": 422}},
		{"POST", "/planung/freigaben/keine/beenden/", nil, map[string]int{"admin": 404}},
	} {
		for _, p := range people {
			want, ok := r.want[p.name]
			if !ok {
				want = http.StatusForbidden
			}
			if p.name == "guest" {
				want = http.StatusSeeOther
			}
			var res *http.Response
			if r.form != nil {
				res, _ = p.b.do(r.method, r.path, r.form)
			} else {
				res, _ = p.b.do(r.method, r.path)
			}
			if res.StatusCode != want {
				t.Errorf("%s: %s %s gives %d, want %d", p.name, r.method, r.path, res.StatusCode, want)
			}
			if p.name == "guest" && !strings.HasPrefix(res.Header.Get("Location"), "/anmelden/") {
				t.Errorf("guest: %s %s leads to %q", r.method, r.path, res.Header.Get("Location"))
			}
		}
	}
	_, body := uncleared.do("GET", exportsAt)
	wants(t, body, "nicht freigegeben", "/umfragen/smart-kassel/ergebnisse/")
	if strings.Contains(body, "Paket erstellen") {
		t.Error("who is not cleared is offered a package")
	}
	h.publish("wohnen", "Wohnen")
	if _, body := uncleared.do("GET", "/planung/exporte/umfragen/wohnen/"); !strings.Contains(body, "nicht freigegeben") || strings.Contains(body, "/ergebnisse/") {
		t.Error("a link to results that are not there")
	}
}

// No table of packages or clearances is reachable by PocketBase's own API.
func TestNoCollectionTellsOfPackages(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	for _, name := range []string{"export_files", "export_downloads", "export_clearances", "export_profiles"} {
		if _, err := h.p.App.FindCollectionByNameOrId(name); err == nil {
			t.Errorf("%s is a collection", name)
		}
		if res, _ := b.do("GET", "/api/collections/"+name+"/records"); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}

func TestAnAdministratorGivesAndEndsClearances(t *testing.T) {
	h := newHouse(t)
	admin, planner := h.browser(base.Admin), h.browser(base.Planner)
	good := func(more ...string) url.Values {
		form := url.Values{"person": {planner.staff}, "umfrage": {"smart-kassel"}, "freitexte": {"ja"}, "zweck": {"Auswertung für den Beirat"}, "bis": {"2027-03-31"}}
		for i := 0; i+1 < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return form
	}
	both := h.browser(base.Admin, base.Planner)
	for _, c := range []struct {
		what  string
		b     browser
		form  url.Values
		field string
		says  string
	}{
		{"nobody", admin, good("person", ""), "person", "füllen"},
		{"no planner", admin, good("person", admin.staff), "person", "selbst"},
		{"somebody unknown", admin, good("person", "x"), "person", "gibt es nicht"},
		{"an editor", admin, good("person", h.browser(base.Editor).staff), "person", "gibt es nicht"},
		{"oneself", both, good("person", both.staff), "person", "Sich selbst"},
		{"no survey", admin, good("umfrage", ""), "umfrage", "füllen"},
		{"an unknown survey", admin, good("umfrage", "nie"), "umfrage", "gibt es nicht"},
		{"no purpose", admin, good("zweck", " "), "zweck", "füllen"},
		{"no end", admin, good("bis", ""), "bis", "füllen"},
		{"no day", admin, good("bis", "bald"), "bis", "Datum"},
		{"a day that is over", admin, good("bis", "2026-12-01"), "bis", "höchstens in einem Jahr"},
		{"more than a year", admin, good("bis", "2027-12-03"), "bis", "höchstens in einem Jahr"},
	} {
		res, body := c.b.do("POST", "/planung/freigaben/", c.form)
		if res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", c.what, res.StatusCode)
		}
		wants(t, body, `<a href="#f-`+c.field+`">`, c.says)
	}
	if n := h.count(`SELECT count(*) FROM export_clearances`); n != 0 {
		t.Fatalf("%d clearances", n)
	}
	if res, _ := planner.do("POST", exportsAt+"starten/", wish()); res.StatusCode != http.StatusForbidden {
		t.Errorf("before: %d", res.StatusCode)
	}
	if res, _ := admin.do("POST", "/planung/freigaben/", good()); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("granting: %d", res.StatusCode)
	}
	_, body := admin.do("GET", "/planung/freigaben/")
	wants(t, body, "Auswertung für den Beirat", "31.03.2027", "Freitexte")
	_, body = planner.do("GET", exportsAt)
	wants(t, body, "Auswertung für den Beirat", "31.03.2027", `name="freitexte"`)
	if strings.Contains(body, `name="person"`) {
		t.Error("personal answers are offered")
	}
	f, err := h.file(t.Context(), h.made(planner))
	if err != nil {
		t.Fatal(err)
	}

	// A new clearance ends the old one. Free texts are in no package any more.
	if res, _ := admin.do("POST", "/planung/freigaben/", good("freitexte", "", "bis", "2026-12-31")); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("granting anew: %d", res.StatusCode)
	}
	if n := h.count(`SELECT count(*) FROM export_clearances WHERE revoked IS NULL`); n != 1 {
		t.Errorf("%d clearances hold", n)
	}
	c, err := h.cleared(t.Context(), h.p.App.DB(), planner.staff, "smart-kassel")
	if err != nil || c.FreeText || c.Until != "2026-12-31" {
		t.Errorf("%+v %v", c, err)
	}
	if res, _ := planner.do("GET", "/planung/exporte/"+f.ID+"/"); res.StatusCode != http.StatusOK {
		t.Errorf("a package that the new clearance covers: %d", res.StatusCode)
	}

	// Ended at once: the package is gone, link and file.
	if res, _ := admin.do("POST", "/planung/freigaben/"+c.ID+"/beenden/"); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("ending: %d", res.StatusCode)
	}
	if res, _ := planner.do("GET", "/planung/exporte/"+f.ID+"/"); res.StatusCode != http.StatusForbidden {
		t.Errorf("after the end: %d", res.StatusCode)
	}
	if len(h.inFolder()) != 0 {
		t.Errorf("left: %v", h.inFolder())
	}
	_, body = admin.do("GET", "/planung/freigaben/")
	wants(t, body, "Beendete Freigaben", "Niemand ist freigegeben")
}

// A clearance holds for one survey, for what it says, until its last day, while
// the person is a planner with an account that is not disabled.
func TestWhatAClearanceCovers(t *testing.T) {
	h := newHouse(t)
	h.publish("andere", "Andere")
	plain, free, personal := Profile{Formats: []string{"csv"}}, Profile{Formats: []string{"csv"}, FreeText: true}, Profile{Formats: []string{"csv"}, Personal: true}
	staff := h.browser(base.Planner).staff
	try := func(slug string, p Profile) bool {
		t.Helper()
		id, err := h.begin(t.Context(), order{survey: slug, staff: staff, reason: "Test der Freigabe", profile: p})
		if err == nil {
			if _, err := h.Planning.cancel(id); err != nil {
				t.Fatal(err)
			}
			return true
		}
		if err != ErrNotCleared {
			t.Fatal(err)
		}
		return false
	}
	for _, c := range []struct{ personal, free bool }{{false, false}, {false, true}, {true, false}, {true, true}} {
		h.clear(staff, "smart-kassel", c.personal, c.free)
		if !try("smart-kassel", plain) || try("smart-kassel", free) != c.free || try("smart-kassel", personal) != c.personal || try("andere", plain) {
			t.Errorf("%+v covers something else", c)
		}
	}
	record, err := h.p.App.FindRecordById("staff", staff)
	if err != nil {
		t.Fatal(err)
	}
	set := func(roles []string, disabled bool) {
		t.Helper()
		record.Set("roles", roles)
		record.Set("disabled", disabled)
		if err := h.p.App.Save(record); err != nil {
			t.Fatal(err)
		}
	}
	set([]string{base.Editor}, false)
	if try("smart-kassel", plain) {
		t.Error("an editor is cleared")
	}
	set([]string{base.Planner, base.Editor}, true)
	if try("smart-kassel", plain) {
		t.Error("a disabled account is cleared")
	}
	set([]string{base.Planner}, false)
	c, err := h.cleared(t.Context(), h.p.App.DB(), staff, "smart-kassel")
	if err != nil {
		t.Fatal(err)
	}
	ends, err := c.ends()
	if err != nil {
		t.Fatal(err)
	}
	h.later(ends.Sub(h.p.Now()) - time.Second)
	if !try("smart-kassel", plain) {
		t.Error("not cleared in the last second of the last day in Berlin")
	}
	h.later(time.Second)
	if try("smart-kassel", plain) {
		t.Error("cleared on the day after")
	}
}

// A package never outlives the clearance, and what was ordered before its end is
// not handed over after it.
func TestAPackageEndsWithItsClearance(t *testing.T) {
	h := newHouse(t)
	b := h.browser(base.Planner)
	if err := h.grant(t.Context(), clearance{Staff: b.staff, Survey: "smart-kassel", Purpose: "kurz", GrantedBy: "x", Until: "2026-12-03"}); err != nil {
		t.Fatal(err)
	}
	f, err := h.file(t.Context(), h.made(b))
	if err != nil {
		t.Fatal(err)
	}
	if at := time.UnixMilli(f.Expires).UTC().Format(time.RFC3339); at != "2026-12-03T23:00:00Z" {
		t.Errorf("ends at %s", at)
	}
	id, err := h.begin(t.Context(), h.order(b))
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.cleared(t.Context(), h.p.App.DB(), b.staff, "smart-kassel")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.revoke(t.Context(), c.ID, "x"); err != nil {
		t.Fatal(err)
	}
	if err := h.build(t.Context(), id); err == nil {
		t.Error("a package was made after its clearance ended")
	}
	if got, err := h.file(t.Context(), id); err != nil || got.State != "failed" || !strings.Contains(got.Error, "Freigabe") || len(h.inFolder()) != 0 {
		t.Errorf("%+v %v, folder %v", got, err, h.inFolder())
	}
}

// The database itself keeps the rules of clearances.
func TestClearancesAreFrozen(t *testing.T) {
	h := newHouse(t)
	b := h.planner()
	for _, query := range []string{
		`UPDATE export_clearances SET personal = 1`,
		`UPDATE export_clearances SET until = '2099-01-01'`,
		`UPDATE export_clearances SET personal = 1, revoked = 1, revoked_by = 'x'`,
		`INSERT INTO export_clearances (id, staff, survey, personal, free_text, purpose, until, granted, granted_by) VALUES ('x', 'a', 's', 0, 0, 'p', '2027-01-01', 1, 'a')`,
		`INSERT INTO export_clearances (id, staff, survey, personal, free_text, purpose, until, granted, granted_by) VALUES ('y', '` + b.staff + `', 'smart-kassel', 0, 0, 'p', '2027-01-01', 1, 'b')`,
	} {
		if _, err := h.p.App.DB().NewQuery(query).Execute(); err == nil {
			t.Errorf("done: %s", query)
		}
	}
	if _, err := h.p.App.DB().NewQuery(`UPDATE export_clearances SET revoked = 5, revoked_by = 'x'`).Execute(); err != nil {
		t.Errorf("a clearance cannot be ended: %v", err)
	}
	if _, err := h.p.App.DB().NewQuery(`UPDATE export_clearances SET revoked = NULL, revoked_by = NULL`).Execute(); err == nil {
		t.Error("an ended clearance came back")
	}
}

func TestClearedForFreeTexts(t *testing.T) {
	h := newHouse(t)
	b := h.browser(base.Planner)
	staff, err := h.p.App.FindRecordById("staff", b.staff)
	if err != nil {
		t.Fatal(err)
	}
	check := func(staff *core.Record, want bool) {
		t.Helper()
		if got, err := h.Cleared(t.Context(), staff, "smart-kassel"); err != nil || got != want {
			t.Errorf("%v %v, want %v", got, err, want)
		}
	}
	check(nil, false)
	check(staff, false)
	h.clear(b.staff, "smart-kassel", true, false)
	check(staff, false)
	h.clear(b.staff, "smart-kassel", false, true)
	check(staff, true)
}

package main

import (
	"go/ast"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"servicepoint/pocketbase-app/base"
)

// staffPage is a route of staff, an address of it, who may go there, and what
// they find: an empty form is refused, what is not there is not found.
type staffPage struct {
	route, path string
	may         []string
	finds       int
}

var (
	readers  = []string{base.Editor, base.Publisher, base.Moderator, base.Admin}
	planners = []string{base.Planner, base.Admin}
	counter  = []string{base.Counter, base.Admin}
	typists  = []string{base.Counter, base.Planner, base.Admin}
	admins   = []string{base.Admin}
	writers  = []string{base.Editor}
	issuers  = []string{base.Publisher}
	callers  = []string{base.Counter, base.Planner}
	bookers  = []string{base.Editor, base.Publisher, base.Admin}
	cleared  = []string{base.Planner, base.Moderator}
	hosts    = []string{base.Moderator, base.Editor}
)

var staffPages = []staffPage{
	{"GET /redaktion/", "/redaktion/", readers, 200},
	{"POST /redaktion/bauen/", "/redaktion/bauen/", []string{base.Publisher, base.Admin}, 303},
	{"POST /redaktion/ausgaben/{name}/", "/redaktion/ausgaben/gibt-es-nicht/", issuers, 404},

	{"GET /redaktion/{kind}/", "/redaktion/leistungen/", readers, 200},
	{"GET /redaktion/{kind}/neu/", "/redaktion/veranstaltungen/neu/", writers, 200},
	{"POST /redaktion/{kind}/neu/", "/redaktion/veranstaltungen/neu/", writers, 422},
	{"GET /redaktion/{kind}/{slug}/", "/redaktion/leistungen/fuehrungszeugnis/", readers, 200},
	{"POST /redaktion/{kind}/{slug}/", "/redaktion/leistungen/fuehrungszeugnis/", writers, 409},
	{"GET /redaktion/{kind}/{slug}/vorschau/", "/redaktion/leistungen/fuehrungszeugnis/vorschau/", readers, 200},
	{"POST /redaktion/{kind}/{slug}/veroeffentlichen/", "/redaktion/leistungen/fuehrungszeugnis/veroeffentlichen/", issuers, 400},
	{"POST /redaktion/{kind}/{slug}/zuruecknehmen/", "/redaktion/leistungen/fuehrungszeugnis/zuruecknehmen/", issuers, 400},
	{"GET /redaktion/{kind}/{slug}/fassungen/{rev}/", "/redaktion/leistungen/fuehrungszeugnis/fassungen/1/", readers, 200},
	{"POST /redaktion/{kind}/{slug}/fassungen/{rev}/", "/redaktion/leistungen/fuehrungszeugnis/fassungen/1/", writers, 400},

	{"GET /redaktion/veranstaltungen/{slug}/absagen/", "/redaktion/veranstaltungen/balkonsolar/absagen/", issuers, 200},
	{"POST /redaktion/veranstaltungen/{slug}/absagen/", "/redaktion/veranstaltungen/balkonsolar/absagen/", issuers, 400},
	{"GET /redaktion/veranstaltungen/{slug}/verlegen/", "/redaktion/veranstaltungen/balkonsolar/verlegen/", issuers, 200},
	{"POST /redaktion/veranstaltungen/{slug}/verlegen/", "/redaktion/veranstaltungen/balkonsolar/verlegen/", issuers, 400},
	{"GET /redaktion/veranstaltungen/{slug}/termine/", "/redaktion/veranstaltungen/balkonsolar/termine/", writers, 200},
	{"POST /redaktion/veranstaltungen/{slug}/termine/", "/redaktion/veranstaltungen/balkonsolar/termine/", writers, 422},
	{"GET /redaktion/veranstaltungen/{slug}/uebernehmen/", "/redaktion/veranstaltungen/balkonsolar/uebernehmen/", writers, 404},
	{"POST /redaktion/veranstaltungen/{slug}/uebernehmen/", "/redaktion/veranstaltungen/balkonsolar/uebernehmen/", writers, 404},
	{"POST /redaktion/veranstaltungen/{slug}/duplizieren/", "/redaktion/veranstaltungen/balkonsolar/duplizieren/", writers, 303},
	{"POST /redaktion/veranstaltungen/{slug}/loeschen/", "/redaktion/veranstaltungen/balkonsolar/loeschen/", writers, 400},

	{"GET /redaktion/umfragen/{slug}/fragen/", "/redaktion/umfragen/smart-kassel/fragen/", readers, 200},
	{"POST /redaktion/umfragen/{slug}/fragen/", "/redaktion/umfragen/smart-kassel/fragen/", writers, 400},
	{"GET /redaktion/umfragen/{slug}/fragen/neue-frage/", "/redaktion/umfragen/smart-kassel/fragen/neue-frage/", writers, 404},
	{"POST /redaktion/umfragen/{slug}/fragen/neue-frage/", "/redaktion/umfragen/smart-kassel/fragen/neue-frage/", writers, 404},
	{"GET /redaktion/umfragen/{slug}/fragen/frage/{code}/", "/redaktion/umfragen/smart-kassel/fragen/frage/important_themes/", readers, 200},
	{"POST /redaktion/umfragen/{slug}/fragen/frage/{code}/", "/redaktion/umfragen/smart-kassel/fragen/frage/important_themes/", writers, 409},
	{"GET /redaktion/umfragen/{slug}/fragen/neue-seite/", "/redaktion/umfragen/smart-kassel/fragen/neue-seite/", writers, 200},
	{"POST /redaktion/umfragen/{slug}/fragen/neue-seite/", "/redaktion/umfragen/smart-kassel/fragen/neue-seite/", writers, 422},
	{"GET /redaktion/umfragen/{slug}/fragen/seite/{code}/", "/redaktion/umfragen/smart-kassel/fragen/seite/nie/", readers, 404},
	{"POST /redaktion/umfragen/{slug}/fragen/seite/{code}/", "/redaktion/umfragen/smart-kassel/fragen/seite/nie/", writers, 404},
	{"GET /redaktion/umfragen/{slug}/fragen/abschnitte/", "/redaktion/umfragen/smart-kassel/fragen/abschnitte/", readers, 200},
	{"POST /redaktion/umfragen/{slug}/fragen/abschnitte/", "/redaktion/umfragen/smart-kassel/fragen/abschnitte/", writers, 409},
	{"GET /redaktion/umfragen/{slug}/fragen/quoten/", "/redaktion/umfragen/smart-kassel/fragen/quoten/", readers, 200},
	{"POST /redaktion/umfragen/{slug}/fragen/quoten/", "/redaktion/umfragen/smart-kassel/fragen/quoten/", writers, 409},
	{"GET /redaktion/umfragen/{slug}/fragen/json/", "/redaktion/umfragen/smart-kassel/fragen/json/", readers, 200},
	{"POST /redaktion/umfragen/{slug}/fragen/json/", "/redaktion/umfragen/smart-kassel/fragen/json/", writers, 409},
	{"GET /redaktion/umfragen/{slug}/uebersetzen/", "/redaktion/umfragen/smart-kassel/uebersetzen/", readers, 200},
	{"POST /redaktion/umfragen/{slug}/uebersetzen/", "/redaktion/umfragen/gibt-es-nicht/uebersetzen/", writers, 404},
	{"GET /redaktion/umfragen/{slug}/testen/", "/redaktion/umfragen/smart-kassel/testen/", readers, 200},
	{"POST /redaktion/umfragen/{slug}/testen/", "/redaktion/umfragen/smart-kassel/testen/", writers, 400},
	{"GET /redaktion/umfragen/{slug}/pruefen/", "/redaktion/umfragen/smart-kassel/pruefen/", readers, 200},
	{"GET /redaktion/umfragen/{slug}/ausgabe/{format}/", "/redaktion/umfragen/smart-kassel/ausgabe/json/", readers, 200},
	{"POST /redaktion/umfragen/{slug}/archivieren/", "/redaktion/umfragen/smart-kassel/archivieren/", issuers, 400},
	{"GET /redaktion/umfragen/vorlagen/", "/redaktion/umfragen/vorlagen/", writers, 200},
	{"POST /redaktion/umfragen/vorlagen/", "/redaktion/umfragen/vorlagen/", writers, 422},
	{"GET /redaktion/umfragen/import/", "/redaktion/umfragen/import/", writers, 200},
	{"POST /redaktion/umfragen/import/", "/redaktion/umfragen/import/", writers, 400},
	{"GET /redaktion/umfragen/bibliothek/", "/redaktion/umfragen/bibliothek/", readers, 200},
	{"POST /redaktion/umfragen/bibliothek/", "/redaktion/umfragen/bibliothek/", writers, 404},
	{"GET /redaktion/aufrufe/{slug}/zugang/", "/redaktion/aufrufe/smart-kassel/zugang/", []string{base.Editor, base.Publisher}, 200},
	{"POST /redaktion/aufrufe/{slug}/zugang/", "/redaktion/aufrufe/smart-kassel/zugang/", issuers, 422},
	{"GET /redaktion/umfragen/{slug}/ergebnisse/", "/redaktion/umfragen/smart-kassel/ergebnisse/", issuers, 200},
	{"POST /redaktion/umfragen/{slug}/ergebnisse/", "/redaktion/umfragen/smart-kassel/ergebnisse/", issuers, 422},
	{"GET /redaktion/umfragen/{slug}/texte/", "/redaktion/umfragen/smart-kassel/texte/", issuers, 200},
	{"POST /redaktion/umfragen/{slug}/texte/", "/redaktion/umfragen/smart-kassel/texte/", issuers, 422},
	{"GET /redaktion/umfragen/{slug}/ergebnisse/massnahmen/{id}/", "/redaktion/umfragen/smart-kassel/ergebnisse/massnahmen/neu/", issuers, 200},
	{"POST /redaktion/umfragen/{slug}/ergebnisse/massnahmen/{id}/", "/redaktion/umfragen/smart-kassel/ergebnisse/massnahmen/neu/", issuers, 422},
	{"GET /redaktion/live/", "/redaktion/live/", hosts, 200},
	{"POST /redaktion/live/", "/redaktion/live/", hosts, 422},
	{"GET /redaktion/live/{id}/", "/redaktion/live/999/", hosts, 404},
	{"POST /redaktion/live/{id}/", "/redaktion/live/999/", hosts, 404},
	{"GET /redaktion/live/{id}/strom/", "/redaktion/live/999/strom/", hosts, 404},
	{"GET /redaktion/ideen/", "/redaktion/ideen/", []string{base.Moderator}, 200},
	{"GET /redaktion/ideen/{number}/", "/redaktion/ideen/1/", []string{base.Moderator}, 200},
	{"POST /redaktion/ideen/{number}/", "/redaktion/ideen/1/", []string{base.Moderator}, 400},
	{"GET /redaktion/ideen/{number}/bild/", "/redaktion/ideen/1/bild/", []string{base.Moderator}, 404},

	{"GET /redaktion/umfragen/{slug}/zugang/", "/redaktion/umfragen/smart-kassel/zugang/", []string{base.Editor, base.Publisher, base.Admin}, 200},
	{"POST /redaktion/umfragen/{slug}/zugang/pause/", "/redaktion/umfragen/smart-kassel/zugang/pause/", issuers, 400},
	{"POST /redaktion/umfragen/{slug}/zugang/codes/", "/redaktion/umfragen/smart-kassel/zugang/codes/", issuers, 409},
	{"POST /redaktion/umfragen/{slug}/zugang/einladungen/", "/redaktion/umfragen/smart-kassel/zugang/einladungen/", issuers, 409},

	{"GET /redaktion/konten/", "/redaktion/konten/", admins, 200},
	{"POST /redaktion/konten/", "/redaktion/konten/", admins, 422},
	{"GET /redaktion/konten/{id}/", "/redaktion/konten/niemand/", admins, 404},
	{"POST /redaktion/konten/{id}/", "/redaktion/konten/niemand/", admins, 404},
	{"POST /redaktion/konten/{id}/passwort/", "/redaktion/konten/niemand/passwort/", admins, 404},

	{"GET /redaktion/termine/", "/redaktion/termine/", admins, 200},
	{"POST /redaktion/termine/rahmen/", "/redaktion/termine/rahmen/", admins, 422},
	{"POST /redaktion/termine/leistungen/", "/redaktion/termine/leistungen/", admins, 422},
	{"POST /redaktion/termine/plaetze/", "/redaktion/termine/plaetze/", admins, 422},
	{"POST /redaktion/termine/zeiten/", "/redaktion/termine/zeiten/", admins, 422},
	{"POST /redaktion/termine/ausnahmen/", "/redaktion/termine/ausnahmen/", admins, 422},
	{"GET /redaktion/geraete/", "/redaktion/geraete/", admins, 200},
	{"POST /redaktion/geraete/", "/redaktion/geraete/", admins, 422},
	{"POST /redaktion/geraete/{id}/code/", "/redaktion/geraete/keines/code/", admins, 404},
	{"POST /redaktion/geraete/{id}/sperren/", "/redaktion/geraete/keines/sperren/", admins, 404},

	{"GET /redaktion/auftraege/", "/redaktion/auftraege/", admins, 200},
	{"GET /redaktion/auftraege/webhooks/", "/redaktion/auftraege/webhooks/", admins, 200},
	{"GET /redaktion/auftraege/webhooks/neu/", "/redaktion/auftraege/webhooks/neu/", admins, 200},
	{"POST /redaktion/auftraege/webhooks/neu/", "/redaktion/auftraege/webhooks/neu/", admins, 422},
	{"GET /redaktion/auftraege/webhooks/{id}/", "/redaktion/auftraege/webhooks/gibt-es-nicht/", admins, 404},
	{"POST /redaktion/auftraege/webhooks/{id}/", "/redaktion/auftraege/webhooks/gibt-es-nicht/", admins, 404},
	{"POST /redaktion/auftraege/webhooks/{id}/testen/", "/redaktion/auftraege/webhooks/gibt-es-nicht/testen/", admins, 404},
	{"POST /redaktion/auftraege/webhooks/{id}/geheimnis/", "/redaktion/auftraege/webhooks/gibt-es-nicht/geheimnis/", admins, 404},
	{"POST /redaktion/auftraege/webhooks/{id}/loeschen/", "/redaktion/auftraege/webhooks/gibt-es-nicht/loeschen/", admins, 404},
	{"GET /redaktion/auftraege/erneut/", "/redaktion/auftraege/erneut/?id=1", admins, 200},
	{"GET /redaktion/auftraege/zuruecknehmen/", "/redaktion/auftraege/zuruecknehmen/?id=1", admins, 200},
	{"POST /redaktion/auftraege/zuruecknehmen/", "/redaktion/auftraege/zuruecknehmen/", admins, 404},
	{"GET /redaktion/auftraege/pause/", "/redaktion/auftraege/pause/?provider=mail", admins, 200},
	{"POST /redaktion/auftraege/erneut/", "/redaktion/auftraege/erneut/", admins, 404},
	{"POST /redaktion/auftraege/pause/", "/redaktion/auftraege/pause/", admins, 404},
	{"POST /redaktion/auftraege/weiter/", "/redaktion/auftraege/weiter/", admins, 404},

	{"GET /redaktion/anbieter/", "/redaktion/anbieter/", admins, 200},
	{"GET /redaktion/anbieter/{name}/", "/redaktion/anbieter/octo/", admins, 200},
	{"POST /redaktion/anbieter/{name}/", "/redaktion/anbieter/octo/", admins, 422},
	{"POST /redaktion/anbieter/{name}/pruefen/", "/redaktion/anbieter/octo/pruefen/", admins, 303},

	{"GET /planung/", "/planung/", planners, 200},
	{"GET /planung/{slug}/", "/planung/smart-kassel/", planners, 200},
	{"GET /planung/berichte/", "/planung/berichte/", planners, 200},
	{"GET /planung/berichte/{slug}/", "/planung/berichte/anliegen/", planners, 200},
	{"GET /planung/berichte/{slug}/datei/", "/planung/berichte/gibt-es-nicht/datei/", planners, 404},
	{"GET /planung/exporte/umfragen/{slug}/", "/planung/exporte/umfragen/smart-kassel/", planners, 200},
	{"POST /planung/exporte/umfragen/{slug}/starten/", "/planung/exporte/umfragen/smart-kassel/starten/", []string{base.Planner}, 422},
	{"POST /planung/exporte/umfragen/{slug}/profile/", "/planung/exporte/umfragen/smart-kassel/profile/", []string{base.Planner}, 422},
	{"POST /planung/exporte/umfragen/{slug}/profile/{id}/", "/planung/exporte/umfragen/smart-kassel/profile/0/", []string{base.Planner}, 404},
	{"GET /planung/freigaben/", "/planung/freigaben/", admins, 200},
	{"POST /planung/freigaben/", "/planung/freigaben/", admins, 422},
	{"POST /planung/freigaben/{id}/beenden/", "/planung/freigaben/0/beenden/", admins, 404},
	{"GET /planung/exporte/{id}/", "/planung/exporte/0/", []string{base.Planner}, 404},
	{"POST /planung/exporte/{id}/abbrechen/", "/planung/exporte/0/abbrechen/", planners, 404},
	{"GET /planung/umfragen/{slug}/fragen/", "/planung/umfragen/smart-kassel/fragen/", planners, 200},
	{"GET /planung/umfragen/{slug}/kreuztabelle/", "/planung/umfragen/smart-kassel/kreuztabelle/", planners, 200},
	{"GET /planung/umfragen/{slug}/vergleich/", "/planung/umfragen/smart-kassel/vergleich/", planners, 200},
	{"GET /planung/umfragen/{slug}/karte/", "/planung/umfragen/smart-kassel/karte/", planners, 200},
	{"POST /planung/umfragen/{slug}/ziel/", "/planung/umfragen/gibt-es-nicht/ziel/", planners, 404},
	{"GET /planung/ansichten/", "/planung/ansichten/", planners, 200},
	{"POST /planung/ansichten/", "/planung/ansichten/", planners, 422},
	{"POST /planung/ansichten/{id}/loeschen/", "/planung/ansichten/0/loeschen/", planners, 404},
	{"GET /planung/umfragen/{slug}/dateien/", "/planung/umfragen/smart-kassel/dateien/", cleared, 200},
	{"GET /planung/umfragen/{slug}/dateien/{name}", "/planung/umfragen/smart-kassel/dateien/gibt-es-nicht", cleared, 404},

	{"GET /schalter/", "/schalter/", counter, 200},
	{"GET /schalter/anliegen/{reference}/", "/schalter/anliegen/A-00000-00000/", counter, 404},
	{"POST /schalter/anliegen/{reference}/", "/schalter/anliegen/A-00000-00000/", counter, 404},
	{"POST /schalter/anliegen/{reference}/weitergeben/", "/schalter/anliegen/A-00000-00000/weitergeben/", counter, 404},
	{"GET /schalter/termine/", "/schalter/termine/", counter, 200},
	{"GET /schalter/termine/neu/", "/schalter/termine/neu/", counter, 200},
	{"POST /schalter/termine/neu/", "/schalter/termine/neu/", counter, 422},
	{"GET /schalter/termine/quoten/", "/schalter/termine/quoten/", counter, 200},
	{"GET /schalter/termine/{reference}/", "/schalter/termine/T-0000-0000/", counter, 404},
	{"POST /schalter/termine/{reference}/", "/schalter/termine/T-0000-0000/", counter, 404},
	{"GET /schalter/termine/{reference}/verschieben/", "/schalter/termine/T-0000-0000/verschieben/", counter, 404},
	{"POST /schalter/termine/{reference}/verschieben/", "/schalter/termine/T-0000-0000/verschieben/", counter, 404},
	{"GET /schalter/aufruf/", "/schalter/aufruf/", counter, 200},
	{"POST /schalter/aufruf/", "/schalter/aufruf/", counter, 422},
	{"POST /schalter/aufruf/nummer/", "/schalter/aufruf/nummer/", counter, 422},
	{"GET /schalter/aufruf/nummer/{number}/", "/schalter/aufruf/nummer/99999/", counter, 404},
	{"GET /schalter/veranstaltungen/", "/schalter/veranstaltungen/", counter, 200},
	{"GET /schalter/veranstaltungen/{slug}/", "/schalter/veranstaltungen/balkonsolar/", counter, 200},
	{"POST /schalter/veranstaltungen/{slug}/", "/schalter/veranstaltungen/balkonsolar/", counter, 400},
	{"GET /einlass/{slug}/", "/einlass/balkonsolar/", counter, 200},
	{"POST /einlass/{slug}/", "/einlass/balkonsolar/", counter, 422},
	{"GET /einlass/{slug}/liste", "/einlass/balkonsolar/liste", counter, 200},
	{"POST /einlass/{slug}/abgleich", "/einlass/balkonsolar/abgleich", counter, 415},
	{"GET /redaktion/veranstaltungen/{slug}/buchungen/", "/redaktion/veranstaltungen/balkonsolar/buchungen/", bookers, 200},
	{"POST /redaktion/veranstaltungen/{slug}/buchungen/", "/redaktion/veranstaltungen/balkonsolar/buchungen/", bookers, 422},

	{"GET /schalter/umfragen/", "/schalter/umfragen/", typists, 200},
	{"GET /schalter/umfragen/{slug}/", "/schalter/umfragen/smart-kassel/", typists, 200},
	{"POST /schalter/umfragen/{slug}/", "/schalter/umfragen/smart-kassel/", typists, 422},
	{"POST /schalter/umfragen/{slug}/verwerfen/", "/schalter/umfragen/smart-kassel/verwerfen/", typists, 422},
	{"GET /schalter/tablet/", "/schalter/tablet/", typists, 200},
	{"GET /schalter/telefon/", "/schalter/telefon/", callers, 200},
	{"POST /schalter/telefon/{slug}/", "/schalter/telefon/gibt-es-nicht/", callers, 404},
	{"POST /schalter/telefon/{slug}/auflegen/", "/schalter/telefon/gibt-es-nicht/auflegen/", callers, 303},

	{"GET /konto/passwort/", "/konto/passwort/", base.Roles, 200},
	{"POST /konto/passwort/", "/konto/passwort/", base.Roles, 422},
}

// TestRolesAndPages goes to every page of staff as a guest and with every account
// of the demo: guests are sent to the log-in, others to what their roles open.
func TestRolesAndPages(t *testing.T) {
	t.Parallel()
	s := running(t)
	accounts := []struct {
		name  string
		roles []string
	}{
		{"", nil},
		{"redaktion", []string{base.Editor, base.Publisher}},
		{"autor", []string{base.Editor}},
		{"planung", []string{base.Planner}},
		{"schalter", []string{base.Counter}},
		{"moderation", []string{base.Moderator}},
		{"admin", []string{base.Admin}},
	}
	covered := map[string]bool{}
	for _, a := range accounts {
		who := a.name
		if who == "" {
			who = "guest"
		}
		client := visitor(t)
		if a.name != "" {
			signIn(t, client, s.URL, a.name)
		}
		for _, r := range a.roles {
			covered[r] = true
		}
		for _, page := range staffPages {
			method, _, _ := strings.Cut(page.route, " ")
			t.Run(who+"/"+method+" "+page.path, func(t *testing.T) {
				res, body := ask(t, client, method, s.URL+page.path, nil)
				want := page.finds
				switch {
				case a.name == "":
					want = http.StatusSeeOther
				case !slices.ContainsFunc(a.roles, func(r string) bool { return slices.Contains(page.may, r) }):
					want = http.StatusForbidden
				}
				if res.StatusCode != want {
					t.Fatalf("%d, want %d: %.300s", res.StatusCode, want, body)
				}
				toSignIn := strings.HasPrefix(res.Header.Get("Location"), "/anmelden/")
				if toSignIn != (a.name == "") {
					t.Errorf("sent to %q", res.Header.Get("Location"))
				}
				if res.StatusCode < 300 && res.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("Cache-Control %q", res.Header.Get("Cache-Control"))
				}
				if res.Header.Get("Access-Control-Allow-Origin") != "" {
					t.Error("scripts of other sites may read this page")
				}
			})
		}
	}
	for _, r := range base.Roles {
		if !covered[r] {
			t.Errorf("no account has the role %s", r)
		}
	}
}

// TestAnEditorDoesNotPublish: the refusal is not only a status. The page of a
// guide stays as it is when somebody without the role sends a proper form.
func TestAnEditorDoesNotPublish(t *testing.T) {
	t.Parallel()
	s := running(t)
	editor, publisher := visitor(t), visitor(t)
	signIn(t, editor, s.URL, "autor")
	signIn(t, publisher, s.URL, "redaktion")
	const page = "/redaktion/leistungen/reisepass/"
	_, body := ask(t, publisher, "GET", s.URL+page, nil)
	_, rest, ok := strings.Cut(body, `name="rev" value="`)
	if !ok {
		t.Fatalf("no revision in the form: %.2000s", body)
	}
	rev, _, _ := strings.Cut(rest, `"`)
	form := url.Values{"rev": {rev}}
	if res, _ := ask(t, editor, "POST", s.URL+page+"zuruecknehmen/", form); res.StatusCode != 403 {
		t.Errorf("an editor withdraws: %d", res.StatusCode)
	}
	if res, _ := ask(t, editor, "GET", s.URL+"/leistungen/reisepass/", nil); res.StatusCode != 200 {
		t.Errorf("the guide is gone: %d", res.StatusCode)
	}

	// Even a publisher's browser withdraws nothing for a page of another site.
	req, _ := http.NewRequest("POST", s.URL+page+"zuruecknehmen/", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	res, err := publisher.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 403 {
		t.Errorf("from another site: %d", res.StatusCode)
	}

	// The negative control: with role and own page the same form does it.
	if res, body := ask(t, publisher, "POST", s.URL+page+"zuruecknehmen/", form); res.StatusCode != 303 {
		t.Errorf("a publisher withdraws: %d %.300s", res.StatusCode, body)
	}
}

// TestTheCookieOpensNoAPI: PocketBase's own API does not know the session, and no
// route of ours gives staff more than a guest.
func TestTheCookieOpensNoAPI(t *testing.T) {
	t.Parallel()
	s := running(t)
	admin, guest := visitor(t), visitor(t)
	signIn(t, admin, s.URL, "admin")
	for _, path := range []string{
		"/api/collections", "/api/settings", "/api/logs", "/api/backups", "/api/collections/staff/records",
		"/api/collections/citizens/records", "/api/collections/guides/records", "/api/collections/survey_versions/records",
		"/api/v1/events", "/api/v1/surveys", "/api/v1/cases/A-00000-00000",
	} {
		with, seen := ask(t, admin, "GET", s.URL+path, nil)
		without, open := ask(t, guest, "GET", s.URL+path, nil)
		if with.StatusCode != without.StatusCode || seen != open {
			t.Errorf("%s: %d with the cookie, %d without", path, with.StatusCode, without.StatusCode)
		}
	}
	if res, body := ask(t, admin, "POST", s.URL+"/api/collections/staff/auth-refresh", nil); res.StatusCode < 400 {
		t.Errorf("the cookie became a token: %d %.200s", res.StatusCode, body)
	}
}

// TestTheTableNamesEveryStaffPage compares the table with the routes in the code.
func TestTheTableNamesEveryStaffPage(t *testing.T) {
	var bound []string
	prefixes := map[string]string{"at": "/redaktion/{kind}/", "pagePath": "/redaktion/auftraege/", "paperPath": "/schalter/umfragen/",
		"accessPath": "/redaktion/umfragen/{slug}/zugang/", "devicesPath": "/redaktion/geraete/"}
	eachFile(t, []string{"."}, func(path string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 3 {
				return true
			}
			var method string
			var address ast.Expr
			switch selected(call.Fun) {
			case "Route":
				method, address = literal(call.Args[1]), call.Args[2]
			case "RouteWithFiles":
				method, address = "POST", call.Args[1]
			default:
				return true
			}
			route := literal(address)
			if sum, ok := address.(*ast.BinaryExpr); ok {
				if name := selected(sum.X); prefixes[name] != "" {
					route = prefixes[name] + literal(sum.Y)
				}
			}
			for _, area := range []string{"/redaktion/", "/planung/", "/schalter/", "/konto/", "/einlass/{"} {
				if strings.HasPrefix(route, area) {
					bound = append(bound, method+" "+strings.TrimSuffix(route, "{$}"))
				}
			}
			return true
		})
	})
	var told []string
	for _, p := range staffPages {
		told = append(told, p.route)
	}
	slices.Sort(bound)
	slices.Sort(told)
	if len(bound) < 30 || !slices.Equal(bound, told) {
		t.Errorf("bound:\n%s\nin the table:\n%s", strings.Join(bound, "\n"), strings.Join(told, "\n"))
	}
}

// visitor is a browser without a session.
func visitor(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// signIn signs a visitor in with an account of the demo.
func signIn(t *testing.T, client *http.Client, origin, name string) {
	t.Helper()
	res, body := ask(t, client, "POST", origin+"/anmelden/", url.Values{
		"email": {name + "@service-point.example"}, "password": {"demo-passwort-" + name},
	})
	if res.StatusCode != http.StatusSeeOther || len(res.Cookies()) == 0 {
		t.Fatalf("%s cannot sign in: %d %.300s", name, res.StatusCode, body)
	}
}

// ask sends a request; a POST carries a form, which may be empty.
func ask(t *testing.T, client *http.Client, method, address string, form url.Values) (*http.Response, string) {
	t.Helper()
	var sent io.Reader
	if method == "POST" {
		sent = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, address, sent)
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

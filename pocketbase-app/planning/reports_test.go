package planning

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"servicepoint/content/report"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
)

// reportPages serve one report whose tables the test makes.
func reportPages(t *testing.T, make ReportTables) (get func(path string) (int, string, http.Header)) {
	t.Helper()
	p := basetest.New(t, Words)
	write := func(_ context.Context, path, title string, about [][2]string, tables []*report.Table) error {
		return os.WriteFile(path, []byte(title+" "+about[0][1]+" "+tables[0].Title), 0o600)
	}
	rs := NewReports(p, []Report{{Slug: "buchungen", Tables: []ReportTables{make, make}}}, write)
	srv, client := basetest.Serve(t, p, basetest.SignedIn(t, p, base.Planner), rs.Bind)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return func(path string) (int, string, http.Header) {
		t.Helper()
		res, err := client.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b), res.Header
	}
}

func TestReportsShowTablesAndDrawings(t *testing.T) {
	var asked []report.Period
	get := reportPages(t, func(ctx context.Context, db dbx.Builder, p report.Period) ([]*report.Table, error) {
		asked = append(asked, p)
		var writable int
		if _, err := db.NewQuery(`DELETE FROM claims`).WithContext(ctx).Execute(); err == nil {
			t.Error("a report may write")
		}
		if err := db.NewQuery(`SELECT count(*) FROM claims`).WithContext(ctx).Row(&writable); err != nil {
			return nil, err
		}
		one := &report.Table{Name: "eins", Title: "Tabelle <eins>", Note: "Was gezählt wird", Columns: []report.Column{{Name: "what", Label: "Was", Kind: report.Text}, {Name: "n", Label: "Zahl", Kind: report.Number, Unit: "Stück"}, {Name: "q", Label: "Anteil", Kind: report.Decimal}}, Chart: []string{"n"}}
		one.Add("Erstes", 1234, 12.5)
		one.Add("Zweites", report.Few, nil)
		none := &report.Table{Name: "leer", Title: "Leere Tabelle", Columns: one.Columns, Chart: []string{"n", "q"}}
		return []*report.Table{one, none}, nil
	})
	status, page, _ := get("/planung/berichte/")
	if status != 200 || !strings.Contains(page, `href="/planung/berichte/buchungen/"`) || strings.Contains(page, "staff.reports.") {
		t.Errorf("%d %s", status, page)
	}
	status, page, _ = get("/planung/berichte/buchungen/?from=2026-01-01&to=2026-06-30")
	if status != 200 || strings.Contains(page, "staff.") {
		t.Errorf("%d %s", status, page)
	}
	for _, want := range []string{
		"Tabelle &lt;eins&gt;", "1.234", "12,5", "unter 5 oder verborgen", "Was gezählt wird", "<svg", "01.01.2026 – 30.06.2026", "(Stück)", "In diesem Zeitraum gibt es nichts zu zählen.",
		`/planung/berichte/buchungen/datei/?from=2026-01-01&amp;to=2026-06-30`, "Wartelisten",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q on\n%s", want, page)
		}
	}
	if len(asked) != 2 || asked[0] != (report.Period{From: "2026-01-01", To: "2026-06-30"}) {
		t.Errorf("asked for %v", asked)
	}
	if status, _, _ = get("/planung/berichte/buchungen/"); status != 200 || asked[2] != (report.Period{From: "2025-12-03", To: "2026-12-02"}) {
		t.Errorf("without a period: %d %v", status, asked[2])
	}
	status, body, h := get("/planung/berichte/buchungen/datei/?from=2026-01-01&to=2026-06-30")
	if status != 200 || body != "Buchungen 01.01.2026 – 30.06.2026 Tabelle <eins>" || h.Get("Content-Disposition") != `attachment; filename="bericht_buchungen_2026-01-01_2026-06-30.xlsx"` || h.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %q %v", status, body, h)
	}
}

func TestReportsOfWrongPeriods(t *testing.T) {
	get := reportPages(t, func(context.Context, dbx.Builder, report.Period) ([]*report.Table, error) {
		t.Error("a wrong period was counted")
		return nil, nil
	})
	for query, want := range map[string]string{
		"?from=gestern&to=2026-01-01": "Bitte geben Sie ein Datum an", "?from=2026-01-02&to=2026-01-01": "Das Ende liegt vor dem Beginn", "?to=2026-01-01": "Bitte geben Sie ein Datum an",
		"?from=1900-01-01&to=2026-01-01": "höchstens zwanzig Jahre", "?from=%22%3E%3Cscript%3E&to=%ff": "Bitte geben Sie ein Datum an",
	} {
		status, page, _ := get("/planung/berichte/buchungen/" + query)
		if status != 422 || !strings.Contains(page, want) || !strings.Contains(page, `class="error-summary"`) || strings.Contains(page, "<script>") {
			t.Errorf("%s: %d %s", query, status, page)
		}
		if status, _, h := get("/planung/berichte/buchungen/datei/" + query); status != 303 || !strings.HasPrefix(h.Get("Location"), "/planung/berichte/buchungen/?") {
			t.Errorf("file %s: %d", query, status)
		}
	}
	for _, path := range []string{"/planung/berichte/nein/", "/planung/berichte/nein/datei/"} {
		if status, _, _ := get(path); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestReportsThatFailSaySo(t *testing.T) {
	for what, make := range map[string]ReportTables{
		"a query": func(context.Context, dbx.Builder, report.Period) ([]*report.Table, error) {
			return nil, errors.New("no such table")
		},
		"a wrong cell": func(context.Context, dbx.Builder, report.Period) ([]*report.Table, error) {
			one := &report.Table{Name: "x"}
			one.Add("too many")
			return []*report.Table{one}, nil
		},
	} {
		if status, page, _ := reportPages(t, make)("/planung/berichte/buchungen/"); status != 500 || strings.Contains(page, "no such table") {
			t.Errorf("%s: %d %s", what, status, page)
		}
	}
}

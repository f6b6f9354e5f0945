package results

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
)

func TestAWithdrawnReleaseLeavesTheSiteAndStaysInTheLedger(t *testing.T) {
	h := open(t)
	h.fill(20, "mitte", "good")
	h.fill(20, "nord", "bad")
	take := url.Values{"aktion": {"zurueckziehen"}, "grund.de": {"Eine Frage war falsch gestellt."}}
	if page := h.want(422, at, take); !strings.Contains(page, "lässt") && !strings.Contains(page, "keine Veröffentlichung") {
		t.Error("no reason given")
	}
	h.want(303, at, sent())
	if page := h.want(422, at, url.Values{"aktion": {"zurueckziehen"}}); !strings.Contains(page, `id="e-grund.de"`) {
		t.Error("withdrawn without a reason")
	}
	rebuilt := h.rebuilt
	h.want(303, at, take)
	h.want(422, at, take)
	r := h.catalogue()
	if r.Release != 0 || r.N != 0 || len(r.Figures)+len(r.Tables) != 0 || len(r.Withdrawals) != 1 || r.Withdrawals[0].Reason[content.German] == "" || h.rebuilt != rebuilt+1 {
		t.Fatalf("%+v", r)
	}
	if page := h.want(200, at, nil); !strings.Contains(page, "Zurückgezogen:") || strings.Contains(page, `value="zurueckziehen"`) {
		t.Error("the page does not say that it is withdrawn")
	}
	list, err := entries(t.Context(), h.p.App.DB(), "smart")
	if err != nil || len(shown(list)) == 0 {
		t.Errorf("the ledger has forgotten: %v %v", list, err)
	}
	for _, sql := range []string{`UPDATE result_withdrawals SET reason = '{}'`, `DELETE FROM result_withdrawals`, `UPDATE disclosure_releases SET block = 1`, `DELETE FROM disclosure_releases`} {
		if _, err := h.p.App.DB().NewQuery(sql).Execute(); err == nil {
			t.Errorf("%s went through", sql)
		}
	}
	// A corrected release is shown again, beside what was withdrawn.
	h.want(303, at, sent("grund.de", "Die Frage ist weggelassen."))
	if r := h.catalogue(); r.Release != 2 || len(r.Figures) == 0 || len(r.Withdrawals) != 1 || len(r.Corrections) != 1 {
		t.Errorf("%+v", r)
	}
}

// A survey in the archive has no page of its own; what was published of it stays.
func TestResultsOutliveTheirSurvey(t *testing.T) {
	h := open(t)
	h.fill(20, "mitte", "good")
	h.want(303, at, sent())
	var cat content.Catalogue // without the survey
	if err := Publish(t.Context(), h.p.App.DB(), &cat); err != nil || len(cat.Results) != 1 || cat.Results[0].Title["de"] != "Smart Kassel" || len(cat.Results[0].Figures) == 0 {
		t.Errorf("%+v %v", cat.Results, err)
	}
}

func TestPublishersNameTheCircleOfPeople(t *testing.T) {
	h := open(t)
	h.fill(12, "mitte", "good")
	h.want(422, at, url.Values{"aktion": {"kreis"}, "kreis": {strings.Repeat("x", 81)}})
	h.want(303, at, url.Values{"aktion": {"kreis"}, "kreis": {" Seniorenbeirat "}})
	if page := h.want(200, at, nil); !strings.Contains(page, `value="Seniorenbeirat"`) {
		t.Error("not kept")
	}
	h.want(303, at, url.Values{"aktion": {"kreis"}, "kreis": {""}})
	h.want(404, "/redaktion/umfragen/nie/ergebnisse/", url.Values{"aktion": {"kreis"}, "kreis": {"x"}})
}

func TestFilesAreThoseOfTheNewestReleaseUntilItIsWithdrawn(t *testing.T) {
	h := open(t)
	h.x.Files = func(_ context.Context, r content.Results) (map[string][]byte, error) {
		return map[string][]byte{"antworten.csv": fmt.Appendf(nil, "release %d", r.Release)}, nil
	}
	file := content.ResultFilesPath("smart") + "antworten.csv"
	h.role = "" // everybody
	h.want(404, file, nil)
	h.fill(20, "mitte", "good")
	h.role = base.Publisher
	h.want(303, at, sent())
	h.role = ""
	if got := h.want(200, file, nil); got != "release 1" {
		t.Error(got)
	}
	h.want(404, content.ResultFilesPath("smart")+"anders.csv", nil)
	h.want(404, content.ResultFilesPath("nie")+"antworten.csv", nil)
	h.fill(20, "nord", "good")
	h.role = base.Publisher
	h.want(303, at, sent())
	if got := h.want(200, file, nil); got != "release 2" {
		t.Error(got)
	}
	h.want(303, at, url.Values{"aktion": {"zurueckziehen"}, "grund.de": {"Falsch."}})
	h.want(404, file, nil)
}

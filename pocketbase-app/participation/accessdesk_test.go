package participation_test

import (
	"encoding/csv"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
)

// desk asks as a member of staff.
func (w *world) desk(t *testing.T, staff, method, path string, form url.Values) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, w.srv.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Test-Staff", staff)
	res, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestPublishersMakeCodesThatWork(t *testing.T) {
	w := newWorld(t)
	publisher := basetest.NewStaff(t, w.Platform, base.Publisher).Id
	editor := basetest.NewStaff(t, w.Platform, base.Editor).Id
	west, _ := condition.Parse([]byte(`{"==":[{"var":"district"},"west"]}`))
	w.publishAs(t, "codes", func(q *survey.Questionnaire) {
		q.Access, q.MaxResponses = survey.AccessCode, 100
		q.Quotas = []survey.Quota{{Code: "westen", When: west, Limit: 3, Reason: content.Text{"de": "Genug."}}}
	})
	const at = "/redaktion/umfragen/codes/zugang/"
	status, body := w.desk(t, publisher, "POST", at+"codes/", url.Values{"anzahl": {"12"}, "als": {"zettel"}})
	if status != 200 || strings.Count(body, `class="qr"`) != 12 || !strings.Contains(body, "12 Codes") {
		t.Fatalf("%d %.400s", status, body)
	}
	codes := regexp.MustCompile(`slip-code">([^<]+)<`).FindAllStringSubmatch(body, -1)
	status, body = w.desk(t, publisher, "POST", at+"codes/", url.Values{"anzahl": {"3"}, "als": {"csv"}})
	rows, err := csv.NewReader(strings.NewReader(strings.ReplaceAll(strings.TrimPrefix(body, "\uFEFF"), ";", ","))).ReadAll()
	if err != nil || status != 200 || len(rows) != 4 || !strings.HasSuffix(rows[1][1], "/umfragen/codes/teilnehmen/?code="+rows[1][0]) {
		t.Errorf("%d %v %q", status, err, rows)
	}
	for _, code := range []string{codes[0][1], codes[1][1], rows[1][0]} {
		if status, b := w.put(t, "codes", newID(), withPass(code)); status != 201 {
			t.Fatalf("%d %s", status, b)
		}
	}
	status, body = w.desk(t, editor, "GET", at, nil)
	for _, want := range []string{"<td>15</td><td>3</td>", "3 von 3", "offen", "westen"} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("%d: %q is not on the page\n%s", status, want, body)
		}
	}
	for _, c := range codes {
		if strings.Contains(body, c[1]) {
			t.Error("a code is shown again")
		}
	}
	for n, want := range map[string]int{"": 422, "x": 422, "0": 422, "5001": 422} {
		if status, _ := w.desk(t, publisher, "POST", at+"codes/", url.Values{"anzahl": {n}}); status != want {
			t.Errorf("%q: %d", n, status)
		}
	}
	if status, _ := w.desk(t, editor, "POST", at+"codes/", url.Values{"anzahl": {"1"}}); status != 403 {
		t.Errorf("an editor made codes: %d", status)
	}
	if status, _ := w.desk(t, publisher, "POST", "/redaktion/umfragen/smart-kassel/zugang/codes/", url.Values{"anzahl": {"1"}}); status != 409 {
		t.Errorf("codes for an open survey: %d", status)
	}
	if status, _ := w.desk(t, publisher, "POST", at+"pause/", url.Values{"pause": {"ja"}}); status != 303 {
		t.Error(status)
	}
	if status, b := w.put(t, "codes", newID(), withPass(codes[5][1])); status != 409 || problemCode(b) != "survey_paused" {
		t.Errorf("%d %s", status, b)
	}
	if status, body := w.desk(t, editor, "GET", at, nil); status != 200 || !strings.Contains(body, "macht Pause") {
		t.Errorf("%d %s", status, body)
	}
}

func TestInvitationsGoByMailAndAddressesGoAway(t *testing.T) {
	w := newWorld(t)
	publisher := basetest.NewStaff(t, w.Platform, base.Publisher).Id
	w.publishAs(t, "einladung", func(q *survey.Questionnaire) { q.Access = survey.AccessInvitation })
	const at = "/redaktion/umfragen/einladung/zugang/einladungen/"
	if status, body := w.desk(t, publisher, "POST", at, url.Values{"adressen": {"ada@example.org\nno address"}, "tage": {"7"}}); status != 422 || !strings.Contains(body, "Zeile 2") || !strings.Contains(body, "no address") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := w.desk(t, publisher, "POST", at, url.Values{"adressen": {"ada@example.org\nBob@example.org; ada@example.org"}, "tage": {"7"}, "sprache": {"en"}}); status != 303 {
		t.Fatalf("%d %s", status, body)
	}
	var mails []string
	if err := w.App.DB().NewQuery(`SELECT payload FROM orders ORDER BY id`).Column(&mails); err != nil || len(mails) != 2 {
		t.Fatal(mails, err)
	}
	if strings.Contains(mails[0], "bob@") || !strings.Contains(mails[0], "/en/umfragen/einladung/teilnehmen/?einladung=") {
		t.Error(mails[0])
	}
	token := regexp.MustCompile(`einladung=([0-9A-Z]+)`).FindStringSubmatch(mails[0])[1]
	if status, b := w.put(t, "einladung", newID(), withPass(token)); status != 201 {
		t.Errorf("%d %s", status, b)
	}
	if status, b := w.put(t, "einladung", newID(), withPass(token)); status != 422 || problemCode(b) != "invalid #/pass:invitation_used" {
		t.Errorf("%d %s", status, b)
	}
	if _, err := w.App.DB().NewQuery(`UPDATE orders SET state = 'done'`).Execute(); err != nil {
		t.Fatal(err)
	}
	var kept []string
	if err := w.App.DB().NewQuery(`SELECT payload FROM orders`).Column(&kept); err != nil || len(kept) != 2 || strings.Contains(strings.Join(kept, ""), "@") {
		t.Errorf("%v %v", kept, err)
	}
}

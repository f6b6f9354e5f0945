package results

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
)

const textsAt = "/redaktion/umfragen/smart/texte/"

var markField = regexp.MustCompile(`name="text\.mark" value="([0-9a-f]{24})"`)

// release reads one open text of a question after the other and releases it in
// other words; it gives the marks.
func (h *house) release(key string, texts ...string) (marks []string) {
	h.t.Helper()
	for _, text := range texts {
		found := markField.FindStringSubmatch(h.want(200, textsAt+"?frage="+key, nil))
		if found == nil {
			h.t.Fatal("no open text")
		}
		h.want(303, textsAt, url.Values{"frage": {key}, "text.mark": {found[1]}, "text": {text}, "aktion": {"freigeben"}})
		marks = append(marks, found[1])
	}
	return marks
}

func (h *house) texts() (list []string) {
	h.t.Helper()
	rows, err := ReleasedTexts(h.t.Context(), h.p.App.DB(), "smart")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range rows {
		list = append(list, r.Key+": "+r.Text)
	}
	return list
}

func TestTextsAreReadOneByOneAndDecided(t *testing.T) {
	h := open(t)
	for i := range 9 {
		h.m.answer(survey.Answers{"idea": fmt.Sprintf("Mehr Bäume, Wunsch %d", i), "name": "Erika Geheim"})
	}
	if page := h.want(200, textsAt+"?frage=idea", nil); strings.Contains(page, "Wunsch") || !strings.Contains(page, "ab 10 Antworten lesen") {
		t.Error("texts of fewer than ten people are shown")
	}
	h.m.answer(survey.Answers{"idea": "Bitte melden: Frau Schmidt, 0561 7871234, erika@example.org, Lange Straße 5 <b>"})
	page := h.want(200, textsAt, nil)
	if strings.Contains(page, "Wunsch") || strings.Contains(page, "Geheim") || !strings.Contains(page, "Idee?") || strings.Contains(page, "Name?") {
		t.Errorf("the page shows texts unasked, or a personal question: %s", page)
	}
	if strings.Contains(page, "staff.results") {
		t.Error("a word is missing")
	}
	// One after the other, each once, in an order that is not that of the answers.
	seen := map[string]bool{}
	after := ""
	for range 10 {
		page := h.want(200, textsAt+"?frage=idea&nach="+after, nil)
		after = markField.FindStringSubmatch(page)[1]
		if strings.Contains(page, "Frau Schmidt") {
			_, rest, _ := strings.Cut(page, `name="text"`)
			proposal, _, _ := strings.Cut(rest, "</textarea>")
			for _, secret := range []string{"Schmidt", "7871234", "example.org", "Lange"} {
				if strings.Contains(proposal, secret) || !strings.Contains(page, secret) {
					t.Errorf("%s: %s", secret, proposal)
				}
			}
			if !strings.Contains(page, "<mark>Frau Schmidt</mark>") || strings.Contains(page, "<b>") {
				t.Errorf("what tells who it is does not stand out: %s", page)
			}
		}
		seen[after] = true
	}
	if len(seen) != 10 {
		t.Fatalf("%d texts seen", len(seen))
	}
	if len(h.texts()) != 0 {
		t.Fatal("something is released that nobody released")
	}
	mark := after
	form := func(action, text string) url.Values {
		return url.Values{"frage": {"idea"}, "text.mark": {mark}, "text": {text}, "aktion": {action}}
	}
	if page := h.want(422, textsAt, form("freigeben", "  ")); !strings.Contains(page, `class="error-summary"`) {
		t.Error("an empty text")
	}
	long := strings.Repeat("ä", maxText+1)
	if page := h.want(422, textsAt, form("freigeben", long)); !strings.Contains(page, long) {
		t.Error("what was typed is lost")
	}
	h.want(422, textsAt, form("", "x"))
	h.want(404, textsAt, url.Values{"frage": {"idea"}, "text.mark": {"ffffffffffffffffffffffff"}, "text": {"Erfunden"}, "aktion": {"freigeben"}})
	h.want(404, textsAt, url.Values{"frage": {"name"}, "text.mark": {markOf("smart", h.m.rows[0].ID, "name")}, "text": {"Erika"}, "aktion": {"freigeben"}})
	h.want(404, textsAt+"?frage=name", nil)
	h.want(404, textsAt+"?frage=idea&stand=alle", nil)
	h.want(404, "/redaktion/umfragen/nein/texte/", nil)
	if len(h.texts()) != 0 {
		t.Fatal("a refused form released something")
	}

	h.want(303, textsAt, form("freigeben", "Mehr Bäume"))
	if got := fmt.Sprint(h.texts()); got != "[idea: Mehr Bäume]" {
		t.Errorf("%s", got)
	}
	if page := h.want(409, textsAt, form("zurueckhalten", "")); !strings.Contains(page, "jemand anders entschieden") {
		t.Error("a second decision")
	}
	if page := h.want(200, textsAt+"?frage=idea&stand=freigegeben", nil); !strings.Contains(page, "Mehr Bäume</blockquote>") || !strings.Contains(page, "So wurde es geschrieben") {
		t.Errorf("%s", page)
	}
	h.want(303, textsAt, form("zurueck", ""))
	h.want(303, textsAt, form("zurueckhalten", "Geheim"))
	if len(h.texts()) != 0 {
		t.Error("a refused text is given out")
	}
	if page := h.want(200, textsAt+"?frage=idea&stand=zurueckgehalten", nil); strings.Count(page, `value="zurueck"`) != 1 {
		t.Errorf("%s", page)
	}
	// The log tells who and what, not what it says, and nobody can change it.
	var log []struct {
		State string `db:"state"`
		By    string `db:"changed_by"`
		Mark  string `db:"mark"`
	}
	if err := h.p.App.DB().NewQuery(`SELECT state, changed_by, mark FROM text_decisions ORDER BY id`).All(&log); err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, l := range log {
		states = append(states, l.State)
		if l.By == "" || l.Mark != mark {
			t.Errorf("%+v", l)
		}
	}
	if fmt.Sprint(states) != "[released open refused]" {
		t.Error(states)
	}
	for _, q := range []string{`DELETE FROM text_decisions`, `UPDATE text_decisions SET changed_by = 'x'`} {
		if _, err := h.p.App.DB().NewQuery(q).Execute(); err == nil {
			t.Error("the log can be changed: " + q)
		}
	}
}

func TestOnlyPublishersReadTexts(t *testing.T) {
	h := open(t)
	h.fill(12, "mitte", "good")
	mark := markField.FindStringSubmatch(h.want(200, textsAt+"?frage=idea", nil))[1]
	for _, h.role = range append(slices.Clone(base.Roles), "") {
		if h.role == base.Publisher {
			continue
		}
		status := 403
		if h.role == "" {
			status = 303
		}
		if page := h.want(status, textsAt+"?frage=idea", nil); strings.Contains(page, "Geheimer Wunsch") {
			t.Errorf("%s reads texts", h.role)
		}
		h.want(status, textsAt, url.Values{"frage": {"idea"}, "text.mark": {mark}, "text": {"x"}, "aktion": {"freigeben"}})
	}
	if len(h.texts()) != 0 {
		t.Error("released by somebody who may not")
	}
}

// Nothing but released texts gets into a release, and what is taken back or erased
// leaves the site.
func TestOnlyReleasedTextsAreQuoted(t *testing.T) {
	h := open(t)
	h.fill(25, "mitte", "good")
	marks := h.release("idea", "Mehr Bänke", "Mehr Bäume")
	other := markField.FindStringSubmatch(h.want(200, textsAt+"?frage=idea", nil))[1]
	for _, wrong := range []string{other, "Erfundenes Zitat", strings.Repeat("f", 24)} {
		form := sent()
		form["zitat.idea"] = []string{marks[0], wrong}
		if page := h.want(422, at, form); !strings.Contains(page, "nicht (mehr) freigegeben") {
			t.Errorf("%q: %s", wrong, page)
		}
	}
	form := sent()
	form["zitat.idea"] = marks
	if page := h.want(200, at, nil); !strings.Contains(page, "Mehr Bänke") || strings.Contains(page, "Geheimer Wunsch") {
		t.Error("the choice of quotes")
	}
	h.want(303, at, form)
	quotes := func() string {
		for _, f := range h.catalogue().Figures {
			if f.Key == "idea" {
				return fmt.Sprint(f.Quotes)
			}
		}
		return "no figure"
	}
	if got := quotes(); got != "[Mehr Bänke Mehr Bäume]" {
		t.Fatal(got)
	}
	built := h.rebuilt
	h.want(303, textsAt, url.Values{"frage": {"idea"}, "text.mark": {marks[0]}, "aktion": {"zurueck"}})
	if got := quotes(); got != "[Mehr Bäume]" || h.rebuilt != built+1 {
		t.Errorf("after it was taken back: %s, %d builds", got, h.rebuilt-built)
	}
	// An erased response takes its text along.
	var response string
	if err := h.p.App.DB().NewQuery(`SELECT response FROM released_texts`).Row(&response); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		`INSERT INTO responses (survey, id, version, language, channel, day, answers) VALUES ('smart', {:id}, 1, 'de', 'web', '2026-12-02', '{}')`,
		`DELETE FROM responses WHERE id = {:id}`,
	} {
		if _, err := h.p.App.DB().NewQuery(q).Bind(dbx.Params{"id": response}).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	if got := quotes(); got != "[]" || len(h.texts()) != 0 {
		t.Errorf("after the erasure: %s %v", got, h.texts())
	}
}

// Of many who decide about one text at once, one does.
func TestATextIsDecidedOnce(t *testing.T) {
	h := open(t)
	h.fill(12, "mitte", "good")
	w, err := h.x.findText(t.Context(), "smart", "idea", markField.FindStringSubmatch(h.want(200, textsAt+"?frage=idea", nil))[1])
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	var won atomic.Int32
	for i := range 16 {
		done.Go(func() {
			state, text := textReleased, fmt.Sprint("Text ", i)
			if i%2 == 1 {
				state, text = textRefused, ""
			}
			switch err := h.x.decideOn("smart", w, state, text, "staff"); err {
			case nil:
				won.Add(1)
			default:
				if !strings.Contains(err.Error(), errDecided.Error()) {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	var rows, log int
	if err := h.p.App.DB().NewQuery(`SELECT (SELECT count(*) FROM released_texts), (SELECT count(*) FROM text_decisions)`).Row(&rows, &log); err != nil {
		t.Fatal(err)
	}
	if won.Load() != 1 || rows != 1 || log != 1 {
		t.Errorf("%d won, %d rows, %d in the log", won.Load(), rows, log)
	}
}

func TestMaskingIsAHelp(t *testing.T) {
	for text, want := range map[string]string{
		"Ruft mich an: 0561 / 787-1234.":               "Ruft mich an: […].",
		"+49 561 7871234 oder max.muster@example.org":  "[…] oder […]",
		"Frau Dr. Müller-Lüdenscheidt war nett":        "[…] war nett",
		"Ich heiße Erika Mustermann und wohne hier":    "[…] und wohne hier",
		"Vor der Goethestraße 12a fehlt ein Baum":      "Vor der […] fehlt ein Baum",
		"In der Wilhelmshöher Allee 5":                 "In der […]",
		"siehe https://example.org/ich":                "siehe […]",
		"Ich wünsche mir 20 Bänke und 3 Bäume in 2027": "Ich wünsche mir 20 Bänke und 3 Bäume in 2027",
		"Die Verwaltung soll schneller antworten.":     "Die Verwaltung soll schneller antworten.",
		"Meine Nachbarin Erika stört das":              "Meine Nachbarin Erika stört das", // missed: only people read
	} {
		if got := mask(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		var again strings.Builder
		for _, p := range pieces(text) {
			again.WriteString(p.Text)
		}
		if again.String() != text {
			t.Errorf("pieces of %q: %q", text, again.String())
		}
	}
}

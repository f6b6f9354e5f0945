package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
	"servicepoint/pocketbase-app/base"
)

func (h *house) ask(q disclosure.Question) (disclosure.Answer, error) {
	h.t.Helper()
	return h.x.Ask(h.t.Context(), "smart", "planner", q)
}

func (h *house) ledger() (n int) {
	h.t.Helper()
	if err := h.p.App.DB().NewQuery(`SELECT count(*) FROM disclosure_releases`).Row(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func TestPlannersAskWithinTheRules(t *testing.T) {
	h := open(t)
	h.fill(9, "mitte", "good")
	if _, err := h.ask(disclosure.Question{Row: "view"}); !errors.Is(err, disclosure.ErrFew) {
		t.Fatal(err)
	}
	h.fill(31, "mitte", "good")
	h.fill(20, "mitte", "bad")
	h.fill(25, "nord", "bad")
	h.fill(15, "nord", "good")
	h.fill(3, "west", "bad")
	a, err := h.ask(disclosure.Question{Row: "view"})
	if err != nil || a.Base != 103 || a.All != 103 || a.N[0][0] != 55 || a.AnyGone || h.ledger() != 1 {
		t.Fatalf("%+v %v", a, err)
	}
	if a, err = h.ask(disclosure.Question{Row: "age"}); err != nil || a.Numbers == nil {
		t.Errorf("%+v %v", a, err)
	}
	// West is counted with the smallest other district.
	q := disclosure.Question{Row: "view", Where: []disclosure.Filter{{Key: "district", Codes: []string{"west"}}}}
	a, err = h.ask(q)
	if err != nil || !a.Merged || fmt.Sprint(a.Where) != "[{district [nord west]}]" || a.Base != 43 || fmt.Sprint(a.N) != "[[15] [0] [28]]" {
		t.Fatalf("%+v %v", a, err)
	}
	before := h.ledger()
	if again, err := h.ask(q); err != nil || fmt.Sprint(again) != fmt.Sprint(a) || h.ledger() != before {
		t.Errorf("asked again: %+v %v", again, err)
	}
	a, err = h.ask(disclosure.Question{Row: "view", Where: []disclosure.Filter{{Key: "district", Codes: []string{"mitte"}}}})
	if err != nil || a.Merged || a.Base != 60 || fmt.Sprint(a.N) != "[[40] [0] [20]]" || h.ledger() != before {
		t.Errorf("%+v %v", a, err)
	}
	// Nine more change nothing, a tenth does.
	h.fill(9, "mitte", "fair")
	if a, err = h.ask(disclosure.Question{Row: "view"}); err != nil || a.Base != 103 || a.Waiting != 9 {
		t.Errorf("%+v %v", a, err)
	}
	h.fill(3, "mitte", "fair")
	if a, err = h.ask(disclosure.Question{Row: "view"}); err != nil || a.Base != 115 || a.Waiting != 0 || a.N[1][0] != 12 {
		t.Errorf("%+v %v", a, err)
	}
	// And a release shows everybody what planners have seen, no older and no newer.
	h.want(303, at, sent())
	for _, f := range h.catalogue().Figures {
		if f.Key == "view" && (f.Base != 115 || f.Shares[1].N != 12) {
			t.Errorf("%+v", f)
		}
	}
	for _, q := range []disclosure.Question{
		{Row: "name"}, {Row: "nie"}, {Row: "view", Column: "view"}, {Row: "view", Column: "idea"}, {Row: "age", Column: "view"},
		{Row: "view", Where: []disclosure.Filter{{Key: "name", Codes: []string{"x"}}}}, {Row: "view", Where: []disclosure.Filter{{Key: "district", Codes: []string{"ost"}}}},
		{Row: "view", Where: []disclosure.Filter{{Key: "district"}}}, {Row: "rank", Where: []disclosure.Filter{{Key: "district", Codes: []string{"mitte"}}}},
		{Row: "view", Where: []disclosure.Filter{{Key: "view", Codes: []string{"bad"}}}},
	} {
		if a, err := h.ask(q); !errors.Is(err, disclosure.ErrQuestion) {
			t.Errorf("%v: %+v %v", q, a, err)
		}
	}
	if _, err := h.x.Ask(t.Context(), "nie", "planner", disclosure.Question{Row: "view"}); !errors.Is(err, base.ErrNotFound) {
		t.Error(err)
	}
}

func TestPlannersAskForSeveralOptionsAndChannels(t *testing.T) {
	h := open(t)
	h.m.q.Pages[0].Items = append(h.m.q.Pages[0].Items, survey.Item{Code: "wish", Type: survey.MultipleChoice, Text: de("Was fehlt?"), Options: options("tree", "bench", "shade")})
	for i := range 60 {
		wishes := []any{"tree"}
		if i%2 == 0 {
			wishes = append(wishes, "bench")
		}
		if i == 7 {
			wishes = append(wishes, "shade")
		}
		h.m.answer(survey.Answers{"district": []string{"mitte", "nord"}[i/30], "wish": wishes})
		h.m.rows[i].Channel = []string{"web", "tablet", "web"}[i/20]
	}
	a, err := h.ask(disclosure.Question{Row: "wish", Where: []disclosure.Filter{{Key: "district", Codes: []string{"nord"}}}})
	if err != nil || !a.Several || a.Base != 30 || fmt.Sprint(a.N) != "[[30] [15] [-1]]" {
		t.Errorf("%+v %v", a, err)
	}
	a, err = h.ask(disclosure.Question{Row: "district", Where: []disclosure.Filter{{Key: disclosure.Channel, Codes: []string{"tablet"}}}})
	if err != nil || a.Base != 20 || fmt.Sprint(a.N) != "[[10] [10] [0]]" {
		t.Errorf("%+v %v", a, err)
	}
	a, err = h.ask(disclosure.Question{Row: "wish"})
	if err != nil || a.Base != 60 || fmt.Sprint(a.N) != "[[60] [30] [-1]]" {
		t.Errorf("%+v %v", a, err)
	}
}

// What was released before there was a ledger is in it.
func TestOldReleasesAreInTheLedger(t *testing.T) {
	h := open(t)
	h.fill(20, "mitte", "good")
	h.fill(20, "nord", "bad")
	if err := h.x.Release(t.Context(), "smart", Choice{Items: []string{"view"}, Pairs: []tally.Pair{{Row: "district", Column: "view"}}}, "staff"); err != nil {
		t.Fatal(err)
	}
	list, err := entries(t.Context(), h.p.App.DB(), "smart")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint(shown(list))
	// As it was stored before: without blocks and views.
	old := list[0].frozen
	for i := range old.Figures {
		old.Figures[i].Block = 0
	}
	for i := range old.Tables {
		old.Tables[i].Block = 0
	}
	if len(list) != 1 || len(shown(list)) != 2 {
		t.Fatalf("%+v", list)
	}
	old.Views = nil
	for _, sql := range []string{`DROP TRIGGER disclosure_releases_kept`, `DELETE FROM disclosure_releases`} {
		if _, err := h.p.App.DB().NewQuery(sql).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.p.App.DB().NewQuery(`INSERT INTO disclosure_releases (survey, place, number, block, doc, created, created_by)
		VALUES ('smart', 'results', 1, 0, {:doc}, 1, 'staff')`).Bind(map[string]any{"doc": mustJSON(old)}).Execute(); err != nil {
		t.Fatal(err)
	}
	if list, err = entries(t.Context(), h.p.App.DB(), "smart"); err != nil || fmt.Sprint(shown(list)) != want {
		t.Errorf("%v\nwant %v\n%v", shown(list), want, err)
	}
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// passes counts how often all responses are read.
type passes struct {
	Snapshot
	n *int
}

func (p passes) Responses() iter.Seq2[survey.Response, error] {
	*p.n++
	return p.Snapshot.Responses()
}

func TestSeveralQuestionsReadTheResponsesOnce(t *testing.T) {
	h := open(t)
	h.fill(31, "mitte", "good")
	h.fill(20, "mitte", "bad")
	h.fill(25, "nord", "bad")
	h.fill(15, "nord", "good")
	n := 0
	whole := h.x.Snapshot
	h.x.Snapshot = func(ctx context.Context, slug string) (Snapshot, error) {
		s, err := whole(ctx, slug)
		return passes{s, &n}, err
	}
	questions := []disclosure.Question{{Row: "view"}, {Row: "district"}, {Row: "nonsense"}, {Row: "view", Column: "district"},
		{Row: "view", Where: []disclosure.Filter{{Key: "district", Codes: []string{"nord"}}}}, {Row: "view"}}
	ask := func() (answers []string) {
		answers = make([]string, len(questions))
		if err := h.x.AskAll(t.Context(), "smart", "planner", questions, func(i int, a disclosure.Answer, err error) {
			if answers[i] != "" {
				t.Errorf("question %d was answered twice", i)
			}
			answers[i] = fmt.Sprint(a, err)
		}); err != nil {
			t.Fatal(err)
		}
		return answers
	}
	first := ask()
	if n > 2 {
		t.Errorf("%d passes, want one to know who is there and one to count", n)
	}
	for i, q := range questions {
		a, err := h.ask(q)
		if got := fmt.Sprint(a, err); got != first[i] {
			t.Errorf("question %d alone: %s, with others: %s", i, got, first[i])
		}
	}
	if before := n; !slices.Equal(ask(), first) || n != before {
		t.Error("what the ledger holds was counted again")
	}
}

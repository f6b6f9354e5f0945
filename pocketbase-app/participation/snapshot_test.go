package participation_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/participation"
)

func collect(t *testing.T, s *participation.Snapshot) (all []survey.Response) {
	t.Helper()
	for r, err := range s.Responses() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestASnapshotStandsStillWhileAnswersComeIn(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		w.put(t, "smart-kassel", newID(), strings.Replace(goodBody, `"web"`, `"web","seed":65535`, 1))
	}
	q := smartKassel()
	q.Version = 2
	publish(t, w.Platform, q)
	s, err := w.matter.Snapshot(t.Context(), "smart-kassel")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 5 {
		if status, body := w.put(t, "smart-kassel", newID(), goodBody); status != 201 {
			t.Fatalf("%d %s", status, body)
		}
	}
	q.Version = 3
	publish(t, w.Platform, q)
	all := collect(t, s)
	if s.Count() != 20 || len(all) != 20 || len(s.Versions()) != 2 || s.Versions()[1].Version != 2 {
		t.Errorf("count %d, rows %d, versions %d", s.Count(), len(all), len(s.Versions()))
	}
	if len(collect(t, s)) != 20 {
		t.Error("a second pass differs")
	}
	for range s.Responses() {
		break // the caller may stop early
	}
	if r := all[0]; r.Version != 1 || r.Seed != 65535 || r.Day != "2026-12-02" || r.Answers["district"] != "west" || r.Answers["rent"] != 612.5 ||
		!slices.Equal(r.Answers["topics"].([]string), []string{"energy", "water"}) {
		t.Errorf("%+v", r)
	}
	if _, err := w.matter.Snapshot(t.Context(), "nothing"); !errors.Is(err, base.ErrNotFound) {
		t.Errorf("unknown survey: %v", err)
	}
}

func TestASnapshotNeedsNoServer(t *testing.T) {
	w := newWorld(t)
	w.put(t, "smart-kassel", newID(), goodBody)
	path := filepath.Join(w.App.DataDir(), "data.db")
	w.srv.Close()
	w.matter.Close()
	if err := w.App.ClearBootstrap(); err != nil {
		t.Fatal(err)
	}
	s, err := participation.OpenSnapshot(t.Context(), path, "smart-kassel")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Count() != 1 || len(collect(t, s)) != 1 {
		t.Errorf("count %d", s.Count())
	}
	if _, err := participation.OpenSnapshot(t.Context(), filepath.Join(t.TempDir(), "none.db"), "smart-kassel"); err == nil {
		t.Error("a database that does not exist was opened")
	}
}

func TestABrokenRowEndsTheSnapshotWithAnError(t *testing.T) {
	w := newWorld(t)
	if _, err := w.App.DB().NewQuery(`INSERT INTO responses VALUES ('smart-kassel', 'x', 1, 'de', 'web', '2026-12-02', '{"a":', 0)`).Execute(); err != nil {
		t.Fatal(err)
	}
	s, err := w.matter.Snapshot(t.Context(), "smart-kassel")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, err := range s.Responses() {
		if err == nil || !strings.Contains(err.Error(), "response x") {
			t.Errorf("error %v", err)
		}
	}
}

func TestCountsTellAnswersByDayAndChannel(t *testing.T) {
	w := newWorld(t)
	w.put(t, "smart-kassel", newID(), goodBody)
	if _, err := w.App.DB().NewQuery(`INSERT INTO responses VALUES ('smart-kassel', 'x', 1, 'de', 'paper', '2026-12-02', '{}', 0)`).Execute(); err != nil {
		t.Fatal(err)
	}
	w.Now = func() time.Time { return time.Date(2026, 12, 2, 23, 30, 0, 0, time.UTC) } // past midnight in Berlin
	w.put(t, "smart-kassel", newID(), goodBody)
	w.put(t, "smart-kassel", newID(), goodBody)
	counts, err := w.matter.Counts(t.Context())
	want := []participation.SurveyCount{
		{"smart-kassel", "paper", "2026-12-02", 1}, {"smart-kassel", "web", "2026-12-02", 1}, {"smart-kassel", "web", "2026-12-03", 2},
	}
	if err != nil || !slices.Equal(counts, want) {
		t.Errorf("%+v %v", counts, err)
	}
}

// A table with a rowid, a time or an index in the order of arrival would tell
// who answered when.
func TestTheTableKeepsNoOrderOfArrival(t *testing.T) {
	w := newWorld(t)
	if err := w.App.DB().NewQuery("SELECT rowid FROM responses").Row(new(int)); err == nil || !strings.Contains(err.Error(), "rowid") {
		t.Errorf("responses have a rowid: %v", err)
	}
	var columns []string
	if err := w.App.DB().NewQuery("SELECT name FROM pragma_table_info('responses')").Column(&columns); err != nil {
		t.Fatal(err)
	}
	if want := []string{"survey", "id", "version", "language", "channel", "day", "answers", "seed"}; !slices.Equal(columns, want) {
		t.Errorf("columns %v", columns)
	}
	var sent []string
	for range 50 {
		id := newID()
		sent = append(sent, id)
		w.put(t, "smart-kassel", id, goodBody)
	}
	var read []string
	for _, r := range w.rows(t) {
		read = append(read, r.ID)
	}
	if slices.Equal(read, sent) || !slices.IsSorted(read) {
		t.Error("answers are read in the order in which they came")
	}
}

func TestSweepDeletesOnlyWhatExpired(t *testing.T) {
	w := newWorld(t)
	for range 1200 {
		if _, err := w.App.DB().NewQuery(`INSERT INTO survey_drafts (hash, survey, key, sealed, expires) VALUES (hex(randomblob(16)), 's', x'', x'', 1)`).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	v := w.visitor(t)
	v.post("/umfragen/smart-kassel/teilnehmen/", "")
	if n, err := w.matter.Sweep(t.Context()); err != nil || n != 1200 || w.count(t, "survey_drafts") != 1 {
		t.Errorf("swept %d, left %d: %v", n, w.count(t, "survey_drafts"), err)
	}
	w.Now = func() time.Time { return basetest.Start.Add(25 * time.Hour) }
	if n, err := w.matter.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("swept %d: %v", n, err)
	}
}

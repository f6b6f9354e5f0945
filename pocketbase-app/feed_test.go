package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/exports/feed"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/participation"

	"github.com/parquet-go/parquet-go"
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const feedKillDir = "SERVICEPOINT_TEST_FEED_DIR"

// With the variable set this binary is the process that is killed.
func init() {
	if dir := os.Getenv(feedKillDir); dir != "" {
		if err := writeAndFeed(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

func feedTo(dir string) warehouse {
	return warehouse{store: feed.Folder(filepath.Join(dir, "feed")), surveys: map[string]fed{"miete": {}}}
}

// writeAndFeed lets eight writers store and erase responses while the feed runs without
// a pause. It ends when it is killed.
func writeAndFeed(dir string) error {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: base.Connect})
	if err := app.Bootstrap(); err != nil {
		return err
	}
	p, err := base.NewPlatform(app, content.Words{})
	if err != nil {
		return err
	}
	p.Now = func() time.Time { return basetest.Start }
	for range 8 {
		go func() {
			for i := 0; ; i++ {
				if err := storeOne(app); err != nil {
					panic(err)
				}
				if i%5 == 4 {
					if _, err := app.NonconcurrentDB().NewQuery(`DELETE FROM responses WHERE id = (SELECT id FROM responses WHERE id > {:at} LIMIT 1)`).
						Bind(dbx.Params{"at": rand.Text()}).Execute(); err != nil {
						panic(err)
					}
				}
			}
		}()
	}
	pt := participation.New(p)
	for {
		report, err := feedTo(dir).run(context.Background(), pt, basetest.Start)
		if err != nil {
			return err
		}
		if report.Files > 0 {
			fmt.Println(report.Rows)
		}
	}
}

// storeOne stores a response of yesterday whose answer tells it from all others.
func storeOne(app core.App) error {
	var b [6]byte
	rand.Read(b[:])
	n := 0
	for _, c := range b {
		n = n<<8 | int(c)
	}
	return app.RunInTransaction(func(tx core.App) error {
		_, err := tx.DB().NewQuery(`INSERT INTO responses (survey, id, version, language, channel, day, answers) VALUES ('miete', {:id}, 1, 'de', 'web', '2026-12-01', {:answers})`).
			Bind(dbx.Params{"id": rand.Text(), "answers": fmt.Sprintf(`{"rent":%d}`, n)}).Execute()
		return err
	})
}

func publishRent(t *testing.T, app core.App) {
	t.Helper()
	q := survey.Questionnaire{Slug: "miete", Version: 1, Languages: []string{"de"}, Title: content.Text{"de": "Miete"}, Opens: basetest.Start.Add(-time.Hour),
		Pages: []survey.Page{{Code: "a", Items: []survey.Item{{Code: "rent", Type: survey.Number, Integer: true, Text: content.Text{"de": "Miete?"}}}}}}
	doc, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	for name, fields := range map[string]map[string]any{
		"survey_versions": {"survey": "miete", "version": 1, "questionnaire": string(doc)},
		"surveys":         {"slug": "miete", "title": "Miete", "state": "published"},
	} {
		c, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			t.Fatal(err)
		}
		r := core.NewRecord(c)
		for k, v := range fields {
			r.Set(k, v)
		}
		if err := app.Save(r); err != nil {
			t.Fatal(err)
		}
	}
}

// A server that is killed in the middle of writes and of a feed, five times: afterwards
// the files hold the answers of the table, each once, less those that were erased.
func TestTheFeedEqualsTheTableAfterKills(t *testing.T) {
	p := basetest.New(t)
	publishRent(t, p.App)
	dir := p.App.DataDir()
	for round := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), feedKillDir+"="+dir)
		var faults bytes.Buffer
		cmd.Stderr = &faults
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range 1 + round%3 { // so many runs wrote something; the next is going on
			if _, err := fmt.Fscanln(out, new(int)); err != nil {
				t.Fatal(err, faults.String())
			}
		}
		var b [1]byte
		rand.Read(b[:])
		time.Sleep(time.Duration(b[0]%40) * time.Millisecond) // somewhere in it
		cmd.Process.Kill()
		cmd.Wait()
	}
	pt := participation.New(p)
	defer pt.Close()
	var wait sync.WaitGroup
	for range 10 { // so that the rest makes a block
		wait.Go(func() {
			if err := storeOne(p.App); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if _, err := feedTo(dir).run(t.Context(), pt, basetest.Start); err != nil {
		t.Fatal(err)
	}
	var want []int64
	if err := p.App.DB().NewQuery(`SELECT json_extract(answers, '$.rent') FROM responses`).Column(&want); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	got, erased, blocks := fedRents(t, filepath.Join(dir, "feed"))
	if !slices.Equal(got, want) || erased == 0 || blocks < 10 {
		t.Errorf("%d answers in the files, %d in the table, %d erased, %d blocks", len(got), len(want), erased, blocks)
	}
	t.Logf("%d answers in %d blocks, %d erased", len(got), blocks, erased)
}

// fedRents reads the answers that count.
func fedRents(t *testing.T, dir string) (rents []int64, erased, blocks int) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, feed.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	var m feed.Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	type row struct {
		Block *int64 `parquet:"_block,optional"`
		Row   *int64 `parquet:"_row,optional"`
		Rent  *int64 `parquet:"rent,optional"`
	}
	live := map[[2]int64]int64{}
	gone := map[[2]int64]bool{}
	for _, f := range m.Files {
		list, err := parquet.ReadFile[row](filepath.Join(dir, f.Path))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			key := [2]int64{*r.Block, *r.Row}
			if f.Kind == "erased" {
				gone[key] = true
			} else if _, twice := live[key]; twice {
				t.Errorf("row %v is there twice", key)
			} else {
				live[key] = *r.Rent
			}
		}
	}
	for key := range gone {
		delete(live, key)
	}
	return slices.Sorted(maps.Values(live)), len(gone), len(m.Blocks)
}

func TestTheSettingsOfTheFeed(t *testing.T) {
	t.Setenv("SERVICEPOINT_FEED", "")
	if w, err := feedFromEnvironment(); err != nil || w.store != nil {
		t.Error("a feed without a place", err)
	}
	t.Setenv("SERVICEPOINT_FEED", "/srv/feed")
	t.Setenv("SERVICEPOINT_FEED_SURVEYS", "smart-kassel, miete+texts")
	w, err := feedFromEnvironment()
	if err != nil || len(w.surveys) != 2 || w.surveys["smart-kassel"].texts || !w.surveys["miete"].texts || w.store != feed.Folder("/srv/feed") {
		t.Errorf("%+v %v", w, err)
	}
	t.Setenv("SERVICEPOINT_FEED_SURVEYS", "Smart Kassel")
	if _, err := feedFromEnvironment(); err == nil {
		t.Error("took a title for a survey")
	}
	t.Setenv("SERVICEPOINT_FEED_SURVEYS", "")
	t.Setenv("SERVICEPOINT_FEED", "s3://feed/kassel?endpoint=http://127.0.0.1:1")
	if _, err := feedFromEnvironment(); err == nil {
		t.Error("S3 without credentials")
	}
}

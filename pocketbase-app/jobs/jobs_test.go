package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"

	"github.com/pocketbase/dbx"
)

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func platform(t testing.TB, start string) (*base.Platform, *clock) {
	p := basetest.New(t)
	c := &clock{t: berlin(start)}
	p.Now = c.now
	return p, c
}

func scheduler(t testing.TB, p *base.Platform, list ...Job) *Scheduler {
	t.Helper()
	s, err := New(p, list)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.begin(); err != nil {
		t.Fatal(err)
	}
	return s
}

// at sets the clock, looks once and waits for what was started.
func (s *Scheduler) at(t testing.TB, c *clock, when string) {
	t.Helper()
	c.set(berlin(when))
	s.look(t.Context())
	s.runs.Wait()
}

func history(t testing.TB, s *Scheduler) string {
	t.Helper()
	runs, err := s.History(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i := len(runs) - 1; i >= 0; i-- {
		r := runs[i]
		fmt.Fprintf(&b, "%s %s %s %s\n", r.Job, r.Planned.In(content.Berlin).Format("2006-01-02T15:04"), r.State, r.Note)
	}
	return b.String()
}

func TestOneRunOnEveryDayWithClockChanges(t *testing.T) {
	for _, day := range []string{"2026-03-29", "2026-10-25", "2027-03-28", "2027-10-31", "2026-12-02"} {
		t.Run(day, func(t *testing.T) {
			p, c := platform(t, "2026-01-01T00:00+01:00")
			date, err := time.ParseInLocation(time.DateOnly, day, content.Berlin)
			if err != nil {
				t.Fatal(err)
			}
			start := date.Add(-12 * time.Hour)
			c.set(start)
			runs := map[string]int{}
			s := scheduler(t, p, Job{Name: "nightly", Spec: "30 2 * * *", CatchUp: true, Run: func(context.Context) (string, error) {
				runs[c.now().In(content.Berlin).Format(time.DateOnly)]++
				return "", nil
			}})
			end := date.AddDate(0, 0, 2)
			for now := start; now.Before(end); now = now.Add(7 * time.Minute) {
				c.set(now)
				s.look(t.Context())
				s.runs.Wait()
			}
			next := date.AddDate(0, 0, 1).Format(time.DateOnly)
			if len(runs) != 2 || runs[day] != 1 || runs[next] != 1 {
				t.Errorf("runs by day: %v, want one on %s and one on %s", runs, day, next)
			}
		})
	}
}

func TestOnlyTheLatestMissedOccurrenceIsCaughtUp(t *testing.T) {
	p, c := platform(t, "2026-12-02T12:00+01:00")
	var ran atomic.Int32
	count := func(context.Context) (string, error) { ran.Add(1); return "ok", nil }
	list := []Job{{Name: "catches", Spec: "30 2 * * *", CatchUp: true, Run: count}, {Name: "forgets", Spec: "30 2 * * *", Run: count}}
	first := scheduler(t, p, list...)
	first.at(t, c, "2026-12-03T02:30+01:00")
	if ran.Load() != 2 {
		t.Fatalf("%d runs on time, want 2", ran.Load())
	}
	c.set(berlin("2026-12-09T09:00+01:00"))
	after := scheduler(t, p, list...)
	after.at(t, c, "2026-12-09T09:00+01:00")
	after.at(t, c, "2026-12-09T09:01+01:00")
	want := "catches 2026-12-03T02:30 done ok\nforgets 2026-12-03T02:30 done ok\ncatches 2026-12-09T02:30 done ok\n"
	if got := history(t, after); sorted(got) != sorted(want) {
		t.Errorf("history\n%swant\n%s", got, want)
	}
}

func sorted(lines string) string {
	list := strings.Split(strings.TrimSpace(lines), "\n")
	for i := range list {
		for j := i + 1; j < len(list); j++ {
			if list[j] < list[i] {
				list[i], list[j] = list[j], list[i]
			}
		}
	}
	return strings.Join(list, "\n")
}

func TestAJobThatNeverRanHasMissedNothing(t *testing.T) {
	p, c := platform(t, "2026-12-02T12:00+01:00")
	s := scheduler(t, p, Job{Name: "new", Spec: "30 2 * * *", CatchUp: true, Run: func(context.Context) (string, error) { return "", nil }})
	s.at(t, c, "2026-12-02T12:01+01:00")
	if got := history(t, s); got != "" {
		t.Errorf("history %s", got)
	}
}

func TestManyServersOnOneDatabaseRunAnOccurrenceOnce(t *testing.T) {
	p, c := platform(t, "2026-12-02T02:00+01:00")
	var ran atomic.Int32
	var servers []*Scheduler
	for range 8 {
		servers = append(servers, scheduler(t, p, Job{Name: "once", Spec: "*/10 * * * *", Run: func(context.Context) (string, error) {
			ran.Add(1)
			return "", nil
		}}))
	}
	for _, when := range []string{"2026-12-02T02:10+01:00", "2026-12-02T02:20+01:00", "2026-12-02T02:30+01:00"} {
		c.set(berlin(when))
		var all sync.WaitGroup
		for _, s := range servers {
			all.Go(func() { s.look(t.Context()); s.runs.Wait() })
		}
		all.Wait()
	}
	if ran.Load() != 3 {
		t.Errorf("%d runs, want 3", ran.Load())
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		policy Overlap
		want   string
	}{
		{Skip, "slow 2026-12-02T02:01 done \nslow 2026-12-02T02:02 skipped Der Lauf davor war noch nicht fertig.\nslow 2026-12-02T02:03 skipped Der Lauf davor war noch nicht fertig.\n"},
		{Queue, "slow 2026-12-02T02:01 done \nslow 2026-12-02T02:03 done \n"},
	} {
		p, clock := platform(t, "2026-12-02T02:00+01:00")
		release := make(chan struct{})
		var at, most atomic.Int32
		s := scheduler(t, p, Job{Name: "slow", Spec: "* * * * *", Overlap: c.policy, CatchUp: true, Lease: time.Hour, Run: func(context.Context) (string, error) {
			most.Store(max(most.Load(), at.Add(1)))
			<-release
			at.Add(-1)
			return "", nil
		}})
		for _, when := range []string{"2026-12-02T02:01+01:00", "2026-12-02T02:02+01:00", "2026-12-02T02:03+01:00"} {
			clock.set(berlin(when))
			s.look(t.Context())
		}
		close(release)
		s.runs.Wait()
		s.look(t.Context())
		s.runs.Wait()
		if got := history(t, s); sorted(got) != sorted(c.want) || most.Load() != 1 {
			t.Errorf("policy %d, %d at once:\n%swant\n%s", c.policy, most.Load(), got, c.want)
		}
	}
}

func TestPanicsAndErrorsStandInTheHistoryAndTheNextRunComes(t *testing.T) {
	p, c := platform(t, "2026-12-02T02:00+01:00")
	n := 0
	s := scheduler(t, p, Job{Name: "moody", Spec: "* * * * *", Run: func(context.Context) (string, error) {
		switch n++; n {
		case 1:
			panic("boom")
		case 2:
			return "halb", errors.New("kein Platz")
		}
		return "3 Umfragen", nil
	}})
	for _, when := range []string{"2026-12-02T02:01+01:00", "2026-12-02T02:02+01:00", "2026-12-02T02:03+01:00"} {
		s.at(t, c, when)
	}
	want := "moody 2026-12-02T02:01 failed Der Lauf ist abgestürzt (panic).\nmoody 2026-12-02T02:02 failed halb kein Platz\nmoody 2026-12-02T02:03 done 3 Umfragen\n"
	if got := history(t, s); got != want {
		t.Errorf("history\n%swant\n%s", got, want)
	}
}

func TestARunOfADeadServerIsDoneAgainOnceItsLeaseEnded(t *testing.T) {
	p, c := platform(t, "2026-12-02T02:00+01:00")
	var ran []string
	job := func(name string, catchUp bool) Job {
		return Job{Name: name, Spec: "30 2 * * *", CatchUp: catchUp, Lease: 5 * time.Minute, Run: func(context.Context) (string, error) {
			ran = append(ran, name)
			return "", nil
		}}
	}
	dead := scheduler(t, p, job("again", true), job("lost", false))
	c.set(berlin("2026-12-02T02:30+01:00"))
	for _, task := range dead.tasks { // claims, then the power goes
		if _, err := dead.claim(task, task.schedule.Next(c.now().Add(-time.Minute)), c.now()); err != nil {
			t.Fatal(err)
		}
	}
	s := scheduler(t, p, job("again", true), job("lost", false))
	s.at(t, c, "2026-12-02T02:34+01:00")
	if len(ran) != 0 {
		t.Fatalf("ran under a valid lease: %v", ran)
	}
	s.at(t, c, "2026-12-02T02:36+01:00")
	s.at(t, c, "2026-12-02T02:37+01:00")
	if fmt.Sprint(ran) != "[again]" {
		t.Errorf("ran %v, want again once", ran)
	}
	if got := history(t, s); !strings.Contains(got, "again 2026-12-02T02:30 done") || !strings.Contains(got, "lost 2026-12-02T02:30 failed Der Server wurde") {
		t.Errorf("history\n%s", got)
	}
}

func TestAnOccurrenceThatKillsTheServerIsGivenUp(t *testing.T) {
	p, c := platform(t, "2026-12-02T02:00+01:00")
	ran := 0
	s := scheduler(t, p, Job{Name: "deadly", Spec: "30 2 * * *", CatchUp: true, Run: func(context.Context) (string, error) { ran++; return "", nil }})
	c.set(berlin("2026-12-02T02:30+01:00"))
	if _, err := s.claim(s.tasks[0], s.tasks[0].schedule.Next(c.now().Add(-time.Minute)), c.now()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.App.DB().NewQuery(`UPDATE job_runs SET fence = {:n}`).Bind(dbx.Params{"n": maxTakers}).Execute(); err != nil {
		t.Fatal(err)
	}
	s.at(t, c, "2026-12-02T03:00+01:00")
	if got := history(t, s); ran != 0 || !strings.Contains(got, "failed") {
		t.Errorf("ran %d times\n%s", ran, got)
	}
}

func TestALostLeaseEndsTheRunAndSettlesNothing(t *testing.T) {
	p, c := platform(t, "2026-12-02T02:00+01:00")
	s := scheduler(t, p, Job{Name: "fenced", Spec: "30 2 * * *", CatchUp: true, Lease: 30 * time.Millisecond, Run: func(ctx context.Context) (string, error) {
		// Another server takes the occurrence over.
		if _, err := p.App.DB().NewQuery(`UPDATE job_runs SET fence = fence + 1, lease = {:l}`).Bind(dbx.Params{"l": c.now().Add(time.Hour).UnixMilli()}).Execute(); err != nil {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(5 * time.Second):
			return "not stopped", nil
		}
	}})
	s.at(t, c, "2026-12-02T02:30+01:00")
	if got := history(t, s); got != "fenced 2026-12-02T02:30 running \n" {
		t.Errorf("history\n%s", got)
	}
}

func TestALongRunKeepsItsLease(t *testing.T) {
	p, c := platform(t, "2026-12-02T02:29+01:00")
	var lease int64
	s := scheduler(t, p, Job{Name: "long", Spec: "30 2 * * *", Lease: 60 * time.Millisecond, Run: func(ctx context.Context) (string, error) {
		c.set(c.now().Add(time.Hour))
		for range 200 {
			if err := p.App.DB().NewQuery(`SELECT lease FROM job_runs`).Row(&lease); err != nil {
				return "", err
			}
			if time.UnixMilli(lease).After(c.now()) {
				return "renewed", nil
			}
			time.Sleep(10 * time.Millisecond)
		}
		return "", errors.New("not renewed")
	}})
	s.at(t, c, "2026-12-02T02:30+01:00")
	if got := history(t, s); !strings.Contains(got, "done renewed") {
		t.Errorf("history\n%s", got)
	}
}

func TestRunStartsWhatIsDueAndWaitsForItsRuns(t *testing.T) {
	p, c := platform(t, "2026-12-02T02:30+01:00")
	started, ended := make(chan struct{}), atomic.Bool{}
	list := []Job{{Name: "export", Spec: "31 2 * * *", CatchUp: true, Run: func(ctx context.Context) (string, error) {
		close(started)
		<-ctx.Done()
		time.Sleep(20 * time.Millisecond)
		ended.Store(true)
		return "", ctx.Err()
	}}}
	s, err := New(p, list)
	if err != nil {
		t.Fatal(err)
	}
	if s.Healthy() == nil {
		t.Error("healthy before it runs")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for s.Healthy() != nil {
		time.Sleep(time.Millisecond)
	}
	c.set(berlin("2026-12-02T02:31+01:00"))
	s.lookAgain()
	<-started
	cancel()
	if err := <-done; err != nil || !ended.Load() {
		t.Errorf("Run returned %v, job ended: %v", err, ended.Load())
	}
	// Stopped in the middle: the next start does it again at once.
	list[0].Run = func(context.Context) (string, error) { return "zweiter Anlauf", nil }
	c.set(berlin("2026-12-02T02:35+01:00"))
	again := scheduler(t, p, list...)
	again.at(t, c, "2026-12-02T02:35+01:00")
	if got := history(t, again); got != "export 2026-12-02T02:31 done zweiter Anlauf\n" {
		t.Errorf("history\n%s", got)
	}
}

func TestHealthyTellsOfAStuckClock(t *testing.T) {
	p, c := platform(t, "2026-12-02T02:30+01:00")
	s := scheduler(t, p)
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
	c.set(berlin("2026-12-02T02:33+01:00"))
	if err := s.Healthy(); err == nil {
		t.Error("healthy though it did not look for three minutes")
	}
}

func TestRunNow(t *testing.T) {
	p, c := platform(t, "2026-12-02T12:00+01:00")
	inside := make(chan struct{})
	release := make(chan struct{})
	s := scheduler(t, p, Job{Name: "export", Spec: "30 2 * * *", CatchUp: true, Run: func(context.Context) (string, error) {
		inside <- struct{}{}
		<-release
		return "von Hand", nil
	}})
	if err := s.RunNow(t.Context(), "nothing"); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown job: %v", err)
	}
	done := make(chan error)
	go func() { done <- s.RunNow(t.Context(), "export") }()
	<-inside
	c.set(c.now().Add(time.Second))
	if err := s.RunNow(t.Context(), "export"); !errors.Is(err, ErrRunning) {
		t.Errorf("second at once: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := history(t, s); got != "export 2026-12-02T12:00 done von Hand\n" {
		t.Errorf("history\n%s", got)
	}
}

func TestNextListsTheNextRunOfEveryJob(t *testing.T) {
	p, _ := platform(t, "2026-10-24T12:00+02:00")
	run := func(context.Context) (string, error) { return "", nil }
	s := scheduler(t, p, Job{Name: "a", Spec: "30 2 * * *", Run: run}, Job{Name: "b", Spec: "0 0 * * *", Run: run})
	var got []string
	for _, r := range s.Next() {
		got = append(got, r.Job+" "+r.Planned.In(content.Berlin).Format("02.01. 15:04 -0700")+" "+r.State)
	}
	want := "[b 25.10. 00:00 +0200 planned a 25.10. 02:30 +0200 planned]"
	if fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestNewRefusesBadLists(t *testing.T) {
	p, _ := platform(t, "2026-12-02T12:00+01:00")
	run := func(context.Context) (string, error) { return "", nil }
	for what, list := range map[string][]Job{
		"no name":      {{Spec: "* * * * *", Run: run}},
		"no function":  {{Name: "a", Spec: "* * * * *"}},
		"twice":        {{Name: "a", Spec: "* * * * *", Run: run}, {Name: "a", Spec: "* * * * *", Run: run}},
		"never":        {{Name: "a", Spec: "0 0 30 2 *", Run: run}},
		"a time zone":  {{Name: "a", Spec: "TZ=UTC 0 0 * * *", Run: run}},
		"not a number": {{Name: "a", Spec: "x * * * *", Run: run}},
	} {
		if _, err := New(p, list); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

func TestSweepKeepsTheLastRunOfEveryJob(t *testing.T) {
	p, c := platform(t, "2026-01-01T02:00+01:00")
	s := scheduler(t, p, Job{Name: "rare", Spec: "0 3 * * *", CatchUp: true, Run: func(context.Context) (string, error) { return "", nil }})
	for _, when := range []string{"2026-01-01T03:00+01:00", "2026-01-02T03:00+01:00", "2026-01-03T03:00+01:00"} {
		s.at(t, c, when)
	}
	c.set(berlin("2026-12-02T12:00+01:00"))
	note, err := s.Sweep(t.Context(), 90)
	if err != nil || note != "2 alte Läufe gelöscht" {
		t.Errorf("%q %v", note, err)
	}
	if got := history(t, s); got != "rare 2026-01-03T03:00 done \n" {
		t.Errorf("history\n%s", got)
	}
}

func ExampleParse() {
	s, err := Parse("30 2 * * *")
	if err != nil {
		panic(err)
	}
	o := s.Next(time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC))
	fmt.Println(o.Name, "runs at", o.At.In(content.Berlin).Format("15:04 MST"))
	// Output: 2026-03-29T02:30 runs at 03:00 CEST
}

package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Job is one thing that is done again and again.
type Job struct {
	Name string // for staff and the history; never changes
	Spec string // cron line of five fields, Berlin wall time

	// Run does it. The note is for the history ("3 surveys exported"); note and
	// error hold no personal data. The context ends when the server stops or the
	// lease is lost.
	Run func(ctx context.Context) (note string, err error)

	CatchUp bool          // after a standstill do the latest missed occurrence
	Overlap Overlap       // what to do when the run before still goes on
	Lease   time.Duration // how long a dead server blocks the job; default 5 minutes, renewed while running
}

// Overlap says what becomes of an occurrence that comes while the run before
// still goes on.
type Overlap int

// The policies. Two runs of one job never go on at once.
const (
	Skip  Overlap = iota // leave it out and say so in the history
	Queue                // do it afterwards; of several waiting only the latest
)

// Errors of [Scheduler.RunNow].
var (
	ErrUnknown = errors.New("jobs: no job of this name")
	ErrRunning = errors.New("jobs: this job is running")
)

const (
	defaultLease = 5 * time.Minute
	maxTakers    = 3               // an occurrence that ends the server three times is given up
	tooLate      = 2 * time.Minute // without CatchUp, later than this is missed
	longestNap   = 20 * time.Second
	stale        = 2 * time.Minute // without a look at the clock for so long the scheduler is not well
)

// Scheduler runs jobs. Make it with [New].
type Scheduler struct {
	p     *base.Platform
	tasks []*task

	mu     sync.Mutex
	looked time.Time // last look at the clock, by p.Now
	going  bool      // Run is on

	runs sync.WaitGroup // every run that Run started
	wake chan struct{}  // one place: look again now
}

// task is a job with its place in time.
type task struct {
	Job
	schedule Schedule
	from     time.Time // occurrences up to here are dealt with; only the loop uses it
}

// New checks the jobs: names are unique, every line is valid and comes at some time.
func New(p *base.Platform, list []Job) (*Scheduler, error) {
	s := &Scheduler{p: p, wake: make(chan struct{}, 1)}
	for _, j := range list {
		if j.Name == "" || j.Run == nil {
			return nil, fmt.Errorf("jobs: job %q without a name or a function", j.Name)
		}
		if slices.ContainsFunc(s.tasks, func(t *task) bool { return t.Name == j.Name }) {
			return nil, fmt.Errorf("jobs: two jobs are called %q", j.Name)
		}
		schedule, err := Parse(j.Spec)
		if err != nil {
			return nil, fmt.Errorf("jobs: job %q: %w", j.Name, err)
		}
		if j.Lease <= 0 {
			j.Lease = defaultLease
		}
		s.tasks = append(s.tasks, &task{Job: j, schedule: schedule})
	}
	return s, nil
}

// Run starts what is due until ctx ends, then waits for every run it started
// (their contexts end with ctx). It returns nil then; call it once.
func (s *Scheduler) Run(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer func() {
		s.runs.Wait()
		s.mu.Lock()
		s.going = false
		s.mu.Unlock()
	}()
	for {
		nap := s.look(ctx)
		timer := time.NewTimer(nap)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-s.wake:
			timer.Stop()
		}
	}
}

// begin sets where every job stands: where it left off when missed occurrences
// are to be caught up, else now.
func (s *Scheduler) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.going {
		return errors.New("jobs: Run was called twice")
	}
	now := s.p.Now()
	for _, t := range s.tasks {
		t.from = now
		if !t.CatchUp {
			continue
		}
		var last int64
		err := s.p.App.DB().NewQuery(`SELECT COALESCE(MAX(planned), 0) FROM job_runs WHERE job = {:job}`).
			Bind(dbx.Params{"job": t.Name}).Row(&last)
		if err != nil {
			return fmt.Errorf("jobs: job %q: %w", t.Name, err)
		}
		// A job that never ran has missed nothing; what lies ahead (the clock was
		// set back) does not hold up the future.
		if at := time.UnixMilli(last); last > 0 && at.Before(now) {
			t.from = at
		}
	}
	s.going, s.looked = true, now
	return nil
}

// look starts everything that is due and says how long to sleep.
func (s *Scheduler) look(ctx context.Context) time.Duration {
	now := s.p.Now()
	s.mu.Lock()
	s.looked = now
	s.mu.Unlock()
	nap := longestNap
	for _, t := range s.tasks {
		if ctx.Err() != nil {
			return nap
		}
		if err := s.takeOver(ctx, t, now); err != nil {
			s.p.App.Logger().Error("job not taken over", "job", t.Name, "error", err.Error())
		}
		if o, due := t.schedule.latest(t.from, now); due {
			dealt, err := s.due(ctx, t, o, now)
			if err != nil {
				s.p.App.Logger().Error("job not started", "job", t.Name, "error", err.Error())
			}
			if dealt {
				t.from = o.At
			} else {
				nap = min(nap, time.Second)
			}
		}
		if next := t.schedule.Next(now); !next.At.IsZero() {
			nap = min(nap, max(next.At.Sub(now), time.Millisecond))
		}
	}
	return nap
}

// due deals with one occurrence whose time has come: false means try again.
func (s *Scheduler) due(ctx context.Context, t *task, o Occurrence, now time.Time) (bool, error) {
	if !t.CatchUp && now.Sub(o.At) > tooLate {
		return true, nil
	}
	fence, err := s.claim(t, o, now)
	switch {
	case errors.Is(err, errTaken):
		return true, nil
	case errors.Is(err, ErrRunning) && t.Overlap == Queue:
		return false, nil
	case errors.Is(err, ErrRunning):
		return true, s.note(t, o, now, "skipped", "Der Lauf davor war noch nicht fertig.")
	case err != nil:
		return false, err
	}
	s.runs.Go(func() { s.run(ctx, t, o, fence) })
	return true, nil
}

var errTaken = errors.New("jobs: this occurrence is taken")

// claim writes the row of an occurrence. [ErrRunning] means that another
// occurrence of the job is running under a valid lease, errTaken that this one
// has its row already.
func (s *Scheduler) claim(t *task, o Occurrence, now time.Time) (fence int64, err error) {
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		var running, taken int
		if err := tx.DB().NewQuery(`SELECT
				(SELECT COUNT(*) FROM job_runs WHERE job = {:job} AND state = 'running' AND lease > {:now}),
				(SELECT COUNT(*) FROM job_runs WHERE job = {:job} AND occurrence = {:occurrence})`).
			Bind(dbx.Params{"job": t.Name, "occurrence": o.Name, "now": now.UnixMilli()}).Row(&running, &taken); err != nil {
			return err
		}
		switch {
		case taken > 0:
			return errTaken
		case running > 0:
			return ErrRunning
		}
		fence = 1
		_, err := tx.DB().NewQuery(`INSERT INTO job_runs (job, occurrence, planned, state, lease, fence, started)
			VALUES ({:job}, {:occurrence}, {:planned}, 'running', {:lease}, 1, {:now})`).Bind(dbx.Params{
			"job": t.Name, "occurrence": o.Name, "planned": o.At.UnixMilli(),
			"lease": now.Add(t.Lease).UnixMilli(), "now": now.UnixMilli(),
		}).Execute()
		return err
	})
	return fence, err
}

// note writes an occurrence that was not run into the history.
func (s *Scheduler) note(t *task, o Occurrence, now time.Time, state, note string) error {
	_, err := s.p.App.DB().NewQuery(`INSERT INTO job_runs (job, occurrence, planned, state, started, finished, note)
		VALUES ({:job}, {:occurrence}, {:planned}, {:state}, {:now}, {:now}, {:note}) ON CONFLICT DO NOTHING`).Bind(dbx.Params{
		"job": t.Name, "occurrence": o.Name, "planned": o.At.UnixMilli(), "state": state, "now": now.UnixMilli(), "note": note,
	}).Execute()
	return err
}

// takeOver looks for runs whose lease has ended: their server is gone. The
// latest one of a job that catches up is done again, others have failed.
func (s *Scheduler) takeOver(ctx context.Context, t *task, now time.Time) error {
	var row struct {
		Occurrence string `db:"occurrence"`
		Planned    int64  `db:"planned"`
		Fence      int64  `db:"fence"`
	}
	// Look before taking the write lock: there is hardly ever one.
	var ended int
	err := s.p.App.DB().NewQuery(`SELECT COUNT(*) FROM job_runs WHERE job = {:job} AND state = 'running' AND lease <= {:now}`).
		Bind(dbx.Params{"job": t.Name, "now": now.UnixMilli()}).Row(&ended)
	if err != nil || ended == 0 {
		return err
	}
	found := false
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		var dead, alive, newest int64
		err := tx.DB().NewQuery(`SELECT
				(SELECT COUNT(*) FROM job_runs WHERE job = {:job} AND state = 'running' AND lease <= {:now}),
				(SELECT COUNT(*) FROM job_runs WHERE job = {:job} AND state = 'running' AND lease > {:now}),
				(SELECT COALESCE(MAX(planned), 0) FROM job_runs WHERE job = {:job})`).
			Bind(dbx.Params{"job": t.Name, "now": now.UnixMilli()}).Row(&dead, &alive, &newest)
		if err != nil || dead == 0 {
			return err
		}
		if t.CatchUp && alive == 0 {
			err := tx.DB().NewQuery(`UPDATE job_runs SET fence = fence + 1, lease = {:lease}, started = {:now}
				WHERE job = {:job} AND state = 'running' AND planned = {:newest} AND planned > 0 AND fence < {:max}
				RETURNING occurrence, planned, fence`).Bind(dbx.Params{
				"job": t.Name, "now": now.UnixMilli(), "lease": now.Add(t.Lease).UnixMilli(), "newest": newest, "max": maxTakers,
			}).One(&row)
			if err != nil && !base.IsNoRows(err) {
				return err
			}
			found = err == nil
		}
		_, err = tx.DB().NewQuery(`UPDATE job_runs SET state = 'failed', finished = {:now}, error = 'Der Server wurde während des Laufs beendet.'
			WHERE job = {:job} AND state = 'running' AND lease <= {:now}`).Bind(dbx.Params{"job": t.Name, "now": now.UnixMilli()}).Execute()
		return err
	})
	if err != nil || !found {
		return err
	}
	o := Occurrence{Name: row.Occurrence, At: time.UnixMilli(row.Planned).UTC()}
	s.runs.Go(func() { s.run(ctx, t, o, row.Fence) })
	return nil
}

// run does one claimed occurrence and settles its row. The error is the job's.
func (s *Scheduler) run(ctx context.Context, t *task, o Occurrence, fence int64) error {
	runCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var renewing sync.WaitGroup
	renewing.Go(func() { s.renew(runCtx, cancel, t, o, fence) })
	note, err := guarded(runCtx, t.Run)
	lost := errors.Is(context.Cause(runCtx), errLost)
	cancel(nil)
	renewing.Wait()
	defer s.lookAgain()
	if lost {
		return fmt.Errorf("jobs: job %q: %w", t.Name, errLost) // the row is another server's
	}
	if err != nil && ctx.Err() != nil && t.CatchUp && fence < maxTakers {
		// The server stops: let the lease end, so that the next start does it again.
		return errors.Join(err, s.set(t, o, fence, `lease = 0`, nil))
	}
	state, text := "done", ""
	if err != nil {
		state, text = "failed", err.Error()
		if ctx.Err() != nil {
			text = "Der Server wurde während des Laufs angehalten."
		}
		var panicked *panicError
		if errors.As(err, &panicked) {
			s.p.App.Logger().Error("job panicked", "job", t.Name, "panic", fmt.Sprint(panicked.value), "stack", panicked.stack)
		} else {
			s.p.App.Logger().Warn("job failed", "job", t.Name, "error", text)
		}
	}
	settled := s.set(t, o, fence, `state = {:state}, finished = {:now}, error = {:error}, note = {:note}`,
		dbx.Params{"state": state, "now": s.p.Now().UnixMilli(), "error": short(text), "note": short(note)})
	if settled != nil {
		s.p.App.Logger().Error("job not settled", "job", t.Name, "occurrence", o.Name, "error", settled.Error())
	}
	return errors.Join(err, settled)
}

// lookAgain makes the loop look again, because a queued occurrence may wait.
func (s *Scheduler) lookAgain() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// short keeps notes readable.
func short(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if r := []rune(s); len(r) > 500 {
		return string(r[:499]) + "…"
	}
	return s
}

var errLost = errors.New("lease lost to another server")

// set changes the row of a run that is still this server's.
func (s *Scheduler) set(t *task, o Occurrence, fence int64, what string, values dbx.Params) error {
	params := dbx.Params{"job": t.Name, "occurrence": o.Name, "fence": fence}
	for k, v := range values {
		params[k] = v
	}
	res, err := s.p.App.DB().NewQuery(`UPDATE job_runs SET ` + what + `
		WHERE job = {:job} AND occurrence = {:occurrence} AND fence = {:fence} AND state = 'running'`).Bind(params).Execute()
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errLost)
	}
	return nil
}

// renew extends the lease while a run goes on and ends the run when it is lost.
func (s *Scheduler) renew(ctx context.Context, cancel context.CancelCauseFunc, t *task, o Occurrence, fence int64) {
	ticker := time.NewTicker(t.Lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := s.set(t, o, fence, `lease = {:lease}`, dbx.Params{"lease": s.p.Now().Add(t.Lease).UnixMilli()})
		if errors.Is(err, errLost) {
			cancel(errLost)
			return
		}
		if err != nil { // the database may be well again before the lease ends
			s.p.App.Logger().Warn("lease not renewed", "job", t.Name, "error", err.Error())
		}
	}
}

type panicError struct {
	value any
	stack string
}

func (e *panicError) Error() string { return "Der Lauf ist abgestürzt (panic)." }

// guarded makes a panic an error: one broken job stops neither the server nor
// its own next run.
func guarded(ctx context.Context, run func(context.Context) (string, error)) (note string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: string(debug.Stack())}
		}
	}()
	return run(ctx)
}

// RunNow does a job out of turn and returns when it is done, with the job's
// error; [ErrRunning] when it is running. It stands in the history with its time
// to the millisecond.
func (s *Scheduler) RunNow(ctx context.Context, name string) error {
	i := slices.IndexFunc(s.tasks, func(t *task) bool { return t.Name == name })
	if i < 0 {
		return fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	now := s.p.Now()
	// Never the name of a planned occurrence, and not the latest of them: what was
	// missed is caught up all the same.
	o := Occurrence{Name: "jetzt " + now.In(content.Berlin).Format("2006-01-02T15:04:05.000"), At: time.UnixMilli(0)}
	t := *s.tasks[i]
	t.CatchUp = false
	fence, err := s.claim(&t, o, now)
	if errors.Is(err, errTaken) {
		err = ErrRunning
	}
	if err != nil {
		return fmt.Errorf("job %q: %w", name, err)
	}
	return s.run(ctx, &t, o, fence)
}

// History lists the last n runs, the newest first; of one job with one outcome at
// most a quarter of them, so that a job of every five minutes does not hide last
// night's.
func (s *Scheduler) History(ctx context.Context, n int) ([]base.Run, error) {
	var rows []struct {
		Job      string `db:"job"`
		Planned  int64  `db:"planned"`
		State    string `db:"state"`
		Started  int64  `db:"started"`
		Finished int64  `db:"finished"`
		Error    string `db:"error"`
		Note     string `db:"note"`
	}
	err := s.p.App.DB().NewQuery(`SELECT job, planned, state, started, COALESCE(finished, 0) AS finished, error, note
		FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY job, state ORDER BY started DESC, planned DESC) AS nth FROM job_runs)
		WHERE nth <= {:each} ORDER BY started DESC, job LIMIT {:n}`).Bind(dbx.Params{"n": n, "each": max(n/4, 1)}).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, err
	}
	runs := make([]base.Run, len(rows))
	for i, r := range rows {
		runs[i] = base.Run{Job: r.Job, State: r.State, Started: time.UnixMilli(r.Started), Note: r.Note}
		if r.Error != "" {
			runs[i].Note = strings.TrimSpace(r.Note + " " + r.Error)
		}
		runs[i].Planned = runs[i].Started
		if r.Planned > 0 {
			runs[i].Planned = time.UnixMilli(r.Planned)
		}
		if r.Finished > 0 {
			runs[i].Finished = time.UnixMilli(r.Finished)
		}
		if r.State == "skipped" {
			runs[i].Started, runs[i].Finished = time.Time{}, time.Time{}
		}
	}
	return runs, nil
}

// Next lists the next run of every job, the soonest first.
func (s *Scheduler) Next() []base.Run {
	var runs []base.Run
	now := s.p.Now()
	for _, t := range s.tasks {
		if o := t.schedule.Next(now); !o.At.IsZero() {
			runs = append(runs, base.Run{Job: t.Name, Planned: o.At, State: "planned"})
		}
	}
	slices.SortStableFunc(runs, func(a, b base.Run) int { return a.Planned.Compare(b.Planned) })
	return runs
}

// Healthy tells why the scheduler does not do its work; a job that failed is
// the history's matter, not this one's.
func (s *Scheduler) Healthy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.going {
		return errors.New("jobs: the scheduler is not running")
	}
	if late := s.p.Now().Sub(s.looked); late > stale {
		return fmt.Errorf("jobs: the scheduler has not looked at the clock for %s", late.Round(time.Second))
	}
	return nil
}

// Sweep deletes the history before the given number of days, but never the last
// run of a job, from which missed occurrences are told. It fits [Job.Run] once
// the days are set.
func (s *Scheduler) Sweep(ctx context.Context, days int) (note string, err error) {
	before := s.p.Now().AddDate(0, 0, -days).UnixMilli()
	res, err := s.p.App.DB().NewQuery(`DELETE FROM job_runs AS old WHERE started < {:before} AND state <> 'running'
		AND planned < (SELECT MAX(planned) FROM job_runs WHERE job = old.job)`).
		Bind(dbx.Params{"before": before}).WithContext(ctx).Execute()
	if err != nil {
		return "", err
	}
	n, err := res.RowsAffected()
	return fmt.Sprintf("%d alte Läufe gelöscht", n), err
}

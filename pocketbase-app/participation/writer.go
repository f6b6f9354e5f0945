package participation

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"os"
	"sync"

	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// groupSize is how many answers one transaction takes at most: beyond it a
// group gains nothing and holds the only write connection too long.
const groupSize = 64

// outcome is what became of an answer.
type outcome int

const (
	stored  outcome = iota // new row
	same                   // the same answers were there already
	differs                // other answers were there already
)

// entry is one answer on its way into the database.
type entry struct {
	survey, id, language, channel, day, answers string
	version                                     int
	seed                                        int    // of the random order
	draft                                       string // hash of the draft that it came from, deleted along

	personal string    // canonical JSON of the personal answers, "" when there are none
	pass     gate.Pass // redeemed along
	tag      []byte    // see gate.Tag
	limits   []limit   // that the answer counts for
	urn      bool      // anonymous and named: it goes into the urn first
}

// limit is a counter of the survey that an answer counts for: "" counts all,
// other codes are those of quotas.
type limit struct {
	code string
	max  int
	when condition.Expr // of a quota
}

var errFull = base.Refuse(http.StatusConflict, "survey_full")

type job struct {
	entry
	ctx     context.Context
	outcome outcome
	refusal error      // this answer was refused, whatever becomes of the others
	done    chan error // one place: the writer never waits for a reader
}

// writer is the one goroutine that stores answers. It uses the same connection
// as all other writes of the app, so that the two queue fairly in place of
// meeting in SQLite's busy handler, and commits with synchronous=FULL before
// any of the group is acknowledged.
type writer struct {
	app     core.App
	urn     *urn // nil in tests that need none
	jobs    chan *job
	tasks   chan func() // run between groups
	closing chan struct{}
	closed  chan struct{}
	once    sync.Once
	ready   *statements
}

func newWriter(app core.App, u *urn) *writer {
	w := &writer{
		app:     app,
		urn:     u,
		tasks:   make(chan func()),
		jobs:    make(chan *job, 4*groupSize),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
	}
	go w.run()
	return w
}

// close waits until everything that was taken on is committed.
func (w *writer) close() {
	w.once.Do(func() { close(w.closing) })
	<-w.closed
}

var errClosing = base.Refuse(http.StatusServiceUnavailable, "busy")

// put stores an answer; when it returns without error, the answer is on disk.
// After a cancelled context the answer may or may not be stored: the same put
// again tells.
func (w *writer) put(ctx context.Context, e entry) (outcome, error) {
	j := &job{entry: e, ctx: ctx, done: make(chan error, 1)}
	select {
	case <-w.closing:
		return 0, errClosing
	default:
	}
	select {
	case w.jobs <- j:
	case <-w.closing:
		return 0, errClosing
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case err := <-j.done:
		return j.outcome, err
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-w.closed:
		select {
		case err := <-j.done:
			return j.outcome, err
		default:
			return 0, errClosing
		}
	}
}

func (w *writer) run() {
	defer close(w.closed)
	defer func() {
		w.ready.close()
		w.urn.close()
	}()
	w.recover()
	group := make([]*job, 0, groupSize)
	for {
		select {
		case j := <-w.jobs:
			w.commit(w.gather(append(group[:0], j)))
		case task := <-w.tasks:
			task()
		case <-w.closing:
			for {
				rest := w.gather(group[:0])
				if len(rest) == 0 {
					return
				}
				w.commit(rest)
			}
		}
	}
}

// recover opens an urn that an earlier run left. What keeps it from opening is
// tried again with the first answer for it.
func (w *writer) recover() {
	if w.urn == nil {
		return
	}
	if _, err := os.Stat(w.urn.path); err != nil {
		return
	}
	st, err := w.statements()
	if err == nil {
		err = w.begin(st)
	}
	if err != nil {
		w.app.Logger().Error("the urn stays shut", "error", err.Error())
	}
}

// gather adds what waits, without waiting for more.
func (w *writer) gather(group []*job) []*job {
	for len(group) < groupSize {
		select {
		case j := <-w.jobs:
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// commit stores a group and tells everyone in it.
func (w *writer) commit(group []*job) {
	n := 0
	for _, j := range group {
		if err := j.ctx.Err(); err != nil { // nobody waits any more
			j.done <- err
			continue
		}
		group[n] = j
		n++
	}
	group = group[:n]
	if n == 0 {
		return
	}
	var plain, named []*job
	for _, j := range group {
		if j.urn && w.urn != nil {
			named = append(named, j)
		} else {
			plain = append(plain, j)
		}
	}
	tell := func(jobs []*job, err error) {
		for _, j := range jobs {
			if err == nil {
				err := j.refusal
				j.done <- err
				continue
			}
			j.done <- err
		}
	}
	if len(named) > 0 {
		tell(named, w.cast(named))
	}
	if len(plain) > 0 {
		tell(plain, w.store(plain))
	}
}

// store writes a group in one transaction; BEGIN is IMMEDIATE by the
// connection's settings.
func (w *writer) store(group []*job) error {
	st, err := w.statements()
	if err != nil {
		return err
	}
	tx, err := st.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	insert := tx.Stmt(st.insert)
	for _, j := range group {
		j.refusal = nil
		if !j.guarded() {
			if j.outcome, err = st.storeOne(tx, insert, j.entry); err != nil {
				return err
			}
			continue
		}
		if _, err := tx.Exec(`SAVEPOINT one`); err != nil {
			return err
		}
		j.outcome, err = st.storeGuarded(tx, insert, j.entry)
		var refusal *base.Error
		switch {
		case errors.As(err, &refusal):
			j.refusal = refusal
			if _, err := tx.Exec(`ROLLBACK TO one`); err != nil {
				return err
			}
		case err != nil:
			return err
		}
		if _, err := tx.Exec(`RELEASE one`); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// statements are prepared once per database handle; PocketBase opens a new
// handle when it restarts itself.
type statements struct {
	db     *sql.DB
	insert *sql.Stmt
}

var errNoDatabase = errors.New("participation: the database is not open")

func (w *writer) statements() (*statements, error) {
	builder, ok := w.app.NonconcurrentDB().(*dbx.DB)
	if !ok || builder == nil {
		return nil, errNoDatabase
	}
	db := builder.DB()
	if w.ready != nil && w.ready.db == db {
		return w.ready, nil
	}
	w.ready.close()
	w.ready = nil
	insert, err := db.Prepare(`INSERT INTO responses (survey, id, version, language, channel, day, seed, answers)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
	if err != nil {
		return nil, err
	}
	w.ready = &statements{db: db, insert: insert}
	return w.ready, nil
}

func (st *statements) close() {
	if st != nil {
		st.insert.Close()
	}
}

// guarded reports whether the answer may be refused by what others did.
func (e entry) guarded() bool { return !e.pass.IsZero() || len(e.limits) > 0 }

// storeGuarded stores an answer, counts it and redeems its pass: all or nothing.
// A repeated answer is told before its pass is looked at.
func (st *statements) storeGuarded(tx *sql.Tx, insert *sql.Stmt, e entry) (outcome, error) {
	for _, l := range e.limits { // before the answer is there, a new counter counts the others
		if err := st.begin(tx, e.survey, l); err != nil {
			return 0, err
		}
	}
	what, err := st.storeOne(tx, insert, e)
	if err != nil || what != stored {
		return what, err
	}
	for _, l := range e.limits {
		if err := count(tx, e.survey, l, 1); err != nil {
			return 0, err
		}
	}
	return stored, e.pass.Redeem(tx, scope(e.survey), e.tag)
}

// begin makes the counter of a limit, if there is none, from what is stored.
func (st *statements) begin(tx *sql.Tx, survey string, l limit) error {
	var one int
	err := tx.QueryRow(`SELECT 1 FROM survey_counters WHERE survey = ? AND code = ?`, survey, l.code).Scan(&one)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	n, err := countStored(tx, survey, l)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO survey_counters (survey, code, n, max) VALUES (?, ?, ?, ?)`, survey, l.code, n, max(n, l.max))
	return err
}

func countStored(tx *sql.Tx, slug string, l limit) (n int, err error) {
	if l.code == "" {
		err = tx.QueryRow(`SELECT count(*) FROM responses WHERE survey = ?`, slug).Scan(&n)
		return n, err
	}
	rows, err := tx.Query(`SELECT answers FROM responses WHERE survey = ?`, slug)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var b sql.RawBytes
		if err := rows.Scan(&b); err != nil {
			return 0, err
		}
		a, err := survey.DecodeAnswers(b)
		if err != nil {
			return 0, err
		}
		if l.when.Holds(a) {
			n++
		}
	}
	return n, rows.Err()
}

// count adds to a counter; the CHECK of the table refuses more than the limit.
func count(tx *sql.Tx, survey string, l limit, n int) error {
	_, err := tx.Exec(`UPDATE survey_counters SET n = n + ?, max = ? WHERE survey = ? AND code = ?`, n, l.max, survey, l.code)
	var coded interface{ Code() int }
	if errors.As(err, &coded) && coded.Code() == constraintCheck {
		return full(l.code)
	}
	return err
}

// constraintCheck is SQLITE_CONSTRAINT_CHECK.
const constraintCheck = 275

func full(code string) error {
	if code == "" {
		return errFull
	}
	return base.Refuse(http.StatusConflict, "quota_full", "quota", code)
}

func (st *statements) storeOne(tx *sql.Tx, insert *sql.Stmt, e entry) (outcome, error) {
	result, err := insert.Exec(e.survey, e.id, e.version, e.language, e.channel, e.day, e.seed, e.answers)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, err
	}
	if n == 1 && e.personal != "" {
		if _, err := tx.Exec(`INSERT INTO response_personal (survey, id, answers) VALUES (?, ?, ?)`, e.survey, e.id, e.personal); err != nil {
			return 0, err
		}
	}
	if err := forget(tx, e); err != nil {
		return 0, err
	}
	if n == 1 {
		return stored, nil
	}
	var equal bool
	err = tx.QueryRow(`SELECT language = ? AND channel = ? AND seed = ? AND answers = ? AND
		coalesce((SELECT p.answers FROM response_personal p WHERE p.survey = r.survey AND p.id = r.id), '') = ?
		FROM responses r WHERE survey = ? AND id = ?`,
		e.language, e.channel, e.seed, e.answers, e.personal, e.survey, e.id).Scan(&equal)
	if err != nil {
		return 0, err
	}
	if equal {
		return same, nil
	}
	return differs, nil
}

// forget deletes the draft of an answer.
func forget(tx *sql.Tx, e entry) error {
	if e.draft != "" {
		// What stays without a draft and is in no response is swept.
		if _, err := tx.Exec(`UPDATE survey_uploads SET draft = '' WHERE draft = ? AND instr(?, name) > 0`, e.draft, e.answers+e.personal); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM survey_drafts WHERE hash = ?`, e.draft); err != nil {
			return err
		}
	}
	return nil
}

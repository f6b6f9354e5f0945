package participation

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"sync"

	"servicepoint/pocketbase-app/base"

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
}

type job struct {
	entry
	ctx     context.Context
	outcome outcome
	done    chan error // one place: the writer never waits for a reader
}

// writer is the one goroutine that stores answers. It uses the same connection
// as all other writes of the app, so that the two queue fairly in place of
// meeting in SQLite's busy handler, and commits with synchronous=FULL before
// any of the group is acknowledged.
type writer struct {
	app     core.App
	jobs    chan *job
	closing chan struct{}
	closed  chan struct{}
	once    sync.Once
	ready   *statements
}

func newWriter(app core.App) *writer {
	w := &writer{
		app:     app,
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
	defer func() { w.ready.close() }()
	group := make([]*job, 0, groupSize)
	for {
		select {
		case j := <-w.jobs:
			w.commit(w.gather(append(group[:0], j)))
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
	err := w.store(group)
	for _, j := range group {
		j.done <- err
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
		if j.outcome, err = st.storeOne(tx, insert, j.entry); err != nil {
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

func (st *statements) storeOne(tx *sql.Tx, insert *sql.Stmt, e entry) (outcome, error) {
	result, err := insert.Exec(e.survey, e.id, e.version, e.language, e.channel, e.day, e.seed, e.answers)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, err
	}
	if e.draft != "" {
		// What stays without a draft and is in no response is swept.
		if _, err := tx.Exec(`UPDATE survey_uploads SET draft = '' WHERE draft = ? AND instr(?, name) > 0`, e.draft, e.answers); err != nil {
			return 0, err
		}
		if _, err := tx.Exec(`DELETE FROM survey_drafts WHERE hash = ?`, e.draft); err != nil {
			return 0, err
		}
	}
	if n == 1 {
		return stored, nil
	}
	var equal bool
	err = tx.QueryRow(`SELECT language = ? AND channel = ? AND seed = ? AND answers = ? FROM responses WHERE survey = ? AND id = ?`,
		e.language, e.channel, e.seed, e.answers, e.survey, e.id).Scan(&equal)
	if err != nil {
		return 0, err
	}
	if equal {
		return same, nil
	}
	return differs, nil
}

package participation

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"slices"
	"sync"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"
)

// blockSize is the least number of answers that leave the urn together.
const blockSize = 10

// urnFile stands beside data.db and in no backup: two of them would tell which
// answers came in between.
const urnFile = "urn.db"

// urn holds the newest answers of anonymous surveys whose people are known by a
// code, an invitation or an account, and apart from them the passes that were
// used. Both leave for data.db in blocks, so that no copy of data.db, and no two
// copies, tell which pass belongs to which answer: at least blockSize of both
// change at a time, chosen apart from each other.
//
// What is in the urn has no order: with every change the file is written anew,
// answers under new random keys, passes by their hashes, no journal stays behind.
// One transaction takes on an answer and its pass, so neither is ever there
// without the other. Only the writer's goroutine changes the urn.
type urn struct {
	path string

	mu      sync.RWMutex
	db      *sql.DB
	answers []urnAnswer
	passes  []urnPass
}

// urnAnswer is one answer; block is set while it moves to data.db.
type urnAnswer struct {
	entry
	block []byte
}

// urnPass is a pass that was used.
type urnPass struct {
	survey string
	pass   gate.Pass
	tag    []byte
	block  []byte
}

var urnSchema = []string{
	`CREATE TABLE IF NOT EXISTS urn_answers (
		key      BLOB PRIMARY KEY, -- new with every change
		survey   TEXT NOT NULL,
		version  INTEGER NOT NULL,
		language TEXT NOT NULL,
		channel  TEXT NOT NULL,
		day      TEXT NOT NULL,
		seed     INTEGER NOT NULL,
		answers  TEXT NOT NULL,
		limits   TEXT NOT NULL, -- JSON: code of the counter → limit
		block    BLOB
	) STRICT, WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS urn_passes (
		survey TEXT NOT NULL,
		hash   BLOB NOT NULL,
		access TEXT NOT NULL, -- "" when staff typed in a sheet
		tag    BLOB NOT NULL,
		block  BLOB,
		PRIMARY KEY (survey, hash)
	) STRICT, WITHOUT ROWID`,
}

func newUrn(dir string) *urn { return &urn{path: filepath.Join(dir, urnFile)} }

// open reads the urn's file; the first call makes it.
func (u *urn) open() error {
	if u.db != nil {
		return nil
	}
	builder, err := base.ConnectUrn(u.path)
	if err != nil {
		return err
	}
	db := builder.DB()
	db.SetMaxOpenConns(1)
	for _, s := range urnSchema {
		if _, err := db.Exec(s); err != nil {
			db.Close()
			return err
		}
	}
	answers, passes, err := readUrn(db)
	if err != nil {
		db.Close()
		return err
	}
	u.mu.Lock()
	u.db, u.answers, u.passes = db, answers, passes
	u.mu.Unlock()
	return nil
}

func readUrn(db *sql.DB) (answers []urnAnswer, passes []urnPass, err error) {
	rows, err := db.Query(`SELECT survey, version, language, channel, day, seed, answers, limits, block FROM urn_answers ORDER BY key`)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		a := urnAnswer{}
		a.urn = true
		var limits string
		if err := rows.Scan(&a.survey, &a.version, &a.language, &a.channel, &a.day, &a.seed, &a.answers, &limits, &a.block); err != nil {
			return nil, nil, err
		}
		m := map[string]int{}
		if err := json.Unmarshal([]byte(limits), &m); err != nil {
			return nil, nil, err
		}
		for code, most := range m {
			a.limits = append(a.limits, limit{code: code, max: most})
		}
		answers = append(answers, a)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	used, err := db.Query(`SELECT survey, hash, access, tag, block FROM urn_passes`)
	if err != nil {
		return nil, nil, err
	}
	defer used.Close()
	for used.Next() {
		var p urnPass
		if err := used.Scan(&p.survey, &p.pass.Hash, &p.pass.Access, &p.tag, &p.block); err != nil {
			return nil, nil, err
		}
		passes = append(passes, p)
	}
	return answers, passes, used.Err()
}

// write writes the urn anew, all of it, in one transaction. The answers come in
// the order of fresh random keys, so that not even their places in the file's
// pages tell which came first.
func (u *urn) write(answers []urnAnswer, passes []urnPass) error {
	type keyed struct {
		key []byte
		a   urnAnswer
	}
	shuffled := make([]keyed, len(answers))
	for i, a := range answers {
		shuffled[i] = keyed{random(16), a}
	}
	slices.SortFunc(shuffled, func(a, b keyed) int { return slices.Compare(a.key, b.key) })
	passes = slices.Clone(passes)
	slices.SortFunc(passes, func(a, b urnPass) int { return slices.Compare(a.pass.Hash, b.pass.Hash) })
	tx, err := u.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, s := range []string{`DELETE FROM urn_answers`, `DELETE FROM urn_passes`} {
		if _, err := tx.Exec(s); err != nil {
			return err
		}
	}
	answers = make([]urnAnswer, len(shuffled))
	for i, k := range shuffled {
		answers[i] = k.a
		limits := map[string]int{}
		for _, l := range k.a.limits {
			limits[l.code] = l.max
		}
		b, err := json.Marshal(limits)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO urn_answers (key, survey, version, language, channel, day, seed, answers, limits, block) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			k.key, k.a.survey, k.a.version, k.a.language, k.a.channel, k.a.day, k.a.seed, k.a.answers, string(b), k.a.block); err != nil {
			return err
		}
	}
	for _, p := range passes {
		if _, err := tx.Exec(`INSERT INTO urn_passes (survey, hash, access, tag, block) VALUES (?, ?, ?, ?, ?)`,
			p.survey, p.pass.Hash, p.pass.Access, p.tag, p.block); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	u.mu.Lock()
	u.answers, u.passes = answers, passes
	u.mu.Unlock()
	return nil
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// tag is the tag of a pass in the urn.
func (u *urn) tag(survey string, hash []byte) ([]byte, bool) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	for _, p := range u.passes {
		if p.survey == survey && slices.Equal(p.pass.Hash, hash) {
			return p.tag, true
		}
	}
	return nil, false
}

// waiting is how many answers of a survey are in the urn; how many of them count
// for a limit.
func (u *urn) waiting(survey, code string) (n, counted int) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	for _, a := range u.answers {
		if a.survey != survey {
			continue
		}
		n++
		if slices.ContainsFunc(a.limits, func(l limit) bool { return l.code == code }) {
			counted++
		}
	}
	return n, counted
}

func (u *urn) close() {
	if u != nil && u.db != nil {
		u.db.Close()
		u.db = nil
	}
}

// begin opens the urn and ends what a crash broke off: a block that data.db has
// leaves the urn, one that it does not have is moved again.
func (w *writer) begin(st *statements) error {
	if w.urn.db != nil {
		return nil
	}
	if err := w.urn.open(); err != nil {
		return fmt.Errorf("the urn: %w", err)
	}
	if err := w.finish(st); err != nil {
		w.urn.close()
		return err
	}
	return nil
}

// finish moves every block that is marked and still there.
func (w *writer) finish(st *statements) error {
	blocks := map[string]bool{}
	for _, a := range w.urn.answers {
		if a.block != nil {
			blocks[string(a.block)] = true
		}
	}
	for _, p := range w.urn.passes {
		if p.block != nil {
			blocks[string(p.block)] = true
		}
	}
	for id := range blocks {
		if err := w.move(st, []byte(id)); err != nil {
			return err
		}
	}
	return nil
}

// cast takes a group of answers into the urn. The draft that an answer came from
// is deleted after it is safe there; if that fails, the same request again does it.
func (w *writer) cast(group []*job) error {
	st, err := w.statements()
	if err != nil {
		return err
	}
	if err := w.begin(st); err != nil {
		return err
	}
	answers, passes := slices.Clone(w.urn.answers), slices.Clone(w.urn.passes)
	added := map[string]bool{} // surveys
	for _, j := range group {
		j.refusal = nil
		p := urnPass{survey: j.survey, pass: j.pass, tag: j.tag}
		if p.pass.IsZero() { // a sheet that staff typed in
			p.pass = gate.Pass{Hash: j.tag}
		}
		what, err := st.castOne(j.entry, p, answers, passes)
		var refusal *base.Error
		switch {
		case errors.As(err, &refusal):
			j.refusal = refusal
			continue
		case err != nil:
			return err
		}
		if j.outcome = what; what == stored {
			answers = append(answers, urnAnswer{entry: j.entry})
			passes = append(passes, p)
			added[j.survey] = true
		}
	}
	if len(added) > 0 {
		if err := w.urn.write(answers, passes); err != nil {
			return err
		}
	}
	if err := st.forgetAll(group); err != nil {
		return err
	}
	for slug := range added {
		if n, _ := w.urn.waiting(slug, ""); n >= 2*blockSize {
			if err := w.release(st, slug, n-blockSize); err != nil {
				w.app.Logger().Error("a block stays in the urn", "survey", slug, "error", err.Error())
			}
		}
	}
	return nil
}

// castOne tells whether an answer may go into the urn.
func (st *statements) castOne(e entry, p urnPass, answers []urnAnswer, passes []urnPass) (outcome, error) {
	for _, other := range passes {
		if other.survey == p.survey && slices.Equal(other.pass.Hash, p.pass.Hash) {
			if slices.Equal(other.tag, p.tag) {
				return same, nil
			}
			return 0, gate.ErrUsed
		}
	}
	var used int
	var tag []byte
	err := st.db.QueryRow(`SELECT used, tag FROM gate_passes WHERE scope = ? AND hash = ?`, scope(e.survey), p.pass.Hash).Scan(&used, &tag)
	switch {
	case errors.Is(err, sql.ErrNoRows) && p.pass.Access == survey.AccessCode:
		return 0, gate.ErrUnknown
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return 0, err
	case used == 1 && slices.Equal(tag, p.tag):
		return same, nil
	case used == 1:
		return 0, gate.ErrUsed
	}
	for _, l := range e.limits {
		n := 0
		err := st.db.QueryRow(`SELECT n FROM survey_counters WHERE survey = ? AND code = ?`, e.survey, l.code).Scan(&n)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, err
		}
		for _, a := range answers {
			if a.survey == e.survey && slices.ContainsFunc(a.limits, func(m limit) bool { return m.code == l.code }) {
				n++
			}
		}
		if n >= l.max {
			return 0, full(l.code)
		}
	}
	return stored, nil
}

// forgetAll deletes the drafts of answers that are in the urn.
func (st *statements) forgetAll(group []*job) error {
	tx, err := st.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, j := range group {
		if j.refusal == nil {
			if err := forget(tx, j.entry); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// release moves n answers and n passes of a survey to data.db, each drawn by lot.
func (w *writer) release(st *statements, slug string, n int) error {
	if err := w.finish(st); err != nil { // a block is marked once
		return err
	}
	if left, _ := w.urn.waiting(slug, ""); left < n {
		return nil // it was just moved
	}
	block := random(16)
	answers, passes := slices.Clone(w.urn.answers), slices.Clone(w.urn.passes)
	day := ""
	for _, a := range answers {
		if a.survey == slug {
			day = max(day, a.day)
		}
	}
	for _, i := range draw(len(answers), n, func(i int) bool { return answers[i].survey == slug }) {
		answers[i].block, answers[i].day = block, day
	}
	for _, i := range draw(len(passes), n, func(i int) bool { return passes[i].survey == slug }) {
		passes[i].block = block
	}
	if err := w.urn.write(answers, passes); err != nil {
		return err
	}
	return w.move(st, block)
}

// draw draws n of the indices that count, by lot.
func draw(all, n int, counts func(int) bool) []int {
	var list []int
	for i := range all {
		if counts(i) {
			list = append(list, i)
		}
	}
	var seed [32]byte
	rand.Read(seed[:])
	lot := mathrand.New(mathrand.NewChaCha8(seed))
	lot.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(n, len(list))]
}

// move writes a marked block into data.db, once, and takes it out of the urn.
func (w *writer) move(st *statements, block []byte) error {
	tx, err := st.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	result, err := tx.Exec(`INSERT INTO urn_blocks (id) VALUES (?) ON CONFLICT DO NOTHING`, block)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	in := func(b []byte) bool { return slices.Equal(b, block) }
	if n == 1 {
		if err := w.moveRows(tx, in); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return w.urn.write(
		slices.DeleteFunc(slices.Clone(w.urn.answers), func(a urnAnswer) bool { return in(a.block) }),
		slices.DeleteFunc(slices.Clone(w.urn.passes), func(p urnPass) bool { return in(p.block) }))
}

func (w *writer) moveRows(tx *sql.Tx, in func([]byte) bool) error {
	type counter struct{ survey, code string }
	counts := map[counter]limit{}
	added := map[counter]int{}
	for _, a := range w.urn.answers {
		if !in(a.block) {
			continue
		}
		// Every answer gets an id that nobody has seen before.
		if _, err := tx.Exec(`INSERT INTO responses (survey, id, version, language, channel, day, seed, answers) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			a.survey, newResponseID(), a.version, a.language, a.channel, a.day, a.seed, a.answers); err != nil {
			return err
		}
		for _, l := range a.limits {
			counts[counter{a.survey, l.code}] = l
			added[counter{a.survey, l.code}]++
		}
	}
	for c, l := range counts { // they were counted when they were taken: no limit refuses them now
		if _, err := tx.Exec(`INSERT INTO survey_counters (survey, code, n, max) VALUES (?1, ?2, ?3, max(?3, ?4))
			ON CONFLICT DO UPDATE SET n = n + ?3, max = max(?4, n + ?3)`, c.survey, c.code, added[c], l.max); err != nil {
			return err
		}
	}
	for _, p := range w.urn.passes {
		if !in(p.block) || p.pass.Access == "" {
			continue
		}
		if err := p.pass.Redeem(tx, scope(p.survey), p.tag); err != nil && !errors.Is(err, gate.ErrUsed) {
			return err
		}
	}
	return nil
}

// newResponseID is a random UUID of version 4.
func newResponseID() string { return uuid4(random(16)) }

// EmptyUrn moves what is left of surveys that have ended: at least a block, or
// everything when the survey never had one. Fewer wait until more come; no
// survey that goes on tells them apart. It returns how many answers were moved.
func (pt *Participation) EmptyUrn(ctx context.Context) (int, error) {
	moved := 0
	err := pt.writer.between(ctx, func(w *writer) error {
		st, err := w.statements()
		if err != nil {
			return err
		}
		if err := w.begin(st); err != nil {
			return err
		}
		slugs := map[string]bool{}
		for _, a := range w.urn.answers {
			slugs[a.survey] = true
		}
		for slug := range slugs {
			q, err := pt.surveys.find(slug)
			if err != nil {
				return err
			}
			if !q.ended(pt.p.Now()) {
				continue
			}
			n, _ := w.urn.waiting(slug, "")
			var before int
			if err := st.db.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM responses WHERE survey = ? LIMIT 1)`, slug).Scan(&before); err != nil {
				return err
			}
			if n < blockSize && before > 0 {
				continue
			}
			if err := w.release(st, slug, n); err != nil {
				return err
			}
			moved += n
		}
		return nil
	})
	return moved, err
}

// between runs a task in the writer's goroutine.
func (w *writer) between(ctx context.Context, task func(*writer) error) error {
	done := make(chan error, 1)
	select {
	case w.tasks <- func() { done <- task(w) }:
	case <-w.closed:
		return errClosing
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-done
}

// tookPart reports whether a pass was used to hand in the answer with this id.
// Nothing else can tell: the answer itself has lost its id.
func (pt *Participation) tookPart(ctx context.Context, slug string, p gate.Pass, id string) (bool, error) {
	if p.IsZero() {
		return false, nil
	}
	want := pt.gate.Tag(scope(slug), id)
	if tag, ok := pt.writer.urn.tag(slug, p.Hash); ok {
		return slices.Equal(tag, want), nil
	}
	state, tag, err := pt.gate.Look(ctx, scope(slug), p)
	return state == gate.Used && slices.Equal(tag, want), err
}

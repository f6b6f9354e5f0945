package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"servicepoint/content"
	"servicepoint/content/disclosure"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Snapshot is everything that is stored about one survey at one moment.
type Snapshot interface {
	Versions() []survey.Questionnaire
	Count() int                                   // of responses
	Responses() iter.Seq2[survey.Response, error] // one pass after the other
	Close() error
}

// Why figures cannot be released; the words are "problem.<code>".
var (
	errFew     = errors.New("results_few")     // fewer than disclosure.LeastGroup responses
	errNothing = errors.New("results_nothing") // of what was chosen nothing can be shown
	errReason  = errors.New("results_reason")  // fewer than disclosure.LeastGroup new ones, and no reason for a correction
	errGone    = errors.New("results_gone")    // a counted response is not there any more
)

// release is a stored release.
type release struct {
	Number    int    `db:"number"`
	N         int    `db:"n"`
	Doc       string `db:"figures"`
	Reason    string `db:"reason"`
	Created   int64  `db:"created"`
	CreatedBy string `db:"created_by"`
}

func releases(ctx context.Context, db dbx.Builder, slug string) (rows []release, err error) {
	err = db.NewQuery(`SELECT number, n, figures, reason, created, created_by FROM result_releases WHERE survey = {:survey} ORDER BY number`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).All(&rows)
	return rows, err
}

// standing is how a survey's answers stand to what was shown of them.
type standing struct {
	survey  *tally.Survey
	rows    []release
	ledger  []entry
	earlier []frozen       // of the ledger
	stored  int            // responses in the snapshot
	fresh   []string       // ids of responses that stand in no block yet, in their order
	members map[string]int // the block of each that does
	last    int            // highest block
	missing int            // members that are not there any more
}

// n is how many a release would count.
func (st *standing) n() int {
	if len(st.fresh) >= disclosure.LeastGroup {
		return len(st.members) + len(st.fresh)
	}
	return len(st.members)
}

// enough reports whether there is something to release that is new.
func (st *standing) enough() bool {
	if len(st.rows) == 0 {
		return st.n() >= disclosure.LeastGroup
	}
	return st.n()-st.rows[len(st.rows)-1].N >= disclosure.LeastGroup
}

// waiting is how many answers no release has counted.
func (st *standing) waiting() int {
	if len(st.rows) == 0 {
		return st.stored
	}
	return st.stored + st.missing - st.rows[len(st.rows)-1].N
}

func (x *Results) stand(ctx context.Context, slug string, s Snapshot) (st standing, err error) {
	if st.survey, err = tally.Merge(s.Versions()); err != nil {
		return st, err
	}
	db := x.p.App.DB()
	if st.rows, err = releases(ctx, db, slug); err != nil {
		return st, err
	}
	if st.ledger, err = entries(ctx, db, slug); err != nil {
		return st, err
	}
	for _, e := range st.ledger {
		st.earlier = append(st.earlier, e.frozen)
	}
	var members []struct {
		Response string `db:"response"`
		Block    int    `db:"block"`
	}
	if err := db.NewQuery(`SELECT response, block FROM result_members WHERE survey = {:survey}`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).All(&members); err != nil {
		return st, err
	}
	st.members = make(map[string]int, len(members))
	for _, m := range members {
		st.members[m.Response] = m.Block
		st.last = max(st.last, m.Block)
	}
	seen := 0
	for r, err := range s.Responses() {
		if err != nil {
			return st, err
		}
		st.stored++
		if st.members[r.ID] > 0 {
			seen++
		} else {
			st.fresh = append(st.fresh, r.ID)
		}
	}
	st.missing = len(st.members) - seen
	return st, nil
}

// count counts all that stand in blocks and, when they are at least a group, those
// that do not yet: they get blocks. keys are the variables that will be asked for.
func (x *Results) count(ctx context.Context, slug string, s Snapshot, st *standing, keys []string) (c *counting, fresh map[string]int, err error) {
	c = &counting{standing: st, counter: tally.NewCounter(st.survey), readers: map[string]*reader{}, ledger: shown(st.ledger), block: st.last, number: len(st.rows) + 1}
	if len(st.fresh) >= disclosure.LeastGroup {
		fresh = blocks(st.fresh, st.last)
		for _, block := range fresh {
			c.block = max(c.block, block)
		}
	}
	if c.ledger, err = x.circle(ctx, slug, c); err != nil {
		return nil, nil, err
	}
	for _, t := range c.ledger {
		for _, a := range t.Axes {
			keys = append(keys, a.Key)
		}
	}
	codes := map[string][]string{}
	for _, key := range keys {
		if r := readerOf(st.survey, key); r != nil && c.readers[key] == nil {
			c.readers[key], codes[key] = r, r.codes
		}
	}
	c.people = disclosure.NewPeople(codes)
	for r, err := range s.Responses() {
		if err != nil {
			return nil, nil, err
		}
		block := st.members[r.ID]
		if block == 0 {
			block = fresh[r.ID]
		}
		if block == 0 {
			continue
		}
		if err := c.counter.Add(r); err != nil {
			return nil, nil, err
		}
		c.people.Add(block, func(key string) string { return c.readers[key].value(r) })
	}
	if c.counter.All() != len(st.members)+len(fresh) {
		return nil, nil, fmt.Errorf("results of %s: counted %d responses instead of %d", slug, c.counter.All(), len(st.members)+len(fresh))
	}
	// What differs by whole groups is about other people.
	c.ledger = slices.DeleteFunc(c.ledger, func(t disclosure.Table) bool {
		if !t.Foreign {
			return false
		}
		own, err := c.people.Count(c.block, t.Axes...)
		return err == nil && !t.Same(own)
	})
	return c, fresh, nil
}

// prepared is a release that nobody has stored yet.
type prepared struct {
	frozen
	Left   []left
	number int
	n      int
	block  int
	blocks map[string]int // of the responses counted for the first time
}

// prepare counts for a release: all that was counted before and, when they are at
// least a group, all that came since.
func (x *Results) prepare(ctx context.Context, slug string, choice Choice) (p prepared, err error) {
	s, err := x.Snapshot(ctx, slug)
	if err != nil {
		return p, err
	}
	defer s.Close()
	st, err := x.stand(ctx, slug, s)
	if err != nil {
		return p, err
	}
	switch {
	case st.missing > 0:
		return p, errGone
	case st.n() < disclosure.LeastGroup:
		return p, errFew
	case !st.enough() && choice.Reason[content.German] == "":
		return p, errReason
	}
	var keys []string
	for _, it := range offered(st.survey) {
		for _, v := range it.Variables {
			if slices.Contains(choice.Items, it.Code) {
				keys = append(keys, ledgerKeys(v)...)
			}
		}
	}
	for _, pair := range choice.Pairs {
		keys = append(keys, pair.Row, pair.Column)
	}
	c, fresh, err := x.count(ctx, slug, s, &st, keys)
	if err != nil {
		return p, err
	}
	if c.texts, err = decisions(ctx, x.p.App.DB(), slug); err != nil {
		return p, err
	}
	p.number, p.n, p.block, p.blocks = c.number, st.n(), c.block, fresh
	p.frozen, p.Left, err = c.freeze(choice)
	if errors.Is(err, disclosure.ErrLedger) {
		return p, errGone
	}
	if err == nil && len(p.Figures)+len(p.Tables) == 0 {
		err = errNothing
	}
	return p, err
}

// ledgerKeys are the variables of the ledger that a figure of v is about.
func ledgerKeys(v *tally.Variable) (keys []string) {
	switch {
	case v.Several():
		for _, o := range v.Of.Offered {
			keys = append(keys, v.Key+chosen+o.Code)
		}
		return keys
	case v.Ranked():
		return []string{v.Key + first}
	}
	return []string{v.Key}
}

// allowed leaves out pairs that may not be crossed.
func allowed(s *tally.Survey, pairs []tally.Pair) (some []tally.Pair) {
	known := map[string]*tally.Variable{}
	for _, v := range crossable(s) {
		known[v.Key] = v
	}
	for _, p := range pairs {
		row, column := known[p.Row], known[p.Column]
		if row == nil || column == nil || row == column || slices.Contains(some, p) || len(some) == mostTables {
			continue
		}
		if size(row)*size(column) <= mostCells {
			some = append(some, p)
		}
	}
	return some
}

func size(v *tally.Variable) int { return max(len(v.Of.Offered), len(v.Of.Steps())) }

// blocks puts responses, in the order of their random ids, into blocks of
// disclosure.LeastGroup or a few more; there must be that many.
func blocks(ids []string, last int) map[string]int {
	ids = slices.Sorted(slices.Values(ids))
	count := len(ids) / disclosure.LeastGroup
	out := make(map[string]int, len(ids))
	for i, id := range ids {
		out[id] = last + 1 + i*count/len(ids)
	}
	return out
}

// Release stores a release and asks for a build of the site. The errors of this
// package say why there is none.
func (x *Results) Release(ctx context.Context, slug string, choice Choice, staff string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	p, err := x.prepare(ctx, slug, choice)
	if err != nil {
		return err
	}
	doc, err := json.Marshal(p.frozen)
	if err != nil {
		return err
	}
	reason, err := json.Marshal(choice.Reason)
	if err != nil {
		return err
	}
	err = x.p.App.RunInTransaction(func(tx core.App) error {
		if _, err := tx.DB().NewQuery(`INSERT INTO result_releases (survey, number, n, figures, reason, created, created_by)
			VALUES ({:survey}, {:number}, {:n}, {:figures}, {:reason}, {:now}, {:staff})`).Bind(dbx.Params{
			"survey": slug, "number": p.number, "n": p.n, "figures": string(doc), "reason": string(reason), "now": x.p.Now().UnixMilli(), "staff": staff,
		}).Execute(); err != nil {
			return err
		}
		if err := x.enter(tx, slug, onResults, &p.number, p.block, string(doc), staff, p.blocks); err != nil {
			return err
		}
		return x.Rebuild(tx, "surveys/"+slug+" results", staff)
	})
	if err == nil {
		x.Wake()
	}
	return err
}

// enter writes an entry of the ledger and the blocks that it counts for the first time.
func (x *Results) enter(tx core.App, slug, place string, number *int, block int, doc, staff string, fresh map[string]int) error {
	if _, err := tx.DB().NewQuery(`INSERT INTO disclosure_releases (survey, place, number, block, doc, created, created_by)
		VALUES ({:survey}, {:place}, {:number}, {:block}, {:doc}, {:now}, {:staff})`).Bind(dbx.Params{
		"survey": slug, "place": place, "number": number, "block": block, "doc": doc, "now": x.p.Now().UnixMilli(), "staff": staff,
	}).Execute(); err != nil {
		return err
	}
	insert := tx.DB().NewQuery(`INSERT INTO result_members (survey, response, block) VALUES ({:survey}, {:response}, {:block})`)
	for _, id := range slices.Sorted(maps.Keys(fresh)) {
		if _, err := insert.Bind(dbx.Params{"survey": slug, "response": id, "block": fresh[id]}).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// withPage are the surveys that have a page of results.
const withPage = `SELECT survey FROM result_releases UNION SELECT survey FROM survey_actions`

// HasPage tells whether a survey has one.
func HasPage(ctx context.Context, db dbx.Builder, slug string) (has bool, err error) {
	err = db.NewQuery(`SELECT {:survey} IN (` + withPage + `)`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).Row(&has)
	return has, err
}

// Publish adds the newest release of every survey, with all corrections and
// actions, to the catalogue.
func Publish(ctx context.Context, db dbx.Builder, cat *content.Catalogue) error {
	var slugs []string
	if err := db.NewQuery(withPage + ` ORDER BY 1`).WithContext(ctx).Column(&slugs); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	for _, slug := range slugs {
		r := content.Results{Survey: slug}
		for _, s := range cat.Surveys {
			if s.Slug == slug {
				r.Title, r.Opens, r.Closes = s.Title, s.Opens, s.Closes
			}
		}
		rows, err := releases(ctx, db, slug)
		if err != nil {
			return err
		}
		gone, err := withdrawals(ctx, db, slug)
		if err != nil {
			return err
		}
		for i, row := range rows {
			var reason content.Text
			if err := json.Unmarshal([]byte(row.Reason), &reason); err != nil {
				return err
			}
			if reason[content.German] != "" {
				r.Corrections = append(r.Corrections, content.ResultCorrection{Day: day(row.Created), Reason: reason})
			}
			taken := false
			for _, w := range gone {
				if w.Number == row.Number {
					taken = true
					why := content.Text{}
					if err := json.Unmarshal([]byte(w.Reason), &why); err != nil {
						return err
					}
					r.Withdrawals = append(r.Withdrawals, content.ResultCorrection{Day: day(w.Created), Reason: why})
				}
			}
			if i < len(rows)-1 {
				continue
			}
			var f frozen
			if err := json.Unmarshal([]byte(row.Doc), &f); err != nil {
				return fmt.Errorf("results of %s, release %d: %w", slug, row.Number, err)
			}
			r.Title, r.Opens, r.Closes = f.Title, f.Opens, f.Closes
			if taken {
				continue
			}
			r.Release, r.Released, r.N = row.Number, moment(row.Created), row.N
			texts, err := decisions(ctx, db, slug)
			if err != nil {
				return err
			}
			for _, one := range f.Figures {
				if len(one.Marks) > 0 { // what was taken back or erased since is not quoted
					one.Quotes, _ = quoted(one.Marks, texts)
				}
				r.Figures = append(r.Figures, one.ResultFigure)
			}
			for _, one := range f.Tables {
				r.Tables = append(r.Tables, one.ResultTable)
			}
		}
		if r.Actions, err = actions(ctx, db, slug); err != nil {
			return err
		}
		if r.Title != nil {
			cat.Results = append(cat.Results, r)
		}
	}
	return nil
}

func actions(ctx context.Context, db dbx.Builder, slug string) (list []content.Action, err error) {
	var docs []string
	err = db.NewQuery(`SELECT doc FROM survey_actions WHERE survey = {:survey} ORDER BY day DESC, id`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).Column(&docs)
	for _, doc := range docs {
		var a content.Action
		if err := json.Unmarshal([]byte(doc), &a); err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, err
}

// find reads an action and its rev; [base.ErrNotFound] when there is none.
func (x *Results) find(ctx context.Context, slug, id string) (a content.Action, rev int, err error) {
	var doc string
	err = x.p.App.DB().NewQuery(`SELECT doc, rev FROM survey_actions WHERE survey = {:survey} AND id = {:id}`).
		Bind(dbx.Params{"survey": slug, "id": id}).WithContext(ctx).Row(&doc, &rev)
	if base.IsNoRows(err) {
		return a, 0, base.ErrNotFound
	}
	if err != nil {
		return a, 0, err
	}
	return a, rev, json.Unmarshal([]byte(doc), &a)
}

var errConflict = errors.New("results_conflict")

// save stores an action (rev 0: a new one) or, with remove, takes it away. It
// returns errConflict when somebody else has changed it.
func (x *Results) save(slug string, a content.Action, rev int, remove bool, staff string) error {
	doc, err := json.Marshal(a)
	if err != nil {
		return err
	}
	sql := `UPDATE survey_actions SET doc = {:doc}, day = {:day}, rev = rev + 1 WHERE survey = {:survey} AND id = {:id} AND rev = {:rev}`
	params := dbx.Params{"survey": slug, "id": a.ID, "doc": string(doc), "day": a.Day, "rev": rev}
	switch {
	case remove:
		sql = `DELETE FROM survey_actions WHERE survey = {:survey} AND id = {:id} AND rev = {:rev}`
		params = dbx.Params{"survey": slug, "id": a.ID, "rev": rev}
	case rev == 0:
		sql = `INSERT INTO survey_actions (id, survey, doc, day, rev) VALUES ({:id}, {:survey}, {:doc}, {:day}, 1)`
		delete(params, "rev")
	}
	err = x.p.App.RunInTransaction(func(tx core.App) error {
		res, err := tx.DB().NewQuery(sql).Bind(params).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errConflict)
		}
		return x.Rebuild(tx, "surveys/"+slug+" actions", staff)
	})
	if err == nil {
		x.Wake()
	}
	return err
}

func germanReason(r release) (string, error) {
	var reason content.Text
	err := json.Unmarshal([]byte(r.Reason), &reason)
	return reason[content.German], err
}

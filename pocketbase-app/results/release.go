package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
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

func releases(ctx context.Context, db dbx.Builder, slug string) (rows []release, docs []frozen, err error) {
	err = db.NewQuery(`SELECT number, n, figures, reason, created, created_by FROM result_releases WHERE survey = {:survey} ORDER BY number`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).All(&rows)
	for _, r := range rows {
		var f frozen
		if err := json.Unmarshal([]byte(r.Doc), &f); err != nil {
			return nil, nil, fmt.Errorf("results of %s, release %d: %w", slug, r.Number, err)
		}
		docs = append(docs, f)
	}
	return rows, docs, err
}

// standing is how a survey's answers stand to its releases.
type standing struct {
	survey  *tally.Survey
	rows    []release
	earlier []frozen
	stored  int             // responses in the snapshot
	fresh   []string        // ids of responses that no release has counted, in their order
	members map[string]bool // counted ones
	last    int             // highest block
	missing int             // counted ones that are not there any more
}

// add reports whether the fresh ones are enough to be counted.
func (st *standing) enough() bool { return len(st.fresh) >= disclosure.LeastGroup }

func (x *Results) stand(ctx context.Context, slug string, s Snapshot) (st standing, err error) {
	if st.survey, err = tally.Merge(s.Versions()); err != nil {
		return st, err
	}
	if st.rows, st.earlier, err = releases(ctx, x.p.App.DB(), slug); err != nil {
		return st, err
	}
	var members []struct {
		Response string `db:"response"`
		Block    int    `db:"block"`
	}
	if err := x.p.App.DB().NewQuery(`SELECT response, block FROM result_members WHERE survey = {:survey}`).
		Bind(dbx.Params{"survey": slug}).WithContext(ctx).All(&members); err != nil {
		return st, err
	}
	st.members = make(map[string]bool, len(members))
	for _, m := range members {
		st.members[m.Response] = true
		st.last = max(st.last, m.Block)
	}
	seen := 0
	for r, err := range s.Responses() {
		if err != nil {
			return st, err
		}
		st.stored++
		if st.members[r.ID] {
			seen++
		} else {
			st.fresh = append(st.fresh, r.ID)
		}
	}
	st.missing = len(st.members) - seen
	return st, nil
}

// prepared is a release that nobody has stored yet.
type prepared struct {
	frozen
	Left   []left
	number int
	n      int
	blocks map[string]int // of the responses counted for the first time
}

// prepare counts for a release: all that was counted before and, when they are at
// least disclosure.LeastGroup, all that came since.
func (x *Results) prepare(ctx context.Context, slug string, choice Choice) (p prepared, st standing, err error) {
	s, err := x.Snapshot(ctx, slug)
	if err != nil {
		return p, st, err
	}
	defer s.Close()
	if st, err = x.stand(ctx, slug, s); err != nil {
		return p, st, err
	}
	switch {
	case st.missing > 0:
		return p, st, errGone
	case len(st.members)+len(st.fresh) < disclosure.LeastGroup:
		return p, st, errFew
	case !st.enough() && choice.Reason[content.German] == "":
		return p, st, errReason
	}
	p.number, p.n = len(st.rows)+1, len(st.members)
	p.blocks = map[string]int{}
	if st.enough() {
		p.n += len(st.fresh)
		p.blocks = blocks(st.fresh, st.last)
	}
	counter := tally.NewCounter(st.survey, allowed(st.survey, choice.Pairs)...)
	for r, err := range s.Responses() {
		if err != nil {
			return p, st, err
		}
		if _, fresh := p.blocks[r.ID]; !fresh && !st.members[r.ID] {
			continue
		}
		if err := counter.Add(r); err != nil {
			return p, st, err
		}
	}
	if counter.All() != p.n {
		return p, st, fmt.Errorf("results of %s: counted %d responses instead of %d", slug, counter.All(), p.n)
	}
	p.frozen, p.Left = freeze(st.survey, counter, choice, st.earlier, p.number)
	if len(p.Figures)+len(p.Tables) == 0 {
		return p, st, errNothing
	}
	return p, st, nil
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
	p, _, err := x.prepare(ctx, slug, choice)
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
	ids := slices.Sorted(func(yield func(string) bool) {
		for id := range p.blocks {
			if !yield(id) {
				return
			}
		}
	})
	err = x.p.App.RunInTransaction(func(tx core.App) error {
		if _, err := tx.DB().NewQuery(`INSERT INTO result_releases (survey, number, n, figures, reason, created, created_by)
			VALUES ({:survey}, {:number}, {:n}, {:figures}, {:reason}, {:now}, {:staff})`).Bind(dbx.Params{
			"survey": slug, "number": p.number, "n": p.n, "figures": string(doc), "reason": string(reason), "now": x.p.Now().UnixMilli(), "staff": staff,
		}).Execute(); err != nil {
			return err
		}
		insert := tx.DB().NewQuery(`INSERT INTO result_members (survey, response, block) VALUES ({:survey}, {:response}, {:block})`)
		for _, id := range ids {
			if _, err := insert.Bind(dbx.Params{"survey": slug, "response": id, "block": p.blocks[id]}).Execute(); err != nil {
				return err
			}
		}
		return x.Rebuild(tx, "surveys/"+slug+" results", staff)
	})
	if err == nil {
		x.Wake()
	}
	return err
}

// Publish adds the newest release of every survey, with all corrections and
// actions, to the catalogue.
func Publish(ctx context.Context, db dbx.Builder, cat *content.Catalogue) error {
	var slugs []string
	if err := db.NewQuery(`SELECT survey FROM result_releases UNION SELECT survey FROM survey_actions ORDER BY 1`).WithContext(ctx).Column(&slugs); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	for _, slug := range slugs {
		r := content.Results{Survey: slug}
		for _, s := range cat.Surveys {
			if s.Slug == slug {
				r.Title, r.Opens, r.Closes = s.Title, s.Opens, s.Closes
			}
		}
		rows, docs, err := releases(ctx, db, slug)
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
			if i < len(rows)-1 {
				continue
			}
			f := docs[i]
			r.Release, r.Released, r.N, r.Title, r.Opens, r.Closes = row.Number, moment(row.Created), row.N, f.Title, f.Opens, f.Closes
			for _, one := range f.Figures {
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

package participation

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"iter"
	"path/filepath"
	"strconv"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// feedBlock is how many responses a block of the feed holds at most: so many rows
// are written in one transaction while answers wait.
const feedBlock = 20_000

// ClaimFeed gives every response of a survey that has no place in the feed yet one in
// a new block; it returns how many.
//
// A block holds at least ten responses (fewer at the very end of a survey that was fed
// before) and whole days: those of today wait. Its rows are in an order by lot.
// Looking for what has no place takes no time mark that a slow writer could miss: it
// compares the tables, in one read transaction; the sequence is given out in the write
// transaction.
func (pt *Participation) ClaimFeed(ctx context.Context, slug string) (claimed int, err error) {
	q, err := pt.surveys.find(slug)
	if err != nil {
		return 0, err
	}
	for after := ""; ; {
		ids, err := pt.unfed(ctx, slug, &after)
		if err != nil || len(ids) == 0 {
			return claimed, err
		}
		if len(ids) < blockSize {
			if last, err := pt.isLast(slug, q); !last {
				return claimed, err
			}
		}
		n, err := pt.claimRows(slug, ids)
		if err != nil {
			return claimed, err
		}
		claimed += n
		if len(ids) < feedBlock {
			return claimed, nil
		}
	}
}

// isLast reports whether fewer responses than a block may go: the survey has ended and
// others of it went before.
func (pt *Participation) isLast(slug string, q current) (bool, error) {
	if !q.ended(pt.p.Now()) {
		return false, nil
	}
	var n int
	err := pt.p.App.ConcurrentDB().NewQuery(`SELECT count(*) FROM (SELECT 1 FROM feed_blocks WHERE survey = {:survey} AND kind = 'rows' LIMIT 1)`).
		Bind(dbx.Params{"survey": slug}).Row(&n)
	return n > 0, err
}

// unfed lists responses of past days without a place, by lot, and moves after on to the
// last id that it looked at. The rest that a full block would leave behind must not be
// too small for one of its own.
func (pt *Participation) unfed(ctx context.Context, slug string, after *string) ([]string, error) {
	var ids []string
	err := pt.p.App.ConcurrentDB().NewQuery(`SELECT r.id FROM responses r LEFT JOIN feed_rows f ON f.survey = r.survey AND f.id = r.id
		WHERE r.survey = {:survey} AND r.id > {:after} AND r.day < {:today} AND f.id IS NULL ORDER BY r.id LIMIT {:most}`).
		Bind(dbx.Params{"survey": slug, "after": *after, "today": pt.day(), "most": feedBlock + blockSize}).WithContext(ctx).Column(&ids)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	if len(ids) == feedBlock+blockSize {
		ids = ids[:feedBlock]
	}
	*after = ids[len(ids)-1]
	shuffled := make([]string, len(ids))
	for i, k := range draw(len(ids), len(ids), func(int) bool { return true }) {
		shuffled[i] = ids[k]
	}
	return shuffled, nil
}

// claimRows makes a block. Responses that were erased since they were listed, or that
// somebody else gave a place, are left out.
func (pt *Participation) claimRows(slug string, ids []string) (n int, err error) {
	err = pt.p.App.RunInTransaction(func(tx core.App) error {
		sequence, err := newFeedBlock(tx, slug, "rows")
		if err != nil {
			return err
		}
		n = 0
		insert := tx.DB().NewQuery(`INSERT INTO feed_rows (survey, id, sequence, place)
			SELECT survey, id, {:sequence}, {:place} FROM responses WHERE survey = {:survey} AND id = {:id} ON CONFLICT DO NOTHING`).Prepare()
		defer insert.Close()
		for _, id := range ids {
			result, err := insert.Bind(dbx.Params{"survey": slug, "id": id, "sequence": sequence, "place": n + 1}).Execute()
			if err != nil {
				return err
			}
			k, err := result.RowsAffected()
			if err != nil {
				return err
			}
			n += int(k)
		}
		return nil
	})
	return n, err
}

// ClaimErased puts the places of responses that were erased since the last time into
// blocks, one for each survey; it returns how many places.
func (pt *Participation) ClaimErased(ctx context.Context) (claimed int, err error) {
	var surveys []string
	err = pt.p.App.ConcurrentDB().NewQuery(`SELECT DISTINCT survey FROM feed_erased WHERE told IS NULL ORDER BY survey`).WithContext(ctx).Column(&surveys)
	if err != nil {
		return 0, err
	}
	for _, slug := range surveys {
		err := pt.p.App.RunInTransaction(func(tx core.App) error {
			sequence, err := newFeedBlock(tx, slug, "erased")
			if err != nil {
				return err
			}
			result, err := tx.DB().NewQuery(`UPDATE feed_erased SET told = {:sequence} WHERE told IS NULL AND survey = {:survey}`).
				Bind(dbx.Params{"survey": slug, "sequence": sequence}).Execute()
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			claimed += int(n)
			return err
		})
		if err != nil {
			return claimed, err
		}
	}
	return claimed, nil
}

func newFeedBlock(tx core.App, slug, kind string) (sequence int64, err error) {
	if err := tx.DB().NewQuery(`SELECT coalesce(max(sequence), 0) + 1 FROM feed_blocks`).Row(&sequence); err != nil {
		return 0, err
	}
	_, err = tx.DB().NewQuery(`INSERT INTO feed_blocks (sequence, survey, kind, mark) VALUES ({:sequence}, {:survey}, {:kind}, {:mark})`).
		Bind(dbx.Params{"sequence": sequence, "survey": slug, "kind": kind, "mark": random(16)}).Execute()
	return sequence, err
}

// Feed is what a warehouse has to be told, as it is at one moment. It holds a read
// transaction, so close it soon.
type Feed struct {
	tx    *sql.Tx
	ctx   context.Context
	close func() error
}

// FeedBlock is one block of the feed.
type FeedBlock struct {
	Sequence int64
	Mark     string // random, hexadecimal
	Survey   string
	Erased   bool        // it tells places of erased responses
	Rows     map[int]int // version → responses that are still there
}

// FeedPlace is where a response stands, or stood.
type FeedPlace struct {
	Sequence int64
	Place    int
}

// OpenFeed opens the feed in the app's own database. The context bounds its life.
func (pt *Participation) OpenFeed(ctx context.Context) (*Feed, error) {
	db, err := base.ConnectSnapshot(filepath.Join(pt.p.App.DataDir(), "data.db"))
	if err != nil {
		return nil, err
	}
	tx, err := db.DB().BeginTx(ctx, nil)
	if err != nil {
		db.Close()
		return nil, err
	}
	return &Feed{tx: tx, ctx: ctx, close: func() error {
		tx.Rollback() // nothing was written
		return db.Close()
	}}, nil
}

// Close ends the read transaction.
func (f *Feed) Close() error { return f.close() }

// Blocks lists all blocks by their sequence, without their rows.
func (f *Feed) Blocks() (blocks []FeedBlock, err error) {
	rows, err := f.tx.QueryContext(f.ctx, `SELECT sequence, survey, kind = 'erased', mark FROM feed_blocks ORDER BY sequence`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var b FeedBlock
		var mark []byte
		if err := rows.Scan(&b.Sequence, &b.Survey, &b.Erased, &mark); err != nil {
			return nil, err
		}
		b.Mark = hex.EncodeToString(mark)
		blocks = append(blocks, b)
	}
	return blocks, rows.Err()
}

// Count fills in how many responses of which version a block holds.
func (f *Feed) Count(b *FeedBlock) error {
	rows, err := f.tx.QueryContext(f.ctx, `SELECT r.version, count(*) FROM feed_rows f JOIN responses r ON r.survey = f.survey AND r.id = f.id
		WHERE f.sequence = ? GROUP BY r.version`, b.Sequence)
	if err != nil {
		return err
	}
	defer rows.Close()
	b.Rows = map[int]int{}
	for rows.Next() {
		var version, n int
		if err := rows.Scan(&version, &n); err != nil {
			return err
		}
		b.Rows[version] = n
	}
	return rows.Err()
}

// Questionnaire is a version of a survey.
func (f *Feed) Questionnaire(slug string, version int) (survey.Questionnaire, error) {
	var doc string
	err := f.tx.QueryRowContext(f.ctx, `SELECT questionnaire FROM survey_versions WHERE survey = ? AND version = ?`, slug, version).Scan(&doc)
	if err != nil {
		return survey.Questionnaire{}, fmt.Errorf("survey %s, version %d: %w", slug, version, err)
	}
	return decodeQuestionnaire(slug, version, doc)
}

// Responses reads the responses of a block and a version in the order of their places.
// In place of the id, which never leaves, each has its place as a number. Answers to
// personal questions are never read.
func (f *Feed) Responses(sequence int64, version int) iter.Seq2[survey.Response, error] {
	return func(yield func(survey.Response, error) bool) {
		rows, err := f.tx.QueryContext(f.ctx, `SELECT f.place, r.version, r.language, r.channel, r.day, r.answers
			FROM feed_rows f JOIN responses r ON r.survey = f.survey AND r.id = f.id WHERE f.sequence = ? AND r.version = ? ORDER BY f.place`, sequence, version)
		if err != nil {
			yield(survey.Response{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var r survey.Response
			var place int
			var answers sql.RawBytes
			err := rows.Scan(&place, &r.Version, &r.Language, &r.Channel, &r.Day, &answers)
			if err == nil {
				r.ID = strconv.Itoa(place)
				r.Answers, err = survey.DecodeAnswers(answers)
			}
			if err != nil {
				yield(survey.Response{}, fmt.Errorf("feed, block %d, row %d: %w", sequence, place, err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(survey.Response{}, err)
		}
	}
}

// Erased lists the places that a block of erased responses tells.
func (f *Feed) Erased(sequence int64) (places []FeedPlace, err error) {
	rows, err := f.tx.QueryContext(f.ctx, `SELECT sequence, place FROM feed_erased WHERE told = ? ORDER BY sequence, place`, sequence)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p FeedPlace
		if err := rows.Scan(&p.Sequence, &p.Place); err != nil {
			return nil, err
		}
		places = append(places, p)
	}
	return places, rows.Err()
}

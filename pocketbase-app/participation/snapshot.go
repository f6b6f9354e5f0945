package participation

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"path/filepath"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
)

// Snapshot is everything about one survey at one moment: what is stored later
// is not in it. It holds a read transaction, so close it soon.
type Snapshot struct {
	slug     string
	versions []survey.Questionnaire
	count    int
	personal bool
	close    func() error
	tx       *sql.Tx
	ctx      context.Context
}

// Snapshot opens a snapshot of a survey in the app's own database.
func (pt *Participation) Snapshot(ctx context.Context, slug string) (*Snapshot, error) {
	return OpenSnapshot(ctx, filepath.Join(pt.p.App.DataDir(), "data.db"), slug)
}

// OpenSnapshot opens a snapshot of a survey in the database file at path; it
// needs no running app. base.ErrNotFound means that the survey was never
// published. The context bounds the snapshot's whole life.
func OpenSnapshot(ctx context.Context, path, slug string) (*Snapshot, error) {
	db, err := base.ConnectSnapshot(path)
	if err != nil {
		return nil, err
	}
	tx, err := db.DB().BeginTx(ctx, nil) // DEFERRED: the first query fixes the moment
	if err != nil {
		db.Close()
		return nil, err
	}
	s := &Snapshot{slug: slug, tx: tx, ctx: ctx}
	s.close = func() error {
		tx.Rollback() // nothing was written
		return db.Close()
	}
	// Every page is read once, in the order of the table: a large cache would be memory for nothing.
	if _, err := tx.ExecContext(ctx, `PRAGMA cache_size = -2000`); err != nil {
		s.close()
		return nil, err
	}
	if err := s.load(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Snapshot) load() error {
	rows, err := s.tx.QueryContext(s.ctx, `SELECT version, questionnaire FROM survey_versions WHERE survey = ? ORDER BY version`, s.slug)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var version int
		var doc string
		if err := rows.Scan(&version, &doc); err != nil {
			return err
		}
		q, err := decodeQuestionnaire(s.slug, version, doc)
		if err != nil {
			return err
		}
		s.versions = append(s.versions, q)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(s.versions) == 0 {
		return base.ErrNotFound
	}
	return s.tx.QueryRowContext(s.ctx, `SELECT count(*) FROM responses WHERE survey = ?`, s.slug).Scan(&s.count)
}

func decodeQuestionnaire(slug string, version int, doc string) (q survey.Questionnaire, err error) {
	if err := json.Unmarshal([]byte(doc), &q); err != nil {
		return q, fmt.Errorf("survey %s, version %d: %w", slug, version, err)
	}
	q.Slug, q.Version = slug, version
	return q, nil
}

// Versions are all published versions of the questionnaire, oldest first.
func (s *Snapshot) Versions() []survey.Questionnaire { return s.versions }

// Count is the number of responses.
func (s *Snapshot) Count() int { return s.count }

// WithPersonal makes the snapshot give the answers to personal questions too. Ask
// for it only on behalf of somebody who is cleared for them.
func (s *Snapshot) WithPersonal() { s.personal = true }

// Responses reads all responses in the order of their random ids, which tells
// nothing about when they came. An error ends the sequence. Finish one pass
// before the next begins.
func (s *Snapshot) Responses() iter.Seq2[survey.Response, error] {
	return func(yield func(survey.Response, error) bool) {
		query := `SELECT id, version, language, channel, day, seed, answers, NULL FROM responses WHERE survey = ? ORDER BY id`
		if s.personal {
			query = `SELECT r.id, version, language, channel, day, seed, r.answers, p.answers FROM responses r
				LEFT JOIN response_personal p ON p.survey = r.survey AND p.id = r.id WHERE r.survey = ? ORDER BY r.id`
		}
		rows, err := s.tx.QueryContext(s.ctx, query, s.slug)
		if err != nil {
			yield(survey.Response{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var r survey.Response
			var answers, personal sql.RawBytes
			err := rows.Scan(&r.ID, &r.Version, &r.Language, &r.Channel, &r.Day, &r.Seed, &answers, &personal)
			if err == nil {
				r.Answers, err = survey.DecodeAnswers(answers)
			}
			if err == nil && personal != nil {
				var more survey.Answers
				if more, err = survey.DecodeAnswers(personal); err == nil {
					maps.Copy(r.Answers, more)
				}
			}
			r.Personal = s.personal
			if err != nil {
				yield(survey.Response{}, fmt.Errorf("survey %s, response %s: %w", s.slug, r.ID, err))
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

// Close ends the read transaction.
func (s *Snapshot) Close() error { return s.close() }

// SurveyCount is how many answers a survey got on one day by one channel.
type SurveyCount struct {
	Survey  string `db:"survey"`
	Channel string `db:"channel"`
	Day     string `db:"day"` // Berlin, YYYY-MM-DD
	Count   int    `db:"count"`
}

// Counts tells how many answers came, by survey, day and channel, in that order.
func (pt *Participation) Counts(ctx context.Context) ([]SurveyCount, error) {
	var counts []SurveyCount
	err := pt.p.App.DB().NewQuery(`SELECT survey, channel, day, count(*) AS count FROM responses
		GROUP BY survey, day, channel ORDER BY survey, day, channel`).WithContext(ctx).All(&counts)
	return counts, err
}

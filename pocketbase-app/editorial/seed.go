package editorial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"servicepoint/content"
	"servicepoint/content/survey"

	"github.com/pocketbase/pocketbase/core"
)

// ErrNotEmpty means that a database has content already and is left as it is.
var ErrNotEmpty = errors.New("editorial: there is content already; seeding needs an empty database")

// Empty reports whether no content of any kind exists.
func Empty(app core.App) (bool, error) {
	for _, k := range Kinds {
		n, err := app.CountRecords(k.Name)
		if err != nil || n > 0 {
			return false, err
		}
	}
	return true, nil
}

// Seed fills an empty database with published content and asks for one build.
// It is one transaction: after a crash the database is still empty. It returns
// [ErrNotEmpty] when there is content, and content.Problems with the document's
// name when something may not be published. Surveys come as questionnaires;
// cat.Surveys is not used.
func (d *Editorial) Seed(ctx context.Context, cat content.Catalogue, questionnaires []survey.Questionnaire) error {
	err := d.p.App.RunInTransaction(func(tx core.App) error {
		if empty, err := Empty(tx); err != nil || !empty {
			return errors.Join(err, ErrNotEmpty)
		}
		err := errors.Join( // each stops at its first fault
			seed(ctx, d, tx, "providers", cat.Providers, func(v content.Provider) string { return v.Slug }),
			seed(ctx, d, tx, "topics", cat.Topics, func(v content.Topic) string { return v.Slug }),
			seed(ctx, d, tx, "districts", cat.Districts, func(v content.District) string { return v.Slug }),
			seed(ctx, d, tx, "guides", cat.Guides, func(v content.Guide) string { return v.Slug }),
			seed(ctx, d, tx, "events", cat.Events, func(v content.Event) string { return v.Slug }),
			seed(ctx, d, tx, "calls", cat.Calls, func(v content.Call) string { return v.Slug }),
			seed(ctx, d, tx, "pages", cat.Pages, func(v content.Page) string { return v.Slug }),
			seed(ctx, d, tx, "surveys", questionnaires, func(v survey.Questionnaire) string { return v.Slug }),
		)
		if err != nil {
			return err
		}
		return d.request(tx, "seed", system)
	})
	if err == nil {
		d.Wake()
	}
	return err
}

func seed[T any](ctx context.Context, d *Editorial, tx core.App, name string, docs []T, slug func(T) string) error {
	k := kindNamed(name)
	c, err := tx.FindCollectionByNameOrId(name)
	if err != nil {
		return err
	}
	for _, v := range docs {
		if err := ctx.Err(); err != nil {
			return err
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		doc, err := parse(raw)
		if err != nil {
			return err
		}
		rec := core.NewRecord(c)
		rec.Set("slug", slug(v))
		if err := d.goLive(tx, k, rec, doc, nil, system, didSeed); err != nil {
			return fmt.Errorf("seed %s/%s: %w", name, slug(v), err)
		}
	}
	return nil
}

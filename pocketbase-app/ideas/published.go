package ideas

import (
	"context"
	"fmt"
	"time"

	"servicepoint/content"

	"github.com/pocketbase/dbx"
)

// Publish adds the released ideas of the catalogue's calls to the catalogue, the
// newest first, and the old addresses of released ones that went into another.
// It reads nothing else: no contact, no note, no idea that waits.
func Publish(ctx context.Context, db dbx.Builder, cat *content.Catalogue) error {
	known := map[string]bool{}
	for _, c := range cat.Calls {
		known[c.Slug] = true
	}
	all, err := published(ctx, db)
	if err != nil {
		return err
	}
	for _, i := range all {
		if known[i.Call] {
			cat.Ideas = append(cat.Ideas, i)
		}
	}
	return nil
}

func published(ctx context.Context, db dbx.Builder) ([]content.Idea, error) {
	var rows []Idea
	err := db.NewQuery(`SELECT ` + ideaColumns + ` FROM ideas i
		WHERE i.state = 'released' OR i.state = 'merged' AND i.slug <> '' AND EXISTS
			(SELECT 1 FROM ideas o WHERE o.number = i.into_idea AND o.state = 'released')
		ORDER BY i.released DESC, i.number DESC`).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("ideas: %w", err)
	}
	steps, err := publicSteps(ctx, db)
	if err != nil {
		return nil, err
	}
	list := make([]content.Idea, len(rows))
	for n, i := range rows {
		list[n] = content.Idea{Number: int(i.Number), Call: i.Call, Slug: i.Slug, Into: int(i.Into)}
		if i.State != stateReleased {
			continue // of a merged one only the address is left
		}
		list[n] = content.Idea{
			Number: int(i.Number), Call: i.Call, Slug: i.Slug, Title: i.Title, Text: i.Text, Language: i.Language,
			Topic: i.Topic, District: i.District, Place: i.Place, Lat: i.Lat, Lon: i.Lon, Name: i.Name, Edited: i.Edited,
			Picture: i.Picture, Alt: i.Alt,
			Released: time.UnixMilli(i.Released).UTC(), Status: i.Status, Steps: steps[i.Number], Votes: i.Votes,
		}
	}
	return list, nil
}

// publicSteps are the city's answers, by idea.
func publicSteps(ctx context.Context, db dbx.Builder) (map[int64][]content.IdeaStep, error) {
	var rows []struct {
		Idea    int64  `db:"idea"`
		At      int64  `db:"at"`
		Status  string `db:"status"`
		Message string `db:"message"`
	}
	err := db.NewQuery(`SELECT e.idea, e.at, e.status, e.message FROM idea_events e JOIN ideas i ON i.number = e.idea
		WHERE i.state = 'released' AND e.kind = 'answered' ORDER BY e.idea, e.n`).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("answers to ideas: %w", err)
	}
	steps := map[int64][]content.IdeaStep{}
	for _, r := range rows {
		day := time.UnixMilli(r.At).In(content.Berlin).Format(time.DateOnly)
		steps[r.Idea] = append(steps[r.Idea], content.IdeaStep{Day: day, Status: r.Status, Answer: r.Message})
	}
	return steps, nil
}

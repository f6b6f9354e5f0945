package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/exports/feed"
	"servicepoint/pocketbase-app/base/objects"
	"servicepoint/pocketbase-app/participation"
)

// warehouse is where the feed goes and which surveys do; without a store there is none.
type warehouse struct {
	store   feed.Store
	surveys map[string]fed
}

// fed says how a survey goes out.
type fed struct {
	texts bool // with what people wrote themselves
}

// feedFromEnvironment reads the settings of docs/operations.md. Nothing goes out that is
// not named: a feed has single answers in it.
func feedFromEnvironment() (warehouse, error) {
	w := warehouse{surveys: map[string]fed{}}
	place := os.Getenv("SERVICEPOINT_FEED")
	if place == "" {
		return w, nil
	}
	for _, s := range strings.FieldsFunc(os.Getenv("SERVICEPOINT_FEED_SURVEYS"), func(r rune) bool { return r == ',' || r == ' ' }) {
		slug, texts := strings.CutSuffix(s, "+texts")
		if !content.IsSlug(slug) {
			return w, fmt.Errorf("SERVICEPOINT_FEED_SURVEYS: %q is no survey; write the end of its address, with +texts when free texts go along", s)
		}
		w.surveys[slug] = fed{texts: texts}
	}
	if !strings.HasPrefix(place, "s3:") {
		w.store = feed.Folder(place)
		return w, nil
	}
	bucket, err := objects.Open(place, os.Getenv("SERVICEPOINT_FEED_KEY"), os.Getenv("SERVICEPOINT_FEED_SECRET"))
	if err != nil {
		return w, fmt.Errorf("SERVICEPOINT_FEED: %w", err)
	}
	w.store = bucket
	return w, nil
}

// runFeed is the job "feed".
func (s *server) runFeed(ctx context.Context) (string, error) {
	if s.feed.store == nil {
		return "", nil
	}
	report, err := s.feed.run(ctx, s.participation, s.p.Now())
	if report.Files == 0 || err != nil {
		return "", err
	}
	return s.word("staff.jobs.did.feed", "n", report.Rows, "erased", report.Erased), nil
}

// run gives places to new and erased responses and writes what the store lacks. A survey
// that cannot go out (it was never published) does not keep back the others.
func (w warehouse) run(ctx context.Context, pt *participation.Participation, now time.Time) (feed.Report, error) {
	var errs []error
	if _, err := pt.ClaimErased(ctx); err != nil {
		return feed.Report{}, err
	}
	slugs := make([]string, 0, len(w.surveys))
	for slug := range w.surveys {
		slugs = append(slugs, slug)
	}
	slices.Sort(slugs)
	for _, slug := range slugs {
		if _, err := pt.ClaimFeed(ctx, slug); err != nil {
			errs = append(errs, fmt.Errorf("survey %s: %w", slug, err))
		}
	}
	out, err := pt.OpenFeed(ctx)
	if err != nil {
		return feed.Report{}, errors.Join(append(errs, err)...)
	}
	defer out.Close()
	list, err := out.Blocks()
	if err != nil {
		return feed.Report{}, errors.Join(append(errs, err)...)
	}
	var blocks []feed.Block
	for _, b := range list {
		blocks = append(blocks, feed.Block{Sequence: b.Sequence, Mark: b.Mark, Survey: b.Survey, Load: func() (feed.Content, error) {
			return w.load(out, b)
		}})
	}
	report, err := feed.Run(ctx, w.store, blocks, "servicepoint "+version, now.In(content.Berlin).Format(time.DateOnly))
	return report, errors.Join(append(errs, err)...)
}

// load reads one block of a survey.
func (w warehouse) load(out *participation.Feed, b participation.FeedBlock) (c feed.Content, err error) {
	if b.Erased {
		places, err := out.Erased(b.Sequence)
		for _, p := range places {
			c.Erased = append(c.Erased, feed.Place{Sequence: p.Sequence, Row: int64(p.Place)})
		}
		return c, err
	}
	if err := out.Count(&b); err != nil {
		return c, err
	}
	versions := make([]int, 0, len(b.Rows))
	for v := range b.Rows {
		versions = append(versions, v)
	}
	slices.Sort(versions)
	for _, v := range versions {
		q, err := out.Questionnaire(b.Survey, v)
		if err != nil {
			return c, err
		}
		c.Parts = append(c.Parts, feed.Part{Questionnaire: q, Rows: b.Rows[v], FreeText: w.surveys[b.Survey].texts, Responses: out.Responses(b.Sequence, v)})
	}
	return c, nil
}

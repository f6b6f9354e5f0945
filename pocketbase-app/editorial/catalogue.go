package editorial

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Catalogue gives everything that is published now.
func (d *Editorial) Catalogue(ctx context.Context) (content.Catalogue, error) {
	cat, err := Catalogue(ctx, d.p.App.DB())
	cat.Origin, cat.Now = d.p.Origin, d.p.Now()
	for _, add := range d.Also {
		if err == nil {
			err = add(ctx, d.p.App.DB(), &cat)
		}
	}
	return cat, err
}

// Catalogue reads everything that is published from a database, for a build on
// a stopped instance too. The caller sets Origin and Now.
func Catalogue(ctx context.Context, db dbx.Builder) (content.Catalogue, error) {
	var cat content.Catalogue
	var changed []time.Time
	gone, err := withdrawnAddresses(ctx, db)
	if err != nil {
		return cat, err
	}
	steps := []func() error{
		func() (err error) { cat.Providers, _, err = live[content.Provider](ctx, db, gone, "providers"); return },
		func() (err error) { cat.Topics, _, err = live[content.Topic](ctx, db, gone, "topics"); return },
		func() (err error) { cat.Districts, _, err = live[content.District](ctx, db, gone, "districts"); return },
		func() (err error) { cat.Guides, _, err = live[content.Guide](ctx, db, gone, "guides"); return },
		func() (err error) { cat.Events, _, err = live[content.Event](ctx, db, gone, "events"); return },
		func() (err error) { cat.Pages, changed, err = live[content.Page](ctx, db, gone, "pages"); return },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return cat, err
		}
	}
	for i := range cat.Pages {
		cat.Pages[i].Updated = changed[i]
	}
	calls, changed, err := live[content.Call](ctx, db, gone, "calls")
	if err != nil {
		return cat, err
	}
	for i := range calls {
		calls[i].Updated = changed[i]
	}
	cat.Calls = calls
	surveys, changed, err := live[survey.Questionnaire](ctx, db, gone, "surveys")
	for i, q := range surveys {
		cat.Surveys = append(cat.Surveys, summary(q, changed[i]))
	}
	return cat, err
}

// live reads the published copies of one kind, by slug, and when each was
// published. Links to addresses that are gone become plain text.
func live[T any](ctx context.Context, db dbx.Builder, gone map[string]bool, kind string) ([]T, []time.Time, error) {
	var rows []struct {
		Slug      string `db:"slug"`
		Live      string `db:"live"`
		Published string `db:"published"`
	}
	err := db.NewQuery(`SELECT slug, live, published FROM {{` + kind + `}} WHERE state = 'published' ORDER BY slug`).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", kind, err)
	}
	docs, times := make([]T, len(rows)), make([]time.Time, len(rows))
	for i, row := range rows {
		raw, err := unlink([]byte(row.Live), gone)
		if err != nil {
			return nil, nil, fmt.Errorf("%s/%s: %w", kind, row.Slug, err)
		}
		if err := json.Unmarshal(raw, &docs[i]); err != nil {
			return nil, nil, fmt.Errorf("%s/%s: %w", kind, row.Slug, err)
		}
		at, _ := types.ParseDateTime(row.Published)
		times[i] = at.Time()
	}
	return docs, times, nil
}

// withdrawnAddresses are the addresses, in every language, of what was taken
// off the site.
func withdrawnAddresses(ctx context.Context, db dbx.Builder) (map[string]bool, error) {
	gone := map[string]bool{}
	for _, k := range Kinds {
		if k.Site == "" {
			continue
		}
		var slugs []string
		err := db.NewQuery(`SELECT slug FROM {{` + k.Name + `}} WHERE state = 'withdrawn'`).WithContext(ctx).Column(&slugs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.Name, err)
		}
		for _, slug := range slugs {
			if _, fixed := content.PagePaths[slug]; fixed && k.Name == "pages" {
				continue // the site keeps it
			}
			for _, lang := range content.Languages {
				gone[k.address(base.Prefix(lang), slug)] = true
			}
		}
	}
	return gone, nil
}

var markdownLink = regexp.MustCompile(`\[([^\[\]]*)\]\(([^()\s]+)(?:\s+"[^"]*")?\)`)

// unlink leaves only the text of Markdown links that lead to an address that is
// gone. Taking a page off the site must work at once, whoever links to it; every
// other broken link stops the build.
func unlink(raw []byte, gone map[string]bool) ([]byte, error) {
	touched := false
	plain := func(link string) string {
		parts := markdownLink.FindStringSubmatch(link)
		address := parts[2]
		if i := strings.IndexAny(address, "?#"); i >= 0 {
			address = address[:i]
		}
		if !gone[strings.TrimSuffix(address, "/")+"/"] {
			return link
		}
		touched = true
		return parts[1]
	}
	if len(gone) == 0 {
		return raw, nil
	}
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	doc = eachText(doc, func(s string) string { return markdownLink.ReplaceAllStringFunc(s, plain) })
	if !touched {
		return raw, nil
	}
	return json.Marshal(doc)
}

// eachText changes every text of a JSON value.
func eachText(v any, change func(string) string) any {
	switch v := v.(type) {
	case string:
		return change(v)
	case []any:
		for i := range v {
			v[i] = eachText(v[i], change)
		}
	case map[string]any:
		for name := range v {
			v[name] = eachText(v[name], change)
		}
	}
	return v
}

// summary is what the static site says of a questionnaire.
func summary(q survey.Questionnaire, updated time.Time) content.Survey {
	s := content.Survey{Slug: q.Slug, Title: q.Title, Intro: q.Intro, Stored: q.Stored(), Opens: q.Opens, Closes: q.Closes, Minutes: q.Minutes, Updated: updated}
	for _, item := range q.Items() {
		if item.Type != survey.Info {
			s.Items++
		}
	}
	return s
}

// with puts a working copy in the place of the published one, for a preview.
func with(cat content.Catalogue, k *Kind, raw json.RawMessage) (content.Catalogue, error) {
	var err error
	switch k.Name {
	case "providers":
		cat.Providers, err = swap(cat.Providers, raw, func(v content.Provider) string { return v.Slug })
	case "topics":
		cat.Topics, err = swap(cat.Topics, raw, func(v content.Topic) string { return v.Slug })
	case "districts":
		cat.Districts, err = swap(cat.Districts, raw, func(v content.District) string { return v.Slug })
	case "guides":
		cat.Guides, err = swap(cat.Guides, raw, func(v content.Guide) string { return v.Slug })
	case "events":
		cat.Events, err = swap(cat.Events, raw, func(v content.Event) string { return v.Slug })
	case "calls":
		cat.Calls, err = swap(cat.Calls, raw, func(v content.Call) string { return v.Slug })
	case "pages":
		cat.Pages, err = swap(cat.Pages, raw, func(v content.Page) string { return v.Slug })
	case "surveys":
		var q survey.Questionnaire
		if err = json.Unmarshal(raw, &q); err == nil {
			raw, err = json.Marshal(summary(q, cat.Now))
		}
		if err == nil {
			cat.Surveys, err = swap(cat.Surveys, raw, func(v content.Survey) string { return v.Slug })
		}
	}
	return cat, err
}

func swap[T any](list []T, raw json.RawMessage, slug func(T) string) ([]T, error) {
	var doc T
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	out := make([]T, 0, len(list)+1)
	for _, v := range list {
		if slug(v) != slug(doc) {
			out = append(out, v)
		}
	}
	return append(out, doc), nil
}

package editorial

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// States of a document and what revisions say happened to it.
const (
	draft     = "draft"
	published = "published"
	withdrawn = "withdrawn"

	didSave     = "save"
	didPublish  = "publish"
	didWithdraw = "withdraw"
	didRestore  = "restore"
	didSeed     = "seed"

	system = "system" // actor of what no person did
)

// errStale means that somebody else changed the document since the editor
// opened it; nothing was written.
var errStale = errors.New("editorial: the document was changed meanwhile")

// stored finds the record of a document.
func stored(app core.App, k *Kind, slug string) (*core.Record, error) {
	rec, err := app.FindFirstRecordByData(k.Name, "slug", slug)
	if base.IsNoRows(err) {
		return nil, base.ErrNotFound
	}
	return rec, err
}

func docOf(rec *core.Record) json.RawMessage { return member(rec, "doc") }

// member reads a JSON field; an empty one is nil.
func member(rec *core.Record, name string) json.RawMessage {
	raw, _ := rec.Get(name).(types.JSONRaw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	return json.RawMessage(raw)
}

// put writes the working copy of a document and its revision; the caller has
// set everything else of the record.
func (d *Editorial) put(tx core.App, k *Kind, rec *core.Record, doc json.RawMessage, actor, action string) error {
	parsed, err := parse(doc)
	if err != nil {
		return err
	}
	slug, rev := rec.GetString("slug"), rec.GetInt("rev")+1
	rec.Set("doc", types.JSONRaw(doc))
	rec.Set("title", parsed.text(k.Title))
	rec.Set("rev", rev)
	rec.Set("edited_by", actor)
	if err := tx.Save(rec); err != nil {
		return fmt.Errorf("%s/%s: %w", k.Name, slug, err)
	}
	_, err = tx.DB().NewQuery(`INSERT INTO revisions (kind, slug, rev, doc, state, action, actor, at)
		VALUES ({:kind}, {:slug}, {:rev}, {:doc}, {:state}, {:action}, {:actor}, {:at})`).Bind(dbx.Params{
		"kind": k.Name, "slug": slug, "rev": rev, "doc": string(doc), "state": rec.GetString("state"),
		"action": action, "actor": actor, "at": d.p.Now().UnixMilli(),
	}).Execute()
	return err
}

// add makes a new draft. A slug that is taken is the problem "taken".
func (d *Editorial) add(tx core.App, k *Kind, slug string, doc json.RawMessage, actor string) error {
	if _, err := stored(tx, k, slug); err == nil {
		return content.Problems{{Field: "slug", Code: "taken"}}
	} else if !errors.Is(err, base.ErrNotFound) {
		return err
	}
	c, err := tx.FindCollectionByNameOrId(k.Name)
	if err != nil {
		return err
	}
	rec := core.NewRecord(c)
	rec.Set("slug", slug)
	rec.Set("state", draft)
	return d.put(tx, k, rec, doc, actor, didSave)
}

// change writes a new working copy over revision rev, errStale when that is not
// the newest. A document that stays the same gets no revision.
func (d *Editorial) change(tx core.App, k *Kind, slug string, rev int, doc json.RawMessage, actor, action string) error {
	rec, err := stored(tx, k, slug)
	if err != nil {
		return err
	}
	if rec.GetInt("rev") != rev {
		return errStale
	}
	if string(docOf(rec)) == string(doc) {
		return nil
	}
	return d.put(tx, k, rec, doc, actor, action)
}

// release publishes the working copy at revision rev (0: whichever is newest):
// state, live copy, revision, request for a build and what other matters want,
// all in the caller's transaction. content.Problems say why it cannot be published.
func (d *Editorial) release(tx core.App, k *Kind, slug string, rev int, actor string) error {
	rec, err := stored(tx, k, slug)
	if err != nil {
		return err
	}
	if rev != 0 && rec.GetInt("rev") != rev {
		return errStale
	}
	if rec.GetString("state") == published && string(docOf(rec)) == string(member(rec, "live")) {
		return nil
	}
	doc, err := parse(docOf(rec))
	if err != nil {
		return err
	}
	live, err := parse(member(rec, "live"))
	if err != nil {
		return err
	}
	return d.goLive(tx, k, rec, doc, live, actor, didPublish)
}

func (d *Editorial) goLive(tx core.App, k *Kind, rec *core.Record, doc, live document, actor, action string) error {
	now := d.p.Now().UTC()
	if k.Dated {
		if doc.moment("published").IsZero() {
			doc.set("published", now.Format(time.RFC3339))
		}
		if action == didPublish || doc.moment("updated").IsZero() {
			doc.set("updated", now.Format(time.RFC3339))
		}
	}
	if k.prepare != nil {
		if err := k.prepare(publication{d, tx, k, actor, doc, live}); err != nil {
			return err
		}
	}
	canonical, problems, err := d.finish(k, doc, content.German)
	if err != nil {
		return err
	}
	if action == didPublish { // a seed brings what it refers to along
		missing, err := unpublished(tx, k, doc)
		if err != nil {
			return err
		}
		problems = append(problems, missing...)
		if k.audit != nil && len(problems) == 0 {
			if problems, err = k.audit(canonical); err != nil {
				return err
			}
		}
	}
	if len(problems) > 0 {
		return problems
	}
	slug := rec.GetString("slug")
	rec.Set("live", types.JSONRaw(canonical))
	rec.Set("state", published)
	rec.Set("published", now)
	if err := d.put(tx, k, rec, canonical, actor, action); err != nil {
		return err
	}
	if follow := d.Follow[k.Name]; follow != nil {
		if err := follow(tx, canonical); err != nil {
			return fmt.Errorf("%s/%s: %w", k.Name, slug, err)
		}
	}
	if action == didSeed {
		return nil // one request for all
	}
	return d.request(tx, k.Name+"/"+slug+" published", actor)
}

// takeDown takes a document off the site; its working copy stays.
func (d *Editorial) takeDown(tx core.App, k *Kind, slug string, rev int, actor string) error {
	rec, err := stored(tx, k, slug)
	if err != nil {
		return err
	}
	if rec.GetInt("rev") != rev {
		return errStale
	}
	if rec.GetString("state") != published {
		return nil
	}
	rec.Set("live", types.JSONRaw("null"))
	rec.Set("state", withdrawn)
	if err := d.put(tx, k, rec, docOf(rec), actor, didWithdraw); err != nil {
		return err
	}
	return d.request(tx, k.Name+"/"+slug+" withdrawn", actor)
}

// request asks for a build; call [Editorial.Wake] after the commit.
func (d *Editorial) request(tx core.App, reason, actor string) error {
	_, err := tx.NonconcurrentDB().NewQuery(`INSERT INTO site_requests (reason, actor, at) VALUES ({:reason}, {:actor}, {:at})`).
		Bind(dbx.Params{"reason": reason, "actor": actor, "at": d.p.Now().UnixMilli()}).Execute()
	return err
}

// Request asks for a build in the transaction of another matter; call
// [Editorial.Wake] after the commit. The reason names the thing ("ideas/17 released").
func (d *Editorial) Request(tx core.App, reason, actor string) error {
	return d.request(tx, reason, actor)
}

// unpublished finds references of a document to what is not on the site.
func unpublished(tx core.App, k *Kind, doc document) (content.Problems, error) {
	var problems content.Problems
	for _, f := range k.Fields {
		for _, slug := range f.refers(doc) {
			rec, err := stored(tx, kindNamed(f.Source), slug)
			switch {
			case errors.Is(err, base.ErrNotFound):
				problems.Add(f.Path, "unknown")
			case err != nil:
				return nil, err
			case rec.GetString("state") != published:
				problems.Add(f.Path, "not_published")
			}
		}
	}
	return problems, nil
}

// refers gives the slugs of other documents that a field names.
func (f field) refers(doc document) []string {
	switch slug := doc.text(f.Path); {
	case f.Source == "":
		return nil
	case f.Type == asChoices:
		return strs(doc.at(f.Path))
	case slug != "":
		return []string{slug}
	}
	return nil
}

// raiseSequence counts changes that calendars must notice (RFC 5545 SEQUENCE) and keeps
// the start that an event was moved from.
func raiseSequence(p publication) error {
	if p.live == nil {
		return nil
	}
	switch was, is := p.live.moment("start"), p.doc.moment("start"); {
	case p.live.text("precision") != content.ToMinute || was.IsZero() || was.Equal(is):
	case p.doc.moment("moved_from").Equal(is): // moved back
		p.doc.unset("moved_from")
	default:
		p.doc.set("moved_from", was.UTC().Format(time.RFC3339))
	}
	was, _ := p.live.at("sequence").(float64)
	for _, path := range []string{"start", "end", "place", "room", "cancelled"} {
		if fmt.Sprint(p.doc.at(path)) != fmt.Sprint(p.live.at(path)) {
			p.doc.set("sequence", int(was)+1)
			return nil
		}
	}
	p.doc.set("sequence", int(was))
	return nil
}

// newVersion stores an immutable version of a questionnaire when it differs
// from the newest one, and writes the version's number into the document.
func newVersion(p publication) error {
	var newest struct {
		Version       int    `db:"version"`
		Questionnaire string `db:"questionnaire"`
	}
	slug := p.doc.text("slug")
	if err := p.settleSurvey(slug); err != nil {
		return err
	}
	err := p.tx.DB().NewQuery(`SELECT version, questionnaire FROM survey_versions WHERE survey = {:survey} ORDER BY version DESC LIMIT 1`).
		Bind(dbx.Params{"survey": slug}).One(&newest)
	if err != nil && !base.IsNoRows(err) {
		return err
	}
	p.doc.set("version", newest.Version)
	if same, _, err := p.d.finish(p.kind, p.doc, content.German); err != nil || string(same) == newest.Questionnaire {
		return err
	}
	p.doc.set("version", newest.Version+1)
	canonical, problems, err := p.d.finish(p.kind, p.doc, content.German)
	if err != nil || len(problems) > 0 {
		return errors.Join(err, problems.Err())
	}
	c, err := p.tx.FindCollectionByNameOrId("survey_versions")
	if err != nil {
		return err
	}
	rec := core.NewRecord(c)
	rec.Set("survey", slug)
	rec.Set("version", newest.Version+1)
	rec.Set("questionnaire", types.JSONRaw(canonical))
	rec.Set("published_by", p.actor)
	return p.tx.Save(rec)
}

// settleSurvey puts the city's districts where the questionnaire leaves them open,
// and refuses what the first publication has fixed and pictures that cannot be
// shown to everybody.
func (p publication) settleSurvey(slug string) error {
	raw, err := json.Marshal(p.doc)
	if err != nil {
		return err
	}
	var q survey.Questionnaire
	if err := json.Unmarshal(raw, &q); err != nil {
		return err
	}
	fixed, err := fixedBy(p.tx, slug, q)
	if err != nil {
		return err
	}
	pictures, err := p.d.pictureProblems(p.tx, &q, q.Languages...)
	if err != nil {
		return err
	}
	if fixed = append(fixed, pictures...); len(fixed) > 0 {
		return fixed
	}
	if err := p.d.fillDistricts(p.tx, &q); err != nil {
		return err
	}
	pages, err := json.Marshal(q.Pages)
	if err != nil {
		return err
	}
	p.doc.set("pages", json.RawMessage(pages))
	return nil
}

package participation

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// submission is the body of an answer.
type submission struct {
	Language string                     `json:"language"`
	Channel  string                     `json:"channel"`
	Seed     int                        `json:"seed"` // of the random order, 0 when nothing was shuffled
	Answers  map[string]json.RawMessage `json:"answers"`
	Pass     string                     `json:"pass"` // what the survey's access asks for: code, invitation, solved challenge
}

// check applies the questionnaire and the rules of the envelope.
func (s submission) check(q survey.Questionnaire) (survey.Answers, content.Problems) {
	var problems content.Problems
	oneOf := func(field, value string, allowed []string) {
		switch {
		case value == "":
			problems.Add(field, "required")
		case !slices.Contains(allowed, value):
			problems.Add(field, "unknown")
		}
	}
	oneOf("language", s.Language, content.Languages)
	oneOf("channel", s.Channel, survey.Channels)
	if s.Seed < 0 || s.Seed > survey.MaxSeed {
		problems.Add("seed", "out_of_range", "min", 0, "max", survey.MaxSeed)
	}
	answers, wrong := q.Check(s.Answers)
	return answers, append(problems, wrong...)
}

// putResponse takes one answer. The same body again gives 200 and the same
// reference, even when the survey has closed or changed since.
func (pt *Participation) putResponse(e *core.RequestEvent) error {
	id, err := responseUUID(e.Request.PathValue("uuid"))
	if err != nil {
		return err
	}
	q, err := pt.surveys.find(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	var sent submission
	if _, err := base.DecodeJSON(e.Response, e.Request, &sent); err != nil {
		return err
	}
	answers, problems := sent.check(q.Questionnaire)
	missing, err := pt.uploads.check(q.Questionnaire, answers, "")
	if err != nil {
		return err
	}
	problems = append(problems, missing...)
	ours, err := pt.ours(e, sent.Channel)
	if err != nil {
		return err
	}
	pass, passErr := pt.shown(e, q.Questionnaire, sent.Pass, ours)
	if q.Anonymous && q.Named() {
		if again, err := pt.tookPart(e.Request.Context(), q.Slug, pass, id); err != nil {
			return err
		} else if again {
			return pt.acknowledge(e, http.StatusOK, q.Slug, id)
		}
	}
	var wrongPass content.Problems
	if errors.As(passErr, &wrongPass) {
		problems, passErr = append(problems, wrongPass...), nil
	}
	if passErr != nil {
		return passErr
	}
	refusal := problems.Err()
	if !ours && slices.Contains(survey.Channels, sent.Channel) && sent.Channel != web {
		refusal = base.Refuse(http.StatusForbidden, "channel_not_yours")
	}
	if err := q.open(pt.p.Now()); err != nil {
		refusal = err
	}
	if refusal != nil {
		return pt.answerAgain(e, q, id, sent, refusal)
	}
	what, err := pt.put(e.Request.Context(), q.Questionnaire, answers, entry{
		id: id, language: sent.Language, channel: sent.Channel, day: pt.day(), seed: sent.Seed, pass: pass,
	})
	switch {
	case err != nil:
		return err
	case what == differs:
		return pt.answerAgain(e, q, id, sent, base.Refuse(http.StatusConflict, "response_differs"))
	case what == same:
		return pt.acknowledge(e, http.StatusOK, q.Slug, id)
	}
	return pt.acknowledge(e, http.StatusCreated, q.Slug, id)
}

// ours reports whether a request comes from the city's own side of a channel: a
// paired device of that kind, or staff who may type in what came on paper or by
// telephone. Only they may name such a channel.
func (pt *Participation) ours(e *core.RequestEvent, channel string) (bool, error) {
	switch channel {
	case kindTerminal, kindTablet:
		kind, err := pt.device(e.Request)
		return kind == channel, err
	case phone:
		return base.HasRole(base.Staff(e), base.Counter, base.Planner), nil
	case paper:
		return base.HasRole(base.Staff(e), base.Counter, base.Planner, base.Admin), nil
	}
	return false, nil
}

// shown reads the pass of an API request. Paired devices and staff, whom the city
// knows, need no proof of work; a device that says "web" does.
func (pt *Participation) shown(e *core.RequestEvent, q survey.Questionnaire, s string, ours bool) (gate.Pass, error) {
	if q.Access == survey.AccessProof && ours {
		return gate.Pass{}, nil
	}
	return pt.gate.Shown(e, scope(q.Slug), q.Access, s)
}

// complete fills in what a questionnaire says about an answer: what is personal,
// which counters it counts for, whether it goes into the urn.
func (pt *Participation) complete(q survey.Questionnaire, answers survey.Answers, e entry) entry {
	e.survey, e.version = q.Slug, q.Version
	open, personal := q.Split(answers)
	e.answers = string(open.Canonical())
	if len(personal) > 0 {
		e.personal = string(personal.Canonical())
	}
	e.urn = q.Anonymous && q.Named()
	e.tag = pt.gate.Tag(scope(q.Slug), e.id)
	if q.MaxResponses > 0 {
		e.limits = append(e.limits, limit{max: q.MaxResponses})
	}
	for _, quota := range q.Quotas {
		if quota.When.Holds(answers) {
			e.limits = append(e.limits, limit{code: quota.Code, max: quota.Limit, when: quota.When})
		}
	}
	return e
}

// put stores the answers to a questionnaire. e says how they came: id, language,
// channel, day, seed, draft and pass; the caller has made sure that there is a
// pass where one is needed. It maps what may go wrong: a full queue or a lock held
// by another process means "try again", the same request is safe to repeat.
func (pt *Participation) put(ctx context.Context, q survey.Questionnaire, answers survey.Answers, e entry) (outcome, error) {
	what, err := pt.writer.put(ctx, pt.complete(q, answers, e))
	if err == nil {
		return what, nil
	}
	var refusal *base.Error
	if errors.As(err, &refusal) {
		if refusal.Code == "quota_full" {
			refusal = sayQuota(q, e.language, refusal)
		}
		return 0, refusal
	}
	if ctx.Err() != nil || isBusy(err) {
		return 0, base.Refuse(http.StatusServiceUnavailable, "busy")
	}
	return 0, err
}

// isBusy tells SQLITE_BUSY and SQLITE_LOCKED: somebody else holds the database.
func isBusy(err error) bool {
	var coded interface{ Code() int }
	return errors.As(err, &coded) && (coded.Code()&0xff == 5 || coded.Code()&0xff == 6)
}

// answerAgain looks whether the refused answer was stored before. If so, it is
// compared by the rules of the version it was stored with: a device that lost our
// answer and tries again later must learn that all is well.
func (pt *Participation) answerAgain(e *core.RequestEvent, q current, id string, sent submission, refusal error) error {
	row, err := pt.storedResponse(q.Slug, id)
	if errors.Is(err, base.ErrNotFound) {
		return refusal
	}
	if err != nil {
		return err
	}
	version, err := pt.surveys.version(q.Slug, row.Version)
	if err != nil {
		return err
	}
	answers, problems := sent.check(version.Questionnaire)
	same := pt.complete(version.Questionnaire, answers, entry{id: id})
	if len(problems) > 0 || sent.Language != row.Language || sent.Channel != row.Channel || sent.Seed != row.Seed ||
		same.answers != row.Answers || same.personal != row.Personal {
		return base.Refuse(http.StatusConflict, "response_differs")
	}
	return pt.acknowledge(e, http.StatusOK, q.Slug, id)
}

// responseRow is a row of the table responses.
type responseRow struct {
	ID       string `db:"id"`
	Version  int    `db:"version"`
	Language string `db:"language"`
	Channel  string `db:"channel"`
	Day      string `db:"day"`
	Seed     int    `db:"seed"`
	Answers  string `db:"answers"`
	Personal string `db:"personal"`
}

func (pt *Participation) storedResponse(slug, id string) (row responseRow, err error) {
	err = pt.p.App.DB().NewQuery(`SELECT id, version, language, channel, day, seed, answers,
		coalesce((SELECT p.answers FROM response_personal p WHERE p.survey = r.survey AND p.id = r.id), '') AS personal
		FROM responses r WHERE survey = {:survey} AND id = {:id}`).
		Bind(dbx.Params{"survey": slug, "id": id}).One(&row)
	if base.IsNoRows(err) {
		err = base.ErrNotFound
	}
	return row, err
}

func (pt *Participation) acknowledge(e *core.RequestEvent, status int, slug, id string) error {
	return writeJSON(e, status, []byte(`{"reference":"`+pt.reference(slug, id)+`"}`))
}

func writeJSON(e *core.RequestEvent, status int, body []byte) error {
	h := e.Response.Header()
	h.Set("Content-Type", "application/json")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	e.Response.WriteHeader(status)
	_, err := e.Response.Write(body)
	return err
}

// responseUUID reads the id of a response: 36 characters with hyphens. Ids that
// hold a time (versions 1, 2, 6, 7 of RFC 9562) are refused, because they would
// tell when somebody answered.
func responseUUID(s string) (string, error) {
	if len(s) != 36 {
		return "", base.Refuse(http.StatusBadRequest, "not_uuid")
	}
	s = strings.ToLower(s)
	for i, c := range []byte(s) {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return "", base.Refuse(http.StatusBadRequest, "not_uuid")
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return "", base.Refuse(http.StatusBadRequest, "not_uuid")
			}
		}
	}
	if strings.IndexByte("1267", s[14]) >= 0 && strings.IndexByte("89ab", s[19]) >= 0 {
		return "", base.Refuse(http.StatusUnprocessableEntity, "uuid_with_time")
	}
	return s, nil
}

// listSurveys gives the published surveys in the language of ?lang=.
func (pt *Participation) listSurveys(e *core.RequestEvent) error {
	lang, err := askedLanguage(e.Request)
	if err != nil {
		return err
	}
	slugs, err := pt.surveys.live()
	if err != nil {
		return err
	}
	type line struct {
		surveySummary
		Open bool `json:"open"`
	}
	lines := []line{}
	for _, slug := range slugs {
		q, err := pt.surveys.find(slug)
		if err != nil {
			return err
		}
		lines = append(lines, line{summarise(q.Questionnaire, lang), q.open(pt.p.Now()) == nil})
	}
	doc, err := newDocument(lines)
	if err != nil {
		return err
	}
	return doc.write(e, lang)
}

// getSurvey gives one questionnaire in the language of ?lang=.
func (pt *Participation) getSurvey(e *core.RequestEvent) error {
	lang, err := askedLanguage(e.Request)
	if err != nil {
		return err
	}
	q, err := pt.surveys.find(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	if !q.live {
		return base.ErrNotFound
	}
	return q.documents[lang].write(e, lang)
}

// askedLanguage is ?lang=, or else what Accept-Language prefers.
func askedLanguage(r *http.Request) (string, error) {
	lang := r.URL.Query().Get("lang")
	switch {
	case lang == "":
		return base.AcceptedLanguage(r), nil
	case !slices.Contains(content.Languages, lang):
		return "", content.Problems{{Field: "lang", Code: "unknown"}}
	}
	return lang, nil
}

// write answers with the document, or 304 when the client has it.
func (d document) write(e *core.RequestEvent, lang string) error {
	h := e.Response.Header()
	h.Set("ETag", d.etag)
	h.Set("Cache-Control", "public, no-cache")
	h.Add("Vary", "Accept-Language")
	h.Set("Content-Language", content.Locale(lang))
	for tag := range strings.SplitSeq(e.Request.Header.Get("If-None-Match"), ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == d.etag || tag == "*" {
			return e.NoContent(http.StatusNotModified)
		}
	}
	return writeJSON(e, http.StatusOK, d.body)
}

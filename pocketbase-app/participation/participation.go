// Package participation takes the answers of citizens: by forms that need no
// JavaScript, page by page, and by the JSON API, idempotent by a random id.
//
// It knows nothing of sheets, charts or how questionnaires are edited; it reads
// published versions (survey_versions) and checks answers with content/survey.
// [New] makes a [*Participation] and starts its one writer, which commits
// waiting answers in groups; [Participation.Bind] binds the routes;
// [Participation.Close] waits for what was taken on. [OpenSnapshot] reads all
// answers of one survey as they were at one moment, for exports.
//
// Nobody can be told from an answer: no account, no address, no time finer than
// the day, no order of arrival. A draft is found by the hash of a cookie's
// token, sealed with a key that only this token opens, and the id of the response
// is derived from that token, so nothing stored connects the two.
package participation

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Words of the pages and refusals of this matter.
//
//go:embed words/*.json
var Words embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

var templates = base.MustTemplates(templateFiles)

// Participation is the matter of surveys and their answers.
type Participation struct {
	p          *base.Platform
	surveys    *surveys
	writer     *writer
	references []byte // key of references
	ids        []byte // key of response ids made for drafts
	mails      *base.Limits
	pairings   *base.Limits
	uploads    *uploads
	gate       *gate.Gate

	// Cleared reports whether a planner may see what people sent as files in a
	// survey; nil lets every planner.
	Cleared func(ctx context.Context, staff *core.Record, slug string) (bool, error)
}

// New makes the matter and starts its writer; [Participation.Close] ends it.
func New(p *base.Platform) *Participation {
	pt := &Participation{
		p:          p,
		surveys:    newSurveys(p),
		writer:     newWriter(p.App, newUrn(p.App.DataDir())),
		references: p.Key("survey references"),
		ids:        p.Key("survey response ids"),
		mails:      base.NewLimits(5, time.Hour),
		pairings:   base.NewLimits(deviceAttempts, time.Hour),
		uploads:    newUploads(p),
		gate:       gate.New(p),
	}
	pt.gate.Pending = func(s string, hash []byte) bool {
		_, ok := pt.writer.urn.tag(strings.TrimPrefix(s, scopePrefix), hash)
		return ok
	}
	base.KeepOutOfBackups(p.App, urnFile, urnFile+"-journal", uploadsDir+"/"+freshDir)
	for _, hook := range []interface {
		BindFunc(func(*core.RecordEvent) error) string
	}{
		p.App.OnRecordAfterCreateSuccess("surveys", "survey_versions"),
		p.App.OnRecordAfterUpdateSuccess("surveys", "survey_versions"),
		p.App.OnRecordAfterDeleteSuccess("surveys", "survey_versions"),
	} {
		hook.BindFunc(func(e *core.RecordEvent) error {
			pt.Refresh()
			return e.Next()
		})
	}
	return pt
}

// Refresh makes the next request look up anew what is published. Saved records
// of surveys do it by themselves; without it a change shows after a second.
func (pt *Participation) Refresh() { pt.surveys.forget() }

// Close ends the writer after it has committed every answer it took on. Call it
// when the HTTP server has stopped; answers that come later are refused with 503.
func (pt *Participation) Close() { pt.writer.close() }

// Bind binds the API and the pages.
func (pt *Participation) Bind(se *core.ServeEvent) {
	pt.p.Route(se, "GET", "/api/v1/surveys", pt.listSurveys)
	pt.p.Route(se, "GET", "/api/v1/surveys/{slug}", pt.getSurvey)
	pt.p.Route(se, "PUT", "/api/v1/surveys/{slug}/responses/{uuid}", pt.putResponse)

	pt.bindMap(se)
	pt.bindUploads(se)
	pt.bindAccess(se)
	pt.bindPhone(se)
	pt.bindDevices(se)
	pt.bindTablets(se)
	pt.p.RoutePublic(se, "GET", "/umfragen/{slug}/teilnehmen/{$}", pt.showStart)
	pt.p.RoutePublic(se, "POST", "/umfragen/{slug}/teilnehmen/{$}", pt.start)
	pt.p.RoutePublic(se, "GET", "/umfragen/{slug}/seite/{n}/{$}", pt.showPage)
	pt.p.RoutePublic(se, "GET", "/umfragen/{slug}/spaeter/{$}", pt.showLater)
	pt.p.RoutePublic(se, "POST", "/umfragen/{slug}/spaeter/{$}", pt.saveForLater)
	pt.p.RoutePublic(se, "GET", "/umfragen/{slug}/fortsetzen/{token}/{$}", pt.showResume)
	pt.p.RoutePublic(se, "POST", "/umfragen/{slug}/fortsetzen/{token}/{$}", pt.resume)
	pt.p.RoutePublicWithFiles(se, "/umfragen/{slug}/seite/{n}/{$}", pt.takePage)
	pt.p.RoutePublic(se, "GET", "/umfragen/{slug}/pruefen/{$}", pt.showReview)
	pt.p.RoutePublic(se, "POST", "/umfragen/{slug}/pruefen/{$}", pt.send)
	pt.p.RoutePublic(se, "GET", "/umfragen/{slug}/danke/{$}", pt.showThanks)
	pt.p.RoutePublic(se, "GET", "/umfragen/{slug}/drucken/{$}", pt.showSheet)

	typists := base.Need(base.Counter, base.Planner, base.Admin)
	pt.p.Route(se, "GET", paperPath+"{$}", pt.showPaper, typists)
	pt.p.Route(se, "GET", paperPath+"{slug}/{$}", pt.showTyping, typists)
	pt.p.Route(se, "POST", paperPath+"{slug}/{$}", pt.takeTyping, typists)
	pt.p.Route(se, "POST", paperPath+"{slug}/verwerfen/{$}", pt.dropSheet, typists)
}

// Sweep deletes expired drafts, a few hundred per transaction, and the uploads
// that belong to no draft and no response, be it that the response was erased; it
// returns how many drafts there were.
func (pt *Participation) Sweep(ctx context.Context) (int64, error) {
	var deleted int64
	for {
		result, err := pt.p.App.DB().NewQuery(`DELETE FROM survey_drafts WHERE hash IN
			(SELECT hash FROM survey_drafts WHERE expires <= {:now} LIMIT 500)`).
			Bind(dbx.Params{"now": pt.p.Now().UnixMilli()}).WithContext(ctx).Execute()
		if err != nil {
			return deleted, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return deleted, err
		}
		if n == 0 {
			return deleted, errors.Join(pt.uploads.sweep(ctx), pt.eraseUploads(ctx))
		}
		deleted += n
	}
}

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// reference is what the receipt shows. It is keyed, so that nobody who sees a
// sheet with response ids can tell whose receipt belongs to which row.
func (pt *Participation) reference(survey, id string) string {
	mac := hmac.New(sha256.New, pt.references)
	mac.Write([]byte(survey + "/" + id))
	s := crockford.EncodeToString(mac.Sum(nil)[:7])
	return "U-" + s[:5] + "-" + s[5:10]
}

// responseID is the id of the response that a draft becomes.
func (pt *Participation) responseID(survey, token string) string {
	mac := hmac.New(sha256.New, pt.ids)
	mac.Write([]byte(survey + "/" + token))
	return uuid4(mac.Sum(nil)[:16])
}

func randomBytes() []byte {
	b := make([]byte, 16)
	rand.Read(b)
	return b
}

// scopePrefix begins the scopes of surveys at the gate.
const scopePrefix = "umfragen/"

func scope(slug string) string { return scopePrefix + slug }

// uuid4 writes 16 bytes as a UUID of version 4 (RFC 9562).
func uuid4(b []byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// day is the Berlin day of now.
func (pt *Participation) day() string {
	return pt.p.Now().In(content.Berlin).Format(time.DateOnly)
}

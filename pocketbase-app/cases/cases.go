package cases

import (
	"crypto/cipher"
	"embed"
	"encoding/json"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Words of the pages and mails of cases.
//
//go:embed words/*.json
var Words embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

var pages = base.MustTemplates(templateFiles)

// Cases is the matter: its pages, its API, the settling of its orders and its
// retention. Change the fields before [Cases.Bind].
type Cases struct {
	Platform       *base.Platform
	BarrierPartner string        // slug of who answers barrier reports
	AnswerWithin   time.Duration // target for ordinary cases, a mark in the staff's list; 0: none
	SlowBy         time.Duration // what a wrong pair of reference and secret takes at least

	addresses *base.Limits
	secrets   []byte
	sealed    cipher.AEAD
}

// New makes the matter with its ordinary settings: barrier reports go to the
// city, cases shall be answered within 14 days, a wrong pair takes 700 ms, and
// one address may try ten pairs at once and ten a minute.
func New(p *base.Platform) *Cases {
	return &Cases{
		Platform:       p,
		BarrierPartner: "stadt-kassel",
		AnswerWithin:   14 * 24 * time.Hour,
		SlowBy:         700 * time.Millisecond,
		addresses:      base.NewLimits(10, time.Minute),
		secrets:        p.Key("case secrets"),
		sealed:         newSeal(p.Key("case receipt cookie")),
	}
}

// Bind binds the pages and the API.
func (c *Cases) Bind(se *core.ServeEvent) {
	p := c.Platform
	p.RoutePublic(se, "GET", "/leistungen/{slug}/anfrage/{$}", c.showRequestForm)
	p.RoutePublic(se, "POST", "/leistungen/{slug}/anfrage/{$}", c.takeRequestForm)
	p.RoutePublic(se, "GET", "/barriere-melden/{$}", c.showBarrierForm)
	p.RoutePublic(se, "POST", "/barriere-melden/{$}", c.takeBarrierForm)
	p.RoutePublic(se, "GET", "/anliegen/neu/{$}", c.showReceipt)
	p.RoutePublic(se, "GET", "/anliegen/{$}", c.showEntry)
	p.RoutePublic(se, "POST", "/anliegen/{$}", c.enter)
	p.RoutePublic(se, "GET", "/anliegen/verlauf/{$}", c.showHistory)
	p.RoutePublic(se, "POST", "/anliegen/verlauf/{$}", c.changeByCitizen)
	p.RoutePublic(se, "POST", "/anliegen/abmelden/{$}", c.leave)

	p.Route(se, "POST", "/api/v1/cases", c.takeAPI)
	p.Route(se, "GET", "/api/v1/cases/{reference}", c.showAPI)

	staff := base.Need(base.Counter, base.Admin)
	p.Route(se, "GET", "/schalter/{$}", c.showList, staff)
	p.Route(se, "GET", "/schalter/anliegen/{reference}/{$}", c.showCase, staff)
	p.Route(se, "POST", "/schalter/anliegen/{reference}/{$}", c.answer, staff)
	p.Route(se, "POST", "/schalter/anliegen/{reference}/weitergeben/{$}", c.passOn, staff)
}

// guide reads a published guide that takes requests; [base.ErrNotFound] else.
func (c *Cases) guide(slug string) (content.Guide, error) {
	var g content.Guide
	if !content.IsSlug(slug) {
		return g, base.ErrNotFound
	}
	var live string
	err := c.Platform.App.DB().NewQuery(`SELECT live FROM guides WHERE slug = {:slug} AND state = 'published'`).
		Bind(dbx.Params{"slug": slug}).Row(&live)
	if base.IsNoRows(err) {
		return g, base.ErrNotFound
	}
	if err != nil {
		return g, err
	}
	if err := json.Unmarshal([]byte(live), &g); err != nil {
		return g, err
	}
	if !g.Accepts("case") {
		return g, base.ErrNotFound
	}
	g.Slug = slug
	return g, nil
}

// partner is a published provider as the pages of this matter name it.
type partner struct {
	Slug string `db:"slug"`
	Name string `db:"name"`
}

func (c *Cases) partners() ([]partner, error) {
	var all []partner
	err := c.Platform.App.DB().NewQuery(`SELECT slug, COALESCE(json_extract(live, '$.name'), title) AS name
		FROM providers WHERE state = 'published' ORDER BY name`).All(&all)
	return all, err
}

// partnerName is the name of a partner, its slug when it is not published any more.
func partnerName(all []partner, slug string) string {
	for _, p := range all {
		if p.Slug == slug {
			return p.Name
		}
	}
	return slug
}

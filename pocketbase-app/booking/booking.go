package booking

import (
	"embed"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Words of the pages and mails of this matter.
//
//go:embed words/*.json
var Words embed.FS

//go:embed templates/*.html templates/parts/*.html
var templateFiles embed.FS

var templates = base.MustTemplates(templateFiles)

// Service is the matter "booking". Make it with [New].
type Service struct {
	// Organiser is the mail address that calendar entries name as organiser; package
	// main sets the sender of the mails.
	Organiser string
	// Pause is how long a wrong pair of reference and secret waits for its answer.
	Pause time.Duration
	// Survey tells the title and the end (zero: none) of a survey for those who came; a refusal
	// when it takes no answers now, base.ErrNotFound when it is no such survey. nil: there are none.
	Survey func(slug string) (title content.Text, closes time.Time, err error)
	// Pass makes the path of a survey's first page with a pass, the same for the same key,
	// and stores nothing; only who has the key can make it.
	Pass func(slug, lang, key string, until time.Time) string

	p        *base.Platform
	events   *shelf
	byIP     *base.Limits
	byNumber *base.Limits
}

// New makes the service; set its fields before [Service.Bind].
func New(p *base.Platform) *Service {
	return &Service{
		Organiser: "service-point@service-point.example",
		Pause:     600 * time.Millisecond,
		p:         p,
		events:    &shelf{known: map[string]known{}},
		byIP:      base.NewLimits(10, time.Minute),
		byNumber:  base.NewLimits(5, 5*time.Minute),
	}
}

// Bind adds the routes of the API, the citizens' pages and the counter's lists.
func (s *Service) Bind(se *core.ServeEvent) {
	s.p.Route(se, "GET", "/api/v1/events", s.apiList)
	s.p.Route(se, "GET", "/api/v1/events/{slug}", s.apiEvent)
	s.p.Route(se, "POST", "/api/v1/events/{slug}/bookings", s.apiBook)
	s.p.Route(se, "POST", "/api/v1/events/{slug}/holds", s.apiTake(s.Hold, readHold))
	s.p.Route(se, "POST", "/api/v1/events/{slug}/waiting", s.apiTake(s.Join, readJSON))
	s.p.Route(se, "POST", "/api/v1/bookings/{reference}/{act}", s.apiAct)

	s.p.RoutePublic(se, "GET", "/veranstaltungen/{slug}/buchen/{$}", s.showForm)
	s.p.RoutePublic(se, "POST", "/veranstaltungen/{slug}/buchen/{$}", s.sendForm)
	s.p.RoutePublic(se, "GET", "/buchungen/{$}", s.showLookup)
	s.p.RoutePublic(se, "POST", "/buchungen/{$}", s.sendLookup)
	s.p.RoutePublic(se, "GET", "/buchungen/bestaetigung/{$}", s.showReceipt)
	s.p.RoutePublic(se, "GET", "/buchungen/ansicht/{$}", s.showBooking)
	s.p.RoutePublic(se, "GET", "/buchungen/stornieren/{$}", s.askCancel)
	s.p.RoutePublic(se, "POST", "/buchungen/stornieren/{$}", s.sendCancel)
	s.p.RoutePublic(se, "POST", "/buchungen/schliessen/{$}", s.closeBooking)

	s.bindOwn(se)
	s.bindDoor(se)
	s.bindCounter(se)
}

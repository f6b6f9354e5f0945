package appointments

import (
	"embed"
	"math/rand/v2"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Words of the pages, mails and short messages of this matter.
//
//go:embed words/*.json
var Words embed.FS

//go:embed templates/*.html templates/parts/*.html
var templateFiles embed.FS

//go:embed assets/*
var assets embed.FS

var templates = base.MustTemplates(templateFiles)

// Service is the matter "appointments". Make it with [New].
type Service struct {
	// Organiser is the mail address that calendar entries name as organiser.
	Organiser string
	// SMS tells whether there is a provider "sms": people who left only a
	// telephone number are written to.
	SMS bool
	// Calendars of others, by the name of the provider that keeps them.
	Calendars map[string]Foreign
	// Patience is how long a page waits for a provider's answer: 4 s.
	Patience time.Duration
	// Random feeds the waiting-time estimate.
	Random func() rand.Source

	p       *base.Platform
	holding *base.Limits // holds by network
	city    shelf
}

// New makes the service; set its fields before [Service.Bind].
func New(p *base.Platform) *Service {
	return &Service{
		Organiser: "service-point@service-point.example",
		Patience:  4 * time.Second,
		Random:    func() rand.Source { return rand.NewPCG(rand.Uint64(), rand.Uint64()) },
		p:         p,
		holding:   base.NewLimits(12, 10*time.Minute),
	}
}

// Bind adds all routes.
func (s *Service) Bind(se *core.ServeEvent) {
	s.p.RoutePublic(se, "GET", "/termine/{$}", s.showServices)
	s.p.RoutePublic(se, "GET", "/termine/zeiten/{$}", s.showTimes)
	s.p.RoutePublic(se, "POST", "/termine/reservieren/{$}", s.reserve)
	s.p.RoutePublic(se, "GET", "/termine/angaben/{$}", s.showDetails)
	s.p.RoutePublic(se, "POST", "/termine/angaben/{$}", s.sendDetails)
	s.p.RoutePublic(se, "GET", "/termine/zugang/{token}/{$}", s.openLink)
	s.p.RoutePublic(se, "GET", "/termine/zugang/{token}/{what}/{$}", s.openLink)
	s.p.RoutePublic(se, "GET", "/termine/mein/{$}", s.showMine)
	s.p.RoutePublic(se, "POST", "/termine/mein/{$}", s.enter)
	s.p.RoutePublic(se, "GET", "/termine/mein/kalender.ics", s.calendarFile)
	s.p.RoutePublic(se, "GET", "/termine/mein/verschieben/{$}", s.showMove)
	s.p.RoutePublic(se, "POST", "/termine/mein/verschieben/{$}", s.sendMove)
	s.p.RoutePublic(se, "GET", "/termine/mein/absagen/{$}", s.askCancel)
	s.p.RoutePublic(se, "POST", "/termine/mein/absagen/{$}", s.sendCancel)
	s.p.RoutePublic(se, "POST", "/termine/mein/frueher/{$}", s.sendEarlier)
	s.p.RoutePublic(se, "POST", "/termine/mein/angebot/{$}", s.sendOffer)
	s.p.RoutePublic(se, "POST", "/termine/schliessen/{$}", s.closeMine)

	s.p.RoutePublic(se, "GET", "/termine/stadt/{service}/{$}", s.showCity)
	s.p.RoutePublic(se, "POST", "/termine/stadt/{service}/{$}", s.sendCity)
	s.p.RoutePublic(se, "GET", "/termine/stadttermin/{$}", s.showCityMine)
	s.p.RoutePublic(se, "GET", "/termine/stadttermin/zugang/{token}/{$}", s.openCity)
	s.p.RoutePublic(se, "GET", "/termine/stadttermin/verschieben/{$}", s.showCityMove)
	s.p.RoutePublic(se, "POST", "/termine/stadttermin/verschieben/{$}", s.sendCityMove)
	s.p.RoutePublic(se, "GET", "/termine/stadttermin/absagen/{$}", s.askCityCancel)
	s.p.RoutePublic(se, "POST", "/termine/stadttermin/absagen/{$}", s.sendCityCancel)

	s.p.RoutePublic(se, "GET", "/aufruf/nummer/{$}", s.showNumber)
	s.p.RoutePublic(se, "GET", "/aufruf/nummer/{token}/{$}", s.openNumber)
	s.p.Route(se, "GET", "/aufruf/{display}/{$}", s.showDisplay)
	s.p.Route(se, "GET", "/aufruf/dateien/{name}", s.asset)

	staff := base.Need(base.Counter, base.Admin)
	s.p.Route(se, "GET", "/schalter/termine/{$}", s.staffDay, staff)
	s.p.Route(se, "GET", "/schalter/termine/neu/{$}", s.staffNew, staff)
	s.p.Route(se, "POST", "/schalter/termine/neu/{$}", s.staffBook, staff)
	s.p.Route(se, "GET", "/schalter/termine/quoten/{$}", s.staffRates, staff)
	s.p.Route(se, "GET", "/schalter/termine/{reference}/{$}", s.staffOne, staff)
	s.p.Route(se, "POST", "/schalter/termine/{reference}/{$}", s.staffChange, staff)
	s.p.Route(se, "GET", "/schalter/termine/{reference}/verschieben/{$}", s.staffMove, staff)
	s.p.Route(se, "POST", "/schalter/termine/{reference}/verschieben/{$}", s.sendStaffMove, staff)
	s.p.Route(se, "GET", "/schalter/aufruf/{$}", s.staffQueue, staff)
	s.p.Route(se, "POST", "/schalter/aufruf/{$}", s.staffCall, staff)
	s.p.Route(se, "POST", "/schalter/aufruf/nummer/{$}", s.issueNumber, staff)
	s.p.Route(se, "GET", "/schalter/aufruf/nummer/{number}/{$}", s.staffSlip, staff)

	admin := base.Need(base.Admin)
	s.p.Route(se, "GET", "/redaktion/termine/{$}", s.settingsPage, admin)
	s.p.Route(se, "POST", "/redaktion/termine/rahmen/{$}", s.saveFrame, admin)
	s.p.Route(se, "POST", "/redaktion/termine/leistungen/{$}", s.saveService, admin)
	s.p.Route(se, "POST", "/redaktion/termine/plaetze/{$}", s.saveResource, admin)
	s.p.Route(se, "POST", "/redaktion/termine/zeiten/{$}", s.saveHours, admin)
	s.p.Route(se, "POST", "/redaktion/termine/ausnahmen/{$}", s.saveException, admin)
}

package live

import (
	"embed"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Words of the pages of this matter.
//
//go:embed words/*.json
var Words embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

var pages = base.MustTemplates(templateFiles)

// Live is the matter. Make it with [New].
type Live struct {
	p       *base.Platform
	hub     *hub
	key     []byte
	actions *base.Limits // by network: a whole room may share one address
	comers  *base.Limits // browsers seen for the first time, by network
	guesses *base.Limits // wrong codes, by network
}

// New makes the matter. From one network come at most 3,000 votes, answers and
// questions a minute, of at most 600 new browsers an hour.
func New(p *base.Platform) *Live {
	x := &Live{
		p: p, key: p.Key("live persons"),
		actions: base.NewLimits(3000, time.Minute), comers: base.NewLimits(600, time.Hour), guesses: base.NewLimits(60, time.Minute),
	}
	x.hub = newHub(x.renderParts)
	return x
}

// Bind binds the pages. Streams end with the program.
func (x *Live) Bind(se *core.ServeEvent) {
	p := x.p
	p.RoutePublic(se, "GET", "/live/{$}", x.showEnter)
	p.RoutePublic(se, "POST", "/live/{$}", x.enter)
	p.RoutePublic(se, "GET", "/live/{code}/{$}", x.showSession)
	p.RoutePublic(se, "GET", "/live/{code}/strom/{$}", x.stream)
	p.RoutePublic(se, "GET", "/live/{code}/leinwand/{$}", x.showScreen)
	p.RoutePublic(se, "POST", "/live/{code}/frage/{$}", x.takeQuestion)
	p.RoutePublic(se, "POST", "/live/{code}/stimme/{$}", x.takeVote)
	p.RoutePublic(se, "POST", "/live/{code}/umfrage/{$}", x.takeAnswer)
	p.RoutePublic(se, "GET", "/veranstaltungen/{slug}/live/{$}", x.showEvent)

	may := base.Need(base.Moderator, base.Editor)
	p.Route(se, "GET", "/redaktion/live/{$}", x.list, may)
	p.Route(se, "POST", "/redaktion/live/{$}", x.make, may)
	p.Route(se, "GET", "/redaktion/live/{id}/{$}", x.desk, may)
	p.Route(se, "POST", "/redaktion/live/{id}/{$}", x.steer, may)
	p.Route(se, "GET", "/redaktion/live/{id}/strom/{$}", x.deskStream, may)
	p.App.OnTerminate().BindFunc(func(e *core.TerminateEvent) error {
		x.hub.close()
		return e.Next()
	})
}

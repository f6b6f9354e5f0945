package gate

import "github.com/pocketbase/pocketbase/core"

// Bind binds the challenge, the scripts and the citizens' log-in.
func (g *Gate) Bind(se *core.ServeEvent) {
	g.p.Route(se, "GET", "/api/v1/challenge", g.giveChallenge)
	g.p.Route(se, "GET", "/gate/proof.js", g.giveScript("proof.js"))
	g.p.Route(se, "GET", "/gate/worker.js", g.giveScript("worker.js"))
	g.p.RoutePublic(se, "GET", "/konto/anmelden/{$}", g.showLogin)
	g.p.RoutePublic(se, "POST", "/konto/anmelden/{$}", g.sendCode)
	g.p.RoutePublic(se, "POST", "/konto/anmelden/code/{$}", g.takeCode)
	g.p.RoutePublic(se, "POST", "/konto/abmelden/{$}", g.logOut)
}

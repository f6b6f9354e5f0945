package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// origin is the address a browser on this machine reaches the server by.
func origin(se *core.ServeEvent) string {
	addr := se.Server.Addr
	if strings.HasPrefix(addr, ":") {
		addr = "127.0.0.1" + addr
	}
	if strings.HasPrefix(addr, "0.0.0.0:") {
		addr = "127.0.0.1" + strings.TrimPrefix(addr, "0.0.0.0")
	}
	return "http://" + strings.TrimSuffix(addr, ":80")
}

// banner tells the person at the terminal where to go.
func (s *server) banner(w io.Writer) {
	fmt.Fprintf(w, `
Kassel Service Point %s
  Site       %[2]s/
  Redaktion  %[2]s/redaktion/
  Planung    %[2]s/planung/
  Schalter   %[2]s/schalter/
  API        %[2]s/api/v1/events
  Health     %[2]s/healthz
  IT         %[2]s/_/   (servicepoint superuser upsert EMAIL PASSWORD --dir %s)
`, version, s.address, s.p.App.DataDir())
	if s.mailDir != "" {
		fmt.Fprintf(w, "  Mails      are written to %s\n", s.mailDir)
	}
	if s.p.Demo && s.invented > 0 {
		fmt.Fprintln(w, "  Answers    to the survey “smart-kassel” and past appointments are invented (--demo-answers 0: none)")
	}
	if len(s.logins) > 0 {
		fmt.Fprintln(w, "\nLog-ins of the demo (never use them for a city's own data):")
		for _, l := range s.logins {
			fmt.Fprintf(w, "  %-38s %-24s %s\n", l.Email, l.Password, strings.Join(l.Roles, ", "))
		}
	}
	fmt.Fprintln(w, "\nStop with Ctrl-C.")
}

package main

import (
	"context"
	"net/http"
	"regexp"
	"testing"
	"time"
)

// TestEveryPartnerIsSimulated plays each partner by the command, with and without faults.
func TestEveryPartnerIsSimulated(t *testing.T) {
	t.Parallel()
	paths := map[string]string{"octo": "/products/", "sms": "/messages", "zms": "/offices-and-services/", "waste": "/Main/GetStreets?text=a"}
	for _, sim := range simulators() {
		for plan, want := range map[string]int{"": http.StatusOK, "401=100%": http.StatusUnauthorized} {
			ctx, stop := context.WithCancel(t.Context())
			c, out, ended := simulateCommand(), new(lockedBuilder), make(chan error, 1)
			c.SetOut(out)
			c.SetArgs([]string{sim.name, "--addr", "127.0.0.1:0", "--faults", plan})
			go func() { ended <- c.ExecuteContext(ctx) }()
			var at []string
			for range 500 {
				if at = regexp.MustCompile(`on (http://\S+)\n`).FindStringSubmatch(out.String()); at != nil {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if at == nil {
				t.Fatalf("%s does not say where it is: %s", sim.name, out)
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, at[1]+paths[sim.name], nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Octo-Capabilities", "octo/content, octo/pricing") // OCTO wants to know
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s with faults %q: %d, want %d", sim.name, plan, res.StatusCode, want)
			}
			stop()
			if err := <-ended; err != nil {
				t.Errorf("%s: %v", sim.name, err)
			}
		}
	}
	for _, args := range [][]string{{"nobody"}, {"sms", "--faults", "cut=lots"}, {}} {
		c := simulateCommand()
		c.SetArgs(args)
		c.SilenceErrors, c.SilenceUsage = true, true
		if c.ExecuteContext(t.Context()) == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

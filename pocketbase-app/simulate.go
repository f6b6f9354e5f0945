package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"servicepoint/hooks/faults"
	octosim "servicepoint/hooks/octo/simulate"
	smssim "servicepoint/hooks/sms/simulate"
	wastesim "servicepoint/hooks/waste/simulate"
	zmssim "servicepoint/hooks/zms/simulate"

	"github.com/spf13/cobra"
)

// simulator is a partner's system that lives in memory: demos and tests need no
// outside system.
type simulator struct {
	name  string // of the provider
	about string
	open  func() http.Handler // empty or with examples; called once
}

// simulators are the partners that the program can play. A new one costs one line
// here.
func simulators() []simulator {
	return []simulator{
		{"octo", "seller of city tours that speaks OCTO: GET /products/, POST /availability/, /bookings/ …", func() http.Handler { return octosim.New() }},
		{"sms", "gateway for short messages: POST /messages, GET /messages", func() http.Handler { return smssim.New() }},
		{"zms", "appointments of a city by ZMS's citizen API: GET /offices-and-services/, /available-calendar/, POST /reserve-appointment/ …", func() http.Handler { return zmssim.New() }},
		{"waste", "waste collection with the insert-it interface: GET /Main/GetStreets, /Main/GetLocations, /Main/Calender", func() http.Handler { return wastesim.New() }},
	}
}

func simulateCommand() *cobra.Command {
	address, plan := "", ""
	var about strings.Builder
	var names []string
	for _, s := range simulators() {
		fmt.Fprintf(&about, "\n  %-8s %s", s.name, s.about)
		names = append(names, s.name)
	}
	c := &cobra.Command{
		Use:   "simulate PROVIDER",
		Short: "play a partner's system, with faults on demand",
		Long: "Plays a partner's system in memory until it is stopped; what it was told is forgotten then.\n" +
			"Providers that can be played:" + about.String(),
		Example:   "  servicepoint simulate sms --addr 127.0.0.1:9100 --faults cut=5%,429=3%:30s,latency=200ms",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: names,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := faults.Parse(plan)
			if err != nil {
				return err
			}
			sim, err := simulatorOf(args[0])
			if err != nil {
				return err
			}
			line := faults.New(sim.open())
			line.Set(p)
			l, err := net.Listen("tcp", address)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Simulating %s on http://%s\n", sim.name, l.Addr())
			return serveUntil(c.Context(), l, line)
		},
	}
	c.Flags().StringVar(&address, "addr", "127.0.0.1:9100", "address to listen on")
	c.Flags().StringVar(&plan, "faults", "", faults.Usage)
	return c
}

func simulatorOf(name string) (simulator, error) {
	all := simulators()
	i := slices.IndexFunc(all, func(s simulator) bool { return s.name == name })
	if i < 0 {
		return simulator{}, fmt.Errorf("no simulator of %q", name)
	}
	return all[i], nil
}

// serveUntil serves until ctx ends and then waits shortly for requests under way.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			srv.Close()
		}
	})
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// playing serves the simulator of a provider inside this process, on a free port
// of the loopback address, until the server ends.
func (s *server) playing(name string) (address string, err error) {
	sim, err := simulatorOf(name)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	line := faults.New(sim.open())
	s.background = append(s.background, func(ctx context.Context) error { return serveUntil(ctx, l, line) })
	return "http://" + l.Addr().String(), nil
}

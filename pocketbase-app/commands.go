package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/cmd"
	"github.com/spf13/cobra"
)

// program is the command line. PocketBase's root command carries ours, so that
// --dir and the other flags of PocketBase mean the same everywhere.
type program struct {
	pb   *pocketbase.PocketBase
	args []string
}

func command(args []string) program {
	pb := pocketbase.NewWithConfig(pocketbase.Config{
		HideStartBanner: true,
		DefaultDataDir:  "data",
		DBConnect:       base.Connect,
	})
	p := program{pb: pb, args: args}
	root := pb.RootCmd
	root.Use = "servicepoint"
	root.Short = "The Kassel Service Point platform"
	root.Version = version
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.AddCommand(serveCommand(pb), cmd.NewSuperuserCommand(pb), siteCommand(pb), exportCommand(pb), surveyCommand(), staffCommand(pb), simulateCommand())
	return p
}

// Execute runs the command. Whatever opens the database first takes the data
// directory for itself: PocketBase must not bootstrap the directory of a running server.
func (p program) Execute() error {
	found, _, err := p.pb.RootCmd.Find(p.args[1:])
	if err != nil {
		return fmt.Errorf("%w; \"servicepoint --help\" lists the commands", err)
	}
	switch topCommand(found) {
	case "serve", "superuser":
		if wantsHelp(p.args) {
			break
		}
		if err := os.MkdirAll(p.pb.DataDir(), 0o750); err != nil {
			return err
		}
		unlock, err := lock(p.pb.DataDir())
		if err != nil {
			return err
		}
		defer unlock()
		return p.pb.Execute()
	}
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	return p.pb.RootCmd.ExecuteContext(ctx)
}

// endings are the signals that cancel a command. A closed terminal (SIGHUP) is one
// unless the operator said otherwise, by nohup.
func endings() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

func topCommand(c *cobra.Command) string {
	for c.HasParent() && c.Parent().HasParent() {
		c = c.Parent()
	}
	return c.Name()
}

func wantsHelp(args []string) bool {
	for _, a := range args {
		if a == "--help" || a == "-h" || a == "--version" || a == "-v" {
			return true
		}
	}
	return false
}

func lock(dir string) (func(), error) {
	unlock, err := base.Lock(dir)
	if errors.Is(err, base.ErrInUse) {
		return nil, fmt.Errorf("%w.\nHint: stop the server first, or use its pages: /planung/ exports, /redaktion/ builds the site", err)
	}
	return unlock, err
}

// stopped takes the existing data directory of an instance that does not run.
func stopped(pb *pocketbase.PocketBase) (unlock func(), err error) {
	if _, err := os.Stat(filepath.Join(pb.DataDir(), "data.db")); err != nil {
		return nil, fmt.Errorf("%s holds no database; name the data directory with --dir", pb.DataDir())
	}
	return lock(pb.DataDir())
}

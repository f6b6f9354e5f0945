package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/editorial"
	"servicepoint/pocketbase-app/ideas"
	"servicepoint/pocketbase-app/results"
	"servicepoint/site"

	"github.com/pocketbase/pocketbase"
	"github.com/spf13/cobra"
)

func siteCommand(pb *pocketbase.PocketBase) *cobra.Command {
	parent := &cobra.Command{Use: "site", Short: "The static site of a stopped instance"}
	var out, address string
	build := &cobra.Command{
		Use:   "build",
		Short: "Write the checked static site for any web server",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			unlock, err := stopped(pb)
			if err != nil {
				return err
			}
			defer unlock()
			db, err := base.ConnectSnapshot(filepath.Join(pb.DataDir(), "data.db"))
			if err != nil {
				return err
			}
			defer db.Close()
			cat, err := editorial.Catalogue(c.Context(), db)
			if err != nil {
				return err
			}
			if err := ideas.Publish(c.Context(), db, &cat); err != nil {
				return err
			}
			if err := results.Publish(c.Context(), db, &cat); err != nil {
				return err
			}
			cat.Origin, cat.Now = strings.TrimRight(address, "/"), time.Now()
			exe, err := os.Executable()
			if err != nil {
				return err
			}
			work, err := os.MkdirTemp("", "servicepoint-site")
			if err != nil {
				return err
			}
			defer os.RemoveAll(work)
			b := site.Builder{Dir: work, Binary: exe, Progress: func(s string) { fmt.Fprintln(os.Stderr, s) }}
			if err := b.Export(c.Context(), cat, out); err != nil {
				return err
			}
			fmt.Println(out)
			return nil
		},
	}
	build.Flags().StringVar(&out, "out", "", "empty or new folder for the site")
	build.Flags().StringVar(&address, "origin", envOr("SERVICEPOINT_ORIGIN", "https://service-point.example"), "public address of the site")
	build.MarkFlagRequired("out")
	parent.AddCommand(build)
	return parent
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

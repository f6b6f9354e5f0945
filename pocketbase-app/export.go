package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"servicepoint/exports"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/participation"
	"servicepoint/pocketbase-app/planning"

	"github.com/pocketbase/pocketbase"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// surveyOf is a snapshot as exports takes it. Personal answers are read only when
// they are wanted.
func surveyOf(s *participation.Snapshot, personal, freeText bool, purpose string, now time.Time) exports.Survey {
	if personal {
		s.WithPersonal()
	}
	return exports.Survey{
		Versions: s.Versions(), Exported: now, Program: "servicepoint " + version,
		Rows: s.Responses(), Count: s.Count(),
		Personal: personal, FreeText: freeText, Watermark: purpose,
	}
}

// exportFormats are the formats that planners can choose from.
func exportFormats() []planning.Format {
	list := make([]planning.Format, len(exports.Formats))
	for i, f := range exports.Formats {
		list[i] = planning.Format{Name: f.Name, Title: f.Title}
	}
	return list
}

func exportCommand(pb *pocketbase.PocketBase) *cobra.Command {
	var out, purpose string
	var formats []string
	var personal, freeText bool
	c := &cobra.Command{
		Use:   "export SURVEY",
		Short: "Write the answers of a survey of a stopped instance to a package or a workbook",
		Long: "Write the answers of a survey of a stopped instance to a package (ZIP), or to a\n" +
			"workbook when --out ends with .xlsx. Ctrl-C cancels and leaves nothing behind, and so\n" +
			"does a terminal that is closed.\n\nFormats: " + strings.Join(exports.FormatNames(), ", "),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			unlock, err := stopped(pb)
			if err != nil {
				return err
			}
			defer unlock()
			if out == "" {
				out = args[0] + ".zip"
			}
			signal.Ignore(syscall.SIGPIPE) // of a terminal that is gone: what was written is removed first
			ctx := c.Context()
			book := strings.HasSuffix(out, ".xlsx")
			if book && c.Flags().Changed("formats") {
				return fmt.Errorf("--formats makes a package: let --out end with .zip")
			}
			database := filepath.Join(pb.DataDir(), "data.db")
			snapshot, err := participation.OpenSnapshot(ctx, database, args[0])
			if err != nil {
				return fmt.Errorf("survey %q: %w", args[0], err)
			}
			defer snapshot.Close()
			log, err := base.Connect(database)
			if err != nil {
				return err
			}
			defer log.Close()
			ended, err := planning.LogCommand(ctx, log, planning.CommandExport{
				Survey: args[0], Out: out, Purpose: purpose,
				Profile: planning.Profile{Formats: formats, Personal: personal, FreeText: freeText},
			}, time.Now())
			if err != nil {
				return fmt.Errorf("the export cannot be logged, so it is not made: %w", err)
			}
			bar := progressbar.NewOptions(snapshot.Count(),
				progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription("answers"),
				progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
			survey := surveyOf(snapshot, personal, freeText, purpose, time.Now())
			progress := func(done, _ int) { bar.Set(done) }
			rows := -1
			if book {
				var sum exports.Summary
				if sum, err = exports.WriteWorkbook(ctx, out, survey, progress); err == nil {
					rows = sum.Rows
				}
			} else {
				var m exports.Manifest
				if m, err = exports.WritePackage(ctx, out, survey, exports.Profile{Formats: formats}, progress); err == nil {
					rows = m.Rows
				}
			}
			bar.Finish()
			cancelled := err != nil && ctx.Err() != nil
			if logged := ended(rows, cancelled, time.Now()); logged != nil && err == nil {
				return errors.Join(fmt.Errorf("the export cannot be logged, so it is taken back: %w", logged), os.Remove(out))
			}
			if cancelled {
				return fmt.Errorf("cancelled, %s was not written", out)
			}
			if err != nil {
				return err
			}
			fmt.Printf("%s: %d answers\n", out, rows)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "the file to write (default SURVEY.zip)")
	c.Flags().StringSliceVar(&formats, "formats", []string{"xlsx"}, "formats of the package, with commas between them")
	c.Flags().BoolVar(&freeText, "free-text", false, "with what people wrote themselves")
	c.Flags().BoolVar(&personal, "personal", false, "with answers that tell who somebody is")
	c.Flags().StringVar(&purpose, "purpose", "", "who may use it, for what and until when; stands in the package")
	return c
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"servicepoint/exports"
	"servicepoint/pocketbase-app/participation"
	"servicepoint/pocketbase-app/planning"
	"servicepoint/pocketbase-app/results"

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

// writePackage writes the package that a planner wants; it gives the number of
// responses in it.
func (s *server) writePackage(ctx context.Context, pkg planning.Package, path string, progress func(done, total int)) (int, error) {
	snapshot, err := s.participation.Snapshot(ctx, pkg.Survey)
	if err != nil {
		return 0, err
	}
	defer snapshot.Close()
	p := pkg.Profile
	from := surveyOf(snapshot, p.Personal, p.FreeText, pkg.Purpose, s.p.Now())
	texts, err := results.ReleasedTexts(ctx, s.p.App.DB(), pkg.Survey)
	if err != nil {
		return 0, err
	}
	for _, one := range texts {
		from.Released = append(from.Released, exports.ReleasedText(one))
	}
	m, err := exports.WritePackage(ctx, path, from, exports.Profile{
		Formats: p.Formats,
		Filter:  exports.Filter{From: p.From, To: p.To, Channels: p.Channels, Languages: p.Languages},
	}, progress)
	return m.Rows, err
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
			"workbook when --out ends with .xlsx. Ctrl-C cancels and leaves nothing behind.\n\nFormats: " + strings.Join(exports.FormatNames(), ", "),
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
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			snapshot, err := participation.OpenSnapshot(ctx, filepath.Join(pb.DataDir(), "data.db"), args[0])
			if err != nil {
				return fmt.Errorf("survey %q: %w", args[0], err)
			}
			defer snapshot.Close()
			bar := progressbar.NewOptions(snapshot.Count(),
				progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription("answers"),
				progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
			survey := surveyOf(snapshot, personal, freeText, purpose, time.Now())
			progress := func(done, _ int) { bar.Set(done) }
			var rows int
			if strings.HasSuffix(out, ".xlsx") {
				if c.Flags().Changed("formats") {
					return fmt.Errorf("--formats makes a package: let --out end with .zip")
				}
				var sum exports.Summary
				sum, err = exports.WriteWorkbook(ctx, out, survey, progress)
				rows = sum.Rows
			} else {
				var m exports.Manifest
				m, err = exports.WritePackage(ctx, out, survey, exports.Profile{Formats: formats}, progress)
				rows = m.Rows
			}
			bar.Finish()
			if ctx.Err() != nil {
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

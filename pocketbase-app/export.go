package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"servicepoint/exports"
	"servicepoint/pocketbase-app/participation"

	"github.com/pocketbase/pocketbase"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// writeWorkbook turns a snapshot into a workbook at path and closes the snapshot.
// It returns the number of responses written.
func writeWorkbook(ctx context.Context, s *participation.Snapshot, path string, now time.Time, progress func(done, total int)) (int, error) {
	defer s.Close()
	summary, err := exports.WriteWorkbook(ctx, path, exports.Survey{
		Versions: s.Versions(),
		Exported: now,
		Program:  "servicepoint " + version,
		Rows:     s.Responses(),
		Count:    s.Count(),
		FreeText: true,
	}, progress)
	return summary.Rows, err
}

func exportCommand(pb *pocketbase.PocketBase) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "export SURVEY",
		Short: "Write the answers of a survey of a stopped instance to a workbook",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			unlock, err := stopped(pb)
			if err != nil {
				return err
			}
			defer unlock()
			if out == "" {
				out = args[0] + ".xlsx"
			}
			snapshot, err := participation.OpenSnapshot(c.Context(), filepath.Join(pb.DataDir(), "data.db"), args[0])
			if err != nil {
				return fmt.Errorf("survey %q: %w", args[0], err)
			}
			bar := progressbar.NewOptions(snapshot.Count(),
				progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription("answers"),
				progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
			rows, err := writeWorkbook(c.Context(), snapshot, out, time.Now(), func(done, _ int) { bar.Set(done) })
			bar.Finish()
			if err != nil {
				return err
			}
			fmt.Printf("%s: %d answers\n", out, rows)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "the workbook to write (default SURVEY.xlsx)")
	return c
}

package delimited_test

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"servicepoint/exports/delimited"
	"servicepoint/exports/frame"
	"servicepoint/exports/frame/frametest"
)

// BenchmarkCSV writes rows of 20 columns to a file. The floor copies the same bytes to
// a file; the peer gives the same texts to encoding/csv.
func BenchmarkCSV(b *testing.B) {
	f := frametest.Many(10_000)
	rows := frametest.All(f)
	texts := make([][]string, len(rows))
	for i, row := range rows {
		texts[i] = make([]string, len(row))
		for j, v := range row {
			if v.State == frame.Number {
				texts[i][j] = string(frame.AppendNumber(nil, v.Number))
			} else {
				texts[i][j], _ = v.Written()
			}
		}
	}
	for _, n := range []int{10_000, 100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			dir := b.TempDir()
			into := func(name string, write func(io.Writer)) frametest.Cost {
				file, err := os.Create(filepath.Join(dir, name))
				if err != nil {
					b.Fatal(err)
				}
				defer file.Close()
				return frametest.Measure(func() { write(file) })
			}
			var ours, floor, peer frametest.Cost
			for b.Loop() {
				ours = into("ours", func(w io.Writer) {
					buffered := frametest.Buffered(w)
					s, err := delimited.NewCSV(buffered, f)
					for i := 0; i < n && err == nil; i++ {
						err = s.Row(rows[i%len(rows)])
					}
					if err != nil {
						b.Fatal(err)
					}
					buffered.Flush()
				})
				src, err := os.Open(filepath.Join(dir, "ours"))
				if err != nil {
					b.Fatal(err)
				}
				floor = into("floor", func(w io.Writer) {
					io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{src}, make([]byte, 64<<10))
				})
				src.Close()
				peer = into("peer", func(w io.Writer) {
					c := csv.NewWriter(w)
					for i := range n {
						c.Write(texts[i%len(texts)])
					}
					c.Flush()
				})
			}
			b.ReportMetric(ours.PerRow(n), "ns-CPU/row")
			b.ReportMetric(floor.PerRow(n), "peer-copying-ns-CPU/row")
			b.ReportMetric(ours.CPU.Seconds()/peer.CPU.Seconds(), "ratio")
			b.ReportMetric(ours.CPU.Seconds()/floor.CPU.Seconds(), "times-copying")
			b.ReportMetric(float64(ours.Peak)/(1<<20), "peak-MiB")
		})
	}
}

package parquet_test

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"servicepoint/exports/delimited"
	"servicepoint/exports/frame/frametest"
	"servicepoint/exports/parquet"

	"github.com/parquet-go/parquet-go/compress/zstd"
)

// BenchmarkParquet writes rows of 20 columns. The floor compresses the same rows, as
// CSV that is there already, with the same compressor, level and size of pages.
func BenchmarkParquet(b *testing.B) {
	f := frametest.Many(10_000)
	rows := frametest.All(f)
	var text bytesWriter
	c, err := delimited.NewCSV(&text, f)
	for i := 0; i < len(rows) && err == nil; i++ {
		err = c.Row(rows[i])
	}
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{10_000, 100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			var ours, floor frametest.Cost
			for b.Loop() {
				ours = frametest.Measure(func() {
					w, err := parquet.New(io.Discard, f)
					for i := 0; i < n && err == nil; i++ {
						err = w.Row(rows[i%len(rows)])
					}
					if err == nil {
						err = w.Close()
					}
					if err != nil {
						b.Fatal(err)
					}
				})
				floor = frametest.Measure(func() {
					z := &zstd.Codec{Level: zstd.SpeedDefault}
					var packed []byte
					for i := 0; i < n; i += len(rows) {
						for page := range slices.Chunk(text, 256<<10) {
							var err error
							if packed, err = z.Encode(packed[:0], page); err != nil {
								b.Fatal(err)
							}
						}
					}
				})
			}
			b.ReportMetric(ours.PerRow(n), "ns-CPU/row")
			b.ReportMetric(floor.PerRow(n), "peer-zstd-ns-CPU/row")
			b.ReportMetric(ours.CPU.Seconds()/floor.CPU.Seconds(), "ratio")
			b.ReportMetric(float64(ours.Peak)/(1<<20), "peak-MiB")
		})
	}
}

type bytesWriter []byte

func (b *bytesWriter) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

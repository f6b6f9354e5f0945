package exports_test

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"servicepoint/exports"
	"servicepoint/exports/delimited"
	"servicepoint/exports/frame"
	"servicepoint/exports/parquet"
	"servicepoint/exports/spss"
)

// Every file of the benchmarks is written by a process of its own, this binary
// again, so that CPU time and memory are those of the export alone.
const benchJob = "SERVICEPOINT_EXPORT_BENCH" // "format rows columns path times"

func TestMain(m *testing.M) {
	if job := os.Getenv(benchJob); job != "" {
		fields := strings.Fields(job)
		times, err := strconv.Atoi(fields[4])
		for range times {
			err = errors.Join(err, doBenchJob(fields))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func doBenchJob(job []string) error {
	rows, err := strconv.Atoi(job[1])
	if err != nil {
		return err
	}
	columns, err := strconv.Atoi(job[2])
	if err != nil {
		return err
	}
	path, ctx := job[3], context.Background()
	switch job[0] {
	case "xlsx":
		_, err := exports.WriteTables(ctx, path, exports.Tables{Title: "Messung", Frames: []*frame.Frame{benchFrame(rows, columns)}}, nil)
		return err
	case "survey":
		s := fixture(nil)
		s.Rows, s.Count = many(rows), rows
		_, err := exports.WriteWorkbook(ctx, path, s, nil)
		return err
	case "none": // what making the rows costs
		return frame.Pour(ctx, benchFrame(rows, columns), nil)
	case "copy": // what the bytes alone cost
		return copyFile(path, path+".copy")
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out, f := bufio.NewWriterSize(file, 1<<16), benchFrame(rows, columns)
	var sink frame.Sink
	switch job[0] {
	case "csv":
		sink, err = delimited.NewCSV(out, f)
	case "parquet":
		sink, err = parquet.New(out, f)
	case "sav":
		widths := spss.Measure(f)
		if err = frame.Pour(ctx, f, nil, widths); err == nil {
			sink, err = spss.New(out, f, widths, spss.Options{Program: "bench"})
		}
	default:
		err = fmt.Errorf("no format %s", job[0])
	}
	if err != nil {
		return err
	}
	if err := frame.Pour(ctx, f, nil, sink); err != nil {
		return err
	}
	return errors.Join(sink.Close(), out.Flush(), file.Sync())
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, make([]byte, 64<<10)); err != nil {
		return err
	}
	return out.Sync()
}

// benchFrame has rows like those of a survey: numbers, decimals, days, codes,
// flags, a time, a short and a long text. The peer in testdata/peer writes the same.
func benchFrame(rows, columns int) *frame.Frame {
	f := &frame.Frame{Name: "bench", Title: de("Messung"), Count: rows}
	for i := range columns {
		c := frame.Column{Name: fmt.Sprintf("c%d", i)}
		switch {
		case i < 5:
			c.Kind = frame.Integer
		case i < 8:
			c.Kind = frame.Decimal
		case i < 10:
			c.Kind = frame.Day
		case i < 14:
			c.Kind = frame.Code
			for k, name := range benchCodes {
				c.Categories = append(c.Categories, frame.Category{Code: strconv.Itoa(k), Text: de(name)})
			}
		case i < 17:
			c.Kind = frame.Flag
		case i == 17:
			c.Kind = frame.Time
		default:
			c.Kind = frame.Text
		}
		f.Columns = append(f.Columns, c)
	}
	f.Rows = func(yield func([]frame.Value, error) bool) {
		cells := make([]frame.Value, columns)
		state := uint32(1)
		next := func() uint32 { state = state*1664525 + 1013904223; return state >> 8 }
		var text []byte
		for row := range rows {
			for i := range cells {
				r := next()
				switch {
				case i < 5:
					cells[i] = frame.Num(float64(r % 1000))
				case i < 8:
					cells[i] = frame.Num(float64(r%100000) / 100)
				case i < 10:
					cells[i] = frame.Str(benchDays[r%28])
				case i < 14:
					cells[i] = frame.Str(benchDigits[r%8])
				case i < 17:
					cells[i] = frame.Num(float64(r % 2))
				case i == 17:
					cells[i] = frame.Str(benchTimes[r%24])
				case i == 18:
					text = strconv.AppendInt(append(text[:0], "Straße Nr. "...), int64(r%100000), 10)
					cells[i] = frame.Str(string(text))
				default:
					text = strconv.AppendInt(append(text[:0], "Mehr Bänke, mehr Schatten und ein Trinkbrunnen am Platz Nummer "...), int64(row), 10)
					cells[i] = frame.Str(string(text))
				}
			}
			if !yield(cells, nil) {
				return
			}
		}
	}
	return f
}

var (
	benchCodes  = []string{"sehr zufrieden", "zufrieden", "teils, teils", "unzufrieden", "sehr unzufrieden", "weiß nicht", "Nord (Holland)", "Bad Wilhelmshöhe"}
	benchDigits = []string{"0", "1", "2", "3", "4", "5", "6", "7"}
	benchDays   = func() (list []string) {
		for d := range 28 {
			list = append(list, fmt.Sprintf("2026-11-%02d", d+1))
		}
		return list
	}()
	benchTimes = func() (list []string) {
		for h := range 24 {
			list = append(list, fmt.Sprintf("%02d:30", h))
		}
		return list
	}()
)

// used is what a process cost.
type used struct {
	cpu  time.Duration
	peak float64 // MiB
}

func costOf(b *testing.B, cmd *exec.Cmd) used {
	b.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	s := cmd.ProcessState
	return used{s.UserTime() + s.SystemTime(), float64(s.SysUsage().(*syscall.Rusage).Maxrss) / 1024}
}

func costOfFile(b *testing.B, format string, rows, columns int, path string) used {
	b.Helper()
	return costOfFiles(b, format, rows, columns, path, 1)
}

// costOfFiles is the cost of writing the file so many times in one process.
func costOfFiles(b *testing.B, format string, rows, columns int, path string, times int) used {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d %s %d", benchJob, format, rows, columns, path, times))
	return costOf(b, cmd)
}

// deflating compresses what the large sheets of a workbook hold once more, at the
// same level, and says what that alone costs.
func deflating(b *testing.B, path string) time.Duration {
	b.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		b.Fatal(err)
	}
	defer z.Close()
	defer runtime.UnlockOSThread()
	runtime.LockOSThread()
	var cpu time.Duration
	chunk := make([]byte, 1<<20)
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			b.Fatal(err)
		}
		w, err := flate.NewWriter(io.Discard, 5)
		if err != nil {
			b.Fatal(err)
		}
		for {
			n, err := io.ReadFull(in, chunk)
			began := threadCPU(b)
			w.Write(chunk[:n])
			if err != nil {
				w.Close()
			}
			cpu += threadCPU(b) - began
			if err != nil {
				break
			}
		}
		in.Close()
	}
	return cpu
}

func threadCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	const thread = 1 // RUSAGE_THREAD
	if err := syscall.Getrusage(thread, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median[T int | float64 | time.Duration](list []T) T {
	slices.Sort(list)
	return list[len(list)/2]
}

// figure reports one figure, beside the peer's when there is one.
func figure(b *testing.B, name, unit string, ours, peer, aim float64) {
	b.Run(name, func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ours, unit)
		if peer > 0 {
			b.ReportMetric(peer, "peer-"+unit)
			b.ReportMetric(ours/peer, "ratio")
		}
		if aim > 0 {
			b.ReportMetric(aim, "aim")
		}
	})
}

// BenchmarkWorkbookMillion writes a million rows of twenty columns in turns with
// deflating the same bytes and with libxlsxwriter in its constant-memory mode.
func BenchmarkWorkbookMillion(b *testing.B) {
	const rounds, rows, columns = 3, 1_000_000, 20
	dir := b.TempDir()
	path := filepath.Join(dir, "x.xlsx")
	peer := peerProgram(b, dir)
	var ours, floor, theirs []time.Duration
	var peak, small, theirPeak []float64
	for range rounds {
		small = append(small, costOfFile(b, "xlsx", rows/10, columns, path).peak)
		one := costOfFile(b, "xlsx", rows, columns, path)
		ours, peak = append(ours, one.cpu), append(peak, one.peak)
		floor = append(floor, deflating(b, path))
		if peer != "" {
			two := costOf(b, exec.CommandContext(b.Context(), peer, strconv.Itoa(rows), filepath.Join(dir, "peer.xlsx")))
			theirs, theirPeak = append(theirs, two.cpu), append(theirPeak, two.peak)
		}
	}
	seconds := func(list []time.Duration) float64 { return median(list).Seconds() }
	figure(b, "BesideDeflate", "CPU-s", seconds(ours), seconds(floor), 1.5)
	if peer != "" {
		figure(b, "BesideLibxlsxwriter", "CPU-s", seconds(ours), seconds(theirs), 0.6)
		figure(b, "MemoryBesideLibxlsxwriter", "MiB", median(peak), median(theirPeak), 0)
	}
	figure(b, "MemoryBesideTenthOfRows", "MiB", median(peak), median(small), 1.1)
}

// peerProgram compiles the peer, "" when it cannot be.
func peerProgram(b *testing.B, dir string) string {
	out := filepath.Join(dir, "peer")
	cmd := exec.CommandContext(b.Context(), "gcc", "-O2", "-o", out, filepath.Join("testdata", "peer", "libxlsxwriter.c"), "-lxlsxwriter")
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Logf("NOT MEASURED beside libxlsxwriter (Debian: gcc, libxlsxwriter-dev): %v\n%s", err, text)
		return ""
	}
	return out
}

// benchLarge, when it is set, lets BenchmarkWorkbookGrowth go on to ten million
// responses, which takes some minutes and 3 GB of disk.
const benchLarge = "SERVICEPOINT_BENCH_LARGE"

// BenchmarkWorkbookGrowth gives the cost of a response of twenty answers in files of
// ten thousand to a million (or ten), beside that in files of a hundred thousand, and
// the memory of the process. What it takes to start a process and to make the rows is
// measured in turns and left out. A .sav, whose floor stands nowhere else, is compared
// with copying its bytes.
func BenchmarkWorkbookGrowth(b *testing.B) {
	const columns = 20
	sizes := []int{10_000, 100_000, 1_000_000}
	if os.Getenv(benchLarge) != "" {
		sizes = append(sizes, 10_000_000)
	}
	path := filepath.Join(b.TempDir(), "x")
	for _, format := range []string{"xlsx", "csv", "parquet", "sav"} {
		passes := time.Duration(1)
		if format == "sav" { // one measures
			passes = 2
		}
		var costs []float64
		for _, rows := range sizes {
			var each, peaks, copies []float64
			times := max(1, 1_000_000/rows) // in one process, so that its start counts little
			for range max(1, min(3, 10_000_000/rows/times)) {
				one, rest := costOfFiles(b, format, rows, columns, path, times), costOfFiles(b, "none", rows, columns, path, times)
				perRow := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(rows*times) }
				each = append(each, perRow(one.cpu-passes*rest.cpu))
				peaks = append(peaks, one.peak)
				if format == "sav" {
					copies = append(copies, perRow(costOfFiles(b, "copy", rows, columns, path, times).cpu))
					os.Remove(path + ".copy")
				}
			}
			cost, peer := median(each), 0.0
			if costs = append(costs, cost); len(costs) > 2 {
				peer = costs[1]
			}
			name := fmt.Sprintf("%s/%d", format, rows)
			figure(b, name, "CPU-µs/row", cost, peer, 0)
			if len(copies) > 0 {
				figure(b, name+"/BesideCopying", "CPU-µs/row", cost, median(copies), 0)
			}
			figure(b, name+"/Memory", "MiB", median(peaks), 0, 0)
			os.Remove(path)
		}
	}
}

// BenchmarkWorkbookSurvey writes a survey of six questions with all sheets.
func BenchmarkWorkbookSurvey(b *testing.B) {
	path := filepath.Join(b.TempDir(), "x.xlsx")
	small, large := costOfFile(b, "survey", 20_000, 0, path), costOfFile(b, "survey", 200_000, 0, path)
	figure(b, "CostBesideTenthOfRows", "CPU-µs/response", large.cpu.Seconds()*1e6/200_000, small.cpu.Seconds()*1e6/20_000, 1)
	figure(b, "MemoryBesideTenthOfRows", "MiB", large.peak, small.peak, 1.1)
}

// peak writes a workbook of n rows and returns the largest heap seen.
func peak(t testing.TB, n int) uint64 {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	s := fixture(nil)
	s.Rows, s.Count = many(n), n
	var most uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	_, err := exports.WriteWorkbook(t.Context(), filepath.Join(t.TempDir(), "x.xlsx"), s, nil)
	close(stop)
	<-done
	if err != nil {
		t.Fatal(err)
	}
	if most < before.HeapAlloc {
		return 0
	}
	return most - before.HeapAlloc
}

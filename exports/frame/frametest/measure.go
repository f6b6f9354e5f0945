package frametest

import (
	"bufio"
	"io"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

// Cost is what something took: CPU time of this process and the largest heap seen
// above the one before.
type Cost struct {
	CPU  time.Duration
	Peak uint64
}

// PerRow is the CPU time of a row in nanoseconds.
func (c Cost) PerRow(n int) float64 { return float64(c.CPU.Nanoseconds()) / float64(n) }

// Measure runs something once. The collector works as for a program with little memory.
func Measure(run func()) (c Cost) {
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			runtime.ReadMemStats(&now)
			if now.HeapAlloc > before.HeapAlloc {
				c.Peak = max(c.Peak, now.HeapAlloc-before.HeapAlloc)
			}
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	from := cpu()
	run()
	c.CPU = cpu() - from
	close(stop)
	<-done
	return c
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Buffered is how exports write to files.
func Buffered(w io.Writer) *bufio.Writer { return bufio.NewWriterSize(w, 64<<10) }

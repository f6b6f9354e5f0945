package live

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"
)

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse+m.StackInuse) / (1 << 20)
}

// BenchmarkLiveListeners votes fifty times a second with five hundred devices
// listening over HTTP, in turns with the same votes and nobody listening. Devices
// and server share the process, so half of the cost is the devices'.
func BenchmarkLiveListeners(b *testing.B) {
	const listeners, votes, rounds = 500, 250, 3
	l := openLounge(b)
	l.x.hub.gap = minGap
	_, _, room, _ := l.sitting(askingFree)
	l.person("").post(room+"frage/", 303, "frage", "Wann kommt mehr Grün?")
	u, err := url.Parse(l.srv.URL)
	if err != nil {
		b.Fatal(err)
	}
	vote := func() float64 {
		began := cpu()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range votes {
			<-tick.C
			v := l.person("")
			v.client.Jar.SetCookies(u, []*http.Cookie{{Name: cookieName, Value: base.NewToken(), Path: "/"}})
			v.post(room+"stimme/", 303, "frage", "1")
		}
		return float64((cpu() - began).Microseconds()) / votes
	}
	var alone, beside []float64
	memory := 0.0
	for range rounds {
		alone = append(alone, vote())
		before := heap()
		var leave []func()
		for range listeners {
			req, err := http.NewRequestWithContext(b.Context(), "GET", l.srv.URL+room+"strom/", nil)
			if err != nil {
				b.Fatal(err)
			}
			res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
			if err != nil || res.StatusCode != 200 {
				b.Fatal(res, err)
			}
			go io.Copy(io.Discard, res.Body)
			leave = append(leave, func() { res.Body.Close() })
		}
		memory = max(memory, heap()-before)
		beside = append(beside, vote())
		for _, f := range leave {
			f()
		}
	}
	slices.Sort(alone)
	slices.Sort(beside)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(beside[1], "CPU-µs/vote")
	b.ReportMetric(alone[1], "peer-CPU-µs/vote")
	b.ReportMetric(beside[1]/alone[1], "ratio")
	b.ReportMetric(memory*1024/listeners, "KiB/listener")
	if testing.Verbose() {
		fmt.Println(alone, beside)
	}
}

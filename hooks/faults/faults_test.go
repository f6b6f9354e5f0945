package faults_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"servicepoint/hooks/faults"
)

func TestFaultsHappenAsTold(t *testing.T) {
	begun := time.Date(2026, 12, 2, 11, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		fault  faults.Fault
		done   int32 // how often the handler was reached
		status int   // 0: no whole answer
		check  func(t *testing.T, res *http.Response, body string)
	}{
		{faults.Fault{}, 1, 200, nil},
		{faults.Fault{Kind: faults.Drop}, 0, 0, nil},
		{faults.Fault{Kind: faults.Cut}, 1, 0, nil},
		{faults.Fault{Kind: faults.CutHalf}, 1, 0, nil},
		{faults.Fault{Kind: faults.Malformed}, 1, 200, func(t *testing.T, _ *http.Response, body string) {
			if body == `{"uuid":"1"}` || !strings.HasSuffix(body, "[tru") {
				t.Errorf("body %s", body)
			}
		}},
		{faults.Fault{Kind: faults.Foreign}, 0, 200, func(t *testing.T, res *http.Response, _ string) {
			if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
				t.Error("no HTML")
			}
		}},
		{faults.Fault{Kind: faults.Status}, 0, 500, nil},
		{faults.Fault{Kind: faults.Status, Code: 404}, 0, 404, nil},
		{faults.Fault{Kind: faults.Lost, Code: 502}, 1, 502, nil},
		{faults.Fault{Kind: faults.Unknown}, 0, 401, nil},
		{faults.Fault{Kind: faults.TooMany, Delay: 90 * time.Second}, 0, 429, func(t *testing.T, res *http.Response, _ string) {
			if s := res.Header.Get("Retry-After"); s != "90" {
				t.Errorf("Retry-After %q", s)
			}
		}},
		{faults.Fault{Kind: faults.TooMany, Delay: 90 * time.Second, Date: true}, 0, 429, func(t *testing.T, res *http.Response, _ string) {
			if s := res.Header.Get("Retry-After"); s != "Wed, 02 Dec 2026 11:01:30 GMT" {
				t.Errorf("Retry-After %q", s)
			}
		}},
		{faults.Fault{Kind: faults.Slow, Delay: 40 * time.Millisecond}, 1, 200, func(t *testing.T, _ *http.Response, body string) {
			if body != `{"uuid":"1"}` {
				t.Errorf("body %s", body)
			}
		}},
	} {
		t.Run(fmt.Sprint(c.fault), func(t *testing.T) {
			var reached atomic.Int32
			line := faults.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				reached.Add(1)
				fmt.Fprint(w, `{"uuid":"1"}`)
			}))
			line.Clock = func() time.Time { return begun }
			srv := httptest.NewServer(line)
			defer srv.Close()
			if c.fault.Kind != "" {
				line.Next(c.fault)
			}
			ask := func() (*http.Response, string, error) {
				res, err := http.Post(srv.URL, "application/json", strings.NewReader("{}"))
				if err != nil {
					return nil, "", err
				}
				defer res.Body.Close()
				b, err := io.ReadAll(res.Body)
				return res, string(b), err
			}
			res, body, err := ask()
			if whole := err == nil; whole != (c.status != 0) || whole && res.StatusCode != c.status {
				t.Errorf("%v %v", res, err)
			} else if c.check != nil {
				c.check(t, res, body)
			}
			if n := reached.Load(); n != c.done {
				t.Errorf("done %d times, want %d", n, c.done)
			}
			if _, body, err := ask(); err != nil || body != `{"uuid":"1"}` {
				t.Errorf("the line did not heal: %s %v", body, err)
			}
		})
	}
}

func TestPlansAreReadAndDrawn(t *testing.T) {
	plan, err := faults.Parse("latency=1ms, cut=5%,500=0.1,429=10%:45s,lost-503=1%,slow=2%:3s")
	if err != nil {
		t.Fatal(err)
	}
	if plan.Latency != time.Millisecond || len(plan.Chances) != 5 || plan.Chances[2].Delay != 45*time.Second || plan.Chances[3].Kind != faults.Lost {
		t.Errorf("%+v", plan)
	}
	line := faults.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	plan.Latency = 0
	line.Set(plan)
	at := 0.0
	line.Random = func() float64 { at += .001; return at - .001 } // every thousandth once
	got := map[string]int{}
	for range 250 { // shares up to 0.25: 0.05 + 0.1 + 0.1
		func() {
			defer func() {
				if v := recover(); v != nil {
					if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
						panic(v)
					}
					got["cut"]++
				}
			}()
			w := httptest.NewRecorder()
			line.ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
			got[strconv.Itoa(w.Code)]++
		}()
	}
	for kind, want := range map[string]int{"cut": 50, "500": 100, "429": 100} {
		if d := got[kind] - want; d < -1 || d > 1 {
			t.Errorf("%s happened %d times, want %d: %v", kind, got[kind], want, got)
		}
	}
	if served, struck := line.Counts(); served != 250 || struck != 250 {
		t.Errorf("%d of %d", struck, served)
	}
}

func TestPlansThatMakeNoSenseAreRefused(t *testing.T) {
	for _, s := range []string{"cut", "cut=x", "cut=101%", "cut=-1%", "cut=NaN", "cut=60%,500=60%", "200=5%", "latency=5", "cut=5%:3s", "429=5%:x", "lost-200=1%", "theft=3%"} {
		if p, err := faults.Parse(s); err == nil {
			t.Errorf("%q gave %+v", s, p)
		}
	}
	if p, err := faults.Parse(""); err != nil || len(p.Chances) != 0 {
		t.Errorf("nothing: %+v %v", p, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("latency=200ms,cut=5%,429=3%:30s")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := faults.Parse(s)
		sum := 0.0
		for _, c := range p.Chances {
			sum += c.Share
		}
		if err == nil && !(sum >= 0 && sum <= 1) {
			t.Errorf("%q: shares add up to %v", s, sum)
		}
	})
}

func Example() {
	line := faults.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "booked") }))
	srv := httptest.NewServer(line)
	defer srv.Close()
	line.Next(faults.Fault{Kind: faults.Cut}) // done, but nobody hears of it
	_, err := http.Post(srv.URL, "text/plain", nil)
	fmt.Println(err != nil)
	res, _ := http.Post(srv.URL, "text/plain", nil)
	fmt.Println(res.StatusCode)
	// Output:
	// true
	// 200
}

package disclosure

import (
	"math/rand/v2"
	"testing"
)

// city has answered twelve questions; forty tables were shown of it.
func city(b *testing.B, n int) (p *People, ledger []Table, axes []Axis) {
	size := map[string]int{"district": 23, "age": 7}
	for i := range 10 {
		size["q"+string(rune('0'+i))] = 5
	}
	codes := codesOf(size)
	rnd := rand.New(rand.NewPCG(3, 3))
	p = NewPeople(codes)
	for i := range n {
		p.Add(1+i/10, func(key string) string { return codes[key][min(rnd.IntN(len(codes[key])), rnd.IntN(len(codes[key])))] })
	}
	show := func(keys ...string) {
		var axes []Axis
		for _, k := range keys {
			axes = append(axes, Alone(k, codes[k]))
		}
		if t, _, err := Decide(p, ledger, n/10, axes...); err == nil {
			ledger = append(ledger, t)
		} else if !refused(err) {
			b.Fatal(err)
		}
	}
	for key := range size {
		show(key)
	}
	for i := range 10 {
		q := "q" + string(rune('0'+i))
		show("district", q)
		show("age", q)
	}
	return p, ledger, []Axis{Alone("q0", codes["q0"]), Alone("q1", codes["q1"])}
}

func refused(err error) bool { return err == ErrFew || err == ErrHidden || err == ErrUnsafe }

// One more table of 100,000 people beside all that were shown, against counting
// the same table alone.
func BenchmarkDecide(b *testing.B) {
	p, ledger, axes := city(b, 100_000)
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			if _, err := p.Count(10_000, axes...); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decide", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := Decide(p, ledger, 10_000, axes...); err != nil && !refused(err) {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(ledger)), "tables")
	})
}

package disclosure

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"
)

// attacker knows every table that was ever shown, and how many people came when.
// What is not known are the numbers of people by all answers and periods; tables
// are sums of them. A linear programme gives the least and the greatest number that
// a hidden cell can be. It shares no code with the auditor.
type attacker struct {
	tables []Table
	keys   []string
	size   []int // of every variable: its codes and "no answer"
	codes  map[string][]string
	bounds []int // blocks at which periods end
	atoms  int   // of one period
	a      [][]float64
	b      []float64
}

func newAttacker(codes map[string][]string, came func(block int) int, tables []Table) *attacker {
	x := &attacker{tables: tables, codes: codes, atoms: 1}
	for _, t := range tables {
		x.bounds = append(x.bounds, t.Block)
		for _, a := range t.Axes {
			if !slices.Contains(x.keys, a.Key) {
				x.keys = append(x.keys, a.Key)
			}
		}
	}
	slices.Sort(x.bounds)
	x.bounds = slices.Compact(x.bounds)
	for _, k := range x.keys {
		x.size = append(x.size, len(codes[k])+1)
		x.atoms *= len(codes[k]) + 1
	}
	for period, bound := range x.bounds {
		row := make([]float64, x.atoms*len(x.bounds))
		for atom := range x.atoms {
			row[period*x.atoms+atom] = 1
		}
		people := came(bound)
		if period > 0 {
			people -= came(x.bounds[period-1])
		}
		x.know(row, people)
	}
	for _, t := range tables {
		for i, n := range t.N {
			if n != Hidden {
				x.know(x.row(t, i), n)
			}
		}
		if t.Base > 0 {
			all := make([]float64, x.atoms*len(x.bounds))
			for i := range t.N {
				for k, v := range x.row(t, i) {
					all[k] += v
				}
			}
			x.know(all, t.Base)
		}
	}
	return x
}

// row is a cell as a sum of atoms.
func (x *attacker) row(t Table, cell int) []float64 {
	row := make([]float64, x.atoms*len(x.bounds))
	want := make([][]string, len(t.Axes))
	for k := len(t.Axes) - 1; k >= 0; k-- {
		want[k] = t.Axes[k].Groups[cell%len(t.Axes[k].Groups)]
		cell /= len(t.Axes[k].Groups)
	}
	for period, bound := range x.bounds {
		for atom := range x.atoms {
			in, rest := bound <= t.Block, atom
			for k, key := range x.keys {
				at := rest % x.size[k]
				rest /= x.size[k]
				for j, a := range t.Axes {
					if a.Key == key {
						in = in && at < len(x.codes[key]) && slices.Contains(want[j], x.codes[key][at])
					}
				}
			}
			if in {
				row[period*x.atoms+atom] = 1
			}
		}
	}
	return row
}

// know adds an equation, unless the others say the same: the solver wants them
// independent.
func (x *attacker) know(row []float64, n int) {
	r, b := slices.Clone(row), float64(n)
	for i, known := range x.a {
		lead := slices.IndexFunc(known, func(v float64) bool { return math.Abs(v) > 1e-9 })
		if f := r[lead] / known[lead]; f != 0 {
			for k := range r {
				r[k] -= f * known[k]
			}
			b -= f * x.b[i]
		}
	}
	if slices.ContainsFunc(r, func(v float64) bool { return math.Abs(v) > 1e-9 }) {
		x.a, x.b = append(x.a, r), append(x.b, b)
	}
}

// bounds of a hidden cell; ok is false when the solver gives up.
func (x *attacker) solve(t Table, cell int) (low, high float64, ok bool) {
	c := x.row(t, cell)
	m := mat.NewDense(len(x.a), len(c), nil)
	for i, row := range x.a {
		m.SetRow(i, row)
	}
	low, _, err := lp.Simplex(slices.Clone(c), m, slices.Clone(x.b), 1e-9, nil)
	if err != nil {
		return 0, 0, false
	}
	for i := range c {
		c[i] = -c[i]
	}
	high, _, err = lp.Simplex(c, m, slices.Clone(x.b), 1e-9, nil)
	return low, -high, err == nil
}

// small is a town of three questions; some answer only two.
func small(n int, seed uint64) (*People, map[string][]string) {
	codes := codesOf(map[string]int{"district": 4, "age": 3, "view": 3})
	rnd := rand.New(rand.NewPCG(seed, 11))
	p := NewPeople(codes)
	for i := range n {
		v := map[string]string{}
		for _, k := range slices.Sorted(maps.Keys(codes)) {
			c := codes[k]
			v[k] = c[min(rnd.IntN(len(c)), rnd.IntN(len(c)))]
		}
		if rnd.IntN(8) == 0 {
			delete(v, "view")
		}
		p.Add(1+i/10, func(key string) string { return v[key] })
	}
	return p, codes
}

// publish shows tables twice, after two thirds of the people and after all.
func publish(p *People, codes map[string][]string, decide func([]Table, int, ...Axis) (Table, bool)) (ledger []Table) {
	for _, block := range []int{p.Len() / 15, p.Len() / 10} {
		for _, keys := range [][]string{{"district"}, {"age"}, {"view"}, {"district", "age"}, {"age", "view"}, {"district", "view"}} {
			var axes []Axis
			for _, k := range keys {
				axes = append(axes, Alone(k, codes[k]))
			}
			if t, ok := decide(ledger, block, axes...); ok {
				ledger = append(ledger, t)
			}
		}
	}
	return ledger
}

// learn counts the small hidden numbers that the attacker works out, exactly and to
// within less than the rules promise.
func learn(t *testing.T, p *People, codes map[string][]string, ledger []Table) (small, exact, close, failed int) {
	t.Helper()
	x := newAttacker(codes, func(block int) (n int) {
		for _, b := range p.block {
			if b <= block {
				n++
			}
		}
		return n
	}, ledger)
	a, err := newAuditor(p, ledger)
	if err != nil {
		t.Fatal(err)
	}
	for k, table := range a.tables {
		for i := range table.N {
			if !table.sensitive(i) || table.n[i] == 0 {
				continue
			}
			small++
			low, high, ok := x.solve(ledger[k], i)
			switch width := math.Floor(high+1e-6) - math.Ceil(low-1e-6); {
			case !ok:
				failed++
			case width < 0.5:
				exact, close = exact+1, close+1
			case width < float64(min(leastSpread, table.need(i))):
				close++
			}
			if ok && (float64(table.n[i]) < low-1e-6 || float64(table.n[i]) > high+1e-6) {
				t.Fatalf("%s of %s is %d, the solver says %v to %v", table.Cell(i), table.Name(), table.n[i], low, high)
			}
		}
	}
	return small, exact, close, failed
}

func TestASolverWorksNothingOut(t *testing.T) {
	all, failures := 0, 0
	for seed := range uint64(4) {
		p, codes := small(90+60*int(seed), seed)
		ledger := publish(p, codes, func(ledger []Table, block int, axes ...Axis) (Table, bool) {
			if old := newestOf(ledger, axes); old != nil {
				now, err := p.Count(block, axes...)
				if err != nil {
					t.Fatal(err)
				}
				if len(axes) > 1 && !Apart(*old, now) {
					return now, false
				}
			}
			x, _, err := Decide(p, ledger, block, axes...)
			if err != nil && err != ErrHidden && err != ErrUnsafe {
				t.Fatal(err)
			}
			return x, err == nil
		})
		hidden, exact, close, failed := learn(t, p, codes, ledger)
		t.Logf("%d people, %d tables: %d small numbers are hidden, %d worked out, %d too closely; the solver gave up on %d", p.Len(), len(ledger), hidden, exact, close, failed)
		if exact+close > 0 || len(ledger) < 6 {
			t.Error("the rules do not hold")
		}
		all, failures = all+hidden, failures+failed
	}
	if all == 0 || failures*4 > all {
		t.Errorf("%d small numbers, the solver gave up on %d: nothing is shown by this", all, failures)
	}
}

// The negative control: hiding small numbers and nothing else.
func TestASolverWorksOutWhatIsHiddenNaively(t *testing.T) {
	hidden, exact := 0, 0
	for seed := range uint64(1) {
		p, codes := small(90+60*int(seed), seed)
		ledger := publish(p, codes, func(_ []Table, block int, axes ...Axis) (Table, bool) {
			x, err := p.Count(block, axes...)
			if err != nil {
				t.Fatal(err)
			}
			for i, n := range x.N {
				if n > 0 && n < LeastCell {
					x.N[i] = Hidden
				}
			}
			return x, true
		})
		h, e, _, _ := learn(t, p, codes, ledger)
		hidden, exact = hidden+h, exact+e
	}
	t.Logf("%d of %d small numbers worked out exactly", exact, hidden)
	if exact*4 < hidden {
		t.Errorf("the attack is too weak to prove anything: %d of %d", exact, hidden)
	}
}

func newestOf(ledger []Table, axes []Axis) (found *Table) {
	for i := range ledger {
		if fmt.Sprint(ledger[i].Axes) == fmt.Sprint(axes) {
			found = &ledger[i]
		}
	}
	return found
}

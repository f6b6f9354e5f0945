package disclosure

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// A town answers six questions; planners ask for every figure and for eleven
// tables, twice. Rules that hide everything protect everybody: this tells what is left.
func TestFiguresStayUseful(t *testing.T) {
	codes := codesOf(map[string]int{"district": 8, "age": 6, "gender": 3, "q1": 5, "q2": 4, "q3": 5})
	tables := [][]string{{"q1", "q2"}, {"q1", "q3"}}
	for _, q := range []string{"q1", "q2", "q3"} {
		tables = append(tables, []string{"district", q}, []string{"age", q}, []string{"gender", q})
	}
	for _, n := range []int{100, 300, 1000, 5000} {
		rnd := rand.New(rand.NewPCG(3, 7))
		skew := func(k int) int { return min(rnd.IntN(k), rnd.IntN(k)) }
		p := NewPeople(codes)
		for i := range n {
			age := skew(6)
			v := map[string]int{"age": age, "district": skew(8), "gender": min(rnd.IntN(40)/19, 2), "q1": (age + skew(5)) % 5, "q2": skew(4), "q3": skew(5)}
			p.Add(1+i/10, func(key string) string { return codes[key][v[key]] })
		}
		var ledger []Table
		out := ""
		for _, block := range []int{n / 15, n / 10} {
			figures, shown, cells, seen := 0, 0, 0, 0
			show := func(keys ...string) bool {
				var axes []Axis
				for i, k := range keys {
					if i == 0 && len(keys) > 1 {
						c, err := p.Count(block, Alone(k, codes[k]))
						if err != nil {
							t.Fatal(err)
						}
						axes = append(axes, Merged(k, codes[k], c.N))
						if old := newestOfKeys(ledger, keys); old != nil {
							axes[0] = old.Axes[0]
						}
					} else {
						axes = append(axes, Alone(k, codes[k]))
					}
				}
				x, _, err := Decide(p, ledger, block, axes...)
				if err != nil {
					if !refused(err) {
						t.Fatal(err)
					}
					return false
				}
				ledger = append(ledger, x)
				for _, v := range x.N {
					if cells++; v != Hidden {
						seen++
					}
				}
				return true
			}
			for _, k := range slices.Sorted(maps.Keys(codes)) {
				if show(k) {
					figures++
				}
			}
			for _, keys := range tables {
				if show(keys...) {
					shown++
				}
			}
			out += fmt.Sprintf("; %d of 6 figures, %d of %d tables, %d of %d of their cells", figures, shown, len(tables), seen, cells)
			if n >= 1000 && (figures < 6 || shown < len(tables)/2) {
				t.Errorf("%d people: next to nothing is left", n)
			}
		}
		t.Logf("%d people%s", n, out)
	}
}

func newestOfKeys(ledger []Table, keys []string) (found *Table) {
	for i, t := range ledger {
		if len(t.Axes) == len(keys) && t.Axes[0].Key == keys[0] && t.Axes[len(keys)-1].Key == keys[len(keys)-1] {
			found = &ledger[i]
		}
	}
	return found
}

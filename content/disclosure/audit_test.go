package disclosure

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// small codes of small variables.
func codesOf(size map[string]int) map[string][]string {
	codes := map[string][]string{}
	for key, n := range size {
		for i := range n {
			codes[key] = append(codes[key], fmt.Sprint(key, i))
		}
	}
	return codes
}

// world is how many people gave every combination of answers, by period.
type world [][]int

// worlds tries every possible world of people who came in periods: what somebody
// must hold possible who knows how many came when, and nothing else.
func worlds(people []int, atoms int, each func(world)) {
	w := make(world, len(people))
	var fill func(period, atom, left int)
	fill = func(period, atom, left int) {
		if atom == atoms-1 {
			w[period][atom] = left
			if period+1 == len(people) {
				each(w)
				return
			}
			w[period+1] = make([]int, atoms)
			fill(period+1, 0, people[period+1])
			return
		}
		for n := range left + 1 {
			w[period][atom] = n
			fill(period, atom+1, left-n)
		}
	}
	w[0] = make([]int, atoms)
	fill(0, 0, people[0])
}

// The worlds that the auditor proves to be possible are: no hidden number is called
// wider than trying all worlds finds it. Tables and what they hide are arbitrary.
func TestWhatIsProvedPossibleIsPossible(t *testing.T) {
	proved, wide := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		size := map[string]int{"a": 2, "b": 2, "c": 2}
		keys := []string{"a", "b", "c"}
		if rapid.Bool().Draw(t, "two variables") {
			size, keys = map[string]int{"a": 3, "b": 3}, []string{"a", "b"}
		}
		codes := codesOf(size)
		people := []int{rapid.IntRange(3, 6).Draw(t, "first")}
		if rapid.Bool().Draw(t, "two periods") {
			people = []int{rapid.IntRange(2, 4).Draw(t, "first"), rapid.IntRange(2, 4).Draw(t, "second")}
		}
		p := NewPeople(codes)
		for period, n := range people {
			for range n {
				v := map[string]string{}
				for _, k := range keys {
					v[k] = rapid.SampledFrom(codes[k]).Draw(t, k)
				}
				p.Add(period+1, func(key string) string { return v[key] })
			}
		}
		var tables []Table
		kinds := [][]string{{"a"}, {"b"}, {"a", "b"}}
		if len(keys) == 3 {
			kinds = append(kinds, []string{"b", "c"}, []string{"a", "c"}, []string{"a", "b", "c"}, []string{"c"})
		}
		for range rapid.IntRange(1, 4).Draw(t, "tables") {
			var axes []Axis
			for _, k := range rapid.SampledFrom(kinds).Draw(t, "kind") {
				axes = append(axes, Alone(k, codes[k]))
			}
			x, err := p.Count(rapid.IntRange(1, len(people)).Draw(t, "block"), axes...)
			if err != nil {
				t.Fatal(err)
			}
			for i := range x.N {
				if rapid.IntRange(0, 2).Draw(t, "hide") > 0 {
					x.N[i] = Hidden
				}
			}
			tables = append(tables, x)
		}
		a, err := newAuditor(p, tables)
		if err != nil {
			t.Fatal(err)
		}
		atoms := 1
		for _, k := range keys {
			atoms *= size[k]
		}
		// The cell of every atom in every table.
		cell := make([][]int, len(tables))
		for k, x := range a.tables {
			cell[k] = make([]int, atoms)
			for atom := range atoms {
				rest, v := atom, map[string]int{}
				for _, key := range keys {
					v[key] = rest % size[key]
					rest /= size[key]
				}
				for j, ax := range x.Axes {
					cell[k][atom] += v[ax.Key] * x.stride[j]
				}
			}
		}
		low, high := make([][]int, len(tables)), make([][]int, len(tables))
		for k, x := range tables {
			low[k], high[k] = slices.Repeat([]int{1 << 30}, len(x.N)), slices.Repeat([]int{-1}, len(x.N))
		}
		worlds(people, atoms, func(w world) {
			n := make([][]int, len(tables))
			for k, x := range a.tables {
				n[k] = make([]int, len(x.N))
				for period := range min(x.Block, len(w)) {
					for atom, many := range w[period] {
						n[k][cell[k][atom]] += many
					}
				}
				for i := range x.N {
					if !x.hidden(i) && n[k][i] != x.N[i] {
						return
					}
				}
			}
			for k := range n {
				for i, m := range n[k] {
					low[k][i], high[k][i] = min(low[k][i], m), max(high[k][i], m)
				}
			}
		})
		for k, x := range a.tables {
			for i := range x.N {
				if !x.hidden(i) {
					continue
				}
				width := a.width(x, i, 1<<20)
				if width > high[k][i]-low[k][i] {
					t.Fatalf("%s of %s: the auditor says %d, the truth is %d to %d", x.Cell(i), x.Name(), width, low[k][i], high[k][i])
				}
				proved, wide = proved+width, wide+high[k][i]-low[k][i]
			}
		}
	})
	t.Logf("proved %d of %d", proved, wide)
	if proved == 0 {
		t.Error("nothing is ever proved")
	}
}

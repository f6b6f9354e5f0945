package disclosure

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// square is a table of two questions in which hiding one neighbour of the small cell
// is safe in two ways.
func square(t *testing.T) (*People, []Axis) {
	t.Helper()
	codes := codesOf(map[string]int{"district": 3, "view": 3})
	p := NewPeople(codes)
	for i, line := range [][]int{{3, 20, 30}, {20, 25, 30}, {30, 30, 40}} {
		for j, n := range line {
			for range n {
				p.Add(1, func(key string) string {
					return codes[key][map[string]int{"district": i, "view": j}[key]]
				})
			}
		}
	}
	return p, []Axis{Alone("district", codes["district"]), Alone("view", codes["view"])}
}

// with hides cells of a count.
func with(t *testing.T, p *People, axes []Axis, hide ...int) Table {
	t.Helper()
	x, err := p.Count(1, axes...)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range hide {
		x.N[i] = Hidden
	}
	return x
}

func audit(t *testing.T, p *People, earlier, next []Table) []Finding {
	t.Helper()
	found, err := Audit(p, earlier, next)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// XLSX minus CSV: two files of one release that hide different neighbours of the
// small cell are safe each, and give it away together. So does a table that was
// withdrawn, unless the ledger keeps it, and another survey of the same people.
func TestTwoFormsOfOneTableGiveASmallCellAway(t *testing.T) {
	p, axes := square(t)
	xlsx, csv := with(t, p, axes, 0, 1, 3, 4), with(t, p, axes, 0, 2, 6, 8)
	for _, one := range []Table{xlsx, csv} {
		if found := audit(t, p, nil, []Table{one}); len(found) > 0 {
			t.Fatalf("not even safe alone: %v", found)
		}
	}
	// The control: whoever forgets what was shown before lets it pass, and the cell
	// stands between the two.
	row, shown := 53, 0
	for i := 1; i < 3; i++ {
		shown += max(xlsx.N[i], csv.N[i])
	}
	if row-shown != 3 {
		t.Fatal("the attack is too weak to prove anything")
	}
	for name, earlier := range map[string]Table{"another format or a withdrawn release": xlsx, "another survey": foreign(xlsx)} {
		found := audit(t, p, []Table{earlier}, []Table{csv})
		if len(found) == 0 || found[0].Width >= found[0].Need {
			t.Errorf("%s: %v", name, found)
		}
		got, _, err := Decide(p, []Table{earlier}, 1, axes...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if found := audit(t, p, []Table{earlier}, []Table{got}); len(found) > 0 || got.N[0] != Hidden {
			t.Errorf("%s: %v %v", name, got.N, found)
		}
	}
}

func foreign(t Table) Table {
	t.Foreign = true
	return t
}

// Two surveys over one group, of which one person took part in only one: the
// difference would tell what this person answered.
func TestTwoSurveysOverOneGroup(t *testing.T) {
	p, axes := square(t)
	theirs := foreign(with(t, p, axes, 0, 1, 3, 4))
	p.Add(1, func(key string) string { return key + "2" })
	mine := with(t, p, axes, 0, 1, 3, 4)
	told := 0
	for i := range mine.N {
		if theirs.N[i] != Hidden && mine.N[i] != theirs.N[i] {
			told++
		}
	}
	if told != 1 {
		t.Fatal("the attack is too weak to prove anything")
	}
	if found := audit(t, p, nil, []Table{mine}); len(found) > 0 {
		t.Fatalf("not even safe alone: %v", found)
	}
	if found := audit(t, p, []Table{theirs}, []Table{mine}); len(found) == 0 {
		t.Error("the difference of one person was not found")
	}
	for range 9 {
		p.Add(1, func(key string) string { return key + "2" })
	}
	if found := audit(t, p, []Table{theirs}, []Table{with(t, p, axes, 0, 1, 3, 4)}); len(found) > 0 {
		t.Errorf("ten people more: %v", found)
	}
}

// Filter differencing and small districts: whoever asks for any two sets of districts
// learns of the difference. Naively, sets of five and more are answered.
func TestFiltersNeverDifferByFewerThanAGroup(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	exposed := 0
	for range 200 {
		n := make([]int, 6)
		var codes []string
		for i := range n {
			n[i] = []int{0, rnd.IntN(4), rnd.IntN(15), 20 + rnd.IntN(50)}[rnd.IntN(4)]
			codes = append(codes, fmt.Sprint(i))
		}
		axis := Merged("district", codes, n)
		all := 0
		for _, k := range n {
			all += k
		}
		sizes := func(set int, asGroups bool) (sum int) {
			for i, code := range codes {
				in := set&(1<<i) != 0
				if asGroups {
					in = slices.ContainsFunc(axis.Groups[axis.Group(code)], func(c string) bool { return set&(1<<slices.Index(codes, c)) != 0 })
				}
				if in {
					sum += n[i]
				}
			}
			return sum
		}
		for set := range 1 << len(n) {
			for _, more := range []int{1, 2, 4, 8, 16, 32} {
				if set&more != 0 {
					continue
				}
				if a, b := sizes(set, false), sizes(set|more, false); a >= LeastCell && b > a && b-a < LeastCell {
					exposed++
				}
				if a, b := sizes(set, true), sizes(set|more, true); all >= LeastGroup && b > a && b-a < LeastGroup {
					t.Fatalf("%v in %v: %d and %d people", n, axis.Groups, a, b)
				}
			}
		}
	}
	if exposed < 100 {
		t.Errorf("the attack is too weak to prove anything: %d", exposed)
	}
}

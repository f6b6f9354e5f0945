package disclosure

import "slices"

// Decide counts a table and hides what may not be shown beside all earlier ones:
// cells of 1 to 4 people, whatever belongs to a group of 1 to 9, what narrower
// tables hide, and then further cells until no hidden one of any table can be
// worked out. When that cannot be reached it gives [ErrFew], [ErrHidden] or, with
// what it found, [ErrUnsafe].
func Decide(p *People, earlier []Table, block int, axes ...Axis) (Table, []Finding, error) {
	t, err := p.Count(block, axes...)
	if err != nil {
		return t, nil, err
	}
	if t.Base < LeastGroup {
		return t, nil, ErrFew
	}
	a, err := newAuditor(p, earlier)
	if err != nil {
		return t, nil, err
	}
	counted := slices.Clone(t.N)
	if err := a.add(t); err != nil {
		return t, nil, err
	}
	x := a.tables[len(a.tables)-1]
	x.N = slices.Clone(counted)
	if len(axes) == 1 {
		hide, _ := HideShares(t.N, true)
		for i := range hide {
			if hide[i] {
				x.N[i] = Hidden
			}
		}
	} else {
		x.inherit(a)
	}
	const mostRounds = 20
	for round := 0; ; round++ {
		if len(axes) > 1 && !a.protect(x) {
			return x.Table, nil, ErrHidden
		}
		found, err := Audit(p, earlier, []Table{x.Table})
		if err != nil || len(found) == 0 {
			return x.Table, nil, err
		}
		if len(axes) == 1 || round == mostRounds || !x.hideFor(found) {
			return x.Table, found, ErrUnsafe
		}
	}
}

// inherit hides what the variables alone would hide, and what tables of some of the
// variables do.
func (x *audited) inherit(a *auditor) {
	for k, ax := range x.Axes {
		alone, err := a.p.Count(x.Block, ax)
		if err != nil {
			continue
		}
		hide, _ := HideShares(alone.N, true)
		for i := range x.N {
			if hide[x.on(k, i)] {
				x.N[i] = Hidden
			}
		}
	}
	newest := map[string]*audited{}
	for _, t := range a.tables {
		narrower := !slices.ContainsFunc(t.Axes, func(ax Axis) bool { return x.key(ax.Key) < 0 })
		if old := newest[t.sig]; t != x && narrower && (old == nil || t.Block >= old.Block) {
			newest[t.sig] = t
		}
	}
	for _, t := range newest {
		if len(t.Axes) == len(x.Axes) && !t.Foreign {
			continue // an earlier edition
		}
		for i := range x.N {
			if cell := x.within(i, t); cell >= 0 && t.hidden(cell) {
				x.N[i] = Hidden
			}
		}
	}
}

// within is the cell of a narrower table that holds a cell, -1 when there is no
// single one or it holds more groups.
func (x *audited) within(cell int, t *audited) int {
	at := 0
	for k, ax := range t.Axes {
		mine := x.key(ax.Key)
		codes := x.Axes[mine].Groups[x.on(mine, cell)]
		g := ax.Group(codes[0])
		if g < 0 || !slices.Equal(ax.Groups[g], codes) {
			return -1
		}
		at += g * t.stride[k]
	}
	return at
}

// hideFor hides one more cell for the sake of a number of another table that could
// be worked out: the smallest that has a group with it in common.
func (x *audited) hideFor(found []Finding) bool {
	for _, f := range found {
		best := -1
		for i, n := range x.N {
			if n > 0 && f.touches(x, i) && (best < 0 || n < x.N[best]) {
				best = i
			}
		}
		if best >= 0 {
			x.N[best] = Hidden
			return true
		}
	}
	return false
}

func (f Finding) touches(x *audited, cell int) bool {
	shared := false
	if f.of == nil {
		return false
	}
	for k, ax := range f.of.Axes {
		at := x.key(ax.Key)
		if at < 0 {
			continue
		}
		shared = true
		group := ax.Groups[f.of.on(k, f.cell)]
		if !slices.ContainsFunc(x.Axes[at].Groups[x.on(at, cell)], func(code string) bool { return slices.Contains(group, code) }) {
			return false
		}
	}
	return shared
}

// protect hides further cells until every hidden one is safe. It reports whether
// anything is left to show.
func (a *auditor) protect(x *audited) bool {
	cols := len(x.Axes[len(x.Axes)-1].Groups)
	g := &grid{cols: make([]int, cols)}
	for at := 0; at < len(x.n); at += cols {
		row := x.n[at : at+cols]
		sum := 0
		shown := make([]bool, cols)
		for j, n := range row {
			sum, g.cols[j] = sum+n, g.cols[j]+n
			shown[j] = !x.hidden(at + j)
		}
		g.n, g.rows, g.shown = append(g.n, row), append(g.rows, sum), append(g.shown, shown)
	}
	if !g.protect() {
		return false
	}
	apply := func() (some bool) {
		for i := range x.N {
			if !g.shown[i/cols][i%cols] {
				x.N[i] = Hidden
			}
			some = some || x.N[i] > 0
		}
		a.forget(x)
		return some
	}
	// A cell that is safe stays safe when others are hidden. Where hiding neighbours
	// does not help, other tables hold the cell: the audit will tell.
	const mostTries = 4
	some := apply()
	for i := range x.N {
		if !x.sensitive(i) {
			continue
		}
		need, last := x.need(i), -1
		for tries := 0; tries < mostTries; {
			width := a.width(x, i, need)
			if width >= need {
				break
			}
			if tries++; width > last {
				tries, last = 0, width
			}
			if !g.hideBeside(i/cols, i%cols) {
				break
			}
			some = apply()
		}
	}
	return some
}

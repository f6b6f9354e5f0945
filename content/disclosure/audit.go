package disclosure

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Finding is a hidden number that could be worked out.
type Finding struct {
	Table string // variables
	Cell  string // codes
	Block int    // of the table
	Width int    // how far apart two numbers are that are proved to be possible
	Need  int    // how far they would have to be

	of   *audited
	cell int
}

func (f Finding) String() string {
	return fmt.Sprintf("%s of %s (blocks to %d) lies within %d, not %d", f.Cell, f.Table, f.Block, f.Width, f.Need)
}

// ErrLedger means that people do not add up to what was shown of them: they were
// changed or erased. Nothing more can be shown.
var ErrLedger = errors.New("disclosure: the ledger does not fit the people")

// Audit says which hidden numbers could be worked out by who knows all tables, the
// earlier ones and the next, and could not by who knows the earlier ones only. Of
// those it looks at 1 to 4 people and whatever belongs to a group of 1 to 9.
//
// A number is safe when worlds are possible that show exactly the same in all tables
// and have other numbers there, and two of these are [leastSpread] or more from each
// other. Such worlds are built from the people themselves: they change answers with
// each other where no shown number notices (ADR 0028). What is found safe is safe;
// what is not may be safe nevertheless.
func Audit(p *People, earlier, next []Table) ([]Finding, error) {
	before, err := newAuditor(p, earlier)
	if err != nil {
		return nil, err
	}
	after, err := newAuditor(p, slices.Concat(earlier, next))
	if err != nil {
		return nil, err
	}
	touched := map[string]bool{}
	var found []Finding
	for _, t := range next {
		for _, e := range earlier {
			if e.Foreign && e.sign() == t.sign() {
				own, err := p.Count(t.Block, t.Axes...)
				if err != nil {
					return nil, err
				}
				if cell := e.near(own); cell != "" {
					found = append(found, Finding{Table: t.Name(), Cell: cell, Block: t.Block, Need: LeastGroup})
				}
			}
		}
		for _, a := range t.Axes {
			touched[a.Key] = true
		}
	}
	for k, t := range after.tables {
		if !slices.ContainsFunc(t.Axes, func(a Axis) bool { return touched[a.Key] }) {
			continue
		}
		for i := range t.N {
			if !t.sensitive(i) {
				continue
			}
			need := min(t.need(i), leastSpread)
			width := after.width(t, i, need)
			if width >= need || k < len(before.tables) && before.width(before.tables[k], i, need) <= width {
				continue
			}
			found = append(found, Finding{t.Name(), t.Cell(i), t.Block, width, need, t, i})
		}
	}
	return found, nil
}

// leastSpread is what who knows the rules knows of a hidden small number: that it
// is one of 1 to 4. [Decide] leaves [LeastCell] of room to a new table, so that later
// ones have something to take from.
const leastSpread = LeastCell - 1 - 1

// audited is a table with the people behind it.
type audited struct {
	Table
	sig    string
	stride []int     // how many cells lie between two neighbours of an axis
	places [][]int16 // by axis and person
	n      []int     // what is true
	sums   [][]int   // of every axis
	groups map[int]*moves
}

type auditor struct {
	p      *People
	tables []*audited
	by     map[string][]*audited // by variable
	cache  map[string][]int16
}

func newAuditor(p *People, tables []Table) (*auditor, error) {
	a := &auditor{p: p, by: map[string][]*audited{}, cache: map[string][]int16{}}
	for _, t := range tables {
		if err := a.add(t); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// add puts a table in; the numbers that it shows must be true.
func (a *auditor) add(t Table) error {
	x := &audited{Table: t, sig: t.sign()}
	for _, ax := range t.Axes {
		s := ax.String()
		if a.cache[s] == nil {
			places, err := a.p.places(ax)
			if err != nil {
				return err
			}
			a.cache[s] = places
		}
		x.places = append(x.places, a.cache[s])
	}
	counted, err := a.p.Count(t.Block, t.Axes...)
	if err != nil {
		return err
	}
	x.n, x.sums = counted.N, counted.Margins
	if len(t.N) != len(x.n) {
		return fmt.Errorf("%w: %s has %d cells instead of %d", ErrLedger, t.Name(), len(t.N), len(x.n))
	}
	for i, n := range t.N {
		if n != Hidden && n != x.n[i] && !t.Foreign {
			return fmt.Errorf("%w: %s of %s", ErrLedger, t.Cell(i), t.Name())
		}
	}
	a.put(x)
	return nil
}

func (a *auditor) put(x *audited) {
	x.stride = make([]int, len(x.Axes))
	size := 1
	for k := len(x.Axes) - 1; k >= 0; k-- {
		x.stride[k] = size
		size *= len(x.Axes[k].Groups)
	}
	a.tables = append(a.tables, x)
	for _, ax := range x.Axes {
		a.by[ax.Key] = append(a.by[ax.Key], x)
	}
	a.forget(x)
}

// forget drops what was worked out about tables that share a variable with x.
func (a *auditor) forget(x *audited) {
	for _, ax := range x.Axes {
		for _, t := range a.by[ax.Key] {
			t.groups = nil
		}
	}
}

func (t *audited) hidden(i int) bool { return t.N[i] == Hidden }

// on is the group of a cell on an axis.
func (t *audited) on(axis, cell int) int {
	return cell / t.stride[axis] % len(t.Axes[axis].Groups)
}

func (t *audited) sensitive(i int) bool {
	if !t.hidden(i) {
		return false
	}
	if t.n[i] > 0 && t.n[i] < LeastCell {
		return true
	}
	if len(t.Axes) > 1 {
		for k := range t.Axes {
			if s := t.sums[k][t.on(k, i)]; s > 0 && s < LeastGroup {
				return true
			}
		}
	}
	return false
}

// need is how far apart the possible numbers of a hidden cell must be: no further
// than the groups that it belongs to are large.
func (t *audited) need(i int) int {
	need := LeastCell
	if len(t.Axes) == 1 {
		all := 0
		for k, n := range t.n {
			if t.hidden(k) {
				all += n
			}
		}
		return min(need, all)
	}
	for k := range t.Axes {
		need = min(need, t.sums[k][t.on(k, i)], t.across(k, i))
	}
	return need
}

// across is how many people have the groups of a cell on all axes but one.
func (t *audited) across(axis, cell int) (sum int) {
	first := cell - t.on(axis, cell)*t.stride[axis]
	for g := range t.Axes[axis].Groups {
		sum += t.n[first+g*t.stride[axis]]
	}
	return sum
}

// width is how far apart two numbers of a cell are that are proved to be possible;
// it stops looking at enough.
func (a *auditor) width(t *audited, cell, enough int) (sum int) {
	if len(t.Axes) == 1 {
		return a.relabel(t, cell, enough)
	}
	for _, grow := range []bool{true, false} {
		used := map[int32]bool{} // who has changed already: changes of different people add up
		for axis := range t.Axes {
			if sum < enough {
				sum += a.moves(t, axis).most(cell, grow, enough-sum, used)
			}
		}
	}
	return sum
}

// moves are what people can do with one variable of a table that no shown number
// notices: give their answers to each other. People who are alike in whatever other
// tables hold together with that variable are a team, as far as they were counted
// for the same tables: a change within a team leaves all other tables as they are.
type moves struct {
	t        *audited
	axis     int
	editions []*audited // of the same groups, t among them
	classes  []int      // of the editions
	bounds   []int      // blocks at which any table with the variable ends
	last     int        // class of t.Block
	teams    []*team
}

type team struct {
	class  int
	people map[int][]int32 // by cell, of such that t hides
}

// classOf is the place of the first bound that holds a block, len(bounds) when none does.
func classOf(bounds []int, block int) int {
	at, _ := slices.BinarySearch(bounds, block)
	return at
}

func (a *auditor) moves(t *audited, axis int) *moves {
	if m := t.groups[axis]; m != nil {
		return m
	}
	m := &moves{t: t, axis: axis}
	key := t.Axes[axis].Key
	linked := a.linked(t, key, &m.editions, &m.bounds)
	m.last = classOf(m.bounds, t.Block)
	for _, e := range m.editions {
		m.classes = append(m.classes, classOf(m.bounds, e.Block))
	}
	by := map[string]*team{}
	var buf []byte
	for i, block := range a.p.block {
		class := classOf(m.bounds, block)
		cell := t.of(i)
		if class == len(m.bounds) || cell < 0 || !t.hidden(cell) {
			continue
		}
		buf = profile(buf[:0], linked, key, i)
		id := string(binary.AppendUvarint(buf, uint64(class)))
		x := by[id]
		if x == nil {
			x = &team{class: class, people: map[int][]int32{}}
			by[id] = x
			m.teams = append(m.teams, x)
		}
		x.people[cell] = append(x.people[cell], int32(i))
	}
	if t.groups == nil {
		t.groups = map[int]*moves{}
	}
	t.groups[axis] = m
	return m
}

// linked gives the tables of other groups that hold a variable of t, one of each
// kind, and fills in the editions of t and all bounds.
func (a *auditor) linked(t *audited, key string, editions *[]*audited, bounds *[]int) (others []*audited) {
	seen := map[string]bool{}
	for _, u := range a.by[key] {
		*bounds = append(*bounds, u.Block)
		if u.sig == t.sig {
			*editions = append(*editions, u)
		} else if !seen[u.sig] {
			seen[u.sig] = true
			others = append(others, u)
		}
	}
	slices.Sort(*bounds)
	*bounds = slices.Compact(*bounds)
	return others
}

// of is the cell of a person, -1 for none.
func (t *audited) of(person int) int {
	cell := 0
	for k := range t.Axes {
		at := int(t.places[k][person])
		if at < 0 {
			return -1
		}
		cell += at * t.stride[k]
	}
	return cell
}

// profile is where a person stands in other tables, but for one variable.
func profile(buf []byte, tables []*audited, key string, person int) []byte {
	for _, u := range tables {
		for k, ax := range u.Axes {
			if ax.Key != key {
				buf = binary.AppendVarint(buf, int64(u.places[k][person]))
			}
		}
	}
	return buf
}

// free reports whether a cell is hidden in every edition that counts class from and
// does not count class to, where a change is made good.
func (m *moves) free(cell, from, to int) bool {
	for i, e := range m.editions {
		if c := m.classes[i]; c >= from && c < to && !e.hidden(cell) {
			return false
		}
	}
	return true
}

// most is how much a cell can at least grow (or shrink) when only people change
// that are not used yet; it uses them.
func (m *moves) most(cell int, grow bool, enough int, used map[int32]bool) (sum int) {
	left := func(x *team, c int) (n int) {
		for _, person := range x.people[c] {
			if !used[person] {
				n++
			}
		}
		return n
	}
	take := func(x *team, spent map[int]int) {
		for c, n := range spent {
			for _, person := range x.people[c] {
				if n > 0 && !used[person] {
					used[person], n = true, n-1
				}
			}
		}
	}
	for _, x := range m.teams {
		if x.class > m.last || sum >= enough {
			continue
		}
		const endless = 1 << 30
		if m.free(cell, x.class, len(m.bounds)) {
			n, shrunk, _ := m.flow(cell, grow, enough-sum,
				func(c int) bool { return m.free(c, x.class, len(m.bounds)) },
				func(c int) int { return left(x, c) }, func(int) int { return endless })
			sum += n
			take(x, shrunk)
		}
		// What cannot stay may be made good by people who were counted later: they
		// change the other way round.
		for _, y := range m.teams {
			if sum >= enough || !m.able(cell, grow, func(c int) int { return left(x, c) }) {
				break
			}
			if y.class <= m.last || !m.free(cell, x.class, y.class) {
				continue
			}
			n, shrunk, grown := m.flow(cell, grow, enough-sum,
				func(c int) bool { return m.free(c, x.class, y.class) },
				func(c int) int { return left(x, c) }, func(c int) int { return left(y, c) })
			sum += n
			take(x, shrunk)
			take(y, grown)
		}
	}
	return sum
}

// flow changes a cell as far as others of its row and column can give way around
// circles, where rows are whatever the other axes hold.
func (m *moves) flow(cell int, grow bool, enough int, may func(int) bool, shrink, growth func(int) int) (n int, shrunk, grown map[int]int) {
	t, axis := m.t, m.axis
	stride, cols := t.stride[axis], len(t.Axes[axis].Groups)
	row := func(c int) int { return c - t.on(axis, c)*stride }
	if !m.able(cell, grow, shrink) {
		return 0, nil, nil
	}
	var cells []int
	node := map[int]int{} // of rows; columns are 0…
	for c := range t.N {
		if t.hidden(c) && may(c) {
			cells = append(cells, c)
			if _, known := node[row(c)]; !known {
				node[row(c)] = cols + len(node)
			}
		}
	}
	if !slices.Contains(cells, cell) {
		return 0, nil, nil
	}
	room := make([][]int, cols+len(node))
	for i := range room {
		room[i] = make([]int, len(room))
	}
	for _, c := range cells {
		if c != cell {
			r, j := node[row(c)], t.on(axis, c)
			room[r][j], room[j][r] = growth(c), shrink(c)
		}
	}
	r, j := node[row(cell)], t.on(axis, cell)
	from, to, most := j, r, min(enough, growth(cell))
	if !grow {
		from, to, most = r, j, min(enough, shrink(cell))
	}
	n = push(room, from, to, most)
	if n == 0 {
		return 0, nil, nil
	}
	shrunk, grown = map[int]int{}, map[int]int{}
	for _, c := range cells {
		r, j := node[row(c)], t.on(axis, c)
		switch d := shrink(c) - room[j][r]; {
		case c == cell && grow:
			grown[c] = n
		case c == cell:
			shrunk[c] = n
		case d > 0:
			shrunk[c] = d
		case d < 0:
			grown[c] = -d
		}
	}
	return n, shrunk, grown
}

// able is a quick look whether anybody could give way at all.
func (m *moves) able(cell int, grow bool, shrink func(int) int) bool {
	t, axis := m.t, m.axis
	if !grow {
		return shrink(cell) > 0
	}
	at, stride := t.on(axis, cell), t.stride[axis]
	first := cell - at*stride
	for g := range t.Axes[axis].Groups {
		if g != at && t.hidden(first+g*stride) && shrink(first+g*stride) > 0 {
			return true
		}
	}
	return false
}

// relabel is width for a table of one variable: people take another hidden answer
// where every table they stand in hides both, or somebody like them who was counted
// later makes it good.
func (a *auditor) relabel(t *audited, cell, enough int) (sum int) {
	key := t.Axes[0].Key
	var editions []*audited
	var bounds []int
	linked := a.linked(t, key, &editions, &bounds)
	last := classOf(bounds, t.Block)
	type crowd struct {
		class  int
		person int // any of them
		n      map[int]int
	}
	var crowds []*crowd
	by := map[string]*crowd{}
	var buf []byte
	for i, block := range a.p.block {
		class, c := classOf(bounds, block), t.of(i)
		if class == len(bounds) || c < 0 || !t.hidden(c) {
			continue
		}
		buf = profile(buf[:0], linked, key, i)
		id := string(binary.AppendUvarint(buf, uint64(class)))
		x := by[id]
		if x == nil {
			x = &crowd{class, i, map[int]int{}}
			by[id] = x
			crowds = append(crowds, x)
		}
		x.n[c]++
	}
	// stand is where people like x stand in a table, besides the variable; -1: nowhere.
	stand := func(u *audited, x *crowd) (base int) {
		if classOf(bounds, u.Block) < x.class {
			return -1
		}
		for k, ax := range u.Axes {
			p := int(u.places[k][x.person])
			switch {
			case ax.Key == key: // changes
			case p < 0:
				return -1
			default:
				base += p * u.stride[k]
			}
		}
		return base
	}
	// may: someone like x takes one answer for the other while someone like y, when
	// there is one, does the opposite.
	may := func(x, y *crowd, one, other int) bool {
		for _, u := range a.by[key] {
			base := stand(u, x)
			second := -1
			if y != nil {
				second = stand(u, y)
			}
			if base == second {
				continue // in none of both, or where it makes no difference
			}
			at := u.key(key)
			g, h := u.groupOf(at, t, one), u.groupOf(at, t, other)
			for _, b := range []int{base, second} {
				if b >= 0 && g != h && (g < 0 || h < 0 || !u.hidden(b+g*u.stride[at]) || !u.hidden(b+h*u.stride[at])) {
					return false
				}
			}
		}
		return true
	}
	for _, grow := range []bool{true, false} {
		spent := map[*crowd]int{}
		for _, x := range crowds {
			if x.class > last {
				continue
			}
			for other := range t.N {
				if other == cell || !t.hidden(other) || sum >= enough {
					continue
				}
				from, to := other, cell // of x
				if !grow {
					from, to = cell, other
				}
				left := x.n[from]
				if !grow {
					left -= spent[x]
				}
				n := 0
				if may(x, nil, from, to) {
					n = left
				} else {
					for _, y := range crowds {
						if y.class > last && may(x, y, from, to) {
							k := min(left-n, y.n[to]-spent[y])
							n += k
							spent[y] += k
						}
					}
				}
				if !grow {
					spent[x] += n
				}
				sum += n
			}
		}
	}
	return sum
}

// groupOf is the group on an axis of u that holds what a group of t holds, -1 when
// there is no single one.
func (u *audited) groupOf(axis int, t *audited, group int) int {
	at := -2
	for _, code := range t.Axes[0].Groups[group] {
		g := u.Axes[axis].Group(code)
		if at != -2 && g != at {
			return -1
		}
		at = g
	}
	return at
}

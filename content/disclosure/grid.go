package disclosure

// HideShares tells which of the numbers of one variable are hidden: 1 to 4, and
// when the numbers add up to a base that is public, the next smallest too, until
// the hidden ones together are a group worth hiding in.
func HideShares(shares []int, addUp bool) (hidden []bool, some bool) {
	hidden = make([]bool, len(shares))
	n, sum := 0, 0
	hide := func(i int) { n, sum, hidden[i] = n+1, sum+shares[i], true }
	for i, k := range shares {
		if k > 0 && k < LeastCell {
			hide(i)
		}
	}
	for addUp && n > 0 && (n < 2 || sum < LeastCell) {
		next := -1
		for i, k := range shares {
			if k > 0 && !hidden[i] && (next < 0 || k < shares[next]) {
				next = i
			}
		}
		if next < 0 {
			for i := range shares { // nobody else chose anything: the zeros would tell
				hidden[i] = true
			}
			break
		}
		hide(next)
	}
	return hidden, n > 0
}

// grid is a table whose margins anybody may know: they are the shares of the two
// questions. least are numbers that earlier releases have shown (0: none).
type grid struct {
	n     [][]int
	least [][]int
	shown [][]bool
	rows  []int
	cols  []int
}

func newGrid(n, least [][]int) *grid {
	g := &grid{n: n, least: least, rows: make([]int, len(n))}
	if len(n) > 0 {
		g.cols = make([]int, len(n[0]))
	}
	for i, row := range n {
		g.shown = append(g.shown, make([]bool, len(row)))
		for j, k := range row {
			g.shown[i][j] = true
			g.rows[i] += k
			g.cols[j] += k
		}
	}
	return g
}

// protect hides cells of 1 to 4 and whatever belongs to a row or column of 1 to
// 9 people, then as many others as it takes that no hidden cell can be worked out
// to within [LeastCell] from the shown ones and the margins. It reports whether
// anything is left to show.
func (g *grid) protect() bool {
	for i, row := range g.n {
		for j, k := range row {
			small := func(n int) bool { return n > 0 && n < LeastGroup }
			if k > 0 && k < LeastCell || small(g.rows[i]) || small(g.cols[j]) {
				g.shown[i][j] = false
			}
		}
	}
	for {
		i, j, found := g.exposed()
		if !found {
			break
		}
		if !g.hideBeside(i, j) {
			return false
		}
	}
	for i, row := range g.shown {
		for j, s := range row {
			if s && g.n[i][j] > 0 {
				return true
			}
		}
	}
	return false // or nothing but zeros
}

// exposed finds a hidden cell that can be worked out too closely.
func (g *grid) exposed() (row, col int, found bool) {
	for i := range g.n {
		for j := range g.n[i] {
			if g.shown[i][j] {
				continue
			}
			low, high := g.bounds(i, j)
			if high-low < min(LeastCell, g.rows[i], g.cols[j]) {
				return i, j, true
			}
		}
	}
	return 0, 0, false
}

// hideBeside hides the smallest shown cell that makes a way around a hidden one:
// in its row, in its column, or else anywhere.
func (g *grid) hideBeside(row, col int) bool {
	best, at := -1, [2]int{}
	look := func(i, j int) {
		if g.shown[i][j] && (best < 0 || g.n[i][j] < best) {
			best, at = g.n[i][j], [2]int{i, j}
		}
	}
	inRow, inCol := 0, 0
	for j := range g.n[row] {
		if !g.shown[row][j] {
			inRow++
		}
	}
	for i := range g.n {
		if !g.shown[i][col] {
			inCol++
		}
	}
	nonzero := func(i, j int) {
		if g.n[i][j] > 0 {
			look(i, j)
		}
	}
	for j := range g.n[row] {
		if inRow <= inCol {
			nonzero(row, j)
		}
	}
	for i := range g.n {
		if best < 0 || inCol < inRow {
			nonzero(i, col)
		}
	}
	if best < 0 {
		for i := range g.n {
			for j := range g.n[i] {
				nonzero(i, j)
			}
		}
	}
	if best < 0 {
		for i := range g.n {
			for j := range g.n[i] {
				look(i, j)
			}
		}
	}
	if best < 0 {
		return false
	}
	g.shown[at[0]][at[1]] = false
	return true
}

// bounds are what a hidden cell can be for who knows all shown cells, all margins
// and the earlier releases: how much it can grow or shrink when others give way.
func (g *grid) bounds(i, j int) (low, high int) {
	return g.n[i][j] - g.shift(i, j, false), g.n[i][j] + g.shift(i, j, true)
}

// shift is a maximal flow in the network of hidden cells (Gusfield): to make a
// cell greater, others of its row and column must become smaller, and so on
// around a circle. Rows are nodes 0…, columns follow.
func (g *grid) shift(row, col int, grow bool) int {
	rows, nodes := len(g.rows), len(g.rows)+len(g.cols)
	const endless = 1 << 40
	room := make([][]int, nodes)
	for k := range room {
		room[k] = make([]int, nodes)
	}
	for i := range g.n {
		for j := range g.n[i] {
			if g.shown[i][j] || i == row && j == col {
				continue
			}
			room[i][rows+j] = endless                   // the cell grows
			room[rows+j][i] = g.n[i][j] - g.floor(i, j) // the cell shrinks
		}
	}
	from, to, most := rows+col, row, endless
	if !grow {
		from, to, most = row, rows+col, g.n[row][col]-g.floor(row, col)
	}
	return push(room, from, to, most)
}

// push sends up to most along shortest ways and takes the room that they use.
func push(room [][]int, from, to, most int) int {
	flow := 0
	for flow < most {
		way := path(room, from, to)
		if way == nil {
			break
		}
		least := most - flow
		for k := 1; k < len(way); k++ {
			least = min(least, room[way[k-1]][way[k]])
		}
		for k := 1; k < len(way); k++ {
			room[way[k-1]][way[k]] -= least
			room[way[k]][way[k-1]] += least
		}
		flow += least
	}
	return flow
}

func (g *grid) floor(i, j int) int {
	if g.least == nil {
		return 0
	}
	return g.least[i][j]
}

// path is a shortest way with room, nil when there is none.
func path(room [][]int, from, to int) []int {
	before := make([]int, len(room))
	for k := range before {
		before[k] = -1
	}
	before[from] = from
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == to {
			way := []int{to}
			for at != from {
				at = before[at]
				way = append([]int{at}, way...)
			}
			return way
		}
		for next, r := range room[at] {
			if r > 0 && before[next] < 0 {
				before[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// Protect tells which cells of a two-way table may be shown to who knows its
// margins, and whether anything is. least are numbers that earlier tables have
// shown of the same cells (0: none).
func Protect(n, least [][]int) (shown [][]bool, some bool) {
	g := newGrid(n, least)
	some = g.protect()
	return g.shown, some
}

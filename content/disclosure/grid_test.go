package disclosure

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Whoever knows all shown cells and all margins cannot work out a hidden cell:
// every table with the same shown cells and margins is possible, and hidden cells
// differ enough among them. The bounds are compared with trying all tables.
func TestHiddenCellsCannotBeWorkedOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(2, 3).Draw(t, "rows"), rapid.IntRange(2, 3).Draw(t, "columns")
		n := make([][]int, rows)
		for i := range n {
			for range cols {
				n[i] = append(n[i], rapid.OneOf(rapid.IntRange(0, 5), rapid.IntRange(8, 14)).Draw(t, "cell"))
			}
		}
		g := newGrid(n, nil)
		if !g.protect() {
			return // nothing is shown
		}
		for i := range n {
			for j, k := range n[i] {
				if g.shown[i][j] && k > 0 && k < LeastCell {
					t.Fatalf("a cell of %d is shown", k)
				}
				if g.shown[i][j] && (g.rows[i] > 0 && g.rows[i] < LeastGroup || g.cols[j] > 0 && g.cols[j] < LeastGroup) {
					t.Fatal("a small group is shown")
				}
			}
		}
		low, high := tryAll(g)
		for i := range n {
			for j := range n[i] {
				if g.shown[i][j] {
					continue
				}
				a, b := g.bounds(i, j)
				if a != low[i][j] || b != high[i][j] {
					t.Fatalf("bounds of %d,%d are %d to %d, by trying %d to %d\n%v\n%v", i, j, a, b, low[i][j], high[i][j], n, g.shown)
				}
				if b-a < min(LeastCell, g.rows[i], g.cols[j]) {
					t.Fatalf("cell %d,%d lies between %d and %d", i, j, a, b)
				}
			}
		}
	})
}

// tryAll goes through every table that the attacker holds possible.
func tryAll(g *grid) (low, high [][]int) {
	var cells [][2]int
	try := make([][]int, len(g.n))
	for i := range g.n {
		try[i] = make([]int, len(g.n[i]))
		low, high = append(low, make([]int, len(g.n[i]))), append(high, make([]int, len(g.n[i])))
		for j := range g.n[i] {
			low[i][j], high[i][j] = 1<<30, -1
			if g.shown[i][j] {
				try[i][j] = g.n[i][j]
			} else {
				cells = append(cells, [2]int{i, j})
			}
		}
	}
	rows, cols := make([]int, len(g.rows)), make([]int, len(g.cols))
	for i := range try {
		for j := range try[i] {
			rows[i], cols[j] = rows[i]+try[i][j], cols[j]+try[i][j]
		}
	}
	var fill func(k int)
	fill = func(k int) {
		if k == len(cells) {
			if fmt.Sprint(rows, cols) != fmt.Sprint(g.rows, g.cols) {
				return
			}
			for _, c := range cells {
				low[c[0]][c[1]] = min(low[c[0]][c[1]], try[c[0]][c[1]])
				high[c[0]][c[1]] = max(high[c[0]][c[1]], try[c[0]][c[1]])
			}
			return
		}
		i, j := cells[k][0], cells[k][1]
		lastInRow := k+1 == len(cells) || cells[k+1][0] != i
		for v := 0; rows[i]+v <= g.rows[i] && cols[j]+v <= g.cols[j]; v++ {
			if lastInRow && rows[i]+v != g.rows[i] {
				continue
			}
			try[i][j] = v
			rows[i], cols[j] = rows[i]+v, cols[j]+v
			fill(k + 1)
			rows[i], cols[j] = rows[i]-v, cols[j]-v
		}
		try[i][j] = 0
	}
	fill(0)
	return low, high
}

// With primary suppression alone hidden cells are recovered exactly.
func TestSuppressionOfSmallCellsAloneGivesThemAway(t *testing.T) {
	g := newGrid([][]int{{20, 3}, {15, 12}}, nil)
	g.shown[0][1] = false
	if a, b := g.bounds(0, 1); a != 3 || b != 3 {
		t.Errorf("between %d and %d: the check of the bounds can not fail", a, b)
	}
	if !newGrid([][]int{{20, 3, 30}, {15, 12, 40}, {30, 30, 50}}, nil).protect() {
		t.Error("nothing is left of a large table")
	}
}

func TestHiddenSharesCannotBeSubtracted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shares := rapid.SliceOfN(rapid.IntRange(0, 12), 1, 6).Draw(t, "shares")
		base, n, left := 0, 0, 0
		hide, _ := HideShares(shares, true)
		for i, k := range shares {
			base += k
			if hide[i] {
				n, left = n+1, left+k
			} else if k > 0 && k < LeastCell {
				t.Fatal("a small share is shown")
			}
		}
		if base >= LeastGroup && n > 0 && (n < 2 || left < LeastCell) {
			t.Fatalf("%d hidden shares have %d", n, left)
		}
	})
}

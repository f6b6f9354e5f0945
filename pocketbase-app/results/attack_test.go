package results

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"

	"pgregory.net/rapid"
)

// attacker knows of every person their district and the day on which they
// answered, and everything that was ever published.
//
// People who answered between two releases are a group; people of one district
// among them are a smaller one. When such a group has fewer than ten and a table
// tells how it answered, the attacker has learned.
func learned(releases []content.Results) (groups, people int) {
	for i, now := range releases {
		before := content.Results{}
		if i > 0 {
			before = releases[i-1]
		}
		for _, t := range now.Tables {
			old := content.ResultTable{}
			for _, o := range before.Tables {
				if o.RowKey == t.RowKey && o.ColumnKey == t.ColumnKey {
					old = o
				}
			}
			for r := range t.Rows {
				sum, whole := 0, true
				for c := range t.Columns {
					was := 0
					if old.N != nil {
						was = old.N[r][c]
					}
					whole = whole && t.N[r][c] != hidden && was != hidden
					sum += t.N[r][c] - was
				}
				if whole && sum > 0 && sum < leastGroup {
					groups, people = groups+1, people+sum
				}
			}
		}
		for _, f := range now.Figures {
			was := 0
			for _, o := range before.Figures {
				if o.Key == f.Key {
					was = o.Base
				}
			}
			if d := f.Base - was; d > 0 && d < leastGroup {
				groups, people = groups+1, people+d
			}
		}
	}
	return groups, people
}

// arrivals lets people come day by day, in districts of very different size.
func arrivals(days int, each func(day int, a survey.Answers)) (people int) {
	rnd := rand.New(rand.NewPCG(1, 2))
	districts := []string{"mitte", "mitte", "mitte", "mitte", "mitte", "nord", "nord", "nord", "west"}
	views := []string{"good", "good", "fair", "bad"}
	for day := range days {
		for range rnd.IntN(9) {
			a := survey.Answers{"district": districts[rnd.IntN(len(districts))], "view": views[rnd.IntN(len(views))], "happy": float64(1 + rnd.IntN(5))}
			if rnd.IntN(3) == 0 {
				delete(a, "view")
			}
			each(day, a)
			people++
		}
	}
	return people
}

// A publisher releases every day as soon as the page lets them.
func TestDailyReleasesTellNothingOfSmallGroups(t *testing.T) {
	h := open(t)
	var published []content.Results
	choice := Choice{Items: []string{"district", "view", "happy"}, Pairs: []tally.Pair{{Row: "district", Column: "view"}, {Row: "view", Column: "district"}}}
	last := -1
	people := arrivals(60, func(day int, a survey.Answers) {
		h.m.answer(a)
		if day == last {
			return
		}
		last = day
		if err := h.x.Release(context.Background(), "smart", choice, "staff"); err == nil {
			published = append(published, h.catalogue())
		} else if fields[err] == "" {
			t.Fatal(err)
		}
	})
	groups, exposed := learned(published)
	t.Logf("%d people, %d releases: %d small groups learned, %d people in them", people, len(published), groups, exposed)
	if len(published) < 10 || groups != 0 {
		t.Errorf("%d releases, %d groups with %d people exposed", len(published), groups, exposed)
	}
	shown := 0
	for _, table := range published[len(published)-1].Tables {
		for _, row := range table.N {
			for _, n := range row {
				if n != hidden {
					shown++
				}
			}
		}
	}
	if shown == 0 {
		t.Error("nothing is shown at all")
	}
}

// The negative control: counting anew every day without blocks, gates and
// suppression exposes people.
func TestTheAttackWorksOnNaiveDailyFigures(t *testing.T) {
	m := &memory{q: questionnaire()}
	var published []content.Results
	naive := func() {
		c, err := tally.Count(mustMerge(m.q), m.Responses(), tally.Pair{Row: "district", Column: "view"})
		if err != nil {
			t.Fatal(err)
		}
		r := content.Results{}
		for _, table := range c.Tables() {
			x := newTable(table, 1)
			x.N = table.N
			r.Tables = append(r.Tables, x.ResultTable)
		}
		published = append(published, r)
	}
	last := -1
	people := arrivals(60, func(day int, a survey.Answers) {
		m.answer(a)
		if day != last {
			naive()
		}
		last = day
	})
	naive()
	groups, exposed := learned(published)
	t.Logf("%d people, %d releases: %d small groups learned, %d people in them", people, len(published), groups, exposed)
	if exposed < people/4 {
		t.Errorf("the attack is too weak to prove anything: %d of %d", exposed, people)
	}
}

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
				if g.shown[i][j] && k > 0 && k < leastCell {
					t.Fatalf("a cell of %d is shown", k)
				}
				if g.shown[i][j] && (g.rows[i] > 0 && g.rows[i] < leastGroup || g.cols[j] > 0 && g.cols[j] < leastGroup) {
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
				if b-a < min(leastCell, g.rows[i], g.cols[j]) {
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
		var shares []content.ResultShare
		base := 0
		for range rapid.IntRange(1, 6).Draw(t, "options") {
			n := rapid.IntRange(0, 12).Draw(t, "n")
			shares, base = append(shares, content.ResultShare{N: n}), base+n
		}
		hideShares(shares, true)
		n, left := 0, base
		for _, s := range shares {
			if s.N == hidden {
				n++
			} else {
				left -= s.N
			}
			if s.N > 0 && s.N < leastCell {
				t.Fatal("a small share is shown")
			}
		}
		if base >= leastGroup && n > 0 && (n < 2 || left < leastCell) {
			t.Fatalf("%d hidden shares have %d", n, left)
		}
	})
}

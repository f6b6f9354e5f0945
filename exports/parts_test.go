package exports

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Widths, filters and formats that come after the rows would be lost without a
// word: whoever says them too late gets an error.
func TestWhatIsSaidAfterTheRowsIsAnError(t *testing.T) {
	for what, late := range map[string]func(b *book) error{
		"nothing":     func(*book) error { return nil },
		"a width":     func(b *book) error { return b.file.SetColWidth("Zeilen", "A", "A", 99) },
		"the size":    func(b *book) error { return b.file.SetSheetDimension("Zeilen", "A1:B9") },
		"a cell":      func(b *book) error { return b.file.SetCellStr("Zeilen", "A9", "x") },
		"hidden rows": func(b *book) error { return b.file.SetRowVisible("Zeilen", 1, false) },
	} {
		dir := t.TempDir()
		b, err := newBook(t.Context(), dir, about{made: time.Unix(0, 0)})
		if err != nil {
			t.Fatal(err)
		}
		defer b.close()
		rows, err := b.tall("Zeilen", "Zeilen", []string{"a"}, []float64{10}, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []func() error{b.open, rows.begin, func() error { rows.text(0, "x"); return nil }, rows.end, rows.close, func() error { return late(b) }} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		err = b.writeTo(filepath.Join(dir, "x.xlsx"), &Summary{})
		if said := err != nil && strings.Contains(err.Error(), "after its first row"); said != (what != "nothing") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A sheet of 4 GiB is refused, because spreadsheets call its file broken.
func TestASheetOfFourGigabytesIsRefused(t *testing.T) {
	p := &part{name: "x"}
	if err := p.begin(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	defer p.file.Close()
	p.bytes = maxPart - 10
	p.buf = append(p.buf, "0123456789"...)
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	p.buf = append(p.buf, 'x')
	if err := p.flush(); err == nil || !strings.Contains(err.(*Refusal).Reason(), "Parquet") {
		t.Errorf("error %v", err)
	}
}

// However many piles: the same texts, in an order that has nothing to do with
// the one they came in.
func TestShufflingInPilesKeepsEveryTextAndForgetsTheOrder(t *testing.T) {
	const n = 5000
	for _, piles := range []int{1, 2, 7} {
		o := &openTexts{dir: t.TempDir(), random: rand.New(rand.NewPCG(5, uint64(piles)))}
		s, err := newSpool(o.dir)
		if err != nil {
			t.Fatal(err)
		}
		var in, out []string
		for i := range n {
			in = append(in, fmt.Sprintf("%05d", i)+strings.Repeat("ü", i%300))
			if err := s.add(in[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.shuffle(&s, piles, func(text string) error { out = append(out, text); return nil }); err != nil {
			t.Fatal(err)
		}
		// Neighbours that stayed neighbours, at random one pair on average; and the
		// rank correlation of the orders, whose standard deviation is 1/√n = 0.014.
		neighbours, correlation := 0, 0.0
		for i, text := range out {
			var was int
			fmt.Sscanf(text, "%05d", &was)
			correlation += (float64(i)/n - 0.5) * (float64(was)/n - 0.5) * 12 / n
			if i > 0 && text[:5] == fmt.Sprintf("%05d", numberOf(out[i-1])+1) {
				neighbours++
			}
		}
		if neighbours > 20 || correlation > 0.08 || correlation < -0.08 {
			t.Errorf("%d piles: %d neighbours, correlation %.3f", piles, neighbours, correlation)
		}
		slices.Sort(out)
		if !slices.Equal(in, out) {
			t.Errorf("%d piles: other texts came out", piles)
		}
	}
}

func numberOf(text string) (n int) {
	fmt.Sscanf(text, "%05d", &n)
	return n
}

// Whatever the places: none is lost, and no group is smaller than ten.
func TestGroupsOfPlacesAreNeverSmall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := map[field]int{}
		total := 0
		for range rapid.IntRange(0, 30).Draw(t, "fields") {
			f := field{rapid.SampledFrom([]string{"", "Mitte", "Nord", "Süd"}).Draw(t, "district"), rapid.IntRange(0, 3).Draw(t, "lat"), rapid.IntRange(0, 3).Draw(t, "long")}
			if f.district == "" {
				f = field{}
			}
			n := rapid.IntRange(1, 15).Draw(t, "n")
			counts[f] += n
			total += n
		}
		shown := 0
		for _, g := range placeGroups(counts) {
			if g.n < leastPlaces {
				t.Fatalf("a group of %d", g.n)
			}
			if g.field != nil && counts[*g.field] != g.n {
				t.Fatalf("a field of %d is shown as %d", counts[*g.field], g.n)
			}
			shown += g.n
		}
		if shown != total && (shown != 0 || total >= leastPlaces) {
			t.Fatalf("%d of %d places are shown", shown, total)
		}
	})
}

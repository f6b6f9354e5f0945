package citymap

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

var figures = flag.String("figures", "", "GeoJSON of the city's Ortsbezirke: generalise it anew into boundaries.txt")

type point [2]int // longitude, latitude in units of 1e-5 degrees

type outline struct {
	name   string
	number int
	rings  [][]point // without the closing point
}

// TestGeneralise writes boundaries.txt when it is given the city's figures. Shared
// borders are simplified once, so that neighbours still touch.
func TestGeneralise(t *testing.T) {
	if *figures == "" {
		t.Skip("no -figures: boundaries.txt stays as it is")
	}
	outlines := readFigures(t, *figures)
	simplify(outlines, 28) // 1e-5 degrees: about 25 metres
	var out strings.Builder
	out.WriteString("# " + Attribution + ", DL-DE/BY 2.0 (www.govdata.de/dl-de/by-2-0), generalised. See mustRead for the form.\n")
	for _, o := range outlines {
		slug := slugOf(o.name)
		number := o.number
		if strings.HasPrefix(o.name, "Dönche") {
			slug, number = "", 0
		}
		name, _, _ := strings.Cut(o.name, " (")
		fmt.Fprintf(&out, "%d|%s|%s|", number, slug, name)
		for i, ring := range o.rings {
			if i > 0 {
				out.WriteByte(' ')
			}
			last := point{900000, 5100000}
			for j, p := range ring {
				if j > 0 {
					out.WriteByte(',')
				}
				fmt.Fprintf(&out, "%d,%d", p[1]-last[1], p[0]-last[0])
				last = p
			}
		}
		out.WriteByte('\n')
	}
	if err := os.WriteFile("boundaries.txt", []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", out.Len())
}

func slugOf(name string) string {
	return strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", " ", "-").Replace(strings.ToLower(name))
}

func readFigures(t testing.TB, path string) []outline {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Features []struct {
			Properties struct{ Name, Bezirk string }
			Geometry   struct {
				Type        string
				Coordinates json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	var list []outline
	for _, f := range doc.Features {
		o := outline{name: f.Properties.Name}
		fmt.Sscanf(f.Properties.Bezirk, "Ortsbezirk %d", &o.number)
		var polygons [][][][2]float64
		if f.Geometry.Type == "Polygon" {
			polygons = make([][][][2]float64, 1)
			err = json.Unmarshal(f.Geometry.Coordinates, &polygons[0])
		} else {
			err = json.Unmarshal(f.Geometry.Coordinates, &polygons)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, polygon := range polygons {
			for _, ring := range polygon {
				if len(ring) < 5 {
					continue // a sliver of three points in Wolfsanger-Hasenhecke
				}
				var points []point
				for _, c := range ring[:len(ring)-1] {
					points = append(points, point{int(math.Round(c[0] * 1e5)), int(math.Round(c[1] * 1e5))})
				}
				o.rings = append(o.rings, points)
			}
		}
		list = append(list, o)
	}
	return list
}

// simplify is Douglas and Peucker's, on the pieces between the points where
// three outlines meet. A piece is walked in one direction whoever owns it.
func simplify(outlines []outline, tolerance float64) {
	type edge [2]point
	neighbours := map[point]map[point]bool{}
	uses := map[edge]int{}
	link := func(a, b point) {
		if neighbours[a] == nil {
			neighbours[a] = map[point]bool{}
		}
		neighbours[a][b] = true
	}
	key := func(a, b point) edge {
		if a[0] > b[0] || a[0] == b[0] && a[1] > b[1] {
			a, b = b, a
		}
		return edge{a, b}
	}
	each := func(ring []point, f func(a, b point)) {
		for i, a := range ring {
			f(a, ring[(i+1)%len(ring)])
		}
	}
	for _, o := range outlines {
		for _, ring := range o.rings {
			each(ring, func(a, b point) { link(a, b); link(b, a); uses[key(a, b)]++ })
		}
	}
	// A node: not simply on one piece, or where a shared border ends.
	node := func(p point) bool {
		if len(neighbours[p]) != 2 {
			return true
		}
		counts := []int{}
		for q := range neighbours[p] {
			counts = append(counts, uses[key(p, q)])
		}
		return counts[0] != counts[1]
	}
	for o := range outlines {
		for r, ring := range outlines[o].rings {
			start := 0
			for i, p := range ring {
				if node(p) {
					start = i
					break
				}
			}
			turned := append(append([]point{}, ring[start:]...), ring[:start]...)
			turned = append(turned, turned[0])
			var kept []point
			piece := []point{turned[0]}
			flush := func() {
				kept = append(kept, oneWay(piece, tolerance)[:1]...)
				s := oneWay(piece, tolerance)
				kept = append(kept, s[1:len(s)-1]...)
			}
			for _, p := range turned[1:] {
				piece = append(piece, p)
				if node(p) {
					flush()
					piece = []point{p}
				}
			}
			if len(piece) > 1 {
				flush()
			}
			outlines[o].rings[r] = kept
		}
	}
}

// oneWay simplifies a piece in the direction that does not depend on its owner.
func oneWay(piece []point, tolerance float64) []point {
	a, b := piece[0], piece[len(piece)-1]
	if a[0] > b[0] || a[0] == b[0] && a[1] > b[1] {
		turned := make([]point, len(piece))
		for i, p := range piece {
			turned[len(piece)-1-i] = p
		}
		s := douglasPeucker(turned, tolerance)
		for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
			s[i], s[j] = s[j], s[i]
		}
		return s
	}
	return douglasPeucker(piece, tolerance)
}

func douglasPeucker(line []point, tolerance float64) []point {
	if len(line) < 3 {
		return append([]point{}, line...)
	}
	shrink := math.Cos(middle * math.Pi / 180)
	far, at := 0.0, 0
	a, b := line[0], line[len(line)-1]
	for i := 1; i < len(line)-1; i++ {
		p := line[i]
		d := toSegment(float64(p[0])*shrink, float64(p[1]), float64(a[0])*shrink, float64(a[1]), float64(b[0])*shrink, float64(b[1]))
		if d > far {
			far, at = d, i
		}
	}
	if far <= tolerance {
		return []point{a, b}
	}
	left := douglasPeucker(line[:at+1], tolerance)
	return append(left[:len(left)-1], douglasPeucker(line[at:], tolerance)...)
}

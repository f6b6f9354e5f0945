package citymap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func Example() {
	d, _ := DistrictAt(Place{51.31253, 9.49251}) // the town hall
	fmt.Println(d.Name)
	p, _ := At(320, 256)
	fmt.Println(p)
	svg := Drawing{Title: "Kassel", Markers: []Place{p}}.SVG()
	fmt.Println(strings.Count(svg, "<path"), strings.Count(svg, "<circle"))
	// Output:
	// Mitte
	// 51.31489,9.46055
	// 24 1
}

// TestEveryDistrictIsThere holds the outlines against the city's list.
func TestEveryDistrictIsThere(t *testing.T) {
	b, err := os.ReadFile("../demo/districts.json")
	if err != nil {
		t.Fatal(err)
	}
	list := Districts()
	if len(list) != 23 {
		t.Fatalf("%d districts", len(list))
	}
	for i, d := range list {
		if d.Number != i+1 || !bytes.Contains(b, fmt.Appendf(nil, `{"slug": %q, "name": %q}`, d.Slug, d.Name)) {
			t.Errorf("%d %s %s", d.Number, d.Slug, d.Name)
		}
		if got, ok := DistrictAt(mustAt(t, d.x, d.y)); !ok || got.Slug != d.Slug {
			t.Errorf("the name of %s stands in %s", d.Slug, got.Slug)
		}
		x0, y0, x1, y1 := d.box()
		if x0 < 2 || y0 < 2 || x1 > Width-2 || y1 > Height-2 {
			t.Errorf("%s leaves the drawing: %.1f %.1f %.1f %.1f", d.Slug, x0, y0, x1, y1)
		}
	}
}

// TestNamesDoNotCross: nobody has to guess where a name ends.
func TestNamesDoNotCross(t *testing.T) {
	list := Districts()
	for i, a := range list {
		for _, b := range list[:i] {
			la, lb := nameLines(a.Name), nameLines(b.Name)
			if math.Abs(a.x-b.x) < (nameWidth(la)+nameWidth(lb))/2 && math.Abs(a.y-b.y) < lineHeight*float64(len(la)+len(lb))/2-2 {
				t.Errorf("%s and %s", a.Name, b.Name)
			}
		}
	}
}

func mustAt(t testing.TB, x, y float64) Place {
	p, ok := At(x, y)
	if !ok {
		t.Fatalf("%v %v is outside", x, y)
	}
	return p
}

func TestPlacesThatPeopleKnow(t *testing.T) {
	for _, c := range []struct {
		what     string
		lat, lon float64
		want     string
	}{
		{"Rathaus", 51.31253, 9.49251, "mitte"},
		{"Bahnhof Wilhelmshöhe", 51.31325, 9.44690, "bad-wilhelmshoehe"},
		{"Herkules", 51.31611, 9.39333, "bad-wilhelmshoehe"},
		{"Auestadion", 51.29500, 9.48850, "suedstadt"},
		{"Dönche, a nature reserve", 51.2885, 9.4354, ""},
		{"Baunatal", 51.2567, 9.4070, ""},
		{"Berlin", 52.52, 13.40, ""},
		{"nowhere", math.NaN(), 9.5, ""},
		{"infinitely far", math.Inf(1), 9.5, ""},
	} {
		got, ok := DistrictAt(Place{c.lat, c.lon})
		if got.Slug != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, want %q", c.what, got.Slug, c.want)
		}
	}
}

// TestPixelsAndBack: any pixel comes back to within the rounding of a metre.
func TestPixelsAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := rapid.Float64Range(0, Width).Draw(t, "x"), rapid.Float64Range(0, Height).Draw(t, "y")
		p, ok := At(x, y)
		if !ok {
			t.Fatal("outside")
		}
		bx, by := XY(p)
		if math.Hypot(x-bx, y-by) > 0.05 {
			t.Fatalf("%v %v → %v → %v %v", x, y, p, bx, by)
		}
	})
	for _, bad := range [][2]float64{{-1, 0}, {0, -1}, {Width + 1, 0}, {0, Height + 1}, {math.NaN(), 0}, {math.Inf(1), 5}} {
		if _, ok := At(bad[0], bad[1]); ok {
			t.Errorf("%v is taken", bad)
		}
	}
}

// TestGeneralisedAgreesWithTheFigures draws places all over the city and compares
// their district with the outlines before they were generalised.
func TestGeneralisedAgreesWithTheFigures(t *testing.T) {
	if *figures == "" {
		t.Skip("no -figures (GeoJSON of the city)")
	}
	exact := map[string]District{}
	for _, o := range readFigures(t, *figures) {
		d := District{}
		for _, r := range o.rings {
			var ring []Place
			for _, p := range r {
				ring = append(ring, Place{float64(p[1]) / 1e5, float64(p[0]) / 1e5})
			}
			d.rings = append(d.rings, ring)
		}
		exact[slugOf(o.name)] = d
	}
	n, wrong := 0, 0
	for x := 1.5; x < Width; x += 3 {
		for y := 1.5; y < Height; y += 3 {
			want := ""
			for slug, d := range exact {
				if d.distance(x, y) <= 0 && !strings.HasPrefix(slug, "doenche") {
					want = slug
				}
			}
			if want == "" {
				continue
			}
			n++
			if got, _ := DistrictAt(mustAt(t, x, y)); got.Slug != want {
				wrong++
				if d := exact[want].distance(x, y); d < -2 {
					t.Errorf("%.0f,%.0f is %.1f pixels inside %s, not %q", x, y, -d, want, got.Slug)
				}
			}
		}
	}
	t.Logf("%d of %d places differ", wrong, n)
	if wrong*100 > n {
		t.Errorf("%d of %d places differ", wrong, n)
	}
}

func TestSVGEscapesAndParses(t *testing.T) {
	evil := `</title><script>alert(1)</script>"'&`
	svg := Drawing{ID: `x" onload="y`, Title: evil, Desc: evil, Names: true,
		Markers: []Place{{51.3, 9.5}, {0, 0}},
		Values:  map[string]float64{"mitte": 1, "waldau": 5, "forstfeld": math.NaN(), "gibt-es-nicht": 3},
		Say:     func(d District, v float64) string { return evil },
	}.SVG()
	dec := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			for _, a := range e.Attr {
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") {
					t.Errorf("attribute %s", a.Name.Local)
				}
			}
			if e.Name.Local == "script" || e.Name.Local == "style" {
				t.Errorf("element %s", e.Name.Local)
			}
		}
	}
	for what, n := range map[string]int{"karte-wert-1": 1, "karte-wert-5": 1, "karte-leer": 21, "karte-marke": 1, "karte-name": 23, "karte-frei": 1} {
		if got := strings.Count(svg, what); got != n {
			t.Errorf("%s: %d times, want %d", what, got, n)
		}
	}
	if plain := (Drawing{Title: "x"}).SVG(); len(plain) > 16<<10 {
		t.Errorf("%d bytes", len(plain))
	}
}

func TestShade(t *testing.T) {
	for _, c := range []struct {
		value, least, most float64
		want               int
	}{{0, 0, 10, 1}, {10, 0, 10, 5}, {5, 0, 10, 3}, {1.99, 0, 10, 1}, {2, 0, 10, 2}, {7, 7, 7, 3}} {
		if got := Shade(c.value, c.least, c.most); got != c.want {
			t.Errorf("%v: %d, want %d", c.value, got, c.want)
		}
	}
}

func TestPNG(t *testing.T) {
	var without, with bytes.Buffer
	if err := PNG(&without); err != nil {
		t.Fatal(err)
	}
	marker := mustAt(t, 200, 300)
	if err := PNG(&with, marker, Place{}); err != nil {
		t.Fatal(err)
	}
	if without.Len() > 100<<10 {
		t.Errorf("%d bytes", without.Len())
	}
	img, err := png.Decode(&with)
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds().Dx() != 2*Width || img.Bounds().Dy() != 2*Height {
		t.Error(img.Bounds())
	}
	if r, _, b, _ := img.At(400+8, 600).RGBA(); r>>8 != 0xb3 || b>>8 != 0x0b {
		t.Errorf("no marker at 200,300: %x %x", r>>8, b>>8)
	}
}

// TestMarkersStayWithTheirPicture: the next picture shows nobody's place.
func TestMarkersStayWithTheirPicture(t *testing.T) {
	var before, between, after bytes.Buffer
	for b, places := range map[*bytes.Buffer][]Place{&before: nil, &between: {mustAt(t, 1, 1), mustAt(t, Width, Height)}} {
		if err := PNG(b, places...); err != nil {
			t.Fatal(err)
		}
	}
	if err := PNG(&after); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before.Bytes(), after.Bytes()) || bytes.Equal(before.Bytes(), between.Bytes()) {
		t.Error("a marker stayed")
	}
}

// BenchmarkPNG is what a page with a chosen place costs.
func BenchmarkPNG(b *testing.B) {
	if err := PNG(io.Discard); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := PNG(io.Discard, Place{51.31253, 9.49251}); err != nil {
			b.Fatal(err)
		}
	}
}

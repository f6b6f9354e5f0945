// Package citymap draws the city of Kassel with its 23 Ortsbezirke and turns
// places on that drawing into degrees and back.
//
// It knows no streets, no network and no other map: the outlines are generalised
// from open data of the city and embedded (boundaries.txt, a few KB). [XY] and
// [At] convert between a [Place] and the pixels of the drawing, [At] for example
// what a click on <input type="image"> sent; [DistrictAt] tells the Ortsbezirk of
// a place. [Drawing] becomes an SVG that the stylesheet colours, [PNG] the same
// picture for forms without JavaScript.
package citymap

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Attribution must stand beside every drawing (licence DL-DE/BY 2.0,
// www.govdata.de/dl-de/by-2-0); the outlines were generalised.
const Attribution = "Stadt Kassel, Vermessung und Geoinformation, 2025"

// The size of the drawing in CSS pixels, which are the units of the SVG's
// viewBox and of what a click on the picture sends. A picture shown at another
// size sends other pixels: forms without JavaScript show it at this size.
const (
	Width  = 640
	Height = 512
)

// Place is a point on earth: degrees in WGS 84.
type Place struct{ Latitude, Longitude float64 }

// District is an Ortsbezirk. The nature reserve Dönchelandschaft belongs to
// none; it is drawn, without slug and number.
type District struct {
	Slug   string // as in addresses and answers: "bad-wilhelmshoehe"
	Name   string
	Number int // of the city, 1 to 23
	rings  [][]Place
	x, y   float64 // where its name stands: far from all borders
}

// The projection: degrees on a plane that is true to angles in the middle of the
// city. The error at its edges is below one pixel (about 24 metres).
const (
	west, east    = 9.3465, 9.5746
	middle        = 51.31489 // latitude in the centre of the drawing
	pixelsPerEast = Width / (east - west)
)

var pixelsPerNorth = pixelsPerEast / math.Cos(middle*math.Pi/180)

// XY gives the pixel of a place; it may lie outside the drawing.
func XY(p Place) (x, y float64) {
	return (p.Longitude - west) * pixelsPerEast, Height/2 - (p.Latitude-middle)*pixelsPerNorth
}

// At gives the place of a pixel, rounded to five decimals, about one metre. ok
// is false outside the drawing.
func At(x, y float64) (p Place, ok bool) {
	if !(x >= 0 && x <= Width && y >= 0 && y <= Height) {
		return Place{}, false
	}
	round := func(f float64) float64 { return math.Round(f*1e5) / 1e5 }
	return Place{round(middle + (Height/2-y)/pixelsPerNorth), round(west + x/pixelsPerEast)}, true
}

// String is the place as answers and forms write it: "51.31234,9.47654".
func (p Place) String() string {
	return strconv.FormatFloat(p.Latitude, 'f', 5, 64) + "," + strconv.FormatFloat(p.Longitude, 'f', 5, 64)
}

//go:embed boundaries.txt
var boundaries string

var all = mustRead(boundaries)

// Districts lists the 23 Ortsbezirke by their number.
func Districts() []District {
	var list []District
	for _, d := range all {
		if d.Slug != "" {
			list = append(list, d)
		}
	}
	return list
}

// snap is how far outside all outlines a place may lie and still belongs to the
// nearest one: generalised borders leave small gaps. In pixels, about 70 metres.
const snap = 3

// DistrictAt gives the Ortsbezirk of a place; ok is false outside the city and
// in the Dönchelandschaft. Near a border the drawing may err by about 30 metres.
func DistrictAt(p Place) (d District, ok bool) {
	x, y := XY(p)
	nearest := math.Inf(1)
	for _, one := range all {
		distance := one.distance(x, y)
		if distance < nearest {
			d, nearest = one, distance
		}
	}
	if nearest > snap || d.Slug == "" || math.IsNaN(nearest) {
		return District{}, false
	}
	return d, true
}

// distance is 0 or less inside the district, else the distance to it in pixels.
func (d District) distance(x, y float64) float64 {
	inside, nearest := false, math.Inf(1)
	for _, ring := range d.rings {
		ax, ay := XY(ring[len(ring)-1])
		for _, p := range ring {
			bx, by := XY(p)
			if (ay > y) != (by > y) && x < (bx-ax)*(y-ay)/(by-ay)+ax {
				inside = !inside
			}
			nearest = min(nearest, toSegment(x, y, ax, ay, bx, by))
			ax, ay = bx, by
		}
	}
	if inside {
		return -nearest
	}
	return nearest
}

func toSegment(x, y, ax, ay, bx, by float64) float64 {
	dx, dy := bx-ax, by-ay
	t := 0.0
	if l := dx*dx + dy*dy; l > 0 {
		t = min(max(((x-ax)*dx+(y-ay)*dy)/l, 0), 1)
	}
	return math.Hypot(x-ax-t*dx, y-ay-t*dy)
}

// mustRead reads boundaries.txt: a line per district, "number|slug|name|rings",
// rings divided by blanks, each a list of latitude and longitude in units of
// 1e-5 degrees, the first from 51° N 9° E, the others from the point before.
func mustRead(s string) []District {
	var list []District
	for line := range strings.SplitSeq(strings.TrimSpace(s), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "|")
		if len(fields) != 4 {
			panic("citymap: bad line " + line)
		}
		d := District{Slug: fields[1], Name: fields[2]}
		d.Number, _ = strconv.Atoi(fields[0])
		for ring := range strings.FieldsSeq(fields[3]) {
			var points []Place
			lat, lon := 5100000, 900000
			numbers := strings.Split(ring, ",")
			for i := 0; i+1 < len(numbers); i += 2 {
				north, err := strconv.Atoi(numbers[i])
				east, err2 := strconv.Atoi(numbers[i+1])
				if err != nil || err2 != nil {
					panic(fmt.Sprintf("citymap: %s: %v %v", d.Name, err, err2))
				}
				lat, lon = lat+north, lon+east
				points = append(points, Place{float64(lat) / 1e5, float64(lon) / 1e5})
			}
			d.rings = append(d.rings, points)
		}
		d.x, d.y = d.pole()
		list = append(list, d)
	}
	return list
}

// pole is where the name stands: the point whose surroundings, as wide as the
// name, are farthest from the border.
func (d District) pole() (x, y float64) {
	best := math.Inf(1)
	x0, y0, x1, y1 := d.box()
	lines := nameLines(d.Name)
	half := nameWidth(lines) / 2
	const steps = 32
	for i := 1; i < steps; i++ {
		for j := 1; j < steps; j++ {
			px, py := x0+(x1-x0)*float64(i)/steps, y0+(y1-y0)*float64(j)/steps
			if d.distance(px, py) > 0 {
				continue
			}
			worst := math.Inf(-1)
			for _, dx := range []float64{-half, -half / 2, 0, half / 2, half} {
				for line := range lines {
					worst = max(worst, d.distance(px+dx, py+lineHeight*(float64(line)-float64(len(lines)-1)/2)))
				}
			}
			if worst < best {
				best, x, y = worst, px, py
			}
		}
	}
	return x, y
}

func (d District) box() (x0, y0, x1, y1 float64) {
	x0, y0, x1, y1 = Width, Height, 0, 0
	for _, ring := range d.rings {
		for _, p := range ring {
			x, y := XY(p)
			x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x), max(y1, y)
		}
	}
	return x0, y0, x1, y1
}

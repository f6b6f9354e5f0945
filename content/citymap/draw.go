package citymap

import (
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// Drawing is what [Drawing.SVG] draws: the outlines, and over them what is set.
type Drawing struct {
	ID    string // begins the ids of title and description; give two drawings of a page two of them; "" is "karte"
	Title string // read out by screen readers
	Desc  string // what is to be seen, in a sentence

	Names   bool                           // of the districts, in German as the city writes them
	Markers []Place                        // places outside the drawing are left out
	Values  map[string]float64             // by slug; districts without a value get their own class
	Say     func(District, float64) string // text of a district's value; nil: the number
	Labels  map[string]string              // by slug: a short text on the district, in place of its name
}

// Shades is how many classes a drawing with values has: karte-wert-1 to
// karte-wert-5.
const Shades = 5

// Shade gives the class, 1 to [Shades], of a value: steps of equal width from
// the smallest value to the greatest. A value alone is in the middle.
func Shade(value, least, most float64) int {
	if !(most > least) {
		return (Shades + 1) / 2
	}
	return min(1+int(float64(Shades)*(value-least)/(most-least)), Shades)
}

// SVG draws without any style of its own; the classes are karte, karte-bezirk,
// karte-frei (the Dönchelandschaft), karte-wert-1 to -5, karte-leer, karte-name,
// karte-zahl (labels) and karte-marke. Everything that comes from the caller is escaped.
func (d Drawing) SVG() string {
	id := d.ID
	if id == "" {
		id = "karte"
	}
	id = html.EscapeString(id)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="karte" viewBox="0 0 %d %d" width="%d" height="%d" xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="%s-titel`,
		Width, Height, Width, Height, id)
	if d.Desc != "" {
		fmt.Fprintf(&b, ` %s-text`, id)
	}
	fmt.Fprintf(&b, `"><title id="%s-titel">%s</title>`, id, html.EscapeString(d.Title))
	if d.Desc != "" {
		fmt.Fprintf(&b, `<desc id="%s-text">%s</desc>`, id, html.EscapeString(d.Desc))
	}
	b.WriteString("\n")
	least, most := math.Inf(1), math.Inf(-1)
	for _, v := range d.Values {
		if !math.IsNaN(v) {
			least, most = min(least, v), max(most, v)
		}
	}
	for _, one := range all {
		class, label := "karte-bezirk", one.Name
		value, has := d.Values[one.Slug]
		switch {
		case one.Slug == "":
			class += " karte-frei"
		case d.Values != nil && (!has || math.IsNaN(value)):
			class += " karte-leer"
		case d.Values != nil:
			class += " karte-wert-" + strconv.Itoa(Shade(value, least, most))
			if d.Say != nil {
				label += ": " + d.Say(one, value)
			} else {
				label += ": " + strconv.FormatFloat(value, 'f', -1, 64)
			}
		}
		fmt.Fprintf(&b, `<path class="%s" d="%s"><title>%s</title></path>`+"\n", class, one.path(), html.EscapeString(label))
	}
	if d.Names && d.Labels == nil {
		for _, one := range all {
			if one.Slug == "" {
				continue
			}
			lines := nameLines(one.Name)
			fmt.Fprintf(&b, `<text class="karte-name" x="%.1f" y="%.1f" text-anchor="middle" font-size="11" aria-hidden="true">`, one.x, one.y+4-lineHeight/2*float64(len(lines)-1))
			for i, line := range lines {
				if i == 0 {
					b.WriteString(html.EscapeString(line))
				} else {
					fmt.Fprintf(&b, `<tspan x="%.1f" dy="%d">%s</tspan>`, one.x, lineHeight, html.EscapeString(line))
				}
			}
			b.WriteString("</text>\n")
		}
	}
	for _, one := range all {
		if label := d.Labels[one.Slug]; label != "" {
			fmt.Fprintf(&b, `<text class="karte-zahl" x="%.1f" y="%.1f" text-anchor="middle" font-size="15" aria-hidden="true">%s</text>`+"\n", one.x, one.y+5, html.EscapeString(label))
		}
	}
	for _, m := range d.Markers {
		if x, y := XY(m); x >= 0 && x <= Width && y >= 0 && y <= Height {
			fmt.Fprintf(&b, `<circle class="karte-marke" cx="%.1f" cy="%.1f" r="7" stroke-width="3"/>`+"\n", x, y)
		}
	}
	b.WriteString("</svg>")
	return b.String()
}

func (d District) path() string {
	var b strings.Builder
	for _, ring := range d.rings {
		for i, p := range ring {
			x, y := XY(p)
			b.WriteByte("ML"[min(i, 1)])
			b.WriteString(strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64))
			b.WriteByte(' ')
			b.WriteString(strconv.FormatFloat(math.Round(y*10)/10, 'f', -1, 64))
		}
		b.WriteByte('Z')
	}
	return b.String()
}

// A line of a name, in pixels.
const lineHeight = 12

// nameLines breaks a long name behind its hyphen or blank.
func nameLines(name string) []string {
	if at := strings.IndexAny(name, "- "); at > 0 && len(name) >= 12 {
		return []string{strings.TrimRight(name[:at+1], " "), name[at+1:]}
	}
	return []string{name}
}

// nameWidth is about how wide the lines of a name are in pixels.
func nameWidth(lines []string) (width float64) {
	for _, line := range lines {
		width = max(width, 5.6*float64(utf8.RuneCountInString(line)))
	}
	return width
}

// scale: the picture has two dots per CSS pixel, for sharp screens and print.
const scale = 2

var (
	ground  = color.RGBA{0xf6, 0xf8, 0xf6, 0xff}
	surface = color.RGBA{0xd3, 0xe7, 0xea, 0xff}
	free    = color.RGBA{0xd5, 0xdf, 0xd0, 0xff}
	border  = color.RGBA{0x0a, 0x5c, 0x6b, 0xff}
	ink     = color.RGBA{0x14, 0x26, 0x2b, 0xff}
	mark    = color.RGBA{0xb3, 0x2d, 0x0b, 0xff}
	white   = color.RGBA{0xff, 0xff, 0xff, 0xff}
)

// PNG draws the city with the names of its districts and the markers, twice as
// large as [Width] and [Height]: pages show it at that size, then what a click
// sends is what [At] reads. The first call takes about a second, later ones some
// hundredths: only markers are drawn.
func PNG(w io.Writer, markers ...Place) error {
	empty, err := picture()
	if err != nil {
		return err
	}
	canvas := *empty
	level := png.BestCompression
	if len(markers) > 0 {
		canvas.Pix = slices.Clone(empty.Pix)
		level = png.DefaultCompression
	}
	for _, m := range markers {
		if x, y := XY(m); x >= 0 && x <= Width && y >= 0 && y <= Height {
			disc(&canvas, x, y, 9, white)
			disc(&canvas, x, y, 7, mark)
			disc(&canvas, x, y, 2.5, white)
		}
	}
	encoder := png.Encoder{CompressionLevel: level}
	return encoder.Encode(w, &canvas)
}

// disc fills a circle, in CSS pixels.
func disc(canvas *image.Paletted, x, y, radius float64, c color.RGBA) {
	index := uint8(canvas.Palette.Index(c))
	for py := int((y - radius) * scale); py <= int((y+radius)*scale); py++ {
		for px := int((x - radius) * scale); px <= int((x+radius)*scale); px++ {
			if math.Hypot(float64(px)+.5-x*scale, float64(py)+.5-y*scale) <= radius*scale && image.Pt(px, py).In(canvas.Rect) {
				canvas.SetColorIndex(px, py, index)
			}
		}
	}
}

// picture is the city without markers.
var picture = sync.OnceValues(func() (*image.Paletted, error) {
	canvas := image.NewRGBA(image.Rect(0, 0, Width*scale, Height*scale))
	fill(canvas, ground, func(r *vector.Rasterizer) {
		polygon(r, [][2]float64{{0, 0}, {Width, 0}, {Width, Height}, {0, Height}})
	})
	for _, d := range all {
		c := surface
		if d.Slug == "" {
			c = free
		}
		fill(canvas, c, func(r *vector.Rasterizer) {
			for _, ring := range d.rings {
				polygon(r, pixels(ring))
			}
		})
	}
	// One path for all borders: every piece turns the same way, so overlaps add up.
	fill(canvas, border, func(r *vector.Rasterizer) {
		for _, d := range all {
			for _, ring := range d.rings {
				points := pixels(ring)
				for i, a := range points {
					polygon(r, stroke(a, points[(i+1)%len(points)], 1.1))
				}
			}
		}
	})
	face, err := nameFace()
	if err != nil {
		return nil, err
	}
	defer face.Close()
	for _, d := range all {
		if d.Slug == "" {
			continue
		}
		lines := nameLines(d.Name)
		for i, line := range lines {
			y := d.y + 4 - lineHeight/2*float64(len(lines)-1) + lineHeight*float64(i)
			halo := font.Drawer{Dst: canvas, Src: image.NewUniform(white), Face: face}
			left := fixed.Int26_6(d.x*scale*64) - halo.MeasureString(line)/2
			for _, by := range []image.Point{{-2, 0}, {2, 0}, {0, -2}, {0, 2}, {-1, -1}, {1, 1}, {-1, 1}, {1, -1}} {
				halo.Dot = fixed.Point26_6{X: left + fixed.I(by.X), Y: fixed.I(int(y*scale) + by.Y)}
				halo.DrawString(line)
			}
			text := font.Drawer{Dst: canvas, Src: image.NewUniform(ink), Face: face, Dot: fixed.Point26_6{X: left, Y: fixed.I(int(y * scale))}}
			text.DrawString(line)
		}
	}
	return paletted(canvas), nil
})

func nameFace() (font.Face, error) {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: 11 * scale, DPI: 72})
}

func pixels(ring []Place) [][2]float64 {
	list := make([][2]float64, len(ring))
	for i, p := range ring {
		list[i][0], list[i][1] = XY(p)
	}
	return list
}

func polygon(r *vector.Rasterizer, points [][2]float64) {
	if len(points) == 0 {
		return
	}
	for i, p := range points {
		x, y := float32(p[0]*scale), float32(p[1]*scale)
		if i == 0 {
			r.MoveTo(x, y)
		} else {
			r.LineTo(x, y)
		}
	}
	r.ClosePath()
}

// stroke is a line as a rectangle.
func stroke(a, b [2]float64, width float64) [][2]float64 {
	l := math.Hypot(b[0]-a[0], b[1]-a[1])
	if l == 0 {
		return nil
	}
	nx, ny := (a[1]-b[1])/l*width/2, (b[0]-a[0])/l*width/2
	return [][2]float64{{a[0] + nx, a[1] + ny}, {b[0] + nx, b[1] + ny}, {b[0] - nx, b[1] - ny}, {a[0] - nx, a[1] - ny}}
}

// fill draws a shape; it costs as much as the whole canvas.
func fill(canvas *image.RGBA, c color.RGBA, shape func(*vector.Rasterizer)) {
	r := vector.NewRasterizer(canvas.Rect.Dx(), canvas.Rect.Dy())
	shape(r)
	r.Draw(canvas, canvas.Rect, image.NewUniform(c), image.Point{})
}

// paletted keeps the colours that were used most, and those of markers: a fifth
// of the bytes.
func paletted(src *image.RGBA) *image.Paletted {
	counts := map[color.RGBA]int{}
	for i := 0; i < len(src.Pix); i += 4 {
		counts[color.RGBA{src.Pix[i], src.Pix[i+1], src.Pix[i+2], 0xff}]++
	}
	colors := make([]color.RGBA, 0, len(counts))
	for c := range counts {
		colors = append(colors, c)
	}
	slices.SortFunc(colors, func(a, b color.RGBA) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return (int(a.R)<<16 | int(a.G)<<8 | int(a.B)) - (int(b.R)<<16 | int(b.G)<<8 | int(b.B))
	})
	palette := color.Palette{white, mark}
	for _, c := range colors[:min(len(colors), 64)] {
		palette = append(palette, c)
	}
	dst := image.NewPaletted(src.Rect, palette)
	index := make(map[color.RGBA]uint8, len(colors))
	for i := 0; i < len(src.Pix); i += 4 {
		c := color.RGBA{src.Pix[i], src.Pix[i+1], src.Pix[i+2], 0xff}
		at, ok := index[c]
		if !ok {
			at = uint8(palette.Index(c))
			index[c] = at
		}
		dst.Pix[i/4] = at
	}
	return dst
}

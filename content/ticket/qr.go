package ticket

import (
	"bytes"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is the white margin of a QR code in modules (ISO/IEC 18004).
const quiet = 4

// modules draws a code with level M, one pixel a module; true is dark.
func modules(code string) ([][]bool, error) {
	b, err := qr.Encode(code, qr.M, qr.Auto)
	if err != nil {
		return nil, err
	}
	n := b.Bounds().Dx()
	rows := make([][]bool, n)
	for y := range rows {
		rows[y] = make([]bool, n)
		for x := range rows[y] {
			r, _, _, _ := b.At(x, y).RGBA()
			rows[y][x] = r == 0
		}
	}
	return rows, nil
}

// SVG is the QR code of a text as a picture of its own, black on white whatever the
// page's colours; alt says in words what it is.
func SVG(code, alt string) ([]byte, error) {
	rows, err := modules(code)
	if err != nil {
		return nil, err
	}
	var path strings.Builder
	for y, row := range rows {
		for x := 0; x < len(row); x++ {
			if !row[x] {
				continue
			}
			from := x
			for x < len(row) && row[x] {
				x++
			}
			fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
		}
	}
	n := len(rows) + 2*quiet
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" class="qr" viewBox="0 0 %[1]d %[1]d" width="240" height="240" shape-rendering="crispEdges" role="img" aria-label="%[2]s"><path fill="#fff" d="M0 0h%[1]dv%[1]dH0z"/><path fill="#000" d="%[3]s"/></svg>`,
		n, html.EscapeString(alt), path.String()), nil
}

// PNG is the QR code of a text with scale pixels a module.
func PNG(code string, scale int) ([]byte, error) {
	rows, err := modules(code)
	if err != nil {
		return nil, err
	}
	n := (len(rows) + 2*quiet) * scale
	img := image.NewPaletted(image.Rect(0, 0, n, n), color.Palette{color.White, color.Black})
	for y := range n {
		for x := range n {
			my, mx := y/scale-quiet, x/scale-quiet
			if my >= 0 && mx >= 0 && my < len(rows) && mx < len(rows) && rows[my][mx] {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var b bytes.Buffer
	err = png.Encode(&b, img)
	return b.Bytes(), err
}

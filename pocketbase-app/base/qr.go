package base

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// QR draws a QR code (level M, four modules of quiet zone) as SVG without styles;
// alt says in words what it holds, "" when the words stand beside it.
func QR(text, alt string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return "", err
	}
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := range size {
			if r, _, _, _ := code.At(x, y).RGBA(); r == 0 {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+4, y+4)
			}
		}
	}
	label := `aria-hidden="true"`
	if alt != "" {
		label = `role="img" aria-label="` + template.HTMLEscapeString(alt) + `"`
	}
	return template.HTML(fmt.Sprintf(`<svg class="qr" viewBox="0 0 %[1]d %[1]d" width="160" height="160" shape-rendering="crispEdges" %[2]s><path fill="#fff" d="M0 0h%[1]dv%[1]dH0z"/><path fill="#000" d="%[3]s"/></svg>`,
		size+8, label, path.String())), nil
}

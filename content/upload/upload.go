// Package upload turns a file that somebody sent into one that can be kept: the
// picture or text in it and nothing else.
//
// It knows no questionnaires and no disk. [Clean] decodes and encodes anew, so
// that places, times and names of devices (EXIF, XMP), hidden second files and
// code do not survive, and refuses what it cannot decode. PDF is refused: there
// is no rewriting that takes everything personal out of one (docs/adr/0015).
package upload

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"servicepoint/content"

	"golang.org/x/image/draw"
	"golang.org/x/image/riff"
	"golang.org/x/image/vp8"
	"golang.org/x/image/vp8l"
	"golang.org/x/image/webp"
	"golang.org/x/text/encoding/charmap"
)

// Limits of what is taken, and the longest edge of what is kept.
const (
	MaxBytes  = 10 << 20
	MaxPixels = 40_000_000
	MaxText   = 1 << 20 // bytes of a text file
	MaxEdge   = 2560
)

// Accept is the attribute "accept" of a form's field: for any file, and for pictures.
const (
	Accept        = "image/jpeg,image/png,image/webp,text/plain"
	AcceptPicture = "image/jpeg,image/png,image/webp"
)

// File is what is kept.
type File struct {
	Body   []byte
	Ending string // jpg, png or txt
}

// Clean gives the picture or text of a file; picture refuses texts. The problems
// have no field: "upload_empty", "upload_too_large", "upload_pdf", "upload_heic",
// "upload_kind", "upload_pixels", "upload_broken". A picture of 40 megapixels
// takes up to 650 MB of memory and a few seconds: callers clean one at a time.
func Clean(b []byte, picture bool) (File, *content.Problem) { return clean(b, picture, MaxEdge) }

// Picture is [Clean] for pictures whose longest edge shall be at most edge pixels.
func Picture(b []byte, edge int) (File, *content.Problem) { return clean(b, true, edge) }

func clean(b []byte, picture bool, edge int) (File, *content.Problem) {
	switch {
	case len(b) == 0:
		return File{}, &content.Problem{Code: "upload_empty"}
	case len(b) > MaxBytes:
		return File{}, &content.Problem{Code: "upload_too_large", Args: map[string]any{"max": MaxBytes >> 20}}
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return cleanPicture(b, jpeg.DecodeConfig, func() (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) }, jpegOrientation(b), false, edge)
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return cleanPicture(b, png.DecodeConfig, func() (image.Image, error) { return png.Decode(bytes.NewReader(b)) }, pngOrientation(b), true, edge)
	case len(b) > 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		exif, ok := webpChunks(b)
		if !ok {
			return File{}, pixels()
		}
		return cleanPicture(b, webp.DecodeConfig, func() (image.Image, error) { return webp.Decode(bytes.NewReader(b)) }, tiffOrientation(exif), false, edge)
	case bytes.Contains(b[:min(len(b), 1024)], []byte("%PDF-")):
		return File{}, &content.Problem{Code: "upload_pdf"}
	case len(b) > 12 && string(b[4:8]) == "ftyp":
		return File{}, &content.Problem{Code: "upload_heic"}
	case picture:
		return File{}, &content.Problem{Code: "upload_kind_picture"}
	}
	return cleanText(b)
}

func pixels() *content.Problem {
	return &content.Problem{Code: "upload_pixels", Args: map[string]any{"max": MaxPixels / 1_000_000}}
}

func broken() *content.Problem { return &content.Problem{Code: "upload_broken"} }

type configOf = func(io.Reader) (image.Config, error)

func cleanPicture(b []byte, config configOf, decode func() (image.Image, error), orientation int, lossless bool, edge int) (file File, problem *content.Problem) {
	c, err := config(bytes.NewReader(b))
	if err != nil || c.Width < 1 || c.Height < 1 {
		return File{}, broken()
	}
	if c.Width*c.Height > MaxPixels {
		return File{}, pixels()
	}
	defer func() { // a decoder that panics has met a broken file
		if recover() != nil {
			file, problem = File{}, broken()
		}
	}()
	img, err := decode()
	if err != nil || img.Bounds().Dx()*img.Bounds().Dy() > MaxPixels {
		return File{}, broken()
	}
	kept := turn(shrink(img, edge), orientation)
	var out bytes.Buffer
	file.Ending = "jpg"
	if lossless || !kept.Opaque() {
		file.Ending = "png"
		err = png.Encode(&out, kept)
	} else {
		err = jpeg.Encode(&out, kept, &jpeg.Options{Quality: 85})
	}
	if err != nil {
		return File{}, broken()
	}
	file.Body = out.Bytes()
	return file, nil
}

// shrink averages boxes of pixels, row by row, until the longest edge is as asked for.
func shrink(src image.Image, edge int) *image.NRGBA {
	bounds := src.Bounds()
	w, h := bounds.Dx(), bounds.Dy()
	dw, dh := w, h
	if longest := max(w, h); longest > edge {
		dw, dh = max(w*edge/longest, 1), max(h*edge/longest, 1)
	}
	dst := image.NewNRGBA(image.Rect(0, 0, dw, dh))
	if dw == w && dh == h {
		draw.Draw(dst, dst.Rect, src, bounds.Min, draw.Src)
		return dst
	}
	strip := image.NewRGBA(image.Rect(0, 0, w, (h+dh-1)/dh+1)) // premultiplied, as averages must be
	for y := range dh {
		y0, y1 := y*h/dh, max((y+1)*h/dh, y*h/dh+1)
		rows := image.Rect(0, 0, w, y1-y0)
		draw.Draw(strip, rows, src, image.Pt(bounds.Min.X, bounds.Min.Y+y0), draw.Src)
		for x := range dw {
			x0, x1 := x*w/dw, max((x+1)*w/dw, x*w/dw+1)
			var r, g, b, a, n uint32
			for sy := range y1 - y0 {
				at := strip.PixOffset(x0, sy)
				for range x1 - x0 {
					p := strip.Pix[at : at+4 : at+4]
					r, g, b, a, n, at = r+uint32(p[0]), g+uint32(p[1]), b+uint32(p[2]), a+uint32(p[3]), n+1, at+4
				}
			}
			to := dst.Pix[dst.PixOffset(x, y):]
			if a > 0 {
				to[0], to[1], to[2] = uint8(min(r*255/a, 255)), uint8(min(g*255/a, 255)), uint8(min(b*255/a, 255))
			}
			to[3] = uint8(a / n)
		}
	}
	return dst
}

// turn applies an EXIF orientation (1 to 8), so that the picture stands upright
// without it.
func turn(src *image.NRGBA, orientation int) *image.NRGBA {
	if orientation < 2 || orientation > 8 {
		return src
	}
	w, h := src.Rect.Dx(), src.Rect.Dy()
	dw, dh := w, h
	if orientation >= 5 {
		dw, dh = h, w
	}
	dst := image.NewNRGBA(image.Rect(0, 0, dw, dh))
	for y := range dh {
		for x := range dw {
			sx, sy := x, y
			switch orientation {
			case 2:
				sx = w - 1 - x
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sy = h - 1 - y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, h-1-x
			case 7:
				sx, sy = w-1-y, h-1-x
			case 8:
				sx, sy = w-1-y, x
			}
			copy(dst.Pix[dst.PixOffset(x, y):][:4], src.Pix[src.PixOffset(sx, sy):][:4])
		}
	}
	return dst
}

// jpegOrientation looks through the segments before the picture for EXIF.
func jpegOrientation(b []byte) int {
	for at := 2; at+4 <= len(b) && b[at] == 0xff && b[at+1] != 0xda; {
		if b[at+1] == 0xff { // fill bytes
			at++
			continue
		}
		n := int(binary.BigEndian.Uint16(b[at+2:]))
		if n < 2 || at+2+n > len(b) {
			break
		}
		if segment := b[at+4 : at+2+n]; b[at+1] == 0xe1 && bytes.HasPrefix(segment, []byte("Exif\x00\x00")) {
			return tiffOrientation(segment[6:])
		}
		at += 2 + n
	}
	return 1
}

func pngOrientation(b []byte) int {
	for at := 8; at+8 <= len(b); {
		n := int(binary.BigEndian.Uint32(b[at:]))
		if n < 0 || n > len(b)-at-8 {
			break
		}
		if string(b[at+4:at+8]) == "eXIf" {
			return tiffOrientation(b[at+8 : at+8+n])
		}
		at += 12 + n
	}
	return 1
}

// tiffOrientation reads tag 0x0112 of the first directory; 1 when there is none.
func tiffOrientation(b []byte) int {
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if b[0] == 'I' {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(b[4:]))
	if at < 8 || at+2 > int64(len(b)) {
		return 1
	}
	for i := range int64(order.Uint16(b[at:])) {
		entry := at + 2 + 12*i
		if entry+12 > int64(len(b)) {
			break
		}
		if order.Uint16(b[entry:]) == 0x0112 {
			return int(order.Uint16(b[entry+8:]))
		}
	}
	return 1
}

// webpChunks checks the size of every frame, not only the one that the header
// tells: the two need not agree. exif is the EXIF chunk.
func webpChunks(b []byte) (exif []byte, ok bool) {
	_, r, err := riff.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, true // the decoder will say that it is broken
	}
	for {
		id, n, data, err := r.Next()
		if err != nil {
			return exif, true
		}
		switch id {
		case riff.FourCC{'V', 'P', '8', ' '}:
			d := vp8.NewDecoder()
			d.Init(data, int(n))
			if h, err := d.DecodeFrameHeader(); err == nil && h.Width*h.Height > MaxPixels {
				return nil, false
			}
		case riff.FourCC{'V', 'P', '8', 'L'}:
			if c, err := vp8l.DecodeConfig(data); err == nil && c.Width*c.Height > MaxPixels {
				return nil, false
			}
		case riff.FourCC{'E', 'X', 'I', 'F'}:
			buf := make([]byte, min(n, 64<<10))
			if n, _ := data.Read(buf); n > 0 {
				exif = bytes.TrimPrefix(buf[:n], []byte("Exif\x00\x00"))
			}
		}
	}
}

// cleanText reads UTF-8, UTF-16 with a mark, or else Windows-1252, and writes
// UTF-8 with LF. Anything with control characters is no text.
func cleanText(b []byte) (File, *content.Problem) {
	if len(b) > MaxText {
		return File{}, &content.Problem{Code: "upload_kind"}
	}
	var s string
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")):
		var order binary.ByteOrder = binary.LittleEndian
		if b[0] == 0xfe {
			order = binary.BigEndian
		}
		units := make([]uint16, 0, len(b)/2)
		for i := 2; i+1 < len(b); i += 2 {
			units = append(units, order.Uint16(b[i:]))
		}
		s = string(utf16.Decode(units))
	case utf8.Valid(b):
		s = strings.TrimPrefix(string(b), "\ufeff")
	default:
		decoded, err := charmap.Windows1252.NewDecoder().Bytes(b)
		if err != nil {
			return File{}, &content.Problem{Code: "upload_kind"}
		}
		s = string(decoded)
	}
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\f' || r == utf8.RuneError {
			return File{}, &content.Problem{Code: "upload_kind"}
		}
	}
	if strings.TrimSpace(s) == "" {
		return File{}, &content.Problem{Code: "upload_empty"}
	}
	return File{Body: []byte(s), Ending: "txt"}, nil
}

package upload_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"servicepoint/content/upload"
)

// upright is 40 × 20 with a red corner at the top left.
func upright(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{0, 0, 255, 255}
			if x < w/2 && y < h/2 {
				c = color.RGBA{255, 0, 0, 255}
			}
			img.Set(x, y, c)
		}
	}
	return img
}

func encoded(img image.Image, kind string) []byte {
	var b bytes.Buffer
	if kind == "png" {
		png.Encode(&b, img)
	} else {
		jpeg.Encode(&b, img, &jpeg.Options{Quality: 95})
	}
	return b.Bytes()
}

// exif is a TIFF directory with an orientation and a place.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	b := []byte("MM\x00\x2a")
	if order.String() == "LittleEndian" {
		b = []byte("II\x2a\x00")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 0x0112)
	b = order.AppendUint16(b, 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, orientation)
	b = order.AppendUint16(b, 0)
	b = order.AppendUint16(b, 0x8825) // GPS
	b = order.AppendUint16(b, 4)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint32(b, 38)
	b = order.AppendUint32(b, 0)
	return append(b, "GPS 51.31253 9.49251 Canon EOS of Erika Mustermann"...)
}

// withEXIF puts an EXIF segment and a comment into a JPEG.
func withEXIF(b, tiff []byte) []byte {
	segment := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{}, b[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(segment)+2))
	out = append(out, segment...)
	out = append(out, 0xff, 0xfe, 0, 10)
	out = append(out, "Mustermn"...)
	return append(out, b[2:]...)
}

func Example() {
	var b bytes.Buffer
	jpeg.Encode(&b, upright(5120, 100), nil)
	f, _ := upload.Clean(b.Bytes(), true)
	img, _ := jpeg.DecodeConfig(bytes.NewReader(f.Body))
	fmt.Println(f.Ending, img.Width, img.Height)
	_, problem := upload.Clean([]byte("%PDF-1.7"), false)
	fmt.Println(problem.Code)
	// Output:
	// jpg 2560 50
	// upload_pdf
}

func TestPlacesAndNamesAreGone(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
		sent := withEXIF(encoded(upright(40, 20), "jpg"), exif(order, 1))
		if !bytes.Contains(sent, []byte("Mustermann")) {
			t.Fatal("the test has nothing to find")
		}
		f, problem := upload.Clean(sent, true)
		if problem != nil {
			t.Fatal(problem)
		}
		for _, trace := range []string{"Exif", "GPS", "51.31253", "Canon", "Musterm", "II*\x00", "MM\x00*"} {
			if bytes.Contains(f.Body, []byte(trace)) {
				t.Errorf("%q is still there", trace)
			}
		}
		if bytes.Contains(f.Body, []byte{0xff, 0xe1}) || bytes.Contains(f.Body, []byte{0xff, 0xfe}) {
			t.Error("there are application or comment segments")
		}
	}
	f, problem := upload.Clean(pngWith(encoded(upright(40, 20), "png"), "tEXt", []byte("Author\x00Erika Mustermann")), true)
	if problem != nil || bytes.Contains(f.Body, []byte("Mustermann")) || bytes.Contains(f.Body, []byte("tEXt")) {
		t.Error(problem, "a PNG keeps its texts")
	}
}

// pngWith puts a chunk behind the header of a PNG.
func pngWith(b []byte, kind string, data []byte) []byte {
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	chunk = append(append(chunk, kind...), data...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	const header = 8 + 25
	return append(append(append([]byte{}, b[:header]...), chunk...), b[header:]...)
}

// TestOrientation: where the red quarter is, when the picture stands upright.
func TestOrientation(t *testing.T) {
	corners := map[uint16][2]int{1: {0, 0}, 2: {1, 0}, 3: {1, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 1}, 8: {0, 1}, 0: {0, 0}, 9: {0, 0}}
	for orientation, corner := range corners {
		tiff := exif(binary.LittleEndian, orientation)
		for kind, sent := range map[string][]byte{
			"jpg": withEXIF(encoded(upright(40, 20), "jpg"), tiff),
			"png": pngWith(encoded(upright(40, 20), "png"), "eXIf", tiff),
		} {
			f, problem := upload.Clean(sent, true)
			if problem != nil {
				t.Fatal(problem)
			}
			img, _, err := image.Decode(bytes.NewReader(f.Body))
			if err != nil {
				t.Fatal(err)
			}
			w, h := 40, 20
			if orientation >= 5 && orientation <= 8 {
				w, h = h, w
			}
			if img.Bounds().Dx() != w || img.Bounds().Dy() != h {
				t.Errorf("%d %s: %v", orientation, kind, img.Bounds())
				continue
			}
			for _, x := range []int{0, 1} {
				for _, y := range []int{0, 1} {
					r, _, b, _ := img.At(w/4+x*w/2, h/4+y*h/2).RGBA()
					if (r > b) != (corner == [2]int{x, y}) {
						t.Errorf("%d %s: corner %d,%d is wrong", orientation, kind, x, y)
					}
				}
			}
		}
	}
}

func TestPolyglotsLoseTheirOtherHalf(t *testing.T) {
	for name, tail := range map[string]string{
		"zip": "PK\x03\x04 secret.txt", "html": "<script>alert(1)</script>", "php": "<?php system($_GET[0]); ?>", "pdf": "%PDF-1.7 1 0 obj",
	} {
		for _, kind := range []string{"jpg", "png"} {
			sent := append(encoded(upright(40, 20), kind), tail...)
			f, problem := upload.Clean(sent, false)
			if problem != nil || f.Ending != kind || bytes.Contains(f.Body, []byte(tail)) {
				t.Errorf("%s behind %s: %v %s", name, kind, problem, f.Ending)
			}
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	bomb := func(w, h uint32) []byte { // a PNG header that claims a size
		b := encoded(image.NewGray(image.Rect(0, 0, 1, 1)), "png")
		binary.BigEndian.PutUint32(b[16:], w)
		binary.BigEndian.PutUint32(b[20:], h)
		binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
		return b
	}
	bigFrame := []byte("RIFF\x26\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x09\x00\x00VP8L\x08\x00\x00\x00\x2f\xff\xff\xff\x0f\x00\x00\x00")
	for _, c := range []struct {
		name    string
		b       []byte
		picture bool
		code    string
	}{
		{"nothing", nil, false, "upload_empty"},
		{"blanks", []byte(" \n"), false, "upload_empty"},
		{"too large", make([]byte, upload.MaxBytes+1), false, "upload_too_large"},
		{"PDF", []byte("%PDF-1.7\n"), false, "upload_pdf"},
		{"PDF behind something", []byte("\n\n%PDF-1.7\n"), true, "upload_pdf"},
		{"HEIC", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1"), true, "upload_heic"},
		{"GIF", []byte("GIF89a\x01\x00\x01\x00\x00\x00"), true, "upload_kind_picture"},
		{"a text for a photo", []byte("Hallo"), true, "upload_kind_picture"},
		{"a program", []byte("\x7fELF\x02\x01\x01\x00"), false, "upload_kind"},
		{"a long text", bytes.Repeat([]byte("a"), upload.MaxText+1), false, "upload_kind"},
		{"a bomb of pixels", bomb(30000, 30000), true, "upload_pixels"},
		{"an overflow of pixels", bomb(1<<31-1, 1<<31-1), true, "upload_broken"},
		{"a frame larger than the header says", bigFrame, true, "upload_pixels"},
		{"half a JPEG", encoded(upright(40, 20), "jpg")[:200], true, "upload_broken"},
		{"a PNG without end", encoded(upright(40, 20), "png")[:50], true, "upload_broken"},
	} {
		if f, problem := upload.Clean(c.b, c.picture); problem == nil || problem.Code != c.code {
			t.Errorf("%s: %v %s", c.name, problem, f.Ending)
		}
	}
}

func TestTextsBecomeUTF8(t *testing.T) {
	for name, sent := range map[string]string{
		"UTF-8":        "Grün\nLinie\t2",
		"with a mark":  "\ufeffGrün\r\nLinie\t2",
		"Windows-1252": "Gr\xfcn\r\nLinie\t2",
		"UTF-16 LE":    "\xff\xfeG\x00r\x00\xfc\x00n\x00\n\x00L\x00i\x00n\x00i\x00e\x00\t\x002\x00",
		"UTF-16 BE":    "\xfe\xff\x00G\x00r\x00\xfc\x00n\x00\n\x00L\x00i\x00n\x00i\x00e\x00\t\x002",
	} {
		f, problem := upload.Clean([]byte(sent), false)
		if problem != nil || string(f.Body) != "Grün\nLinie\t2" || f.Ending != "txt" {
			t.Errorf("%s: %v %q", name, problem, f.Body)
		}
	}
}

func TestTransparencyStays(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 3000, 10))
	img.Set(2999, 9, color.NRGBA{9, 9, 9, 255})
	f, problem := upload.Clean(encoded(img, "png"), true)
	if problem != nil || f.Ending != "png" {
		t.Fatal(problem, f.Ending)
	}
	got, err := png.Decode(bytes.NewReader(f.Body))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, a := got.At(0, 0).RGBA(); a != 0 || got.Bounds().Dx() != upload.MaxEdge {
		t.Error(a, got.Bounds())
	}
}

// webpFile puts chunks into a WebP.
func webpFile(chunks ...string) []byte {
	body := "WEBP" + strings.Join(chunks, "")
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func chunk(id, data string) string {
	n := string(binary.LittleEndian.AppendUint32(nil, uint32(len(data))))
	if len(data)%2 == 1 {
		data += "\x00"
	}
	return id + n + data
}

// TestWebP takes both kinds of WebP, of one pixel, and one with EXIF.
func TestWebP(t *testing.T) {
	lossless, _ := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	lossy, _ := base64.StdEncoding.DecodeString("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
	extended := webpFile(chunk("VP8X", "\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"), string(lossy[12:]), chunk("EXIF", string(exif(binary.LittleEndian, 6))))
	for name, sent := range map[string][]byte{"lossless": lossless, "lossy": lossy, "extended": extended} {
		f, problem := upload.Clean(sent, true)
		if problem != nil {
			t.Errorf("%s: %v", name, problem)
		} else if bytes.Contains(f.Body, []byte("Mustermann")) || f.Ending == "webp" {
			t.Errorf("%s: %s keeps EXIF", name, f.Ending)
		}
	}
}

// FuzzClean: nothing makes it panic, and what it gives passes again, is bounded,
// and holds no EXIF.
func FuzzClean(f *testing.F) {
	f.Add(encoded(upright(8, 8), "png"), true)
	f.Add(withEXIF(encoded(upright(8, 8), "jpg"), exif(binary.BigEndian, 6)), true)
	f.Add([]byte("RIFF\x26\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x09\x00\x00VP8L\x08\x00\x00\x00\x2f\x07\xc0\x01\x00\x00\x00\x00"), false)
	f.Add([]byte("Text \xfc"), false)
	f.Fuzz(func(t *testing.T, b []byte, picture bool) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(b)); err == nil && c.Width*c.Height > 1_000_000 {
			return // keeps the fuzzer fast
		}
		file, problem := upload.Clean(b, picture)
		if problem != nil {
			if problem.Code == "" || file.Body != nil {
				t.Fatal("a refusal without a code")
			}
			return
		}
		again, problem := upload.Clean(file.Body, file.Ending != "txt")
		if problem != nil || again.Ending != file.Ending {
			t.Fatalf("%s is refused the second time: %v", file.Ending, problem)
		}
		if file.Ending != "txt" && bytes.Contains(file.Body, []byte("Exif\x00\x00")) || strings.Contains(file.Ending, "/") {
			t.Fatal("EXIF")
		}
	})
}

package ticket

import (
	"bytes"
	_ "embed"
	"errors"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// DejaVu Sans knows the letters of Latin, Greek, Cyrillic and Arabic names.
//
//go:embed fonts/DejaVuSans.ttf
var regular []byte

//go:embed fonts/DejaVuSans-Bold.ttf
var bold []byte

// Sheet is a file of tickets to print, a page each.
type Sheet struct {
	Lang   string // BCP 47, of all words
	Title  string // of the file
	Author string
	Made   time.Time
	Pages  []Page
}

// Page is one ticket on paper. All words come from whoever prints.
type Page struct {
	Kicker string // above the heading: "Eintrittskarte 1 von 2"
	Title  string
	Facts  []Fact
	Code   string   // drawn as QR code; empty: none
	Notes  []string // below the code
}

// Fact is a labelled line.
type Fact struct{ Label, Value string }

// Lengths in millimetres, sizes of type in points.
const (
	margin  = 20.0
	qrWidth = 70.0
	labels  = 45.0
)

// PDF writes the sheet: A4, the fonts embedded as far as they are used, title and
// language set. The text can be selected and searched; it has no structure tags,
// so the page of the booking is what people with screen readers are pointed to.
func (s Sheet) PDF() ([]byte, error) {
	if len(s.Pages) == 0 {
		return nil, errors.New("ticket: a sheet without pages")
	}
	f := fpdf.New("P", "mm", "A4", "")
	f.SetTitle(printable(s.Title), true)
	f.SetAuthor(printable(s.Author), true)
	f.SetCreator("Kassel Service Point", true)
	f.SetLang(s.Lang)
	f.SetCreationDate(s.Made)
	f.SetModificationDate(s.Made)
	f.SetCatalogSort(true)
	f.SetMargins(margin, margin, margin)
	f.SetAutoPageBreak(true, margin)
	f.AddUTF8FontFromBytes("dejavu", "", regular)
	f.AddUTF8FontFromBytes("dejavu", "B", bold)
	for _, p := range s.Pages {
		if err := p.draw(f); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	if err := f.Output(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (p Page) draw(f *fpdf.Fpdf) error {
	f.AddPage()
	f.SetTextColor(70, 70, 70)
	f.SetFont("dejavu", "", 11)
	f.MultiCell(0, 6, visual(p.Kicker), "", "L", false)
	f.Ln(1)
	f.SetTextColor(0, 0, 0)
	f.SetFont("dejavu", "B", 20)
	f.MultiCell(0, 9.5, visual(p.Title), "", "L", false)
	f.Ln(4)
	for _, fact := range p.Facts {
		y := f.GetY()
		f.SetFont("dejavu", "", 10.5)
		f.SetTextColor(70, 70, 70)
		f.MultiCell(labels, 6.5, visual(fact.Label), "", "L", false)
		below := f.GetY()
		f.SetXY(margin+labels, y)
		f.SetFont("dejavu", "B", 10.5)
		f.SetTextColor(0, 0, 0)
		f.MultiCell(0, 6.5, visual(fact.Value), "", "L", false)
		f.SetY(max(below, f.GetY()) + 1)
	}
	if p.Code != "" {
		if err := drawQR(f, p.Code); err != nil {
			return err
		}
	}
	f.SetFont("dejavu", "", 10.5)
	for _, note := range p.Notes {
		f.MultiCell(0, 6, visual(note), "", "L", false)
		f.Ln(2)
	}
	return f.Error()
}

// drawQR draws the modules as rectangles, sharp at every size.
func drawQR(f *fpdf.Fpdf, code string) error {
	rows, err := modules(code)
	if err != nil {
		return err
	}
	f.Ln(4)
	_, height := f.GetPageSize()
	if f.GetY()+qrWidth > height-margin {
		f.AddPage()
	}
	step := qrWidth / float64(len(rows))
	f.SetFillColor(0, 0, 0)
	x0, y0 := margin+4, f.GetY()+2
	for y, row := range rows {
		for x := 0; x < len(row); x++ {
			if !row[x] {
				continue
			}
			from := x
			for x < len(row) && row[x] {
				x++
			}
			f.Rect(x0+float64(from)*step, y0+float64(y)*step, float64(x-from)*step, step+0.01, "F")
		}
	}
	f.SetXY(margin, y0+qrWidth+6)
	return f.Error()
}

package exports

import (
	"strings"

	"github.com/xuri/excelize/v2"
)

const tableStyle = "TableStyleLight9"

var frozenHeader = &excelize.Panes{
	Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft",
	Selection: []excelize.Selection{{SQRef: "A2", ActiveCell: "A2", Pane: "bottomLeft"}},
}

// styles are the style numbers of one workbook.
type styles struct {
	head, title, label, wrap, date, clock, percent, mean int
}

func newStyles(f *excelize.File) (s styles, err error) {
	iso, hours, twoDigits, percent := "yyyy-mm-dd", "hh:mm", "0.00", "0.0"
	for _, one := range []struct {
		id    *int
		style excelize.Style
	}{
		{&s.head, excelize.Style{
			Font:      &excelize.Font{Bold: true, Color: "FFFFFF"},
			Fill:      excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"1F3864"}},
			Alignment: &excelize.Alignment{Vertical: "top", WrapText: true},
		}},
		{&s.title, excelize.Style{Font: &excelize.Font{Bold: true, Size: 16}}},
		{&s.label, excelize.Style{Font: &excelize.Font{Bold: true}, Alignment: &excelize.Alignment{Vertical: "top", WrapText: true}}},
		{&s.wrap, excelize.Style{Alignment: &excelize.Alignment{Vertical: "top", Horizontal: "left", WrapText: true}}},
		{&s.date, excelize.Style{CustomNumFmt: &iso}},
		{&s.clock, excelize.Style{CustomNumFmt: &hours}},
		{&s.percent, excelize.Style{CustomNumFmt: &percent}},
		{&s.mean, excelize.Style{CustomNumFmt: &twoDigits}},
	} {
		if *one.id, err = f.NewStyle(&one.style); err != nil {
			return s, err
		}
	}
	return s, nil
}

// printing sets a sheet up for paper: A4 across, as wide as one page. Who may use
// the workbook stands at the foot of every page.
func (b *book) printing(sheet string) error {
	paper, across, wide, high, fit := 9, "landscape", 1, 0, true
	if sheet == SheetReadme {
		across = "portrait"
	}
	if err := b.file.SetSheetProps(sheet, &excelize.SheetPropsOptions{FitToPage: &fit}); err != nil {
		return err
	}
	if err := b.file.SetPageLayout(sheet, &excelize.PageLayoutOptions{
		Size: &paper, Orientation: &across, FitToWidth: &wide, FitToHeight: &high,
	}); err != nil {
		return err
	}
	const longest = 100 // of the 255 characters that a footer takes
	foot := "Stadt Kassel – nicht zur Veröffentlichung"
	if b.watermark != "" {
		foot += "\n" + paperText(b.watermark, longest)
	}
	return b.file.SetHeaderFooter(sheet, &excelize.HeaderFooterOptions{
		OddHeader: "&L&A&R" + paperText(b.heading, longest),
		OddFooter: "&L" + foot + "&RSeite &P von &N",
	})
}

// paperText is a text as headers and footers take it: on one line, "&" doubled
// because codes begin with it, and not too long.
func paperText(s string, units int) string {
	short := cutUnits(singleLine(strings.Map(legalRune, s)), units)
	if len(short) < len(singleLine(strings.Map(legalRune, s))) {
		short = cutUnits(short, units-1) + "…"
	}
	return strings.ReplaceAll(short, "&", "&&")
}

// colours of charts: told apart without colour vision, and by lightness in print.
var colours = []string{"1F3864", "C55A11", "2E75B6", "7F7F7F", "548235", "BF9000"}

func fillOf(i int) excelize.Fill {
	return excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{colours[i%len(colours)]}}
}

func lineOf(i int) excelize.LineOptions {
	return excelize.LineOptions{Width: 2, Fill: fillOf(i)}
}

// barChart is a chart of lying bars, the first on top; series and size follow.
func barChart(title string) *excelize.Chart {
	gap := uint(50)
	return &excelize.Chart{
		Type:      excelize.Bar,
		Title:     excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: title, Font: &excelize.Font{Size: 12, Bold: true}}}},
		Legend:    excelize.ChartLegend{Position: "none"},
		Dimension: excelize.ChartDimension{Width: chartWidth, Height: 300},
		XAxis:     excelize.ChartAxis{ReverseOrder: true},
		YAxis:     excelize.ChartAxis{MajorGridLines: true, Minimum: new(float64)},
		GapWidth:  &gap,
	}
}

const chartWidth = 900 // pixels

// chartHeight is in pixels, for so many bars; lines need no more room for more.
func chartHeight(n int, line bool) uint {
	if line {
		return 380
	}
	return uint(min(140+26*n, 1200))
}

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
	head, title, bold, label, wrap, date, clock, number, percent, mean, degrees int
}

func newStyles(f *excelize.File) (s styles, err error) {
	iso, hours, twoDigits, percent, degrees := "yyyy-mm-dd", "hh:mm", "0.00", "0.0", "0.0000"
	font := func(bold bool, size float64, colour string) *excelize.Font {
		return &excelize.Font{Family: "Calibri", Bold: bold, Size: size, Color: colour} // without family some programs take one with serifs
	}
	for _, one := range []struct {
		id    *int
		style excelize.Style
	}{
		{&s.head, excelize.Style{
			Font:      font(true, 11, "FFFFFF"),
			Fill:      excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"1F3864"}},
			Alignment: &excelize.Alignment{Vertical: "top", WrapText: true},
		}},
		{&s.title, excelize.Style{Font: font(true, 16, "")}},
		{&s.bold, excelize.Style{Font: font(true, 11, "")}},
		{&s.label, excelize.Style{Font: font(true, 11, ""), Alignment: &excelize.Alignment{Vertical: "top", WrapText: true}}},
		{&s.wrap, excelize.Style{Alignment: &excelize.Alignment{Vertical: "top", Horizontal: "left", WrapText: true}}},
		{&s.number, excelize.Style{Alignment: &excelize.Alignment{Vertical: "top"}}},
		{&s.date, excelize.Style{CustomNumFmt: &iso}},
		{&s.clock, excelize.Style{CustomNumFmt: &hours}},
		{&s.percent, excelize.Style{CustomNumFmt: &percent, Alignment: &excelize.Alignment{Vertical: "top"}}},
		{&s.mean, excelize.Style{CustomNumFmt: &twoDigits, Alignment: &excelize.Alignment{Vertical: "top"}}},
		{&s.degrees, excelize.Style{CustomNumFmt: &degrees, Alignment: &excelize.Alignment{Vertical: "top"}}},
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

// barChart is a chart of lying bars, the first on top; series and size follow.
func barChart(title string) *excelize.Chart {
	gap := uint(50)
	font := excelize.Font{Color: "404040", Size: 9} // the library's own is too pale to read
	return &excelize.Chart{
		Type:      excelize.Bar,
		Title:     excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: title, Font: &excelize.Font{Size: 12, Bold: true, Color: "000000"}}}},
		Legend:    excelize.ChartLegend{Position: "none"},
		Dimension: excelize.ChartDimension{Width: chartWidth, Height: 300},
		XAxis:     excelize.ChartAxis{ReverseOrder: true, Font: font},
		YAxis:     excelize.ChartAxis{MajorGridLines: true, Minimum: new(float64), Font: font},
		GapWidth:  &gap,
	}
}

// lineChart is a chart of lines over count values, as [barChart].
func lineChart(title string, count int) *excelize.Chart {
	const labels = 12 // have room below
	c := barChart(title)
	c.Type, c.Dimension.Height, c.XAxis.ReverseOrder = excelize.Line, chartHeight(count, true), false
	c.XAxis.TickLabelSkip = (count + labels - 1) / labels
	c.XAxis.Alignment.TextRotation = 90
	return c
}

// lineOf is the series of a line.
func lineOf(i int, name, categories, values string) excelize.ChartSeries {
	return excelize.ChartSeries{
		Name: name, Categories: categories, Values: values, Fill: fillOf(i),
		Line: excelize.LineOptions{Width: 2}, Marker: excelize.ChartMarker{Symbol: "none"},
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

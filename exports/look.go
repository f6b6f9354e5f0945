package exports

import (
	"fmt"

	"github.com/xuri/excelize/v2"
)

const tableStyle = "TableStyleLight9"

var frozenHeader = &excelize.Panes{
	Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft",
	Selection: []excelize.Selection{{SQRef: "A2", ActiveCell: "A2", Pane: "bottomLeft"}},
}

// styles are the style numbers of one workbook.
type styles struct {
	head, title, label, wrap, date, percent, mean int
}

func newStyles(f *excelize.File) (s styles, err error) {
	iso, twoDigits, percent := "yyyy-mm-dd", "0.00", "0.0"
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
		{&s.percent, excelize.Style{CustomNumFmt: &percent}},
		{&s.mean, excelize.Style{CustomNumFmt: &twoDigits}},
	} {
		if *one.id, err = f.NewStyle(&one.style); err != nil {
			return s, err
		}
	}
	return s, nil
}

// printing sets a sheet up for paper: A4 across, as wide as one page, with the
// header row on every page.
func (w *workbook) printing(sheet string) error {
	paper, across, wide, high, fit := 9, "landscape", 1, 0, true
	if sheet == SheetReadme {
		across = "portrait"
	}
	if err := w.file.SetSheetProps(sheet, &excelize.SheetPropsOptions{FitToPage: &fit}); err != nil {
		return err
	}
	if err := w.file.SetPageLayout(sheet, &excelize.PageLayoutOptions{
		Size: &paper, Orientation: &across, FitToWidth: &wide, FitToHeight: &high,
	}); err != nil {
		return err
	}
	return w.file.SetHeaderFooter(sheet, &excelize.HeaderFooterOptions{
		OddHeader: "&L&A&RUmfrage " + w.merged.Slug,
		OddFooter: "&LStadt Kassel – nicht zur Veröffentlichung&RSeite &P von &N",
	})
}

// name gives names to what formulas and pivot tables refer to: the data, each
// item's column ("Antwort_" + code), and the rows repeated on paper.
func (w *workbook) name() error {
	last, err := excelize.ColumnNumberToName(len(w.columns))
	if err != nil {
		return err
	}
	end := w.survey.Count + 1
	names := []excelize.DefinedName{{Name: "Daten", RefersTo: fmt.Sprintf("%s!$A$1:$%s$%d", SheetCodes, last, end)}}
	for i, col := range w.columns {
		if col.variable == nil || col.option != nil || w.survey.Count == 0 {
			continue
		}
		letter, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		names = append(names, excelize.DefinedName{
			Name: "Antwort_" + col.name, RefersTo: fmt.Sprintf("%s!$%s$2:$%s$%d", SheetCodes, letter, letter, end),
		})
	}
	for _, sheet := range []string{SheetCodebook, SheetCodes, SheetText, SheetFrequencies} {
		names = append(names, excelize.DefinedName{Name: "_xlnm.Print_Titles", RefersTo: "'" + sheet + "'!$1:$1", Scope: sheet})
	}
	for i := range names {
		if err := w.file.SetDefinedName(&names[i]); err != nil {
			return fmt.Errorf("name %s: %w", names[i].Name, err)
		}
	}
	return nil
}

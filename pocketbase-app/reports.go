package main

import (
	"context"

	"servicepoint/content"
	"servicepoint/content/report"
	"servicepoint/exports"
	"servicepoint/exports/frame"
	"servicepoint/pocketbase-app/planning"
)

// reportList lists the reports at /planung/berichte/. A new one costs a function in
// its matter, its words in planning and one line here.
func (s *server) reportList() []planning.Report {
	type tables = []planning.ReportTables
	return []planning.Report{
		{Slug: "buchungen", Tables: tables{s.booking.Report}},
		{Slug: "anliegen", Tables: tables{s.cases.Report}},
		{Slug: "service-point", Tables: tables{s.participation.VisitsReport}},
		{Slug: "termine", Tables: tables{s.appointments.Report}},
		{Slug: "ideen", Tables: tables{s.ideas.Report}},
		{Slug: "live", Tables: tables{s.live.Report}},
	}
}

// writeReport turns the tables of a report into a workbook.
func (s *server) writeReport(ctx context.Context, path, title string, about [][2]string, tables []*report.Table) error {
	t := exports.Tables{Title: title, About: about, Exported: s.p.Now(), Program: "servicepoint " + version}
	for _, one := range tables {
		t.Frames = append(t.Frames, reportFrame(one, s.p.Words.In(content.German, "staff.reports.few_cell")))
		if len(one.Chart) > 0 && len(one.Rows) > 0 {
			t.Charts = append(t.Charts, exports.Chart{Title: one.Title, Frame: one.Name, Category: one.Columns[0].Name, Values: one.Chart})
		}
	}
	_, err := exports.WriteTables(ctx, path, t, nil)
	return err
}

// reportFrame is a table of a report as the exports take it; few stands in place
// of hidden numbers.
func reportFrame(t *report.Table, few string) *frame.Frame {
	german := func(s string) content.Text { return content.Text{content.German: s} }
	kinds := map[report.Kind]frame.Kind{report.Number: frame.Integer, report.Decimal: frame.Decimal, report.Day: frame.Day}
	f := &frame.Frame{Name: t.Name, Title: german(t.Title), Count: len(t.Rows)}
	for _, c := range t.Columns {
		kind, ok := kinds[c.Kind]
		if !ok {
			kind = frame.Text
		}
		f.Columns = append(f.Columns, frame.Column{Name: c.Name, Label: german(c.Label), Kind: kind, Unit: c.Unit})
	}
	f.Rows = func(yield func([]frame.Value, error) bool) {
		cells := make([]frame.Value, len(t.Columns))
		for _, row := range t.Rows {
			for i, cell := range row {
				switch cell := cell.(type) {
				case int:
					cells[i] = frame.Num(float64(cell))
				case float64:
					cells[i] = frame.Num(cell)
				case string:
					cells[i] = frame.Str(cell)
				case nil:
					cells[i] = frame.Value{}
				default:
					cells[i] = frame.Str(few)
				}
			}
			if !yield(cells, nil) {
				return
			}
		}
	}
	return f
}

package planning

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	drawing "servicepoint/content/chart"
	"servicepoint/content/report"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Report is a report on more than surveys. Its texts are the words
// "staff.reports.<slug>.title", ".lead" and ".missing" (what is not recorded).
type Report struct {
	Slug   string // in its address
	Tables []ReportTables
}

// ReportTables gives tables of a report; it reads db only.
type ReportTables = func(ctx context.Context, db dbx.Builder, p report.Period) ([]*report.Table, error)

// Reports are the pages of reports. All tables of one report come from one read
// transaction.
type Reports struct {
	p     *base.Platform
	list  []Report
	write WriteReport
}

// WriteReport writes the tables of a report to a workbook at path, whole or not
// at all; about are lines that say what it is.
type WriteReport func(ctx context.Context, path, title string, about [][2]string, tables []*report.Table) error

// NewReports makes the pages of the reports in the list.
func NewReports(p *base.Platform, list []Report, write WriteReport) *Reports {
	return &Reports{p, list, write}
}

// Bind adds the routes; all of them are for planners and admins.
func (rs *Reports) Bind(se *core.ServeEvent) {
	need := base.Need(base.Planner, base.Admin)
	rs.p.Route(se, "GET", "/planung/berichte/{$}", rs.showList, need)
	rs.p.Route(se, "GET", "/planung/berichte/{slug}/{$}", rs.show, need)
	rs.p.Route(se, "GET", "/planung/berichte/{slug}/datei/{$}", rs.download, need)
}

func (rs *Reports) word(key string, args ...any) string {
	return rs.p.Words.In(content.German, key, args...)
}

// reportName is an entry of the list.
type reportName struct{ Slug, Title, Lead string }

func (rs *Reports) name(slug string) reportName {
	return reportName{slug, rs.word("staff.reports." + slug + ".title"), rs.word("staff.reports." + slug + ".lead")}
}

func (rs *Reports) showList(e *core.RequestEvent) error {
	var names []reportName
	for _, r := range rs.list {
		names = append(names, rs.name(r.Slug))
	}
	return rs.p.Show(e, http.StatusOK, pages, "reports", base.View{Title: rs.word("staff.reports.title"), Data: names})
}

// reportView is one report on its page.
type reportView struct {
	reportName
	Missing string
	Period  report.Period
	Counted string
	Tables  []tableView
}

// File is the address of the workbook.
func (v reportView) File() string {
	return "/planung/berichte/" + v.Slug + "/datei/?" + url.Values{"from": {v.Period.From}, "to": {v.Period.To}}.Encode()
}

// Days says the period.
func (v reportView) Days() string {
	return report.Say(v.Period.From, report.Day, "") + " – " + report.Say(v.Period.To, report.Day, "")
}

type tableView struct {
	*report.Table
	Chart template.HTML
	Lines [][]cellView
	Few   bool // something is hidden
}

type cellView struct {
	Text   string
	Number bool
}

// show is GET /planung/berichte/<slug>/?from=…&to=…; without a period it is the
// last twelve months. A wrong period is answered with 422 and the form.
func (rs *Reports) show(e *core.RequestEvent) error {
	r, p, problems, err := rs.asked(e)
	if err != nil {
		return err
	}
	view := reportView{reportName: rs.name(r.Slug), Missing: rs.word("staff.reports." + r.Slug + ".missing"), Period: p}
	form := url.Values{"from": {p.From}, "to": {p.To}}
	if len(problems) > 0 {
		return rs.p.Show(e, http.StatusUnprocessableEntity, pages, "report", base.View{Title: view.Title, Data: view, Form: form, Problems: problems})
	}
	tables, at, err := rs.read(e.Request.Context(), r, p)
	if err != nil {
		return err
	}
	view.Counted = at.In(content.Berlin).Format("02.01.2006, 15:04")
	for _, t := range tables {
		view.Tables = append(view.Tables, rs.tableView(t))
	}
	return rs.p.Show(e, http.StatusOK, pages, "report", base.View{Title: view.Title, Data: view, Form: form})
}

// asked is the report and the period of a request.
func (rs *Reports) asked(e *core.RequestEvent) (r Report, p report.Period, problems content.Problems, err error) {
	slug := e.Request.PathValue("slug")
	for _, one := range rs.list {
		if one.Slug == slug {
			r = one
		}
	}
	if r.Slug == "" {
		return r, p, nil, base.ErrNotFound
	}
	q := e.Request.URL.Query()
	if !q.Has("from") && !q.Has("to") {
		return r, report.LastYear(rs.p.Now()), nil, nil
	}
	p = report.Period{From: strings.TrimSpace(q.Get("from")), To: strings.TrimSpace(q.Get("to"))}
	return r, p, p.Check(), nil
}

// read takes all tables of a report from one read transaction.
func (rs *Reports) read(ctx context.Context, r Report, p report.Period) (tables []*report.Table, at time.Time, err error) {
	db, err := base.ConnectSnapshot(filepath.Join(rs.p.App.DataDir(), "data.db"))
	if err != nil {
		return nil, at, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil) // DEFERRED: the first query fixes the moment
	if err != nil {
		return nil, at, err
	}
	defer tx.Rollback() // nothing was written
	at = rs.p.Now()
	for _, part := range r.Tables {
		some, err := part(ctx, tx, p)
		if err != nil {
			return nil, at, err
		}
		tables = append(tables, some...)
	}
	for _, t := range tables {
		if err := t.Check(); err != nil {
			return nil, at, err
		}
	}
	return tables, at, nil
}

// download is GET /planung/berichte/<slug>/datei/?from=…&to=…
func (rs *Reports) download(e *core.RequestEvent) error {
	r, p, problems, err := rs.asked(e)
	if err != nil {
		return err
	}
	if len(problems) > 0 { // its page says what is wrong
		return e.Redirect(http.StatusSeeOther, "/planung/berichte/"+r.Slug+"/?"+url.Values{"from": {p.From}, "to": {p.To}}.Encode())
	}
	ctx := e.Request.Context()
	tables, at, err := rs.read(ctx, r, p)
	if err != nil {
		return err
	}
	name := rs.name(r.Slug)
	view := reportView{Period: p}
	about := [][2]string{
		{rs.word("staff.reports.period"), view.Days()},
		{rs.word("staff.reports.counted"), at.In(content.Berlin).Format("02.01.2006, 15:04")},
		{rs.word("staff.reports.what"), name.Lead},
		{rs.word("staff.reports.missing"), rs.word("staff.reports." + r.Slug + ".missing")},
		{rs.word("staff.reports.few"), rs.word("staff.reports.few_help")},
	}
	for _, t := range tables {
		about = append(about, [2]string{t.Title, t.Note})
	}
	dir, err := os.MkdirTemp("", "bericht-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := "bericht_" + r.Slug + "_" + p.From + "_" + p.To + ".xlsx"
	if err := rs.write(ctx, filepath.Join(dir, file), name.Title, about, tables); err != nil {
		return err
	}
	h := e.Response.Header()
	h.Set("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	h.Set("Content-Disposition", `attachment; filename="`+file+`"`)
	h.Set("Cache-Control", "no-store")
	http.ServeFile(e.Response, e.Request, filepath.Join(dir, file))
	return nil
}

func (rs *Reports) tableView(t *report.Table) tableView {
	v := tableView{Table: t}
	few := rs.word("staff.reports.few_cell")
	for _, row := range t.Rows {
		var line []cellView
		for i, cell := range row {
			kind := t.Columns[i].Kind
			line = append(line, cellView{report.Say(cell, kind, few), kind == report.Number || kind == report.Decimal})
			v.Few = v.Few || report.IsFew(cell)
		}
		v.Lines = append(v.Lines, line)
	}
	v.Chart = rs.draw(t)
	return v
}

// mostBars is how many rows a drawing has room for; the table has all.
const mostBars = 25

// draw draws the columns of a table that it names, bars for each row.
func (rs *Reports) draw(t *report.Table) template.HTML {
	if len(t.Chart) == 0 || len(t.Rows) == 0 {
		return ""
	}
	few := rs.word("staff.reports.few_cell")
	var columns []int
	var legend []string
	for _, name := range t.Chart {
		for i, c := range t.Columns {
			if c.Name == name {
				columns, legend = append(columns, i), append(legend, c.Label)
			}
		}
	}
	// Rows without anything before the first with something and after the last, such
	// as the months before the program was used, are in the table only.
	empty := func(row []any) bool {
		return !slices.ContainsFunc(columns, func(i int) bool { return amount(row[i]) != 0 })
	}
	rows := t.Rows
	for len(rows) > 0 && empty(rows[0]) {
		rows = rows[1:]
	}
	for len(rows) > 0 && empty(rows[len(rows)-1]) {
		rows = rows[:len(rows)-1]
	}
	rows = rows[:min(len(rows), mostBars)]
	most := 0.0
	for _, row := range rows {
		for _, i := range columns {
			most = max(most, amount(row[i]))
		}
	}
	if most == 0 {
		return ""
	}
	desc := rs.word("staff.reports.chart", "what", strings.Join(legend, ", "), "rows", len(rows), "all", len(t.Rows))
	head := drawing.Head{ID: "b-" + t.Name, Title: t.Title, Desc: desc}
	if len(columns) == 1 {
		var bars []drawing.Bar
		for _, row := range rows {
			i := columns[0]
			bars = append(bars, drawing.Bar{
				Label: report.Say(row[0], t.Columns[0].Kind, few), Share: amount(row[i]) / most, Value: report.Say(row[i], t.Columns[i].Kind, few), None: amount(row[i]) < 0,
			})
		}
		return template.HTML(drawing.Bars(head, bars))
	}
	var groups []drawing.Group
	for _, row := range rows {
		g := drawing.Group{Label: report.Say(row[0], t.Columns[0].Kind, few)}
		for _, i := range columns {
			share := amount(row[i]) / most
			if share < 0 {
				share = -1
			}
			g.Shares, g.Values = append(g.Shares, share), append(g.Values, report.Say(row[i], t.Columns[i].Kind, few))
		}
		groups = append(groups, g)
	}
	return template.HTML(drawing.Grouped(head, legend, groups))
}

// amount is the number of a cell, -1 when there is none to show.
func amount(cell any) float64 {
	switch n := cell.(type) {
	case int:
		return float64(n)
	case float64:
		return n
	}
	return -1
}

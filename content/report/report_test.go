package report_test

import (
	"fmt"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/report"
)

func table(numbers ...int) *report.Table {
	t := &report.Table{Name: "t", Columns: []report.Column{{Name: "what", Kind: report.Text}, {Name: "n", Kind: report.Number}, {Name: "mean", Kind: report.Decimal}}}
	for i, n := range numbers {
		t.Add(fmt.Sprint(i), n, 1.5)
	}
	return t
}

func column(t *report.Table, i int) string {
	s := ""
	for _, row := range t.Rows {
		s += report.Say(row[i], t.Columns[i].Kind, "*") + " "
	}
	return s
}

func TestSmallNumbersAreHidden(t *testing.T) {
	for _, c := range []struct {
		numbers []int
		want    string
	}{
		{[]int{20, 3, 30}, "* * 30 "}, // the sum would tell a single hidden one
		{[]int{20, 0, 5}, "20 0 5 "},
		{nil, ""},
	} {
		one := table(c.numbers...)
		one.HideShares([]string{"n"}, "mean")
		if got := column(one, 1); got != c.want {
			t.Errorf("%v became %s, want %s", c.numbers, got, c.want)
		}
		if err := one.Check(); err != nil {
			t.Error(err)
		}
		for _, row := range one.Rows {
			if report.IsFew(row[1]) != report.IsFew(row[2]) {
				t.Errorf("the mean of hidden people is shown: %v", row)
			}
		}
	}
}

func TestCheckFindsWrongCells(t *testing.T) {
	for what, spoil := range map[string]func(*report.Table){
		"a cell too few": func(t *report.Table) { t.Add("x") }, "a text as number": func(t *report.Table) { t.Add("x", "7", 1.0) },
		"a number as text": func(t *report.Table) { t.Add(7, 7, 1.0) }, "no such column": func(t *report.Table) { t.Chart = []string{"m"} }, "texts drawn": func(t *report.Table) { t.Chart = []string{"what"} },
	} {
		one := table(7)
		spoil(one)
		if one.Check() == nil {
			t.Error(what)
		}
	}
}

func TestPeriods(t *testing.T) {
	p := report.LastYear(time.Date(2026, 12, 2, 23, 30, 0, 0, time.UTC)) // 3 December in Berlin
	if p != (report.Period{From: "2025-12-04", To: "2026-12-03"}) {
		t.Errorf("%+v", p)
	}
	if m := p.Months(); len(m) != 13 || m[0] != "2025-12" || m[12] != "2026-12" {
		t.Error(m)
	}
	var quarters string
	for _, q := range p.Quarters(time.Date(2026, 9, 30, 22, 30, 0, 0, time.UTC)) { // 1 October in Berlin
		quarters += q.Quarter() + " " + q.To + " "
	}
	if quarters != "2026 Q1 2026-03-31 2026 Q2 2026-06-30 2026 Q3 2026-09-30 " {
		t.Error(quarters)
	}
	// The last Sunday of October has 25 hours.
	from, to := report.Period{From: "2026-10-25", To: "2026-10-25"}.Bounds()
	if time.Duration(to-from)*time.Millisecond != 25*time.Hour {
		t.Error(to - from)
	}
	for _, c := range []struct{ from, to, want string }{
		{"2026-01-01", "2026-01-01", ""}, {"", "2026-01-01", "from:not_date"}, {"2026-02-30", "x", "from:not_date to:not_date"}, {"2026-01-02", "2026-01-01", "to:before_start"}, {"2000-01-01", "2026-01-01", "to:report_too_long"},
	} {
		got := ""
		for _, one := range (report.Period{From: c.from, To: c.to}).Check() {
			if got != "" {
				got += " "
			}
			got += one.Field + ":" + one.Code
		}
		if got != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
	}
	var problems content.Problems = report.Period{}.Check()
	if len(problems) != 2 {
		t.Error(problems)
	}
}

func TestQuantilesOfFewAreNotTold(t *testing.T) {
	if report.Quantile([]float64{1, 2, 3, 4}, 0.5) != nil {
		t.Error("four people's median was told")
	}
	if got := report.Quantile([]float64{5, 1, 4, 2, 3}, 0.5); got != 3.0 {
		t.Error(got)
	}
	if got := report.Quantile([]float64{1, 2, 3, 4, 5}, 0.9); got != 4.6 {
		t.Error(got)
	}
}

func ExampleSay() {
	fmt.Println(report.Say(1234567, report.Number, ""), report.Say(12.34, report.Decimal, ""), report.Say("2026-12-02", report.Day, ""), report.Say("2026-12", report.Month, ""), report.Say(report.Few, report.Number, "unter 5"), report.Say(nil, report.Number, ""))
	// Output: 1.234.567 12,3 02.12.2026 12/2026 unter 5 –
}

package base

import (
	"strings"

	"servicepoint/content"
	"servicepoint/content/report"
)

// ReportTable begins a table of a report in the words of its matter: the title at
// "staff.report.<of>.<name>", what is counted at "….note", the label of a column
// at "staff.report.<of>.column.<column>". Columns are written as "name kind" or
// "name kind unit".
func (p *Platform) ReportTable(of, name string, columns ...string) *report.Table {
	say := func(key string) string { return p.Words.In(content.German, "staff.report."+of+"."+key) }
	t := &report.Table{Name: name, Title: say(name), Note: say(name + ".note")}
	for _, c := range columns {
		parts := append(strings.SplitN(c, " ", 3), "", "")
		t.Columns = append(t.Columns, report.Column{Name: parts[0], Label: say("column." + parts[0]), Kind: report.Kind(parts[1]), Unit: parts[2]})
	}
	return t
}

package formats

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"servicepoint/content/survey/formats/sheet"
)

// cell is one attribute of a source file, with the file as it is when the
// attribute says something else.
type cell struct {
	place, value string
	changed      func() []byte
}

// cellsOf lists every attribute of a source file, found without the importers.
func cellsOf(t *testing.T, name string, b []byte) []cell {
	switch Detect(name, b) {
	case SurveyJS:
		return jsonCells(t, b)
	case LSS:
		return lssCells(b)
	case TSV:
		return tsvCells(t, b)
	case XLSForm:
		return sheetCells(t, b)
	}
	t.Fatal(name)
	return nil
}

// other is a text that no importer takes for anything.
func other(value string) string { return "zq7" + value }

func jsonCells(t *testing.T, b []byte) (cells []cell) {
	var root any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&root); err != nil {
		t.Fatal(err)
	}
	var visit func(place string, v any, set func(any))
	visit = func(place string, v any, set func(any)) {
		add := func(value string, instead any) {
			cells = append(cells, cell{place, value, func() []byte {
				set(instead)
				defer set(v)
				out, err := json.Marshal(root)
				if err != nil {
					t.Fatal(err)
				}
				return out
			}})
		}
		switch v := v.(type) {
		case map[string]any:
			for _, k := range sortedKeys(v) {
				visit(place+"/"+k, v[k], func(x any) { v[k] = x })
			}
		case []any:
			for i := range v {
				visit(fmt.Sprintf("%s/%d", place, i), v[i], func(x any) { v[i] = x })
			}
		case string:
			add(v, other(v))
		case json.Number:
			add(v.String(), json.Number("17"))
		case bool:
			add(fmt.Sprint(v), !v)
		}
	}
	visit("", root, func(any) {})
	return cells
}

var lssCell = regexp.MustCompile(`\n +<([a-z0-9_]+)>(?:<!\[CDATA\[([^\]]+)\]\]>|([^<\s][^<]*))</`)

func lssCells(b []byte) (cells []cell) {
	table := regexp.MustCompile(`\n <([a-z0-9_]+)>`)
	tables := table.FindAllSubmatchIndex(b, -1)
	for _, m := range lssCell.FindAllSubmatchIndex(b, -1) {
		column := string(b[m[2]:m[3]])
		if column == "fieldname" || column == "language" && m[0] < 400 {
			continue // headings
		}
		from, to := m[4], m[5]
		if from < 0 {
			from, to = m[6], m[7]
		}
		in := ""
		for _, t := range tables {
			if t[0] < m[0] {
				in = string(b[t[2]:t[3]])
			}
		}
		value := string(b[from:to])
		if strings.TrimSpace(value) == "" {
			continue
		}
		cells = append(cells, cell{in + "/" + column, value, func() []byte {
			return slices.Concat(b[:from], []byte(other(value)), b[to:])
		}})
	}
	return cells
}

func tsvCells(t *testing.T, b []byte) (cells []cell) {
	rows, err := readRows(b)
	if err != nil {
		t.Fatal(err)
	}
	for r := range rows {
		for c := range rows[r] {
			value := rows[r][c]
			if r == 0 || strings.TrimSpace(value) == "" {
				continue
			}
			cells = append(cells, cell{rows[r][0] + "/" + rows[0][c], value, func() []byte {
				rows[r][c] = other(value)
				defer func() { rows[r][c] = value }()
				var out bytes.Buffer
				w := csv.NewWriter(&out)
				w.Comma = '\t'
				if err := w.WriteAll(rows); err != nil {
					t.Fatal(err)
				}
				return out.Bytes()
			}})
		}
	}
	return cells
}

func sheetCells(t *testing.T, b []byte) (cells []cell) {
	sheets, err := sheet.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	for s := range sheets {
		for r := range sheets[s].Rows {
			for c := range sheets[s].Rows[r] {
				value := sheets[s].Rows[r][c]
				if r == 0 || strings.TrimSpace(value) == "" {
					continue
				}
				cells = append(cells, cell{sheets[s].Name + "/" + sheets[s].Rows[0][c], value, func() []byte {
					sheets[s].Rows[r][c] = other(value)
					defer func() { sheets[s].Rows[r][c] = value }()
					out, err := sheet.Write(sheets)
					if err != nil {
						t.Fatal(err)
					}
					return out
				}})
			}
		}
	}
	return cells
}

// says is all that Read says of a file.
func says(name string, b []byte) string {
	q, losses, err := Read(name, b)
	if err != nil {
		return "error " + err.Error()
	}
	out, _, _ := Write(Own, q)
	lines := make([]string, len(losses))
	for i, l := range losses {
		lines[i] = fmt.Sprint(l, l.Count, l.Things)
	}
	return string(out) + strings.Join(lines, "\n")
}

// TestNothingIsDroppedSilently changes attributes of real files one at a time:
// the questionnaire or the report has to change, or the attribute would not have
// mattered. All attributes are tried with SERVICEPOINT_VERIFY, else some hundreds.
func TestNothingIsDroppedSilently(t *testing.T) {
	// Attributes that only say where a row belongs, or repeat what another row says:
	// changed alone they may say the same.
	belongs := map[string]bool{
		"LimeSurveyDocType": true, "surveys/sid": true, "surveys/language": true, "surveys/additional_languages": true,
		"groups/sid": true, "questions/sid": true, "subquestions/sid": true, "subquestions/gid": true, "subquestions/type": true,
		"answers/sortorder": true, "groups/group_order": true, "questions/question_order": true, "subquestions/question_order": true,
		"subquestions/qid": true, "groups/gid": true, "conditions/cid": true, "conditions/cqid": true, "question_attributes/qid": true,
		"G/type/scale": true, "S/language": true,
		"conditions/scenario": true, // of questions with one condition
		"groups/language":     true, // of groups without texts
	}
	for _, name := range realFiles {
		t.Run(name, func(t *testing.T) {
			b := real(t, name)
			cells := cellsOf(t, name, b)
			before := says(name, b)
			tries := 25
			if os.Getenv("SERVICEPOINT_VERIFY") != "" {
				tries = 1000
			}
			random := rand.New(rand.NewPCG(3, 5))
			random.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
			silent, tried := map[string][]string{}, 0
			for _, c := range cells {
				if tried == tries {
					break
				}
				if belongs[c.place] || strings.HasSuffix(c.place, "/visible") { // a rule beside it counts, not this
					continue
				}
				tried++
				if says(name, c.changed()) == before {
					silent[c.place] = append(silent[c.place], c.value)
				}
			}
			t.Logf("%d attributes, %d of them changed", len(cells), tried)
			for _, place := range sortedKeys(silent) {
				t.Errorf("%s: nobody notices a change, %d times, as of %.80q", place, len(silent[place]), silent[place][0])
			}
		})
	}
}

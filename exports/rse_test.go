package exports_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/formats"
	"servicepoint/exports"
	"servicepoint/exports/delimited"
	"servicepoint/exports/frame"

	"github.com/xuri/excelize/v2"
)

// The German research-software survey of 2017: its questionnaire as LimeSurvey
// wrote it and 325 published responses. Neither is part of the project.
func rseFiles(t *testing.T) (questionnaire, responses []byte) {
	t.Helper()
	shared := os.Getenv("SERVICEPOINT_SHARED")
	if shared == "" {
		shared = "../../shared"
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(shared, name))
		if errors.Is(err, os.ErrNotExist) {
			t.Skipf("NOT CHECKED: the German research-software survey is not here (%s); name the folder above surveys/ and responses/ in SERVICEPOINT_SHARED", name)
		}
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return read("surveys/de-rse_2017_limesurvey_tsv.txt"), read("responses/de-rse_2017_public_data.csv")
}

// published is a column of the published file: "code. text" or "code[part]. text".
type published struct {
	at         int
	item       *survey.Item
	code, part string
}

var heading = regexp.MustCompile(`^(\w+)(?:\[(\w+)\])?\.`)

func publishedColumns(t *testing.T, q survey.Questionnaire, head []string) (columns []published) {
	t.Helper()
	for i, h := range head[1:] { // the first has the number of the response
		m := heading.FindStringSubmatch(h)
		if m == nil {
			t.Fatalf("no code in %q", h)
		}
		c := published{at: i + 1, code: strings.ToLower(m[1]), part: strings.ToLower(m[2])}
		if c.item = q.Item(c.code); c.item == nil {
			t.Fatalf("the questionnaire was read without %s", c.code)
		}
		columns = append(columns, c)
	}
	return columns
}

// plainText is a text of the published file without what R left in it.
func plainText(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\ufeff", "")) }

func english(options []survey.Option, label string) (code string, ok bool) {
	for _, o := range options {
		if text, _ := o.Text.In(content.English); plainText(text) == label || o.Code == "other" && label == "Other" {
			return o.Code, true
		}
	}
	return "", false
}

// answersOf maps a published response to answers; what cannot be mapped is named.
func answersOf(columns []published, row []string) (a survey.Answers, lost []string) {
	a = survey.Answers{}
	for _, c := range columns {
		cell := plainText(row[c.at])
		if cell == "" {
			continue
		}
		code, ok := english(c.item.Choices(), cell)
		switch c.item.Type {
		case survey.SingleChoice:
			a[c.code] = code
		case survey.MatrixSingle:
			a[survey.Key(c.code, c.part)] = code
		case survey.Ranking:
			have, _ := a[c.code].([]string)
			a[c.code] = append(have, code)
		case survey.YesNo:
			code, ok = map[string]string{"Yes": "yes", "No": "no"}[cell], true
			a[c.code] = code
		case survey.MultipleChoice:
			have, _ := a[c.code].([]string)
			if cell == "Yes" {
				have = append(have, c.part)
			}
			if len(have) > 0 {
				a[c.code] = have
			}
			ok = true
		case survey.Number:
			n, err := strconv.ParseFloat(cell, 64)
			a[c.code], ok = n, err == nil
		default:
			a[c.code], ok = row[c.at], true
		}
		if !ok {
			lost = append(lost, c.code+" "+cell)
		}
	}
	return a, lost
}

// Imported and exported again, the survey equals what was published, cell by cell,
// but for what docs/exports.md names.
func TestRSESurveyEqualsWhatWasPublished(t *testing.T) {
	source, data := rseFiles(t)
	q, _, err := formats.Read("de-rse_2017_limesurvey_tsv.txt", source)
	if err != nil {
		t.Fatal(err)
	}
	q.Version = 1
	table, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	columns := publishedColumns(t, q, table[0])
	var rows []survey.Response
	problems := map[string]int{}
	for _, row := range table[1:] {
		a, lost := answersOf(columns, row)
		if len(lost) > 0 {
			t.Errorf("response %s: %v", row[0], lost)
		}
		raw := map[string]json.RawMessage{}
		for key, value := range a {
			if raw[key], err = json.Marshal(value); err != nil {
				t.Fatal(err)
			}
		}
		checked, wrong := q.Check(raw)
		for _, p := range wrong {
			problems[p.Code+" "+strings.TrimPrefix(p.Field, "answers.")]++
		}
		for key := range a {
			if _, ok := checked[key]; !ok {
				problems["dropped "+key]++
			}
		}
		rows = append(rows, survey.Response{Version: 1, Language: "en", Channel: "web", Day: "2017-12-01", ID: row[0], Answers: a})
	}
	// What we would have refused: required answers that were withheld or, in
	// LimeSurvey, given before a page was left; and eight texts over our limit.
	long := 0
	for p, n := range problems {
		if code, _, _ := strings.Cut(p, " "); code == "too_long" {
			long += n
		} else if code != "required" && code != "dropped" {
			t.Errorf("%d times %s", n, p)
		}
	}
	if long != 8 {
		t.Errorf("%d texts are too long", long)
	}
	s := exports.Survey{Versions: []survey.Questionnaire{q}, Rows: all(rows), Count: len(rows), FreeText: true, Personal: true}
	f, err := s.Frame(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	sink, err := delimited.NewCSV(&b, f)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(frame.Pour(t.Context(), f, nil, sink), sink.Close()); err != nil {
		t.Fatal(err)
	}
	exported, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, name := range exported[0] {
		at[name] = i
	}
	equal, unknown := 0, map[string]int{}
	for n, row := range table[1:] {
		for _, c := range columns {
			want, got := plainText(row[c.at]), plainText(again(f, exported[n+1], at, c))
			if c.item.Type == survey.Number && want != "" {
				number, _ := strconv.ParseFloat(want, 64)
				want = strconv.FormatFloat(number, 'f', -1, 64)
			}
			switch {
			case got == want:
				equal++
			case got == "" && want == "No" && rows[n].Answers[c.code] == nil:
				unknown[c.code]++ // nothing that was published was ticked
			default:
				t.Errorf("response %s, %s[%s]: %q, published %q", row[0], c.code, c.part, got, want)
			}
		}
	}
	// The option "other" was withheld: who ticked only that, or nothing, has "No"
	// everywhere; we tell nothing ticked from not ticked.
	if got := fmt.Sprint(slices.Sorted(maps.Keys(unknown))); got != "[currentemp13 fund2 fund3 fund4 tool4can ukrse2]" {
		t.Errorf("not comparable: %s %v", got, unknown)
	}
	n := 0
	for _, k := range unknown {
		n += k
	}
	if all := len(columns) * len(rows); equal+n != all || equal < 77_500 || len(columns) != 247 || len(rows) != 325 {
		t.Errorf("%d of %d cells of %d columns and %d responses are equal, %d not comparable", equal, all, len(columns), len(rows), n)
	}
	t.Logf("%d cells equal, %d not comparable: %v", equal, n, unknown)

	// The sheet of English texts says what was published without any translation.
	path := filepath.Join(t.TempDir(), "rse.xlsx")
	if _, err := exports.WriteWorkbook(t.Context(), path, s, nil); err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	sheet, err := book.GetRows(exports.SheetText + "_en")
	if err != nil || len(sheet) != len(rows)+1 {
		t.Fatalf("%d rows of English texts, %v", len(sheet), err)
	}
	checked := 0
	for n, row := range table[1:] {
		for _, c := range columns {
			want := plainText(row[c.at])
			column := slices.Index(sheet[0], c.code)
			switch c.item.Type {
			case survey.SingleChoice, survey.YesNo:
			case survey.MatrixSingle:
				column = slices.Index(sheet[0], survey.Key(c.code, c.part))
			default:
				continue
			}
			if want == "" {
				continue // the sheet says why there is no answer
			}
			if checked++; column >= len(sheet[n+1]) || plainText(sheet[n+1][column]) != want && want != "Other" {
				t.Errorf("response %s, %s[%s]: the sheet differs from %q", row[0], c.code, c.part, want)
			}
		}
	}
	if checked < 15_000 {
		t.Errorf("only %d cells checked", checked)
	}
}

// again is what the exported row says where the published one has a cell.
func again(f *frame.Frame, row []string, at map[string]int, c published) string {
	cell := func(name string) string {
		i, ok := at[name]
		if !ok {
			return "no column " + name
		}
		if strings.HasPrefix(row[i], "?") {
			return ""
		}
		return row[i]
	}
	label := func(name, code string) string {
		for _, col := range f.Columns {
			if col.Name == name {
				for _, cat := range col.Categories {
					if text, _ := cat.Text.In(content.English); cat.Code == code {
						return plainText(text)
					}
				}
			}
		}
		return code
	}
	switch c.item.Type {
	case survey.SingleChoice:
		return label(c.code, cell(c.code))
	case survey.MatrixSingle:
		key := survey.Key(c.code, c.part)
		return label(key, cell(key))
	case survey.Ranking:
		codes := strings.Fields(cell(c.code))
		if n, _ := strconv.Atoi(c.part); n <= len(codes) {
			return label(c.code, codes[n-1])
		}
		return ""
	case survey.YesNo:
		return label(c.code, cell(c.code))
	case survey.MultipleChoice:
		switch cell(survey.Key(c.code, c.part)) {
		case "1":
			return "Yes"
		case "0":
			return "No"
		}
		return ""
	}
	return cell(c.code)
}

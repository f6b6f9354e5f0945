package exports_test

import (
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/surveytest"
	"servicepoint/content/survey/tally"
	"servicepoint/exports"

	"github.com/xuri/excelize/v2"
)

// place is a survey with a place on the map, in three languages.
func place(rows []survey.Response) exports.Survey {
	s := fixture(rows)
	s.Versions = []survey.Questionnaire{surveytest.Everything()}
	return s
}

func rowsOfSheet(t *testing.T, f *excelize.File, sheet string) [][]string {
	t.Helper()
	rows, err := f.GetRows(sheet)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestCrosstablesAreThoseOfTheTally(t *testing.T) {
	var rows []survey.Response
	r := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		rows = append(rows, survey.Response{Version: 2, Language: "de", Channel: "web", Day: "2026-12-02", Answers: survey.Answers{
			"district": []string{"1", "2", "9"}[r.IntN(3)], "happy": float64(1 + r.IntN(5)),
		}})
	}
	s := fixture(rows)
	s.Pairs = []tally.Pair{{Row: "happy", Column: "district"}, {Row: "ideas", Column: "district"}, {Row: "nothing", Column: "happy"}, {Row: "happy", Column: "happy"}}
	f, _, _ := write(t, s)
	m, err := tally.Merge(s.Versions)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tally.Count(m, all(rows), s.Pairs[0])
	if err != nil {
		t.Fatal(err)
	}
	want := c.Tables()[0]
	sheet := rowsOfSheet(t, f, exports.SheetCrosstables)
	if sheet[2][0] != fmt.Sprintf("n = %d (beide Fragen beantwortet)", want.Base) || !slices.Equal(sheet[3], []string{"Anzahl", "Mitte", "Nord (Holland)", "Umland", "zusammen"}) {
		t.Errorf("head %q", sheet[:4])
	}
	for i := range want.Rows {
		for j := range want.Columns {
			if got := sheet[4+i][1+j]; got != strconv.Itoa(want.N[i][j]) {
				t.Errorf("row %d column %d is %s, want %d", i, j, got, want.N[i][j])
			}
		}
	}
	if len(sheet) != 4+len(want.Rows)+1+1+len(want.Rows) {
		t.Errorf("%d lines: other tables than the one that can be made", len(sheet))
	}
	sum := 0.0
	for i := range want.Rows {
		p, err := strconv.ParseFloat(sheet[4+len(want.Rows)+2+i][1], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += p
	}
	if sum < 99.7 || sum > 100.3 {
		t.Errorf("per cents of a column add up to %v", sum)
	}
	s.Pairs = []tally.Pair{}
	if f, _, _ := write(t, s); slices.Contains(f.GetSheetList(), exports.SheetCrosstables) {
		t.Error("cross-tables that nobody wanted")
	}
}

func TestQuestionsAreCrossedByWhatExplainsThem(t *testing.T) {
	f, _, _ := write(t, fixture(responses()))
	if got := dump(t, f); !strings.Contains(got, "Zeilen: Wie zufrieden sind Sie? (happy)\nSpalten: Wo wohnen Sie? (district)\nn = 2 ") {
		t.Error("happy is not crossed by district")
	}
}

func TestOpenAnswersAreShuffledAndStandAlone(t *testing.T) {
	const n = 400
	s := fixture(nil)
	s.Rows, s.Count, s.Random = many(n), n, nil
	f, _, _ := write(t, s)
	sheet := rowsOfSheet(t, f, exports.SheetOpenTexts)
	data := rowsOfSheet(t, f, exports.SheetCodes)
	if len(sheet) != n+1 || len(sheet[1]) != 3 {
		t.Fatalf("%d rows, the first %q", len(sheet), sheet[1])
	}
	var beside, alone []string
	same := 0
	for i := range n {
		text := data[i+1][slices.Index(data[0], "ideas")]
		beside, alone = append(beside, text), append(alone, sheet[i+1][2])
		if text == sheet[i+1][2] {
			same++
		}
	}
	// In the order of the rows all would be at their place; at random it is one on
	// average, and 20 happen less than once in 10^18 runs.
	if same > 20 {
		t.Errorf("%d of %d texts tell their row", same, n)
	}
	slices.Sort(beside)
	slices.Sort(alone)
	if !slices.Equal(beside, alone) {
		t.Error("other texts than the rows have")
	}
	s.Rows, s.FreeText = many(n), false
	if f, _, _ := write(t, s); slices.Contains(f.GetSheetList(), exports.SheetOpenTexts) {
		t.Error("open answers for somebody who is not cleared for them")
	}
}

func TestPlacesAreCountedInFields(t *testing.T) {
	var rows []survey.Response
	add := func(n int, key, at string) {
		for range n {
			rows = append(rows, survey.Response{Version: 1, Language: "de", Channel: "web", Day: "2026-12-02", Answers: survey.Answers{key: at}})
		}
	}
	add(12, "spot", "51.31271,9.47971") // one field
	add(3, "spot", "51.29000,9.45000")  // elsewhere, too few
	add(1, "spot", "48.13000,11.57000") // Munich
	add(2, "spot.place", "rathaus")
	s := place(rows)
	s.FreeText = false
	f, _, _ := write(t, s)
	text := dump(t, f)
	for _, secret := range []string{"51.31271", "9.47971", "51.29", "48.13", "11.57"} {
		if strings.Contains(text, secret) {
			t.Errorf("the exact place %s is shown", secret)
		}
	}
	sheet := rowsOfSheet(t, f, exports.SheetPlaces)
	total := 0
	for _, row := range sheet[1:] {
		n, err := strconv.Atoi(row[6])
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(row[3], "aus der Liste") {
			if n < 10 {
				t.Errorf("a group of %d: %q", n, row)
			}
			total += n
		} else if row[3] == "aus der Liste: Antwort rathaus" && n != 2 {
			t.Errorf("rathaus: %q", row)
		}
	}
	if total != 16 {
		t.Errorf("%d places, want 16: %q", total, sheet)
	}
}

func TestParadataAreNoFinerThanDayChannelAndLanguage(t *testing.T) {
	f, _, _ := write(t, fixture(responses()))
	sheet := rowsOfSheet(t, f, exports.SheetParadata)
	if !slices.Equal(sheet[0], []string{"Tag", "Antworten", "bisher", "über Internet", "über Terminal", "über Papier", "auf Deutsch", "auf Englisch"}) {
		t.Errorf("head %q", sheet[0])
	}
	if last := sheet[len(sheet)-1]; !slices.Equal(last, []string{"2026-12-24", "2", "4", "1", "0", "1", "2", "0"}) || len(sheet) != 1+52 {
		t.Errorf("%d rows, the last %q", len(sheet), last)
	}
}

func TestVersionsTellWhatChangedAndWhetherItStaysComparable(t *testing.T) {
	f, _, _ := write(t, fixture(responses()))
	text := dump(t, f)
	_, text, _ = strings.Cut(text, "== "+exports.SheetVersions)
	for _, want := range []string{"1 |  | ab 01.11.2026 08:00", "2 | themes | Antwort entfällt: Alte Antwort | nicht vergleichbar", "2 | happy | Neue Frage; frühere Antworten haben sie nicht"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "staff.") || strings.Contains(text, "{") {
		t.Errorf("words are missing:\n%s", text)
	}
}

func TestEveryLanguageHasItsSheetOfTexts(t *testing.T) {
	q := surveytest.Everything()
	s := place([]survey.Response{{Version: 1, Language: "en", Channel: "paper", Day: "2026-12-02", Answers: survey.Answers{"member": "yes"}}})
	f, _, _ := write(t, s)
	for lang, want := range map[string][2]string{"de": {"Ja", "[übersprungen]"}, "en": {"Yes", "[skipped]"}, "ls": {"Ja", "[übersprungen]"}} {
		sheet := exports.SheetText
		if lang != content.German {
			sheet += "_" + lang
		}
		if !slices.Contains(q.Languages, lang) {
			t.Fatalf("the questionnaire has no %s", lang)
		}
		if got, _ := cell(t, f, sheet, "member", 0); got != want[0] {
			t.Errorf("%s: member is %q", sheet, got)
		}
		if got, _ := cell(t, f, sheet, "topics", 0); got != want[1] {
			t.Errorf("%s: topics is %q", sheet, got)
		}
	}
	if got, _ := cell(t, f, exports.SheetText+"_en", "channel", 0); got != "Paper" {
		t.Errorf("channel is %q", got)
	}
	if head := rowsOfSheet(t, f, exports.SheetCodebook)[0]; !slices.Contains(head, "Fragetext (en)") || !slices.Contains(head, "Antworttext (en)") {
		t.Errorf("the codebook has no English: %q", head)
	}
}

func TestEveryClosedQuestionHasAChart(t *testing.T) {
	f, _, path := write(t, fixture(responses()))
	frequencies := rowsOfSheet(t, f, exports.SheetFrequencies)
	titles := map[string]bool{}
	reference := regexp.MustCompile(`<c:cat><c:strRef><c:f>'Häufigkeiten'!\$E\$(\d+):\$E\$(\d+)</c:f>`)
	for name, part := range unzip(t, path) {
		if !strings.HasPrefix(name, "xl/charts/") {
			continue
		}
		for _, title := range regexp.MustCompile(`<a:t>([^<]*)</a:t>`).FindAllStringSubmatch(part, -1) {
			titles[title[1]] = true
		}
		part = strings.ReplaceAll(strings.ReplaceAll(part, "&#39;", "'"), "&apos;", "'")
		if m := reference.FindStringSubmatch(part); m != nil {
			from, _ := strconv.Atoi(m[1])
			to, _ := strconv.Atoi(m[2])
			for i := from; i <= to; i++ { // every bar of one question and with per cents
				if row := frequencies[i-1]; row[0] != frequencies[from-1][0] || row[3] == "" || row[6] == "" {
					t.Errorf("%s draws row %d: %q", name, i, row)
				}
			}
			if before, after := frequencies[from-2][0], frequencies[to]; before == frequencies[from-1][0] || after[0] == frequencies[from-1][0] && after[3] != "" {
				t.Errorf("%s draws rows %d to %d, not all of %s", name, from, to, frequencies[from-1][0])
			}
		}
	}
	for _, want := range []string{"Antworten je Tag", "Wo wohnen Sie? (Prozent; n = 3)", "Welche Themen sind Ihnen wichtig? (Prozent; n = 2)", "Wie zufrieden sind Sie? (Prozent; n = 2)"} {
		if !titles[want] {
			t.Errorf("no chart %q among %v", want, titles)
		}
	}
}

// No part of the archive holds what the sheets do not show.
func TestNothingIsHiddenInTheArchive(t *testing.T) {
	s := fixture(responses())
	s.Watermark = "Petra Plan, Auswertung"
	f, _, path := write(t, s)
	for _, sheet := range f.GetSheetList() {
		if visible, err := f.GetSheetVisible(sheet); err != nil || !visible {
			t.Errorf("%s is hidden", sheet)
		}
	}
	parts := unzip(t, path)
	allowed := regexp.MustCompile(`^(\[Content_Types\]\.xml|_rels/\.rels|docProps/(app|core)\.xml|xl/(workbook|styles|sharedStrings)\.xml|xl/_rels/workbook\.xml\.rels|xl/theme/theme1\.xml|xl/worksheets/sheet\d+\.xml|xl/worksheets/_rels/sheet\d+\.xml\.rels|xl/tables/table\d+\.xml|xl/charts/chart\d+\.xml|xl/drawings/drawing\d+\.xml|xl/drawings/_rels/drawing\d+\.xml\.rels)$`)
	used := map[int]bool{}
	for name, text := range parts {
		if !allowed.MatchString(name) { // no calcChain, comments, custom XML, thumbnails, printer settings
			t.Errorf("part %s", name)
		}
		if strings.HasPrefix(name, "xl/worksheets/sheet") {
			if strings.Contains(text, `hidden="1"`) {
				t.Errorf("%s hides rows or columns", name)
			}
			for _, m := range regexp.MustCompile(`t="s"[^>]*><v>(\d+)</v>`).FindAllStringSubmatch(text, -1) {
				n, _ := strconv.Atoi(m[1])
				used[n] = true
			}
		}
		if strings.HasPrefix(name, "docProps/") && strings.Contains(text, "Petra") {
			t.Errorf("%s names a person", name)
		}
		if strings.HasPrefix(name, "xl/charts/") && (strings.Contains(text, "<c:pt") || strings.Contains(text, "externalData")) {
			t.Errorf("%s holds figures of its own", name)
		}
		if strings.HasPrefix(name, "xl/workbook") && regexp.MustCompile(`absPath|state="(very)?[hH]idden"`).MatchString(text) {
			t.Errorf("%s: %s", name, text)
		}
	}
	var table struct {
		SI []struct {
			Inner string `xml:",innerxml"`
		} `xml:"si"`
	}
	if err := xml.Unmarshal([]byte(parts["xl/sharedStrings.xml"]), &table); err != nil {
		t.Fatal(err)
	}
	for i, si := range table.SI {
		if !used[i] {
			t.Errorf("the shared string %s stands in no cell", si.Inner)
		}
	}
}

// A formula without a stored value is empty to everybody who does not calculate.
func TestThereAreNoFormulas(t *testing.T) {
	_, _, path := write(t, fixture(responses()))
	for name, text := range unzip(t, path) {
		if strings.HasPrefix(name, "xl/worksheets/") && regexp.MustCompile(`<f[ >]`).MatchString(text) {
			t.Errorf("%s has a formula", name)
		}
	}
}

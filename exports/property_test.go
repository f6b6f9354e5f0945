package exports_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/content/survey/surveytest"
	"servicepoint/content/survey/tally"
	"servicepoint/exports"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"
)

// Whatever the questionnaire and whatever answers it accepts: the sheet
// Daten_Codes, read back, holds exactly these answers, and every code in it is in
// the codebook.
func TestAcceptedAnswersComeBackFromTheSheet(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		q := surveytest.Questionnaires(t)
		var rows []survey.Response
		for range rapid.IntRange(0, 5).Draw(t, "responses") {
			if a, ok := accepted(t, q); ok {
				rows = append(rows, survey.Response{Version: 1, Language: "de", Channel: "web", Day: "2026-12-02", Seed: 4711, Answers: a, Personal: true})
			}
		}
		path := filepath.Join(dir, "x.xlsx")
		s := exports.Survey{Versions: []survey.Questionnaire{q}, Rows: all(rows), Count: len(rows), Personal: true, FreeText: true}
		if _, err := exports.WriteWorkbook(t.Context(), path, s, nil); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(path)
		f, err := excelize.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		known := codebook(t, f)
		merged, err := tally.Merge(s.Versions)
		if err != nil {
			t.Fatal(err)
		}
		sheet, err := f.GetRows(exports.SheetCodes)
		if err != nil {
			t.Fatal(err)
		}
		if len(sheet) != len(rows)+1 {
			t.Fatalf("%d rows, want %d", len(sheet), len(rows)+1)
		}
		for i, r := range rows {
			got := survey.Answers{}
			empty, err := merged.Empty(r) // knows what was left out
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range q.Variables() {
				s := ""
				for c, heading := range sheet[0] {
					if heading == v.Key && c < len(sheet[i+1]) {
						s = sheet[i+1][c]
					}
				}
				if s == "" {
					if empty[v.Key] != survey.NotAsked && empty[v.Key] != survey.LeftOut {
						t.Fatalf("%s is blank and was %s", v.Key, empty[v.Key])
					}
					continue
				}
				for _, code := range codesIn(v, s) {
					if !known[v.Key+" "+code] {
						t.Fatalf("%s holds %q, which is not in the codebook", v.Key, code)
					}
				}
				switch {
				case s == "?skipped":
					if empty[v.Key] != survey.Skipped {
						t.Fatalf("%s: %s was called skipped", v.Key, empty[v.Key])
					}
				case s == "?dont_know" || s == "?declined":
					got[survey.Mark(v.Key)] = s[1:]
				default:
					got[v.Key] = back(t, v, s)
				}
			}
			if string(got.Canonical()) != string(r.Answers.Canonical()) {
				t.Fatalf("came back as\n%s, was\n%s", got.Canonical(), r.Answers.Canonical())
			}
		}
	})
}

// accepted draws answers that the questionnaire accepts; what is wrong is left out.
func accepted(t *rapid.T, q survey.Questionnaire) (survey.Answers, bool) {
	raw, _ := surveytest.Sendings(t, q)
	for range 3 {
		a, problems := q.Check(raw)
		if len(problems) == 0 {
			return a, true
		}
		for _, p := range problems {
			key := strings.TrimPrefix(p.Field, "answers.")
			delete(raw, key)
			delete(raw, survey.Mark(key))
		}
	}
	return nil, false
}

// codebook lists "column code" for every code that the codebook knows.
func codebook(t *rapid.T, f *excelize.File) map[string]bool {
	rows, err := f.GetRows(exports.SheetCodebook)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, row := range rows[1:] {
		if len(row) > 5 {
			known[row[0]+" "+row[5]] = true
			known[row[1]+" "+row[5]] = true // options with a column of their own
			if i := strings.LastIndex(row[0], "."); i > 0 {
				known[row[0][:i]+" "+row[5]] = true // of a row of a matrix
			}
		}
	}
	return known
}

// codesIn are the codes that a cell holds, none when it holds a text or number.
func codesIn(v survey.Variable, s string) []string {
	switch {
	case s == "?skipped" || s == "?dont_know" || s == "?declined":
		return []string{s}
	case v.Listed:
		return strings.Fields(s)
	}
	return nil
}

// back reads an answer out of its cell.
func back(t *rapid.T, v survey.Variable, s string) any {
	switch v.Item.Type {
	case survey.Scale, survey.Number, survey.Calculated:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return f
	case survey.MultipleChoice, survey.MatrixMultiple, survey.Ranking, survey.File, survey.Photo:
		if v.Part == "" || v.Row != nil {
			return strings.Fields(s)
		}
	}
	if strings.HasPrefix(s, " ?") {
		return s[1:]
	}
	return s
}

func TestMarksAreToldFromTextsThatLookLikeThem(t *testing.T) {
	s := one(survey.ShortText, "?skipped", "? skipped")
	f, _, _ := write(t, s)
	for row, want := range []string{" ?skipped", "? skipped"} {
		if got, _ := cell(t, f, exports.SheetCodes, "q1", row); got != want {
			t.Errorf("row %d: %q, want %q", row, got, want)
		}
	}
}

// What tells who somebody is comes only for those who are cleared, and the seed
// of the random order, as good as an id, for nobody.
func TestPersonalAnswersAreLeftOut(t *testing.T) {
	q := surveytest.Everything()
	s := exports.Survey{Versions: []survey.Questionnaire{q}, FreeText: true, Count: 1, Rows: all([]survey.Response{{
		Version: 1, Day: "2026-12-02", Seed: 54321, Answers: survey.Answers{"reason": "price", "name": "Erika Geheim", "mail": "erika@geheim.example", "idea": "Bänke"},
	}})}
	for _, cleared := range []bool{false, true} {
		s.Personal = cleared
		f, _, _ := write(t, s)
		text := dump(t, f)
		if strings.Contains(text, "54321") || !strings.Contains(text, "Bänke") {
			t.Error("the seed is exported, or the idea is not")
		}
		if strings.Contains(text, "Geheim") != cleared || strings.Contains(text, "@geheim") != cleared {
			t.Errorf("cleared: %v, and personal answers are otherwise", cleared)
		}
	}
}

// What people wrote themselves comes only for those who are cleared for it.
func TestFreeTextsAreLeftOut(t *testing.T) {
	s := exports.Survey{Versions: []survey.Questionnaire{surveytest.Everything()}, Count: 1, Rows: all([]survey.Response{{
		Version: 1, Day: "2026-12-02", Answers: survey.Answers{"reason": "other", "reason.text": "mein Nachbar Karl", "idea": "Bänke", "spot": "51.31,9.49", "spot.address": "Karlstraße 7"},
	}})}
	for _, cleared := range []bool{false, true} {
		s.FreeText = cleared
		f, _, _ := write(t, s)
		text := dump(t, f)
		for _, secret := range []string{"Nachbar Karl", "Bänke", "51.31,9.49", "Karlstraße"} {
			if strings.Contains(text, secret) != cleared {
				t.Errorf("cleared: %v, and %q is otherwise", cleared, secret)
			}
		}
		if !strings.Contains(text, "Freitexte") {
			t.Error("Lesemich does not tell of free texts")
		}
	}
}

// Those who are not cleared get the texts that were released, as they were released,
// and no other: not those of the rows, not those of personal questions.
func TestReleasedTextsComeWithoutClearance(t *testing.T) {
	var rows []survey.Response
	for range 12 {
		rows = append(rows, survey.Response{Version: 1, Day: "2026-12-02", Answers: survey.Answers{"reason": "other", "reason.text": "mein Nachbar Karl", "idea": "Bänke vor Karls Haus"}})
	}
	s := exports.Survey{Versions: []survey.Questionnaire{surveytest.Everything()}, Count: len(rows), Rows: all(rows)}
	s.Released = []exports.ReleasedText{{Key: "idea", Text: "Bänke vor […]"}, {Key: "gone", Text: "Frage gibt es nicht"}}
	for _, cleared := range []bool{false, true} {
		s.FreeText = cleared
		f, _, _ := write(t, s)
		text := dump(t, f)
		for _, secret := range []string{"Nachbar Karl", "Karls Haus"} { // negative control: they are there for those who are cleared
			if strings.Contains(text, secret) != cleared {
				t.Errorf("cleared: %v, and %q is otherwise", cleared, secret)
			}
		}
		if strings.Contains(text, "Bänke vor […]") == cleared || strings.Contains(text, "Frage gibt es nicht") {
			t.Errorf("cleared: %v, and the released text is otherwise", cleared)
		}
		rows, err := f.GetRows(exports.SheetOpenTexts)
		if want := map[bool]int{false: 2, true: 25}[cleared]; err != nil || len(rows) != want {
			t.Errorf("cleared: %v: %d rows of open answers, want %d: %v", cleared, len(rows), want, err)
		}
	}
	s.Released, s.FreeText = nil, false
	if f, _, _ := write(t, s); slices.Contains(f.GetSheetList(), exports.SheetOpenTexts) {
		t.Error("an empty sheet of open answers")
	}
}

// The codebook says in words when a question is asked.
func TestTheCodebookTellsTheRouting(t *testing.T) {
	f, _, _ := write(t, exports.Survey{Versions: []survey.Questionnaire{surveytest.Everything()}, FreeText: true, Rows: all(nil)})
	text := dump(t, f)
	for _, want := range []string{"member ist „Ja“", "reason ist beantwortet", "berechnet: (people", "rank.b | rank", "grid.bus | grid", "reason.text | reason", "spot.place | spot"} {
		if !strings.Contains(text, want) {
			t.Errorf("the codebook lacks %q", want)
		}
	}
}

package formats

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"servicepoint/content"
)

// real is a real questionnaire of somebody else, see SOURCES.md beside it. They
// are not part of the project: without them the test is skipped.
func real(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(shared(), "surveys", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the real questionnaires are not here: %v; name their folder in SERVICEPOINT_SHARED", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// shared is the folder of foreign files beside the project.
func shared() string {
	if dir := os.Getenv("SERVICEPOINT_SHARED"); dir != "" {
		return dir
	}
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "../../../../shared")
}

var realFiles = []string{
	"melinda_mobility_de.lss", "melinda_mobility_surveyjs.json", "ostrale23_kiosk_surveyjs.json",
	"correlaid_testwerk_wirkung_2025_xlsform_de.xlsx", "correlaid_all_types_xlsform_de.xlsx", "correlaid_all_types_limesurvey.tsv",
	"de-rse_2017_limesurvey_tsv.txt",
}

func TestRealQuestionnairesBecomeOurs(t *testing.T) {
	want := map[string]struct{ pages, questions, options, conditions int }{
		"melinda_mobility_de.lss":                         {24, 38, 304, 41},
		"melinda_mobility_surveyjs.json":                  {48, 104, 813, 87},
		"ostrale23_kiosk_surveyjs.json":                   {1, 4, 21, 0},
		"correlaid_testwerk_wirkung_2025_xlsform_de.xlsx": {7, 21, 65, 2},
		"correlaid_all_types_xlsform_de.xlsx":             {7, 26, 24, 2},
		"correlaid_all_types_limesurvey.tsv":              {7, 26, 28, 2},
		"de-rse_2017_limesurvey_tsv.txt":                  {7, 70, 1119, 0},
	}
	for _, name := range realFiles {
		t.Run(name, func(t *testing.T) {
			q, losses, err := Read(name, real(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if p := q.Validate(); len(p) > 0 {
				t.Errorf("not to be published: %v", p)
			}
			got := want[name]
			got.pages, got.questions, got.options, got.conditions = len(q.Pages), 0, 0, 0
			for _, p := range q.Pages {
				if !p.ShowIf.IsZero() {
					got.conditions++
				}
				for _, it := range p.Items {
					if it.Asks() {
						got.questions++
					}
					got.options += len(it.Options)
					if !it.ShowIf.IsZero() {
						got.conditions++
					}
				}
			}
			if got != want[name] {
				t.Errorf("pages, questions, options, conditions: %v, want %v", got, want[name])
			}
			for _, l := range losses {
				if l.Place == "" || l.Count < 1 || l.In(content.German) == "" || l.In(content.English) == "" {
					t.Errorf("a loss without place, count or words: %#v", l)
				}
				if len([]rune(l.What)) > 200 {
					t.Errorf("%s: a loss as long as a letter", l.Place)
				}
			}
		})
	}
}

func TestEveryLossHasWordsAndEveryWordALoss(t *testing.T) {
	if !slices.Equal(sortedKeys(words[content.German]), sortedKeys(words[content.English])) {
		t.Error("the codes differ between the languages")
	}
	used := map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range Codes() {
			if strings.Contains(string(b), `"`+code+`"`) {
				used[code] = true
			}
		}
	}
	for _, code := range Codes() {
		if !used[code] {
			t.Errorf("no loss has the code %q", code)
		}
	}
}

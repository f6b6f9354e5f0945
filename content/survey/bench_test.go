package survey_test

import (
	"testing"

	"servicepoint/content/survey/surveytest"
)

func BenchmarkCheckSixty(b *testing.B) {
	q, raw := surveytest.Sixty()
	b.ReportAllocs()
	for b.Loop() {
		answers, problems := q.Check(raw)
		if len(problems) > 0 || len(answers) != 60 {
			b.Fatal(problems)
		}
	}
}

func BenchmarkFindingsSixty(b *testing.B) {
	q, _ := surveytest.Sixty()
	b.ReportAllocs()
	for b.Loop() {
		if list := q.Findings(); len(list) > 0 {
			b.Fatal(list)
		}
	}
}

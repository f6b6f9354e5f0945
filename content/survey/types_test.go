package survey_test

import (
	"net/url"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/content/survey/surveytest"
)

// TestAnswersOfEveryType sends the fields of one item at a time; "reason" is
// required and always there.
func TestAnswersOfEveryType(t *testing.T) {
	q := surveytest.Everything()
	const reason = `"reason":"price"`
	for _, c := range []struct{ what, form, answers, problems string }{
		{"other without its text", "reason=other", "", "reason.text required"},
		{"other with its text", "reason=other&reason.text=+Lage+", `{"reason":"other","reason.text":"Lage"}`, ""},
		{"a text without other is dropped", "reason=price&reason.text=Lage", `{` + reason + `}`, ""},
		{"other of several", "topics=other&topics.text=Bänke&topics=bus", `{` + reason + `,"topics":["bus","other"],"topics.text":"Bänke"}`, ""},
		{"don't know", "topics=?dont_know", `{` + reason + `,"topics?":"dont_know"}`, ""},
		{"no answer", "member=?declined", `{"member?":"declined",` + reason + `}`, ""},
		{"a mark that is not offered", "member=?dont_know", "", "member unknown_option"},
		{"a mark and an answer", "topics=bus&topics=?declined", "", "topics mark_and_answer"},
		{"mark of a scale", "content=?dont_know", `{"content?":"dont_know",` + reason + `}`, ""},
		{"yes", "member=yes", `{"member":"yes",` + reason + `}`, ""},
		{"neither yes nor no", "member=maybe", "", "member unknown_option"},
		{"asked after yes", "member=yes&since=1.2.2020", `{"member":"yes",` + reason + `,"since":"2020-02-01"}`, ""},
		{"hidden after no", "member=no&since=1.2.2020", `{"member":"no",` + reason + `}`, ""},
		{"hidden after no, even when wrong", "member=no&since=gestern", `{"member":"no",` + reason + `}`, ""},
		{"too early", "member=yes&since=31.12.1999", "", "since too_early"},
		{"district", "part=west", `{"part":"west",` + reason + `}`, ""},
		{"unknown district", "part=berlin", "", "part unknown_option"},
		{"ranking keeps its order", "rank=c&rank=a", `{"rank":["c","a"],` + reason + `}`, ""},
		{"ranking twice the same", "rank=c&rank=c", "", "rank twice"},
		{"matrix", "grid.bus=good&grid.tram=?dont_know", `{"grid.bus":"good","grid.tram?":"dont_know",` + reason + `}`, ""},
		{"matrix of several", "boxes.bus=night&boxes.bus=day", `{"boxes.bus":["day","night"],` + reason + `}`, ""},
		{"matrix, unknown column", "grid.bus=great", "", "grid.bus unknown_option"},
		{"number with its unit", "people=3+Personen", `{"double":6,"people":3,` + reason + `}`, ""},
		{"half a person", "people=1,5", "", "people not_integer"},
		{"a calculated value is never read", "double=99", `{` + reason + `}`, ""},
		{"time", "at=9.05+Uhr", `{"at":"09:05",` + reason + `}`, ""},
		{"full hour", "at=9", `{"at":"09:00",` + reason + `}`, ""},
		{"no time", "at=25:00", "", "at not_time"},
		{"e-mail", "mail=Anna@Example.ORG", `{"mail":"Anna@example.org",` + reason + `}`, ""},
		{"no e-mail", "mail=Anna+<anna@example.org>", "", "mail not_email"},
		{"no host", "mail=anna@localhost", "", "mail not_email"},
		{"street", "road=+Königstor+1+", `{` + reason + `,"road":"Königstor 1"}`, ""},
		{"point", "spot=51.3127,9.4797123", `{` + reason + `,"spot":"51.31270,9.47971"}`, ""},
		{"no point", "spot=north", "", "spot not_point"},
		{"beyond the pole", "spot=91,0", "", "spot not_point"},
		{"not a number", "spot=NaN,0", "", "spot not_point"},
		{"point from the list", "spot.place=rathaus", `{` + reason + `,"spot.place":"rathaus"}`, ""},
		{"point in words", "spot.address=am+Brunnen", `{` + reason + `,"spot.address":"am Brunnen"}`, ""},
		{"upload", "paper=0123456789abcdef0123456789abcdef.pdf", `{"paper":["0123456789abcdef0123456789abcdef.pdf"],` + reason + `}`, ""},
		{"path in place of an upload", "paper=../secret.key", "", "paper not_upload"},
		{"a text is no photo", "picture=0123456789abcdef0123456789abcdef.txt", "", "picture not_upload"},
		{"consent", "agree=yes", `{"agree":"yes",` + reason + `}`, ""},
		{"consent cannot be a no", "agree=no", "", "agree unknown_option"},
		{"a text may look like a mark", "name=?dont_know", `{"name":"?dont_know",` + reason + `}`, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			form, err := url.ParseQuery(c.form)
			if err != nil {
				t.Fatal(err)
			}
			if !form.Has("reason") {
				form.Set("reason", "price")
			}
			answers, problems := q.CheckForm(form)
			if got := codes(problems); got != c.problems {
				t.Fatalf("problems %q, want %q", got, c.problems)
			}
			if c.problems == "" && string(answers.Canonical()) != c.answers {
				t.Errorf("answers %s, want %s", answers.Canonical(), c.answers)
			}
		})
	}
}

func TestFourKindsOfEmpty(t *testing.T) {
	q := surveytest.Everything()
	form, _ := url.ParseQuery("reason=price&topics=?dont_know&member=?declined&spot.place=rathaus")
	answers, problems := q.CheckForm(form)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	empty := q.Empty(answers)
	for key, want := range map[string]survey.Missing{
		"reason": "", "reason.text": survey.NotAsked, "topics": survey.IsDontKnow, "member": survey.HasDeclined,
		"since": survey.NotAsked, "way": survey.Skipped, "grid.bus": survey.Skipped, "double": survey.NotAsked,
		"spot": survey.NotAsked, "spot.place": "", "spot.address": survey.NotAsked, "road": survey.Skipped,
	} {
		if empty[key] != want {
			t.Errorf("%s is %q, want %q", key, empty[key], want)
		}
	}
}

func TestPagesThatRoutingHidesAreSkipped(t *testing.T) {
	q := surveytest.Everything()
	q.Pages[0].Items[1].Required = false // reason, which the third page asks for
	r := q.Read(url.Values{})
	if next := r.Next(1); next != 3 {
		t.Errorf("after the second page comes page %d", next+1)
	}
	if before := r.Before(3); before != 1 {
		t.Errorf("before the last page comes page %d", before+1)
	}
	if r.Next(-1) != 0 || r.Before(0) != -1 || r.Next(3) != 4 {
		t.Error("the ends")
	}
}

func TestEarlierAnswersArePipedIntoTexts(t *testing.T) {
	q := surveytest.Everything()
	a := survey.Answers{"reason": "price", "people": 3.0, "topics": []string{"bus", "water"}, "since": "2020-02-01", "name": "<b>"}
	for text, want := range map[string]string{
		"{reason}!": "Antwort price!", "{people}": "3 Personen", "{topics}": "Antwort bus, Antwort water", "{since}": "01.02.2020",
		"{idea}": "…", "{nothing}": "{nothing}", "no gap": "no gap", "{name}": "[<b>]",
	} {
		var put func(string) string
		if text == "{name}" {
			put = func(s string) string { return "[" + s + "]" }
		}
		if got := q.Pipe(text, a, "de", put); got != want {
			t.Errorf("%s became %q, want %q", text, got, want)
		}
	}
}

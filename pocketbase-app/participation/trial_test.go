package participation_test

import (
	"net/url"
	"strings"
	"testing"

	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

// TestATrialIsLikeTheJourney: what editors try out shows the rules to scripts, brings
// up what an answer asks for, and ends with all answers as they would be looked over.
func TestATrialIsLikeTheJourney(t *testing.T) {
	w := newWorld(t)
	q := smartKassel()
	west := condition.Eq(condition.Var("district"), condition.Str("west"))
	q.Pages[0].Items[3].ShowIf = west                                                                       // content, on the same page
	q.Pages[1].Items[1].ShowIf = condition.And(west, condition.Eq(condition.Var("rent"), condition.Num(5))) // street: an answer of both pages
	q.Pages[1].Items[0].Required = true

	html, values, err := w.matter.RenderPage(q, 1, "de", url.Values{"district": {"west"}, "rent": {"5"}}, nil)
	if err != nil || values != `{"district":"west"}` || !strings.Contains(string(html), "Straße?") || !strings.Contains(string(html), "data-show-if=") {
		t.Errorf("%v %s\n%s", err, values, html)
	}
	shown := url.Values{"district": {"west"}, "s-gezeigt": {"hello", "district", "topics"}}
	if !w.matter.Brought(q, 0, shown, url.Values{"district": {"west"}}) {
		t.Error("the further question is not noticed")
	}
	shown.Add("s-gezeigt", "content")
	if w.matter.Brought(q, 0, shown, url.Values{"district": {"west"}}) || w.matter.Brought(q, 0, shown, url.Values{"district": {"mitte"}}) {
		t.Error("a question that was shown is brought up again")
	}

	review, err := w.matter.RenderReview(q, "en", url.Values{"district": {"west"}, "topics": {"water"}, "idea": {"<b>Bench</b>\nand tree"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Your home", "Where do you live?", "<dd>West</dd>", "Water", "&lt;b&gt;Bench", `value="zu:0"`, `value="zu:1"`, `href="#seite-2"`, "Rent?"} {
		if !strings.Contains(string(review), want) {
			t.Errorf("the review lacks %q:\n%s", want, review)
		}
	}
	if n := w.count(t, "survey_drafts") + w.count(t, "responses"); n != 0 {
		t.Errorf("%d things of a trial are stored", n)
	}
	for _, it := range q.Items() { // whatever is hidden is not there
		if it.Type == survey.Info && strings.Contains(string(review), "keine falschen") {
			t.Error("a text between the questions is among the answers")
		}
	}
}

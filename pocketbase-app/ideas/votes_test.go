package ideas

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
)

func (h *house) released(title string) *Idea {
	h.t.Helper()
	h.x.sending = base.NewLimits(1000, 1)
	number, _ := h.visitor().send(wish(title))
	h.does(number, "released")
	return h.idea(number)
}

func votePath(i *Idea) string {
	return "/ideen/smart/" + strconv.FormatInt(i.Number, 10) + "/unterstuetzen/"
}

func TestVotesOfABrowser(t *testing.T) {
	h := open(t)
	i := h.released("Mehr Bänke in der Stadt")
	at := votePath(i)
	a, b := h.visitor(), h.visitor()
	res, _ := a.ask("GET", at, nil)
	if len(res.Cookies()) != 0 {
		t.Error("a cookie for looking")
	}
	a.want(303, "POST", at, url.Values{"aktion": {"zuruecknehmen"}}) // nothing to take back
	for range 3 {
		a.want(303, "POST", at, url.Values{"aktion": {"abgeben"}})
	}
	b.want(303, "POST", "/en/ideen/smart/"+strconv.FormatInt(i.Number, 10)+"-egal/unterstuetzen/", url.Values{"aktion": {"abgeben"}})
	if body := a.want(200, "GET", at, nil); !strings.Contains(body, "2 Stimmen") || !strings.Contains(body, "Sie unterstützen diese Idee.") || !strings.Contains(body, "keine Abstimmung") {
		t.Errorf("the page: %s", body)
	}
	a.want(303, "POST", at, url.Values{"aktion": {"zuruecknehmen"}})
	a.want(303, "POST", at, url.Values{"aktion": {"zuruecknehmen"}})
	if body := a.want(200, "GET", at, nil); !strings.Contains(body, "1 Stimme<") || !strings.Contains(body, "Finden Sie diese Idee gut?") {
		t.Errorf("the page: %s", body)
	}
	// What is not released cannot be voted for, nor under another call.
	waiting, _ := h.visitor().send(wish("Wartet noch"))
	a.want(404, "POST", "/ideen/smart/"+strconv.FormatInt(waiting, 10)+"/unterstuetzen/", url.Values{})
	a.want(404, "GET", "/ideen/andere/"+strconv.FormatInt(i.Number, 10)+"/unterstuetzen/", nil)
	a.want(404, "GET", "/ideen/smart/x/unterstuetzen/", nil)
}

// 64 clients vote at once with one pass: one vote. The negative control looks
// first and then inserts, as one would without the constraint: it counts more.
func TestOnePersonHasOneVote(t *testing.T) {
	h := open(t)
	i := h.released("Ein Wettlauf um Stimmen")
	crowd := func(f func(n int) error) {
		t.Helper()
		var wg sync.WaitGroup
		start, errs := make(chan struct{}), make(chan error, 64)
		for n := range 64 {
			wg.Go(func() {
				<-start
				errs <- f(n)
			})
		}
		close(start)
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	crowd(func(int) error { return h.x.vote(i, "ABCDEFGHABCDEFGHABCDEFGHABCDEFGH", true) })
	if n := h.idea(i.Number).Votes; n != 1 {
		t.Errorf("one person has %d votes", n)
	}
	crowd(func(n int) error { return h.x.vote(i, "person-"+strconv.Itoa(n), true) })
	if n := h.idea(i.Number).Votes; n != 65 {
		t.Errorf("65 persons have %d votes", n)
	}
	crowd(func(n int) error { return h.x.vote(i, "person-"+strconv.Itoa(n%8), n%2 == 0) })
	if told, rows := h.idea(i.Number).Votes, h.scalar(`SELECT COUNT(*) FROM idea_votes WHERE idea = {:p0}`, i.Number); int64(told) != rows {
		t.Errorf("the count says %d, there are %d votes", told, rows)
	}

	db := h.p.App.NonconcurrentDB()
	if _, err := db.NewQuery(`CREATE TABLE naive (idea INTEGER, voter TEXT)`).Execute(); err != nil {
		t.Fatal(err)
	}
	var looked sync.WaitGroup
	looked.Add(64)
	crowd(func(int) error {
		var n int
		err := h.p.App.DB().NewQuery(`SELECT COUNT(*) FROM naive WHERE voter = 'one'`).Row(&n)
		looked.Done()
		looked.Wait() // everybody has looked before anybody writes
		if err != nil || n > 0 {
			return err
		}
		_, err = db.NewQuery(`INSERT INTO naive VALUES (1, 'one')`).Execute()
		return err
	})
	if n := h.scalar(`SELECT COUNT(*) FROM naive`); n < 2 {
		t.Errorf("the negative control counts %d: this test proves nothing", n)
	}
}

// The table of votes alone tells nothing of who voted for two ideas: the names
// of one person have nothing in common, nor any relation to private links.
func TestVotesCannotBeJoined(t *testing.T) {
	h := open(t)
	a, b := h.released("Die eine Idee"), h.released("Die andere Idee")
	for n := range 50 {
		for _, i := range []*Idea{a, b} {
			if err := h.x.vote(i, "person-"+strconv.Itoa(n), true); err != nil {
				t.Fatal(err)
			}
		}
	}
	names := func(i *Idea) (all [][]byte) {
		t.Helper()
		err := h.p.App.DB().NewQuery(`SELECT voter FROM idea_votes WHERE idea = {:idea}`).Bind(dbx.Params{"idea": i.Number}).Column(&all)
		if err != nil || len(all) != 50 {
			t.Fatalf("%d votes: %v", len(all), err)
		}
		return all
	}
	naive := make([][]byte, 50) // the negative control: one name per person for all ideas
	for n := range naive {
		naive[n] = h.x.person("smart", "vote", "person-"+strconv.Itoa(n))
	}
	left, right := names(a), names(b)
	if n := joined(left, right); n != 0 {
		t.Errorf("%d of 50 persons are joined by name", n)
	}
	if n := joined(naive, naive); n != 50 {
		t.Errorf("the negative control is joined for %d of 50: this test proves nothing", n)
	}
	// By order: row k of one idea and row k of the other belong to one person by
	// chance only, once on average; more than six times happens once in 10,000.
	inOrder := 0
	for k := range left {
		for n := range 50 {
			pass := "person-" + strconv.Itoa(n)
			if bytes.Equal(left[k], h.x.voter("smart", a.Number, pass)) && bytes.Equal(right[k], h.x.voter("smart", b.Number, pass)) {
				inOrder++
			}
		}
	}
	if inOrder > 6 {
		t.Errorf("%d of 50 persons are joined by order", inOrder)
	}
}

// joined counts names of one list that share half of their bytes with a name of the other.
func joined(left, right [][]byte) (n int) {
	for _, x := range left {
		for _, y := range right {
			if bytes.Equal(x[:8], y[:8]) || bytes.Equal(x[8:], y[8:]) {
				n++
			}
		}
	}
	return n
}

func TestMergedIdeas(t *testing.T) {
	h := open(t)
	author := h.visitor()
	form := form2("Mehr Radwege in der Stadt", "ada@example.org")
	dup, _ := author.send(form)
	h.does(dup, "released")
	survivor := h.released("Mehr Radwege für die Stadt")
	swim := wish("Schwimmbad länger öffnen")
	swim.Set("text", "Viele arbeiten bis acht und kommen nie hinein.")
	h.visitor().send(swim)
	third := h.released("Mehr Radwege in unserer Stadt")
	for n := range 5 { // persons 0…4 vote for the one, 3…9 for the other
		h.x.vote(h.idea(dup), "person-"+strconv.Itoa(n), true)
	}
	for n := 3; n < 10; n++ {
		h.x.vote(survivor, "person-"+strconv.Itoa(n), true)
	}
	page := h.visitor(base.Moderator).want(200, "GET", adminPath(dup), nil)
	if !strings.Contains(page, "Mehr Radwege für die Stadt</label>") || strings.Contains(page, "Schwimmbad") {
		t.Errorf("suggested: %s", page)
	}
	m := h.visitor(base.Moderator)
	for _, into := range []string{"", "0", strconv.FormatInt(dup, 10), "999", "x"} {
		m.want(422, "POST", adminPath(dup), h.act(dup, "merged", "into", into))
	}
	h.does(third.Number, "merged", "into", strconv.FormatInt(dup, 10))
	h.does(dup, "merged", "into", "other", "into_number", strconv.FormatInt(survivor.Number, 10))
	if n := h.idea(survivor.Number).Votes; n != 10 {
		t.Errorf("ten persons have %d votes", n)
	}
	if n := h.idea(dup).Votes; n != 0 {
		t.Errorf("the merged idea keeps %d votes", n)
	}
	// Who voted for the merged one has voted for the survivor, and can take it back.
	if voted, err := h.x.voted(h.idea(survivor.Number), "person-0"); err != nil || !voted {
		t.Error("a vote lost its person", err)
	}
	h.x.vote(h.idea(survivor.Number), "person-0", false)
	if n := h.idea(survivor.Number).Votes; n != 9 {
		t.Errorf("%d votes after one was taken back", n)
	}
	if i := h.idea(third.Number); i.Into != survivor.Number {
		t.Errorf("the third idea leads to %d", i.Into)
	}
	h.does(survivor.Number, "answered", "status", "planned", "answer", "Kommt 2027.")
	if body := author.want(200, "GET", "/meine-idee/", nil); !strings.Contains(body, "Kommt 2027.") || !strings.Contains(body, "Mehr Radwege für die Stadt") {
		t.Errorf("the author of the merged idea reads: %s", body)
	}
	if last := h.mails()[len(h.mails())-1]; !strings.Contains(last, "Kommt 2027.") || !strings.Contains(last, "ada@example.org") {
		t.Errorf("the author of the merged idea gets no news: %s", last)
	}
	all, err := published(t.Context(), h.p.App.DB())
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for _, i := range all {
		if i.Into != 0 {
			moved++
			if i.Title+i.Text+i.Name != "" || int64(i.Into) != survivor.Number {
				t.Errorf("a merged idea is public: %+v", i)
			}
		}
	}
	if moved != 2 {
		t.Errorf("%d old addresses lead on", moved)
	}
	v := h.visitor()
	if res, _ := v.ask("GET", "/api/v1/ideas/"+strconv.FormatInt(dup, 10), nil); res.StatusCode != 308 || res.Header.Get("Location") != "/api/v1/ideas/"+strconv.FormatInt(survivor.Number, 10) {
		t.Errorf("the API leads to %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	if body := v.want(200, "GET", "/ideen/smart/"+strconv.FormatInt(dup, 10)+"/unterstuetzen/", nil); !strings.Contains(body, "Mehr Radwege für die Stadt") {
		t.Error("the vote page of the old address does not lead on")
	}
}

func TestLikeness(t *testing.T) {
	for _, c := range []struct {
		a, b     string
		from, to int
	}{
		{"Mehr Radwege", "mehr radwege!", 100, 100},
		{"Mehr Radwege in der Stadt", "Mehr Radwege für die Stadt", 60, 95},
		{"Mehr Radwege", "Schwimmbad länger öffnen", 0, 10},
		{"", "", 0, 0},
	} {
		if n := likeness(trigrams(c.a), trigrams(c.b)); n < c.from || n > c.to {
			t.Errorf("%q and %q are %d %% alike", c.a, c.b, n)
		}
	}
}

func TestTooManyVotesFromOneNetwork(t *testing.T) {
	h := open(t)
	i := h.released("Sehr beliebt in einem Haus")
	for range 60 {
		h.visitor().want(303, "POST", votePath(i), url.Values{"aktion": {"abgeben"}})
	}
	h.visitor().want(429, "POST", votePath(i), url.Values{"aktion": {"abgeben"}})
}

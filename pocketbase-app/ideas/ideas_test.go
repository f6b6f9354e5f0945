package ideas

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
)

func TestAnIdeaFromTheFormToTheSite(t *testing.T) {
	h := open(t)
	citizen := h.visitor()
	page := citizen.want(200, "GET", "/ideen/smart/einreichen/", nil)
	for _, has := range []string{"Was wünschen Sie sich?", `<option value="mobilitaet">Mobilität`, `<option value="mitte" lang="de">Mitte`, `name="name"`} {
		if !strings.Contains(page, has) {
			t.Errorf("the form lacks %s", has)
		}
	}
	form := wish("Mehr Radwege")
	form.Set("name", "Ada L.")
	form.Set("district", "mitte")
	form.Set("place", "Königsplatz")
	form.Set("point", "51.3127, 9.4797")
	form.Set("email", "ada@example.org")
	number, token := citizen.send(form)
	// The same form again, as after a double click: one idea, the same link.
	citizen.want(303, "POST", "/ideen/smart/einreichen/", form)
	if n := h.scalar(`SELECT COUNT(*) FROM ideas`); n != 1 {
		t.Fatalf("%d ideas", n)
	}
	// The same form with another text: nothing is stored, nothing typed is lost.
	form.Set("title", "Weniger Radwege")
	if body := citizen.want(422, "POST", "/ideen/smart/einreichen/", form); !strings.Contains(body, "Weniger Radwege") {
		t.Error("the text is lost")
	}
	mails := h.mails()
	if len(mails) != 1 || !strings.Contains(mails[0], token) || !strings.Contains(mails[0], "ada@example.org") {
		t.Errorf("mails: %v", mails)
	}
	if len(h.rebuilt) != 0 {
		t.Errorf("the site is built for an idea that nobody released: %v", h.rebuilt)
	}

	queue := h.visitor(base.Moderator).want(200, "GET", "/redaktion/ideen/", nil)
	if !strings.Contains(queue, "Mehr Radwege") || !strings.Contains(queue, "Neu (1)") {
		t.Errorf("queue: %s", queue)
	}
	idea := h.visitor(base.Moderator).want(200, "GET", adminPath(number), nil)
	for _, has := range []string{"Mehr Radwege", "Königsplatz", "51.31270, 9.47970", "Ada L.", "Mobilität", "angegeben"} {
		if !strings.Contains(idea, has) {
			t.Errorf("the moderator does not see %s", has)
		}
	}
	if strings.Contains(idea, "ada@example.org") {
		t.Error("the moderator sees the mail address")
	}
	h.does(number, "released")
	if len(h.rebuilt) != 1 || h.rebuilt[0] != "ideas/"+strconv.FormatInt(number, 10)+" released" {
		t.Errorf("builds: %v", h.rebuilt)
	}
	h.does(number, "answered", "status", "planned", "answer", "Wir planen das für 2027.")
	all, err := published(t.Context(), h.p.App.DB())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 {
		t.Fatalf("%d ideas are public", len(all))
	}
	got := all[0]
	if got.Title != "Mehr Radwege" || got.Path() != "ideen/smart/"+strconv.Itoa(int(number))+"-mehr-radwege" || got.Name != "Ada L." || got.Status != "planned" ||
		len(got.Steps) != 1 || got.Steps[0] != (content.IdeaStep{Day: "2026-12-02", Status: "planned", Answer: "Wir planen das für 2027."}) {
		t.Errorf("public: %+v", got)
	}
	if mails := h.mails(); len(mails) != 3 || !strings.Contains(mails[2], "Wir planen das für 2027.") {
		t.Errorf("mails: %v", mails)
	}

	// The author with the private link, from another browser.
	later := h.visitor()
	later.want(404, "GET", "/meine-idee/00000000000000000000000000000000/", nil)
	if body := later.want(200, "GET", "/meine-idee/"+token+"/", nil); strings.Contains(body, "Radwege") {
		t.Error("the link's page shows the idea before the button")
	}
	if body := later.want(200, "GET", "/meine-idee/", nil); strings.Contains(body, "Radwege") {
		t.Error("an idea without its link")
	}
	later.want(303, "POST", "/meine-idee/"+token+"/", url.Values{})
	if body := later.want(200, "GET", "/meine-idee/", nil); !strings.Contains(body, "Wir planen das für 2027.") || !strings.Contains(body, got.Path()) {
		t.Errorf("the author does not see the answer: %s", body)
	}
	later.want(422, "POST", "/meine-idee/", url.Values{"aktion": {"zurueckziehen"}})
	later.want(303, "POST", "/meine-idee/", url.Values{"aktion": {"zurueckziehen"}, "sure": {"ja"}})
	if i := h.idea(number); i.State != stateWithdrawn || i.Title+i.Text+i.Name+i.Place+i.Slug != "" || i.Lat != 0 {
		t.Errorf("withdrawn and still there: %+v", i)
	}
	if n := h.scalar(`SELECT COUNT(*) FROM idea_contacts`); n != 0 {
		t.Error("the address is kept")
	}
	if all, _ := published(t.Context(), h.p.App.DB()); len(all) != 0 {
		t.Errorf("still public: %v", all)
	}
}

func TestBadInputIsNamedAndNothingIsLost(t *testing.T) {
	h := open(t)
	for _, c := range []struct {
		what, field, value, says string
	}{
		{"no title", "title", " ", "Bitte füllen Sie dieses Feld aus."},
		{"a short title", "title", "Rad", "mindestens 5 Zeichen"},
		{"a long title", "title", strings.Repeat("x", 121), "höchstens 120"},
		{"a title of two lines", "title", "Mehr\nRadwege", "Zeichen, die wir nicht verarbeiten"},
		{"a short text", "text", "zu kurz", "mindestens 20 Zeichen"},
		{"a control character", "text", "Ein Text mit \x07 einer Glocke darin", "Zeichen, die wir nicht verarbeiten"},
		{"no topic", "topic", "", "Bitte füllen Sie dieses Feld aus."},
		{"a topic of no call", "topic", "wasser", "Diese Auswahl gibt es nicht"},
		{"an unknown district", "district", "bettenhausen", "Diese Auswahl gibt es nicht"},
		{"no point", "point", "irgendwo", "Bitte geben Sie einen Ort an"},
		{"not a number", "point", "NaN, NaN", "nicht in Kassel"},
		{"Berlin", "point", "52.52, 13.40", "nicht in Kassel"},
		{"no address", "email", "ada@", "gültige E-Mail-Adresse"},
		{"a name that turns round", "name", "\u202egnorts", "Zeichen, die wir nicht verarbeiten"},
	} {
		t.Run(c.what, func(t *testing.T) {
			form := wish("Ein guter Titel")
			form.Set("name", "Ada")
			form.Set(c.field, c.value)
			body := h.visitor().want(422, "POST", "/ideen/smart/einreichen/", form)
			if !strings.Contains(body, c.says) || !strings.Contains(body, `href="#f-`+c.field+`"`) || !strings.Contains(body, `id="e-`+c.field+`"`) {
				t.Errorf("not said at its field: %.3000s", body)
			}
			if c.field != "name" && !strings.Contains(body, `value="Ada"`) {
				t.Error("what was typed is lost")
			}
		})
	}
	if n := h.scalar(`SELECT COUNT(*) FROM ideas`); n != 0 {
		t.Errorf("%d ideas were stored", n)
	}
	h.visitor().want(404, "GET", "/ideen/gibt-es-nicht/einreichen/", nil)
	h.visitor().want(415, "POST", "/ideen/smart/einreichen/", nil)
}

func TestACallThatIsNotOpen(t *testing.T) {
	h := open(t)
	number, _ := h.visitor().send(wish("Vor dem Ende"))
	h.does(number, "released")
	vote := "/ideen/smart/" + strconv.Itoa(int(number)) + "/unterstuetzen/"
	fan := h.visitor()
	fan.want(303, "POST", vote, url.Values{"aktion": {"abgeben"}})
	h.now = h.now.AddDate(0, 2, 0)
	h.visitor().want(409, "GET", "/ideen/smart/einreichen/", nil)
	if body := h.visitor().want(409, "POST", "/ideen/smart/einreichen/", wish("Zu spät gekommen")); !strings.Contains(body, "Zu spät gekommen") {
		t.Error("what was typed is lost")
	}
	fan.want(409, "POST", vote, url.Values{"aktion": {"zuruecknehmen"}})
	h.now = h.now.AddDate(-1, 0, 0)
	h.visitor().want(409, "GET", "/en/ideen/smart/einreichen/", nil)
}

func TestTooManyIdeasFromOneNetwork(t *testing.T) {
	h := open(t)
	for n := range 10 {
		h.visitor().send(wish("Idee Nummer " + strconv.Itoa(n)))
	}
	res, body := h.visitor().ask("POST", "/ideen/smart/einreichen/", wish("Die elfte Idee"))
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" || !strings.Contains(body, "Die elfte Idee") {
		t.Errorf("%d %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
	h.now = h.now.Add(time.Hour)
	h.visitor().send(wish("Eine Stunde später"))
}

func TestOnlyModeratorsModerate(t *testing.T) {
	h := open(t)
	number, _ := h.visitor().send(wish("Noch ungelesen"))
	for _, role := range base.Roles {
		status := 403
		if role == base.Moderator {
			status = 200
		}
		h.visitor(role).want(status, "GET", "/redaktion/ideen/", nil)
		h.visitor(role).want(status, "GET", adminPath(number), nil)
		if role != base.Moderator {
			h.visitor(role).want(403, "POST", adminPath(number), h.act(number, "released"))
		}
	}
	h.visitor().want(303, "GET", "/redaktion/ideen/", nil) // to the log-in
	if i := h.idea(number); i.State != stateNew {
		t.Errorf("the idea is %s", i.State)
	}
}

func TestModeratorsTellWhyAndMeet(t *testing.T) {
	h := open(t)
	author := h.visitor()
	form := wish("Rufen Sie Herrn Meier an")
	form.Set("email", "ada@example.org")
	number, _ := author.send(form)
	m := h.visitor(base.Moderator)
	at := adminPath(number)

	m.want(422, "POST", at, h.act(number, "rejected"))
	m.want(422, "POST", at, h.act(number, "asked"))
	m.want(422, "POST", at, h.act(number, "answered", "status", "done")) // not released yet
	m.want(400, "POST", at, h.act(number, "explode"))
	m.want(400, "POST", at, url.Values{"aktion": {"released"}})

	h.does(number, "asked", "ask_message", "Wen meinen Sie?", "note", "Streng intern")
	body := author.want(200, "GET", "/meine-idee/", nil)
	if !strings.Contains(body, "Wen meinen Sie?") || strings.Contains(body, "Streng intern") {
		t.Errorf("the author reads: %s", body)
	}
	stale := h.act(number, "released")
	author.want(303, "POST", "/meine-idee/", url.Values{"aktion": {"antworten"}, "title": {"Rufen Sie Herrn Meier doch an"}, "text": form["text"], "message": {"Den Nachbarn."}})
	if i := h.idea(number); i.State != stateNew || i.Title != "Rufen Sie Herrn Meier doch an" {
		t.Errorf("after the answer: %+v", i)
	}
	// The moderator's page is older than the author's answer.
	if body := m.want(409, "POST", at, stale); !strings.Contains(body, "Den Nachbarn.") {
		t.Error("the moderator does not see what changed")
	}
	h.does(number, "edited", "title", "Rufen Sie […] an", "text", form.Get("text"))
	if h.scalar(`SELECT COUNT(*) FROM ideas WHERE title LIKE '%Meier%'`)+h.scalar(`SELECT COUNT(*) FROM idea_events WHERE message || note LIKE '%Meier%'`) != 0 {
		t.Error("what was taken out is kept")
	}
	h.does(number, "released")
	if all, _ := published(t.Context(), h.p.App.DB()); !all[0].Edited || strings.Contains(all[0].Path(), "meier") {
		t.Errorf("public: %+v", all[0])
	}
	// A title that changes after the release changes the address with it.
	h.does(number, "edited", "title", "Rufen Sie zurück", "text", form.Get("text"))
	if i := h.idea(number); i.Slug != "rufen-sie-zurueck" {
		t.Errorf("slug %s", i.Slug)
	}
	h.does(number, "rejected", "reason", "personal", "reject_message", "Bitte ohne Namen.")
	body = author.want(200, "GET", "/meine-idee/", nil)
	if !strings.Contains(body, "Bitte ohne Namen.") || !strings.Contains(body, "persönliche Angaben anderer Menschen") {
		t.Errorf("the author does not learn why: %s", body)
	}
	if last := h.mails()[len(h.mails())-1]; !strings.Contains(last, "Bitte ohne Namen.") {
		t.Errorf("the mail does not say why: %s", last)
	}
	if all, _ := published(t.Context(), h.p.App.DB()); len(all) != 0 {
		t.Error("a rejected idea is public")
	}
	if n := len(h.rebuilt); n != 3 || !strings.HasSuffix(h.rebuilt[n-1], "rejected") {
		t.Errorf("builds: %v", h.rebuilt)
	}
	h.does(number, "released") // moderators may think again
}

func TestForgetting(t *testing.T) {
	h := open(t)
	author := h.visitor()
	form := wish("Bald abgelehnt")
	form.Set("email", "ada@example.org")
	rejected, _ := author.send(form)
	kept, _ := h.visitor().send(form2("Bleibt veröffentlicht", "bob@example.org"))
	h.does(rejected, "rejected", "reason", "insult", "reject_message", "Der Ton war rau.", "note", "Heikel")
	h.does(kept, "released")
	run := func(want int) {
		t.Helper()
		if n, err := h.x.Forget(context.Background()); err != nil || n != want {
			t.Errorf("forgot %d, want %d (%v)", n, want, err)
		}
	}
	run(0)
	h.now = h.now.AddDate(0, 0, 32) // the call has ended
	run(2)
	if h.idea(rejected).Text == "" {
		t.Error("the text went before its time")
	}
	run(0)
	h.now = h.now.AddDate(0, 5, 0)
	run(1)
	run(0)
	if i := h.idea(rejected); i.Title+i.Text != "" {
		t.Errorf("%+v", i)
	}
	if n := h.scalar(`SELECT COUNT(*) FROM idea_events WHERE message || note <> '' AND idea = {:p0}`, rejected); n != 0 {
		t.Error("messages are kept")
	}
	if h.idea(kept).Text == "" {
		t.Error("a public idea lost its text")
	}
	h.visitor(base.Moderator).want(200, "GET", adminPath(rejected), nil)
	author.want(200, "GET", "/meine-idee/", nil)
}

func form2(title, email string) url.Values {
	form := wish(title)
	form.Set("email", email)
	return form
}

func TestTheAPITellsWhatIsReleased(t *testing.T) {
	h := open(t)
	first, _ := h.visitor().send(wish("Die erste Idee"))
	second, _ := h.visitor().send(wish("Die zweite Idee"))
	h.visitor().send(wish("Geheim bis zur Prüfung"))
	h.does(first, "released")
	h.does(second, "released")
	h.does(second, "answered", "status", "done", "answer", "Steht schon.")
	v := h.visitor()
	res, body := v.ask("GET", "/api/v1/ideas", nil)
	if res.StatusCode != 200 || strings.Contains(body, "Geheim") || strings.Index(body, "zweite") > strings.Index(body, "erste") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	req, _ := http.NewRequest("GET", h.srv.URL+"/api/v1/ideas", nil)
	req.Header.Set("If-None-Match", res.Header.Get("ETag"))
	if again, err := v.client.Do(req); err != nil || again.StatusCode != 304 {
		t.Errorf("%v %v", again.StatusCode, err)
	}
	if _, body := v.ask("GET", "/api/v1/ideas?status=done&call=smart&topic=mobilitaet", nil); strings.Contains(body, "erste") || !strings.Contains(body, "zweite") {
		t.Error(body)
	}
	if _, body := v.ask("GET", "/api/v1/ideas?before="+strconv.Itoa(int(second)), nil); !strings.Contains(body, "erste") || strings.Contains(body, "zweite") {
		t.Error(body)
	}
	v.want(422, "GET", "/api/v1/ideas?before=x", nil)
	v.want(200, "GET", "/api/v1/ideas/"+strconv.Itoa(int(first)), nil)
	v.want(404, "GET", "/api/v1/ideas/99", nil)
	v.want(404, "GET", "/api/v1/ideas/x", nil)
}

package editorial

import (
	"bytes"
	"context"
	"encoding/json"
	"html/template"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/content/survey/formats"
	"servicepoint/pocketbase-app/base/basetest"
)

const smart = "/redaktion/umfragen/smart-kassel/"

func TestPatternsAreFitToBePublished(t *testing.T) {
	h := newHouse(t)
	for _, name := range patterns {
		title := "Aus " + name
		status, page, location := h.do("editor", "/redaktion/umfragen/vorlagen/", url.Values{"vorlage": {name}, "titel": {title}})
		if status != 303 {
			t.Fatalf("%s: %d %s", name, status, page)
		}
		q := h.draft("aus-" + name)
		if p := q.Validate(); len(p) > 0 || german(q.Title) != title || len(q.Items()) < 5 {
			t.Errorf("%s: %v", name, p)
		}
		for _, f := range q.Findings() {
			t.Errorf("%s: %s %s", name, f.Field, f.Code)
		}
		contains(t, h.want(200, "editor", location, nil), "als Entwurf angelegt")
		for _, lang := range q.Languages[1:] {
			for _, text := range h.textsOf(&q) {
				if german(*text.Text) != "" && (*text.Text)[lang] == "" && text.Path != "title" {
					t.Errorf("%s lacks %s in %s", name, text.Path, lang)
				}
			}
		}
		h.want(303, "publisher", "/redaktion/umfragen/aus-"+name+"/veroeffentlichen/", url.Values{"rev": {"1"}})
	}
	// The city's districts stand where the pattern left them open.
	q, err := newestVersion(h.p.App, "aus-buergerumfrage")
	if err != nil || len(q.Item("bezirk").Options) != 1 || q.Item("bezirk").Options[0].Code != "mitte" {
		t.Errorf("%v %+v", err, q.Item("bezirk").Options)
	}
	h.want(303, "editor", "/redaktion/umfragen/vorlagen/", url.Values{"vorlage": {"kopie-aus-schalter"}, "titel": {"Noch einmal"}})
	if again := h.draft("noch-einmal"); again.Version != 0 || len(again.Items()) != len(ptr(h.draft("aus-schalter")).Items()) {
		t.Errorf("%+v", again)
	}
	for _, bad := range []url.Values{{"vorlage": {"leer"}}, {"titel": {"X"}}, {"titel": {"Noch einmal"}, "vorlage": {"leer"}}, {"titel": {"Import"}, "vorlage": {"leer"}}, {"titel": {"Neu"}, "vorlage": {"kopie-nie"}}} {
		contains(t, h.want(422, "editor", "/redaktion/umfragen/vorlagen/", bad), "error-summary")
	}
}

func TestTranslateSideBySide(t *testing.T) {
	h := newHouse(t)
	page := h.want(200, "editor", smart+"uebersetzen/?sprache=en", nil)
	contains(t, page, "5 von 5 Texten fehlen noch", "Wie kommen Sie her?", "Fehlt noch", `name="items.weg.options.tram.text"`, "nicht in „Englisch“ angeboten")
	early := h.surveyRev()
	h.want(303, "editor", smart+"uebersetzen/?sprache=en", url.Values{"rev": early, "title": {"Smart Kassel"}, "items.weg.text": {"How do you get here?"}})
	q := h.draft("smart-kassel")
	if q.Item("weg").Text["en"] != "How do you get here?" || q.Title["en"] != "Smart Kassel" {
		t.Errorf("%+v", q)
	}
	page = h.want(200, "editor", smart+"uebersetzen/?sprache=en", nil)
	if strings.Index(page, `name="items.weg.text"`) < strings.Index(page, `name="pages.p1.title"`) {
		t.Error("what is missing does not come first")
	}
	// Late, on another text: both stay. Late, on the same text: asked.
	h.want(303, "editor", smart+"uebersetzen/?sprache=en", url.Values{"rev": early, "items.weg.text": {""}, "pages.p1.title": {"Everyday life"}})
	if q := h.draft("smart-kassel"); q.Pages[0].Title["en"] != "Everyday life" || q.Item("weg").Text["en"] != "How do you get here?" {
		t.Errorf("a late save took away what others wrote: %+v", q.Item("weg").Text)
	}
	contains(t, h.want(409, "editor", smart+"uebersetzen/?sprache=en", url.Values{"rev": early, "items.weg.text": {"Your way?"}}), "How do you get here?", "Your way?")
	contains(t, h.want(422, "editor", smart+"uebersetzen/?sprache=en", url.Values{"rev": h.surveyRev(), "pages.p1.title": {strings.Repeat("x", 301)}}), `href="#f-pages.p1.title"`)
	h.want(303, "editor", smart+"uebersetzen/?sprache=en", url.Values{"rev": h.surveyRev(), "pages.p1.title": {""}})
	if q := h.draft("smart-kassel"); q.Pages[0].Title["en"] != "" {
		t.Error("a text cannot be taken away")
	}
}

func TestCheckBeforePublishing(t *testing.T) {
	h := newHouse(t)
	h.Answers = func(context.Context, string) (map[int]int, error) { return map[int]int{1: 3}, nil }
	contains(t, h.want(200, "moderator", smart+"pruefen/", nil), "3 Antworten liegen schon vor", "Fassung 1", "gleicht der veröffentlichten", "Keine Fehler")
	// An option goes: not comparable, said before anybody publishes.
	q := h.draft("smart-kassel")
	form := itemForm(*q.Item("weg"))
	form["rev"] = h.surveyRev()
	form.Set("options.0.text.de", "")
	form.Set("options.0.code", "")
	form.Set("options.2.text.de", "Zu Fuß")
	h.want(303, "editor", fragen+"frage/weg/", form)
	contains(t, h.want(200, "both", smart+"pruefen/", nil), "Antwort entfällt: Tram", "nicht vergleichbar", "Neue Antwort: Zu Fuß")
	// A rule that nobody can fulfil: an error of routing stops the publication.
	item := url.Values{"rev": h.surveyRev(), "seite": {"p1"}, "type": {"text"}, "text.de": {"Und?"}, "code": {"und"}, "required": {"ja"},
		"show_if.as": {"json"}, "show_if.json": {`{"and":[{"==":[{"var":"weg"},"rad"]},{"==":[{"var":"weg"},"zu_fuss"]}]}`}}
	h.want(303, "editor", fragen+"neue-frage/", item)
	found := slices.ContainsFunc(ptr(h.draft("smart-kassel")).Findings(), func(f survey.Finding) bool { return f.Severity == survey.SeverityError })
	page := h.want(200, "both", smart+"pruefen/", nil)
	contains(t, page, fragen+"frage/und/#f-show_if.0.var")
	status, _, _ := h.do("both", smart+"veroeffentlichen/", url.Values{"rev": h.surveyRev()})
	if (status == 422) != found {
		t.Errorf("published: %d, an error found: %v", status, found)
	}
	if !found {
		t.Log("this contradiction is a warning")
	}
	// An empty page is an error of the questionnaire; it stops the publication and leads to the page.
	h.want(303, "editor", fragen+"neue-seite/", url.Values{"rev": h.surveyRev(), "title.de": {"Leer"}, "code": {"leer"}})
	contains(t, h.want(422, "both", smart+"veroeffentlichen/", url.Values{"rev": h.surveyRev()}), fragen+"seite/leer/", "Fehler stehen dem Veröffentlichen entgegen")
	h.step("seite", "leer", "loeschen")
	h.step("frage", "und", "loeschen")
	h.want(303, "both", smart+"veroeffentlichen/", url.Values{"rev": h.surveyRev()})
	if v, err := newestVersion(h.p.App, "smart-kassel"); err != nil || v.Version < 2 {
		t.Errorf("%v %v", v, err)
	}
	// The history says what the questions were.
	contains(t, h.want(200, "both", smart+"fassungen/1/", nil), "weg: Antwort 1: Wortlaut", "Tram")
}

// TestWhatWasPromisedStays: anonymity and named access are fixed with the first
// publication, at the field and at the publication.
func TestWhatWasPromisedStays(t *testing.T) {
	h := newHouse(t)
	for field, form := range map[string]url.Values{"anonymous": {"anonymous": {""}}, "access": {"access": {"code"}}} {
		form["rev"] = h.surveyRev()
		contains(t, h.want(422, "editor", smart, form), `href="#f-`+field+`"`, "Kopieren Sie die Umfrage")
	}
	h.want(303, "editor", smart, url.Values{"rev": h.surveyRev(), "access": {"proof"}})
	// Past the form: the publication refuses it as well.
	w, err := h.workingCopy(h.p.App, "smart-kassel")
	if err != nil {
		t.Fatal(err)
	}
	w.Anonymous = false
	doc, _ := json.Marshal(w.Questionnaire)
	if err := h.change(h.p.App, surveyKind(), "smart-kassel", w.rev, doc, "system", didSave); err != nil {
		t.Fatal(err)
	}
	contains(t, h.want(422, "both", smart+"veroeffentlichen/", url.Values{"rev": h.surveyRev()}), "als anonym veröffentlicht")
	// A survey that was never published is free.
	h.want(303, "editor", "/redaktion/umfragen/vorlagen/", url.Values{"vorlage": {"leer"}, "titel": {"Frei"}})
	h.want(303, "editor", "/redaktion/umfragen/frei/", url.Values{"rev": {"1"}, "access": {"code"}, "anonymous": {""}})
}

func TestReviewersTryAndComment(t *testing.T) {
	h := newHouse(t)
	now := basetest.Start
	h.p.Now = func() time.Time { return now }
	var typedAtRender []url.Values
	h.Render = func(q survey.Questionnaire, page int, lang string, typed url.Values, problems content.Problems) (template.HTML, string, error) {
		typedAtRender = append(typedAtRender, typed)
		return template.HTML("<p>page " + strconv.Itoa(page) + " " + lang + "</p>"), `{"weg":"rad"}`, nil
	}
	h.Review = func(q survey.Questionnaire, lang string, typed url.Values) (template.HTML, error) {
		return template.HTML("<p>all in " + lang + ": " + typed.Encode() + "</p>"), nil
	}
	h.Brought = func(q survey.Questionnaire, page int, form, typed url.Values) bool { return form.Has("s-neues") }
	h.want(303, "editor", fragen+"neue-seite/", url.Values{"rev": h.surveyRev(), "title.de": {"Rad"}, "code": {"p2"}, "show_if.0.var": {"weg"}, "show_if.0.op": {"eq"}, "show_if.0.value": {"Rad"}})
	h.want(303, "editor", fragen+"neue-frage/", url.Values{"rev": h.surveyRev(), "seite": {"p2"}, "type": {"text"}, "text.de": {"Warum?"}, "code": {"warum"}, "required": {"ja"}})
	contains(t, h.want(422, "editor", smart+"testen/", url.Values{"aktion": {"freigeben"}}), `href="#f-fuer"`)
	page := h.want(200, "editor", smart+"testen/", url.Values{"aktion": {"freigeben"}, "fuer": {"Jugendamt"}})
	_, rest, ok := strings.Cut(page, "/umfragen/smart-kassel/probe/")
	token, _, _ := strings.Cut(rest, "/")
	if !ok || len(token) != 32 {
		t.Fatalf("no link: %q", token)
	}
	var kept int
	if err := h.p.App.DB().NewQuery(`SELECT count(*) FROM survey_reviews WHERE hash LIKE '%' || {:token} || '%' OR hash = {:token}`).Bind(map[string]any{"token": token}).Row(&kept); err != nil || kept != 0 {
		t.Error("the token itself is stored", err)
	}
	if strings.Contains(h.want(200, "editor", smart+"testen/", nil), token) {
		t.Error("the link is shown twice")
	}
	at := "/umfragen/smart-kassel/probe/" + token + "/"
	contains(t, h.want(200, "", at, nil), "page 0 de", "werden nicht gespeichert")
	contains(t, h.want(200, "", "/en"+at, nil), "page 0 en", "are not stored")
	contains(t, h.want(200, "", at, nil), `data-survey="trial" data-values="{&#34;weg&#34;:&#34;rad&#34;}"`) // rules work at once
	contains(t, h.want(200, "", at, url.Values{"s-seite": {"0"}, "s-aktion": {"weiter"}, "weg": {"tram"}, "s-neues": {"1"}}), "page 0 de", "weitere Fragen")
	// All answers, from there back to a page, a comment on the whole, and the end.
	page = h.want(200, "", at, url.Values{"s-seite": {"0"}, "s-aktion": {"weiter"}, "weg": {"tram"}})
	contains(t, page, "Alle Antworten", "all in de: weg=tram", `<input type="hidden" name="weg" value="tram">`, `name="s-seite" value="2"`)
	contains(t, h.want(200, "", at, url.Values{"s-seite": {"2"}, "s-aktion": {"zu:0"}, "weg": {"tram"}}), "page 0 de")
	contains(t, h.want(200, "", "/en"+at, url.Values{"s-seite": {"2"}, "s-aktion": {"sprache"}, "weg": {"tram"}}), "all in en: weg=tram", `formaction="`+at+`"`)
	h.want(400, "", at, url.Values{"s-seite": {"2"}, "s-aktion": {"zu:7"}, "weg": {"tram"}})
	contains(t, h.want(200, "", at, url.Values{"s-seite": {"2"}, "s-aktion": {"zurueck"}, "weg": {"tram"}}), "page 0 de")
	contains(t, h.want(422, "", at, url.Values{"s-seite": {"2"}, "s-aktion": {"weiter"}, "weg": {"rad"}}), "all in de") // "warum" is missing
	contains(t, h.want(200, "", at, url.Values{"s-seite": {"2"}, "s-aktion": {"weiter"}, "weg": {"tram"}}), "Hier endet die Umfrage")
	page = h.want(200, "", at, url.Values{"s-seite": {"0"}, "s-aktion": {"weiter"}, "weg": {"rad"}})
	contains(t, page, "page 1 de", `<input type="hidden" name="weg" value="rad">`)
	h.want(422, "", at, url.Values{"s-seite": {"1"}, "s-aktion": {"weiter"}, "weg": {"rad"}})
	contains(t, h.want(200, "", at, url.Values{"s-seite": {"1"}, "s-aktion": {"zurueck"}, "weg": {"rad"}, "warum": {"halb"}}), "page 0 de", `name="warum" value="halb"`)
	contains(t, h.want(200, "", at, url.Values{"s-seite": {"99"}}), "page 0")
	if last := typedAtRender[len(typedAtRender)-1]; last.Has("s-seite") {
		t.Error("fields of the frame came to the questions")
	}
	var answers int
	if err := h.p.App.DB().NewQuery(`SELECT (SELECT count(*) FROM responses) + (SELECT count(*) FROM survey_drafts)`).Row(&answers); err != nil || answers != 0 {
		t.Errorf("%d answers of a trial are stored, %v", answers, err)
	}

	contains(t, h.want(422, "", at, url.Values{"s-seite": {"1"}, "s-aktion": {"kommentar"}, "weg": {"rad"}, "s-name": {"Ada"}}), `value="Ada"`, "e-s-kommentar", `name="weg" value="rad"`)
	page = h.want(200, "", at, url.Values{"s-seite": {"1"}, "s-aktion": {"kommentar"}, "weg": {"rad"}, "s-frage": {"warum"}, "s-kommentar": {"<b>Zu offen</b>"}, "s-name": {"Ada"}})
	contains(t, page, "Ihr Kommentar ist gespeichert", "&lt;b&gt;Zu offen&lt;/b&gt;", `name="weg" value="rad"`)
	contains(t, h.want(200, "editor", fragen, nil), "1 offene Kommentare")
	contains(t, h.want(200, "editor", smart+"testen/", nil), "Ada", "Frage 2 „Warum?“", fragen+"frage/warum/", "1 offen, 0 erledigt")
	h.want(303, "editor", smart+"testen/", url.Values{"aktion": {"erledigt"}, "id": {"1"}})
	contains(t, h.want(200, "editor", smart+"testen/", nil), "0 offen, 1 erledigt")

	h.want(404, "", "/umfragen/smart-kassel/probe/"+strings.Repeat("A", 32)+"/", nil)
	h.want(404, "", "/umfragen/aus/probe/"+token+"/", nil)
	now = now.Add(14*24*time.Hour - time.Second)
	h.want(200, "", at, nil)
	now = now.Add(2 * time.Second)
	h.want(404, "", at, nil)
	now = basetest.Start
	h.want(303, "editor", smart+"testen/", url.Values{"aktion": {"widerrufen"}, "hash": {reviewHash(token)}})
	h.want(404, "", at, nil)
	_, _, location := h.do("editor", smart+"testen/", url.Values{"aktion": {"probe"}})
	h.want(200, "", location, nil)
}

// upload sends a form with a file.
func (h *house) upload(who, path, name string, b []byte, fields map[string]string) (int, string, string) {
	h.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	if name != "" {
		part, _ := m.CreateFormFile("datei", name)
		part.Write(b)
	}
	for k, v := range fields {
		m.WriteField(k, v)
	}
	m.Close()
	req, _ := http.NewRequest("POST", h.url+path, &body)
	req.Header.Set("Content-Type", m.FormDataContentType())
	req.Header.Set("X-Who", who)
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	page, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(page), res.Header.Get("Location")
}

func TestImportAndExport(t *testing.T) {
	h := newHouse(t)
	const at = "/redaktion/umfragen/import/"
	if status, page, _ := h.upload("editor", at, "", nil, nil); status != 422 || !strings.Contains(page, `href="#f-datei"`) {
		t.Errorf("nothing sent: %d", status)
	}
	if status, page, _ := h.upload("editor", at, "brief.txt", []byte("Sehr geehrte"), nil); status != 422 || !strings.Contains(page, `href="#f-datei"`) {
		t.Errorf("a letter: %d", status)
	}
	js := `{"title":"Freizeit","pages":[{"name":"eins","elements":[{"type":"radiogroup","name":"sport","title":"Treiben Sie Sport?","choices":["Ja","Nein"]},{"type":"signaturepad","name":"unterschrift","title":"Unterschrift"}]}]}`
	status, page, _ := h.upload("editor", at, "freizeit.json", []byte(js), nil)
	if status != 200 {
		t.Fatalf("%d %s", status, page)
	}
	contains(t, page, "Was nicht übernommen wurde", "unterschrift", `value="Freizeit"`)
	_, rest, _ := strings.Cut(page, `name="json" value="`)
	raw, _, _ := strings.Cut(rest, `"`)
	raw = strings.NewReplacer("&#34;", `"`, "&amp;", "&", "&lt;", "<", "&gt;", ">", "&#43;", "+", "&#39;", "'").Replace(raw)
	if status, page, _ := h.upload("editor", at, "", nil, map[string]string{"json": raw, "titel": "Smart Kassel"}); status != 422 || !strings.Contains(page, "gibt es schon") {
		t.Errorf("a title that is taken: %d", status)
	}
	status, page, location := h.upload("editor", at, "", nil, map[string]string{"json": raw, "titel": "Freizeit in Kassel"})
	if status != 303 || !strings.HasPrefix(location, "/redaktion/umfragen/freizeit-in-kassel/fragen/") {
		t.Fatalf("%d %s %s", status, location, page)
	}
	if q := h.draft("freizeit-in-kassel"); q.Item("sport") == nil || len(q.Item("sport").Options) != 2 {
		t.Errorf("%+v", q)
	}
	h.upload("editor", at, "", nil, map[string]string{"json": `{"pages":[{"x":1}]}`, "titel": "Böse"})
	for _, format := range formats.Writable {
		b := h.want(200, "editor", smart+"ausgabe/"+format+"/", nil)
		if format == formats.Own {
			q, losses, err := formats.Read("smart.json", []byte(b))
			if err != nil || len(losses) > 0 || q.Item("weg") == nil {
				t.Errorf("our own file does not come back: %v %v", losses, err)
			}
		}
	}
	h.want(404, "editor", smart+"ausgabe/docx/", nil)
}

func TestArchive(t *testing.T) {
	h := newHouse(t)
	h.want(303, "publisher", smart+"archivieren/", url.Values{"rev": h.surveyRev(), "aktion": {"archivieren"}})
	if page := h.want(200, "editor", "/redaktion/umfragen/", nil); strings.Contains(page, "Smart Kassel") {
		t.Error("the list shows an archived survey")
	}
	contains(t, h.want(200, "editor", "/redaktion/umfragen/?stand=archived", nil), "Smart Kassel")
	if cat, err := h.Catalogue(t.Context()); err != nil || len(cat.Surveys) != 0 {
		t.Error("it is still on the site", err)
	}
	if v, err := newestVersion(h.p.App, "smart-kassel"); err != nil || v == nil {
		t.Error("its version is gone", err)
	}
	h.want(303, "publisher", smart+"archivieren/", url.Values{"rev": h.surveyRev(), "aktion": {"zurueckholen"}})
	contains(t, h.want(200, "editor", "/redaktion/umfragen/", nil), "Smart Kassel")
	h.want(409, "publisher", smart+"archivieren/", url.Values{"rev": {"1"}, "aktion": {"archivieren"}})
}

var _ = condition.Expr{}

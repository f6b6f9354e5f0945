package ideas

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"
)

// photo is a JPEG with a place and a name in its EXIF.
func photo(c color.Color) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for i := range 64 * 48 {
		img.Set(i%64, i/64, c)
	}
	var b bytes.Buffer
	jpeg.Encode(&b, img, nil)
	exif := "Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x00 GPS 51.3127 Erika Mustermann"
	return slices.Concat(b.Bytes()[:2], []byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, []byte(exif), b.Bytes()[2:])
}

// attach posts a form with a picture, as a browser does.
func (v *visitor) attach(path string, form url.Values, picture []byte) (int, string) {
	v.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, list := range form {
		for _, s := range list {
			w.WriteField(name, s)
		}
	}
	part, _ := w.CreateFormFile("picture", "IMG_0001 Erika Mustermann.jpg")
	part.Write(picture)
	w.Close()
	req, _ := http.NewRequest("POST", v.srv.URL+path, &b)
	req.Header.Set("Content-Type", w.FormDataContentType())
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func (h *house) pictureName(number int64) (name string) {
	h.t.Helper()
	return h.idea(number).Picture
}

// withPicture hands in an idea with a picture.
func (h *house) withPicture(title string, c color.Color, more ...string) (v *visitor, number int64) {
	h.t.Helper()
	v = h.visitor()
	form := wish(title)
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	if status, body := v.attach("/ideen/smart/einreichen/", form, photo(c)); status != 303 {
		h.t.Fatalf("%d %.800s", status, body)
	}
	return v, h.scalar(`SELECT MAX(number) FROM ideas`)
}

// TestPictureOfAnIdea: it survives a mistake in the form, is seen by author and
// moderators, by others only while the idea is released, and nothing personal stays in it.
func TestPictureOfAnIdea(t *testing.T) {
	h := open(t)
	v, m := h.visitor(), h.visitor(base.Moderator)
	form := wish("Bäume am Königsplatz")
	form.Set("title", "")
	status, body := v.attach("/ideen/smart/einreichen/", form, photo(color.Black))
	if status != 422 || !strings.Contains(body, "Ihr Bild ist hochgeladen") {
		t.Fatalf("%d: the picture is lost with a mistake: %.600s", status, body)
	}
	form.Set("title", "Bäume am Königsplatz")
	number, token := v.send(form) // without the file: the server has it
	if status, _ := v.attach("/ideen/smart/einreichen/", form, photo(color.Black)); status != 303 {
		t.Errorf("the form with its file once more: %d", status)
	}
	if _, again := v.send(form); again != token {
		t.Error("the same form twice is not the same idea")
	}
	if n := h.scalar(`SELECT COUNT(*) FROM ideas`); n != 1 {
		t.Errorf("%d ideas", n)
	}
	name := h.pictureName(number)
	if !base.IsPictureName(name) {
		t.Fatalf("picture %q", name)
	}
	at := "/ideen/bilder/" + name
	see := func(want int, who *visitor, path string) (string, http.Header) {
		t.Helper()
		res, body := who.ask("GET", path, nil)
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
		return body, res.Header
	}
	staff := adminPath(number) + "bild/"
	see(404, v, at)
	see(200, v, "/meine-idee/bild/")
	see(404, h.visitor(), "/meine-idee/bild/")
	if res, _ := h.visitor(base.Editor).ask("GET", staff, nil); res.StatusCode == 200 {
		t.Error("editors see a picture that waits")
	}
	pic, head := see(200, m, staff)
	if strings.Contains(pic, "Mustermann") || strings.Contains(pic, "Exif") || head.Get("Cache-Control") != "no-store" || head.Get("Content-Type") != "image/jpeg" {
		t.Errorf("%v", head)
	}
	if body, _ := see(200, m, adminPath(number)); !strings.Contains(body, `src="`+staff+`" alt="Bild zur Idee „Bäume am Königsplatz“"`) {
		t.Errorf("the default of the description is missing: %s", body)
	}
	h.does(number, "released")
	if _, head := see(200, h.visitor(), at); head.Get("X-Content-Type-Options") != "nosniff" || head.Get("Cache-Control") != publicAge {
		t.Errorf("%v", head)
	}
	h.does(number, "edited", "title", "Bäume am Königsplatz", "text", h.idea(number).Text, "alt", "  Vier  Linden ")
	all, err := published(t.Context(), h.p.App.DB())
	if err != nil || len(all) != 1 || all[0].Picture != name || all[0].Alt != "Vier Linden" {
		t.Errorf("%+v %v", all, err)
	}
	var doc struct{ Picture struct{ URL, Alt string } }
	api, _ := see(200, v, "/api/v1/ideas/"+strconv.FormatInt(number, 10))
	if err := json.Unmarshal([]byte(api), &doc); err != nil || !strings.HasSuffix(doc.Picture.URL, at) || doc.Picture.Alt != "Vier Linden" {
		t.Errorf("%v %+v", err, doc)
	}
	h.does(number, "rejected", "reason", "personal")
	see(404, h.visitor(), at)
	see(404, m, staff)
	if n := h.scalar(`SELECT COUNT(*) FROM idea_pictures`); n != 0 {
		t.Errorf("%d pictures of a rejected idea", n)
	}
}

func TestPicturesGo(t *testing.T) {
	h := open(t)
	count := func() int64 { return h.scalar(`SELECT COUNT(*) FROM idea_pictures`) }
	// By staff, by the author, with the idea, with time.
	_, first := h.withPicture("Mehr Bänke am Fluss", color.White)
	h.does(first, "edited", "title", h.idea(first).Title, "text", h.idea(first).Text, "no_picture", "ja")
	if count() != 0 || !h.idea(first).Edited {
		t.Errorf("staff took a picture out: %d left", count())
	}
	v, second := h.withPicture("Mehr Schatten am Spielplatz", color.White)
	v.want(303, "POST", "/meine-idee/", url.Values{"aktion": {"antworten"}, "title": {h.idea(second).Title}, "text": {h.idea(second).Text}, "no_picture": {"ja"}})
	if count() != 0 {
		t.Errorf("the author took a picture out: %d left", count())
	}
	v, _ = h.withPicture("Trinkbrunnen in der Altstadt", color.Black)
	v.want(303, "POST", "/meine-idee/", url.Values{"aktion": {"zurueckziehen"}, "sure": {"ja"}})
	if count() != 0 {
		t.Errorf("withdrawn: %d left", count())
	}
	_, merged := h.withPicture("Abstellplätze für Räder", color.Black)
	into := h.released("Fahrradbügel vor Schulen")
	h.does(merged, "merged", "into", strconv.FormatInt(into.Number, 10))
	if res, _ := h.visitor().ask("GET", "/ideen/bilder/"+h.pictureName(merged), nil); res.StatusCode != 404 || count() != 1 {
		t.Errorf("a merged idea shows its picture: %d, %d", res.StatusCode, count())
	}
	waits := wish("x")
	waits.Set("title", "")
	h.visitor().attach("/ideen/smart/einreichen/", waits, photo(color.White))
	forget := func(d time.Duration) {
		h.now = h.now.Add(d)
		if _, err := h.x.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if forget(time.Hour); count() != 2 {
		t.Errorf("%d pictures after an hour", count())
	}
	if forget(pictureWaits); count() != 1 {
		t.Errorf("%d pictures after a day", count())
	}
	if forget(KeepFor); count() != 0 {
		t.Errorf("%d pictures after six months", count())
	}
}

func TestPicturesThatAreNone(t *testing.T) {
	h := open(t)
	v := h.visitor()
	form := wish("Ein Bild, das keines ist")
	for what, sent := range map[string][]byte{"PDF": []byte("%PDF-1.7"), "HTML": []byte("<script>alert(1)</script>"), "half a picture": photo(color.White)[:200]} {
		status, body := v.attach("/ideen/smart/einreichen/", form, sent)
		if status != 422 || !strings.Contains(body, `href="#f-picture"`) || !strings.Contains(body, "Ein Bild, das keines ist") {
			t.Errorf("%s: %d %.400s", what, status, body)
		}
	}
	form.Set("alt", strings.Repeat("x", maxAlt+1))
	if body := v.want(422, "POST", "/ideen/smart/einreichen/", form); !strings.Contains(body, `href="#f-alt"`) {
		t.Errorf("%.400s", body)
	}
	form.Del("alt")
	// Replaced, dropped, and sent without.
	form.Set("title", "")
	for _, c := range []color.Color{color.White, color.Black} {
		v.attach("/ideen/smart/einreichen/", form, photo(c))
	}
	if n := h.scalar(`SELECT COUNT(*) FROM idea_pictures`); n != 1 {
		t.Errorf("%d pictures of one form", n)
	}
	form.Set("no_picture", "ja")
	form.Set("title", "Ein Bild, das keines ist")
	if number, _ := v.send(form); h.pictureName(number) != "" || h.scalar(`SELECT COUNT(*) FROM idea_pictures`) != 0 {
		t.Error("the dropped picture came along")
	}
}

// TestTheMapShowsThePoint that was chosen, and nothing in an address does.
func TestTheMapShowsThePoint(t *testing.T) {
	h := open(t)
	v := h.visitor()
	if body := v.want(200, "GET", "/ideen/smart/einreichen/", nil); strings.Contains(body, "map-picture-marker") {
		t.Error("a marker before anything was chosen")
	}
	form := wish("Etwas auf der Karte")
	form.Set("karte.x", "300")
	form.Set("karte.y", "200")
	body := v.want(200, "POST", "/ideen/smart/einreichen/", form)
	i := strings.Index(body, "<circle cx=")
	if i < 0 || !strings.Contains(body[i:i+60], `cx="300`) || !strings.Contains(body[i:i+60], `cy="200`) && !strings.Contains(body[i:i+60], `cy="199.9`) {
		t.Errorf("no marker where the click was: %.80s", body[max(i, 0):])
	}
	if !strings.Contains(body, `src="/umfragen/karte.png"`) {
		t.Error("the picture of the map has an address of its own")
	}
}

// TestTheLanguageChangesWithoutLoss: what is typed goes along, also the picture.
func TestTheLanguageChangesWithoutLoss(t *testing.T) {
	h := open(t)
	v := h.visitor()
	form := wish("Bänke an der Fulda")
	if body := v.want(200, "GET", "/ideen/smart/einreichen/", nil); !strings.Contains(body, `name="sprache" value="en" formaction="/en/ideen/smart/einreichen/"`) {
		t.Errorf("no way to English: %.900s", body)
	}
	form.Set("sprache", "en")
	status, body := v.attach("/en/ideen/smart/einreichen/", form, photo(color.White))
	if status != 200 {
		t.Fatal(status)
	}
	for _, want := range []string{`lang="en"`, `value="Bänke an der Fulda"`, "Das wäre gut für alle", `value="` + form.Get("key") + `"`, "Your picture is uploaded", `formaction="/ideen/smart/einreichen/"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the English form lacks %q", want)
		}
	}
	if strings.Contains(body, "error-summary") || h.scalar(`SELECT COUNT(*) FROM ideas`) != 0 {
		t.Error("the change of language sent the form")
	}
}

// TestAMergeIsUndone: every idea gets its own votes back, whoever supported both
// counts for both, and what came later stays where it was given.
func TestAMergeIsUndone(t *testing.T) {
	h := open(t)
	a, b, c := h.released("Mehr Radwege in der Stadt"), h.released("Mehr Radwege für die Stadt"), h.released("Radwege ausbauen bitte")
	vote := func(i *Idea, cast bool, persons ...string) {
		t.Helper()
		for _, p := range persons {
			if err := h.x.vote(h.idea(i.Number), p, cast); err != nil {
				t.Fatal(err)
			}
		}
	}
	votes := func(what string, want ...int) {
		t.Helper()
		for n, i := range []*Idea{a, b, c} {
			if got := h.idea(i.Number).Votes; got != want[n] {
				t.Errorf("%s: idea %d has %d votes, want %d", what, n+1, got, want[n])
			}
		}
	}
	into := func(i *Idea) string { return strconv.FormatInt(i.Number, 10) }
	vote(a, true, "only-a", "a-and-b", "a-and-c", "leaves")
	vote(b, true, "only-b", "a-and-b")
	vote(c, true, "only-c", "a-and-c", "c-too")
	votes("before", 4, 2, 3)
	h.does(a.Number, "merged", "into", into(b))
	votes("a in b", 0, 5, 3)
	h.does(c.Number, "merged", "into", into(b))
	votes("a and c in b", 0, 7, 0)
	vote(b, true, "later")
	vote(b, false, "leaves") // takes back what was given to a
	votes("later", 0, 7, 0)
	h.does(a.Number, "parted")
	// a: only-a, a-and-b, a-and-c. b: only-b, a-and-b, later, and of c only-c, a-and-c, c-too.
	votes("a out of b", 3, 6, 0)
	if i := h.idea(a.Number); i.State != stateReleased || i.Into != 0 || i.Decided != 0 {
		t.Errorf("%+v", i)
	}
	h.does(c.Number, "parted")
	votes("all apart", 3, 3, 3)
	for _, p := range []struct {
		idea  *Idea
		who   string
		voted bool
	}{{a, "only-a", true}, {a, "a-and-b", true}, {a, "leaves", false}, {b, "a-and-b", true}, {b, "only-a", false}, {b, "a-and-c", false}, {b, "later", true}, {c, "a-and-c", true}, {c, "c-too", true}} {
		if got, err := h.x.voted(h.idea(p.idea.Number), p.who); err != nil || got != p.voted {
			t.Errorf("%s supports %q: %v %v", p.who, p.idea.Title, got, err)
		}
	}
	if n := h.scalar(`SELECT COUNT(*) FROM idea_kept_votes`); n != 0 {
		t.Errorf("%d votes are still kept", n)
	}

	// One after another: the last merge is undone first.
	h.does(a.Number, "merged", "into", into(b))
	h.does(b.Number, "merged", "into", into(c))
	page := h.visitor(base.Moderator).want(422, "POST", adminPath(a.Number), h.act(a.Number, "parted"))
	if !strings.Contains(page, "Bitte lösen Sie zuerst jene heraus") {
		t.Errorf("%.400s", page)
	}
	h.does(b.Number, "parted")
	if i := h.idea(a.Number); i.Into != b.Number {
		t.Errorf("a leads to %d, not to b", i.Into)
	}
	h.does(a.Number, "parted")
	votes("apart again", 3, 3, 3)
	if res, _ := h.visitor(base.Moderator).ask("POST", adminPath(a.Number), h.act(a.Number, "parted")); res.StatusCode != 422 {
		t.Errorf("parted twice: %d", res.StatusCode)
	}
	// Too late: the text is gone.
	h.does(a.Number, "merged", "into", into(b))
	h.now = h.now.Add(KeepFor + time.Hour)
	if _, err := h.x.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.visitor(base.Moderator).want(422, "POST", adminPath(a.Number), h.act(a.Number, "parted"))
	if n := h.scalar(`SELECT COUNT(*) FROM idea_kept_votes`); n != 0 {
		t.Errorf("%d votes are kept for ever", n)
	}
}

// TestKeptVotesTellNothing: the votes that wait for an undo have no pseudonym in
// common with any others.
func TestKeptVotesTellNothing(t *testing.T) {
	h := open(t)
	a, b := h.released("Mehr Radwege in der Stadt"), h.released("Mehr Radwege für die Stadt")
	for n := range 30 {
		for _, i := range []*Idea{a, b} {
			if err := h.x.vote(i, "person-"+strconv.Itoa(n), true); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.does(a.Number, "merged", "into", strconv.FormatInt(b.Number, 10))
	if n := h.scalar(`SELECT COUNT(*) FROM idea_kept_votes`); n != 30 {
		t.Fatalf("%d votes are kept", n)
	}
	if n := h.scalar(`SELECT COUNT(*) FROM idea_kept_votes k JOIN idea_votes v ON v.voter = k.voter`); n != 0 {
		t.Errorf("%d of 30 votes can be joined", n)
	}
	if n := h.scalar(`SELECT COUNT(*) FROM (SELECT voter, row_number() OVER (ORDER BY voter) AS n FROM idea_kept_votes) k
		JOIN (SELECT voter, row_number() OVER (ORDER BY voter) AS n FROM idea_votes) v ON v.n = k.n AND v.voter = k.voter`); n != 0 {
		t.Errorf("%d of 30 stand at the same place", n)
	}
}

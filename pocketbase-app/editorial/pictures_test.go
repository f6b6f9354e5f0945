package editorial

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
)

// photo is a JPEG of one colour with a place and a name in its EXIF.
func photo(c color.Color) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for i := range 64 * 48 {
		img.Set(i%64, i/64, c)
	}
	var b bytes.Buffer
	jpeg.Encode(&b, img, nil)
	exif := "Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x00 GPS 51.3127 Erika Mustermann"
	segment := append([]byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, exif...)
	return slices.Concat(b.Bytes()[:2], segment, b.Bytes()[2:])
}

// send posts a form with files, as a browser does.
func (h *house) send(who, path string, form url.Values, files map[string][]byte) (int, string, string) {
	h.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, list := range form {
		for _, v := range list {
			w.WriteField(name, v)
		}
	}
	for name, body := range files {
		part, _ := w.CreateFormFile(name, "Meine Wohnung.jpg")
		part.Write(body)
	}
	w.Close()
	req, _ := http.NewRequest("POST", h.url+path, &b)
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("X-Who", who)
	return h.answer(req)
}

var pictureField = regexp.MustCompile(`name="(options\.\d+\.image)" value="([0-9a-f]{64}\.(?:jpg|png))"`)

func inStore(h *house) (names []string) {
	h.t.Helper()
	if err := h.p.App.DB().NewQuery(`SELECT name FROM survey_pictures ORDER BY name`).Column(&names); err != nil {
		h.t.Fatal(err)
	}
	return names
}

// TestPicturesOfOptions: upload, a mistake, the way back, publish, show.
func TestPicturesOfOptions(t *testing.T) {
	h := newHouse(t)
	form := url.Values{"rev": h.surveyRev(), "seite": {"p1"}, "type": {"single_choice"}, "look": {"pictures"}, "text.de": {"Welcher Platz gefällt Ihnen?"}, "code": {"platz"},
		"options.0.text.de": {"Mit Brunnen"}, "options.0.alt.de": {""}, "options.1.text.de": {"Mit Bäumen"}, "options.1.alt.de": {"Vier Linden"}}
	red, green := photo(color.RGBA{200, 0, 0, 255}), photo(color.RGBA{0, 200, 0, 255})
	if !bytes.Contains(red, []byte("Mustermann")) {
		t.Fatal("the test has nothing to find")
	}
	contains(t, h.want(200, "editor", fragen+"neue-frage/?seite=p1&art=single_choice", nil), `enctype="multipart/form-data"`, `value="pictures"`)

	// One picture is described, one is missing, one is none: nothing is stored of the
	// question, nothing is lost of the form.
	status, page, _ := h.send("editor", fragen+"neue-frage/", form, map[string][]byte{"options.0.file": red, "options.1.file": []byte("%PDF-1.7")})
	contains(t, page, `href="#f-options.1.file"`, "Mit Brunnen", "Vier Linden")
	found := pictureField.FindAllStringSubmatch(page, -1)
	if status != 422 || len(found) != 1 {
		t.Fatalf("%d %v", status, found)
	}
	form.Set(found[0][1], found[0][2])
	status, page, _ = h.send("editor", fragen+"neue-frage/", form, map[string][]byte{})
	contains(t, page, `href="#f-options.1.file"`, `href="#f-options.0.alt.de"`, "Bitte laden Sie ein Bild hoch")
	if status != 422 {
		t.Fatal(status)
	}
	form.Set("options.0.alt.de", "Ein Brunnen aus Stein")
	// A button inside the form keeps the picture that came with it, at its line.
	form.Set("aktion", "options:up:1")
	_, page, _ = h.send("editor", fragen+"neue-frage/", form, map[string][]byte{"options.1.file": green})
	found = pictureField.FindAllStringSubmatch(page, -1)
	if len(found) != 2 || found[0][2] == form.Get("options.0.image") || found[1][2] != form.Get("options.0.image") {
		t.Fatalf("moved: %v", found)
	}
	form.Del("aktion")
	form.Set("options.1.image", found[0][2])
	if status, page, _ := h.send("editor", fragen+"neue-frage/", form, nil); status != 303 {
		t.Fatalf("%d\n%s", status, page)
	}
	it := ptr(h.draft("smart-kassel")).Item("platz")
	if it.Look != survey.Pictures || it.Options[0].Image == nil || it.Options[1].Image == nil || it.Options[0].Image.Alt["de"] != "Ein Brunnen aus Stein" || len(inStore(h)) != 2 {
		t.Fatalf("%+v %v", it, inStore(h))
	}

	// The picture is made anew, never changes and cannot run.
	at := "/umfragen/bilder/" + it.Options[0].Image.Name
	res, err := h.client.Get(h.url + at)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body bytes.Buffer
	body.ReadFrom(res.Body)
	if _, err := jpeg.Decode(bytes.NewReader(body.Bytes())); err != nil || bytes.Contains(body.Bytes(), []byte("Mustermann")) || bytes.Contains(body.Bytes(), []byte("Exif")) {
		t.Errorf("%v: the picture as it was sent", err)
	}
	for name, want := range map[string]string{"Content-Type": "image/jpeg", "Cache-Control": pictureAge, "X-Content-Type-Options": "nosniff"} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{strings.Repeat("0", 64) + ".jpg", "..%2f..%2fdata.db", strings.ToUpper(it.Options[0].Image.Name), "karte.png"} {
		h.want(404, "", "/umfragen/bilder/"+name, nil)
	}
	// The same picture twice is kept once.
	again := itemForm(*it)
	again["rev"] = h.surveyRev()
	if status, _, _ := h.send("editor", fragen+"frage/platz/", again, map[string][]byte{"options.1.file": red}); status != 303 {
		t.Error(status)
	}
	it = ptr(h.draft("smart-kassel")).Item("platz")
	if it.Options[0].Image.Name != it.Options[1].Image.Name || len(inStore(h)) != 2 {
		t.Errorf("%+v %v", it.Options, inStore(h))
	}
	again.Set("rev", h.surveyRev()[0])
	again.Set("look", "")
	again.Set("options.1.noimage", "ja")
	h.want(303, "editor", fragen+"frage/platz/", again)
	if it = ptr(h.draft("smart-kassel")).Item("platz"); it.Options[0].Image == nil || it.Options[1].Image != nil {
		t.Errorf("%+v", it.Options)
	}
}

// TestPicturesAreDescribedInEveryLanguage before a survey is published, and are there.
func TestPicturesAreDescribedInEveryLanguage(t *testing.T) {
	h := newHouse(t)
	pic, problem, err := h.p.Picture(t.Context(), photo(color.White))
	if err != nil || problem != nil {
		t.Fatal(err, problem)
	}
	if err := h.keepPicture(pic); err != nil {
		t.Fatal(err)
	}
	q := h.draft("smart-kassel")
	q.Languages = []string{"de", "en"}
	alt := content.Text{"de": "Eine Tram"}
	q.Pages[0].Items[0].Options[0].Image = &survey.Image{Name: pic.Name, Alt: alt}
	problems, err := h.pictureProblems(h.p.App, &q, q.Languages...)
	if err != nil || len(problems) != 1 || problems[0].Field != "pages.0.items.0.options.0.alt.en" {
		t.Errorf("%v %v", problems, err)
	}
	alt["en"] = "A tram"
	if problems, _ := h.pictureProblems(h.p.App, &q, q.Languages...); len(problems) != 0 {
		t.Error(problems)
	}
	q.Pages[0].Items[0].Options[0].Image.Name = strings.Repeat("a", 64) + ".png"
	if problems, _ := h.pictureProblems(h.p.App, &q, q.Languages...); len(problems) != 1 || problems[0].Code != "picture_gone" {
		t.Error(problems)
	}
	// The page for experts lets it in, publishing does not.
	raw := `{"pages":[{"code":"p1","title":{"de":"A"},"items":[{"code":"weg","type":"single_choice","text":{"de":"Weg?"},"required":false,"options":[
		{"code":"a","text":{"de":"A"},"image":{"name":"` + strings.Repeat("a", 64) + `.png","alt":{"de":"B"}}},{"code":"b","text":{"de":"B"}}]}]}]}`
	h.want(303, "editor", fragen+"json/", url.Values{"rev": h.surveyRev(), "json": {raw}})
	contains(t, h.want(200, "editor", "/redaktion/umfragen/smart-kassel/pruefen/", nil), "Dieses Bild gibt es nicht mehr")
	if status, _, _ := h.do("both", "/redaktion/umfragen/smart-kassel/veroeffentlichen/", url.Values{"rev": h.surveyRev(), "aktion": {"veroeffentlichen"}}); status != 422 {
		t.Errorf("published without its picture: %d", status)
	}
}

// TestSweepPicturesKeepsWhatIsUsed: a picture goes when no working copy, version,
// library entry or young revision names it, and not before.
func TestSweepPicturesKeepsWhatIsUsed(t *testing.T) {
	h := newHouse(t)
	add := func(c color.Color) string {
		pic, _, err := h.p.Picture(t.Context(), photo(c))
		if err == nil {
			err = h.keepPicture(pic)
		}
		if err != nil {
			t.Fatal(err)
		}
		return pic.Name
	}
	use := func(name string) {
		form := itemForm(*ptr(h.draft("smart-kassel")).Item("weg"))
		form.Set("rev", h.surveyRev()[0])
		form.Set("options.0.image", name)
		form.Set("options.0.alt.de", "Etwas")
		h.want(303, "editor", fragen+"frage/weg/", form)
	}
	published, working, library, unused := add(color.White), add(color.Black), add(color.RGBA{1, 2, 3, 255}), add(color.RGBA{0, 0, 255, 255})
	use(published)
	h.want(303, "both", "/redaktion/umfragen/smart-kassel/veroeffentlichen/", url.Values{"rev": h.surveyRev(), "aktion": {"veroeffentlichen"}})
	use(library)
	h.step("frage", "weg", "merken")
	use(working)
	now := h.p.Now()
	at := func(d time.Duration) { h.p.Now = func() time.Time { return now.Add(d) } }
	sweep := func() int64 {
		n, err := h.SweepPictures(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := sweep(); n != 0 {
		t.Errorf("%d go while somebody may still be writing", n)
	}
	at(3 * 24 * time.Hour)
	if n := sweep(); n != 1 || slices.Contains(inStore(h), unused) {
		t.Errorf("%d went: %v", n, inStore(h))
	}
	h.want(303, "editor", "/redaktion/umfragen/bibliothek/", url.Values{"eintrag": {"1"}})
	if n := sweep(); n != 0 {
		t.Errorf("%d went that a revision can bring back", n)
	}
	at(40 * 24 * time.Hour)
	if n := sweep(); n != 1 || slices.Contains(inStore(h), library) {
		t.Errorf("%d went: %v", n, inStore(h))
	}
	want := []string{published, working}
	if slices.Sort(want); !slices.Equal(inStore(h), want) {
		t.Errorf("%v is kept, want %v", inStore(h), want)
	}
	if n := sweep(); n != 0 {
		t.Errorf("a second sweep deletes %d", n)
	}
}

// TestPicturesTravel: the file of one server brings its pictures to another.
func TestPicturesTravel(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	form := itemForm(*ptr(h.draft("smart-kassel")).Item("weg"))
	form.Set("rev", h.surveyRev()[0])
	form.Set("options.0.alt.de", "Eine Tram")
	if status, page, _ := h.send("editor", fragen+"frage/weg/", form, map[string][]byte{"options.0.file": photo(color.Black)}); status != 303 {
		t.Fatal(status, page)
	}
	file := h.want(200, "editor", "/redaktion/umfragen/smart-kassel/ausgabe/json/", nil)
	contains(t, file, `"pictures": {`)
	status, page, _ := other.send("editor", "/redaktion/umfragen/import/", nil, map[string][]byte{"datei": []byte(file)})
	raw := regexp.MustCompile(`name="json" value="([^"]*)"`).FindStringSubmatch(page)
	if status != 200 || raw == nil {
		t.Fatalf("%d\n%s", status, page)
	}
	json := strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&amp;", "&", "&lt;", "<", "&gt;", ">", "&#43;", "+").Replace(raw[1])
	if status, page, _ := other.send("editor", "/redaktion/umfragen/import/", url.Values{"json": {json}, "titel": {"Von anderswo"}}, nil); status != 303 {
		t.Fatal(status, page)
	}
	got := ptr(other.draft("von-anderswo")).Item("weg").Options[0].Image
	if got == nil || got.Alt["de"] != "Eine Tram" || !slices.Contains(inStore(other), got.Name) {
		t.Errorf("%+v %v", got, inStore(other))
	}
	// Who lies about a picture loses it and is told so.
	spoilt := regexp.MustCompile(`(\.jpg": )"[^"]*"`).ReplaceAllString(file, `$1"PHNjcmlwdD4="`)
	_, page, _ = newHouse(t).send("editor", "/redaktion/umfragen/import/", nil, map[string][]byte{"datei": []byte(spoilt)})
	contains(t, page, "weg.tram", "muss hochgeladen werden")
}

func TestPNGStaysPNG(t *testing.T) {
	h := newHouse(t)
	var b bytes.Buffer
	png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 3000, 20)))
	pic, problem, err := h.p.Picture(t.Context(), b.Bytes())
	if err != nil || problem != nil || !strings.HasSuffix(pic.Name, ".png") || !base.IsPictureName(pic.Name) {
		t.Fatal(pic.Name, problem, err)
	}
	if c, err := png.DecodeConfig(bytes.NewReader(pic.Body)); err != nil || c.Width != base.PictureEdge {
		t.Errorf("%+v %v", c, err)
	}
}

package participation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
	"servicepoint/pocketbase-app/base/gate"
	"servicepoint/pocketbase-app/participation"

	"github.com/pocketbase/pocketbase/core"
)

// withFiles is a survey that asks for a photo, a file and a word.
func withFiles() survey.Questionnaire {
	return survey.Questionnaire{
		Slug: "bilder", Version: 1, Languages: []string{"de"}, Anonymous: true,
		Title: text("Bilder", "Pictures", "Bilder"), Opens: basetest.Start.Add(-time.Hour),
		Pages: []survey.Page{{Code: "one", Title: text("Bilder", "Pictures", "Bilder"), Items: []survey.Item{
			{Code: "place", Type: survey.Photo, MaxChoices: 2, Text: text("Ein Foto?", "A photo?", "Foto?")},
			{Code: "plan", Type: survey.File, Text: text("Eine Datei?", "A file?", "Datei?")},
			{Code: "word", Type: survey.ShortText, Text: text("Ein Wort?", "A word?", "Wort?")},
		}}},
	}
}

func photo(w, h int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = uint8(i)
	}
	img.Set(0, 0, color.White)
	var b bytes.Buffer
	jpeg.Encode(&b, img, nil)
	secret := "Exif\x00\x00GPS 51.31 Erika Mustermann"
	tail := append([]byte{0xff, 0xe1, 0, byte(len(secret) + 2)}, secret...)
	return append(append(append([]byte{}, b.Bytes()[:2]...), tail...), b.Bytes()[2:]...)
}

type sentFile struct {
	field string
	body  []byte
}

// upload posts a page's form with files.
func (v *visitor) upload(path string, fields map[string][]string, files ...sentFile) page {
	v.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for _, f := range files {
		part, _ := m.CreateFormFile("s-datei:"+f.field, "Erika Mustermanns Haus.jpg")
		part.Write(f.body)
	}
	for name, list := range fields {
		for _, s := range list {
			m.WriteField(name, s)
		}
	}
	m.Close()
	res, err := v.client.Post(v.w.srv.URL+path, m.FormDataContentType(), &b)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	html, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return page{status: res.StatusCode, location: res.Header.Get("Location"), html: string(html), header: res.Header}
}

var hidden = regexp.MustCompile(`name="(place|plan)" value="([0-9a-f]{32}\.(?:jpg|png|txt))"`)

func (w *world) files(t *testing.T) (paths []string) {
	filepath.WalkDir(filepath.Join(w.App.DataDir(), "uploads"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return nil
	})
	return paths
}

func TestFilesGoWithTheAnswers(t *testing.T) {
	w := newWorld(t)
	publish(t, w.Platform, withFiles())
	v := w.visitor(t)
	v.post("/umfragen/bilder/teilnehmen/", "")

	// The photo alone, by its own button; the page comes again and shows it.
	p := v.upload("/umfragen/bilder/seite/1/", map[string][]string{"s-aktion": {"laden:place"}, "word": {"Brunnen"}}, sentFile{"place", photo(300, 200)})
	if p.status != 303 {
		t.Fatal(p.status, p.html)
	}
	p = v.get("/umfragen/bilder/seite/1/")
	first := hidden.FindStringSubmatch(p.html)
	if first == nil || !strings.Contains(p.html, `value="Brunnen"`) || !strings.Contains(p.html, `multipart/form-data`) {
		t.Fatal(p.html)
	}
	// A second photo and a bad file with the button "weiter": the good ones stay, the
	// bad one is named at its field, nothing else is lost.
	p = v.upload("/umfragen/bilder/seite/1/", map[string][]string{"s-aktion": {"weiter"}, "word": {"Brunnen"}, "place": {first[2]}},
		sentFile{"place", photo(30, 20)}, sentFile{"plan", []byte("%PDF-1.7")})
	names := hidden.FindAllStringSubmatch(p.html, -1)
	if p.status != 422 || len(names) != 2 || !strings.Contains(p.html, "PDF-Dateien nehmen wir nicht an") || !strings.Contains(p.html, `value="Brunnen"`) {
		t.Fatal(p.status, len(names), p.html)
	}
	// A third is one too many; a file of 11 MB is too large and costs nothing else.
	fields := map[string][]string{"s-aktion": {"weiter"}, "word": {"Brunnen"}, "place": {names[0][2], names[1][2]}}
	if p = v.upload("/umfragen/bilder/seite/1/", fields, sentFile{"place", photo(30, 20)}, sentFile{"plan", make([]byte, 40<<20)}); p.status != 422 ||
		!strings.Contains(p.html, "höchstens 10 MB") || !strings.Contains(p.html, `value="Brunnen"`) || len(hidden.FindAllString(p.html, -1)) != 2 {
		t.Fatal(p.status, p.html)
	}
	if p = v.upload("/umfragen/bilder/seite/1/", fields, sentFile{"plan", []byte("Gr\xfcn")}); p.location != "/umfragen/bilder/pruefen/" {
		t.Fatal(p.status, p.location, p.html)
	}
	if p = v.post("/umfragen/bilder/pruefen/", ""); p.location != "/umfragen/bilder/danke/" {
		t.Fatal(p.status, p.html)
	}

	var answers string
	if err := w.App.DB().NewQuery(`SELECT answers FROM responses WHERE survey = 'bilder'`).Row(&answers); err != nil {
		t.Fatal(err)
	}
	var stored struct{ Place, Plan []string }
	if err := json.Unmarshal([]byte(answers), &stored); err != nil || len(stored.Place) != 2 || len(stored.Plan) != 1 {
		t.Fatal(answers, err)
	}
	if n := w.count(t, `survey_uploads WHERE draft = ''`); n != 3 {
		t.Errorf("%d uploads without a draft", n)
	}
	// Nothing of the sender is in the files, and their time is a midnight.
	files := w.files(t)
	if len(files) != 3 {
		t.Fatal(files)
	}
	for _, path := range files {
		b, _ := os.ReadFile(path)
		if bytes.Contains(b, []byte("Mustermann")) || bytes.Contains(b, []byte("Exif")) || strings.Contains(path, "Erika") {
			t.Errorf("%s tells of its sender", path)
		}
		info, _ := os.Stat(path)
		if !info.ModTime().UTC().Equal(basetest.Start.Truncate(24 * time.Hour)) {
			t.Errorf("%s has the time %s", path, info.ModTime())
		}
	}
	// A sweep much later takes nothing that an answer holds.
	w.Platform.Now = func() time.Time { return basetest.Start.Add(60 * 24 * time.Hour) }
	if _, err := w.matter.Sweep(context.Background()); err != nil || len(w.files(t)) != 3 {
		t.Errorf("%v, %d files", err, len(w.files(t)))
	}
}

func TestUploadsOfOthersAreNotTaken(t *testing.T) {
	w := newWorld(t)
	publish(t, w.Platform, withFiles())
	erika, mallory := w.visitor(t), w.visitor(t)
	erika.post("/umfragen/bilder/teilnehmen/", "")
	mallory.post("/umfragen/bilder/teilnehmen/", "")
	erika.upload("/umfragen/bilder/seite/1/", map[string][]string{"s-aktion": {"laden:place"}}, sentFile{"place", photo(30, 20)})
	name := hidden.FindStringSubmatch(erika.get("/umfragen/bilder/seite/1/").html)[2]
	mallory.post("/umfragen/bilder/seite/1/", "s-aktion=weiter&place="+name)
	if p := mallory.post("/umfragen/bilder/pruefen/", ""); p.status != 422 {
		t.Errorf("another one's upload was taken: %d", p.status)
	}
	body := `{"language":"de","channel":"web","answers":{"place":["` + name + `"]}}`
	req, _ := http.NewRequest("PUT", w.srv.URL+"/api/v1/surveys/bilder/responses/"+newID(), strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	res, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	problem, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != 422 || !bytes.Contains(problem, []byte("not_upload")) || !bytes.Contains(problem, []byte("#/answers/place")) {
		t.Errorf("%d %s", res.StatusCode, problem)
	}
	// The negative control: Erika's own draft may send it.
	erika.post("/umfragen/bilder/seite/1/", "s-aktion=weiter&place="+name)
	if p := erika.post("/umfragen/bilder/pruefen/", ""); p.status != 303 {
		t.Errorf("%d %s", p.status, p.html)
	}
}

func TestOrphansAreSwept(t *testing.T) {
	w := newWorld(t)
	publish(t, w.Platform, withFiles())
	v := w.visitor(t)
	v.post("/umfragen/bilder/teilnehmen/", "")
	v.upload("/umfragen/bilder/seite/1/", map[string][]string{"s-aktion": {"laden:place"}}, sentFile{"place", photo(30, 20)}, sentFile{"place", photo(30, 20)})
	names := hidden.FindAllStringSubmatch(v.get("/umfragen/bilder/seite/1/").html, -1)
	if len(names) != 2 {
		t.Fatal(names)
	}
	stray := filepath.Join(w.App.DataDir(), "uploads", "neu", "stray")
	os.WriteFile(stray, nil, 0o600)
	os.Chtimes(stray, basetest.Start, basetest.Start)
	// One is sent, the other was taken back; then the draft is gone.
	v.post("/umfragen/bilder/seite/1/", "s-aktion=weiter&place="+names[0][2])
	v.post("/umfragen/bilder/pruefen/", "")
	w.Platform.Now = func() time.Time { return basetest.Start.Add(72 * time.Hour) }
	if _, err := w.matter.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if files := w.files(t); len(files) != 1 || filepath.Base(files[0]) != names[0][2] {
		t.Error(files)
	}
	if n := w.count(t, "survey_uploads"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// TestErasedAnswersTakeTheirFilesAlong: what a response, the personal part of one or
// the urn still holds stays, whatever else is erased.
func TestErasedAnswersTakeTheirFilesAlong(t *testing.T) {
	w := newWorld(t)
	publish(t, w.Platform, withFiles())
	personal := withFiles()
	personal.Slug, personal.Anonymous = "personal", false
	personal.Pages[0].Items[0].Personal = true
	publish(t, w.Platform, personal)
	coded := withFiles()
	coded.Slug, coded.Access = "urne", survey.AccessCode
	publish(t, w.Platform, coded)
	codes, err := gate.New(w.Platform).NewCodes(t.Context(), "umfragen/urne", 1)
	if err != nil {
		t.Fatal(err)
	}
	send := func(slug string) {
		t.Helper()
		v := w.visitor(t)
		begin := ""
		if slug == "urne" {
			begin = "zugangscode=" + codes[0]
		}
		if p := v.post("/umfragen/"+slug+"/teilnehmen/", begin); p.status != 303 {
			t.Fatal(p.status, p.html)
		}
		v.upload("/umfragen/"+slug+"/seite/1/", map[string][]string{"s-aktion": {"laden:place"}}, sentFile{"place", photo(30, 20)})
		name := hidden.FindStringSubmatch(v.get("/umfragen/" + slug + "/seite/1/").html)[2]
		v.post("/umfragen/"+slug+"/seite/1/", "s-aktion=weiter&place="+name)
		if p := v.post("/umfragen/"+slug+"/pruefen/", ""); p.status != 303 {
			t.Fatal(p.status, p.html)
		}
	}
	for _, slug := range []string{"bilder", "bilder", "personal", "urne"} {
		send(slug)
	}
	if n := w.count(t, `responses WHERE survey = 'urne'`); n != 0 || len(w.files(t)) != 4 {
		t.Fatalf("%d answers left the urn, %d files", n, len(w.files(t)))
	}
	sweep := func(days int) int {
		t.Helper()
		w.Platform.Now = func() time.Time { return basetest.Start.AddDate(0, 0, days) }
		if _, err := w.matter.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		return len(w.files(t))
	}
	erase := func(sql string) {
		t.Helper()
		if _, err := w.App.DB().NewQuery(sql).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	erase(`DELETE FROM responses WHERE survey = 'bilder' AND id = (SELECT MIN(id) FROM responses WHERE survey = 'bilder')`)
	if n := sweep(1); n != 4 {
		t.Errorf("%d files: an answer may still be on its way", n)
	}
	if n := sweep(2); n != 3 {
		t.Errorf("%d files after one answer was erased", n)
	}
	erase(`DELETE FROM response_personal`)
	if n := sweep(3); n != 2 {
		t.Errorf("%d files after a personal part was erased", n)
	}
	erase(`DELETE FROM responses`)
	if n := sweep(4); n != 1 || w.count(t, `survey_uploads`) != 1 || w.count(t, `survey_uploads WHERE survey = 'urne'`) != 1 {
		t.Errorf("%d files after all answers but the one in the urn were erased", n)
	}
	if some, err := w.matter.AnswersWaiting(context.Background(), "urne"); err != nil || !some {
		t.Errorf("the urn is empty: %v %v", some, err)
	}
	if some, err := w.matter.AnswersWaiting(context.Background(), "bilder"); err != nil || some {
		t.Errorf("an urn for a survey that has none: %v %v", some, err)
	}
}

func TestPlannersSeeUploadsUnderAClearance(t *testing.T) {
	for _, c := range []struct {
		roles   []string
		cleared bool
		status  int
	}{
		{[]string{base.Planner}, false, 403}, {[]string{base.Planner}, true, 200}, {[]string{base.Moderator}, false, 200}, {[]string{base.Planner, base.Moderator}, false, 200},
	} {
		p := basetest.New(t, participation.Words)
		m := participation.New(p)
		t.Cleanup(m.Close)
		m.Cleared = func(_ context.Context, staff *core.Record, slug string) (bool, error) {
			return c.cleared && base.HasRole(staff, base.Planner) && slug == "bilder", nil
		}
		publish(t, p, withFiles())
		srv, client := basetest.Serve(t, p, m.Bind, basetest.SignedIn(t, p, c.roles...))
		v := (&world{p, m, srv, client}).visitor(t)
		if got := v.get("/planung/umfragen/bilder/dateien/"); got.status != c.status {
			t.Errorf("%v, cleared %v: %d", c.roles, c.cleared, got.status)
		}
	}
}

func TestStaffSeeUploadsSafely(t *testing.T) {
	t.Parallel()
	for role, may := range map[string]bool{base.Planner: true, base.Moderator: true, base.Editor: false, base.Counter: false, base.Admin: false, "": false} {
		p := basetest.New(t, participation.Words)
		p.App.Settings().RateLimits.Enabled = false
		m := participation.New(p)
		t.Cleanup(m.Close)
		publish(t, p, withFiles())
		bind := []func(*core.ServeEvent){m.Bind}
		if role != "" {
			bind = append(bind, basetest.SignedIn(t, p, role))
		}
		srv, client := basetest.Serve(t, p, bind...)
		v := (&world{p, m, srv, client}).visitor(t)
		v.post("/umfragen/bilder/teilnehmen/", "")
		v.upload("/umfragen/bilder/seite/1/", map[string][]string{"s-aktion": {"laden:plan"}}, sentFile{"plan", []byte("<script>alert(1)</script>")})
		name := hidden.FindStringSubmatch(v.get("/umfragen/bilder/seite/1/").html)[2]
		before := v.get("/planung/umfragen/bilder/dateien/" + name)
		v.post("/umfragen/bilder/seite/1/", "s-aktion=weiter&plan="+name)
		v.post("/umfragen/bilder/pruefen/", "")
		list, got := v.get("/planung/umfragen/bilder/dateien/"), v.get("/planung/umfragen/bilder/dateien/"+name)
		if !may {
			if list.status == 200 || got.status == 200 {
				t.Errorf("%q sees uploads: %d %d", role, list.status, got.status)
			}
			continue
		}
		if before.status != 404 {
			t.Errorf("%q sees a file that was not sent: %d", role, before.status)
		}
		if list.status != 200 || !strings.Contains(list.html, name) || got.status != 200 {
			t.Fatalf("%q: %d %d", role, list.status, got.status)
		}
		for header, want := range map[string]string{
			"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
			"Content-Security-Policy": "default-src 'none'; sandbox", "Content-Disposition": `attachment; filename="` + name + `"`,
		} {
			if got.header.Get(header) != want {
				t.Errorf("%s: %q", header, got.header.Get(header))
			}
		}
		for _, path := range []string{"..%2f..%2fdata.db", "data.db", strings.Repeat("0", 32) + ".jpg"} {
			if p := v.get("/planung/umfragen/bilder/dateien/" + path); p.status != 404 {
				t.Errorf("%s: %d", path, p.status)
			}
		}
	}
}

package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// photoFile is a JPEG of one colour in a folder of its own.
func photoFile(t *testing.T, name string, c color.Color) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 400, 300))
	for i := range 400 * 300 {
		img.Set(i%400, i/400, c)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (w way) attach(selector, path string) {
	w.t.Helper()
	must(w.t, w.ctx, chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path}))
}

// TestBrowserPicturesAndFiles: an editor uploads the pictures of two answers; people
// see them on a narrow screen, choose by keyboard, see what they chose in forced
// colours too, and send a photo of their own, which they can take back.
func TestBrowserPicturesAndFiles(t *testing.T) {
	b, s := browser(t), running(t)
	staff, notes := tab(t, b, s.URL)
	w := way{t, staff, true, false}
	const at = "/redaktion/umfragen/plaetze/"
	w.signIn(s, "redaktion")
	w.open(s.URL + "/redaktion/umfragen/vorlagen/")
	w.fill(`#f-titel`, "Plätze")
	w.press(`main form .save-bar button`)
	w.open(s.URL + at + "fragen/neue-seite/")
	w.fill(`[name="title.de"]`, "Ihr Platz")
	w.fill(`[name="code"]`, "eins")
	w.press(`main .save-bar button`)
	w.open(s.URL + at + "fragen/neue-frage/?seite=eins&art=single_choice")
	w.fill(`[name="text.de"]`, "Welcher Platz gefällt Ihnen?")
	w.fill(`[name="code"]`, "platz")
	w.pick(`[name="look"]`, "pictures")
	w.fill(`[name="options.0.text.de"]`, "Mit Brunnen")
	w.fill(`[name="options.1.text.de"]`, "Mit Bäumen")
	w.press(`main .save-bar button[value="speichern"]`)
	w.reads("Bitte laden Sie ein Bild hoch")
	w.attach(`[name="options.0.file"]`, photoFile(t, "a.jpg", color.RGBA{30, 90, 200, 255}))
	w.attach(`[name="options.1.file"]`, photoFile(t, "b.jpg", color.RGBA{20, 150, 60, 255}))
	w.fill(`[name="options.0.alt.de"]`, "Ein Brunnen aus Stein")
	w.press(`main .save-bar button[value="speichern"]`)
	w.reads("Bitte füllen Sie dieses Feld aus") // the other one is not described; both pictures are kept
	must(t, staff, chromedp.Poll[chromedp.Void](`[...document.querySelectorAll(".option-picture img")].filter(i => i.complete && i.naturalWidth === 400).length === 2`))
	w.looks("staff-builder-pictures")
	w.fill(`[name="options.1.alt.de"]`, "Vier Linden")
	w.press(`main .save-bar button[value="speichern"]`)
	w.open(s.URL + at + "fragen/neue-frage/?seite=eins&art=photo")
	w.fill(`[name="text.de"]`, "Ein Foto?")
	w.fill(`[name="code"]`, "foto")
	w.press(`main .save-bar button[value="speichern"]`)
	w.open(s.URL + at + "pruefen/")
	w.press(`main button.button-publish`)
	w.reads("Veröffentlicht")
	notes.check(t)

	ctx, notes := tab(t, b, s.URL)
	narrow := look{"narrow", 320, 640, "light", nil}
	forced := look{"forced colours", 1280, 900, "light", map[string]string{"forced-colors": "active"}}
	must(t, ctx, narrow.actions()...)
	w = way{t, ctx, true, true}
	w.open(s.URL + "/umfragen/plaetze/teilnehmen/")
	w.press(send)
	must(t, ctx, chromedp.Poll[chromedp.Void](`[...document.querySelectorAll(".look-pictures img")].filter(i => i.complete && i.naturalWidth === 400 && i.getBoundingClientRect().width > 150).length === 2`))
	names := eval[[]string](t, ctx, `[...document.querySelectorAll(".look-pictures input")].filter(i => i.value).map(i => i.labels[0].querySelector("img").alt + "/" + i.labels[0].innerText.trim())`)
	if fmt.Sprint(names) != "[Ein Brunnen aus Stein/Mit Brunnen Vier Linden/Mit Bäumen]" {
		t.Errorf("the pictures are called %q", names)
	}
	w.choose(`input[name="platz"][value="mit_baeumen"]`)
	frame := `(v => getComputedStyle(document.querySelector("input[value=" + v + "]").closest(".choice")).borderTopWidth)`
	checkPage(t, ctx, "survey-pictures", narrow, look{"dark", 1280, 900, "dark", nil}, forced)
	if on, off := eval[string](t, ctx, frame+`("mit_baeumen")`), eval[string](t, ctx, frame+`("mit_brunnen")`); on == off {
		t.Errorf("in forced colours the chosen picture looks like the other one: %s, %s", on, off)
	}
	must(t, ctx, narrow.actions()...)

	// A file without a script or a mouse: choose, upload, take back, upload again.
	add := func() {
		w.attach(`[name="s-datei:foto"]`, photoFile(t, "c.jpg", color.RGBA{200, 40, 40, 255}))
		w.press(`main button[value="laden:foto"]`)
		w.reads("Datei 1")
	}
	add()
	checkPage(t, ctx, "survey-upload", narrow, forced)
	w.press(`main .uploads button`)
	if w.visible(`.uploads li`) {
		t.Error("the file was not taken back")
	}
	if !w.checked(`input[name="platz"][value="mit_baeumen"]`) {
		t.Error("an upload lost the answer beside it")
	}
	add()
	w.press(next)
	w.reads("Mit Bäumen")
	w.press(send)
	w.reads("U-")
	notes.check(t)
}

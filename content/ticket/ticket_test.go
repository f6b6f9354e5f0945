package ticket_test

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servicepoint/content/ticket"
)

var (
	signer = ticket.NewSigner(bytes.Repeat([]byte{7}, 32))
	keys   = ticket.NewKeys(signer.Public())
	place  = ticket.Ticket{Event: "waermepumpen", Reference: "B-7K3M9-QX2TD", Number: 2, Nonce: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}}
)

func code(t testing.TB, p ticket.Ticket) string {
	t.Helper()
	c, err := signer.Code(p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func Example() {
	signer := ticket.NewSigner(make([]byte, 32)) // 32 secret bytes
	code, _ := signer.Code(ticket.Ticket{Event: "waermepumpen", Reference: "B-7K3M9-QX2TD", Number: 1})

	atTheDoor := ticket.NewKeys(signer.Public())
	claims, err := atTheDoor.Read(code)
	fmt.Println(claims.Reference, claims.Number, claims.Event == ticket.EventTag("waermepumpen"), err)
	// Output: B-7K3M9-QX2TD 1 true <nil>
}

func TestACodeTellsItsPlace(t *testing.T) {
	c := code(t, place)
	if len(c) != ticket.Length || strings.Trim(c, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
		t.Fatalf("%d characters: %s", len(c), c)
	}
	typed := strings.ToLower(c[:20]) + " - " + strings.ReplaceAll(c[20:], "0", "O")
	for _, s := range []string{c, typed, " " + c + "\n"} {
		got, err := keys.Read(s)
		want := ticket.Claims{Event: ticket.EventTag("waermepumpen"), Reference: place.Reference, Number: 2, Nonce: place.Nonce}
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
}

// One ticket, one code: every single changed character is refused, also in the
// bits of the last character that no byte uses.
func TestAChangedCodeIsRefused(t *testing.T) {
	c := code(t, place)
	for i := range c {
		for _, digit := range "0123456789ABCDEFGHJKMNPQRSTVWXYZ" {
			changed := c[:i] + string(digit) + c[i+1:]
			if _, err := keys.Read(changed); changed != c && err == nil {
				t.Fatalf("character %d may be %c", i, digit)
			}
		}
	}
	stranger := ticket.NewSigner(bytes.Repeat([]byte{8}, 32))
	foreign, err := stranger.Code(place)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Read(foreign); !errors.Is(err, ticket.ErrKey) {
		t.Errorf("another's key: %v", err)
	}
	if _, err := ticket.NewKeys(signer.Public(), stranger.Public()).Read(foreign); err != nil {
		t.Errorf("with both keys: %v", err) // the negative control: only the key decides
	}
	for _, s := range []string{"", "B-7K3M9-QX2TD", c[1:], c + "0", strings.Repeat("Z", ticket.Length)} {
		if _, err := keys.Read(s); !errors.Is(err, ticket.ErrShape) {
			t.Errorf("%.20q: %v", s, err)
		}
	}
}

func TestWhatHasNoCode(t *testing.T) {
	for _, p := range []ticket.Ticket{
		{Reference: "B-7K3M9-QX2T", Number: 1}, {Reference: "B-7K3M9-QX2TU", Number: 1}, {Reference: "b-7K3M9-QX2TD", Number: 1},
		{Reference: "B-7K3M9-QX2TD"}, {Reference: "B-7K3M9-QX2TD", Number: 256}, {Reference: "Bß7K3M9-QX2T", Number: 1},
	} {
		if c, err := signer.Code(p); err == nil {
			t.Errorf("%+v has the code %s", p, c)
		}
	}
	for _, r := range []string{"A-00000-00000", "Z-ZZZZZ-ZZZZZ"} {
		got, err := keys.Read(code(t, ticket.Ticket{Reference: r, Number: 255}))
		if err != nil || got.Reference != r || got.Number != 255 {
			t.Errorf("%s: %+v %v", r, got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(code(f, place))
	f.Add("0")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := keys.Read(s)
		if err == nil && got.Reference != place.Reference {
			t.Errorf("a code out of nothing: %q", s)
		}
	})
}

func sheet(t testing.TB) []byte {
	t.Helper()
	page := ticket.Page{
		Kicker: "Eintrittskarte 1 von 2", Title: "Wärmepumpen im Altbau: Was geht, was kostet’s?",
		Facts: []ticket.Fact{
			{"Zeit", "Mittwoch, 9. Dezember 2026, 18:00 bis 20:00 Uhr"}, {"Ort", "Event Lounge, Obere Königsstraße 8"},
			{"Name", "Jürgen Weiß"}, {"Имя", "Оксана Шевченко"}, {"الاسم", "محمد علاء الدين"}, {"Buchungsnummer", "B-7K3M9-QX2TD"},
		},
		Code: code(t, place), Notes: []string{"Bitte zeigen Sie diesen Code am Eingang. Ein Ausdruck geht auch."},
	}
	second := page
	second.Kicker = "Eintrittskarte 2 von 2"
	b, err := ticket.Sheet{Lang: "de", Title: "Ihre Eintrittskarten", Author: "Kassel Service Point",
		Made: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC), Pages: []ticket.Page{page, second}}.PDF()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestASheetNamesItsLanguageAndEmbedsItsFonts(t *testing.T) {
	b := sheet(t)
	if !bytes.HasPrefix(b, []byte("%PDF-")) || !bytes.Contains(b, []byte("/Lang (de)")) || !bytes.Contains(b, []byte("/FontFile2")) {
		t.Error("no language or no embedded font")
	}
	if len(b) > 200_000 {
		t.Errorf("%d bytes: the fonts are embedded whole", len(b))
	}
	if !bytes.Equal(b, sheet(t)) {
		t.Error("the same sheet twice differs")
	}
	if _, err := (ticket.Sheet{}).PDF(); err == nil {
		t.Error("a sheet without pages")
	}
}

func TestASheetTakesWhateverPeopleType(t *testing.T) {
	for _, name := range []string{"😀 Ⅷ", "\u202eא\u0301ב", "لا", "ﷺ", strings.Repeat("Wort ", 2000), strings.Repeat("x", 3000), "\x00\xff", "ـ", "کیان گچساران"} {
		if _, err := (ticket.Sheet{Lang: "de", Title: name, Pages: []ticket.Page{{Title: name, Facts: []ticket.Fact{{name, name}}, Code: code(t, place)}}}).PDF(); err != nil {
			t.Errorf("%.20q: %v", name, err)
		}
	}
}

func TestAPictureHasItsQuietZone(t *testing.T) {
	b, err := ticket.PNG(code(t, place), 3)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		if r, _, _, _ := img.At(i, i).RGBA(); r != 0xffff {
			t.Fatalf("pixel %d is dark", i)
		}
	}
	if r, _, _, _ := img.At(12, 12).RGBA(); r != 0 {
		t.Error("no finder after the quiet zone")
	}
	svg, err := ticket.SVG(code(t, place), `Code "A"`)
	if err != nil || !bytes.Contains(svg, []byte(`aria-label="Code &#34;A&#34;"`)) || bytes.Contains(svg, []byte("style=")) {
		t.Errorf("%v: %s", err, svg)
	}
}

func BenchmarkSheet(b *testing.B) {
	for b.Loop() {
		sheet(b)
	}
}

// tool skips where the heavy readers are not wanted or not installed.
func tool(t *testing.T, name string) string {
	t.Helper()
	if os.Getenv("SERVICEPOINT_VERIFY") == "" {
		t.Skip("set SERVICEPOINT_VERIFY=1 to read tickets with foreign programs")
	}
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("NOT CHECKED: %s is not installed", name)
	}
	return path
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(tool(t, name), args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

func TestForeignReaderZbarReadsTheCode(t *testing.T) {
	b, err := ticket.PNG(code(t, place), 4)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "code.png")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(run(t, "zbarimg", "-q", "--raw", path)); got != code(t, place) {
		t.Errorf("read %q", got)
	}
}

// The printed sheet: names in four scripts as text, title and language, both
// pages' codes off their picture.
func TestForeignReaderPopplerReadsTheSheet(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sheet.pdf")
	if err := os.WriteFile(path, sheet(t), 0o600); err != nil {
		t.Fatal(err)
	}
	text := run(t, "pdftotext", "-layout", path, "-")
	for _, want := range []string{"Eintrittskarte 1 von 2", "Eintrittskarte 2 von 2", "Jürgen Weiß", "Obere Königsstraße 8", "Оксана Шевченко", "B-7K3M9-QX2TD"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	facts := run(t, "pdfinfo", path)
	for _, want := range []string{"Title:           Ihre Eintrittskarten", "Author:          Kassel Service Point", "Pages:           2", "A4"} {
		if !strings.Contains(facts, want) {
			t.Errorf("no %q in %s", want, facts)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(run(t, "pdffonts", path)), "\n")[2:] {
		if fields := strings.Fields(line); fields[len(fields)-5] != "yes" {
			t.Errorf("a font that is not embedded: %s", line)
		}
	}
	run(t, "pdftoppm", "-r", "100", "-png", path, filepath.Join(dir, "page"))
	pages, _ := filepath.Glob(filepath.Join(dir, "page*.png"))
	if len(pages) != 2 {
		t.Fatal(pages)
	}
	for _, p := range pages {
		if got := strings.TrimSpace(run(t, "zbarimg", "-q", "--raw", p)); got != code(t, place) {
			t.Errorf("the page's code reads %q", got)
		}
	}
	if keep := os.Getenv("KEEP_SHEET"); keep != "" {
		os.Rename(pages[0], keep)
	}
}

package cases

import (
	"encoding/json"
	"errors"
	"math"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"
)

var testQuestions = []content.Question{
	{Code: "kind", Type: "choice", Required: true, Label: content.Text{"de": "Welche Art?"}, Options: []content.Option{
		{Code: "plain", Label: content.Text{"de": "Einfach"}}, {Code: "extended", Label: content.Text{"de": "Erweitert"}}}},
	{Code: "meter", Type: "number", Label: content.Text{"de": "Zählerstand"}},
	{Code: "day", Type: "date", Label: content.Text{"de": "Abgelesen am"}},
	{Code: "purpose", Type: "text", Label: content.Text{"de": "Wofür?"}},
}

func TestAnswersAreCheckedAgainstTheQuestions(t *testing.T) {
	table := []struct {
		what  string
		given map[string]any
		want  map[string]any
		code  string // of the only problem
		field string
	}{
		{"all", map[string]any{"kind": "plain", "meter": 12.5, "day": "2026-12-01", "purpose": " Arbeit "}, map[string]any{"kind": "plain", "meter": 12.5, "day": "2026-12-01", "purpose": "Arbeit"}, "", ""},
		{"only what is required", map[string]any{"kind": "extended"}, map[string]any{"kind": "extended"}, "", ""},
		{"null is no answer", map[string]any{"kind": "plain", "meter": nil}, map[string]any{"kind": "plain"}, "", ""},
		{"nothing", nil, nil, "required", "answers.kind"},
		{"blank choice", map[string]any{"kind": " "}, nil, "required", "answers.kind"},
		{"no such option", map[string]any{"kind": "golden"}, nil, "unknown_option", "answers.kind"},
		{"a list", map[string]any{"kind": []any{"plain"}}, nil, "wrong_type", "answers.kind"},
		{"number as a word", map[string]any{"kind": "plain", "meter": "viel"}, nil, "not_number", "answers.meter"},
		{"number too large", map[string]any{"kind": "plain", "meter": 1e13}, nil, "too_large", "answers.meter"},
		{"not a number", map[string]any{"kind": "plain", "meter": math.NaN()}, nil, "too_large", "answers.meter"},
		{"number for a text", map[string]any{"kind": "plain", "purpose": 1.0}, nil, "wrong_type", "answers.purpose"},
		{"day that is none", map[string]any{"kind": "plain", "day": "2026-02-30"}, nil, "not_date", "answers.day"},
		{"text too long", map[string]any{"kind": "plain", "purpose": strings.Repeat("ä", maxAnswer+1)}, nil, "too_long", "answers.purpose"},
		{"control character", map[string]any{"kind": "plain", "purpose": "a\x00b"}, nil, "not_text", "answers.purpose"},
		{"nobody asked", map[string]any{"kind": "plain", "iban": "x"}, nil, "unknown_field", "answers.iban"},
	}
	for _, c := range table {
		t.Run(c.what, func(t *testing.T) {
			var ps content.Problems
			got := checkAnswers(&ps, testQuestions, c.given)
			if c.code == "" {
				if len(ps) > 0 || !reflect.DeepEqual(got, c.want) {
					t.Errorf("got %v, %v; want %v", got, ps, c.want)
				}
				return
			}
			if len(ps) != 1 || ps[0].Code != c.code || ps[0].Field != c.field {
				t.Errorf("problems %v, want %s: %s", ps, c.field, c.code)
			}
		})
	}
}

func TestNumbersAreReadAsPeopleWriteThem(t *testing.T) {
	for _, c := range []struct {
		lang, text string
		want       float64
		ok         bool
	}{
		{"de", "1234", 1234, true}, {"de", "1234,5", 1234.5, true}, {"de", "1.234", 1234, true}, {"de", "1.234,5", 1234.5, true},
		{"de", "12.5", 12.5, true}, {"de", "1 234,5", 1234.5, true}, {"ls", "−3", -3, true}, {"en", "1,234.5", 1234.5, true},
		{"en", "1.234", 1.234, true}, {"en", "12,5", 12.5, true}, {"de", "1,2,3", 0, false}, {"de", "0x10", 0, false},
		{"de", "1e9", 0, false}, {"de", "NaN", 0, false}, {"de", "", 0, false}, {"de", "12 kWh", 0, false},
	} {
		if got, ok := readNumber(c.text, c.lang); ok != c.ok || got != c.want {
			t.Errorf("%s %q: %v %v", c.lang, c.text, got, ok)
		}
	}
}

func TestContactIsCheckedUnlessItIsOptional(t *testing.T) {
	good := Request{Name: " Ada Muster ", Email: "ada@example.org", Message: "Guten Tag,\nbitte …"}
	got, err := good.Check(nil, true)
	if err != nil || got.Name != "Ada Muster" {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, c := range []struct {
		what        string
		r           Request
		contact     bool
		field, code string
	}{
		{"no name", Request{Email: "a@b.de", Message: "x"}, true, "name", "required"},
		{"no message", Request{Name: "A", Email: "a@b.de", Message: " \n "}, false, "message", "required"},
		{"name of nothing visible", Request{Name: "\u200b", Email: "a@b.de", Message: "x"}, true, "name", "not_text"},
		{"two lines of name", Request{Name: "A\nBcc: x", Email: "a@b.de", Message: "x"}, true, "name", "not_text"},
		{"e-mail with a name", Request{Name: "A", Email: "A <a@b.de>", Message: "x"}, true, "email", "not_email"},
		{"e-mail without a point", Request{Name: "A", Email: "a@localhost", Message: "x"}, true, "email", "not_email"},
		{"e-mail with a line", Request{Name: "A", Email: "a@b.de\nBcc: c@d.de", Message: "x"}, true, "email", "not_email"},
		{"wrong e-mail though optional", Request{Email: "nix", Message: "x"}, false, "email", "not_email"},
		{"long e-mail", Request{Name: "A", Email: strings.Repeat("a", 250) + "@b.de", Message: "x"}, true, "email", "too_long"},
	} {
		_, err := c.r.Check(nil, c.contact)
		var ps content.Problems
		if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Field != c.field || ps[0].Code != c.code {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if _, err := (Request{Message: "Bild ohne Text"}).Check(nil, false); err != nil {
		t.Errorf("without contact: %v", err)
	}
}

func TestReferencesAndSecretsAreForgiving(t *testing.T) {
	for _, s := range []string{"A-7K3M9-QX2TD", "a-7k3m9-qx2td", " a7k3m9qx2td ", "A 7K3M9 QX2TD", "A–7K3M9–QX2TD"} {
		if got := normaliseReference(s); got != "A-7K3M9-QX2TD" {
			t.Errorf("%q: %q", s, got)
		}
	}
	if got := normaliseReference("A-0O1IL-QX2TD"); got != "A-00111-QX2TD" {
		t.Errorf("misread digits: %q", got)
	}
	if secretHash("A-1", "abcd0-11111") != secretHash("A-1", " ABCDO iL1Il ") {
		t.Error("a secret typed another way does not fit")
	}
	if secretHash("A-1", "X") == secretHash("A-2", "X") {
		t.Error("the hash does not depend on the reference")
	}
}

// FuzzRequest reads any body as the API does: whatever comes, the request is
// refused as the client's fault or is within all limits.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		`{"guide":"g","name":"A","email":"a@b.de","message":"x","answers":{"kind":"plain","meter":1.5,"day":"2026-12-01"}}`,
		`{"answers":{"kind":["plain"],"meter":"1"}}`, `{"name":"\u0000"}`, `{"answers":null}`, `{"answers":[]}`, `{"a":1}`, `[`, ``,
		`{"message":"\ud800","answers":{"":{},"kind":{}}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		req := httptest.NewRequest("POST", "/api/v1/cases", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		var r Request
		if _, err := base.DecodeJSON(httptest.NewRecorder(), req, &r); err != nil {
			mustBlameClient(t, err)
			return
		}
		mustCheck(t, r)
	})
}

// FuzzAnswers reads any form body as the request form does.
func FuzzAnswers(f *testing.F) {
	f.Add("name=A&email=a%40b.de&message=x&answers.kind=plain&answers.meter=1.234,5&answers.day=24.12.2026", "de")
	f.Add("answers.kind=golden&answers.meter=1e400&answers.day=0001-01-01&answers.purpose=%00", "en")
	f.Add("%zz", "ls")
	f.Fuzz(func(t *testing.T, body, lang string) {
		req := httptest.NewRequest("POST", "/leistungen/g/anfrage/", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form, err := base.DecodeForm(httptest.NewRecorder(), req)
		if err != nil {
			mustBlameClient(t, err)
			return
		}
		mustCheck(t, fromForm(form, "g", testQuestions, lang))
	})
}

func mustBlameClient(t *testing.T, err error) {
	t.Helper()
	var refusal *base.Error
	var ps content.Problems
	if !errors.As(err, &ps) && (!errors.As(err, &refusal) || refusal.Status < 400 || refusal.Status >= 500) {
		t.Fatalf("not the client's fault: %v", err)
	}
}

func mustCheck(t *testing.T, r Request) {
	t.Helper()
	fingerprint(r) // must not panic
	got, err := r.Check(testQuestions, true)
	if err != nil {
		mustBlameClient(t, err)
		return
	}
	if utf8.RuneCountInString(got.Name) > maxName || len(got.Email) > maxEmail || utf8.RuneCountInString(got.Message) > maxMessage ||
		got.Name == "" || got.Message == "" || strings.ContainsAny(got.Name+got.Email, "\r\n") {
		t.Fatalf("outside the limits: %q %q", got.Name, got.Email)
	}
	kind, _ := got.Answers["kind"].(string)
	if kind != "plain" && kind != "extended" {
		t.Fatalf("required choice: %v", got.Answers)
	}
	for code := range got.Answers {
		if code != "kind" && code != "meter" && code != "day" && code != "purpose" {
			t.Fatalf("nobody asked %q", code)
		}
	}
	if _, err := json.Marshal(got); err != nil {
		t.Fatal(err)
	}
	again, err := got.Check(testQuestions, true)
	if err != nil || !reflect.DeepEqual(again, got) {
		t.Fatalf("checking twice: %+v, then %+v (%v)", got, again, err)
	}
}

func TestAFormKeyThatIsMissingOrBrokenIsReplaced(t *testing.T) {
	if formKey("abcdefgh") != "abcdefgh" {
		t.Error("a good key was replaced")
	}
	for _, s := range []string{"", "short", strings.Repeat("x", 256), "with blank", "umläute!!"} {
		if k := formKey(s); k == s || len(k) < 8 {
			t.Errorf("%q: %q", s, k)
		}
	}
}

func TestTheReceiptCookieOpensOnlyHereAndSoon(t *testing.T) {
	c := &Cases{sealed: newSeal(make([]byte, 32)), Platform: &base.Platform{Now: fixedNow}}
	s, err := c.seal(Receipt{"A-1", "secret", Sent})
	if err != nil || strings.Contains(s, "secret") {
		t.Fatal(s, err)
	}
	if r, err := c.unseal(s); err != nil || r.Secret != "secret" {
		t.Fatalf("%+v %v", r, err)
	}
	other := &Cases{sealed: newSeal(append(make([]byte, 31), 1)), Platform: c.Platform}
	for what, f := range map[string]func() (Receipt, error){
		"another key": func() (Receipt, error) { return other.unseal(s) },
		"cut off":     func() (Receipt, error) { return c.unseal(s[:len(s)-2]) },
		"not base64":  func() (Receipt, error) { return c.unseal("%%%") },
		"empty":       func() (Receipt, error) { return c.unseal("") },
		"too late": func() (Receipt, error) {
			c.Platform = &base.Platform{Now: laterNow}
			return c.unseal(s)
		},
	} {
		if r, err := f(); err == nil || r.Secret != "" {
			t.Errorf("%s: %+v", what, r)
		}
	}
}

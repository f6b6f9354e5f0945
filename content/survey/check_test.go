package survey_test

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"servicepoint/content"
	"servicepoint/content/survey"
)

func decode(t testing.TB, body string) map[string]json.RawMessage {
	t.Helper()
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(body), &raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

func codes(problems content.Problems) string {
	var list []string
	for _, p := range problems {
		list = append(list, p.Field+" "+p.Code)
	}
	return strings.Join(list, "; ")
}

func TestCheckNormalisesOrNamesTheItemAtFault(t *testing.T) {
	q := everything()
	cases := []struct{ what, sent, answers, problems string }{
		{"all types", `{"district":"west","topics":["water","energy"],"content":4,"rent":612.5,"people":2,"name":" Königstor ","idea":"a\r\nb","since":"2020-02-29"}`,
			`{"content":4,"district":"west","idea":"a\nb","name":"Königstor","people":2,"rent":612.5,"since":"2020-02-29","topics":["energy","water"]}`, ""},
		{"null and blank are no answers", `{"district":"west","topics":[],"content":null,"name":"  ","since":""}`, `{"district":"west"}`, ""},
		{"escapes", `{"district":"w\u0065st","name":"\u00e4\"\\"}`, `{"district":"west","name":"ä\"\\"}`, ""},
		{"negative zero", `{"district":"west","rent":-0.0}`, `{"district":"west","rent":0}`, ""},
		{"exclusive alone, though two are wanted", `{"district":"west","topics":["none"]}`, `{"district":"west","topics":["none"]}`, ""},
		{"required missing", `{"content":3}`, "", "answers.district required"},
		{"required null", `{"district":null}`, "", "answers.district required"},
		{"required blank", `{"district":""}`, "", "answers.district required"},
		{"unknown option", `{"district":"ost"}`, "", "answers.district unknown_option"},
		{"option by number", `{"district":1}`, "", "answers.district wrong_type"},
		{"option as list", `{"district":["west"]}`, "", "answers.district wrong_type"},
		{"options as text", `{"district":"west","topics":"bus"}`, "", "answers.topics wrong_type"},
		{"null among options", `{"district":"west","topics":["bus",null]}`, "", "answers.topics wrong_type"},
		{"number among options", `{"district":"west","topics":["bus",1]}`, "", "answers.topics wrong_type"},
		{"option twice", `{"district":"west","topics":["bus","bus"]}`, "", "answers.topics twice"},
		{"exclusive with another", `{"district":"west","topics":["bus","none"]}`, "", "answers.topics exclusive"},
		{"too few", `{"district":"west","topics":["bus"]}`, "", "answers.topics too_few"},
		{"too many", `{"district":"west","topics":["bus","energy","water","none"]}`, "", "answers.topics exclusive"},
		{"scale with a fraction", `{"district":"west","content":2.5}`, "", "answers.content not_integer"},
		{"scale too small", `{"district":"west","content":0}`, "", "answers.content too_small"},
		{"scale too large", `{"district":"west","content":6}`, "", "answers.content too_large"},
		{"number as text", `{"district":"west","rent":"612"}`, "", "answers.rent wrong_type"},
		{"number no float holds", `{"district":"west","people":1e999}`, "", "answers.people too_large"},
		{"number beyond all bounds", `{"district":"west","people":1e16}`, "", "answers.people too_large"},
		{"whole number", `{"district":"west","people":1.5}`, "", "answers.people not_integer"},
		{"truth", `{"district":true}`, "", "answers.district wrong_type"},
		{"object", `{"district":{}}`, "", "answers.district wrong_type"},
		{"text too long", `{"district":"west","name":"12345678901"}`, "", "answers.name too_long"},
		{"umlauts count once", `{"district":"west","name":"äöüäöüäöüä"}`, `{"district":"west","name":"äöüäöüäöüä"}`, ""},
		{"line break in one line", `{"district":"west","name":"a\nb"}`, "", "answers.name not_text"},
		{"control character", `{"district":"west","idea":"a\u0000b"}`, "", "answers.idea not_text"},
		{"lone surrogate", `{"district":"west","idea":"a\ud800b"}`, "", "answers.idea not_text"},
		{"noncharacter", `{"district":"west","idea":"a\uffffb"}`, "", "answers.idea not_text"},
		{"emoji", `{"district":"west","idea":"👩‍🚒"}`, `{"district":"west","idea":"👩‍🚒"}`, ""},
		{"no such day", `{"district":"west","since":"2021-02-29"}`, "", "answers.since not_date"},
		{"German date", `{"district":"west","since":"24.12.2020"}`, "", "answers.since not_date"},
		{"far year", `{"district":"west","since":"0001-01-01"}`, "", "answers.since not_date"},
		{"unknown item", `{"district":"west","colour":"red"}`, "", "answers.colour unknown_item"},
		{"answer to an info", `{"district":"west","hello":"x"}`, "", "answers.hello unknown_item"},
		{"several faults in the order asked", `{"zzz":1,"content":9,"aaa":1}`, "", "answers.district required; answers.content too_large; answers.aaa unknown_item; answers.zzz unknown_item"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			answers, problems := q.Check(decode(t, c.sent))
			if got := codes(problems); got != c.problems {
				t.Fatalf("problems %q, want %q", got, c.problems)
			}
			if c.problems == "" && string(answers.Canonical()) != c.answers {
				t.Errorf("answers %s, want %s", answers.Canonical(), c.answers)
			}
		})
	}
	q.Pages[0].Items[1].Required = false
	for _, nothing := range []map[string]json.RawMessage{nil, {}, decode(t, `{"name":" "}`)} {
		if _, problems := q.Check(nothing); codes(problems) != "answers nothing_answered" {
			t.Errorf("nothing answered: %s", codes(problems))
		}
	}
	many := map[string]json.RawMessage{"district": json.RawMessage(`"west"`)}
	for i := range 5000 {
		many[strings.Repeat("ü", i)] = json.RawMessage("1")
	}
	if _, problems := q.Check(many); len(problems) > 25 {
		t.Errorf("%d problems of unknown items", len(problems))
	}
}

func TestFormsAreReadAsPeopleWrite(t *testing.T) {
	q := everything()
	cases := []struct{ what, form, answers, problems string }{
		{"page one", "district=west&topics=water&topics=energy&content=4&s-aktion=weiter", `{"content":4,"district":"west","topics":["energy","water"]}`, ""},
		{"blank fields", "district=1&topics=&content=&rent=&name=+&since=", `{"district":"1"}`, ""},
		{"nothing", "", "", "district required"},
		{"two radio buttons", "district=1&district=west", "", "district wrong_type"},
		{"unknown option", "district=ost", "", "district unknown_option"},
		{"German decimal comma", "district=1&rent=612,50", `{"district":"1","rent":612.5}`, ""},
		{"decimal point", "district=1&rent=612.5", `{"district":"1","rent":612.5}`, ""},
		{"thousands and comma", "district=1&rent=1.612,5", `{"district":"1","rent":1612.5}`, ""},
		{"English thousands", "district=1&rent=1,612.5", `{"district":"1","rent":1612.5}`, ""},
		{"blank between thousands, with unit", "district=1&rent=1+612+€", `{"district":"1","rent":1612}`, ""},
		{"three digits behind nought", "district=1&rent=0,125", `{"district":"1","rent":0.125}`, ""},
		{"millions", "district=1&people=1.234.567", `{"district":"1","people":1234567}`, ""},
		{"ambiguous", "district=1&rent=1.612", "", "rent ambiguous_number"},
		{"ambiguous with comma", "district=1&people=1,612", "", "people ambiguous_number"},
		{"dots at odd places", "district=1&rent=1.61.2", "", "rent not_number"},
		{"odd groups", "district=1&rent=16.12,5", "", "rent not_number"},
		{"words", "district=1&rent=viel", "", "rent not_number"},
		{"hexadecimal", "district=1&rent=0x10", "", "rent not_number"},
		{"infinity", "district=1&rent=inf", "", "rent not_number"},
		{"exponent", "district=1&rent=1e3", "", "rent not_number"},
		{"minus sign", "district=1&rent=−5", "", "rent too_small"},
		{"German date", "district=1&since=24.12.2020", `{"district":"1","since":"2020-12-24"}`, ""},
		{"short German date", "district=1&since=1.2.2020", `{"district":"1","since":"2020-02-01"}`, ""},
		{"German date with blanks", "district=1&since=1.+2.+2020", `{"district":"1","since":"2020-02-01"}`, ""},
		{"ISO date", "district=1&since=2020-12-24", `{"district":"1","since":"2020-12-24"}`, ""},
		{"year of two digits", "district=1&since=24.12.20", "", "since not_date"},
		{"no such day", "district=1&since=30.2.2020", "", "since not_date"},
		{"bad UTF-8", "district=1&idea=%ff", "", "idea not_text"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			form, err := url.ParseQuery(c.form)
			if err != nil {
				t.Fatal(err)
			}
			answers, problems := q.CheckForm(form)
			if got := codes(problems); got != c.problems {
				t.Fatalf("problems %q, want %q", got, c.problems)
			}
			if c.problems == "" && string(answers.Canonical()) != c.answers {
				t.Errorf("answers %s, want %s", answers.Canonical(), c.answers)
			}
		})
	}
	if problems := q.Read(url.Values{"district": {"nowhere"}}).Pages[1].Problems; len(problems) > 0 {
		t.Errorf("another page's field: %v", problems)
	}
}

func TestStoredAnswersAreDecodedStrictly(t *testing.T) {
	for in, want := range map[string]survey.Answers{
		`{}`:                              {},
		`{"a":"x","b":["y","z"],"c":1.5}`: {"a": "x", "b": []string{"y", "z"}, "c": 1.5},
		` {"a":[]} `:                      {"a": []string{}},
		`{"a":null}`:                      nil,
		`{"a":true}`:                      nil,
		`{"a":{"b":1}}`:                   nil,
		`{"a":[1]}`:                       nil,
		`{"a":1,"a":2}`:                   nil,
		`{"a":1} {}`:                      nil,
		`{"a":1`:                          nil,
		`{"a":1e999}`:                     nil,
		`[]`:                              nil,
		``:                                nil,
		"{\"a\":\"\xff\"}":                nil,
	} {
		got, err := survey.DecodeAnswers([]byte(in))
		if (err != nil) != (want == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v %v", in, got, err)
		}
	}
}

func TestEqualAnswersHaveOneFingerprint(t *testing.T) {
	q := everything()
	a, _ := q.Check(decode(t, `{"district":"west","topics":["water","energy"],"rent":6.0e2}`))
	b, _ := q.Check(decode(t, `{"rent":600,"topics":["energy","water"],"district":"west","idea":""}`))
	c, _ := q.Check(decode(t, `{"rent":601,"topics":["energy","water"],"district":"west"}`))
	if a.Fingerprint() != b.Fingerprint() || a.Fingerprint() == c.Fingerprint() {
		t.Error(a.Fingerprint(), b.Fingerprint(), c.Fingerprint())
	}
}

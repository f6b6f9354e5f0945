package survey

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/json/jsontext"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
)

// Canonical is the one JSON form of answers: sorted keys, no blanks. Equal
// answers have equal bytes.
func (a Answers) Canonical() []byte {
	if len(a) == 0 {
		return []byte("{}")
	}
	b, err := json.Marshal(map[string]any(a))
	if err != nil {
		panic("survey: answers hold something that is no answer: " + err.Error())
	}
	return b
}

// Fingerprint is the SHA-256 of the canonical form, hexadecimal.
func (a Answers) Fingerprint() string {
	sum := sha256.Sum256(a.Canonical())
	return hex.EncodeToString(sum[:])
}

var errNotAnswers = errors.New("survey: not the JSON of answers")

// DecodeAnswers reads stored answers: one JSON object of strings, numbers and
// lists of strings. It does not check them against a questionnaire.
func DecodeAnswers(b []byte) (Answers, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(b)) // refuses doubled names and bad UTF-8
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '{' {
		return nil, errNotAnswers
	}
	a := Answers{}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, errNotAnswers
		}
		code := name.String()
		value, err := decodeValue(dec)
		if err != nil {
			return nil, err
		}
		a[code] = value
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, errNotAnswers
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errNotAnswers
	}
	return a, nil
}

func decodeValue(dec *jsontext.Decoder) (any, error) {
	t, err := dec.ReadToken()
	if err != nil {
		return nil, errNotAnswers
	}
	switch t.Kind() {
	case '"':
		return t.String(), nil
	case '0':
		f, err := strconv.ParseFloat(t.String(), 64)
		if err != nil {
			return nil, errNotAnswers
		}
		return f, nil
	case '[':
		list := []string{}
		for dec.PeekKind() != ']' {
			t, err := dec.ReadToken()
			if err != nil || t.Kind() != '"' {
				return nil, errNotAnswers
			}
			list = append(list, t.String())
		}
		_, err := dec.ReadToken()
		return list, err
	}
	return nil, errNotAnswers
}

// FormatNumber writes a number as people read it: 1234,5 in German, 1234.5 in English.
func FormatNumber(f float64, lang string) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if lang == content.English {
		return s
	}
	return strings.Replace(s, ".", ",", 1)
}

// FormatDate turns an answer's YYYY-MM-DD into 24.12.2026, or 24 Dec 2026 in English.
func FormatDate(iso, lang string) string {
	t, err := time.Parse(time.DateOnly, iso)
	switch {
	case err != nil:
		return iso
	case lang == content.English:
		return t.Format("2 Jan 2006")
	}
	return t.Format("02.01.2006")
}

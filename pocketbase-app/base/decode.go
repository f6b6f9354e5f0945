package base

import (
	"bytes"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"servicepoint/content"
)

// Limits of bodies in bytes; a questionnaire of 60 questions with long texts
// stays under a fifth of it.
const (
	MaxJSON = 256 << 10
	MaxForm = 256 << 10
)

// DecodeJSON reads one JSON object (I-JSON, RFC 7493) into v; names are told
// apart by case. Refusals: 415 (not JSON), 413 (over [MaxJSON]), 400 (broken
// JSON, bad UTF-8, two values, the same name twice), and content.Problems for
// unknown fields and wrong types. It returns the raw body for fingerprints.
func DecodeJSON(w http.ResponseWriter, r *http.Request, v any) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" || !isUTF8(params["charset"]) {
		return nil, Refuse(http.StatusUnsupportedMediaType, "not_json")
	}
	body, err := readBody(w, r, MaxJSON)
	if err != nil {
		return nil, err
	}
	if trimmed := bytes.TrimSpace(body); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, Refuse(http.StatusBadRequest, "broken_json")
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
		return nil, jsonProblem(err)
	}
	return body, nil
}

// jsonProblem tells JSON that nobody can read from a field that does not fit.
func jsonProblem(err error) error {
	var broken *jsontext.SyntacticError
	var wrong *json.SemanticError
	if errors.As(err, &broken) || !errors.As(err, &wrong) {
		return Refuse(http.StatusBadRequest, "broken_json")
	}
	code := "wrong_type"
	if errors.Is(err, json.ErrUnknownName) {
		code = "unknown_field"
	}
	var path []string
	for name := range wrong.JSONPointer.Tokens() {
		path = append(path, name)
	}
	return content.Problems{{Field: strings.Join(path, "."), Code: code}}
}

// DecodeForm reads a form body (application/x-www-form-urlencoded). Refusals:
// 415, 413 (over [MaxForm]), 400 (broken escapes, bad UTF-8).
func DecodeForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	return DecodeFormUpTo(w, r, MaxForm)
}

// DecodeFormUpTo is [DecodeForm] with a limit of its own, for staff who write
// long texts.
func DecodeFormUpTo(w http.ResponseWriter, r *http.Request, limit int64) (url.Values, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" || !isUTF8(params["charset"]) {
		return nil, Refuse(http.StatusUnsupportedMediaType, "not_form")
	}
	body, err := readBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, Refuse(http.StatusBadRequest, "broken_form")
	}
	for name, list := range values {
		for i, s := range list {
			if !utf8.ValidString(name) || !utf8.ValidString(s) {
				return nil, Refuse(http.StatusBadRequest, "bad_utf8")
			}
			list[i] = strings.ReplaceAll(s, "\r\n", "\n")
		}
	}
	return values, nil
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return nil, Refuse(http.StatusUnsupportedMediaType, "encoded_body")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, Refuse(http.StatusRequestEntityTooLarge, "body_too_large")
		}
		return nil, Refuse(http.StatusBadRequest, "body_cut_off")
	}
	if !utf8.Valid(body) {
		return nil, Refuse(http.StatusBadRequest, "bad_utf8")
	}
	return body, nil
}

func isUTF8(charset string) bool { return charset == "" || strings.EqualFold(charset, "utf-8") }

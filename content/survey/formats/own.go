package formats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"servicepoint/content/survey"
)

// isOwn reports whether a JSON object looks like one of ours: it has a slug and
// pages of items, and none of SurveyJS's elements.
func isOwn(b []byte) bool {
	var probe struct {
		Slug  *string `json:"slug"`
		Pages []struct {
			Items []json.RawMessage `json:"items"`
		} `json:"pages"`
	}
	if err := json.Unmarshal(b, &probe); err != nil {
		return probe.Slug != nil // a fault to be told by our own reader
	}
	return probe.Slug != nil
}

// readOwn reads our own JSON strictly: names it does not know are errors.
func readOwn(b []byte) (survey.Questionnaire, []Loss, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var q survey.Questionnaire
	if err := dec.Decode(&q); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return survey.Questionnaire{}, nil, fmt.Errorf("%s: a %s cannot stand here", kind.Field, kind.Value)
		}
		return survey.Questionnaire{}, nil, jsonError(b, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return survey.Questionnaire{}, nil, errors.New("something follows the JSON object")
	}
	return q, nil, nil
}

// writeOwn is the canonical JSON of a questionnaire: fields in the order of the
// schema, two blanks of indentation. Equal questionnaires have equal bytes.
func writeOwn(q survey.Questionnaire) ([]byte, []Loss, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(q); err != nil {
		return nil, nil, err
	}
	return b.Bytes(), nil, nil
}

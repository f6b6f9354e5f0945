package formats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

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

// MaxOwn bounds a file of ours with the pictures that it brings; what is left
// without them is bounded by [MaxBytes].
const MaxOwn = 28 << 20

// picturesMember is the member of our JSON that holds pictures of options: name →
// content in Base64. A questionnaire in the database has none, it names pictures
// that the server keeps.
const picturesMember = "pictures"

// WithPictures puts pictures into our own JSON, so that it can go elsewhere.
func WithPictures(b []byte, pictures map[string][]byte) ([]byte, error) {
	if len(pictures) == 0 {
		return b, nil
	}
	raw, err := json.MarshalIndent(pictures, "  ", "  ") // sorted by name
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(b, '}')
	if end < 0 {
		return nil, errors.New("not a JSON object")
	}
	head := bytes.TrimRight(b[:end], " \t\r\n")
	return slices.Concat(head, []byte(",\n  \""+picturesMember+"\": "), raw, []byte("\n}\n")), nil
}

// Pictures gives the pictures that a file of ours brings along, as they are in the
// file, and the file without them. Other files bring none. Whoever keeps one makes
// it anew first: nothing says that it is what its name says.
func Pictures(b []byte) (rest []byte, pictures map[string][]byte, err error) {
	if len(b) > MaxOwn || !bytes.Contains(b, []byte(`"`+picturesMember+`"`)) || Detect("", b) != Own {
		return b, nil, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, nil, jsonError(b, err)
	}
	raw, there := members[picturesMember]
	if !there {
		return b, nil, nil
	}
	if err := json.Unmarshal(raw, &pictures); err != nil {
		return nil, nil, fmt.Errorf("%s: names and Base64 were expected", picturesMember)
	}
	delete(members, picturesMember)
	rest, err = json.Marshal(members)
	return rest, pictures, err
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

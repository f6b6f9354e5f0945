package tally

import "servicepoint/content/survey"

// Reader reads what a response says to a variable, out of the values that any
// version offers, once each.
type Reader struct {
	Codes []string // of the variable: options or steps, in their order
	n     counted
}

// Reader gives the reader of a variable, nil when there is none or it has no list
// of values.
func (s *Survey) Reader(key string) *Reader {
	v := s.Variable(key)
	if v == nil {
		return nil
	}
	r := &Reader{n: counted{Variable: v, form: formOf(&v.Variable), foreign: foreign(s, v)}}
	for _, known := range r.n.known() {
		r.Codes = append(r.Codes, known.Code)
	}
	if len(r.Codes) == 0 {
		return nil
	}
	return r
}

// Read gives the codes; of a ranking the best first.
func (r *Reader) Read(response survey.Response) []string { return r.n.codesIn(response) }

// Answered reports whether a response has any answer to the variable, of the kind
// that is counted.
func (r *Reader) Answered(response survey.Response) bool {
	return !IsEmpty(response.Answers[r.n.Key]) && !r.n.isForeign(response.Version)
}

package content

import "strings"

// Problem says what is wrong with one field. Code is stable and is also the key
// of the sentence that people read ("problem.required"); Args fill its gaps.
type Problem struct {
	Field string         `json:"field"`
	Code  string         `json:"code"`
	Args  map[string]any `json:"args,omitempty"`
}

// Problems is the list of everything wrong with an input, in the order of the form.
type Problems []Problem

// Error makes Problems an error; the text is for logs and names no value.
func (p Problems) Error() string {
	parts := make([]string, len(p))
	for i, q := range p {
		parts[i] = q.Field + ": " + q.Code
	}
	return strings.Join(parts, "; ")
}

// Add notes a problem; args are pairs of a name and a value.
func (p *Problems) Add(field, code string, args ...any) {
	q := Problem{Field: field, Code: code}
	for i := 0; i+1 < len(args); i += 2 {
		if q.Args == nil {
			q.Args = map[string]any{}
		}
		q.Args[args[i].(string)] = args[i+1]
	}
	*p = append(*p, q)
}

// Err returns the problems as an error, nil when there are none.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

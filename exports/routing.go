package exports

import (
	"strings"
	"sync"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
	"servicepoint/content/survey/tally"
)

// words are those of package content, which rules are said in.
var words = sync.OnceValues(func() (content.Words, error) { return content.LoadWords() })

// routing says in German when the newest version that has a variable asks for it,
// "" when always.
func routing(s *tally.Survey, v *tally.Variable) (string, error) {
	w, err := words()
	if err != nil {
		return "", err
	}
	q := s.Version(v.Versions[len(v.Versions)-1])
	var rules []condition.Expr
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			if q.Pages[p].Items[i].Code == v.Of.Code {
				rules = append(rules, q.Pages[p].ShowIf, q.Pages[p].Items[i].ShowIf)
			}
		}
	}
	if v.Row != nil {
		rules = append(rules, v.Row.ShowIf)
	}
	name := func(it *survey.Item) string { return it.Code }
	var said []string
	for _, e := range rules {
		if !e.IsZero() {
			said = append(said, q.Explain(e, w, content.German, name))
		}
	}
	if v.Of.Type == survey.Calculated {
		said = append(said, "berechnet: "+q.Explain(v.Of.Formula, w, content.German, name))
	}
	return strings.Join(said, "; "), nil
}

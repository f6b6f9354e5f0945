package formats

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/survey/condition"
)

var update = flag.Bool("update", false, "write the files of expected outcomes anew")

// How equivalence of two questionnaires is measured; docs/participation-formats.md
// says it in words.
//
// Questions are matched in their order by their German wording; only questions
// that somebody in Germany can be asked count. Matched questions are compared by
// type, by the wording of their options, by what is required and by how many
// answers are allowed; routing by walking random people through the first
// questionnaire and asking the second what it would ask with the same answers.

// walk goes through a questionnaire as one random person: it answers what is
// asked and gives the answers and the codes of the questions asked. fixed answers
// are given where they are asked.
func walk(q survey.Questionnaire, random *rand.Rand, fixed map[string]any) (survey.Answers, map[string]bool) {
	a, asked := survey.Answers{}, map[string]bool{}
	for _, p := range q.Pages {
		if !p.ShowIf.Holds(a) {
			continue
		}
		for i := range p.Items {
			it := &p.Items[i]
			if !it.Asks() || !it.ShowIf.Holds(a) {
				continue
			}
			asked[it.Code] = true
			if v, ok := fixed[it.Code]; ok {
				a[it.Code] = v
			} else if it.Required || random.IntN(5) > 0 {
				answer(it, a, random)
			}
		}
	}
	return a, asked
}

func answer(it *survey.Item, a survey.Answers, random *rand.Rand) {
	var codes []string
	for _, o := range it.Choices() {
		if o.ShowIf.Holds(a) {
			codes = append(codes, o.Code)
		}
	}
	switch it.Type {
	case survey.SingleChoice, survey.YesNo:
		a[it.Code] = codes[random.IntN(len(codes))]
	case survey.MultipleChoice:
		var list []string
		for _, o := range it.Options {
			if !o.Exclusive && slices.Contains(codes, o.Code) && random.IntN(3) == 0 && (it.MaxChoices == 0 || len(list) < it.MaxChoices) {
				list = append(list, o.Code)
			}
		}
		if len(list) > 0 {
			a[it.Code] = list
		}
	case survey.ShortText, survey.Email, survey.LongText:
		a[it.Code] = "x@example.org"
	case survey.Number:
		a[it.Code] = float64(random.IntN(10))
	}
}

// asks tells what a questionnaire asks of somebody with these answers. What is
// hidden does not count as answered.
func asks(q survey.Questionnaire, given survey.Answers) map[string]bool {
	a, asked := survey.Answers{}, map[string]bool{}
	for _, p := range q.Pages {
		if !p.ShowIf.Holds(a) {
			continue
		}
		for _, it := range p.Items {
			if it.Asks() && it.ShowIf.Holds(a) {
				asked[it.Code] = true
				if v, ok := given[it.Code]; ok {
					a[it.Code] = v
				}
			}
		}
	}
	return asked
}

// reachable are the questions that anybody with these answers may be asked, in order.
func reachable(q survey.Questionnaire, fixed map[string]any) (items []*survey.Item) {
	random := rand.New(rand.NewPCG(7, 7))
	ever := map[string]bool{}
	for range 4000 {
		_, asked := walk(q, random, fixed)
		for code := range asked {
			ever[code] = true
		}
	}
	for p := range q.Pages {
		for i := range q.Pages[p].Items {
			if it := &q.Pages[p].Items[i]; ever[it.Code] {
				items = append(items, it)
			}
		}
	}
	return items
}

var asides = regexp.MustCompile(`\([^()]*\)`)

// wording is what is compared of a text: letters and digits of the German wording
// in lower case, without remarks in brackets and soft hyphens.
func wording(t content.Text) string {
	s := t[content.German]
	if rest := asides.ReplaceAllString(s, ""); len(strings.TrimSpace(rest)) > 0 {
		s = rest
	}
	return letters(s)
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// alike is 1 minus the edit distance over the longer length.
func alike(a, b string) float64 {
	x, y := []rune(a), []rune(b)
	if len(x) == 0 && len(y) == 0 {
		return 1
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return 1 - float64(row[len(y)])/float64(max(len(x), len(y)))
}

// alikeItems compares questions; what is a remark below the question in one file
// may stand in the question in the other.
func alikeItems(a, b *survey.Item) float64 {
	with := func(it *survey.Item) string { return letters(it.Text[content.German] + it.Help[content.German]) }
	return max(alike(wording(a.Text), wording(b.Text)), alike(with(a), with(b)), alike(letters(a.Text[content.German]), with(b)))
}

const alikeEnough = 0.75

// match pairs questions in order so that the sum of likeness is greatest.
func match(a, b []*survey.Item) (pairs [][2]*survey.Item) {
	score := make([][]float64, len(a)+1)
	for i := range score {
		score[i] = make([]float64, len(b)+1)
	}
	like := func(i, j int) float64 {
		if l := alikeItems(a[i], b[j]); l >= alikeEnough {
			return l
		}
		return math.Inf(-1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			score[i][j] = max(score[i+1][j], score[i][j+1], like(i, j)+score[i+1][j+1])
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch score[i][j] {
		case like(i, j) + score[i+1][j+1]:
			pairs = append(pairs, [2]*survey.Item{a[i], b[j]})
			i, j = i+1, j+1
		case score[i+1][j]:
			i++
		default:
			j++
		}
	}
	return pairs
}

// equivalence is the outcome, with every difference in a line of its own.
type equivalence struct {
	a, b, matched                    int
	types, options, required, limits int // matched questions that agree
	optionsA, optionsMatched         int
	people, same                     int
	routed                           map[string]int // people of whom a question was asked in one of the two only
	differences                      []string
}

// sameType is the table of types that count as the same question.
var sameType = map[[2]survey.Type]bool{{survey.ShortText, survey.Email}: true, {survey.ShortText, survey.Number}: true}

func compareBoth(a, b survey.Questionnaire, fixedA, fixedB map[string]any) equivalence {
	listA, listB := reachable(a, fixedA), reachable(b, fixedB)
	pairs := match(listA, listB)
	e := equivalence{a: len(listA), b: len(listB), matched: len(pairs), routed: map[string]int{}}
	differ := func(format string, args ...any) { e.differences = append(e.differences, fmt.Sprintf(format, args...)) }
	inA, inB := map[string]bool{}, map[string]bool{}
	code := map[string]map[string]string{} // option of a → option of b, by question
	for _, p := range pairs {
		x, y := p[0], p[1]
		inA[x.Code], inB[y.Code] = true, true
		if x.Type == y.Type || sameType[[2]survey.Type{x.Type, y.Type}] {
			e.types++
		} else {
			differ("%s: type %s, %s", x.Code, x.Type, y.Type)
		}
		if l := alikeItems(x, y); l < 1 {
			differ("%s: wording alike to %.0f %%", x.Code, math.Floor(l*100))
		}
		code[x.Code] = map[string]string{}
		var missing, more []string
		taken := map[int]bool{}
		for _, o := range x.Options {
			best, at := alikeEnough, -1
			for j, p := range y.Options {
				if l := alike(letters(o.Text[content.German]), letters(p.Text[content.German])); !taken[j] && l >= best && p.ShowIf.Holds(fixedB) {
					if l > best || at < 0 {
						best, at = l, j
					}
				}
			}
			e.optionsA++
			if at < 0 {
				missing = append(missing, o.Code+" "+o.Text[content.German])
				continue
			}
			taken[at] = true
			e.optionsMatched++
			code[x.Code][o.Code] = y.Options[at].Code
		}
		for j, o := range y.Options {
			if !taken[j] && o.ShowIf.Holds(fixedB) {
				more = append(more, o.Code+" "+o.Text[content.German])
			}
		}
		if len(missing)+len(more) == 0 {
			e.options++
		} else {
			differ("%s: options only in the first: %v, only in the second: %v", x.Code, missing, more)
		}
		if x.Required == y.Required {
			e.required++
		} else {
			differ("%s: required %v, %v", x.Code, x.Required, y.Required)
		}
		alone := func(it *survey.Item) (n int) {
			for _, o := range it.Options {
				if o.Exclusive {
					n++
				}
			}
			return n
		}
		if x.MaxChoices == y.MaxChoices && alone(x) == alone(y) && x.MaxLength == y.MaxLength {
			e.limits++
		} else {
			differ("%s: at most %d, %d answers; %d, %d that stand alone; %d, %d characters", x.Code, x.MaxChoices, y.MaxChoices, alone(x), alone(y), x.MaxLength, y.MaxLength)
		}
	}
	for _, it := range listA {
		if !inA[it.Code] {
			differ("%s: only in the first", it.Code)
		}
	}
	for _, it := range listB {
		if !inB[it.Code] {
			differ("%s: only in the second", it.Code)
		}
	}
	random := rand.New(rand.NewPCG(11, 13))
	for e.people = 0; e.people < 5000; e.people++ {
		answers, asked := walk(a, random, fixedA)
		given := survey.Answers{}
		for _, p := range pairs {
			switch v := answers[p[0].Code].(type) {
			case string:
				if len(p[0].Options) == 0 {
					given[p[1].Code] = v
				} else if c := code[p[0].Code][v]; c != "" {
					given[p[1].Code] = c
				}
			case []string:
				var list []string
				for _, c := range v {
					if c := code[p[0].Code][c]; c != "" {
						list = append(list, c)
					}
				}
				if len(list) > 0 {
					given[p[1].Code] = list
				}
			}
		}
		other := asks(b, given)
		same := true
		for _, p := range pairs {
			if asked[p[0].Code] != other[p[1].Code] {
				same = false
				e.routed[p[0].Code]++
			}
		}
		if same {
			e.same++
		}
	}
	for _, c := range sortedKeys(e.routed) {
		differ("%s: routed otherwise for %.1f %% of people", c, 100*float64(e.routed[c])/float64(e.people))
	}
	return e
}

func (e equivalence) String() string {
	part := func(n, of int) string { return fmt.Sprintf("%d of %d (%.1f %%)", n, of, 100*float64(n)/float64(of)) }
	return "questions matched, of the first: " + part(e.matched, e.a) +
		"\nquestions matched, of the second: " + part(e.matched, e.b) +
		"\nsame type: " + part(e.types, e.matched) +
		"\noptions of the first with their like in the second: " + part(e.optionsMatched, e.optionsA) +
		"\nquestions with the same options: " + part(e.options, e.matched) +
		"\nsame in what is required: " + part(e.required, e.matched) +
		"\nsame limits of answers: " + part(e.limits, e.matched) +
		"\npeople who are asked the same: " + part(e.same, e.people) +
		"\n" + strings.Join(e.differences, "\n") + "\n"
}

func TestMELINDA(t *testing.T) {
	read := func(name string) survey.Questionnaire {
		q, _, err := Read(name, real(t, name))
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	lss, js := read("melinda_mobility_de.lss"), read("melinda_mobility_surveyjs.json")
	germany := compareBoth(lss, js, map[string]any{"qf1": "a3"}, map[string]any{"qf1": "de"})
	bavaria := compareBoth(lss, js, map[string]any{"qf1": "a3", "qf2gb": "a2"}, map[string]any{"qf1": "de", "qf2gb": "a2"})
	got := "People in Bavaria\n" + bavaria.String() + "\nPeople in all of Germany\n" + germany.String()
	const file = "testdata/melinda.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the two sources compare otherwise than before (-update writes the file, docs/participation-formats.md tells the figures)\n%s", got)
	}
	// The measure can fail: a questionnaire that asks everybody everything is not equivalent.
	for p := range js.Pages {
		for i := range js.Pages[p].Items {
			js.Pages[p].Items[i].ShowIf = condition.Expr{}
		}
	}
	if e := compareBoth(lss, js, map[string]any{"qf1": "a3", "qf2gb": "a2"}, map[string]any{"qf1": "de", "qf2gb": "a2"}); e.same*2 > e.people {
		t.Errorf("without its rules the second asks %d of %d people the same", e.same, e.people)
	}
}

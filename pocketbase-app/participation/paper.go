package participation

import (
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// printout is a questionnaire on paper: questions and options have numbers, which
// staff type when a filled sheet comes back.
type printout struct {
	Survey   phrase
	Code     string // which questionnaire, version and language the sheet is, with a check character
	Address  string // of the survey on the web
	QR       template.HTML
	Intro    template.HTML
	Lang     string // of the intro when it is not the page's
	Pages    []sheetPage
	Stored   string
	Closes   string
	Required bool
}

type sheetPage struct {
	Heading phrase
	Rule    string // "Nur wenn …"
	Items   []sheetItem
}

type sheetItem struct {
	Number     int // 0: a text between the questions
	Text, Help phrase
	HTML       template.HTML
	Rule, Hint string
	Kind       string // boxes, scale, ranks, grid, line, lines, online, info
	Options    []sheetOption
	Pictures   bool // some options have one
	Rows       []sheetRow
	Marks      []sheetOption // don't know, no answer
	Required   bool
	Unit       string
}

type sheetOption struct {
	Number string // "1", or the step of a scale
	Text   phrase
	Rule   string
	Other  bool
	Image  string // address
	Alt    phrase
}

type sheetRow struct {
	Number string // "3a"
	Text   phrase
}

// numbered gives every question its number on paper, in the order of the
// questionnaire: paper is not shuffled.
func numbered(q survey.Questionnaire) map[string]int {
	numbers := map[string]int{}
	for _, it := range q.Items() {
		if it.Asks() {
			numbers[it.Code] = len(numbers) + 1
		}
	}
	return numbers
}

// onPaper reports whether an item can be answered on paper.
func onPaper(it *survey.Item) bool {
	return it.Asks() && it.Type != survey.File && it.Type != survey.Photo
}

// showSheet is the print page of a survey.
func (pt *Participation) showSheet(e *core.RequestEvent) error {
	q, err := pt.surveys.find(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	if err := q.open(pt.p.Now()); err != nil {
		return err
	}
	if q.Named() {
		return base.Refuse(http.StatusConflict, "survey_not_on_paper")
	}
	lang := base.Lang(e.Request)
	s, err := pt.printout(q.Questionnaire, lang)
	if err != nil {
		return err
	}
	return pt.p.Show(e, http.StatusOK, templates, "sheet", base.View{
		Title: pt.p.Words.In(lang, "participation.sheet_title", "survey", s.Survey.Text), Data: s,
	})
}

func (pt *Participation) printout(q survey.Questionnaire, lang string) (printout, error) {
	say := func(key string, args ...any) string { return pt.p.Words.In(lang, "participation."+key, args...) }
	numbers := numbered(q)
	rule := pt.rules(q, lang, numbers)
	s := printout{
		Survey: phraseOf(q.Title, lang), Code: sheetCode(q.Slug, q.Version, lang),
		Address: pt.p.Origin + base.Prefix(lang) + "/umfragen/" + q.Slug + "/",
	}
	var err error
	if s.QR, err = base.QR(s.Address, say("sheet_qr")); err != nil {
		return s, err
	}
	if s.Intro, s.Lang, err = markdown(q.Intro, lang); err != nil {
		return s, err
	}
	if !q.Closes.IsZero() {
		s.Closes = survey.FormatDate(q.Closes.In(content.Berlin).Format("2006-01-02"), lang)
	}
	for _, p := range q.Pages {
		page := sheetPage{Heading: phraseOf(p.Title, lang), Rule: rule(p.ShowIf)}
		for i := range p.Items {
			it := &p.Items[i]
			if it.Type == survey.Calculated {
				continue
			}
			item, err := pt.sheetItem(it, lang, numbers, rule, say)
			if err != nil {
				return s, err
			}
			page.Items = append(page.Items, item)
			s.Required = s.Required || item.Required
		}
		s.Pages = append(s.Pages, page)
	}
	return s, nil
}

func (pt *Participation) sheetItem(it *survey.Item, lang string, numbers map[string]int, rule ruler, say func(string, ...any) string) (sheetItem, error) {
	v := sheetItem{
		Number: numbers[it.Code], Text: phraseOf(it.Text, lang), Help: phraseOf(it.Help, lang), Rule: rule(it.ShowIf),
		Required: it.Required, Unit: it.Unit, Kind: "line",
	}
	hints := renderer{say: func(key string, args ...any) string { return pt.p.Words.In(lang, key, args...) }, sheet: sheet{lang: lang}}
	switch it.Type {
	case survey.Info:
		v.Kind = "info"
		var err error
		v.HTML, _, err = markdown(it.Text, lang)
		return v, err
	case survey.SingleChoice, survey.MultipleChoice, survey.YesNo, survey.Consent, survey.District:
		v.Kind = "boxes"
		if it.Type == survey.MultipleChoice && v.Help.Text == "" || it.MinChoices > 1 {
			v.Hint = hints.choicesHint(it)
		} else if it.Type != survey.Consent && it.Type != survey.MultipleChoice {
			v.Hint = say("sheet_one")
		}
	case survey.Scale:
		v.Kind = "scale"
		v.Hint = say("sheet_one")
		steps := it.Steps()
		for i, step := range steps {
			o := sheetOption{Number: strconv.Itoa(step)}
			if i == 0 {
				o.Text = phraseOf(it.MinLabel, lang)
			} else if i == len(steps)-1 {
				o.Text = phraseOf(it.MaxLabel, lang)
			}
			v.Options = append(v.Options, o)
		}
	case survey.Ranking:
		v.Kind = "ranks"
		v.Hint = say("sheet_rank")
	case survey.MatrixSingle, survey.MatrixMultiple:
		v.Kind = "grid"
		v.Hint = say("sheet_row")
		if it.Type == survey.MatrixMultiple {
			v.Hint = say("sheet_row_several")
		}
		for i, r := range it.Rows {
			v.Rows = append(v.Rows, sheetRow{Number: strconv.Itoa(v.Number) + letter(i), Text: phraseOf(r.Text, lang)})
		}
	case survey.LongText:
		v.Kind = "lines"
	case survey.Number:
		v.Hint = hints.numberHint(it)
	case survey.Date:
		v.Hint = say("date_hint")
	case survey.Point:
		v.Hint = say("sheet_place")
	case survey.File, survey.Photo:
		v.Kind = "online"
	}
	for i, o := range it.Choices() {
		option := sheetOption{Number: strconv.Itoa(i + 1), Text: phraseOf(o.Text, lang), Rule: rule(o.ShowIf), Other: o.Other}
		if o.Image != nil {
			option.Image, option.Alt = imagePath(o.Image.Name), phraseOf(o.Image.Alt, lang)
			v.Pictures = true
		}
		v.Options = append(v.Options, option)
	}
	if it.DontKnow {
		v.Marks = append(v.Marks, sheetOption{Number: typedDontKnow, Text: phrase{Text: say("dont_know")}})
	}
	if it.NoAnswer {
		v.Marks = append(v.Marks, sheetOption{Number: typedDeclined, Text: phrase{Text: say("no_answer")}})
	}
	return v, nil
}

// letter is a, b, … z, za, zb, … for rows of a matrix.
func letter(i int) string {
	return strings.Repeat("z", i/26) + string(rune('a'+i%26))
}

// sheetCode tells which questionnaire a sheet is: slug, version and language with
// a check character after ISO 7064, MOD 37-36.
func sheetCode(slug string, version int, lang string) string {
	s := slug + "-" + strconv.Itoa(version) + "-" + lang
	return strings.ToUpper(s + "-" + checkCharacter(s))
}

const alphabet36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// checkCharacter is the check character of ISO 7064, MOD 37-36, over the letters
// and digits of s.
func checkCharacter(s string) string {
	sum := 36
	for _, r := range strings.ToUpper(s) {
		n := strings.IndexRune(alphabet36, r)
		if n < 0 {
			continue
		}
		if sum = (sum + n) % 36; sum == 0 {
			sum = 36
		}
		sum = sum * 2 % 37
	}
	return string(alphabet36[(37-sum)%36])
}

package participation

import (
	"cmp"
	"html/template"
	"net/url"
	"slices"
	"strconv"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// phrase is a text and, when it is not in the language of the page, the lang
// attribute that says so.
type phrase struct{ Text, Lang string }

func phraseOf(t content.Text, lang string) phrase {
	s, used := t.In(lang)
	return phrase{s, foreign(s, used, lang)}
}

func foreign(s, used, lang string) string {
	if s == "" || used == lang {
		return ""
	}
	return content.Locale(used)
}

// markdown renders a text; the second result is its lang attribute or "".
func markdown(t content.Text, lang string) (template.HTML, string, error) {
	s, used := t.In(lang)
	html, err := content.Render(s)
	return template.HTML(html), foreign(s, used, lang), err // content.Render gives safe HTML
}

// speaks reports whether the questionnaire is written in lang.
func speaks(q survey.Questionnaire, lang string) bool {
	return lang == content.German || slices.Contains(q.Languages, lang)
}

// pageView is one page of questions.
type pageView struct {
	Survey, Heading, Section phrase
	Slug                     string
	Number, Count            int // among the pages that are asked
	Action                   string
	Items                    items
	Faults                   []faultView
	Next                     string // value of the field s-nach
	Rescued                  bool   // the answers of other pages were lost
	Further                  bool   // the answers brought up further questions
	Languages                []languageView
	Phone                    bool          // staff fill it in for somebody on the telephone
	Idle                     template.HTML // of a shared device
}

type languageView struct{ Code, Name, Locale string }

// faultView is one line of the error summary.
type faultView struct {
	Href, Question, Lang, Text string
}

func (pt *Participation) showItems(e *core.RequestEvent, status int, d *draft, n int, request url.Values, problems content.Problems) error {
	lang := base.Lang(e.Request)
	page := d.Pages[n-1]
	s := d.sheet(n-1, lang)
	s.problems, s.focus = problems, request.Get("fokus")
	shown, err := pt.renderItems(s)
	if err != nil {
		return err
	}
	v := pageView{
		Survey: phraseOf(d.Title, lang), Heading: phraseOf(page.Title, lang), Phone: onPhone(e, d.Slug), Slug: d.Slug,
		Action: pagePath(e.Request, d.Slug, n), Items: shown, Faults: shown.Faults,
		Rescued: request.Has("gerettet"), Further: request.Has("weitere"),
	}
	if v.Idle, err = pt.idlePart(e.Request, &d.Questionnaire); err != nil {
		return err
	}
	for _, section := range d.Sections {
		if section.Code == page.Section {
			v.Section = phraseOf(section.Title, lang)
		}
	}
	v.Number, v.Count = progress(d.Read(d.typed), n-1)
	if request.Get(fieldNext) == review {
		v.Next = review
	}
	for _, l := range content.Languages {
		if l != lang && speaks(d.Questionnaire, l) {
			v.Languages = append(v.Languages, languageView{l, pt.p.Words.In(l, "participation.this_language"), content.Locale(l)})
		}
	}
	return pt.p.Show(e, status, templates, "page", base.View{
		Title:    pt.p.Words.In(lang, "participation.progress", "n", v.Number, "of", v.Count) + ": " + v.Heading.Text + " – " + v.Survey.Text,
		Data:     v,
		Problems: problems,
	})
}

// progress counts the pages that are asked, as far as one knows by now.
func progress(r survey.Reading, n int) (number, count int) {
	for i, p := range r.Pages {
		if p.Asked || i == n {
			count++
			if i <= n {
				number++
			}
		}
	}
	return number, count
}

// summaryView shows everything before it is sent.
type summaryView struct {
	Survey phrase
	Slug   string
	Back   string
	Idle   template.HTML
	Pages  []answeredPage
	Faults []faultView
}

// Index is the number of the page from 0.
func (p answeredPage) Index() int { return p.Number - 1 }

type answeredPage struct {
	Number  int
	Heading phrase
	Items   []answeredItem
}

type answeredItem struct {
	Text   phrase
	Answer []phrase
	Lines  bool // free text: keep line breaks
}

func (pt *Participation) showSummary(e *core.RequestEvent, status int, d *draft, problems content.Problems) error {
	lang := base.Lang(e.Request)
	reading := d.Read(d.typed)
	v := pt.summary(&d.Questionnaire, lang, d.typed, func(page int, field string) string {
		return pagePath(e.Request, d.Slug, page+1) + "?" + fieldNext + "=" + review + "#f-" + field
	})
	v.Back = stepPath(e.Request, d.asked, max(reading.Before(len(d.Pages)), 0))
	var err error
	if v.Idle, err = pt.idlePart(e.Request, &d.Questionnaire); err != nil {
		return err
	}
	for _, p := range problems {
		if p.Field == "answers" {
			v.Faults = append(v.Faults, faultView{Href: stepPath(e.Request, d.asked, max(reading.Next(-1), 0)), Text: pt.p.Words.Say(lang, p)})
		}
	}
	return pt.p.Show(e, status, templates, "review", base.View{
		Title:    pt.p.Words.In(lang, "participation.review_title") + " – " + v.Survey.Text,
		Data:     v,
		Problems: problems,
	})
}

// summary is what was answered on every page that was asked, and what is wrong
// with it; href leads to a field of a page (an index).
func (pt *Participation) summary(q *survey.Questionnaire, lang string, typed url.Values, href func(page int, field string) string) summaryView {
	reading := q.Read(typed)
	v := summaryView{Survey: phraseOf(q.Title, lang), Slug: q.Slug}
	texts := &renderer{sheet: sheet{q: q, lang: lang, typed: typed}, pt: pt, reading: reading}
	for i := range q.Pages {
		page := &q.Pages[i]
		if !reading.Pages[i].Asked {
			continue
		}
		answered := answeredPage{Number: i + 1, Heading: phraseOf(page.Title, lang)}
		for j := range page.Items {
			it := &page.Items[j]
			if !it.Asks() || !reading.Pages[i].Shows(j) {
				continue
			}
			answered.Items = append(answered.Items, answeredItem{
				Text: texts.text(it.Text), Answer: texts.spoken(it), Lines: it.Type == survey.LongText,
			})
			for _, p := range reading.Pages[i].Problems {
				if itemOf(p.Field) == it.Code {
					asked := texts.asked(it, p.Field)
					v.Faults = append(v.Faults, faultView{href(i, p.Field), asked.Text, asked.Lang, pt.sayFault(it, p, lang)})
				}
			}
		}
		if len(answered.Items) > 0 {
			v.Pages = append(v.Pages, answered)
		}
	}
	return v
}

// spoken is the answer to an item in words: one phrase for each thing said.
func (r *renderer) spoken(it *survey.Item) (list []phrase) {
	answers := r.reading.Answers
	for _, v := range it.Variables() {
		before := phrase{}
		if v.Row != nil {
			before = r.text(v.Row.Text)
			before.Text += ": "
		}
		add := func(p phrase) { list = append(list, phrase{before.Text + p.Text, cmp.Or(p.Lang, before.Lang)}) }
		if mark, ok := answers[survey.Mark(v.Key)].(string); ok {
			if mark == survey.DontKnow {
				add(phrase{Text: r.pt.p.Words.In(r.lang, "participation.dont_know")})
			} else {
				add(phrase{Text: r.pt.p.Words.In(r.lang, "participation.no_answer")})
			}
			continue
		}
		switch a := answers[v.Key].(type) {
		case []string:
			for i, code := range a {
				p := r.label(it, code)
				switch it.Type {
				case survey.Ranking:
					p.Text = strconv.Itoa(i+1) + ". " + p.Text
				case survey.File, survey.Photo:
					p = phrase{Text: r.pt.p.Words.In(r.lang, "participation.upload_number", "n", i+1)}
				}
				add(p)
			}
		case string:
			if v.Listed {
				add(r.label(it, a))
			} else {
				add(phrase{Text: v.Say(answers, r.lang)})
			}
		case float64:
			add(phrase{Text: v.Say(answers, r.lang)})
		}
	}
	if len(list) == 0 {
		list = []phrase{{Text: r.pt.p.Words.In(r.lang, "participation.not_answered")}}
	}
	return list
}

func (r *renderer) label(it *survey.Item, code string) phrase {
	for _, o := range it.Choices() {
		if o.Code == code {
			return r.text(o.Text)
		}
	}
	return phrase{Text: code}
}

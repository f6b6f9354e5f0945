package participation

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Fields of the forms beside the items; a hyphen stands in no item code.
const (
	fieldAction = "s-aktion" // the button: weiter, zurueck
	fieldNext   = "s-nach"   // "pruefen": go there after this page
)

const review = "pruefen"

// path is the address of a step in the language of the request.
func path(r *http.Request, slug, step string) string {
	return base.Prefix(base.Lang(r)) + "/umfragen/" + slug + "/" + step + "/"
}

func pagePath(r *http.Request, slug string, n int) string {
	return path(r, slug, "seite/"+strconv.Itoa(n))
}

func seeOther(e *core.RequestEvent, to string) error {
	e.Response.Header().Set("Cache-Control", "no-store")
	return e.Redirect(http.StatusSeeOther, to)
}

// openSurvey is the survey of the address, refused when it takes no answers now.
func (pt *Participation) openSurvey(e *core.RequestEvent) (current, error) {
	q, err := pt.surveys.find(e.Request.PathValue("slug"))
	if err != nil {
		return current{}, err
	}
	return q, q.open(pt.p.Now())
}

// showStart tells what the survey is about and offers to begin.
func (pt *Participation) showStart(e *core.RequestEvent) error {
	q, err := pt.openSurvey(e)
	if err != nil {
		return err
	}
	_, err = pt.findDraft(e.Request, q.Slug)
	if err != nil && !errors.Is(err, errNoDraft) {
		return err
	}
	return pt.showIntro(e, http.StatusOK, "start", q, err == nil)
}

// start makes a new draft; one that was begun before is left to expire.
func (pt *Participation) start(e *core.RequestEvent) error {
	q, err := pt.openSurvey(e)
	if err != nil {
		return err
	}
	if _, err := pt.newDraft(e, q, url.Values{}); err != nil {
		return err
	}
	return seeOther(e, pagePath(e.Request, q.Slug, 1))
}

// step loads what every page of the journey needs. With a nil draft and a nil
// error the answer is written already: the survey was sent before, or there is
// nothing to go on with.
func (pt *Participation) step(e *core.RequestEvent) (*draft, error) {
	slug := e.Request.PathValue("slug")
	q, err := pt.surveys.find(slug)
	if err != nil {
		return nil, err
	}
	d, err := pt.findDraft(e.Request, slug)
	if errors.Is(err, errNoDraft) {
		if sent, err := pt.wasSent(e.Request, slug); err != nil {
			return nil, err
		} else if sent {
			return nil, seeOther(e, path(e.Request, slug, "danke"))
		}
		if err := q.open(pt.p.Now()); err != nil {
			return nil, err
		}
		return nil, pt.showIntro(e, http.StatusGone, "gone", q, false)
	}
	if err != nil {
		return nil, err
	}
	return d, closedMidway(q.open(pt.p.Now()))
}

// closedMidway says that the survey ended while somebody was filling it in.
func closedMidway(err error) error {
	if err == nil {
		return nil
	}
	return base.Refuse(http.StatusConflict, "survey_closed_midway")
}

// wasSent reports whether the draft of the request's cookie became a response.
func (pt *Participation) wasSent(r *http.Request, slug string) (bool, error) {
	t := token(r, slug)
	if t == "" {
		return false, nil
	}
	_, err := pt.storedResponse(slug, pt.responseID(slug, t))
	if errors.Is(err, base.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// pageNumber is {n} of the address, from 1.
func pageNumber(r *http.Request, q *asked) (int, error) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 || n > len(q.Pages) || strconv.Itoa(n) != r.PathValue("n") {
		return 0, base.ErrNotFound
	}
	return n, nil
}

func (pt *Participation) showPage(e *core.RequestEvent) error {
	d, err := pt.step(e)
	if d == nil || err != nil {
		return err
	}
	n, err := pageNumber(e.Request, d.asked)
	if err != nil {
		return err
	}
	return pt.showItems(e, http.StatusOK, d, n, e.Request.URL.Query(), nil)
}

// takePage keeps what one page's form sent and leads on: back, to the next page
// or to the review. With faults the page comes again, everything still in it.
func (pt *Participation) takePage(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	d, err := pt.findDraft(e.Request, e.Request.PathValue("slug"))
	if errors.Is(err, errNoDraft) {
		return pt.takeStranded(e, form)
	}
	if err != nil {
		return err
	}
	q, err := pt.openSurvey(e)
	if err != nil {
		return closedMidway(err)
	}
	n, err := pageNumber(e.Request, d.asked)
	if err != nil {
		return err
	}
	if err := pt.keep(d, d.Pages[n-1], form); err != nil {
		if errors.Is(err, errNoDraft) { // sent or expired a moment ago
			return pt.takeStranded(e, form)
		}
		return err
	}
	if form.Get(fieldAction) == "zurueck" {
		if n == 1 {
			return seeOther(e, path(e.Request, q.Slug, "teilnehmen"))
		}
		return seeOther(e, pagePath(e.Request, q.Slug, n-1))
	}
	if problems := d.Read(d.typed).Pages[n-1].Problems; len(problems) > 0 {
		return pt.showItems(e, http.StatusUnprocessableEntity, d, n, form, problems)
	}
	if n == len(d.Pages) || form.Get(fieldNext) == review {
		return seeOther(e, path(e.Request, q.Slug, review))
	}
	return seeOther(e, pagePath(e.Request, q.Slug, n+1))
}

// takeStranded takes a page's form whose draft is gone. What it brought goes
// into a new draft, which begins at the first page, because the answers of other
// pages are lost; who had sent the survey already is shown the receipt.
func (pt *Participation) takeStranded(e *core.RequestEvent, form url.Values) error {
	q, err := pt.surveys.find(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	if sent, err := pt.wasSent(e.Request, q.Slug); err != nil {
		return err
	} else if sent {
		return seeOther(e, path(e.Request, q.Slug, "danke"))
	}
	if err := q.open(pt.p.Now()); err != nil {
		return closedMidway(err)
	}
	n, err := pageNumber(e.Request, q.asked)
	if err != nil {
		return err
	}
	typed := typedOn(q.Pages[n-1], form)
	if len(typed) == 0 {
		return pt.showIntro(e, http.StatusGone, "gone", q, false)
	}
	if _, err := pt.newDraft(e, q, typed); err != nil {
		return err
	}
	return seeOther(e, pagePath(e.Request, q.Slug, 1)+"?gerettet="+strconv.Itoa(n))
}

func (pt *Participation) showReview(e *core.RequestEvent) error {
	d, err := pt.step(e)
	if d == nil || err != nil {
		return err
	}
	_, problems := d.CheckForm(d.typed)
	return pt.showSummary(e, http.StatusOK, d, problems)
}

// send stores the answers of the draft and deletes it in the same transaction.
// A second click finds the response by the token and shows the same receipt.
func (pt *Participation) send(e *core.RequestEvent) error {
	d, err := pt.step(e)
	if d == nil || err != nil {
		return err
	}
	answers, problems := d.CheckForm(d.typed)
	if len(problems) > 0 {
		return pt.showSummary(e, http.StatusUnprocessableEntity, d, problems)
	}
	_, err = pt.put(e.Request.Context(), entry{
		survey: d.Slug, id: pt.responseID(d.Slug, d.token), version: d.Version,
		language: base.Lang(e.Request), channel: "web", day: pt.day(),
		answers: string(answers.Canonical()), draft: draftHash(d.token),
	})
	if err != nil {
		return err
	}
	pt.setToken(e, d.Slug, d.token, receiptLife)
	return seeOther(e, path(e.Request, d.Slug, "danke"))
}

// showThanks is the receipt, as long as the cookie lives.
func (pt *Participation) showThanks(e *core.RequestEvent) error {
	slug := e.Request.PathValue("slug")
	q, err := pt.surveys.find(slug)
	if err != nil {
		return err
	}
	t := token(e.Request, slug)
	id := pt.responseID(slug, t)
	row, err := pt.storedResponse(slug, id)
	if t == "" || errors.Is(err, base.ErrNotFound) {
		if err := q.open(pt.p.Now()); err != nil {
			return err
		}
		return pt.showIntro(e, http.StatusGone, "gone", q, false)
	}
	if err != nil {
		return err
	}
	version, err := pt.surveys.version(slug, row.Version)
	if err != nil {
		return err
	}
	lang := base.Lang(e.Request)
	thanks, thanksLang, err := markdown(version.Thanks, lang)
	if err != nil {
		return err
	}
	return pt.p.Show(e, http.StatusOK, templates, "thanks", base.View{
		Title: pt.p.Words.In(lang, "participation.thanks_title"),
		Data: map[string]any{
			"Survey": phraseOf(version.Title, lang), "Thanks": thanks, "ThanksLang": thanksLang,
			"Reference": pt.reference(slug, id), "Day": survey.FormatDate(row.Day, lang),
		},
	})
}

// showIntro shows a page that stands before the questions: "start" or "gone".
func (pt *Participation) showIntro(e *core.RequestEvent, status int, name string, q current, begun bool) error {
	lang := base.Lang(e.Request)
	intro, introLang, err := markdown(q.Intro, lang)
	if err != nil {
		return err
	}
	title := phraseOf(q.Title, lang)
	pageTitle := title.Text
	if name == "gone" {
		pageTitle = pt.p.Words.In(lang, "participation.gone_title")
	}
	closes := ""
	if !q.Closes.IsZero() {
		closes = survey.FormatDate(q.Closes.In(content.Berlin).Format("2006-01-02"), lang)
	}
	return pt.p.Show(e, status, templates, name, base.View{
		Title: pageTitle,
		Data: map[string]any{
			"Survey": title, "Slug": q.Slug, "Intro": intro, "IntroLang": introLang, "Begun": begun,
			"Minutes": q.Minutes, "Pages": len(q.Pages), "Questions": summarise(q.Questionnaire, lang).Questions,
			"Closes": closes, "Anonymous": q.Anonymous, "Translated": speaks(q.Questionnaire, lang),
		},
	})
}

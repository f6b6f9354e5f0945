package participation

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/content/upload"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"

	"github.com/pocketbase/pocketbase/core"
)

// Fields of the forms beside the items; a hyphen stands in no item code.
const (
	fieldAction = "s-aktion"  // the button, see [action]
	fieldNext   = "s-nach"    // "pruefen": go there after this page
	fieldShown  = "s-gezeigt" // codes of items, rows (code.row) and options (code/option) that were shown
	fieldMap    = "s-karte:"  // and the code of a point: a click on the picture, with .x and .y
	fieldFile   = "s-datei:"  // and the code of an item: files
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
	d, err := pt.findDraft(e.Request, q.Slug)
	if err != nil && !errors.Is(err, errNoDraft) {
		return err
	}
	return pt.showIntro(e, http.StatusOK, "start", q, d)
}

// start makes a new draft; one that was begun before is left to expire.
func (pt *Participation) start(e *core.RequestEvent) error {
	q, err := pt.openSurvey(e)
	if err != nil {
		return err
	}
	form := url.Values{}
	if gate.Needs(q.Access) {
		if form, err = base.DecodeForm(e.Response, e.Request); err != nil {
			return err
		}
	}
	if err := pt.admit(e, q, form); err != nil {
		var problems content.Problems
		if errors.As(err, &problems) {
			return pt.showGate(e, http.StatusUnprocessableEntity, q, nil, form, problems)
		}
		return err
	}
	d, err := pt.newDraft(e, q, url.Values{})
	if err != nil {
		return err
	}
	return seeOther(e, stepPath(e.Request, d.asked, d.at))
}

// stepPath is the address of a page (index), or of the review when there is no
// such page.
func stepPath(r *http.Request, q *asked, n int) string {
	if n >= len(q.Pages) {
		return path(r, q.Slug, review)
	}
	return pagePath(r, q.Slug, n+1)
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
		return nil, pt.showIntro(e, http.StatusGone, "gone", q, nil)
	}
	if err != nil {
		return nil, err
	}
	return d, closedMidway(q.open(pt.p.Now()))
}

// closedMidway says that the survey ended while somebody was filling it in.
func closedMidway(err error) error {
	var refusal *base.Error
	if err == nil || errors.As(err, &refusal) && refusal.Code == "survey_paused" {
		return err
	}
	return base.Refuse(http.StatusConflict, "survey_closed_midway")
}

// wasSent reports whether the draft of the request's cookie became a response.
func (pt *Participation) wasSent(r *http.Request, slug string) (bool, error) {
	t := token(r, slug)
	if t == "" {
		return false, nil
	}
	_, err := pt.receipt(r, slug, pt.responseID(slug, t))
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

// showPage shows a page as far as routing asks it; else it leads to the next one.
func (pt *Participation) showPage(e *core.RequestEvent) error {
	d, err := pt.step(e)
	if d == nil || err != nil {
		return err
	}
	n, err := pageNumber(e.Request, d.asked)
	if err != nil {
		return err
	}
	if reading := d.Read(d.typed); !reading.Pages[n-1].Asked {
		return seeOther(e, stepPath(e.Request, d.asked, reading.Next(n-1)))
	}
	return pt.showItems(e, http.StatusOK, d, n, e.Request.URL.Query(), nil)
}

// takePage keeps what one page's form sent and leads on: back, to the next page
// that is asked or to the review. With faults the page comes again, everything
// still in it; so it does when an answer brought up further questions of it.
func (pt *Participation) takePage(e *core.RequestEvent) error {
	form, files, err := base.DecodeFormWithFiles(e.Response, e.Request, upload.MaxBytes)
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
	if _, err := pt.openSurvey(e); err != nil {
		return closedMidway(err)
	}
	n, err := pageNumber(e.Request, d.asked)
	if err != nil {
		return err
	}
	do := readAction(form)
	refused, err := pt.uploads.take(e, d, &d.Pages[n-1], form, files)
	if err != nil {
		return err
	}
	var out outcomeOfPage
	err = pt.change(d, func(d *draft) error {
		out = d.take(n-1, form, do)
		return nil
	})
	if errors.Is(err, errNoDraft) { // sent or expired a moment ago
		return pt.takeStranded(e, form)
	}
	if err != nil {
		return err
	}
	switch {
	case len(refused) > 0:
		return pt.showItems(e, http.StatusUnprocessableEntity, d, n, form, append(refused, out.problems...))
	case do.name == actKeep:
		e.Response.Header().Set("Cache-Control", "no-store")
		return e.NoContent(http.StatusNoContent)
	case do.name == actBack && d.at < 0:
		return seeOther(e, path(e.Request, d.Slug, "teilnehmen"))
	case do.name == actBack:
		return seeOther(e, pagePath(e.Request, d.Slug, d.at+1))
	case do.name == actLater:
		return seeOther(e, path(e.Request, d.Slug, later))
	case do.name == actLanguage:
		return seeOther(e, base.Prefix(do.code)+"/umfragen/"+d.Slug+"/seite/"+strconv.Itoa(n)+"/"+keepNext(form, "?"))
	case do.stays():
		return seeOther(e, pagePath(e.Request, d.Slug, n)+"?fokus="+url.QueryEscape(out.focus)+keepNext(form, "&"))
	case len(out.problems) > 0:
		return pt.showItems(e, http.StatusUnprocessableEntity, d, n, form, out.problems)
	case out.further != "":
		return seeOther(e, pagePath(e.Request, d.Slug, n)+"?weitere=1"+keepNext(form, "&")+"#q-"+itemOf(out.further))
	}
	return seeOther(e, stepPath(e.Request, d.asked, d.at))
}

// keepNext carries on the wish to go to the review after this page.
func keepNext(form url.Values, before string) string {
	if form.Get(fieldNext) != review {
		return ""
	}
	return before + fieldNext + "=" + review
}

// outcomeOfPage is what became of one page's form.
type outcomeOfPage struct {
	problems content.Problems // of what was shown
	further  string           // key of the first thing that the answers brought up on the same page
	focus    string           // id of the control to go on with
}

// take merges the form of page n (index) and finds where to go on.
func (d *draft) take(n int, form url.Values, do action) (out outcomeOfPage) {
	page := d.Pages[n]
	merge(d.typed, page, form)
	out.focus = do.edit(d.typed, &page)
	reading := d.Read(d.typed)
	d.at = n
	switch {
	case do.name == actBack:
		d.at = reading.Before(n)
		return out
	case do.name != actNext:
		return out
	}
	further := brought(&page, reading, n, form)
	for _, p := range reading.Pages[n].Problems {
		if !slices.Contains(further, p.Field) && !slices.Contains(further, itemOf(p.Field)) {
			out.problems = append(out.problems, p)
		}
	}
	switch {
	case len(out.problems) > 0:
	case len(further) > 0:
		out.further = further[0]
	case form.Get(fieldNext) == review:
		d.at = len(d.Pages)
	default:
		d.at = reading.Next(n)
	}
	return out
}

// brought lists what the answers of a page made visible on the same page that its
// form had not shown: items, rows, options.
func brought(page *survey.Page, reading survey.Reading, n int, form url.Values) (keys []string) {
	here := map[string]bool{}
	for i := range page.Items {
		here[page.Items[i].Code] = true
	}
	since := func(o survey.Option, key string) bool {
		return slices.ContainsFunc(o.ShowIf.Vars(), func(name string) bool { return here[itemOf(name)] }) &&
			o.ShowIf.Holds(reading.Answers) && !wasShown(form, key)
	}
	for i := range page.Items {
		it := &page.Items[i]
		if !reading.Pages[n].Shows(i) {
			continue
		}
		if !wasShown(form, it.Code) {
			keys = append(keys, it.Code)
			continue
		}
		for _, row := range it.Rows {
			if key := survey.Key(it.Code, row.Code); since(row, key) {
				keys = append(keys, key)
			}
		}
		if it.Type == survey.SingleChoice || it.Type == survey.MultipleChoice {
			for _, o := range it.Options {
				if key := it.Code + "/" + o.Code; it.Look != survey.Dropdown && since(o, key) {
					keys = append(keys, key)
				}
			}
		}
	}
	return keys
}

// takeStranded takes a page's form whose draft is gone. What it brought goes
// into a new draft, which begins at the first page, because the answers of other
// pages are lost; who had sent the survey already is shown the receipt.
//
// What a script saves by itself begins nothing: on a shared device it may come
// after the wipe.
func (pt *Participation) takeStranded(e *core.RequestEvent, form url.Values) error {
	if readAction(form).name == actKeep {
		e.Response.Header().Set("Cache-Control", "no-store")
		return e.NoContent(http.StatusGone)
	}
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
	typed := url.Values{}
	merge(typed, q.Pages[n-1], form)
	if len(typed) == 0 {
		return pt.showIntro(e, http.StatusGone, "gone", q, nil)
	}
	d, err := pt.newDraft(e, q, typed)
	if err != nil {
		return err
	}
	return seeOther(e, stepPath(e.Request, d.asked, d.Read(typed).Next(-1))+"?gerettet="+strconv.Itoa(n))
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
	missing, err := pt.uploads.check(d.Questionnaire, answers, draftHash(d.token))
	if err != nil {
		return err
	}
	if problems = append(problems, missing...); len(problems) > 0 {
		return pt.showSummary(e, http.StatusUnprocessableEntity, d, problems)
	}
	pass, err := pt.carried(e.Request, d.Questionnaire)
	if err != nil {
		return err
	}
	_, err = pt.put(e.Request.Context(), d.Questionnaire, answers, entry{
		id: pt.responseID(d.Slug, d.token), language: base.Lang(e.Request), channel: d.channel, day: pt.day(), seed: d.seed,
		draft: draftHash(d.token), pass: pass,
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
	row, err := pt.receipt(e.Request, slug, id)
	if t == "" || errors.Is(err, base.ErrNotFound) {
		if err := q.open(pt.p.Now()); err != nil {
			return err
		}
		return pt.showIntro(e, http.StatusGone, "gone", q, nil)
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
	idle, err := pt.idlePart(e.Request, &version.Questionnaire)
	if err != nil {
		return err
	}
	return pt.p.Show(e, http.StatusOK, templates, "thanks", base.View{
		Title: pt.p.Words.In(lang, "participation.thanks_title"),
		Data: map[string]any{
			"Idle": idle, "Survey": phraseOf(version.Title, lang), "Thanks": thanks, "ThanksLang": thanksLang,
			"Reference": pt.reference(slug, id), "Day": formatDay(row.Day, lang),
			"Slug": slug, "Phone": row.Channel == phone && onPhone(e, slug),
		},
	})
}

// showIntro shows a page that stands before the questions: "start" or "gone".
func (pt *Participation) showIntro(e *core.RequestEvent, status int, name string, q current, begun *draft) error {
	return pt.showGated(e, status, name, q, begun, nil, nil)
}

// showGate shows the start page again with what is wrong at the gate.
func (pt *Participation) showGate(e *core.RequestEvent, status int, q current, begun *draft, form url.Values, problems content.Problems) error {
	return pt.showGated(e, status, "start", q, begun, form, problems)
}

func (pt *Participation) showGated(e *core.RequestEvent, status int, name string, q current, begun *draft, form url.Values, problems content.Problems) error {
	part, err := pt.gate.Fields(e, scope(q.Slug), q.Access, form, problems)
	if err != nil {
		return err
	}
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
	goOn := ""
	if begun != nil {
		goOn = stepPath(e.Request, begun.asked, max(begun.at, 0))
	}
	closes := ""
	if !q.Closes.IsZero() {
		closes = survey.FormatDate(q.Closes.In(content.Berlin).Format("2006-01-02"), lang)
	}
	return pt.p.Show(e, status, templates, name, base.View{
		Title: pageTitle, Problems: problems,
		Data: map[string]any{
			"Gate": part, "Stored": storedText(q.Questionnaire, lang),
			"Survey": title, "Slug": q.Slug, "Intro": intro, "IntroLang": introLang, "GoOn": goOn,
			"Minutes": q.EstimatedMinutes(), "Pages": len(q.Pages), "Questions": summarise(q.Questionnaire, lang).Questions,
			"Closes": closes, "Anonymous": q.Anonymous, "Translated": speaks(q.Questionnaire, lang),
		},
	})
}

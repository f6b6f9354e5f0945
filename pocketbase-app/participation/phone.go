package participation

import (
	"net/http"
	"slices"
	"strings"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Staff who fill in a survey for somebody on the telephone go the ordinary
// journey. Which survey the call is about stands in a cookie of the member of
// staff; drafts that they begin of it carry the channel "phone". Nothing stored
// names the member of staff or the call.

const (
	phonePath   = "/schalter/telefon/"
	phoneCookie = "umfrage-telefon" // value: slug
	phone       = "phone"
	web         = "web"
	paper       = "paper"
)

func (pt *Participation) bindPhone(se *core.ServeEvent) {
	staff := base.Need(base.Counter, base.Planner)
	pt.p.Route(se, "GET", "/schalter/telefon/{$}", pt.showCalls, staff)
	pt.p.Route(se, "POST", "/schalter/telefon/{slug}/{$}", pt.takeCall, staff)
	pt.p.Route(se, "POST", "/schalter/telefon/{slug}/auflegen/{$}", pt.hangUp, staff)
}

// onPhone reports whether the visitor is a member of staff who is on the
// telephone about a survey.
func onPhone(e *core.RequestEvent, slug string) bool {
	c, err := e.Request.Cookie(phoneCookie)
	return err == nil && c.Value == slug && base.HasRole(base.Staff(e), base.Counter, base.Planner)
}

// channelOf is the channel of a draft that begins with this request.
func (pt *Participation) channelOf(e *core.RequestEvent, slug string) (string, error) {
	if onPhone(e, slug) {
		return phone, nil
	}
	return pt.channel(e.Request)
}

// call is a survey that somebody may be asked on the telephone.
type call struct {
	Slug, Title, Access string
	Minutes             int
	Possible            bool
	Languages           []languageView
	Current             bool
}

// showCalls lists the surveys that are open now.
func (pt *Participation) showCalls(e *core.RequestEvent) error {
	slugs, err := pt.surveys.live()
	if err != nil {
		return err
	}
	var calls []call
	for _, slug := range slugs {
		q, err := pt.surveys.find(slug)
		if err != nil {
			return err
		}
		if q.open(pt.p.Now()) != nil {
			continue
		}
		c := call{
			Slug: slug, Title: q.Title[content.German], Minutes: q.EstimatedMinutes(), Current: onPhone(e, slug),
			Access: q.Access, Possible: byPhone(q),
		}
		for _, lang := range q.Languages {
			c.Languages = append(c.Languages, languageView{Code: lang})
		}
		calls = append(calls, c)
	}
	return pt.p.Show(e, http.StatusOK, templates, "staff-phone", base.View{
		Title: pt.p.Words.In(content.German, "staff.phone.title"), Data: map[string]any{"Calls": calls, "Done": e.Request.URL.Query().Has("aufgelegt")},
	})
}

// byPhone reports whether a survey can be answered on the telephone: what it asks for
// can be said, not only shown.
func byPhone(q current) bool {
	return q.Access != survey.AccessAccount && q.Access != survey.AccessInvitation && q.Access != survey.AccessAttendance
}

// takeCall begins a call: what was typed in the last one is deleted, and the
// journey starts in the language that was chosen.
func (pt *Participation) takeCall(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	q, err := pt.openSurvey(e)
	if err != nil {
		return err
	}
	if !byPhone(q) {
		return base.Refuse(http.StatusConflict, "survey_not_by_phone")
	}
	if err := pt.dropDraft(e, q.Slug); err != nil {
		return err
	}
	pt.setPhone(e, q.Slug, 60*60*12)
	lang := form.Get("sprache")
	if !slices.Contains(q.Languages, lang) {
		lang = content.German
	}
	return seeOther(e, base.Prefix(lang)+"/umfragen/"+q.Slug+"/teilnehmen/")
}

// hangUp ends a call; what was typed and not sent is deleted.
func (pt *Participation) hangUp(e *core.RequestEvent) error {
	slug := e.Request.PathValue("slug")
	if !content.IsSlug(slug) {
		return base.ErrNotFound
	}
	if err := pt.dropDraft(e, slug); err != nil {
		return err
	}
	pt.setPhone(e, "", -1)
	return seeOther(e, phonePath+"?aufgelegt=1")
}

// dropDraft deletes the draft of the request's cookie, and the cookie.
func (pt *Participation) dropDraft(e *core.RequestEvent, slug string) error {
	if t := token(e.Request, slug); t != "" {
		_, err := pt.p.App.NonconcurrentDB().NewQuery(`DELETE FROM survey_drafts WHERE hash = {:hash} AND survey = {:survey}`).
			Bind(dbx.Params{"hash": draftHash(t), "survey": slug}).Execute()
		if err != nil {
			return err
		}
	}
	http.SetCookie(e.Response, &http.Cookie{
		Name: cookieName(slug), Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(pt.p.Origin, "https://"),
	})
	return nil
}

func (pt *Participation) setPhone(e *core.RequestEvent, slug string, seconds int) {
	http.SetCookie(e.Response, &http.Cookie{
		Name: phoneCookie, Value: slug, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: strings.HasPrefix(pt.p.Origin, "https://"),
	})
}

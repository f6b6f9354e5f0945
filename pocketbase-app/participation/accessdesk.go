package participation

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"html/template"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// maxInvited is how many addresses one list may hold.
const maxInvited = 2000

func (pt *Participation) bindAccess(se *core.ServeEvent) {
	reads, runs := base.Need(base.Editor, base.Publisher, base.Admin), base.Need(base.Publisher)
	const accessPath = "/redaktion/umfragen/{slug}/zugang/"
	pt.p.Route(se, "GET", accessPath+"{$}", pt.showAccess, reads)
	pt.p.Route(se, "POST", accessPath+"pause/{$}", pt.takePause, runs)
	pt.p.Route(se, "POST", accessPath+"codes/{$}", pt.makeCodes, runs)
	pt.p.Route(se, "POST", accessPath+"einladungen/{$}", pt.invite, runs)
}

// quotaView is how full a quota is.
type quotaView struct {
	Code, When string
	N, Max     int
}

// showAccess tells how a survey runs: numbers only, never who or which.
func (pt *Participation) showAccess(e *core.RequestEvent) error {
	return pt.accessPage(e, http.StatusOK, url.Values{}, nil, e.Request.URL.Query().Get("getan"))
}

func (pt *Participation) accessPage(e *core.RequestEvent, status int, form url.Values, problems content.Problems, done string) error {
	q, err := pt.surveys.find(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	ctx := e.Request.Context()
	counts, err := pt.gate.Counts(ctx, scope(q.Slug))
	if err != nil {
		return err
	}
	waiting, _ := pt.writer.urn.waiting(q.Slug, "")
	stored := 0
	if err := pt.p.App.DB().NewQuery(`SELECT count(*) FROM responses WHERE survey = {:survey}`).
		Bind(dbx.Params{"survey": q.Slug}).WithContext(ctx).Row(&stored); err != nil {
		return err
	}
	var rows []struct {
		Code string `db:"code"`
		N    int    `db:"n"`
	}
	if err := pt.p.App.DB().NewQuery(`SELECT code, n FROM survey_counters WHERE survey = {:survey}`).
		Bind(dbx.Params{"survey": q.Slug}).WithContext(ctx).All(&rows); err != nil {
		return err
	}
	counted := func(code string) int {
		n := 0
		for _, r := range rows {
			if r.Code == code {
				n = r.N
			}
		}
		_, more := pt.writer.urn.waiting(q.Slug, code)
		return n + more
	}
	var quotas []quotaView
	for _, quota := range q.Quotas {
		quotas = append(quotas, quotaView{quota.Code, q.Explain(quota.When, pt.p.Words, content.German, quoted), counted(quota.Code), quota.Limit})
	}
	for i := range counts { // passes in the urn were used, and which ones nobody sees
		if counts[i].Kind == q.Access {
			counts[i].Used += waiting
			if q.Access != survey.AccessCode {
				counts[i].All += waiting
			}
		}
	}
	state := "open"
	if err := q.open(pt.p.Now()); err != nil {
		state = strings.TrimPrefix(err.(*base.Error).Code, "survey_")
	}
	if form.Get("tage") == "" {
		form.Set("tage", "28")
	}
	return pt.p.Show(e, status, templates, "staff-access", base.View{
		Title: pt.p.Words.In(content.German, "staff.access_to.title"), Form: form, Problems: problems,
		Data: map[string]any{
			"Slug": q.Slug, "Survey": q.Title[content.German], "Access": cmp.Or(q.Access, survey.AccessOpen), "State": state, "Paused": q.paused,
			"Stored": stored, "Waiting": waiting, "Urn": q.Anonymous && q.Named(), "Max": q.MaxResponses, "Counts": counts, "Quotas": quotas,
			"Promise": q.Stored()[content.German], "Done": done, "MaxCodes": gate.MaxCodes, "Languages": q.Languages,
		},
	})
}

// quoted names a question by its German text.
func quoted(it *survey.Item) string { return "„" + it.Text[content.German] + "“" }

// accessForm is the survey of a staff form and the form.
func (pt *Participation) accessForm(e *core.RequestEvent) (current, url.Values, error) {
	q, err := pt.surveys.find(e.Request.PathValue("slug"))
	if err != nil {
		return current{}, nil, err
	}
	form, err := base.DecodeForm(e.Response, e.Request)
	return q, form, err
}

func (pt *Participation) takePause(e *core.RequestEvent) error {
	q, form, err := pt.accessForm(e)
	if err != nil {
		return err
	}
	paused := form.Get("pause")
	if paused != "ja" && paused != "nein" {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	if err := pt.Pause(e.Request.Context(), q.Slug, e.Auth.Id, paused == "ja"); err != nil {
		return err
	}
	return seeOther(e, "/redaktion/umfragen/"+q.Slug+"/zugang/?getan=pause-"+paused)
}

// slip is one code as it is printed.
type slip struct {
	Code, Link string
	QR         template.HTML
}

// makeCodes makes codes and shows them the only time: as slips to print, or as a
// file for letters (CSV with semicolons and a byte order mark, as spreadsheets
// in Germany want it).
func (pt *Participation) makeCodes(e *core.RequestEvent) error {
	q, form, err := pt.accessForm(e)
	if err != nil {
		return err
	}
	if q.Access != survey.AccessCode {
		return base.Refuse(http.StatusConflict, "access_other")
	}
	n, err := strconv.Atoi(strings.TrimSpace(form.Get("anzahl")))
	switch {
	case err != nil:
		return pt.accessPage(e, http.StatusUnprocessableEntity, form, content.Problems{{Field: "anzahl", Code: "not_integer"}}, "")
	case n < 1:
		return pt.accessPage(e, http.StatusUnprocessableEntity, form, content.Problems{{Field: "anzahl", Code: "too_small", Args: map[string]any{"min": 1}}}, "")
	case n > gate.MaxCodes:
		return pt.accessPage(e, http.StatusUnprocessableEntity, form, content.Problems{{Field: "anzahl", Code: "too_large", Args: map[string]any{"max": gate.MaxCodes}}}, "")
	}
	codes, err := pt.gate.NewCodes(e.Request.Context(), scope(q.Slug), n)
	if err != nil {
		return err
	}
	start := pt.p.Origin + "/umfragen/" + q.Slug + "/teilnehmen/"
	if form.Get("als") == "csv" {
		var b bytes.Buffer
		b.WriteString("\uFEFF")
		w := csv.NewWriter(&b)
		w.Comma, w.UseCRLF = ';', true
		w.Write([]string{"Code", "Link"})
		for _, c := range codes {
			w.Write([]string{c, start + "?code=" + c})
		}
		w.Flush()
		h := e.Response.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="codes-`+q.Slug+`.csv"`)
		h.Set("Cache-Control", "no-store")
		e.Response.WriteHeader(http.StatusOK)
		_, err := e.Response.Write(b.Bytes())
		return err
	}
	slips := make([]slip, n)
	for i, c := range codes {
		slips[i] = slip{Code: c, Link: start}
		if slips[i].QR, err = base.QR(start+"?code="+c, ""); err != nil {
			return err
		}
	}
	return pt.p.Show(e, http.StatusOK, templates, "staff-slips", base.View{
		Title: pt.p.Words.In(content.German, "staff.access_to.slips_title"),
		Data:  map[string]any{"Slug": q.Slug, "Survey": q.Title[content.German], "Slips": slips},
	})
}

// invite mails a signed link to every address of a list. The addresses stand in
// the mail orders only, which are emptied when they are sent.
func (pt *Participation) invite(e *core.RequestEvent) error {
	q, form, err := pt.accessForm(e)
	if err != nil {
		return err
	}
	if q.Access != survey.AccessInvitation && q.Access != survey.AccessCode {
		return base.Refuse(http.StatusConflict, "access_other")
	}
	again := func(field, code string, args map[string]any) error {
		return pt.accessPage(e, http.StatusUnprocessableEntity, form, content.Problems{{Field: field, Code: code, Args: args}}, "")
	}
	var list []string
	for i, line := range strings.FieldsFunc(form.Get("adressen"), func(r rune) bool { return r == '\n' || r == ',' || r == ';' }) {
		if line = strings.ToLower(strings.TrimSpace(line)); line == "" {
			continue
		}
		a, err := mail.ParseAddress(line)
		if err != nil || a.Address != line || len(line) > 254 {
			return again("adressen", "not_email_line", map[string]any{"n": i + 1})
		}
		list = append(list, line)
	}
	slices.Sort(list) // twice the same address is one person, and the order of the list tells nothing
	list = slices.Compact(list)
	days, err := strconv.Atoi(strings.TrimSpace(form.Get("tage")))
	switch {
	case len(list) == 0:
		return again("adressen", "required", nil)
	case len(list) > maxInvited:
		return again("adressen", "too_many", map[string]any{"max": maxInvited})
	case err != nil || days < 1 || days > 365:
		return again("tage", "out_of_range", map[string]any{"min": 1, "max": 365})
	}
	lang := form.Get("sprache")
	if !slices.Contains(q.Languages, lang) {
		lang = content.German
	}
	until := pt.p.Now().Add(time.Duration(days) * 24 * time.Hour)
	if !q.Closes.IsZero() && q.Closes.Before(until) {
		until = q.Closes
	}
	links, err := pt.links(e, q, lang, len(list), until)
	if err != nil {
		return err
	}
	title, _ := q.Title.In(lang)
	err = pt.p.App.RunInTransaction(func(tx core.App) error {
		for i, to := range list {
			payload, err := json.Marshal(hooks.Mail{To: to, Lang: lang,
				Subject: pt.p.Words.In(lang, "participation.mail.invite.subject", "title", title),
				Text: pt.p.Words.In(lang, "participation.mail.invite.text", "title", title, "link", links[i],
					"day", survey.FormatDate(until.In(content.Berlin).Format(time.DateOnly), lang)),
			})
			if err != nil {
				return err
			}
			if err := pt.p.PutOrder(tx, hooks.Order{
				Key: "mail:zugang:" + base.NewToken(), Provider: "mail", Kind: "mail", Subject: scope(q.Slug), Payload: payload,
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	pt.p.WakeOrders()
	return seeOther(e, "/redaktion/umfragen/"+q.Slug+"/zugang/?getan=eingeladen")
}

// links makes a personal link for each of n people: with a code or an invitation.
func (pt *Participation) links(e *core.RequestEvent, q current, lang string, n int, until time.Time) ([]string, error) {
	start := pt.p.Origin + base.Prefix(lang) + "/umfragen/" + q.Slug + "/teilnehmen/?"
	links := make([]string, n)
	if q.Access == survey.AccessCode {
		codes, err := pt.gate.NewCodes(e.Request.Context(), scope(q.Slug), n)
		for i, c := range codes {
			links[i] = start + "code=" + c
		}
		return links, err
	}
	for i := range links {
		links[i] = start + gate.FieldInvitation + "=" + pt.gate.NewInvitation(scope(q.Slug), until)
	}
	return links, nil
}

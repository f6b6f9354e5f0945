package gate

import (
	"bytes"
	"errors"
	"html/template"
	"net/http"
	"net/url"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Fields of the gate's part of a form.
const (
	FieldCode       = "zugangscode"
	FieldInvitation = "einladung"
	FieldProof      = "altcha"
	FieldTicket     = "warten"
)

// Admit looks at what a form brought for an access and gives the pass; open
// access gives the zero Pass. What is wrong comes as content.Problems at the
// gate's fields, to be shown with [Gate.Fields].
func (g *Gate) Admit(e *core.RequestEvent, scope, access string, form url.Values) (Pass, error) {
	switch access {
	case "", survey.AccessOpen:
		return Pass{}, nil
	case survey.AccessProof:
		if p, ok := g.proven(scope, form.Get(FieldProof)); ok {
			return p, g.fresh(e, scope, p, FieldProof, "proof_used")
		}
		p, wait, ok := g.waited(e, scope, form.Get(FieldTicket))
		switch {
		case !ok:
			return Pass{}, content.Problems{{Field: FieldProof, Code: "proof_missing"}}
		case wait > 0:
			return Pass{}, content.Problems{{Field: FieldProof, Code: "proof_wait", Args: map[string]any{"seconds": int(wait.Seconds()) + 1}}}
		}
		return p, g.fresh(e, scope, p, FieldProof, "proof_used")
	case survey.AccessCode:
		return g.admitCode(e, scope, form.Get(FieldCode))
	case survey.AccessInvitation, survey.AccessAttendance:
		read, used := g.invited, "invitation_used"
		if access == survey.AccessAttendance {
			read, used = g.came, "attendance_used"
		}
		p, err := read(scope, form.Get(FieldInvitation))
		switch {
		case errors.Is(err, errExpired):
			return Pass{}, content.Problems{{Field: FieldInvitation, Code: "invitation_expired"}}
		case err != nil && access == survey.AccessAttendance:
			return Pass{}, content.Problems{{Field: FieldInvitation, Code: "attendance_unknown"}}
		case err != nil:
			return Pass{}, content.Problems{{Field: FieldInvitation, Code: "invitation_unknown"}}
		}
		return p, g.fresh(e, scope, p, FieldInvitation, used)
	case survey.AccessAccount:
		id := g.Citizens(e)
		if id == "" {
			return Pass{}, content.Problems{{Field: "konto", Code: "account_needed"}}
		}
		p := g.Citizen(scope, id)
		return p, g.fresh(e, scope, p, "konto", "account_used")
	}
	return Pass{}, ErrUnknown
}

func (g *Gate) admitCode(e *core.RequestEvent, scope, code string) (Pass, error) {
	if normaliseCode(code) == "" {
		if code == "" {
			return Pass{}, content.Problems{{Field: FieldCode, Code: "required"}}
		}
		return Pass{}, content.Problems{{Field: FieldCode, Code: "code_malformed"}}
	}
	p := g.pass(survey.AccessCode, g.codeHash(scope, code))
	state, _, err := g.Look(e.Request.Context(), scope, p)
	switch {
	case err != nil:
		return Pass{}, err
	case state == Unknown:
		// Only wrong codes count: a whole school may answer from one address.
		if !g.p.Exempt(e) {
			if _, wait := g.guesses.Take(base.Network(e.RealIP()), g.p.Now()); wait > 0 {
				return Pass{}, base.Refuse(http.StatusTooManyRequests, "too_many_requests")
			}
		}
		return Pass{}, content.Problems{{Field: FieldCode, Code: "code_unknown"}}
	}
	if state == Used {
		return p, content.Problems{{Field: FieldCode, Code: "code_used"}}
	}
	return p, nil
}

// fresh refuses a pass that was used, at its field.
func (g *Gate) fresh(e *core.RequestEvent, scope string, p Pass, field, code string) error {
	state, _, err := g.Look(e.Request.Context(), scope, p)
	if err == nil && state == Used {
		return content.Problems{{Field: field, Code: code}}
	}
	return err
}

// Shown reads a pass as the JSON API takes it: a code, an invitation's token or
// a solved challenge. Of a used pass the Pass comes along with the problem, so
// that the caller can tell a repeated request.
func (g *Gate) Shown(e *core.RequestEvent, scope, access, shown string) (Pass, error) {
	form := url.Values{}
	for _, name := range []string{FieldCode, FieldInvitation, FieldProof} {
		form.Set(name, shown)
	}
	p, err := g.Admit(e, scope, access, form)
	var problems content.Problems
	if errors.As(err, &problems) {
		for i := range problems {
			problems[i].Field = "pass"
			if shown == "" && access != survey.AccessAccount {
				problems[i].Code = "required"
			}
		}
		err = problems
	}
	return p, err
}

// Fields is the gate's part of a form: nothing for open access. Problems are
// those of [Gate.Admit].
func (g *Gate) Fields(e *core.RequestEvent, scope, access string, form url.Values, problems content.Problems) (template.HTML, error) {
	if !Needs(access) {
		return "", nil
	}
	v := base.View{Lang: base.Lang(e.Request), Form: url.Values{}, Problems: problems, Data: map[string]any{
		"Access": access, "Scope": scope, "Ticket": "", "Account": g.Citizens(e) != "", "Here": e.Request.URL.Path,
	}}
	switch access {
	case survey.AccessProof:
		t := form.Get(FieldTicket)
		if t == "" || !g.open("ticket "+scope, t, new(ticket)) {
			t = g.newTicket(scope)
		}
		v.Data.(map[string]any)["Ticket"] = t
	case survey.AccessCode:
		code := form.Get(FieldCode)
		if code == "" {
			code = e.Request.URL.Query().Get("code") // from a slip's QR
		}
		v.Form.Set(FieldCode, code)
	case survey.AccessInvitation, survey.AccessAttendance:
		token := form.Get(FieldInvitation)
		if token == "" {
			token = e.Request.URL.Query().Get(FieldInvitation)
		}
		v.Form.Set(FieldInvitation, token)
	}
	var b bytes.Buffer
	err := templates["fields"].Execute(&b, g.p.InWords(v))
	return template.HTML(b.String()), err // html/template has escaped it
}

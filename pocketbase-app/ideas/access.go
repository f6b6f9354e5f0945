package ideas

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"

	"github.com/pocketbase/pocketbase/core"
)

// mostSlips is how many codes or invitations are made at a time.
const mostSlips = 500

// slip is one code or invitation, shown once.
type slip struct {
	Code, Link string
	QR         template.HTML
}

func (x *Ideas) showAccess(e *core.RequestEvent) error {
	c, err := x.call(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	return x.accessPage(e, http.StatusOK, c, nil, base.View{})
}

func (x *Ideas) accessPage(e *core.RequestEvent, status int, c content.Call, slips []slip, v base.View) error {
	counts, err := x.gate.Counts(e.Request.Context(), scope(c))
	if err != nil {
		return err
	}
	codes := 0
	for _, n := range counts {
		if n.Kind == survey.AccessCode {
			codes = n.All
		}
	}
	title, _ := c.Title.In(content.German)
	v.Title = x.word(content.German, "staff.idea.access_title", "call", title)
	v.Data = map[string]any{
		"Call": c, "Access": x.word(content.German, "staff.idea.access."+cmpOr(c.Access, survey.AccessOpen)), "Codes": codes, "Slips": slips,
		"Makes": c.Access == survey.AccessCode || c.Access == survey.AccessInvitation, "May": base.HasRole(base.Staff(e), base.Publisher), "Title": title,
	}
	return x.Platform.Show(e, status, pages, "access", v)
}

// makeAccess makes codes or signed invitations, as the call wants them, and
// shows them this one time: codes are stored as hashes, invitations not at all.
func (x *Ideas) makeAccess(e *core.RequestEvent) error {
	c, err := x.call(e.Request.PathValue("slug"))
	if err != nil {
		return err
	}
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	var ps content.Problems
	n, err := strconv.Atoi(form.Get("n"))
	switch {
	case form.Get("n") == "":
		ps.Add("n", "required")
	case err != nil:
		ps.Add("n", "not_integer")
	case n < 1:
		ps.Add("n", "too_small", "min", 1)
	case n > mostSlips:
		ps.Add("n", "too_large", "max", mostSlips)
	case c.Access != survey.AccessCode && c.Access != survey.AccessInvitation:
		ps.Add("n", "idea_no_slips")
	}
	if len(ps) > 0 {
		return x.accessPage(e, http.StatusUnprocessableEntity, c, nil, base.View{Form: form, Problems: ps})
	}
	slips, err := x.slips(e, c, n)
	if err != nil {
		return err
	}
	return x.accessPage(e, http.StatusOK, c, slips, base.View{})
}

func (x *Ideas) slips(e *core.RequestEvent, c content.Call, n int) ([]slip, error) {
	at := x.Platform.Origin + "/ideen/" + c.Slug + "/einreichen/?"
	slips := make([]slip, n)
	if c.Access == survey.AccessCode {
		codes, err := x.gate.NewCodes(e.Request.Context(), scope(c), n)
		if err != nil {
			return nil, err
		}
		for i, code := range codes {
			slips[i] = slip{Code: code, Link: at + url.Values{"code": {code}}.Encode()}
		}
	} else {
		until := c.Closes
		if until.IsZero() {
			until = x.Platform.Now().Add(gate.PassLife)
		}
		for i := range slips {
			slips[i].Link = at + url.Values{gate.FieldInvitation: {x.gate.NewInvitation(scope(c), until.Add(time.Hour))}}.Encode()
		}
	}
	var errs []error
	for i := range slips {
		var err error
		slips[i].QR, err = base.QR(slips[i].Link, "")
		errs = append(errs, err)
	}
	return slips, errors.Join(errs...)
}

package cases

import (
	"net/http"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Barrier is the guide slug of barrier reports, the electronic feedback that the
// Hessian regulation on accessible information technology (HVBIT) asks for.
const Barrier = "barriere"

// barrierDays is what HVBIT leaves for the answer: six weeks.
const barrierDays = 42

// barrierQuestions is what is asked besides the message.
func (c *Cases) barrierQuestions() []content.Question {
	label := content.Text{}
	for _, lang := range content.Languages {
		label[lang] = c.Platform.Words.In(lang, "case.barrier.page")
	}
	return []content.Question{{Code: "page", Label: label, Type: "text"}}
}

func (c *Cases) barrierMatter() matter {
	last := c.Platform.Now().In(content.Berlin).AddDate(0, 0, barrierDays)
	return matter{
		Guide: Barrier, Title: c.Platform.Words.In(content.German, "case.barrier.title"), Partner: c.BarrierPartner,
		Questions: c.barrierQuestions(), AlsoStaff: true,
		Due: time.Date(last.Year(), last.Month(), last.Day(), 23, 59, 59, 0, content.Berlin),
	}
}

// showBarrierForm takes the address of the page at fault from ?seite=.
func (c *Cases) showBarrierForm(e *core.RequestEvent) error {
	page := clip(e.Request.URL.Query().Get("seite"), maxAnswer)
	return c.barrierForm(e, http.StatusOK, base.NewToken(), base.View{Form: map[string][]string{"answers.page": {page}}})
}

func (c *Cases) barrierForm(e *core.RequestEvent, status int, key string, v base.View) error {
	v.Title = c.Platform.Words.In(base.Lang(e.Request), "case.barrier.title")
	v.Data = map[string]any{"Key": key}
	return c.Platform.Show(e, status, pages, "barrier", v)
}

func (c *Cases) takeBarrierForm(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	lang := base.Lang(e.Request)
	m := c.barrierMatter()
	key := formKey(form.Get("key"))
	if form.Has(base.FieldLanguage) {
		return c.barrierForm(e, http.StatusOK, key, base.View{Form: form})
	}
	receipt, _, err := c.take(key, lang, fromForm(form, Barrier, m.Questions, lang), m)
	if problems, key, ok := again(err, key); ok {
		return c.barrierForm(e, http.StatusUnprocessableEntity, key, base.View{Form: form, Problems: problems})
	}
	if err != nil {
		return err
	}
	return c.hand(e, receipt)
}

// putStaffMails tells the counter staff of the case's partner that a barrier was
// reported and by when it must be answered; what was reported is not in the mail.
func (c *Cases) putStaffMails(tx core.App, k *Case) error {
	var people []struct {
		ID    string `db:"id"`
		Name  string `db:"name"`
		Email string `db:"email"`
	}
	err := tx.DB().NewQuery(`SELECT id, name, email FROM staff
		WHERE disabled = FALSE AND provider IN ('', {:partner})
		AND EXISTS (SELECT 1 FROM json_each(staff.roles) WHERE value IN ('counter', 'admin'))
		ORDER BY id LIMIT 20`).Bind(dbx.Params{"partner": k.Partner}).All(&people)
	if err != nil {
		return err
	}
	p := c.Platform
	args := []any{
		"reference", k.Reference, "due", showDay(time.UnixMilli(k.Due).In(content.Berlin), content.German),
		"link", p.Origin + "/schalter/anliegen/" + k.Reference + "/",
	}
	for _, s := range people {
		err := c.putMailOrder(tx, k, "staff-mail", "mail:"+k.Reference+":staff:"+s.ID, hooks.Mail{
			To: s.Email, Name: s.Name, Lang: content.German,
			Subject: p.Words.In(content.German, "staff.case.mail.barrier.subject", args...),
			Text:    p.Words.In(content.German, "staff.case.mail.barrier.text", args...) + "\n",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

package ideas

import (
	"encoding/json"
	"errors"
	"strconv"

	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// mailKind is that of orders whose address and text go as soon as they are settled.
const mailKind = base.PrivateMail

func reasonOf(number int64, did string) string {
	return "ideas/" + strconv.FormatInt(number, 10) + " " + did
}

func isRefusal(err error, code string) bool {
	var refusal *base.Error
	return errors.As(err, &refusal) && refusal.Code == code
}

// mailLink orders the one mail that carries the private link.
func (x *Ideas) mailLink(tx core.App, number int64, s sent, lang, token string) error {
	return x.putMail(tx, number, "1", s.Email, lang, "link", "title", s.Title, "link", x.Platform.Origin+base.Prefix(lang)+"/meine-idee/"+token+"/")
}

// news orders a mail to the author of an idea, and to those whose ideas went
// into it. what is the event's kind, message what the moderator or the city said.
func (x *Ideas) news(tx core.App, i *Idea, what, message string) error {
	var all []struct {
		Idea     int64  `db:"idea"`
		Title    string `db:"title"`
		Email    string `db:"email"`
		Language string `db:"language"`
	}
	err := tx.DB().NewQuery(`SELECT c.idea, i.title, c.email, c.language FROM idea_contacts c JOIN ideas i ON i.number = c.idea
		WHERE i.number = {:idea} OR i.into_idea = {:idea} ORDER BY c.idea`).Bind(dbx.Params{"idea": i.Number}).All(&all)
	if err != nil {
		return err
	}
	for _, c := range all {
		said := ""
		if message != "" {
			said = "\n\n" + x.word(c.Language, "idea.mail.said", "message", message)
		}
		what := x.word(c.Language, "idea.mail.what."+what)
		at := strconv.FormatInt(i.Number, 10) + "." + strconv.FormatInt(i.Rev, 10)
		if err := x.putMail(tx, c.Idea, at, c.Email, c.Language, "news", "title", c.Title, "what", what, "said", said); err != nil {
			return err
		}
	}
	return nil
}

func (x *Ideas) putMail(tx core.App, number int64, at, to, lang, key string, args ...any) error {
	payload, err := json.Marshal(hooks.Mail{
		To: to, Lang: lang,
		Subject: x.word(lang, "idea.mail."+key+".subject", args...),
		Text:    x.word(lang, "idea.mail."+key+".text", args...) + "\n",
	})
	if err != nil {
		return err
	}
	subject := "idea:" + strconv.FormatInt(number, 10)
	return x.Platform.PutOrder(tx, hooks.Order{
		Key: "mail:" + subject + ":" + key + ":" + at, Provider: "mail", Kind: mailKind, Subject: subject, Payload: payload,
	})
}

package orders

import (
	"encoding/json"
	"fmt"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"

	"github.com/pocketbase/pocketbase/core"
)

// tellOperators writes a mail to every admin, in the transaction that halts a
// provider. Should mail be what was halted, the mails go out when it runs again;
// the operators' page tells it at once.
func (o *Orders) tellOperators(tx core.App, provider string, now time.Time) error {
	var people []struct {
		ID    string `db:"id"`
		Name  string `db:"name"`
		Email string `db:"email"`
	}
	err := tx.DB().NewQuery(`SELECT id, name, email FROM staff
		WHERE disabled = FALSE AND EXISTS (SELECT 1 FROM json_each(staff.roles) WHERE value = 'admin') ORDER BY id LIMIT 20`).All(&people)
	if err != nil {
		return err
	}
	args := []any{"provider", o.name(provider), "time", showTime(now), "link", o.p.Origin + pagePath}
	for _, s := range people {
		payload, err := json.Marshal(hooks.Mail{
			To: s.Email, Name: s.Name, Lang: content.German,
			Subject: o.p.Words.In(content.German, "staff.orders.mail.halt.subject", args...),
			Text:    o.p.Words.In(content.German, "staff.orders.mail.halt.text", args...) + "\n",
		})
		if err != nil {
			return err
		}
		err = o.p.PutOrder(tx, hooks.Order{
			Key: fmt.Sprintf("mail:halt:%s:%d:%s", provider, now.UnixMilli(), s.ID), Provider: "mail", Kind: "staff-mail",
			Subject: "halt:" + provider + ":" + s.ID, Payload: payload,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// name is what staff call a provider.
func (o *Orders) name(provider string) string {
	key := "staff.orders.name." + provider
	if s := o.p.Words.In(content.German, key); s != key {
		return s
	}
	return provider
}

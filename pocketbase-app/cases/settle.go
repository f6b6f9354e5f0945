package cases

import (
	"errors"

	"servicepoint/hooks"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Settle writes what an order of kind "case" came to, in the transaction that
// settles the order. Done: the case is on the partner's list. Rejected: the case
// is refused with the provider's words and the citizen gets a mail. Dead: staff
// find a note, the citizen's case stays as it is. Only the order that was placed
// last may change the state; one of an earlier partner leaves a note. Orders of
// other kinds and of cases that are gone change nothing.
func (c *Cases) Settle(tx core.App, o hooks.Order, s hooks.State, r hooks.Result) error {
	if o.Kind != "case" {
		return nil
	}
	k, err := find(tx, o.Subject)
	if errors.Is(err, base.ErrNotFound) {
		c.Platform.App.Logger().Warn("order of a case that is gone was settled", "order", o.ID)
		return nil
	}
	if err != nil {
		return err
	}
	german := func(key string) string {
		return c.Platform.Words.In("de", key, "partner", o.Partner)
	}
	current := o.Key == k.OrderKey && k.State == Sent
	switch {
	case s == hooks.Done && current:
		return c.advance(tx, k, Event{Actor: System, State: Received, Message: clip(r.Note, maxMessage)})
	case s == hooks.Rejected && current:
		if err := c.advance(tx, k, Event{Actor: System, State: Refused, Message: clip(r.Note, maxMessage)}); err != nil {
			return err
		}
		return c.putMail(tx, k, "news", k.Rev)
	case s == hooks.Rejected:
		return c.advance(tx, k, Event{Actor: System, Note: german("staff.case.order_rejected")})
	case s == hooks.Dead:
		return c.advance(tx, k, Event{Actor: System, Note: german("staff.case.order_dead")})
	}
	return nil
}

package base

import (
	"errors"
	"net/http"
	"time"

	"servicepoint/hooks"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// PutOrder writes an order row in the caller's own transaction; call
// [Platform.WakeOrders] after the commit. An order whose key exists already is
// left as it is: the same key always means the same order.
func (p *Platform) PutOrder(tx core.App, o hooks.Order) error {
	if !tx.IsTransactional() {
		return errors.New("base: PutOrder outside a transaction")
	}
	now := p.Now().UnixMilli()
	payload := o.Payload
	if payload == nil {
		payload = []byte("{}")
	}
	_, err := tx.DB().NewQuery(`INSERT INTO orders (key, provider, kind, subject, partner, payload, state, due, created)
		VALUES ({:key}, {:provider}, {:kind}, {:subject}, {:partner}, {:payload}, 'waiting', {:now}, {:now})
		ON CONFLICT (key) DO NOTHING`).Bind(dbx.Params{
		"key": o.Key, "provider": o.Provider, "kind": o.Kind, "subject": o.Subject,
		"partner": o.Partner, "payload": string(payload), "now": now,
	}).Execute()
	return err
}

// Remembered is the stored answer of a request that carried an idempotency key.
type Remembered struct {
	Status int    `db:"status"`
	Answer string `db:"answer"`
}

// Recall looks up an idempotency key inside the transaction that will act. It
// returns false when the key is new. The same key with another body
// (fingerprint) is refused with 422, as the IETF draft on the Idempotency-Key
// header asks.
func Recall(tx core.App, scope, keyHash, fingerprint string) (Remembered, bool, error) {
	var row struct {
		Remembered
		Fingerprint string `db:"fingerprint"`
	}
	err := tx.DB().NewQuery(`SELECT status, answer, fingerprint FROM idempotency WHERE scope = {:scope} AND key_hash = {:key}`).
		Bind(dbx.Params{"scope": scope, "key": keyHash}).One(&row)
	if IsNoRows(err) {
		return Remembered{}, false, nil
	}
	if err != nil {
		return Remembered{}, false, err
	}
	if row.Fingerprint != fingerprint {
		return Remembered{}, false, Refuse(http.StatusUnprocessableEntity, "key_reused")
	}
	return row.Remembered, true, nil
}

// Remember stores the answer for an idempotency key in the acting transaction.
// Retention deletes rows after 72 hours.
func Remember(tx core.App, now time.Time, scope, keyHash, fingerprint string, r Remembered) error {
	_, err := tx.DB().NewQuery(`INSERT INTO idempotency (scope, key_hash, fingerprint, status, answer, created)
		VALUES ({:scope}, {:key}, {:fingerprint}, {:status}, {:answer}, {:now})`).Bind(dbx.Params{
		"scope": scope, "key": keyHash, "fingerprint": fingerprint,
		"status": r.Status, "answer": r.Answer, "now": now.UnixMilli(),
	}).Execute()
	return err
}

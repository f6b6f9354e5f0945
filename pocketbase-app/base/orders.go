package base

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/hooks"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// PutOrder writes an order row in the caller's own transaction; call
// [Platform.WakeOrders] after the commit. An order whose key exists already is
// left as it is: the same key always means the same order. Payloads of kinds that
// begin with [PrivatePrefix] are stored sealed: the database alone tells neither an
// address nor a secret in them.
func (p *Platform) PutOrder(tx core.App, o hooks.Order) error {
	if !tx.IsTransactional() {
		return errors.New("base: PutOrder outside a transaction")
	}
	now := p.Now().UnixMilli()
	payload := o.Payload
	if payload == nil {
		payload = []byte("{}")
	}
	if strings.HasPrefix(o.Kind, PrivatePrefix) {
		payload = p.sealPayload(o.Key, payload)
	}
	_, err := tx.DB().NewQuery(`INSERT INTO orders (key, provider, kind, subject, partner, payload, state, due, created)
		VALUES ({:key}, {:provider}, {:kind}, {:subject}, {:partner}, {:payload}, 'waiting', {:now}, {:now})
		ON CONFLICT (key) DO NOTHING`).Bind(dbx.Params{
		"key": o.Key, "provider": o.Provider, "kind": o.Kind, "subject": o.Subject,
		"partner": o.Partner, "payload": string(payload), "now": now,
	}).Execute()
	return err
}

// WithdrawOrder takes an order back that no provider has seen yet, in the caller's
// transaction, and tells whether it did. False: it is under way, may have been sent
// or is settled; then another order must undo it. No settler hears of it.
func (p *Platform) WithdrawOrder(tx core.App, key string) (bool, error) {
	if !tx.IsTransactional() {
		return false, errors.New("base: WithdrawOrder outside a transaction")
	}
	res, err := tx.DB().NewQuery(`UPDATE orders SET state = 'rejected', withdrawn = {:now}, settled = {:now}, payload = '{}'
		WHERE key = {:key} AND state = 'waiting'`).Bind(dbx.Params{"key": key, "now": p.Now().UnixMilli()}).Execute()
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// OrderBudget is how long an order is tried from its first try on.
const OrderBudget = 72 * time.Hour

// OrderStanding says to a citizen, as a sentence in their language, where the order
// of a key stands while it is not settled, and that it was given up; "" when it is
// done, rejected or withdrawn (the matter has words for that) or unknown.
func (p *Platform) OrderStanding(lang, key string) (string, error) {
	var row struct {
		State   string `db:"state"`
		Since   int64  `db:"since"`
		Error   string `db:"last_error"`
		Paused  bool   `db:"paused"`
		PutOff  bool   `db:"put_off"`
		Created int64  `db:"created"`
	}
	err := p.App.DB().NewQuery(`SELECT o.state, coalesce(o.since, 0) AS since, o.last_error, o.put_off, o.created,
			EXISTS (SELECT 1 FROM order_pauses q WHERE q.provider = o.provider) AS paused
		FROM orders o WHERE o.key = {:key}`).Bind(dbx.Params{"key": key}).One(&row)
	if IsNoRows(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	what := ""
	switch state := hooks.State(row.State); {
	case state == hooks.Dead:
		what = "dead"
	case state != hooks.Waiting && state != hooks.Leased && state != hooks.Unknown:
		return "", nil
	case row.Paused:
		what = "paused"
	case row.Error == "":
		what = "sending"
	case row.PutOff:
		what = "later"
	case state == hooks.Waiting:
		what = "silent"
	default:
		what = "unknown"
	}
	until := p.Now()
	if row.Since > 0 {
		until = time.UnixMilli(row.Since)
	}
	return p.Words.In(lang, "order.standing."+what, "until", sayMoment(until.Add(OrderBudget), lang)), nil
}

// sayMoment writes day and time in Berlin.
func sayMoment(t time.Time, lang string) string {
	t = t.In(content.Berlin)
	if lang == content.English {
		return t.Format("2 January 2006, 15:04")
	}
	return t.Format("02.01.2006, 15:04") + " Uhr"
}

// Announcements are what systems of the city can be told; Data of each holds "id",
// the reference of the booking or case or the slug of the survey. "case.state" has
// "state" beside it. Never more: whoever may know more asks for it.
var Announcements = []string{"booking.confirmed", "booking.cancelled", "case.state", "survey.closed"}

// Announce writes an order to the provider "webhook" for every endpoint that wants
// to be told, in the caller's transaction.
func (p *Platform) Announce(tx core.App, what, id string, more map[string]string) error {
	if !tx.IsTransactional() {
		return errors.New("base: Announce outside a transaction")
	}
	if !slices.Contains(Announcements, what) {
		return fmt.Errorf("base: nobody can be told of %q", what)
	}
	var endpoints []string
	err := tx.DB().NewQuery(`SELECT id FROM webhook_endpoints WHERE active = 1
		AND EXISTS (SELECT 1 FROM json_each(events) WHERE value = {:what}) ORDER BY id`).Bind(dbx.Params{"what": what}).Column(&endpoints)
	if err != nil {
		return err
	}
	data := map[string]string{"id": id}
	maps.Copy(data, more)
	for _, endpoint := range endpoints {
		if err := p.AnnounceTo(tx, endpoint, what, data); err != nil {
			return err
		}
	}
	return nil
}

// AnnounceTo tells one endpoint.
func (p *Platform) AnnounceTo(tx core.App, endpoint, what string, data map[string]string) error {
	payload, err := json.Marshal(hooks.Announcement{Endpoint: endpoint, Type: what, At: p.Now().UTC().Truncate(time.Millisecond), Data: data})
	if err != nil {
		return err
	}
	return p.PutOrder(tx, hooks.Order{
		Key: "webhook:" + endpoint + ":" + NewToken(), Provider: "webhook", Kind: "webhook",
		Subject: "webhook:" + endpoint + ":" + data["id"], Payload: payload,
	})
}

// PrivateMail is the kind of orders whose address and text are erased when they are settled.
const PrivateMail = PrivatePrefix + "mail"

// PrivatePrefix begins the kinds of orders whose payloads are stored sealed.
const PrivatePrefix = "private-"

// sealedPayload is what is stored of a payload.
type sealedPayload struct {
	Sealed []byte `json:"sealed"` // AES-256-GCM, the nonce in front
}

func (p *Platform) payloads() cipher.AEAD {
	block, err := aes.NewCipher(p.Key("private mails"))
	if err == nil {
		var a cipher.AEAD
		if a, err = cipher.NewGCMWithRandomNonce(block); err == nil {
			return a
		}
	}
	panic(err) // only for keys of another length
}

func (p *Platform) sealPayload(key string, payload []byte) []byte {
	b, err := json.Marshal(sealedPayload{p.payloads().Seal(nil, nil, payload, []byte(key))})
	if err != nil {
		panic(err) // of bytes there is none
	}
	return b
}

// OpenPayload gives the payload of an order as it was put; key is the order's. It
// fails when secret.key is not that of the server that put it.
func (p *Platform) OpenPayload(kind, key string, stored []byte) (json.RawMessage, error) {
	var s sealedPayload
	if !strings.HasPrefix(kind, PrivatePrefix) || json.Unmarshal(stored, &s) != nil || s.Sealed == nil {
		return stored, nil
	}
	b, err := p.payloads().Open(nil, nil, s.Sealed, []byte(key))
	if err != nil {
		return nil, fmt.Errorf("base: the payload of a private mail does not open: %w", err)
	}
	return b, nil
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

package hooks

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// KindFetch is the kind of orders that only ask a partner how something stands;
// their payload is a [Fetch]. A webhook triggers them.
const KindFetch = "fetch"

// Fetch says what to ask for. Of a webhook nothing else is believed.
type Fetch struct {
	Reference string `json:"reference"` // the partner's, or our key
	Kind      string `json:"kind"`      // of the order that it is about
	Subject   string `json:"subject"`   // of that order
}

// Receiver is what a partner's webhooks are checked by, each protocol in its own
// way: usually the provider itself. [StandardWebhooks] serves those that sign by
// that specification.
type Receiver interface {
	// Receive checks the signature before it reads anything. An error that wraps
	// [ErrSignature] is refused with 401.
	Receive(header http.Header, body []byte, now time.Time) (Call, error)
}

// Call is a webhook that was checked.
type Call struct {
	ID         string   // of the message: the same again does nothing
	References []string // the partner's references, or our keys, to ask about
}

// ErrSignature: the message is not signed by whom it claims, or not now.
var ErrSignature = errors.New("the webhook's signature does not hold")

// Headers of Standard Webhooks, and how far its time may be from ours.
const (
	WebhookID        = "webhook-id"
	WebhookTimestamp = "webhook-timestamp"
	WebhookSignature = "webhook-signature"

	WebhookTolerance = 5 * time.Minute
)

// Prefixes of keys: a shared secret (v1, HMAC-SHA256), the halves of an Ed25519 pair (v1a).
const (
	secretPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// NewWebhookSecret makes a secret of 32 random bytes.
func NewWebhookSecret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return secretPrefix + base64.StdEncoding.EncodeToString(b)
}

// SignWebhook writes the header webhook-signature of a message (Standard Webhooks
// 1.0), one signature per key: whsec_… gives v1, whsk_… gives v1a. Several keys
// bridge a change of secrets.
func SignWebhook(keys []string, id string, at time.Time, body []byte) (string, error) {
	signed := signedContent(id, strconv.FormatInt(at.Unix(), 10), body)
	var all []string
	for _, key := range keys {
		prefix, b, err := webhookKey(key)
		switch {
		case err != nil:
			return "", err
		case prefix == secretPrefix:
			all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac(b, signed)))
		case prefix == privatePrefix:
			private := ed25519.NewKeyFromSeed(b[:ed25519.SeedSize])
			all = append(all, "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(private, signed)))
		default:
			return "", errors.New("a public key signs nothing")
		}
	}
	if len(all) == 0 {
		return "", errors.New("no key to sign with")
	}
	return strings.Join(all, " "), nil
}

// VerifyWebhook checks a message against keys (whsec_… or whpk_…) and gives its
// id. It looks at nothing of the body.
func VerifyWebhook(keys []string, header http.Header, body []byte, now time.Time) (id string, err error) {
	id, stamp := header.Get(WebhookID), header.Get(WebhookTimestamp)
	if id == "" || len(id) > 255 || strings.Contains(id, ".") {
		return "", fmt.Errorf("%w: no id", ErrSignature)
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != stamp {
		return "", fmt.Errorf("%w: no timestamp", ErrSignature)
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > WebhookTolerance || d < -WebhookTolerance {
		return "", fmt.Errorf("%w: too old or too new", ErrSignature)
	}
	signed := signedContent(id, stamp, body)
	given := strings.Fields(header.Get(WebhookSignature))
	if len(given) > 20 {
		return "", fmt.Errorf("%w: too many signatures", ErrSignature)
	}
	for _, key := range keys {
		prefix, b, err := webhookKey(key)
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(given, func(s string) bool { return holds(prefix, b, s, signed) }) {
			return id, nil
		}
	}
	return "", ErrSignature
}

func holds(prefix string, key []byte, signature string, signed []byte) bool {
	version, text, _ := strings.Cut(signature, ",")
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	switch {
	case version == "v1" && prefix == secretPrefix:
		return hmac.Equal(b, mac(key, signed))
	case version == "v1a" && prefix == publicPrefix:
		return ed25519.Verify(key, signed, b)
	}
	return false
}

func signedContent(id, stamp string, body []byte) []byte {
	return append([]byte(id+"."+stamp+"."), body...)
}

func mac(key, signed []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(signed)
	return h.Sum(nil)
}

// webhookKey reads a key. A private key is its seed, or seed and public half.
func webhookKey(key string) (prefix string, b []byte, err error) {
	for _, p := range []string{secretPrefix, privatePrefix, publicPrefix} {
		text, ok := strings.CutPrefix(key, p)
		if !ok {
			continue
		}
		b, err := base64.StdEncoding.DecodeString(text)
		switch n := len(b); {
		case err != nil:
		case p == secretPrefix && n >= 16 && n <= 64,
			p == privatePrefix && (n == ed25519.SeedSize || n == ed25519.PrivateKeySize),
			p == publicPrefix && n == ed25519.PublicKeySize:
			return p, b, nil
		}
		break
	}
	return "", nil, errors.New("no key of Standard Webhooks: whsec_, whsk_ or whpk_ and Base64") // never quotes it
}

// StandardWebhooks receives what partners sign by the specification of that name.
type StandardWebhooks struct {
	Keys func() []string // whsec_… or whpk_…; none refuses everything
	// References finds in a body that was checked what to ask about.
	References func(body []byte) []string
}

// Receive checks the signature and finds the references.
func (s StandardWebhooks) Receive(header http.Header, body []byte, now time.Time) (Call, error) {
	id, err := VerifyWebhook(s.Keys(), header, body, now)
	if err != nil {
		return Call{}, err
	}
	return Call{ID: id, References: s.References(body)}, nil
}

// ReferenceAt makes a finder of references for bodies in JSON: the text or number
// under one of the paths, whose steps dots part ("data.uuid").
func ReferenceAt(paths ...string) func(body []byte) []string {
	return func(body []byte) (found []string) {
		var v any
		if json.Unmarshal(body, &v) != nil {
			return nil
		}
		for _, path := range paths {
			at := v
			for step := range strings.SplitSeq(path, ".") {
				object, _ := at.(map[string]any)
				at = object[step]
			}
			if s, ok := at.(string); ok && s != "" && len(s) <= 200 && !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
		return found
	}
}

// Announcement is the payload of an order to the provider "webhook": what a
// city's own system is told. Data holds ids only, never personal data.
type Announcement struct {
	Endpoint string            `json:"endpoint"` // id of who is told
	Type     string            `json:"type"`     // "booking.confirmed"
	At       time.Time         `json:"timestamp"`
	Data     map[string]string `json:"data"`
}

// WebhookEndpoint is where a system of the city listens.
type WebhookEndpoint struct {
	URL    string
	Keys   []string // that sign; two while a secret changes
	Active bool
}

// ErrNoEndpoint: it was deleted.
var ErrNoEndpoint = errors.New("no such endpoint")

// WebhookDelivery is one try to tell an endpoint, for the log.
type WebhookDelivery struct {
	Endpoint string
	Message  string // webhook-id
	Type     string
	Attempt  int
	Status   int // of the answer; 0: none
	Took     time.Duration
	Problem  string // in words for operators, no content
}

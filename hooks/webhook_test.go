package hooks_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"servicepoint/hooks"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The vector that the specification's libraries test themselves with.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var vectorTime = time.Unix(1614265330, 0)

func signedHeader(id string, at time.Time, signature string) http.Header {
	h := http.Header{}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", fmt.Sprint(at.Unix()))
	h.Set("Webhook-Signature", signature)
	return h
}

// pair is the key pair of RFC 8032's first test vector.
func pair() (private, public string) {
	seed := []byte{0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
		0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60}
	key := ed25519.NewKeyFromSeed(seed)
	return "whsk_" + base64.StdEncoding.EncodeToString(key), "whpk_" + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
}

func TestSignaturesMatchTheSpecification(t *testing.T) {
	got, err := hooks.SignWebhook([]string{vectorSecret}, vectorID, vectorTime, []byte(vectorBody))
	if err != nil || got != vectorSignature {
		t.Errorf("%q %v", got, err)
	}
	private, public := pair()
	got, err = hooks.SignWebhook([]string{private, vectorSecret}, vectorID, vectorTime, []byte(vectorBody))
	if err != nil || !strings.HasPrefix(got, "v1a,") || !strings.HasSuffix(got, " "+vectorSignature) {
		t.Errorf("%q %v", got, err)
	}
	for _, key := range []string{public, vectorSecret} {
		if id, err := hooks.VerifyWebhook([]string{key}, signedHeader(vectorID, vectorTime, got), []byte(vectorBody), vectorTime); id != vectorID || err != nil {
			t.Errorf("%q %v", id, err)
		}
	}
}

// The specification's own library signs for us and checks what we signed.
func TestTheSpecificationsLibraryAgrees(t *testing.T) {
	for range 20 {
		secret := hooks.NewWebhookSecret()
		theirs, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		ours, err := hooks.SignWebhook([]string{vectorSecret, secret}, "msg_1", now, []byte(vectorBody))
		if err != nil {
			t.Fatal(err)
		}
		if err := theirs.Verify([]byte(vectorBody), signedHeader("msg_1", now, ours)); err != nil {
			t.Error(err)
		}
		signature, err := theirs.Sign("msg_2", now, []byte(vectorBody))
		if err != nil {
			t.Fatal(err)
		}
		if id, err := hooks.VerifyWebhook([]string{secret}, signedHeader("msg_2", now, signature), []byte(vectorBody), now); id != "msg_2" || err != nil {
			t.Error(id, err)
		}
	}
}

func TestForgedWebhooksAreRefused(t *testing.T) {
	private, public := pair()
	asymmetric, _ := hooks.SignWebhook([]string{private}, vectorID, vectorTime, []byte(vectorBody))
	fine := signedHeader(vectorID, vectorTime, vectorSignature)
	change := func(name, value string) http.Header {
		h := fine.Clone()
		h.Set(name, value)
		return h
	}
	for what, c := range map[string]struct {
		keys   []string
		header http.Header
		body   string
		now    time.Time
		holds  bool
	}{
		"as it was sent":              {[]string{vectorSecret}, fine, vectorBody, vectorTime, true},
		"almost too old":              {[]string{vectorSecret}, fine, vectorBody, vectorTime.Add(5 * time.Minute), true},
		"too old":                     {[]string{vectorSecret}, fine, vectorBody, vectorTime.Add(5*time.Minute + time.Second), false},
		"from the future":             {[]string{vectorSecret}, fine, vectorBody, vectorTime.Add(-5*time.Minute - time.Second), false},
		"another body":                {[]string{vectorSecret}, fine, vectorBody + " ", vectorTime, false},
		"another id":                  {[]string{vectorSecret}, change("Webhook-Id", "msg_1"), vectorBody, vectorTime, false},
		"another time":                {[]string{vectorSecret}, change("Webhook-Timestamp", "1614265331"), vectorBody, vectorTime, false},
		"time with a plus":            {[]string{vectorSecret}, change("Webhook-Timestamp", "+1614265330"), vectorBody, vectorTime, false},
		"no time":                     {[]string{vectorSecret}, change("Webhook-Timestamp", ""), vectorBody, vectorTime, false},
		"no id":                       {[]string{vectorSecret}, change("Webhook-Id", ""), vectorBody, vectorTime, false},
		"no signature":                {[]string{vectorSecret}, change("Webhook-Signature", ""), vectorBody, vectorTime, false},
		"no keys":                     {nil, fine, vectorBody, vectorTime, false},
		"another secret":              {[]string{hooks.NewWebhookSecret()}, fine, vectorBody, vectorTime, false},
		"old and new secret":          {[]string{hooks.NewWebhookSecret(), vectorSecret}, fine, vectorBody, vectorTime, true},
		"among others":                {[]string{vectorSecret}, change("Webhook-Signature", "v1,AAAA v2,xx "+vectorSignature), vectorBody, vectorTime, true},
		"shared as if asymmetric":     {[]string{public}, fine, vectorBody, vectorTime, false},
		"version changed":             {[]string{vectorSecret}, change("Webhook-Signature", strings.Replace(vectorSignature, "v1,", "v1a,", 1)), vectorBody, vectorTime, false},
		"asymmetric":                  {[]string{public}, change("Webhook-Signature", asymmetric), vectorBody, vectorTime, true},
		"asymmetric, shared key":      {[]string{vectorSecret}, change("Webhook-Signature", asymmetric), vectorBody, vectorTime, false},
		"hundreds of signatures":      {[]string{vectorSecret}, change("Webhook-Signature", strings.Repeat("v1,AAAA ", 300)+vectorSignature), vectorBody, vectorTime, false},
		"id that shifts the contents": {[]string{vectorSecret}, change("Webhook-Id", vectorID+".1614265330"), vectorBody, vectorTime, false},
	} {
		id, err := hooks.VerifyWebhook(c.keys, c.header, []byte(c.body), c.now)
		if (err == nil) != c.holds || c.holds && id != vectorID || err != nil && !errors.Is(err, hooks.ErrSignature) {
			t.Errorf("%s: %q %v", what, id, err)
		}
	}
}

func TestKeysThatAreNoneAreRefusedAndNotQuoted(t *testing.T) {
	_, public := pair()
	for _, key := range []string{"", "secret", "whsec_", "whsec_AAAA", "whsec_???", "whsk_AAAA", "whpk_AAAA", public} {
		if _, err := hooks.SignWebhook([]string{key}, "msg", vectorTime, nil); err == nil || len(key) > 7 && strings.Contains(err.Error(), key) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestReferencesAreFoundInBodies(t *testing.T) {
	find := hooks.ReferenceAt("data.uuid", "data.reseller", "id")
	for body, want := range map[string][]string{
		`{"data":{"uuid":"u-1","reseller":"r-1"},"id":"u-1"}`: {"u-1", "r-1"},
		`{"data":"u-1"}`: nil, `{"id":17}`: nil, `[]`: nil, `{`: nil, ``: nil, `{"id":""}`: nil,
	} {
		if got := find([]byte(body)); !slices.Equal(got, want) {
			t.Errorf("%s: %v", body, got)
		}
	}
}

func FuzzVerifyWebhook(f *testing.F) {
	f.Add(vectorID, "1614265330", vectorSignature, []byte(vectorBody))
	f.Fuzz(func(t *testing.T, id, stamp, signature string, body []byte) {
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature}}
		if _, err := hooks.VerifyWebhook([]string{vectorSecret}, h, body, vectorTime); err == nil && (id != vectorID || string(body) != vectorBody) {
			t.Errorf("forged: %q %q %q", id, stamp, body)
		}
	})
}

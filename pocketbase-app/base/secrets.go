package base

import (
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
)

// Crockford's base32 without letters that are read wrongly.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// NewReference makes a reference that people can read out: prefix and ten
// characters (50 random bits), e.g. "B-7K3M9-QX2TD".
func NewReference(prefix string) string {
	b := make([]byte, 7)
	rand.Read(b)
	s := crockford.EncodeToString(b)[:10]
	return prefix + "-" + s[:5] + "-" + s[5:]
}

// NormaliseReference forgives lower case, blanks and the letters O, I and L
// that a reader may have taken for digits.
func NormaliseReference(s string) string {
	s = strings.ToUpper(strings.Join(strings.Fields(s), ""))
	head, tail, ok := strings.Cut(s, "-")
	if !ok {
		return s
	}
	return head + "-" + strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(tail)
}

// NewToken makes a secret of 160 random bits in base32.
func NewToken() string {
	b := make([]byte, 20)
	rand.Read(b)
	return crockford.EncodeToString(b)
}

// Hash is the SHA-256 of parts, hexadecimal; parts are separated unambiguously.
func Hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// IdempotencyKey reads the Idempotency-Key header: 8 to 255 visible ASCII
// characters, with or without quotes around them, else 400. So is a second key:
// nobody could tell which one was meant.
func IdempotencyKey(r *http.Request) (string, error) {
	if len(r.Header.Values("Idempotency-Key")) > 1 {
		return "", Refuse(http.StatusBadRequest, "key_malformed")
	}
	key := strings.Trim(r.Header.Get("Idempotency-Key"), `"`)
	if key == "" {
		return "", Refuse(http.StatusBadRequest, "key_missing")
	}
	if len(key) < 8 || len(key) > 255 {
		return "", Refuse(http.StatusBadRequest, "key_malformed")
	}
	for _, c := range []byte(key) {
		if c < '!' || c > '~' {
			return "", Refuse(http.StatusBadRequest, "key_malformed")
		}
	}
	return key, nil
}

// IsNoRows reports whether a query found nothing.
func IsNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

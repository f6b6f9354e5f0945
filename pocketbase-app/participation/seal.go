package participation

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
)

// draftKey seals one draft. It is stored only wrapped by a secret of the person
// whose draft it is: the token of the cookie, and the token of each private link.
// The database keeps hashes of these tokens, so it opens nothing.
type draftKey [32]byte

// Purposes that keep the keys made from tokens apart.
const (
	byCookie = "survey draft, cookie"
	byLink   = "survey draft, link"
)

func newDraftKey() (k draftKey) {
	rand.Read(k[:])
	return k
}

// aead is AES-256-GCM with a random nonce in front. A key seals a few thousand
// times at most; chance repeats a nonce after some 2^32.
func aead(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err == nil {
		var a cipher.AEAD
		if a, err = cipher.NewGCMWithRandomNonce(block); err == nil {
			return a
		}
	}
	panic(err) // only for keys of another length
}

// wrapper seals keys for who has the token: 160 random bits, so HKDF suffices.
func wrapper(purpose, token string) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, []byte(token), nil, purpose, 32)
	if err != nil {
		panic(err) // only for absurd lengths
	}
	return aead(key)
}

// wrap seals the key for who has the token.
func (k draftKey) wrap(purpose, slug, token string) []byte {
	return wrapper(purpose, token).Seal(nil, nil, k[:], []byte(slug))
}

// unwrap undoes [draftKey.wrap]. An error means that the row was changed by others.
func unwrap(purpose, slug, token string, wrapped []byte) (k draftKey, err error) {
	b, err := wrapper(purpose, token).Open(nil, nil, wrapped, []byte(slug))
	if err != nil {
		return k, fmt.Errorf("participation: the key of a draft of %s does not open: %w", slug, err)
	}
	copy(k[:], b)
	return k, nil
}

// draftDoc is what is sealed of a draft: all that somebody typed, and what tells
// how far they came or could be found again in the response.
type draftDoc struct {
	Version int        `json:"version"`
	Channel string     `json:"channel"`
	Seed    int        `json:"seed"`
	At      int        `json:"at"`
	Typed   url.Values `json:"typed"`
}

// sealedStep is the step in which the length of a sealed draft grows, in bytes: it
// tells next to nothing of what was typed.
const sealedStep = 1 << 9

// seal seals the JSON of a [draftDoc].
func (k draftKey) seal(slug string, doc []byte) []byte {
	if rest := len(doc) % sealedStep; rest > 0 {
		doc = append(slices.Clip(doc), bytes.Repeat([]byte{' '}, sealedStep-rest)...)
	}
	return aead(k[:]).Seal(nil, nil, doc, []byte(slug))
}

func (k draftKey) open(slug string, sealed []byte) (doc draftDoc, err error) {
	b, err := aead(k[:]).Open(nil, nil, sealed, []byte(slug))
	if err != nil {
		return doc, fmt.Errorf("participation: a draft of %s does not open: %w", slug, err)
	}
	return doc, json.Unmarshal(b, &doc)
}

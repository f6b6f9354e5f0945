// Package ticket makes and reads what people show at the door: a signed code, its
// QR picture and a sheet to print (PDF).
//
// It knows no bookings, no clock and no network. A [Signer] turns a [Ticket] into a
// code; [Keys.Read] turns a code back and says whether it is genuine, with public
// keys alone, so that a phone at the door can do the same without a connection. A
// code says which place it stands for, nothing about the person. Whether the place
// is still booked, and whether somebody came in with it, only the booking knows.
package ticket

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"
)

// Ticket is one place of one booking.
type Ticket struct {
	Event     string // slug; a code holds 48 bits of its SHA-256
	Reference string // of the booking: B-7K3M9-QX2TD
	Number    int    // of the place within the booking, 1 to 255
	// Nonce is drawn anew whenever the place goes to somebody else; codes with an
	// older one are void.
	Nonce [8]byte
}

// Claims are what a code says. The event is only known by its tag; compare it with
// [EventTag].
type Claims struct {
	Event     [6]byte
	Reference string
	Number    int
	Nonce     [8]byte
}

// Why a code is refused.
var (
	ErrShape     = errors.New("ticket: not one of our codes")
	ErrKey       = errors.New("ticket: signed with a key that is not known")
	ErrSignature = errors.New("ticket: the signature is false")
)

const (
	version  = 1
	bodySize = 1 + 4 + 6 + 7 + 1 + 8 // version, key, event, reference, number, nonce
	size     = bodySize + ed25519.SignatureSize
)

// Crockford's digits in upper case: a QR code stores them in its alphanumeric
// mode, and no two of them look alike.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var encoding = base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)

// Length is how many characters a code has.
var Length = encoding.EncodedLen(size)

// KeyID names a public key in codes: the first 4 bytes of its SHA-256.
type KeyID [4]byte

// Signer signs codes (Ed25519, RFC 8032). Make it with [NewSigner].
type Signer struct {
	private ed25519.PrivateKey
	id      KeyID
}

// NewSigner makes the signer of a seed of 32 secret bytes.
func NewSigner(seed []byte) *Signer {
	s := &Signer{private: ed25519.NewKeyFromSeed(seed)}
	s.id = keyID(s.Public())
	return s
}

// Public is the key that codes of this signer are checked with.
func (s *Signer) Public() ed25519.PublicKey { return s.private.Public().(ed25519.PublicKey) }

// Code is the signed code of a ticket, always the same for the same ticket. A
// reference that is not of the form B-7K3M9-QX2TD, and a number that is not within
// 1 and 255, is an error.
func (s *Signer) Code(t Ticket) (string, error) {
	reference, ok := packReference(t.Reference)
	if !ok || t.Number < 1 || t.Number > 255 {
		return "", ErrShape
	}
	tag := EventTag(t.Event)
	b := make([]byte, 0, size)
	b = append(b, version)
	b = append(b, s.id[:]...)
	b = append(b, tag[:]...)
	b = append(b, reference[:]...)
	b = append(b, byte(t.Number))
	b = append(b, t.Nonce[:]...)
	b = append(b, ed25519.Sign(s.private, b)...)
	return encoding.EncodeToString(b), nil
}

// Keys are the public keys that codes may be signed with: the one in use and those
// of tickets that are still about.
type Keys map[KeyID]ed25519.PublicKey

// NewKeys makes [Keys].
func NewKeys(keys ...ed25519.PublicKey) Keys {
	all := Keys{}
	for _, k := range keys {
		all[keyID(k)] = k
	}
	return all
}

func keyID(public ed25519.PublicKey) (id KeyID) {
	sum := sha256.Sum256(public)
	copy(id[:], sum[:])
	return id
}

// Read checks a code and tells what it says. Lower case, blanks, hyphens and letters
// that look like digits are forgiven, because people type codes too. The errors are
// [ErrShape], [ErrKey] and [ErrSignature].
func (k Keys) Read(code string) (Claims, error) {
	clean := Clean(code)
	if len(clean) != Length {
		return Claims{}, ErrShape
	}
	b, err := encoding.DecodeString(clean)
	if err != nil || len(b) != size || b[0] != version || encoding.EncodeToString(b) != clean {
		return Claims{}, ErrShape // also a last digit with bits beyond the last byte: one ticket, one code
	}
	public, ok := k[KeyID(b[1:5])]
	if !ok {
		return Claims{}, ErrKey
	}
	if !ed25519.Verify(public, b[:bodySize], b[bodySize:]) {
		return Claims{}, ErrSignature
	}
	return Claims{
		Event: [6]byte(b[5:11]), Reference: unpackReference([7]byte(b[11:18])),
		Number: int(b[18]), Nonce: [8]byte(b[19:27]),
	}, nil
}

// Clean is a typed code in the form that [Signer.Code] writes.
func Clean(code string) string {
	return strings.NewReplacer("-", "", "–", "", "O", "0", "I", "1", "L", "1").
		Replace(strings.ToUpper(strings.Join(strings.Fields(code), "")))
}

// EventTag names an event in codes.
func EventTag(slug string) (tag [6]byte) {
	sum := sha256.Sum256([]byte("event\x00" + slug))
	copy(tag[:], sum[:])
	return tag
}

// packReference keeps a letter and ten digits of 5 bits each: B-7K3M9-QX2TD is 56 bits.
func packReference(s string) (b [7]byte, ok bool) {
	if len(s) != 13 || s[0] < 'A' || s[0] > 'Z' || s[1] != '-' || s[7] != '-' {
		return b, false
	}
	v := uint64(s[0]-'A') << 50
	for i, c := range s[2:7] + s[8:] {
		at := strings.IndexRune(alphabet, c)
		if at < 0 {
			return b, false
		}
		v |= uint64(at) << (45 - 5*i)
	}
	for i := range b {
		b[i] = byte(v >> (48 - 8*i))
	}
	return b, true
}

func unpackReference(b [7]byte) string {
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	s := []byte{'A' + byte(v>>50&31), '-'}
	for i := range 10 {
		if i == 5 {
			s = append(s, '-')
		}
		s = append(s, alphabet[v>>(45-5*i)&31])
	}
	return string(s)
}

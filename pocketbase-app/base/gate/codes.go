package gate

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"servicepoint/content/survey"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// MaxCodes is how many codes are made at a time.
const MaxCodes = 5000

// newCode makes a code of 16 characters, 80 random bits: "7K3M-9QX2-TD4V-W8PA".
func newCode() string {
	b := make([]byte, 10)
	rand.Read(b)
	s := crockford.EncodeToString(b)
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
}

// normaliseCode forgives lower case, blanks, missing hyphens and the letters O, I
// and L; "" is none of ours.
func normaliseCode(s string) string {
	s = strings.NewReplacer("O", "0", "I", "1", "L", "1", "-", "", "–", "").Replace(strings.ToUpper(strings.Join(strings.Fields(s), "")))
	if len(s) != 16 {
		return ""
	}
	if _, err := crockford.DecodeString(s); err != nil {
		return ""
	}
	return s
}

func (g *Gate) codeHash(scope, code string) []byte { return g.hash("code", scope, normaliseCode(code)) }

// NewCodes makes n one-time codes. Only keyed hashes are stored, in the order of
// the hashes; the codes are given back once and cannot be had again.
func (g *Gate) NewCodes(ctx context.Context, scope string, n int) ([]string, error) {
	if n < 1 || n > MaxCodes {
		return nil, fmt.Errorf("gate: %d codes, want 1 to %d", n, MaxCodes)
	}
	codes := make([]string, n)
	hashes := make([][]byte, n)
	for i := range codes {
		codes[i] = newCode()
		hashes[i] = g.codeHash(scope, codes[i])
	}
	slices.SortFunc(hashes, slices.Compare)
	err := g.p.App.RunInTransaction(func(tx core.App) error {
		for _, h := range hashes {
			if _, err := tx.DB().NewQuery(`INSERT INTO gate_passes (scope, hash, kind, used, tag) VALUES ({:scope}, {:hash}, 'code', 0, {:tag})`).
				Bind(dbx.Params{"scope": scope, "hash": h, "tag": random16()}).WithContext(ctx).Execute(); err != nil {
				return err
			}
		}
		return nil
	})
	return codes, err
}

// Count is how many passes of a kind there are and how many were used.
type Count struct {
	Kind string `db:"kind"`
	All  int    `db:"n"`
	Used int    `db:"used"`
}

// Counts tells how many passes of a scope there are, never which.
func (g *Gate) Counts(ctx context.Context, scope string) ([]Count, error) {
	var list []Count
	err := g.p.App.DB().NewQuery(`SELECT kind, count(*) AS n, sum(used) AS used FROM gate_passes WHERE scope = {:scope} GROUP BY kind ORDER BY kind`).
		Bind(dbx.Params{"scope": scope}).WithContext(ctx).All(&list)
	return list, err
}

// An invitation is 16 random bytes, the hour of its end and a MAC over both and
// the scope, in Crockford's base32: 58 characters.
const (
	invitationBytes = 16 + 4 + 16
	inviteUnit      = 3600 // seconds
)

// NewInvitation makes a signed link's token for one person, good until a time.
// Nothing is stored before it is used.
func (g *Gate) NewInvitation(scope string, until time.Time) string {
	b := make([]byte, 20, invitationBytes)
	rand.Read(b[:16])
	binary.BigEndian.PutUint32(b[16:], uint32(until.Unix()/inviteUnit))
	return crockford.EncodeToString(append(b, g.sign(scope, b)...))
}

// NewAttendance makes the pass's token of somebody who came to an event, like an
// invitation and good until a time. The same key gives the same token, so that a form
// sent twice brings one pass; the key is random, and who does not have it cannot make the
// token, not even with the platform's secret. Nothing is stored before it is used.
func (g *Gate) NewAttendance(scope, key string, until time.Time) string {
	b := make([]byte, 20, invitationBytes)
	copy(b, g.hash("attendance key", scope, key))
	binary.BigEndian.PutUint32(b[16:], uint32(until.Unix()/inviteUnit))
	return crockford.EncodeToString(append(b, g.sign(attended(scope), b)...))
}

// attended keeps passes of those who came apart from invitations, which staff may send to anybody.
func attended(scope string) string { return scope + " attended" }

func (g *Gate) sign(scope string, b []byte) []byte {
	mac := hmac.New(sha256.New, g.links)
	fmt.Fprintf(mac, "%d %s ", len(scope), scope)
	mac.Write(b)
	return mac.Sum(nil)[:16]
}

var errExpired = errors.New("gate: the invitation has expired")

// invited checks an invitation's token.
func (g *Gate) invited(scope, token string) (Pass, error) {
	return g.signed(scope, scope, survey.AccessInvitation, token)
}

// came checks the token of somebody who came.
func (g *Gate) came(scope, token string) (Pass, error) {
	return g.signed(scope, attended(scope), survey.AccessAttendance, token)
}

func (g *Gate) signed(scope, by, access, token string) (Pass, error) {
	b, err := crockford.DecodeString(strings.ToUpper(strings.TrimSpace(token)))
	if err != nil || len(b) != invitationBytes || !hmac.Equal(b[20:], g.sign(by, b[:20])) {
		return Pass{}, ErrUnknown
	}
	if g.p.Now().Unix()/inviteUnit > int64(binary.BigEndian.Uint32(b[16:20])) {
		return Pass{}, errExpired
	}
	return g.pass(access, g.hash(access, scope, string(b[:16]))), nil
}

// Citizen is the pass of a citizen's account.
func (g *Gate) Citizen(scope, id string) Pass {
	return g.pass(survey.AccessAccount, g.hash("account", scope, id))
}

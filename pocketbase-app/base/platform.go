package base

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"servicepoint/content"

	"github.com/pocketbase/pocketbase/core"
)

// Platform is what every matter is given.
type Platform struct {
	App    core.App
	Words  content.Words
	Now    func() time.Time                 // the clock; tests set it
	Origin string                           // public address without trailing slash
	Demo   bool                             // serve --demo
	Shell  func(lang string) (string, bool) // shell page of the live release

	secret   []byte
	waiting  chan struct{} // one place: "there are orders"
	decoding chan struct{} // one place, see [Platform.Decode]
	api      apiRoutes
	german   map[string]bool // patterns of pages that are in German only
}

// NewPlatform makes the platform for an app that is bootstrapped. The secret
// that keys are derived from is kept in <data dir>/secret.key and made at first
// use; it is in no backup, because it opens what backups hold sealed.
func NewPlatform(app core.App, words content.Words) (*Platform, error) {
	secret, err := loadSecret(filepath.Join(app.DataDir(), "secret.key"))
	if err != nil {
		return nil, err
	}
	KeepOutOfBackups(app, "secret.key")
	return &Platform{
		App:      app,
		Words:    words,
		Now:      time.Now,
		Shell:    func(string) (string, bool) { return "", false },
		secret:   secret,
		waiting:  make(chan struct{}, 1),
		decoding: make(chan struct{}, 1),
		api:      newAPIRoutes(),
		german:   map[string]bool{},
	}, nil
}

func loadSecret(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err == nil && len(b) == 32 {
		return b, nil
	}
	if err == nil {
		return nil, fmt.Errorf("%s: want 32 bytes, have %d; restore it from a backup", path, len(b))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	b = make([]byte, 32)
	rand.Read(b)
	return b, os.WriteFile(path, b, 0o600)
}

// Key derives a 32-byte key for one purpose (HKDF-SHA256), e.g. "case secrets".
func (p *Platform) Key(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, p.secret, nil, purpose, 32)
	if err != nil {
		panic(err) // only for absurd lengths
	}
	return key
}

// WakeOrders tells the dispatcher that orders wait. Call it after the commit;
// it never blocks.
func (p *Platform) WakeOrders() {
	select {
	case p.waiting <- struct{}{}:
	default:
	}
}

// OrdersWaiting is signalled by [Platform.WakeOrders].
func (p *Platform) OrdersWaiting() <-chan struct{} { return p.waiting }

package mail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// Folder keeps every mail as one file <key>.eml that mail programs open; bodies
// are readable in an editor. Files appear whole or not at all, and a key that
// was delivered before leaves its file as it is.
type Folder struct{ Dir string }

// Encoding leaves texts as they are.
func (Folder) Encoding() gomail.Encoding { return gomail.NoEncoding }

// Deliver writes the file; the reference is its name.
func (f Folder) Deliver(_ context.Context, key string, m *gomail.Msg) (string, error) {
	name := fileName(key)
	path := filepath.Join(f.Dir, name)
	if _, err := os.Stat(path); err == nil {
		return name, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("mail folder: %w", err)
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return "", fmt.Errorf("mail folder: %w", err)
	}
	if err := f.write(path, m); err != nil {
		return "", fmt.Errorf("mail folder: %w", err)
	}
	return name, nil
}

func (f Folder) write(path string, m *gomail.Msg) error {
	tmp, err := os.CreateTemp(f.Dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = m.WriteTo(tmp)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// fileName is readable, safe on every file system and different for every key.
func fileName(key string) string {
	readable := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, key)
	digest := sha256.Sum256([]byte(key))
	return strings.Trim(readable[:min(len(readable), 80)], "-") + "-" + hex.EncodeToString(digest[:4]) + ".eml"
}

package base

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// LockFile is what [Lock] holds, in the data directory.
const LockFile = "servicepoint.lock"

// ErrInUse says that another process holds the data directory.
var ErrInUse = errors.New("the data directory is in use by a running server")

// Lock takes the data directory for this process until the returned function is
// called or the process ends, however it ends. It returns [ErrInUse] at once
// when somebody else holds it: PocketBase must never bootstrap a live directory.
func Lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, LockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
		}
		return nil, err
	}
	return func() { f.Close() }, nil
}

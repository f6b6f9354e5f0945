package exports

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// ErrWriting means that another process or call writes the same file just now.
var ErrWriting = errors.New("exports: the file is being written already")

// staging is a folder beside a file to be, readable for its owner only: everything
// that holds answers lies in it until the file is whole. A process that was
// killed leaves it behind; the next one that writes the same file removes it.
type staging struct {
	dir  string
	lock *os.File
}

func newStaging(path string) (*staging, error) {
	dir := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrWriting
		}
		return nil, err
	}
	s := &staging{dir, lock}
	if err := s.empty(); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// empty removes what a killed process left.
func (s *staging) empty() error {
	entries, err := os.ReadDir(s.dir)
	for _, e := range entries {
		if e.Name() != "lock" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.dir, e.Name())))
		}
	}
	return err
}

func (s *staging) path(name string) string { return filepath.Join(s.dir, name) }

func (s *staging) remove() error {
	return errors.Join(os.RemoveAll(s.dir), s.lock.Close())
}

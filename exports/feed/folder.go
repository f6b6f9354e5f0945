package feed

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Folder is a store in a folder of this machine; it is made when the first file comes.
type Folder string

// Read gives a file.
func (d Folder) Read(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(d), filepath.FromSlash(name)))
}

// Write writes beside, syncs and renames.
func (d Folder) Write(_ context.Context, name string, write func(io.Writer) error) (err error) {
	target := filepath.Join(string(d), filepath.FromSlash(name))
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	// One name for every try: a run that was killed leaves at most one such file, and the
	// next one takes it.
	f, err := os.OpenFile(target+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return err
	}
	parent, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

package site

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncDisk brings everything below dir to the disk before the link may name it:
// one call, where a sync per file takes minutes.
func syncDisk(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

//go:build !linux

package site

// syncDisk syncs the folder only; where there is no syncfs, a release damaged by
// a power cut is replaced by the next build.
func syncDisk(dir string) error { return syncFile(dir) }

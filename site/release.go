package site

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"servicepoint/content"

	"github.com/andybalholm/brotli"
)

// A data folder of the site holds
//
//	releases/<name>/   the files, their .br and .gz copies, manifest.json
//	releases/<name>/_shell/<language>/index.html
//	current            symbolic link to releases/<name>
//	stage-*            a build under way
const (
	manifestName = "manifest.json"
	shellDir     = "_shell"
	linkName     = "current"
	redirectName = "_redirects"
)

// manifest is written last: a release folder without one is not a release.
type manifest struct {
	content.Release
	Files finished
}

func (b *Builder) releasesDir() string           { return filepath.Join(b.Dir, "releases") }
func (b *Builder) releaseDir(name string) string { return filepath.Join(b.Dir, "releases", name) }

// hidden reports whether a file of a release is not for the public.
func hidden(name string) bool {
	return name == manifestName || strings.HasPrefix(name, "_")
}

// moveShells takes the shell pages out of the public addresses.
func moveShells(public string, languages []string) error {
	for _, lang := range languages {
		to := filepath.Join(public, shellDir, lang)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(public, prefix(lang), shellPath), to); err != nil {
			return err
		}
	}
	return nil
}

// pack gives each file its compressed copies. A file that the last release has
// with the same bytes becomes a hard link to it, and so do its copies.
func (f finished) pack(ctx context.Context, public string, last manifest, lastDir string) (finished, error) {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	var mu sync.Mutex
	out := make(finished, len(f))
	err := parallel(ctx, names, func(name string) error {
		file := f[name]
		full := filepath.Join(public, filepath.FromSlash(name))
		old, ok := last.Files[name]
		linked := false
		if ok && old.Hash == file.Hash {
			linked = relink(full, filepath.Join(lastDir, filepath.FromSlash(name)), old) == nil
			if linked {
				file = old
			}
		}
		if !linked && compressible(name) && file.Size >= 400 {
			plain, err := os.ReadFile(full)
			if err != nil {
				return err
			}
			if file.Brotli, err = squeeze(full+".br", plain, func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, 5) }); err != nil {
				return err
			}
			if file.Gzip, err = squeeze(full+".gz", plain, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }); err != nil {
				return err
			}
		}
		mu.Lock()
		out[name] = file
		mu.Unlock()
		return nil
	})
	return out, err
}

// relink replaces new by a hard link to the same bytes in the last release.
func relink(new, old string, f file) error {
	temp := new + ".link"
	if err := os.Link(old, temp); err != nil {
		return err
	}
	if err := os.Rename(temp, new); err != nil {
		return err
	}
	for ending, has := range map[string]bool{".br": f.Brotli, ".gz": f.Gzip} {
		if has {
			if err := os.Link(old+ending, new+ending); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
	}
	return nil
}

func compressible(name string) bool {
	switch path.Ext(name) {
	case ".html", ".css", ".js", ".svg", ".xml", ".ics", ".json", ".txt", ".webmanifest":
		return true
	}
	return false
}

// squeeze writes a compressed copy and tells whether it is worth having.
func squeeze(name string, plain []byte, writer func(io.Writer) io.WriteCloser) (bool, error) {
	var b bytes.Buffer
	w := writer(&b)
	if _, err := w.Write(plain); err != nil {
		return false, err
	}
	if err := w.Close(); err != nil {
		return false, err
	}
	if b.Len() >= len(plain) {
		return false, nil
	}
	return true, os.WriteFile(name, b.Bytes(), 0o644)
}

// publish writes the manifest, moves the files to their place and swaps the link.
func (b *Builder) publish(ctx context.Context, public string, m manifest) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(public, manifestName), text); err != nil {
		return err
	}
	if err := syncDisk(public); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.Rename(public, b.releaseDir(m.Name)); err != nil {
		return err
	}
	return b.swap(m.Name)
}

// swap lets the link name another release, in one step.
func (b *Builder) swap(name string) error {
	temp := filepath.Join(b.Dir, linkName+".new")
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(filepath.Join("releases", name), temp); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(b.Dir, linkName)); err != nil {
		return err
	}
	return syncFile(b.Dir)
}

func writeSynced(name string, b []byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.Sync()
}

func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Rollback puts a kept release live again. The next build replaces it.
func (b *Builder) Rollback(ctx context.Context, name string) error {
	_, err := b.locked(ctx, func() (content.Release, error) {
		if name == "" || name != filepath.Base(name) {
			return content.Release{}, fs.ErrNotExist
		}
		if _, err := readManifest(b.releaseDir(name)); err != nil {
			return content.Release{}, err
		}
		return content.Release{}, b.swap(name)
	})
	if err != nil {
		return fmt.Errorf("site: rollback to release %q: %w", name, err)
	}
	b.say("Release %s ist wieder live", name)
	return nil
}

// Releases lists the kept releases, the newest first.
func (b *Builder) Releases() ([]content.Release, error) {
	names, err := b.names()
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	var list []content.Release
	for _, name := range names {
		m, err := readManifest(b.releaseDir(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // just pruned, or no release
		}
		if err != nil {
			return nil, fmt.Errorf("site: %w", err)
		}
		list = append(list, m.Release)
	}
	return list, nil
}

// Current names the release that is live; [fs.ErrNotExist] before the first build.
func (b *Builder) Current() (string, error) { return current(b.Dir) }

func current(dir string) (string, error) {
	target, err := os.Readlink(filepath.Join(dir, linkName))
	if err != nil {
		return "", err
	}
	return filepath.Base(target), nil
}

// names of the folders below releases, the newest first.
func (b *Builder) names() ([]string, error) {
	entries, err := os.ReadDir(b.releasesDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}

func (b *Builder) currentManifest() (manifest, error) {
	name, err := b.Current()
	if err != nil {
		return manifest{}, err
	}
	return readManifest(b.releaseDir(name))
}

func readManifest(dir string) (manifest, error) {
	var m manifest
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(text, &m)
}

// freeName is a name by time that no release has yet.
func (b *Builder) freeName(started time.Time) string {
	name := started.UTC().Format("20060102-150405.000")
	for n := 1; ; n++ {
		if _, err := os.Lstat(b.releaseDir(name)); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("%s-%02d", started.UTC().Format("20060102-150405.000"), n)
	}
}

// tidy removes what builds left behind that were killed.
func (b *Builder) tidy() error {
	left, err := filepath.Glob(filepath.Join(b.Dir, "stage-*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// prune removes releases beyond the newest Keep; the live one always stays.
func (b *Builder) prune(live string) error {
	keep := b.Keep
	if keep <= 0 {
		keep = 5
	}
	names, err := b.names()
	if err != nil {
		return err
	}
	kept := 0
	for _, name := range names {
		if kept < keep || name == live {
			kept++
			continue
		}
		if err := os.RemoveAll(b.releaseDir(name)); err != nil {
			return err
		}
	}
	return nil
}

// readRedirects reads _redirects: lines "from to", an optional status is ignored
// (all are 301), "#" begins a comment.
func readRedirects(dir string) (map[string]string, error) {
	f, err := os.Open(filepath.Join(dir, redirectName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		if parts := strings.Fields(line); len(parts) >= 2 {
			m[parts[0]] = parts[1]
		}
	}
	return m, nil
}

// Package site builds the static pages from what is published, checks them and
// puts them in the place of the former ones; its Handler serves them.
//
// It knows nothing of databases or of who may publish. A [Builder] turns a
// [content.Catalogue] into a release: it writes the records as JSON, lets Hugo
// render them in a child process of the same binary ([HugoMain]), checks the
// finished HTML, compresses it and swaps a symbolic link. A [Handler] serves
// the release that the link names and gives the shell that dynamic pages are
// shown in.
//
// The folder of the package is also the Hugo project: layouts, styles, words.
package site

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"servicepoint/content"
)

//go:embed hugo.toml all:content all:layouts all:assets all:i18n all:static
var project embed.FS

// Builder makes releases below Dir. Its methods may be called at the same time;
// builds wait for each other.
type Builder struct {
	Dir      string       // <data>/site; made when missing
	Binary   string       // what is executed as "Binary hugo-build …"; empty: this very binary
	Keep     int          // releases to keep, 5 when zero
	Progress func(string) // hears one line per step; may be nil

	Languages []string         // nil: content.Languages; German must be among them
	Timeout   time.Duration    // of one run of Hugo, 10 minutes when zero
	Now       func() time.Time // clock of release names, time.Now when nil

	once     sync.Once
	building chan struct{} // one place: who holds it builds
	html     htmlCache
}

// Build makes a release of the catalogue and puts it live. When anything fails,
// the live site stays as it was; an error that wraps [content.Problems] says in
// words for editors why (keys "problem.site_…").
func (b *Builder) Build(ctx context.Context, cat content.Catalogue) (content.Release, error) {
	release, err := b.locked(ctx, func() (content.Release, error) { return b.build(ctx, cat) })
	if err != nil {
		return release, fmt.Errorf("site: %w", err)
	}
	return release, nil
}

func (b *Builder) build(ctx context.Context, cat content.Catalogue) (content.Release, error) {
	started := b.now()
	defer b.html.forgetUnused()
	if err := b.tidy(); err != nil {
		return content.Release{}, err
	}
	made, err := b.make(ctx, cat, started)
	if err != nil {
		return content.Release{}, err
	}
	defer os.RemoveAll(made.stage)

	last, err := b.currentManifest()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.say("Das letzte Release ist nicht lesbar (%v), alle Dateien werden neu gepackt", err)
	}
	files, err := made.files.pack(ctx, made.public, last, b.releaseDir(last.Name))
	if err != nil {
		return content.Release{}, err
	}
	m := manifest{Release: made.release(started, b.now()), Files: files}
	m.Name = b.freeName(started)
	if err := b.publish(ctx, made.public, m); err != nil {
		return content.Release{}, err
	}
	b.say("Release %s ist live: %d Seiten in %s", m.Name, m.Pages, b.now().Sub(started).Round(time.Millisecond))
	return m.Release, b.prune(m.Name)
}

// made is a site that Hugo has rendered and the checks have passed.
type made struct {
	stage  string // to be removed by the caller
	public string // below stage
	files  finished
}

func (m made) release(started, finished time.Time) content.Release {
	r := content.Release{Started: started.UTC(), Finished: finished.UTC()}
	for name, f := range m.files {
		r.Bytes += f.Size
		if strings.HasSuffix(name, ".html") && !hidden(name) {
			r.Pages++
		}
	}
	return r
}

// make stages, renders and checks. On an error nothing is left behind.
func (b *Builder) make(ctx context.Context, cat content.Catalogue, started time.Time) (m made, err error) {
	if err := os.MkdirAll(b.releasesDir(), 0o755); err != nil {
		return m, err
	}
	// The stage lies beside the releases, so that a rename moves it there.
	m.stage, err = b.newStage("stage-")
	if err != nil {
		return m, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(m.stage)
		}
	}()
	b.say("Schreibe %d Leistungen und %d Veranstaltungen für Hugo", len(cat.Guides), len(cat.Events))
	pages, err := b.write(ctx, m.stage, cat, "")
	if err != nil {
		return m, err
	}
	b.say("Hugo erzeugt %d Seiten", len(pages))
	m.public = filepath.Join(m.stage, "public")
	if err := b.hugo(ctx, m.stage, m.public, cat.Origin, len(pages)); err != nil {
		return m, err
	}
	if err := moveShells(m.public, b.languages()); err != nil {
		return m, err
	}
	if err := writeCalendars(m.public, cat, b.languages()); err != nil {
		return m, err
	}
	if err := writeMoves(m.public, cat, b.languages()); err != nil {
		return m, err
	}
	b.say("Prüfe die fertigen Seiten (%s bisher)", b.now().Sub(started).Round(time.Millisecond))
	m.files, err = check(ctx, m.public, cat.Origin, pages)
	return m, err
}

// newStage makes a folder below Dir for one run of Hugo, which wants absolute
// paths; whoever asked for it removes it.
func (b *Builder) newStage(prefix string) (string, error) {
	dir, err := filepath.Abs(b.Dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(dir, prefix)
}

// Preview gives the finished page at path (with its language prefix, as
// "/en/leistungen/reisepass/") as a build of the catalogue would publish it.
// An address that no record has is [fs.ErrNotExist].
func (b *Builder) Preview(ctx context.Context, cat content.Catalogue, path string) ([]byte, error) {
	page, err := b.preview(ctx, cat, path)
	if err != nil {
		return nil, fmt.Errorf("site: preview of %s: %w", path, err)
	}
	return page, nil
}

func (b *Builder) preview(ctx context.Context, cat content.Catalogue, path string) ([]byte, error) {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "..") {
		return nil, fs.ErrNotExist
	}
	stage, err := b.newStage("preview-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(stage)
	pages, err := b.write(ctx, stage, cat, path)
	if err != nil {
		return nil, err
	}
	public := filepath.Join(stage, "public")
	if err := b.hugo(ctx, stage, public, cat.Origin, len(pages)); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(public, filepath.FromSlash(path), "index.html"))
}

// Export writes the same site, checked in the same way, into the folder out for
// any web server: without the shell and without compressed copies. out must be
// empty or absent; it appears whole or not at all.
func (b *Builder) Export(ctx context.Context, cat content.Catalogue, out string) error {
	_, err := b.locked(ctx, func() (content.Release, error) { return content.Release{}, b.export(ctx, cat, out) })
	if err != nil {
		return fmt.Errorf("site: export: %w", err)
	}
	return nil
}

func (b *Builder) export(ctx context.Context, cat content.Catalogue, out string) error {
	entries, err := os.ReadDir(out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty; give a new folder", out)
	}
	started := b.now()
	m, err := b.make(ctx, cat, started)
	if err != nil {
		return err
	}
	defer os.RemoveAll(m.stage)
	if err := os.RemoveAll(filepath.Join(m.public, shellDir)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(out)), 0o755); err != nil {
		return err
	}
	// Beside the target first, because out may be on another disk.
	beside := filepath.Clean(out) + ".part"
	if err := os.RemoveAll(beside); err != nil {
		return err
	}
	if err := os.CopyFS(beside, os.DirFS(m.public)); err != nil {
		os.RemoveAll(beside)
		return err
	}
	if err := os.Remove(out); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(beside, out); err != nil {
		return err
	}
	r := m.release(started, b.now())
	b.say("%d Seiten stehen in %s", r.Pages, out)
	return nil
}

// write puts the Hugo project and the records into the stage and tells which
// pages must come out of it. only, when not empty, is the one address wanted.
func (b *Builder) write(ctx context.Context, stage string, cat content.Catalogue, only string) (expected []string, err error) {
	dir := filepath.Join(stage, "project")
	if err := os.CopyFS(dir, project); err != nil {
		return nil, err
	}
	all, err := b.records(ctx, cat)
	if err != nil {
		return nil, err
	}
	for _, lang := range b.languages() {
		folder := filepath.Join(dir, "assets", "records", lang)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
		for section, records := range all[lang] {
			var chosen []record
			for _, r := range records {
				if only != "" && r.address(lang) != only {
					continue
				}
				chosen = append(chosen, r)
				if r.Path != shellPath {
					expected = append(expected, r.address(lang))
				}
			}
			if len(chosen) == 0 {
				continue
			}
			if err := writeJSON(filepath.Join(folder, section+".json"), chosen); err != nil {
				return nil, err
			}
		}
	}
	if only != "" && len(expected) == 0 {
		return nil, fs.ErrNotExist
	}
	return expected, nil
}

// locked runs f while no other build runs.
func (b *Builder) locked(ctx context.Context, f func() (content.Release, error)) (content.Release, error) {
	b.once.Do(func() { b.building = make(chan struct{}, 1) })
	select {
	case b.building <- struct{}{}:
		defer func() { <-b.building }()
		return f()
	case <-ctx.Done():
		return content.Release{}, ctx.Err()
	}
}

func (b *Builder) say(format string, args ...any) {
	if b.Progress != nil {
		b.Progress(fmt.Sprintf(format, args...))
	}
}

func (b *Builder) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

func (b *Builder) languages() []string {
	if b.Languages != nil {
		return b.Languages
	}
	return content.Languages
}

func writeJSON(path string, v any) error {
	b, err := marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}

// words are the sentences of the layouts in one language (i18n/<lang>.json);
// Go reads the few that go into titles.
func words(lang string) (map[string]string, error) {
	b, err := project.ReadFile("i18n/" + lang + ".json")
	if err != nil {
		return nil, err
	}
	var w map[string]string
	return w, json.Unmarshal(b, &w)
}

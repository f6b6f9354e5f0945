package exports

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
	"servicepoint/exports/frame"
)

// Profile says what a package holds.
type Profile struct {
	Formats []string `json:"formats"` // names out of [Formats], in any order
	Filter  Filter   `json:"filter"`
}

// Names of the files that every package has.
const (
	ReadmeName   = "LESEMICH.txt"
	ManifestName = "manifest.json"
)

// WritePackage writes a ZIP archive to path, whole or not at all, with the files of
// all formats that the profile names, all from the rows of one snapshot, and the
// manifest as its last file. One pass over the rows feeds all files; a pass before
// counts what a filter takes, and one measures widths where a format needs them.
// Memory does not grow with the number of rows.
//
// Until it is whole it lies in a folder beside ("."+name+".part"), which is removed
// when ctx ends or anything fails, and by the next call for the same path when the
// process was killed. [ErrWriting] means that somebody else is writing it. A
// [*Refusal] means that the survey does not fit into a format, or that there is no
// such format. progress (may be nil) is called now and then with responses.
func WritePackage(ctx context.Context, path string, s Survey, p Profile, progress func(done, total int)) (m Manifest, err error) {
	chosen, err := chosenFormats(p.Formats)
	if err != nil {
		return m, err
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	stage, err := newStaging(path)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, stage.remove()) }()
	c := &contents{ctx: ctx, stage: stage, chosen: chosen, profile: p, survey: s, progress: progress, versions: map[int]int{}}
	defer c.close()
	for _, step := range []func() error{c.prepare, c.filter, c.open, c.measure, c.pour, c.finish, c.texts} {
		if err := step(); err != nil {
			return m, err
		}
		if err := ctx.Err(); err != nil {
			return m, err
		}
	}
	archive := stage.path("package.zip")
	if err := c.pack(archive); err != nil {
		return m, err
	}
	if err := os.Rename(archive, path); err != nil {
		return m, err
	}
	return c.manifest, syncDir(filepath.Dir(path))
}

// contents is a package in the making.
type contents struct {
	ctx      context.Context
	stage    *staging
	chosen   []Format
	profile  Profile
	survey   Survey
	merged   *tally.Survey
	columns  []column
	frame    *frame.Frame
	progress func(done, total int)
	pass     int // passes over the rows that are done
	passes   int

	entries  []*entry
	versions map[int]int
	manifest Manifest
}

func (c *contents) close() {
	for _, e := range c.entries {
		if e.file != nil {
			e.file.Close() // the folder goes in any case
		}
	}
}

func (c *contents) prepare() error {
	var err error
	if c.merged, err = tally.Merge(c.survey.Versions); err != nil {
		return err
	}
	if c.columns, err = columnsOf(c.merged, c.survey.Personal, c.survey.FreeText); err != nil {
		return err
	}
	if c.frame, err = c.survey.Frame(c.ctx); err != nil {
		return err
	}
	c.manifest = Manifest{
		Survey: c.merged.Slug, Title: c.merged.Title, Program: c.survey.Program, Exported: c.survey.Exported.UTC(), Filter: c.profile.Filter,
		Channels: map[string]int{}, Columns: make([]string, len(c.columns)), Purpose: c.survey.Watermark, Licence: LicenceText,
		LeftOut: LeftOut{Personal: []string{}, FreeText: []string{}, Always: []string{"id", "seed"}},
	}
	for i, col := range c.columns {
		c.manifest.Columns[i] = col.name
	}
	for _, v := range c.merged.Variables() {
		switch personal := isPersonal(c.merged, v.Of); {
		case personal && !c.survey.Personal:
			c.manifest.LeftOut.Personal = append(c.manifest.LeftOut.Personal, v.Key)
		case isFree(v) && !c.survey.FreeText:
			c.manifest.LeftOut.FreeText = append(c.manifest.LeftOut.FreeText, v.Key)
		}
	}
	return nil
}

// filter counts what the filter takes: sinks want to know it before the first row.
func (c *contents) filter() error {
	filter := c.profile.Filter
	if filter.IsZero() {
		return nil
	}
	all := c.survey.Rows
	c.survey.Rows = func(yield func(survey.Response, error) bool) {
		for r, err := range all {
			if err == nil && !filter.Takes(r) {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
	c.survey.Count = 0
	for _, err := range c.survey.Rows {
		if err == nil {
			err = c.ctx.Err()
		}
		if err != nil {
			return err
		}
		c.survey.Count++
	}
	f, err := c.survey.Frame(c.ctx)
	c.frame = f
	return err
}

// open begins the file of every format that takes rows.
func (c *contents) open() error {
	c.passes = 1
	for _, format := range c.chosen {
		for _, kind := range format.files {
			e := &entry{ctx: c.ctx, name: kind.name, format: format.Name, kind: kind}
			if strings.HasPrefix(kind.name, ".") || strings.HasPrefix(kind.name, "_") {
				e.name = safeName(c.merged.Slug) + kind.name
			}
			c.entries = append(c.entries, e)
			if kind.rows != nil {
				e.pen = kind.rows(c)
				if e.pen.measure != nil {
					c.passes = 2
				}
			}
		}
	}
	return nil
}

// safeName is a slug as a file name.
func safeName(slug string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, slug)
	if safe = strings.Trim(safe, "-"); safe == "" {
		return "umfrage"
	}
	return safe[:min(len(safe), 80)]
}

// measure is the first pass, for formats that must know how wide columns are.
func (c *contents) measure() error {
	if c.passes == 1 {
		return nil
	}
	var sinks []frame.Sink
	for _, e := range c.entries {
		if e.pen.measure != nil {
			sinks = append(sinks, e.pen.measure)
		}
	}
	if err := frame.Pour(c.ctx, c.frame, c.show, sinks...); err != nil {
		return err
	}
	for _, sink := range sinks {
		if err := sink.Close(); err != nil {
			return err
		}
	}
	c.pass++
	return nil
}

// show spreads the progress over all passes.
func (c *contents) show(done, total int) { c.progress((c.pass*total+done)/c.passes, total) }

// pour is the pass that writes. The workbook pulls the rows when there is one; all
// other files take each row as it goes by.
func (c *contents) pour() error {
	var book *entry
	for _, e := range c.entries {
		switch {
		case e.kind.book:
			book = e
		case e.kind.rows != nil:
			if err := e.create(c.stage.path(e.name)); err != nil {
				return err
			}
			var err error
			if e.sink, err = e.pen.open(e); err != nil {
				return err
			}
		}
	}
	rows := c.passing()
	if book == nil {
		n := 0
		for _, err := range rows {
			if err != nil {
				return err
			}
			if n++; n%500 == 0 {
				c.show(n, c.survey.Count)
			}
		}
		c.show(n, c.survey.Count)
		return c.counted()
	}
	s := c.survey
	s.Rows = rows
	path := c.stage.path(book.name)
	sum, err := WriteWorkbook(c.ctx, path, s, c.show)
	if err != nil {
		return err
	}
	book.truncated, book.replaced = sum.Truncated, sum.Replaced
	if err := c.counted(); err != nil {
		return err
	}
	return book.take(path)
}

// passing gives every response on after all sinks have taken it.
func (c *contents) passing() iter.Seq2[survey.Response, error] {
	return func(yield func(survey.Response, error) bool) {
		reader := newFrameReader(c.merged, c.columns, c.frame.Columns)
		c.manifest.Rows = 0
		for r, err := range c.survey.Rows {
			if err == nil {
				err = c.ctx.Err()
			}
			if err == nil && c.manifest.Rows == c.survey.Count {
				err = fmt.Errorf("%w: more than %d", ErrCount, c.survey.Count)
			}
			if err == nil {
				err = c.row(reader, r)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func (c *contents) row(reader *frameReader, r survey.Response) error {
	cells, err := reader.row(r)
	if err != nil {
		return err
	}
	for _, e := range c.entries {
		if e.sink == nil {
			continue
		}
		if err := e.sink.Row(cells); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	m := &c.manifest
	m.Rows++
	c.versions[r.Version]++
	m.Channels[r.Channel]++
	if m.From == "" || r.Day < m.From {
		m.From = r.Day
	}
	m.To = max(m.To, r.Day)
	for key := range r.Answers {
		if c.merged.Variable(strings.TrimSuffix(key, "?")) == nil {
			m.Unplaced++
		}
	}
	return nil
}

func (c *contents) counted() error {
	if c.manifest.Rows != c.survey.Count {
		return fmt.Errorf("%w: %d instead of %d", ErrCount, c.manifest.Rows, c.survey.Count)
	}
	return nil
}

// finish ends all files that took rows.
func (c *contents) finish() error {
	for _, e := range c.entries {
		if e.sink == nil {
			continue
		}
		if err := e.sink.Close(); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		if s, ok := e.sink.(interface{ Truncated() int }); ok {
			e.truncated = s.Truncated()
		}
		if s, ok := e.sink.(interface{ Replaced() int }); ok {
			e.replaced = s.Replaced()
		}
		if err := e.end(); err != nil {
			return err
		}
	}
	for _, q := range c.merged.Versions {
		c.manifest.Versions = append(c.manifest.Versions, VersionCount{q.Version, q.Opens, q.Closes, c.versions[q.Version]})
	}
	return nil
}

// texts writes what describes the other files, then Lesemich and the manifest.
func (c *contents) texts() error {
	for _, e := range c.entries {
		if e.kind.text != nil {
			if err := c.text(e, func(w io.Writer) error { return e.kind.text(w, c) }); err != nil {
				return err
			}
		}
	}
	c.list()
	readme := &entry{ctx: c.ctx, name: ReadmeName, kind: fileKind{media: "text/plain; charset=utf-8"}}
	c.entries = append(c.entries, readme)
	if err := c.text(readme, func(w io.Writer) error { return c.manifest.writeReadme(w, c.chosen) }); err != nil {
		return err
	}
	c.list()
	last := &entry{ctx: c.ctx, name: ManifestName, kind: fileKind{media: "application/json"}}
	c.entries = append(c.entries, last)
	return c.text(last, func(w io.Writer) error {
		b, err := json.MarshalIndent(c.manifest, "", "  ")
		if err != nil {
			return err
		}
		_, err = w.Write(append(b, '\n'))
		return err
	})
}

// list puts all files so far into the manifest.
func (c *contents) list() {
	c.manifest.Files = nil
	for _, e := range c.entries {
		c.manifest.Files = append(c.manifest.Files, ManifestFile{
			Name: e.name, Format: e.format, MediaType: e.kind.media, Bytes: e.bytes, SHA256: e.digest(), Truncated: e.truncated, Replaced: e.replaced,
		})
	}
}

func (c *contents) text(e *entry, write func(w io.Writer) error) error {
	if err := e.create(c.stage.path(e.name)); err != nil {
		return err
	}
	if err := write(e); err != nil {
		return fmt.Errorf("%s: %w", e.name, err)
	}
	return e.end()
}

// entry finds a file of the package by its format and kind.
func (c *contents) entry(format, name string) *entry {
	i := slices.IndexFunc(c.entries, func(e *entry) bool { return e.format == format && e.kind.name == name })
	return c.entries[i]
}

// pack puts the finished files together.
func (c *contents) pack(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	buffered := bufio.NewWriterSize(file, 1<<16)
	archive := zip.NewWriter(buffered)
	for _, e := range c.entries {
		if err := e.copyTo(archive, c.survey); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return file.Close()
}

// entry is one file of the package, kept compressed until all are there.
type entry struct {
	ctx    context.Context
	name   string
	format string
	kind   fileKind
	pen    pen
	sink   frame.Sink

	file     *os.File
	buffered *bufio.Writer
	deflated *flate.Writer
	sum      hash.Hash
	crc      hash.Hash32
	bytes    int64 // not compressed

	truncated, replaced int
}

func (e *entry) create(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	e.file, e.sum, e.crc = file, sha256.New(), crc32.NewIEEE()
	e.buffered = bufio.NewWriterSize(file, 1<<16)
	if !e.kind.packed {
		e.deflated, err = flate.NewWriter(e.buffered, flate.DefaultCompression)
	}
	return err
}

// Write takes what a sink writes; it ends with the context.
func (e *entry) Write(b []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	e.sum.Write(b)
	e.crc.Write(b)
	e.bytes += int64(len(b))
	if e.deflated != nil {
		return e.deflated.Write(b)
	}
	return e.buffered.Write(b)
}

func (e *entry) end() error {
	if e.deflated != nil {
		if err := e.deflated.Close(); err != nil {
			return err
		}
	}
	return e.buffered.Flush()
}

// take adopts a finished file.
func (e *entry) take(path string) (err error) {
	if e.file, err = os.Open(path); err != nil {
		return err
	}
	e.sum, e.crc = sha256.New(), crc32.NewIEEE()
	e.bytes, err = io.Copy(io.MultiWriter(e.sum, e.crc), reader{e.ctx, e.file})
	return err
}

func (e *entry) digest() string { return hex.EncodeToString(e.sum.Sum(nil)) }

func (e *entry) copyTo(archive *zip.Writer, s Survey) error {
	size, err := e.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := e.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	head := &zip.FileHeader{
		Name: e.name, Method: zip.Deflate, CRC32: e.crc.Sum32(),
		CompressedSize64: uint64(size), UncompressedSize64: uint64(e.bytes),
	}
	if e.deflated == nil {
		head.Method = zip.Store
	}
	head.SetMode(0o600)
	//lint:ignore SA1019 CreateRaw writes these fields and not the one that replaced them.
	head.SetModTime(s.Exported)
	w, err := archive.CreateRaw(head)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, reader{e.ctx, e.file})
	return err
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// Package feed writes what a warehouse reads: append-only Parquet files by survey,
// version and write sequence, places of erased responses, a file of DuckDB views, and
// last of all a manifest. Only what the manifest names counts.
//
// It knows neither where the rows come from nor where the files go: a [Block] says what
// is to be there, a [Store] takes files. [Run] compares the manifest of the store with
// the blocks and writes what is missing, so a run that broke off is made up by the next,
// and an empty store is filled from the beginning.
package feed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strconv"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/exports"
	"servicepoint/exports/frame"
	"servicepoint/exports/parquet"
)

// Store keeps files by names with "/" in between.
type Store interface {
	// Read gives a small file; an error that is fs.ErrNotExist when there is none.
	Read(ctx context.Context, name string) ([]byte, error)
	// Write makes a file from what write writes, whole or not at all, in place of an
	// older one of this name.
	Write(ctx context.Context, name string, write func(io.Writer) error) error
}

// Names of the files beside the partitions.
const (
	ManifestName = "manifest.json"
	ViewsName    = "views.sql"
)

// ErrAhead means that the store holds blocks which the database does not know, or
// others under the same sequence: the database was restored from a backup, or the place
// belongs to another one. Begin a new place; it is filled from the beginning.
var ErrAhead = errors.New("feed: the place holds blocks that this database did not write; give it an empty place")

// Block is what one write sequence brought.
type Block struct {
	Sequence int64
	Mark     string // random, the same for ever
	Survey   string

	// Load gives what the block holds; it is called when its files are missing only.
	Load func() (Content, error)
}

// Content of a block: responses by version, or places of erased ones.
type Content struct {
	Parts  []Part
	Erased []Place
}

// Part holds the responses of one version of the questionnaire. ID of each is its
// place in the block.
type Part struct {
	Questionnaire survey.Questionnaire
	Rows          int
	FreeText      bool // what people wrote themselves goes along
	Responses     iter.Seq2[survey.Response, error]
}

// Place names a response for ever: the sequence of its block and its place there.
type Place struct{ Sequence, Row int64 }

// Manifest names all files that count.
type Manifest struct {
	Format  int    `json:"format"` // of this document: 1
	Program string `json:"program"`
	Day     string `json:"day"` // of the last change, Berlin
	Blocks  []Done `json:"blocks"`
	Files   []File `json:"files"`
}

// Done is a block whose files are all there.
type Done struct {
	Sequence int64  `json:"sequence"`
	Mark     string `json:"mark"`
	Survey   string `json:"survey"`
}

// File is one Parquet file.
type File struct {
	Path     string `json:"path"`
	Kind     string `json:"kind"` // rows or erased
	Survey   string `json:"survey"`
	Version  int    `json:"version,omitempty"`
	Sequence int64  `json:"sequence"`
	Rows     int    `json:"rows"`
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"`
}

// Report says what a run wrote.
type Report struct {
	Files, Rows, Erased int
}

// Run writes the blocks that the manifest does not name. program and day go into the
// manifest.
func Run(ctx context.Context, store Store, blocks []Block, program, day string) (Report, error) {
	var done Report
	m, err := read(ctx, store)
	if err != nil {
		return done, err
	}
	missing, err := compare(m, blocks)
	if err != nil {
		return done, err
	}
	if len(missing) == 0 {
		return done, nil
	}
	m.Format, m.Program, m.Day = 1, program, day
	for i, b := range missing {
		if i > 0 && i%often == 0 { // what is there counts, should the rest fail
			if err := commit(ctx, store, m); err != nil {
				return done, err
			}
		}
		files, err := writeBlock(ctx, store, b)
		if err != nil {
			return done, fmt.Errorf("feed: block %d: %w", b.Sequence, err)
		}
		m.Blocks = append(m.Blocks, Done{b.Sequence, b.Mark, b.Survey})
		m.Files = append(m.Files, files...)
		for _, f := range files {
			done.Files++
			if f.Kind == kindErased {
				done.Erased += f.Rows
			} else {
				done.Rows += f.Rows
			}
		}
	}
	return done, commit(ctx, store, m)
}

// often is after how many blocks the manifest is written anew.
const often = 50

// commit makes what was written count: the manifest comes last.
func commit(ctx context.Context, store Store, m *Manifest) error {
	if err := put(ctx, store, ViewsName, views(m)); err != nil {
		return err
	}
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return put(ctx, store, ManifestName, append(b, '\n'))
}

func put(ctx context.Context, store Store, name string, b []byte) error {
	err := store.Write(ctx, name, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
	if err != nil {
		return fmt.Errorf("feed: %s: %w", name, err)
	}
	return nil
}

func read(ctx context.Context, store Store) (*Manifest, error) {
	m := &Manifest{}
	b, err := store.Read(ctx, ManifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(b))
		err = d.Decode(m)
	}
	if err == nil && m.Format != 1 {
		err = fmt.Errorf("format %d is not known", m.Format)
	}
	if err != nil {
		return nil, fmt.Errorf("feed: %s: %w", ManifestName, err)
	}
	return m, nil
}

// compare gives the blocks that the manifest lacks.
func compare(m *Manifest, blocks []Block) (missing []Block, err error) {
	there := map[int64]string{}
	for _, d := range m.Blocks {
		there[d.Sequence] = d.Mark
	}
	for _, b := range blocks {
		mark, ok := there[b.Sequence]
		switch {
		case !ok:
			missing = append(missing, b)
		case mark != b.Mark:
			return nil, fmt.Errorf("%w (block %d)", ErrAhead, b.Sequence)
		}
		delete(there, b.Sequence)
	}
	for sequence := range there {
		return nil, fmt.Errorf("%w (block %d)", ErrAhead, sequence)
	}
	return missing, nil
}

const (
	kindRows   = "rows"
	kindErased = "erased"
)

// The columns that name a row. No question can have a code that begins with "_".
const (
	blockColumn = "_block"
	rowColumn   = "_row"
)

func naming() []frame.Column {
	return []frame.Column{
		{Name: blockColumn, Kind: frame.Integer, Label: content.Text{"de": "Block (Schreibfolge)", "en": "Block (write sequence)"}},
		{Name: rowColumn, Kind: frame.Integer, Label: content.Text{"de": "Platz im Block", "en": "Place in the block"}},
	}
}

func writeBlock(ctx context.Context, store Store, b Block) (files []File, err error) {
	c, err := b.Load()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%012d.parquet", b.Sequence)
	for _, p := range c.Parts {
		f, err := partFrame(ctx, b, p)
		if err != nil {
			return nil, err
		}
		version := p.Questionnaire.Version
		file, err := writeFile(ctx, store, path.Join("survey="+b.Survey, "version="+strconv.Itoa(version), name), b, f)
		if err != nil {
			return nil, err
		}
		file.Kind, file.Version = kindRows, version
		files = append(files, file)
	}
	if len(c.Erased) > 0 {
		file, err := writeFile(ctx, store, path.Join("survey="+b.Survey, "erased", name), b, erasedFrame(c.Erased))
		if err != nil {
			return nil, err
		}
		file.Kind = kindErased
		files = append(files, file)
	}
	return files, nil
}

// partFrame is the frame of a survey with the names of the rows in front.
func partFrame(ctx context.Context, b Block, p Part) (*frame.Frame, error) {
	place := 0.0
	rows := func(yield func(survey.Response, error) bool) {
		for r, err := range p.Responses {
			if err == nil {
				place, err = strconv.ParseFloat(r.ID, 64)
			}
			if !yield(r, err) {
				return
			}
		}
	}
	inner, err := exports.Survey{Versions: []survey.Questionnaire{p.Questionnaire}, Rows: rows, Count: p.Rows, FreeText: p.FreeText}.Frame(ctx)
	if err != nil {
		return nil, err
	}
	f := &frame.Frame{Name: inner.Name, Title: inner.Title, Columns: slices.Concat(naming(), inner.Columns), Count: inner.Count}
	cells := make([]frame.Value, len(f.Columns))
	f.Rows = func(yield func([]frame.Value, error) bool) {
		for row, err := range inner.Rows {
			if err != nil {
				yield(nil, err)
				return
			}
			cells[0], cells[1] = frame.Num(float64(b.Sequence)), frame.Num(place)
			copy(cells[2:], row)
			if !yield(cells, nil) {
				return
			}
		}
	}
	return f, nil
}

func erasedFrame(places []Place) *frame.Frame {
	return &frame.Frame{Name: "erased", Columns: naming(), Count: len(places), Rows: func(yield func([]frame.Value, error) bool) {
		cells := make([]frame.Value, 2)
		for _, p := range places {
			cells[0], cells[1] = frame.Num(float64(p.Sequence)), frame.Num(float64(p.Row))
			if !yield(cells, nil) {
				return
			}
		}
	}}
}

func writeFile(ctx context.Context, store Store, name string, b Block, f *frame.Frame) (File, error) {
	file := File{Path: name, Survey: b.Survey, Sequence: b.Sequence, Rows: f.Count}
	err := store.Write(ctx, name, func(w io.Writer) error {
		sum := sha256.New()
		var count counter
		p, err := parquet.New(io.MultiWriter(w, sum, &count), f, "servicepoint.block", strconv.FormatInt(b.Sequence, 10), "servicepoint.mark", b.Mark)
		if err != nil {
			return err
		}
		if err := frame.Pour(ctx, f, nil, p); err != nil {
			return err
		}
		if err := p.Close(); err != nil {
			return err
		}
		file.Bytes, file.SHA256 = int64(count), hex.EncodeToString(sum.Sum(nil))
		return nil
	})
	return file, err
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

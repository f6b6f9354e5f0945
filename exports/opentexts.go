package exports

import (
	"bufio"
	crand "crypto/rand"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"

	"servicepoint/content/survey"
	"servicepoint/content/survey/tally"
)

// openTexts gathers what people wrote, a file for each question, so that it can be
// shuffled: the order of the texts tells nothing about the rows beside which they
// stood. Memory does not grow with the number of texts.
type openTexts struct {
	dir    string
	random *rand.Rand
	lists  []*textList
}

type textList struct {
	*tally.Variable
	spool
	n int
}

// spool is a file of texts, each after its length.
type spool struct {
	file  *os.File
	out   *bufio.Writer
	bytes int
}

func newSpool(dir string) (s spool, err error) {
	if s.file, err = os.CreateTemp(dir, "texts-*"); err == nil {
		s.out = bufio.NewWriterSize(s.file, 1<<13)
	}
	return s, err
}

func (s *spool) add(text string) error {
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(len(text)))
	if _, err := s.out.Write(length[:n]); err != nil {
		return err
	}
	_, err := s.out.WriteString(text)
	s.bytes += n + len(text)
	return err
}

// each reads the texts in the order of their adding and ends the spool.
func (s *spool) each(do func(text string) error) error {
	defer func() {
		s.file.Close()
		os.Remove(s.file.Name()) // its folder goes anyway
	}()
	if err := s.out.Flush(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(s.file, 1<<16)
	for {
		n, err := binary.ReadUvarint(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(in, text); err != nil {
			return err
		}
		if err := do(string(text)); err != nil {
			return err
		}
	}
}

// isOpen reports whether the answer is a text to be read: no places on the map, no
// names of files.
func isOpen(v *tally.Variable) bool {
	switch v.Of.Type {
	case survey.Point:
		return v.Part == survey.PartAddress
	case survey.File, survey.Photo, survey.Email:
		return false
	}
	return isFree(v)
}

func newOpenTexts(dir string, random *rand.Rand, variables []*tally.Variable) (*openTexts, error) {
	if random == nil {
		var seed [32]byte
		crand.Read(seed[:]) // never fails
		random = rand.New(rand.NewChaCha8(seed))
	}
	o := &openTexts{dir: dir, random: random}
	for _, v := range variables {
		s, err := newSpool(dir)
		if err != nil {
			o.close()
			return nil, err
		}
		o.lists = append(o.lists, &textList{Variable: v, spool: s})
	}
	return o, nil
}

func (o *openTexts) close() {
	for _, l := range o.lists {
		l.file.Close() // the folder is removed
	}
}

func (o *openTexts) add(r survey.Response) error {
	for _, l := range o.lists {
		s, ok := r.Answers[l.Key].(string)
		if !ok || s == "" {
			continue
		}
		l.n++
		if err := l.add(s); err != nil {
			return err
		}
	}
	return nil
}

func (o *openTexts) count() (n int) {
	for _, l := range o.lists {
		n += l.n
	}
	return n
}

// atOnce is how much text is shuffled in memory.
const atOnce = 4 << 20

// shuffled gives the texts of one question in random order, every order equally
// likely: they are dealt to so many piles that each fits into memory, at random,
// and each pile is shuffled.
func (o *openTexts) shuffled(l *textList, do func(text string) error) error {
	return o.shuffle(&l.spool, l.bytes/atOnce+1, do)
}

func (o *openTexts) shuffle(s *spool, piles int, do func(text string) error) error {
	if piles == 1 {
		var texts []string
		if err := s.each(func(text string) error { texts = append(texts, text); return nil }); err != nil {
			return err
		}
		o.random.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		for _, text := range texts {
			if err := do(text); err != nil {
				return err
			}
		}
		return nil
	}
	dealt := make([]spool, 0, piles)
	defer func() {
		for _, pile := range dealt {
			pile.file.Close() // once more for those that were read
		}
	}()
	for range piles {
		pile, err := newSpool(o.dir)
		if err != nil {
			return err
		}
		dealt = append(dealt, pile)
	}
	if err := s.each(func(text string) error { return dealt[o.random.IntN(piles)].add(text) }); err != nil {
		return err
	}
	for i := range dealt {
		if err := o.shuffle(&dealt[i], 1, do); err != nil {
			return err
		}
	}
	return nil
}

// released gathers the texts that everybody may read; what stands in the rows is
// not looked at.
func (w *workbook) released() error {
	texts := map[*tally.Variable][]string{}
	var variables []*tally.Variable
	for _, r := range w.survey.Released {
		v := w.merged.Variable(r.Key)
		if v == nil || isPersonal(w.merged, v.Of) {
			continue
		}
		if texts[v] == nil {
			variables = append(variables, v)
		}
		texts[v] = append(texts[v], r.Text)
	}
	if len(variables) == 0 {
		return nil
	}
	var err error
	if w.written, err = newOpenTexts(w.dir, w.survey.Random, variables); err != nil {
		return err
	}
	for _, l := range w.written.lists {
		for _, text := range texts[l.Variable] {
			l.n++
			if err := l.add(text); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeOpenTexts writes every text once, by question, in random order.
func (w *workbook) writeOpenTexts() error {
	if w.written == nil {
		return nil
	}
	t, err := w.tall(SheetOpenTexts, "TabelleOffen", []string{"Frage (Code)", "Fragetext", "Antwort"}, []float64{24, 60, 100}, w.written.count())
	if err != nil {
		return err
	}
	if err := w.open(); err != nil {
		return err
	}
	for _, l := range w.written.lists {
		question := w.text(l.Variable)
		if err := w.written.shuffled(l, func(text string) error {
			if err := t.begin(); err != nil {
				return err
			}
			t.text(0, l.Key)
			t.text(1, question)
			t.text(2, text)
			return t.end()
		}); err != nil {
			return err
		}
	}
	return t.close()
}

package planning

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"servicepoint/content/disclosure"
	"servicepoint/pocketbase-app/base"
)

const (
	patience   = time.Second // how long a page waits for its figures before it says that they are being counted
	freshness  = time.Minute // how long figures stand although answers came since
	mostFigure = 5000        // remembered figures
)

// figures asks for protected figures and remembers them. What takes long is
// counted in the background, one page after the other: [figures.close] waits for
// it.
type figures struct {
	p        *base.Platform
	ask      disclosure.AskAll
	patience time.Duration

	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup
	turn chan struct{} // held while something is counted

	mu    sync.Mutex
	known map[string]*figure
}

// figure is one answer, in the making until done is closed.
type figure struct {
	disclosure.Answer
	err  error // one of disclosure's errors: why there is none
	done chan struct{}

	fingerprint string // of the counts at that time
	at          time.Time
}

func newFigures(p *base.Platform, ask disclosure.AskAll) *figures {
	f := &figures{p: p, ask: ask, patience: patience, turn: make(chan struct{}, 1), known: map[string]*figure{}}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

func (f *figures) close() {
	f.stop()
	f.work.Wait()
}

// refusals are the answers that are no faults.
var refusals = []error{disclosure.ErrQuestion, disclosure.ErrFew, disclosure.ErrHidden, disclosure.ErrUnsafe, disclosure.ErrGone}

func refused(err error) bool {
	return slices.ContainsFunc(refusals, func(r error) bool { return errors.Is(err, r) })
}

// of gives the figures of a survey whose counts have a fingerprint, in the order
// of the questions. While ready is less than their number, they are being
// counted: ask again later.
func (f *figures) of(ctx context.Context, view surveyView, staff string, questions []disclosure.Question) (got []*figure, ready int, err error) {
	if f.ask == nil {
		return nil, 0, nil
	}
	got = make([]*figure, len(questions))
	var todo []int
	f.mu.Lock()
	f.forget()
	for i, q := range questions {
		key := view.Slug + " " + name(q)
		old := f.known[key]
		if old == nil || finished(old) && old.fingerprint != view.fingerprint && f.p.Now().Sub(old.at) >= freshness {
			old = &figure{done: make(chan struct{}), fingerprint: view.fingerprint, at: f.p.Now()}
			f.known[key] = old
			todo = append(todo, i)
		}
		got[i] = old
	}
	f.mu.Unlock()
	if len(todo) > 0 {
		some, ones := make([]disclosure.Question, len(todo)), make([]*figure, len(todo))
		for i, k := range todo {
			some[i], ones[i] = questions[k], got[k]
		}
		f.work.Go(func() { f.count(view.Slug, staff, some, ones) })
	}
	enough := time.NewTimer(f.patience)
	defer enough.Stop()
	for _, one := range got {
		select {
		case <-one.done:
			ready++
			if one.err != nil && !refused(one.err) {
				return nil, 0, one.err
			}
		case <-enough.C:
			for _, one := range got[ready:] {
				if finished(one) {
					ready++
				}
			}
			return got, ready, nil
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
	return got, ready, nil
}

// count settles figures when it is their turn. Faults are not remembered.
func (f *figures) count(slug, staff string, questions []disclosure.Question, ones []*figure) {
	f.turn <- struct{}{}
	defer func() { <-f.turn }()
	left := slices.Clone(ones)
	settle := func(i int, a disclosure.Answer, err error) {
		if one := left[i]; one != nil {
			left[i], one.Answer, one.err = nil, a, err
			close(one.done)
		}
	}
	err := f.ctx.Err()
	if err == nil {
		err = f.ask(f.ctx, slug, staff, questions, settle)
	}
	if err == nil {
		err = errUnanswered
	}
	for i := range left {
		settle(i, disclosure.Answer{}, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.known, func(_ string, k *figure) bool {
		return slices.Contains(ones, k) && k.err != nil && !refused(k.err)
	})
}

var errUnanswered = errors.New("planning: a question was not answered")

// forget makes room: what was asked long ago goes.
func (f *figures) forget() {
	if len(f.known) < mostFigure {
		return
	}
	maps.DeleteFunc(f.known, func(_ string, k *figure) bool { return finished(k) })
}

func finished(one *figure) bool {
	select {
	case <-one.done:
		return true
	default:
		return false
	}
}

// name tells questions apart; the order of filters and of their codes is none.
func name(q disclosure.Question) string {
	q.Where = slices.Clone(q.Where)
	slices.SortFunc(q.Where, func(a, b disclosure.Filter) int { return slices.Compare([]string{a.Key}, []string{b.Key}) })
	for i := range q.Where {
		q.Where[i].Codes = slices.Sorted(slices.Values(q.Where[i].Codes))
	}
	b, _ := json.Marshal(q) // texts only
	return string(b)
}

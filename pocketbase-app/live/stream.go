package live

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// Bounds of streams.
const (
	maxListeners = 2000                   // on all sittings together; who comes later reloads the page
	minGap       = 250 * time.Millisecond // between two renderings of one view
	heartbeat    = 20 * time.Second
	writeLimit   = 10 * time.Second // a device that does not take its part by then is let go
)

// view is what a listener sees: the parts of one page in one language.
type view struct {
	session int64
	page    string // "room", "screen" or "desk"
	lang    string
}

// part is a piece of a page that is sent when it has changed.
type part struct{ name, html string }

// hub tells listeners that something is new. Whoever writes only wakes it; every
// view is rendered once for all its listeners, at most every [minGap]. A listener
// is a channel with one place: a slow one misses intermediate states and never
// holds up anybody else.
type hub struct {
	render func(view) ([]part, error)
	gap    time.Duration

	mu        sync.Mutex
	rooms     map[view]*room
	listeners int
	ended     bool
}

// room is the listeners of one view and what they were shown last.
type room struct {
	listeners map[chan []part]bool
	dirty     chan struct{} // one place: something is new
	done      chan struct{} // nobody listens any more
}

func newHub(render func(view) ([]part, error)) *hub {
	return &hub{render: render, gap: minGap, rooms: map[view]*room{}}
}

var errBusy = base.Refuse(http.StatusServiceUnavailable, "live_full")

// join adds a listener; leave takes it away. The channel is closed at the end of
// the program.
func (h *hub) join(v view) (news <-chan []part, leave func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended || h.listeners >= maxListeners {
		return nil, nil, errBusy
	}
	r := h.rooms[v]
	if r == nil {
		r = &room{listeners: map[chan []part]bool{}, dirty: make(chan struct{}, 1), done: make(chan struct{})}
		h.rooms[v] = r
		go h.keep(v, r)
	}
	own := make(chan []part, 1)
	r.listeners[own] = true
	h.listeners++
	r.wake() // what changed between the page and its stream
	return own, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if !r.listeners[own] {
			return
		}
		delete(r.listeners, own)
		h.listeners--
		if len(r.listeners) == 0 && h.rooms[v] == r {
			delete(h.rooms, v)
			close(r.done)
		}
	}, nil
}

func (r *room) wake() {
	select {
	case r.dirty <- struct{}{}:
	default:
	}
}

// wake says that something of a sitting is new. It never blocks.
func (h *hub) wake(session int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for v, r := range h.rooms {
		if v.session == session {
			r.wake()
		}
	}
}

// keep renders a view whenever something is new and hands it to everybody.
func (h *hub) keep(v view, r *room) {
	for {
		select {
		case <-r.done:
			return
		case <-r.dirty:
		}
		if parts, err := h.render(v); err == nil {
			h.mu.Lock()
			for own := range r.listeners {
				select {
				case <-own: // an older state that was not taken
				default:
				}
				own <- parts
			}
			h.mu.Unlock()
		}
		select {
		case <-r.done:
			return
		case <-time.After(h.gap):
		}
	}
}

// close ends all streams.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	for v, r := range h.rooms {
		for own := range r.listeners {
			delete(r.listeners, own)
			close(own)
		}
		delete(h.rooms, v)
		close(r.done)
	}
	h.listeners = 0
}

// send streams the parts of a view until the browser or the program ends. Parts
// that are as they were are not sent again.
func (x *Live) send(e *core.RequestEvent, v view) error {
	news, leave, err := x.hub.join(v)
	if err != nil {
		e.Response.Header().Set("Retry-After", "30")
		return err
	}
	defer leave()
	w := http.NewResponseController(e.Response)
	header := e.Response.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // proxies pass it on at once
	e.Response.WriteHeader(http.StatusOK)
	sent := map[string]string{}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	out := bytes.NewBufferString("retry: 3000\n\n")
	for {
		if out.Len() > 0 {
			if err := w.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil && !errors.Is(err, http.ErrNotSupported) {
				return nil
			}
			if _, err := e.Response.Write(out.Bytes()); err != nil {
				return nil // gone
			}
			if err := w.Flush(); err != nil {
				return nil
			}
			out.Reset()
		}
		select {
		case <-e.Request.Context().Done():
			return nil
		case <-beat.C:
			out.WriteString(":\n\n")
		case parts, ok := <-news:
			if !ok {
				return nil
			}
			for _, p := range parts {
				if sent[p.name] != p.html {
					sent[p.name] = p.html
					writeEvent(out, p)
				}
			}
		}
	}
}

// writeEvent writes one event; a line break inside becomes a new data line.
func writeEvent(out *bytes.Buffer, p part) {
	fmt.Fprintf(out, "event: %s\n", p.name)
	for l := range strings.SplitSeq(strings.ReplaceAll(p.html, "\r", ""), "\n") {
		out.WriteString("data: " + l + "\n")
	}
	out.WriteByte('\n')
}

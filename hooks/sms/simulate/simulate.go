// Package simulate is a gateway for short messages that sends nothing: it keeps
// them in memory. It knows nothing of the provider, only HTTP.
//
//	POST /messages {to, text, from?, reference} → 201 {id}; the same reference again → 200 with the same id
//	GET  /messages → the last messages, the newest first
//
// Numbers that end in 0000 are refused, as a number nobody has is.
package simulate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"
)

// Message is what a gateway was told to send.
type Message struct {
	ID        string `json:"id"`
	To        string `json:"to"`
	Text      string `json:"text"`
	From      string `json:"from,omitempty"`
	Reference string `json:"reference"`
}

// Gateway is the simulator; use [New].
type Gateway struct {
	Token     string // that requests must show as Bearer; "" takes everybody
	Forgetful bool   // does not honour references: every request sends (negative controls)

	mux      *http.ServeMux
	mu       sync.Mutex
	messages []Message
}

const kept = 1000

// New makes an empty gateway.
func New() *Gateway {
	g := &Gateway{mux: http.NewServeMux()}
	g.mux.HandleFunc("POST /messages", g.send)
	g.mux.HandleFunc("GET /messages", g.list)
	return g
}

// ServeHTTP answers a request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.mux.ServeHTTP(w, r) }

// Sent is how often the message with a reference was sent.
func (g *Gateway) Sent(reference string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, m := range g.messages {
		if m.Reference == reference {
			n++
		}
	}
	return n
}

var number = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (g *Gateway) send(w http.ResponseWriter, r *http.Request) {
	if g.Token != "" && r.Header.Get("Authorization") != "Bearer "+g.Token {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "unknown token"})
		return
	}
	var m Message
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&m); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "no JSON"})
		return
	}
	if !number.MatchString(m.To) || m.To[len(m.To)-4:] == "0000" || m.Text == "" || m.Reference == "" {
		answer(w, http.StatusUnprocessableEntity, map[string]string{"error": "to, text or reference cannot be used"})
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.IndexFunc(g.messages, func(old Message) bool { return old.Reference == m.Reference }); i >= 0 && !g.Forgetful {
		answer(w, http.StatusOK, map[string]string{"id": g.messages[i].ID})
		return
	}
	m.ID = fmt.Sprintf("sim-%d", len(g.messages)+1)
	g.messages = append(g.messages, m)
	answer(w, http.StatusCreated, map[string]string{"id": m.ID})
}

func (g *Gateway) list(w http.ResponseWriter, _ *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := slices.Clone(g.messages[max(0, len(g.messages)-kept):])
	slices.Reverse(last)
	answer(w, http.StatusOK, map[string]any{"messages": last})
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v)
}

package desk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"servicepoint/hooks"
	"servicepoint/hooks/desk"
	"servicepoint/hooks/hookstest"
)

// shelf is an inbox without a database.
type shelf struct {
	mu    sync.Mutex
	items map[string]string
	cut   bool
}

func (s *shelf) File(ctx context.Context, key string, item hooks.DeskItem) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.items == nil {
		s.items = map[string]string{}
	}
	if s.items[key] == "" {
		s.items[key] = fmt.Sprint("D-", len(s.items)+1)
	}
	if s.cut {
		s.cut = false
		return "", errors.New("power cut")
	}
	return s.items[key], nil
}

func (s *shelf) count(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.items[key] != "" {
		return 1
	}
	return 0
}

func TestConforms(t *testing.T) {
	hookstest.Run(t, func(*testing.T) hookstest.Candidate {
		s := &shelf{}
		return hookstest.Candidate{
			Provider: desk.Provider{Inbox: s},
			Good:     json.RawMessage(`{"reference":"B-1","kind":"booking","title":"Vortrag","partner":"stadt"}`),
			Bad: []json.RawMessage{
				json.RawMessage(`{"reference":"B-1","kind":"booking","title":""}`),
				json.RawMessage(`{"reference":"B-1","kind":"booking","title":"Vortrag","name":"Erika Mustermann"}`),
				json.RawMessage(`{"reference":7}`),
			},
			Secrets: []string{"Erika", "Vortrag"},
			Done:    s.count,
			Cut:     func() { s.cut = true },
		}
	})
}

func ExampleProvider() {
	p := desk.Provider{Inbox: &shelf{}}
	payload, _ := json.Marshal(hooks.DeskItem{Reference: "C-7K3M9-QX2TD", Kind: "case", Title: "Sperrmüll anmelden", Partner: "stadtreiniger"})
	r, err := p.Submit(context.Background(), hooks.Order{Key: "case:C-7K3M9-QX2TD", Payload: payload})
	fmt.Println(r.Reference, err)
	// Output: D-1 <nil>
}

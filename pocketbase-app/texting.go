package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"servicepoint/hooks"
	"servicepoint/hooks/sms"
)

// texter reads SERVICEPOINT_SMS, a file with the settings of an HTTP gateway in
// JSON (docs/providers.md). Without it a demo plays a gateway itself, and a real
// server has no provider "sms".
func (s *server) texter() ([]hooks.Provider, error) {
	path := os.Getenv("SERVICEPOINT_SMS")
	if path == "" && !s.p.Demo {
		return nil, nil
	}
	var g sms.HTTP
	if path == "" {
		address, err := s.playing("sms")
		if err != nil {
			return nil, err
		}
		g = sms.HTTP{URL: address + "/messages", From: "Kassel"}
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("SERVICEPOINT_SMS: %w", err)
		}
		defer f.Close()
		dec := json.NewDecoder(f)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&g); err != nil {
			return nil, fmt.Errorf("SERVICEPOINT_SMS: %s: %w", path, err)
		}
	}
	if err := g.Check(); err != nil {
		return nil, fmt.Errorf("SERVICEPOINT_SMS: %w", err)
	}
	return []hooks.Provider{sms.Provider{Gateway: g}}, nil
}

// The provider "webhook" is made before the matter that knows its endpoints.
func (s *server) webhookEndpoint(ctx context.Context, id string) (hooks.WebhookEndpoint, error) {
	return s.orders.WebhookEndpoint(ctx, id)
}

func (s *server) webhookTried(d hooks.WebhookDelivery) { s.orders.WebhookTried(d) }

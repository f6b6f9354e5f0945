package demo

import (
	"testing"
	"time"
)

func TestLoads(t *testing.T) {
	if _, err := Load(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
}

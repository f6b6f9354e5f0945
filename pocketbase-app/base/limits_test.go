package base_test

import (
	"fmt"
	"testing"
	"time"

	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/basetest"
)

func TestLimitsGrowBackAndStaySmall(t *testing.T) {
	l, now := base.NewLimits(2, time.Minute), basetest.Start
	for i, want := range []bool{true, true, false} {
		if _, wait := l.Take("a", now); (wait == 0) != want {
			t.Errorf("try %d: wait %s", i, wait)
		}
	}
	if _, wait := l.Take("b", now); wait != 0 {
		t.Error("another key waits too")
	}
	now = now.Add(30 * time.Second)
	giveBack, wait := l.Take("a", now)
	if wait != 0 {
		t.Errorf("half a minute gives no try back: %s", wait)
	}
	giveBack()
	if _, wait := l.Take("a", now); wait != 0 {
		t.Error("a try given back is gone")
	}
	for i := range base.MaxBuckets + 10 {
		l.Take(fmt.Sprint(i), now)
	}
	if l.Len() > base.MaxBuckets {
		t.Errorf("%d keys are remembered", l.Len())
	}
}

func TestNetworkOfAnAddress(t *testing.T) {
	if base.Network("2001:db8::1") != base.Network("2001:db8::ffff:2") || base.Network("2001:db8::1") == base.Network("2001:db8:0:1::1") {
		t.Error("IPv6 addresses are not taken by their /64")
	}
	if base.Network("::ffff:192.0.2.1") != "192.0.2.1" || base.Network("192.0.2.1") == base.Network("192.0.2.2") {
		t.Error("IPv4 addresses are not taken one by one")
	}
}

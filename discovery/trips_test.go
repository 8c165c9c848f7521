package discovery

import (
	"fmt"
	"testing"
	"time"
)

func TestTripsMedian(t *testing.T) {
	ms := func(all ...int) (out []time.Duration) {
		for _, n := range all {
			out = append(out, time.Duration(n)*time.Millisecond)
		}
		return out
	}
	for _, tt := range []struct {
		name  string
		heard []time.Duration
		want  time.Duration
		known bool
	}{
		{"nothing heard", nil, 0, false},
		{"too little heard", ms(1, 1), 0, false},
		{"a few", ms(3, 1, 2), 2 * time.Millisecond, true},
		{"one that was late", ms(1, 1, 400, 1, 1), time.Millisecond, true},
		{"slow lately", ms(1, 1, 1, 1, 1, 1, 1, 1, 1, 120, 120, 120, 120, 120), 120 * time.Millisecond, true},
	} {
		trips := newTrips()
		for _, d := range tt.heard {
			trips.add("a", d)
		}
		if got, known := trips.of("a"); got != tt.want || known != tt.known {
			t.Errorf("%s: %v, %v; want %v, %v", tt.name, got, known, tt.want, tt.known)
		}
	}
}

func TestTripsAreBounded(t *testing.T) {
	trips := newTrips()
	for i := range maxEntries + 1 {
		for range tripsNeeded {
			trips.add(fmt.Sprint(i), time.Second)
		}
	}
	if _, known := trips.of(fmt.Sprint(maxEntries)); known || len(trips.last) != maxEntries {
		t.Errorf("%d nodes are remembered", len(trips.last))
	}
	trips.forget("0")
	trips.add("new", time.Second)
	if len(trips.last) != maxEntries || len(trips.last["new"]) != 1 {
		t.Error("a node that is gone leaves no room")
	}
}

func TestTripsOfLivingBoards(t *testing.T) {
	t.Parallel()
	a := start(t, config(t, 1))
	b := start(t, config(t, 2, a.config.Address))
	eventually(t, 20*time.Second, "a knows how far b is", func() bool {
		d := a.Trips()[boardID(2)]
		return d > 0 && d < time.Second
	})
	b.halt()
	eventually(t, 30*time.Second, "b is gone", func() bool { return len(a.Trips()) == 0 })
}

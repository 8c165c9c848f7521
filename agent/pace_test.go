package agent

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/founding"
	"muster/profiles"
)

func TestTripStep(t *testing.T) {
	const ms = time.Millisecond
	for d, want := range map[time.Duration]int{0: 0, 1: 10, 10 * ms: 10, 11 * ms: 50, 100 * ms: 100, 100*ms + 1: 200, time.Second: 1000, time.Minute: 1000} {
		if got := tripStep(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
}

func TestPeriods(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name                string
		profile             time.Duration
		plan                *founding.Plan
		pace                bootstrap.Pace
		heartbeat, election time.Duration
	}{
		{"nothing known", 0, nil, 0, 100 * ms, time.Second},
		{"the fleet's", 0, nil, 500, 500 * ms, 5 * time.Second},
		{"the plan's at founding", 0, &founding.Plan{Heartbeat: 200}, 500, 200 * ms, 2 * time.Second},
		{"a plan that names none", 0, &founding.Plan{}, 500, 100 * ms, time.Second},
		{"the profile's", 150 * ms, &founding.Plan{Heartbeat: 200}, 500, 150 * ms, 7 * time.Second},
	} {
		a := &Agent{fleet: &fleet{profile: &profiles.Profile{Etcd: profiles.Etcd{Heartbeat: tt.profile, Election: 7 * time.Second}}}}
		a.state.Pace = tt.pace
		if h, e := a.periods(tt.plan); h != tt.heartbeat || e != tt.election {
			t.Errorf("%s: %v and %v, want %v and %v", tt.name, h, e, tt.heartbeat, tt.election)
		}
	}
}

// TestPaceOfAFleet founds with one slow disk, which the plan says to all, and lets
// two boards come back with another pace than the third: whoever leads is followed,
// by the boards' etcd alone, one at a time.
func TestPaceOfAFleet(t *testing.T) {
	f := newPacedFleet(t, "one", "two", "three")
	for _, name := range f.names {
		// Not as this machine's disk happens to be.
		d := diskSpeed{P50: 1, P99: 2, Writes: 30}
		if name == "two" {
			d.P99 = 150
		}
		f.opened(t, name, func(s *store) error { return s.write("disk.json", d) })
	}
	first := f.start(t)
	mustHavePlannedPace(t, first)
	for _, r := range first {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range f.names[:2] {
		f.opened(t, name, func(s *store) error {
			b := s.onDisk(t)
			b.Pace = 500
			return s.write("board.json", b)
		})
	}
	mustFollowTheLeader(t, f.start(t))
}

// pacedFleet is the state directories of boards that are started more than once.
type pacedFleet struct {
	names   []string
	at      []netip.Addr
	dir     string
	profile string
}

func newPacedFleet(t *testing.T, names ...string) *pacedFleet {
	t.Helper()
	at := loopback(t, len(names))
	return &pacedFleet{names: names, at: at, dir: t.TempDir(), profile: loopbackProfile(t, len(names), len(names), at[0])}
}

// opened does something with the store of a board that is off.
func (f *pacedFleet) opened(t *testing.T, name string, do func(*store) error) {
	t.Helper()
	s, err := openStore(filepath.Join(f.dir, name, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := do(s); err != nil {
		t.Fatal(err)
	}
}

func (f *pacedFleet) start(t *testing.T) (all []*running) {
	t.Helper()
	for i, name := range f.names {
		all = append(all, power(t, filepath.Join(f.dir, name), name, f.at[i], f.profile))
	}
	return all
}

// isPaced tells whether a board is one of three voters whose pace is known.
func isPaced(s Status) bool {
	return len(s.Members) == 3 && s.Board.Role == "voter" && s.Fleet.Heartbeat != nil && s.Fleet.Election != nil && s.Board.RestartAsked == nil
}

// mustHavePlannedPace wants the pace that the slow disk of board "two" needs on all, and a warning on that one.
func mustHavePlannedPace(t *testing.T, fleet []*running) {
	t.Helper()
	for _, r := range fleet {
		s := r.status(t, "a voter", isPaced)
		if *s.Fleet.Heartbeat != 200 || *s.Fleet.Election != 2000 || s.Board.Disk == nil {
			t.Errorf("%s: heartbeat %d, election %d, disk %v", r.config.Name, *s.Fleet.Heartbeat, *s.Fleet.Election, s.Board.Disk)
		}
		if slow := len(s.Board.Warnings) == 1 && strings.Contains(s.Board.Warnings[0], "150 ms"); slow != (r.config.Name == "two") {
			t.Errorf("%s warns of %q", r.config.Name, s.Board.Warnings)
		}
	}
}

// mustFollowTheLeader wants boards of two paces to come to one, for which no agent starts anew.
func mustFollowTheLeader(t *testing.T, fleet []*running) {
	t.Helper()
	since := map[string]time.Time{}
	for _, r := range fleet {
		since[r.config.Name] = r.status(t, "back", func(s Status) bool { return s.Board.Role == "voter" }).Board.AgentSince
	}
	agreed := func(s Status) bool {
		leader, again := int64(0), 0
		for _, r := range fleet {
			again += strings.Count(r.log.String(), "etcd here is to start anew: the fleet's heartbeat is")
			o, err := r.client.Status(t.Context())
			if err != nil || !isPaced(o) || leader != 0 && *o.Fleet.Heartbeat != leader {
				return false
			}
			leader = *o.Fleet.Heartbeat
		}
		return again > 0 && (leader == 200 || leader == 500)
	}
	for _, r := range fleet {
		s := r.status(t, "at one pace with the others", agreed)
		if !s.Board.AgentSince.Equal(since[r.config.Name]) {
			t.Errorf("%s: the agent started anew", r.config.Name)
		}
	}
}

package containers

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	bootProfile  = "/boot/firmware/muster.yaml"
	placeProfile = "/etc/muster/profile.yaml"
)

// newProfile lets the agent on a board write a profile, as an owner does.
func newProfile(t testing.TB, b *Board, args ...string) []byte {
	t.Helper()
	return []byte(run(t, b, "agent", append([]string{"profile", "new"}, args...)...) + "\n")
}

// secretOf is the secret in a profile, without the prefix that all have, which a mask would leave.
func secretOf(profile []byte) string {
	return string(regexp.MustCompile(`mst1-([A-Za-z0-9_-]+)`).FindSubmatch(profile)[1])
}

// TestFleet is the life of four boards, from the first boot on. Each part goes on where the one before ended. Two were
// flashed with one image and two with another, as in every fleet that changes to the next Debian board by board.
func TestFleet(t *testing.T) {
	older, newer := installed(t, suite), installed(t, newest)
	f := New(t, 4, older)
	all := f.Boards()
	for _, b := range all[2:] {
		b.Flash(newer)
	}
	f.Board(1).On()
	profile := newProfile(t, f.Board(1), "--cluster", "lab", "--boards", "4")
	f.Board(1).Off()
	f.Board(1).Wipe()
	for _, b := range all {
		// An image has an empty machine-id; systemd makes one at the first boot.
		b.Put("/etc/machine-id", nil, 0o444)
		b.Put(bootProfile, profile, 0o644)
	}
	f.On()
	founded := awaitPlaces(t, "founded from power on", 3, all...)

	for _, part := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"flashed", func(t *testing.T) { mustBeFlashed(t, all, profile, founded) }},
		{"at home", func(t *testing.T) {
			// One of each Debian.
			mustBeAtHome(t, all[0])
			mustBeAtHome(t, all[len(all)-1])
		}},
		{"reboot", func(t *testing.T) {
			// Of the leader, which hands its leadership over before it goes, and gives its turn back in its next boot:
			// what follows needs it.
			leader := leaderOf(t, all)
			w := f.write(all...)
			leader.Reboot()
			mustBeSame(t, founded, awaitPlaces(t, "after a reboot", 3, all...))
			w.stop()
			eventually(t, "its turn is given back", func(ctx context.Context) error {
				_, err := try(ctx, leader, "journalctl", "--boot", "--unit", "muster", "--grep", "the turn is given back; the next board may go")
				return err
			})
		}},
		{"two stopped at once", func(t *testing.T) {
			restartTwo(t, f)
			mustBeSame(t, founded, awaitPlaces(t, "after the restarts", 3, all...))
		}},
		{"upgrade", func(t *testing.T) {
			upgradeAll(t, f)
			mustBeSame(t, founded, awaitPlaces(t, "after the upgrade", 3, all...))
		}},
		{"power cut", func(t *testing.T) {
			f.Board(3).Cut()
			f.Board(3).On()
			mustBeSame(t, founded, awaitPlaces(t, "after a power cut", 3, all...))
		}},
		{"remove", func(t *testing.T) { removePackage(t, f.Board(1), founded[0]); awaitPlaces(t, "back again", 3, all...) }},
		{"leave", func(t *testing.T) { leaveAndBack(t, f, f.Board(2), profile) }},
		{"purge", func(t *testing.T) { purge(t, f, f.Board(3)) }},
	} {
		if !t.Run(part.name, part.run) {
			return
		}
	}
}

// mustBeFlashed looks at what a first boot has left behind.
func mustBeFlashed(t *testing.T, all []*Board, profile []byte, founded []status) {
	ids, machines := map[string]bool{}, map[string]bool{}
	for i, b := range all {
		ids[founded[i].Board.ID], machines[run(t, b, "cat", "/etc/machine-id")] = true, true
		if got := run(t, b, "stat", "-c", "%a %U:%G", placeProfile); got != "640 root:_muster" {
			t.Errorf("board %d: the profile is %s", b.Index, got)
		}
		if _, _, code := b.Run(t.Context(), "grep", "-rqFe", secretOf(profile), "/boot"); code != 1 {
			t.Errorf("board %d: the secret is still on the boot partition: grep exits %d", b.Index, code)
		}
		if got := run(t, b, "stat", "-c", "%a %U", "/var/lib/muster"); got != "700 _muster" {
			t.Errorf("board %d: the state directory is %s", b.Index, got)
		}
		if got := run(t, b, "systemctl", "status", "--no-pager", "muster"); !strings.Contains(got, founded[i].Board.State) {
			t.Errorf("board %d: systemctl status does not say %s:\n%s", b.Index, founded[i].Board.State, got)
		}
		if got, _, _ := b.Run(t.Context(), "systemctl", "is-system-running"); got != "running\n" {
			t.Errorf("board %d is %s: %s", b.Index, got, run(t, b, "systemctl", "--failed", "--no-legend"))
		}
	}
	if len(ids) != len(all) || len(machines) != len(all) {
		t.Errorf("board IDs %v, machine-ids %v, want one for each of %d boards", ids, machines, len(all))
	}
	list := run(t, all[0], "sh", "-c", `vars=$(agent env) && eval "$vars" && etcdctl member list && etcdctl put from etcdctl`)
	if strings.Count(list, "started") != 3 {
		t.Errorf("stock etcdctl lists:\n%s", list)
	}
	if got := run(t, all[3], "agent", "etcdctl", "get", "--print-value-only", "from"); got != "etcdctl" {
		t.Errorf("read back %q", got)
	}
}

// mustBeSame wants the cluster and the boards to be those of before.
func mustBeSame(t *testing.T, before, after []status) {
	t.Helper()
	for i := range before {
		if before[i].clusterID() != after[i].clusterID() || before[i].Board.ID != after[i].Board.ID {
			t.Errorf("was %v, is %v", before[i], after[i])
		}
	}
}

// leaderOf is the board whose member leads.
func leaderOf(t *testing.T, all []*Board) *Board {
	t.Helper()
	s, err := view(t.Context(), all[0])
	if err != nil || s.Cluster.Leader == nil {
		t.Fatalf("no leader: %v, %v", s, err)
	}
	for _, b := range all {
		if b.Hostname() == *s.Cluster.Leader {
			return b
		}
	}
	t.Fatalf("the leader is %s, which is no board", *s.Cluster.Leader)
	return nil
}

// restartTwo has somebody restart the service of the leader and of another voter in the same second while a client
// writes. systemd ends both; the agent whose turn is the second waits for the first to be well again.
func restartTwo(t *testing.T, f *Fleet) {
	leader := leaderOf(t, f.Boards())
	two := []*Board{leader}
	seen, err := views(t.Context(), f.Boards())
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range f.Boards() {
		if b != leader && seen[i].Board.Role == "voter" && len(two) < 2 {
			two = append(two, b)
		}
	}
	w := f.write(f.Boards()...)
	each(t, two, func(b *Board) error {
		begin := time.Now()
		_, err := try(t.Context(), b, "systemctl", "restart", "muster")
		t.Logf("board %d: its service was restarted after %v", b.Index, time.Since(begin).Round(time.Millisecond))
		return err
	})
	awaitPlaces(t, "both are back", 3, f.Boards()...)
	w.stop()
}

// upgradeAll upgrades every board in the same second while a client writes.
func upgradeAll(t *testing.T, f *Fleet) {
	w := f.write(f.Boards()...)
	for _, b := range f.Boards() {
		b.PutFile("/root/muster.deb", debPath(secondVersion), 0o644)
	}
	each(t, f.Boards(), func(b *Board) error {
		_, err := try(t.Context(), b, "apt-get", "install", "--yes", "/root/muster.deb")
		return err
	})
	eventually(t, "every board runs the new version", func(ctx context.Context) error {
		seen, err := views(ctx, f.Boards())
		for _, s := range seen {
			if err == nil && s.Board.Version != secondVersion {
				err = fmt.Errorf("still %v", s)
			}
		}
		return err
	})
	awaitPlaces(t, "and the cluster is whole", 3, f.Boards()...)
	w.stop()
}

// removePackage removes the package from a board and installs it again: that is not leaving the cluster.
func removePackage(t *testing.T, b *Board, before status) {
	run(t, b, "apt-get", "remove", "--yes", "muster")
	for _, path := range []string{placeProfile, "/var/lib/muster/board.json"} {
		run(t, b, "test", "-s", path)
	}
	if got := run(t, b, "ps", "-e", "-o", "comm="); strings.Contains(got, "agent") {
		t.Errorf("an agent runs on without its package:\n%s", got)
	}
	install(t, b, secondVersion)
	mustShow(t, b, map[string]string{"ActiveState": "active", "UnitFileState": "enabled"})
	eventually(t, "the board that it was", func(ctx context.Context) error {
		s, err := view(ctx, b)
		if err == nil && s.Board.ID != before.Board.ID {
			t.Fatalf("was %v, is %v", before, s)
		}
		return err
	})
}

// leaveAndBack takes a board out by order, which holds over a reboot, and brings it back.
func leaveAndBack(t *testing.T, f *Fleet, b *Board, profile []byte) {
	run(t, b, "agent", "leave", "--yes")
	out := map[string]string{"ActiveState": "inactive", "UnitFileState": "disabled"}
	mustShow(t, b, out)
	if got := run(t, b, "ps", "-e", "-o", "comm="); strings.Contains(got, "agent") {
		t.Errorf("an agent runs on a board that has left:\n%s", got)
	}
	var others []*Board
	for _, other := range f.Boards() {
		if other != b {
			others = append(others, other)
		}
	}
	awaitPlaces(t, "the standby has its seat", 3, others...)
	b.Reboot()
	mustShow(t, b, out)
	fails(t, b, 3, []string{"hint"}, "agent", "status")

	b.Put("/root/lab.yaml", profile, 0o600)
	run(t, b, "agent", "join", "--profile", "/root/lab.yaml")
	mustShow(t, b, map[string]string{"ActiveState": "active", "UnitFileState": "enabled"})
	awaitPlaces(t, "all four again", 3, f.Boards()...)
}

// purge takes the package and all it had off a board. The others go on.
func purge(t *testing.T, f *Fleet, b *Board) {
	run(t, b, "apt-get", "purge", "--yes", "muster")
	for _, path := range []string{"/etc/muster", "/var/lib/muster", "/run/muster", "/usr/bin/agent"} {
		if out, _, code := b.Run(t.Context(), "ls", "-lA", path); code == 0 {
			t.Errorf("%s is still there: %s", path, out)
		}
	}
	run(t, b, "getent", "passwd", "_muster")
	run(t, b, "test", "-d", "/boot/firmware")
	if got := run(t, b, "systemctl", "--failed", "--no-legend"); got != "" {
		t.Errorf("failed units: %s", got)
	}
	run(t, f.Board(1), "agent", "etcdctl", "put", "after", "purge")
}

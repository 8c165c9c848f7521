package integration

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

func TestFoundAgreed_FourBoardsThreeVoters(t *testing.T) {
	f := newFleet(t, 4)
	f.join(f.newProfile("--cluster", "lab", "--boards", "4", "--voters", "3", "--seed", f.Board(1).Address()), f.Boards()...)
	seen := f.await("four boards, three voters and a standby, from the last agent's start", f.Boards(), settled(3, 1))

	for i, b := range f.Boards() {
		t.Run(fmt.Sprintf("etcdctl on board %d, a %s", b.Index, seen[i].Board.Role), func(t *testing.T) {
			f := &fleet{f.Lab, t}
			key, value := fmt.Sprintf("from-board-%d", b.Index), strings.Repeat("v", b.Index)
			f.etcdctl(b, "put", key, value)
			f.mustHold(b, key, value)
			f.stockEtcdctl(b, "put", "stock-"+key, value)
			f.mustHold(b, "stock-"+key, value)
			for _, list := range []string{f.etcdctl(b, "member", "list"), f.stockEtcdctl(b, "member", "list")} {
				if started := strings.Count(list, ", started, "); started != 3 || strings.Count(list, "https://") < 6 {
					t.Errorf("member list shows %d started members, want 3 with https URLs:\n%s", started, list)
				}
			}
			for _, verb := range [][]string{{"endpoint", "status"}, {"endpoint", "health"}} {
				f.etcdctl(b, verb...)
				f.stockEtcdctl(b, verb...)
			}
		})
	}
	f.checkClient(seen)
}

func TestFoundAgreed_OneBoard(t *testing.T) {
	f := newFleet(t, 1)
	f.join(profile{cluster: "alone", secret: f.newSecret(), boards: 1, voters: 1}.yaml(), f.Board(1))
	f.await("a fleet of one", f.Boards(), settled(1, 0))
	f.etcdctl(f.Board(1), "put", "k", "v")
	f.mustHold(f.Board(1), "k", "v")
}

func TestFoundAgreed_WithoutSeeds(t *testing.T) {
	f := newFleet(t, 3)
	f.join(profile{cluster: "mdns", secret: f.newSecret(), boards: 3, voters: 3}.yaml(), f.Boards()...)
	f.await("three boards that know no address, by mDNS only", f.Boards(), settled(3, 0))
}

func TestFoundAgreed_IPv6(t *testing.T) {
	f := newFleet(t, 4)
	p := profile{cluster: "six", secret: f.newSecret(), boards: 4, voters: 3, seeds: []string{`"fd77::b"`}, cidr: "fd77::/64"}
	f.join(p.yaml(), f.Boards()...)
	for _, s := range f.await("four boards that advertise IPv6", f.Boards(), settled(3, 1)) {
		for _, m := range s.Members {
			if len(m.PeerURLs) != 1 || !strings.HasPrefix(m.PeerURLs[0], "https://[fd77::") {
				t.Errorf("%s listens for peers at %v", m.Name, m.PeerURLs)
			}
		}
	}
	for _, b := range f.Boards() {
		f.stockEtcdctl(b, "put", b.Hostname, "v")
		f.mustHold(f.Board(1), b.Hostname, "v")
	}
}

func TestFoundAgreed_SameHostnameAndMachineID(t *testing.T) {
	f := newFleet(t, 3, boards.WithHostname("raspberrypi"), boards.WithMachineID("0123456789abcdef0123456789abcdef"))
	f.join(profile{cluster: "pi", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml(), f.Boards()...)
	// settled also wants the names of the members to differ.
	seen := f.await("three boards named raspberrypi", f.Boards(), settled(3, 0))
	for _, s := range seen {
		if !strings.HasPrefix(s.Board.Name, "raspberrypi") {
			t.Errorf("board name %q, want the host name with a suffix at most", s.Board.Name)
		}
	}
	mustDiffer(t, seen)
}

// mustDiffer wants each board to have an ID of its own.
func mustDiffer(t *testing.T, seen []status) {
	t.Helper()
	ids := map[string]bool{}
	for _, s := range seen {
		if ids[s.Board.ID] || s.Board.ID == "" {
			t.Errorf("board ID %q is not unique", s.Board.ID)
		}
		ids[s.Board.ID] = true
	}
}

// Boards of one image whose network cards come after their agents begin with one and the same ID.
func TestFoundAgreed_SameMachineIDAndNetworkCardsThatComeLate(t *testing.T) {
	f := newFleet(t, 3, boards.WithMachineID("0123456789abcdef0123456789abcdef"))
	for _, b := range f.Boards() {
		b.TakeCard()
	}
	f.join(profile{cluster: "late", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml(), f.Boards()...)
	alone := f.await("no board has an address", f.Boards(), inState("idle/no-address"))
	if alone[0].Board.ID != alone[1].Board.ID || alone[1].Board.ID != alone[2].Board.ID {
		t.Errorf("%s, %s and %s: they can be told apart already, so this test shows nothing", alone[0].Board.ID, alone[1].Board.ID, alone[2].Board.ID)
	}
	for _, b := range f.Boards() {
		b.PutCard()
	}
	seen := f.await("three voters", f.Boards(), settled(3, 0))
	mustDiffer(t, seen)
	// The ID is kept, and no board takes its own past for another one.
	f.Board(2).PowerCut()
	f.start(f.Board(2))
	again := f.await("back", f.Boards(), settled(3, 0))
	if again[1].Board.ID != seen[1].Board.ID {
		t.Errorf("board %s came back as %s", seen[1].Board.ID, again[1].Board.ID)
	}
	f.mustNeverHaveHeld(f.Boards()...)
}

func TestFoundAgreed_TwoClustersOnOneNetwork(t *testing.T) {
	f := newFleet(t, 6)
	// The hardest neighbours: the same secret, and each fleet's seeds name the other's first board too.
	p := profile{cluster: "left", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address(), f.Board(4).Address()}}
	left, right := f.pick(1, 2, 3), f.pick(4, 5, 6)
	f.join(p.yaml(), left...)
	p.cluster = "right"
	f.join(p.yaml(), right...)
	one := f.await("the left cluster", left, settled(3, 0))[0].clusterID()
	other := f.await("the right cluster", right, settled(3, 0))[0].clusterID()
	if one == other {
		t.Fatalf("both are cluster %s", one)
	}
	f.etcdctl(f.Board(1), "put", "side", "left")
	f.etcdctl(f.Board(4), "put", "side", "right")
	f.throughout("the left cluster keeps to itself", 4*time.Second, left, all(seesAlive(3), oneCluster(one)))
	f.throughout("the right cluster keeps to itself", 4*time.Second, right, all(seesAlive(3), oneCluster(other)))
	f.mustHold(f.Board(2), "side", "left")
	f.mustHold(f.Board(5), "side", "right")
}

func TestFoundWaiting_SixBoardsCutInHalf(t *testing.T) {
	f := newFleet(t, 6)
	f.Split(4, 5, 6)
	p := profile{cluster: "six", secret: f.newSecret(), boards: 6, voters: 3, seeds: []string{f.Board(1).Address(), f.Board(4).Address()}}
	f.join(p.yaml(), f.Boards()...)

	waiting := all(inState("found/waiting"), seesAlive(3), nothingFounded)
	seen := f.await("each half sees itself and waits", f.Boards(), waiting)
	for _, s := range seen {
		// Three are here and the quorum is max(3, 6/2+1) = 4.
		if s.Fleet.FoundingQuorum != 4 || !regexp.MustCompile(`\b(1|one)\b`).MatchString(s.Board.Why) {
			t.Errorf("quorum %d, why %q: want 4 and how many are missing", s.Fleet.FoundingQuorum, s.Board.Why)
		}
	}
	f.throughout("neither half founds", 8*time.Second, f.Boards(), waiting)

	f.Heal()
	f.await("one cluster after the cut is healed", f.Boards(), settled(3, 3))
}

func TestFoundWaiting_WrongSecret(t *testing.T) {
	f := newFleet(t, 5)
	fleetOfFour, stranger := f.pick(1, 2, 3, 4), f.pick(5)
	p := profile{cluster: "lab", secret: f.newSecret(), boards: 4, voters: 3, seeds: []string{f.Board(1).Address()}}
	f.join(p.yaml(), fleetOfFour...)
	p.secret = f.newSecret()
	f.join(p.yaml(), stranger...)

	id := f.await("four boards with one secret", fleetOfFour, settled(3, 1))[0].clusterID()
	saysWhy := func(views []status) error {
		if why := views[0].Board.Why; !strings.Contains(why, "secret") {
			return fmt.Errorf("why %q: want a word about the secret", why)
		}
		return nil
	}
	f.await("the fifth board says why it stays out", stranger, all(saysWhy, nothingFounded))
	f.throughout("it stays out", 4*time.Second, stranger, all(saysWhy, nothingFounded, seesAlive(1)))
	f.throughout("the others do not mind", 2*time.Second, fleetOfFour, all(settled(3, 1), seesAlive(4), oneCluster(id)))
}

func TestFoundNever_BoardAlone(t *testing.T) {
	f := newFleet(t, 1)
	// boards: 1 would be enough to found, so that nothing but the word "never" is in the way.
	f.join(profile{cluster: "late", secret: f.newSecret(), boards: 1, voters: 1, never: true}.yaml(), f.Board(1))
	f.await("it says that it never founds", f.Boards(), all(inState("found/never"), nothingFounded))
	f.throughout("it founds nothing", 4*time.Second, f.Boards(), all(inState("found/never"), nothingFounded))
}

func TestFoundTooMany_MoreBoardsThanTheProfileAllows(t *testing.T) {
	f := newFleet(t, 4)
	// The quorum is max(1, 3/2+1) = 2, the limit 2*2-1 = 3. Three boards whose profiles differ, so that none of them
	// can found with another, gather first: the fourth meets all of them at once.
	p := profile{cluster: "crowd", secret: f.newSecret(), voters: 1, seeds: []string{f.Board(1).Address()}}
	for i, b := range f.pick(1, 2, 3) {
		p.boards = 4 + i
		f.join(p.yaml(), b)
	}
	f.await("three boards that cannot found", f.pick(1, 2, 3), all(seesAlive(3), nothingFounded))
	p.boards = 3
	f.join(p.yaml(), f.Board(4))

	tooMany := all(inState("found/too-many"), seesAlive(4), func(views []status) error {
		if why := views[0].Board.Why; !strings.Contains(why, "boards") {
			return fmt.Errorf("why %q: want it to say that boards must be raised", why)
		}
		return nil
	})
	f.await("the fourth holds", f.pick(4), tooMany)
	f.throughout("it founds nothing", 4*time.Second, f.pick(4), tooMany)
	f.throughout("nobody does", time.Second, f.Boards(), nothingFounded)
}

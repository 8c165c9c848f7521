package integration

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

// mover is a fleet of three voters and a standby with a writer on it, of which boards move.
type mover struct {
	*fleet
	cast
	before listed
	w      *writer
}

func newMover(t *testing.T) *mover {
	t.Helper()
	f := newFleet(t, 4)
	_, c := f.found(profile{cluster: "lab", boards: 4, voters: 3})
	return &mover{f, c, f.list(c.leader), f.write(c.voters...)}
}

// settle waits until the same members are listed where their boards are now, and all of them are well.
func (m *mover) settle() {
	m.t.Helper()
	m.w.through(m.voters...)
	m.awaitList("the same members where the boards are now", m.standbys[0], sameIDs(m.before), votersAre(3), listsOnly(m.voters...))
	m.await("all are well", m.Boards(), all(settled(3, 1), oneCluster(m.before.cluster()), whereTheyAre(m.Boards())))
}

// end is the end of a scenario in which nothing is lost and nothing set aside.
func (m *mover) end() {
	m.t.Helper()
	m.w.stop()
	m.mustKeep(0, m.Boards()...)
	m.mustNeverHaveHeld(m.Boards()...)
	m.sameData(m.leader)
}

// whereTheyAre wants every board to say the address that it has.
func whereTheyAre(on []*boards.Board) condition {
	return func(views []status) error {
		for i, s := range views {
			if got := deref(s.Board.Address); got != on[i].Address() {
				return fmt.Errorf("%s says that it is at %q, it is at %s", s.Board.Name, got, on[i].Address())
			}
		}
		return nil
	}
}

func network(text string) netip.Prefix { return netip.MustParsePrefix(text) }

// TestMoved_Follower also wants the clients of the other members to notice nothing.
func TestMoved_Follower(t *testing.T) {
	m := newMover(t)
	b := m.followers[0]
	others := m.write(without(m.voters, b)...)
	b.SetAddress(network("10.77.3.4/16"))
	m.settle()
	others.mustHaveFailedNone()
	m.end()
	m.mustHaveBeen("moved", b)
}

func TestMoved_Leader(t *testing.T) {
	m := newMover(t)
	m.leader.SetAddress(network("10.77.3.4/16"))
	m.settle()
	m.end()
	m.mustHaveBeen("moved", m.leader)
}

func TestMoved_Standby(t *testing.T) {
	m := newMover(t)
	m.standbys[0].SetAddress(network("10.77.3.4/16"))
	m.settle()
	m.w.stop()
	m.etcdctl(m.standbys[0], "put", "through", "the standby")
	m.mustHold(m.leader, "through", "the standby")
}

func TestMoved_WhileOff(t *testing.T) {
	m := newMover(t)
	b := m.followers[0]
	b.PowerCut()
	b.SetAddress(network("10.77.3.4/16"))
	m.start(b)
	m.settle()
	m.end()
}

func TestMoved_TwoSwapAddresses(t *testing.T) {
	m := newMover(t)
	m.SwapAddresses(m.leader.Index, m.followers[0].Index)
	m.settle()
	m.end()
}

// TestMoved_ComesBack moves a board and takes it back, once before and once after the fleet has followed.
func TestMoved_ComesBack(t *testing.T) {
	m := newMover(t)
	b := m.followers[0]
	home, away := network(b.Address()+"/16"), network("10.77.3.4/16")
	b.SetAddress(away)
	m.settle()
	b.SetAddress(home)
	m.settle()
	// The agent's word is what is raced against here.
	b.SetAddress(away)
	m.await("the agent has seen the new address", []*boards.Board{b}, whereTheyAre([]*boards.Board{b}))
	b.SetAddress(home)
	m.settle()
	m.end()
}

func TestMoved_Flap(t *testing.T) {
	m := newMover(t)
	m.leader.Flap(5*time.Second, 250*time.Millisecond)
	m.settle()
	m.end()
}

func TestMoved_FlapForAMinute(t *testing.T) {
	long(t)
	m := newMover(t)
	for _, b := range m.voters {
		b.Flap(20*time.Second, time.Second)
	}
	m.settle()
	m.end()
}

// TestMoved_DHCP takes the address from a board and gives it another one, as a server does that refuses a renewal.
func TestMoved_DHCP(t *testing.T) {
	f := newFleet(t, 3)
	d := f.ServeDHCP()
	for i, b := range f.Boards() {
		d.Lease(b, netip.AddrFrom4([4]byte{10, 77, 5, byte(1 + i)}))
	}
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3})
	before := f.list(c.leader)
	w := f.write(f.Boards()...)
	for i, b := range []*boards.Board{c.followers[0], c.leader} {
		d.Lease(b, netip.AddrFrom4([4]byte{10, 77, 6, byte(1 + i)}))
		w.through(f.Boards()...)
		f.awaitList("the same members where the boards are now", c.followers[1], sameIDs(before), votersAre(3), listsOnly(f.Boards()...))
	}
	f.await("all are well", f.Boards(), all(settled(3, 0), oneCluster(before.cluster()), whereTheyAre(f.Boards())))
	w.stop()
	f.mustKeep(0, f.Boards()...)
	f.sameData(c.leader)
}

func TestMoved_IPv6(t *testing.T) {
	f := newFleet(t, 3)
	_, c := f.found(profile{cluster: "six", boards: 3, voters: 3, seeds: []string{`"fd77::b"`}, cidr: "fd77::/64"})
	before := f.list(c.leader)
	w := f.writeTo(c.leader, f.memberClients(t.Context(), c.leader))
	f.eventually("writes flow", atLeastSoon(w, writerFlow))
	c.followers[0].SetAddress6(network("fd77::99/64"))
	f.eventually("the same members, one of them elsewhere", func(ctx context.Context) error {
		list, err := memberList(ctx, c.leader)
		if err == nil {
			err = sameIDs(before)(list)
		}
		if err == nil && strings.Count(list.String(), "https://[fd77::99]:2380") != 1 {
			err = fmt.Errorf("nobody is at fd77::99: %v", list)
		}
		return err
	})
	f.await("all are well", f.Boards(), all(settled(3, 0), oneCluster(before.cluster())))
	f.etcdctl(c.followers[0], "put", "k", "v")
	f.mustHold(c.leader, "k", "v")
	w.Through(f.memberClients(t.Context(), c.leader)...)
	more := w.Acknowledged() + writerFlow
	f.eventually("writes afterwards", atLeastSoon(w, more))
	w.stop()
	f.mustKeep(0, f.Boards()...)
	f.sameData(c.leader)
}

// TestMovedAll_Majority moves two of three voters at once: the third alone is no quorum.
func TestMovedAll_Majority(t *testing.T) {
	m := newMover(t)
	m.leader.SetAddress(network("10.77.3.1/16"))
	m.followers[0].SetAddress(network("10.77.3.2/16"))
	m.settle()
	m.end()
}

func TestMovedAll_Running(t *testing.T) {
	m := newMover(t)
	begin := time.Now()
	m.Move(network("10.78.0.0/16"), m.Boards()...)
	m.settle()
	t.Logf("all were back %v after they moved (aim: 15s)", time.Since(begin).Round(100*time.Millisecond))
	m.end()
	m.mustHaveBeen("moved/all", m.voters...)
}

// TestMovedAll_WhileOff is a lab that was switched off, carried to another network, and switched on.
func TestMovedAll_WhileOff(t *testing.T) {
	m := newMover(t)
	m.PowerCut()
	m.Move(network("192.168.7.0/24"), m.Boards()...)
	for _, b := range m.Boards() {
		m.start(b)
	}
	m.settle()
	m.end()
	m.mustHaveBeen("moved/all", m.voters...)
	// Once more without a move: what was corrected stays so.
	m.PowerCut()
	for _, b := range m.Boards() {
		m.start(b)
	}
	m.await("back after a power cut of all", m.Boards(), all(settled(3, 1), oneCluster(m.before.cluster())))
	m.awaitList("as before", m.leader, sameIDs(m.before), listsOnly(m.voters...))
}

package etcd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// TestMembership grows a cluster of one to two as a steward does it, with every
// refusal on the way.
func TestMembership(t *testing.T) {
	t.Parallel()
	all := members(t, 3, certificates(t))
	first, second, third := all[0], all[1], all[2]
	first.InitialCluster = first.Name + "=" + first.PeerURL
	started, ready := spawnAll(t, []Config{first})
	cluster := ready[0].ClusterID
	c := dial(t, first)
	put(t, c, "key", "value")

	wants(t, "a second member at the same URL", ErrPeerURLTaken, func() error {
		_, err := c.AddLearner(t.Context(), first.PeerURL)
		return err
	}())
	wants(t, "removal of nobody", ErrNoSuchMember, c.Remove(t.Context(), "deadbeef"))
	wants(t, "promotion of nobody", ErrNoSuchMember, c.Promote(t.Context(), "deadbeef"))
	wants(t, "update of nobody", ErrNoSuchMember, c.UpdatePeerURL(t.Context(), "deadbeef", third.PeerURL))
	if err := c.Remove(t.Context(), "no ID"); err == nil {
		t.Error("something that is no ID is removed")
	}

	id, err := c.AddLearner(t.Context(), second.PeerURL)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, "a second learner", ErrTooManyLearners, func() error {
		_, err := c.AddLearner(t.Context(), third.PeerURL)
		return err
	}())
	wants(t, "promotion of a learner that never ran", ErrNotInSync, c.Promote(t.Context(), id))

	second.State, second.WantMember, second.WantCluster = "existing", id, cluster
	second.InitialCluster = fmt.Sprintf("%s=%s,a=%s", second.Name, second.PeerURL, first.PeerURL)
	refusedJoins(t, second, third.PeerURL)
	ch := spawn(t, second)
	if e := next(t, ch, EventStarted); e.MemberID != id || e.ClusterID != cluster {
		t.Fatalf("joined as %s of %s, want %s of %s", e.MemberID, e.ClusterID, id, cluster)
	}
	next(t, ch, EventReady)
	if err := ch.Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	stored(t, second, id, cluster, true)

	ch = spawn(t, restarted(second))
	next(t, ch, EventStarted)
	next(t, ch, EventReady)
	promoted(t, c, id)
	if list := membersOf(t, c); len(list) != 2 || slices.ContainsFunc(list, func(m Member) bool { return m.Learner || !m.Started }) {
		t.Errorf("members %+v, want two voters", list)
	}
	if err := c.Promote(t.Context(), id); err == nil || errors.Is(err, ErrNotInSync) {
		t.Errorf("promotion of a voter: %v", err)
	}
	led(t, c, []Config{first, second}, []*Child{started[0], ch}, []string{ready[0].MemberID, id})
}

// refusedJoins are starts of a member that has not joined yet which must end and
// leave no log behind.
func refusedJoins(t *testing.T, c Config, stranger string) {
	t.Helper()
	list := with(c, func(c *Config) { c.InitialCluster += ",b=" + stranger })
	if e := ended(t, spawn(t, list)); e.Kind != ExitStartError || e.Cause() != CauseNone {
		t.Errorf("a list that is not the cluster's: ended as %v", e)
	}
	unborn(t, list)
	for _, c := range []Config{
		with(c, func(c *Config) { c.WantMember = "deadbeef" }),
		with(c, func(c *Config) { c.WantCluster = "deadbeef" }),
	} {
		if e := ended(t, spawn(t, c)); e.Kind != ExitForeignIDs || e.Cause() != CauseForeign {
			t.Errorf("foreign IDs: ended as %v", e)
		}
		unborn(t, c)
	}
}

// led hands leadership to the second board, which then is ended without an order.
func led(t *testing.T, c *Client, cs []Config, children []*Child, ids []string) {
	t.Helper()
	if err := c.MoveLeader(t.Context(), cs[1].ClientURL, ids[1]); err == nil {
		t.Error("a follower hands over leadership")
	}
	// A leader that never told anything has nothing to take back.
	reported(t, children[0], "two voters in sync", func(p []Progress) bool {
		return len(p) == 2 && !p[0].Learner && !p[1].Learner && p[0].InSync && p[1].InSync
	})
	if err := c.MoveLeader(t.Context(), cs[0].ClientURL, ids[1]); err != nil {
		t.Error(err)
	}
	for {
		if e := next(t, children[0], EventProgress); e.Progress == nil {
			break
		}
	}
	s, err := c.Status(t.Context(), cs[1].ClientURL)
	if err != nil || s.Leader != ids[1] {
		t.Errorf("the leader is %s (%v), want %s", s.Leader, err, ids[1])
	}
	children[1].Kill()
	if e := children[1].Exit(); e.Kind != ExitKilled || e.Cause() != CauseNone {
		t.Errorf("ended as %v", e)
	}
	stored(t, cs[1], ids[1], "", false)
	children[1].Kill() // once more does no harm
}

// stored wants a member's data to be this learner's or voter's.
func stored(t *testing.T, c Config, id, cluster string, learner bool) {
	t.Helper()
	d, err := Inspect(c.Dir)
	at := slices.IndexFunc(d.Members, func(m Member) bool { return m.ID == id })
	if err != nil || d.State != DataMember || d.MemberID != id || cluster != "" && d.ClusterID != cluster ||
		at < 0 || d.Members[at].Learner != learner || !slices.Equal(d.Members[at].PeerURLs, []string{c.PeerURL}) {
		t.Errorf("data of %s: %+v, %v; want learner %v", id, d, err, learner)
	}
}

// unborn wants no log in the data directory.
func unborn(t *testing.T, c Config) {
	t.Helper()
	if d, err := Inspect(c.Dir); err != nil || d.State != DataEmpty && d.State != DataUnborn {
		t.Errorf("it left data: %+v, %v", d, err)
	}
}

// promoted promotes a learner as soon as it is in sync.
func promoted(t *testing.T, c *Client, id string) {
	t.Helper()
	eventually(t, "the learner is promoted", func() bool {
		err := c.Promote(t.Context(), id)
		if err != nil && !errors.Is(err, ErrNotInSync) && !errors.Is(err, ErrUnhealthy) {
			t.Fatal(err)
		}
		return err == nil
	})
}

func membersOf(t *testing.T, c *Client) []Member {
	t.Helper()
	list, err := c.Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list.Members
}

func put(t *testing.T, c *Client, key, value string) {
	t.Helper()
	if _, err := c.c.Put(t.Context(), key, value); err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, what string, want, err error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// TestFence: no write gets through, and neither the fence nor what it refuses
// leaves a trace in the store.
func TestFence(t *testing.T) {
	t.Parallel()
	cs := members(t, 1, TLSFiles{})
	spawnAll(t, cs)
	c := dial(t, cs[0])
	fenced := func(want bool, revision int64) {
		t.Helper()
		if got, err := c.Fenced(t.Context()); err != nil || got != want {
			t.Errorf("fenced: %v, %v, want %v", got, err, want)
		}
		if got, err := c.Revision(t.Context()); err != nil || got != revision {
			t.Errorf("revision: %d, %v, want %d", got, err, revision)
		}
	}
	fenced(false, 1)
	for range 2 {
		if err := c.Fence(t.Context()); err != nil {
			t.Fatal(err)
		}
		fenced(true, 1)
	}
	if _, err := c.c.Put(t.Context(), "key", "value"); err == nil || !strings.Contains(err.Error(), "space exceeded") {
		t.Errorf("a put behind the fence: %v", err)
	}
	if _, err := c.c.Delete(t.Context(), "key"); err != nil {
		t.Errorf("a deletion behind the fence: %v", err)
	}
	fenced(true, 1)
	for range 2 {
		if err := c.Unfence(t.Context()); err != nil {
			t.Fatal(err)
		}
		fenced(false, 1)
	}
	put(t, c, "key", "value")
	fenced(false, 2)
}

// TestUnheard: a child whose events nobody takes does not stand still, and the
// newest are kept.
func TestUnheard(t *testing.T) {
	t.Parallel()
	script := `for i in $(seq 100); do echo '{"event":"progress","progress":[{"member":"'$i'"}]}'; done; exit 73`
	ch, err := Spawn([]string{"/bin/sh", "-c", script}, Config{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if e := ended(t, ch); e.Kind != ExitStopped {
		t.Errorf("ended as %v", e)
	}
	var got []Event
	for e := range ch.Events() {
		got = append(got, e)
	}
	if len(got) != eventRoom || got[len(got)-1].Kind != EventStopped {
		t.Fatalf("%d events, the last %+v", len(got), got[len(got)-1])
	}
	for i, e := range got[:len(got)-1] {
		if want := fmt.Sprint(100 - len(got) + 2 + i); e.Kind != EventProgress || len(e.Progress) != 1 || e.Progress[0].Member != want {
			t.Errorf("event %d is %+v, want of member %s", i, e, want)
		}
	}
}

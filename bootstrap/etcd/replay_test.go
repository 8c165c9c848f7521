package etcd

import (
	"os"
	"slices"
	"testing"

	"go.etcd.io/etcd/server/v3/storage/datadir"
)

// wayside moves members by orderly updates, to addresses where nobody listens,
// and then takes their databases back to before: what a power cut leaves when the
// updates were in the log and not yet in the database.
func wayside(t *testing.T, cs []Config, ready []Event) (urls map[string]string) {
	t.Helper()
	before := map[string][]byte{}
	for _, c := range cs {
		db, err := os.ReadFile(datadir.ToBackendFileName(c.Dir))
		if err != nil {
			t.Fatal(err)
		}
		before[c.Dir] = db
	}
	var again []Config
	for _, c := range cs {
		again = append(again, restarted(c))
	}
	children, _ := spawnAll(t, again)
	_, urls = moved(t, cs, ready)
	c := dial(t, cs...)
	for id, url := range urls {
		if err := c.UpdatePeerURL(t.Context(), id, url); err != nil {
			t.Fatal(err)
		}
	}
	// Told after orderly updates too, by each of them.
	for _, ch := range children {
		toldOf(t, ch, Event{}, urls)
	}
	for i, ch := range children {
		// In order: what is committed is in the log of a server that was killed only
		// as of the last write that it had to sync.
		if err := ch.Stop(soon(t)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(datadir.ToBackendFileName(cs[i].Dir), before[cs[i].Dir], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return urls
}

// toldOf waits until a child, of which e was heard last, has told this list.
func toldOf(t *testing.T, ch *Child, e Event, urls map[string]string) {
	t.Helper()
	for !at(e.Members, urls) {
		e = next(t, ch, EventMembers)
	}
}

// at says that the list has these members at these addresses.
func at(list []Member, urls map[string]string) bool {
	return len(list) == len(urls) && !slices.ContainsFunc(list, func(m Member) bool { return !slices.Equal(m.PeerURLs, []string{urls[m.ID]}) })
}

// TestReaddressReplayed: the log holds updates of addresses that the database did
// not take in yet, and they are replayed over a rewriting; but only once.
func TestReaddressReplayed(t *testing.T) {
	t.Parallel()
	cs := members(t, 3, certificates(t))
	children, ready := spawnAll(t, cs)
	put(t, dial(t, cs...), "key", "kept")
	for _, ch := range children {
		if err := ch.Stop(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	past := wayside(t, cs, ready)
	there, urls := moved(t, cs, ready)
	// One by one: those that find each other before they have replayed their logs
	// have a quorum.
	for i, c := range there {
		c.HoldAddresses = true
		there[i] = c
		rewritten(t, c.Dir, urls, 3)
		ch := spawn(t, c)
		// Replay may have come as far before it has started.
		toldOf(t, ch, next(t, ch, EventStarted), past)
		// At once: what was told is in the database.
		kill(t, ch)
		rewritten(t, c.Dir, past, 0)
		rewritten(t, c.Dir, urls, 3)
	}
	backAgain(t, there, urls)
}

// TestHoldAddresses: the database has taken in an update that is in the log, and
// was rewritten since.
func TestHoldAddresses(t *testing.T) {
	t.Parallel()
	c, ready := made(t)
	const past, now = "http://127.0.0.2:2380", "http://127.0.0.3:2380"
	c = restarted(c)
	ch, client := lone(t, c)
	if err := client.UpdatePeerURL(t.Context(), ready.MemberID, past); err != nil {
		t.Fatal(err)
	}
	toldOf(t, ch, Event{}, map[string]string{ready.MemberID: past})
	// Without the order to hold addresses the log wins, and the database may follow
	// as soon as the server has published itself.
	for _, hold := range []bool{false, true} {
		kill(t, ch)
		if _, err := Readdress(c.Dir, map[string]string{ready.MemberID: now}); err != nil {
			t.Fatal(err)
		}
		c.HoldAddresses = hold
		ch, client = lone(t, c)
		want := map[string]string{ready.MemberID: past}
		if hold {
			want[ready.MemberID] = now
		}
		if list := membersOf(t, client); !at(list, want) {
			t.Errorf("hold %v: listed %+v, want %v", hold, list, want)
		}
	}
	// For good: with or without, nothing is in the way any more.
	put(t, client, "key", "kept")
	for _, hold := range []bool{true, false} {
		kill(t, ch)
		c.HoldAddresses = hold
		ch, client = lone(t, c)
		if list := membersOf(t, client); !at(list, map[string]string{ready.MemberID: now}) {
			t.Errorf("hold %v: listed %+v", hold, list)
		}
		if r, err := client.c.Get(t.Context(), "key"); err != nil || len(r.Kvs) != 1 {
			t.Errorf("hold %v: the key: %+v, %v", hold, r, err)
		}
	}
}

// lone starts a single member; when it is ready it has replayed its log.
func lone(t *testing.T, c Config) (*Child, *Client) {
	t.Helper()
	ch := spawn(t, c)
	next(t, ch, EventStarted)
	next(t, ch, EventReady)
	return ch, dial(t, c)
}

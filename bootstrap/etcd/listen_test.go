package etcd

import (
	"slices"
	"strings"
	"testing"
)

// TestFounderThatMovedBeforeItsFirstStart founds with three boards, one of
// which listens elsewhere than the plan says: it is the member that was agreed on,
// has its quorum, and can be listed where it is.
func TestFounderThatMovedBeforeItsFirstStart(t *testing.T) {
	t.Parallel()
	cs := members(t, 3, certificates(t))
	listed := cs[0].PeerURL
	cs[0].ListenPeerURL = strings.Replace(listed, address(0), address(5), 1)
	children, ready := spawnAll(t, cs)
	c := dial(t, cs...)
	urlOf := func() string {
		t.Helper()
		list, err := c.Members(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list.Members, func(m Member) bool { return m.ID == ready[0].MemberID })
		if i < 0 {
			t.Fatalf("member %s is not among %+v", ready[0].MemberID, list.Members)
		}
		return list.Members[i].PeerURLs[0]
	}
	if got := urlOf(); got != listed {
		t.Errorf("listed at %s, want %s, from which its ID is made", got, listed)
	}
	if err := c.UpdatePeerURL(soon(t), ready[0].MemberID, cs[0].ListenPeerURL); err != nil {
		t.Fatal(err)
	}
	if got := urlOf(); got != cs[0].ListenPeerURL {
		t.Errorf("listed at %s after the update, want %s", got, cs[0].ListenPeerURL)
	}
	for _, ch := range children {
		ch.Kill()
	}
}

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"muster/integration/boards"
)

// listed is what stock `etcdctl member list -w json` prints: the truth about who is a member, whatever the agents say.
type listed struct {
	Header struct {
		ClusterID uint64 `json:"cluster_id"`
	} `json:"header"`
	Members []listMember `json:"members"`
}

type listMember struct {
	ID         uint64   `json:"ID"`
	Name       string   `json:"name"` // "" until it has started
	PeerURLs   []string `json:"peerURLs"`
	ClientURLs []string `json:"clientURLs"`
	IsLearner  bool     `json:"isLearner"`
}

func parseList(text string) (listed, error) {
	var l listed
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return l, fmt.Errorf("member list is no JSON: %w: %q", err, text)
	}
	return l, nil
}

// memberList asks stock etcdctl on a board.
func memberList(ctx context.Context, b *boards.Board) (listed, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	stdout, stderr, code := b.Exec(ctx, "sh", "-c", `vars=$(agent env) && eval "$vars" && exec etcdctl member list -w json`)
	if code != 0 {
		return listed{}, fmt.Errorf("member list on board %d: exit %d: %s", b.Index, code, strings.TrimSpace(stderr))
	}
	return parseList(stdout)
}

func (l listed) cluster() string { return fmt.Sprintf("%x", l.Header.ClusterID) }

func (l listed) String() string {
	var parts []string
	for _, m := range l.Members {
		parts = append(parts, fmt.Sprintf("%x %q %v learner=%v", m.ID, m.Name, m.PeerURLs, m.IsLearner))
	}
	return "cluster " + l.cluster() + ": " + strings.Join(parts, ", ")
}

func peerURL(b *boards.Board) string { return "https://" + net.JoinHostPort(b.Address(), "2380") }

// idOf is the ID of the member at the board's present address, 0 if there is none.
func (l listed) idOf(b *boards.Board) uint64 {
	for _, m := range l.Members {
		if slices.Contains(m.PeerURLs, peerURL(b)) {
			return m.ID
		}
	}
	return 0
}

func (l listed) ids() []uint64 {
	var ids []uint64
	for _, m := range l.Members {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return ids
}

// membership judges a member list. nil: it is met.
type membership func(listed) error

// votersAre wants so many members, all of them voters that have started.
func votersAre(n int) membership {
	return func(l listed) error {
		for _, m := range l.Members {
			if m.IsLearner || m.Name == "" || len(m.ClientURLs) == 0 {
				return fmt.Errorf("%x is no voter that has started in %v", m.ID, l)
			}
		}
		if len(l.Members) != n {
			return fmt.Errorf("%d members, want %d: %v", len(l.Members), n, l)
		}
		return nil
	}
}

// listsOnly wants one member at the present address of each of these boards, for peers and for clients, and no others.
func listsOnly(on ...*boards.Board) membership {
	return func(l listed) error {
		want, clients := map[string]bool{}, map[string]bool{}
		for i, b := range on {
			want[peerURL(b)], clients[clientURLs(on)[i]] = true, true
		}
		for _, m := range l.Members {
			if len(m.PeerURLs) != 1 || !want[m.PeerURLs[0]] || len(m.ClientURLs) != 1 || !clients[m.ClientURLs[0]] {
				return fmt.Errorf("%x is at %v and %v, want one of %v: %v", m.ID, m.PeerURLs, m.ClientURLs, keys(want), l)
			}
			delete(want, m.PeerURLs[0])
		}
		if len(want) > 0 {
			return fmt.Errorf("nobody is at %v: %v", keys(want), l)
		}
		return nil
	}
}

// listsNot wants no member at the address of these boards.
func listsNot(on ...*boards.Board) membership {
	return func(l listed) error {
		for _, b := range on {
			if id := l.idOf(b); id != 0 {
				return fmt.Errorf("%x is at board %d: %v", id, b.Index, l)
			}
		}
		return nil
	}
}

// sameIDs wants the cluster ID and the member IDs of an earlier list, and no others.
func sameIDs(before listed) membership {
	return func(l listed) error {
		if l.cluster() != before.cluster() || !slices.Equal(l.ids(), before.ids()) {
			return fmt.Errorf("want the same IDs as in %v: %v", before, l)
		}
		return nil
	}
}

// clusterIs wants the cluster ID kept.
func clusterIs(id string) membership {
	return func(l listed) error {
		if l.cluster() != id {
			return fmt.Errorf("want cluster %s: %v", id, l)
		}
		return nil
	}
}

// newMember wants a member at the board's address with another ID than it had.
func newMember(b *boards.Board, before listed) membership {
	return func(l listed) error {
		if id := l.idOf(b); id == 0 || slices.Contains(before.ids(), id) {
			return fmt.Errorf("want a new member at board %d, is %x: %v", b.Index, id, l)
		}
		return nil
	}
}

// learners wants so many learners in the list.
func learners(n int) membership {
	return func(l listed) error {
		got := 0
		for _, m := range l.Members {
			if m.IsLearner {
				got++
			}
		}
		if got != n {
			return fmt.Errorf("%d learners, want %d: %v", got, n, l)
		}
		return nil
	}
}

// awaitList waits until the member list, asked for on a board, meets all conditions.
func (f *fleet) awaitList(what string, via *boards.Board, want ...membership) listed {
	f.t.Helper()
	var list listed
	f.eventually(what, func(ctx context.Context) (err error) {
		if list, err = memberList(ctx, via); err != nil {
			return err
		}
		for _, met := range want {
			if err := met(list); err != nil {
				return err
			}
		}
		return nil
	})
	return list
}

func keys(m map[string]bool) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

const exampleList = `{"header":{"cluster_id":17237436991929493444,"member_id":9372538179322589801,"raft_term":2},"members":[
 {"ID":9372538179322589801,"name":"one","peerURLs":["https://10.77.0.11:2380"],"clientURLs":["https://10.77.0.11:2379"]},
 {"ID":10501334649042878790,"name":"two","peerURLs":["https://10.77.0.12:2380"],"clientURLs":["https://10.77.0.12:2379"]}]}`

// These conditions too must be able to say no.
func TestMembershipsCanFail(t *testing.T) {
	list, err := parseList(exampleList)
	if err != nil {
		t.Fatal(err)
	}
	if list.cluster() != "ef37ad9dc622a7c4" {
		t.Errorf("cluster %s", list.cluster())
	}
	l := boards.New(t, 3)
	one, two, three := l.Board(1), l.Board(2), l.Board(3)
	if id := list.idOf(two); id != 10501334649042878790 || list.idOf(three) != 0 {
		t.Errorf("IDs %d and %d", id, list.idOf(three))
	}
	changed := func(old, new string) listed {
		list, err := parseList(strings.Replace(exampleList, old, new, 1))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	learner := changed(`"name":"two"`, `"name":"two","isLearner":true`)
	for _, test := range []struct {
		name string
		want membership
		list listed
		met  bool
	}{
		{"voters", votersAre(2), list, true},
		{"too few voters", votersAre(3), list, false},
		{"a learner", votersAre(2), learner, false},
		{"not started", votersAre(2), changed(`"name":"two"`, `"name":""`), false},
		{"only", listsOnly(two, one), list, true},
		{"one more", listsOnly(one), list, false},
		{"one less", listsOnly(one, two, three), list, false},
		{"elsewhere", listsOnly(one, three), list, false},
		{"client URL elsewhere", listsOnly(one, two), changed("10.77.0.12:2379", "10.77.9.9:2379"), false},
		{"not listed", listsNot(three), list, true},
		{"listed", listsNot(three, two), list, false},
		{"same", sameIDs(list), learner, true},
		{"another member", sameIDs(changed("10501334649042878790", "5")), list, false},
		{"another cluster", sameIDs(changed("17237436991929493444", "5")), list, false},
		{"cluster", clusterIs("ef37ad9dc622a7c4"), list, true},
		{"not that cluster", clusterIs("ef37"), list, false},
		{"old member", newMember(two, list), list, false},
		{"new member", newMember(two, changed("10501334649042878790", "5")), list, true},
		{"no member", newMember(three, list), list, false},
		{"one learner", learners(1), learner, true},
		{"no learner", learners(1), list, false},
	} {
		if err := test.want(test.list); (err == nil) != test.met {
			t.Errorf("%s: %v, want it met: %v", test.name, err, test.met)
		}
	}
	if _, err := parseList("Error: deadline exceeded"); err == nil {
		t.Error("an error is taken for a member list")
	}
}

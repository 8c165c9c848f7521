package etcd

import (
	"slices"
	"testing"
)

// TestStarted: a founder that never ran has its name from the initial cluster,
// and is not started all the same.
func TestStarted(t *testing.T) {
	cs := members(t, 3, TLSFiles{})
	children, _ := spawnAll(t, cs[:2])
	// A linearizable answer of the first: its database has heard of the second.
	list, err := dial(t, cs[0]).Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkStarted(t, "the cluster", list.Members, cs)

	for _, ch := range children {
		if err := ch.Stop(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Inspect(cs[0].Dir)
	if err != nil || d.State != DataMember {
		t.Fatalf("%+v, %v", d, err)
	}
	checkStarted(t, "the database", d.Members, cs)
}

// checkStarted wants all of cs listed, and all but the last started.
func checkStarted(t *testing.T, whose string, list []Member, cs []Config) {
	t.Helper()
	if len(list) != len(cs) {
		t.Fatalf("%s lists %+v", whose, list)
	}
	for i, c := range cs {
		at := slices.IndexFunc(list, func(m Member) bool { return m.Name == c.Name })
		if want := i < len(cs)-1; at < 0 || list[at].Started != want {
			t.Errorf("%s lists %+v, want %s with started %v", whose, list, c.Name, want)
		}
	}
}

package bootstrap

import "testing"

func TestRedundant(t *testing.T) {
	usual := Archived{Row: Removed, Cluster: "c", Log: Mark{5, 200}}
	change := func(edit func(*Archived)) Archived { a := usual; edit(&a); return a }
	for _, tt := range []struct {
		name  string
		entry Archived
		live  string
		has   Mark
		want  bool
	}{
		{"a removed member that the quorum is past", usual, "c", Mark{5, 200}, true},
		{"one that left", change(func(a *Archived) { a.Row = Leave }), "c", Mark{6, 900}, true},
		{"one whose database broke, and whose log can be read", change(func(a *Archived) { a.Row = Damaged }), "c", Mark{6, 900}, true},
		{"one whose log could not be read", change(func(a *Archived) { a.Row, a.Log = Damaged, Mark{} }), "c", Mark{6, 900}, false},
		{"an entry that the quorum is not known to have", usual, "c", Mark{5, 199}, false},
		{"a later term than the quorum's", usual, "c", Mark{4, 900}, false},
		{"a quorum of which nothing is known", usual, "c", Mark{}, false},
		{"data of another cluster", change(func(a *Archived) { a.Cluster = "d" }), "c", Mark{6, 900}, false},
		{"data of nobody knows which cluster", change(func(a *Archived) { a.Cluster = "" }), "", Mark{6, 900}, false},
		{"a side that its owner gave up", change(func(a *Archived) { a.Row, a.Order = Damaged, true }), "c", Mark{6, 900}, false},
		{"a cluster that was yielded", change(func(a *Archived) { a.Row = TwoClusters }), "c", Mark{6, 900}, false},
		{"stale data", change(func(a *Archived) { a.Row = StaleData }), "c", Mark{6, 900}, false},
		{"a copy of another board's", change(func(a *Archived) { a.Row = Clone }), "c", Mark{6, 900}, false},
		{"an older image", change(func(a *Archived) { a.Row = DiskOlder }), "c", Mark{6, 900}, false},
		{"one of an older version, which kept no reason for this", Archived{Row: Removed, Cluster: "c"}, "c", Mark{6, 900}, false},
	} {
		if got := Redundant(tt.entry, tt.live, tt.has); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestLiveMark(t *testing.T) {
	s := voter()
	s.Peers[0].Log, s.Peers[1].Log = Mark{5, 300}, Mark{5, 250}
	if got := LiveMark(s, Mark{5, 200}); got != (Mark{5, 300}) {
		t.Errorf("got %v, want the furthest that is shown", got)
	}
	s.Peers[0].Healthy = false
	if got := LiveMark(s, Mark{5, 280}); got != (Mark{5, 280}) {
		t.Errorf("got %v, want this member's own", got)
	}
	s.Etcd.Quorum, s.Peers[1].Cluster = QuorumLost, "another"
	if got := LiveMark(s, Mark{5, 280}); got != (Mark{}) {
		t.Errorf("got %v of a member without a quorum and a board of another cluster", got)
	}
}

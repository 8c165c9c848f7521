package etcd

import (
	"slices"

	"go.etcd.io/etcd/server/v3/etcdserver"

	"muster/bootstrap"
)

// listOf is the member list as a server has it: at its start the initial cluster,
// or what its database says, and then what it has applied of the log.
func listOf(s *etcdserver.EtcdServer) []Member {
	var list []Member
	for _, m := range s.Cluster().Members() {
		list = append(list, Member{ID: bootstrap.FormatID(uint64(m.ID)), Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs, Learner: m.IsLearner, Started: len(m.ClientURLs) > 0})
	}
	return list
}

// lists tells the member list whenever it differs from what was told last in whom
// it lists, where, and who votes: nobody else would see that replay of the log has
// undone a [Readdress].
type lists struct{ told []Member }

func (l *lists) look(s *etcdserver.EtcdServer, r *reporter) (news bool) {
	list := listOf(s)
	if slices.EqualFunc(list, l.told, samePlace) {
		return false
	}
	// What is told is in the database, with how far the log was applied. Whoever
	// ends this process now and rewrites the addresses there would else find
	// these replayed over it once more.
	commit(s)
	l.told = list
	r.say(message{Event: EventMembers, Members: list})
	return true
}

func samePlace(a, b Member) bool {
	return a.ID == b.ID && a.Learner == b.Learner && slices.Equal(a.PeerURLs, b.PeerURLs)
}

// commit writes what the server has applied into its database. One that stops by
// itself, as a removed member does, closes that database, and etcd's hook would
// then panic in the commit; what is attached to the server it waits for.
func commit(s *etcdserver.EtcdServer) {
	done := make(chan struct{})
	s.GoAttach(func() {
		defer close(done)
		s.KV().Commit()
	})
	select {
	case <-done:
	case <-s.StoppingNotify():
	}
}

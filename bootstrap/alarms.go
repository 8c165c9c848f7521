package bootstrap

import "cmp"

// AlarmWarnings says which alarms stand in this board's cluster, what each means, and
// what helps. etcd raises one for the whole cluster, so any member's word will do: a
// standby and a board whose etcd is down say it too.
func AlarmWarnings(s State) []string {
	stands, of := s.Etcd.Alarms, s.Etcd.AlarmOf
	for _, p := range s.Peers {
		if p.Alive && p.Healthy && p.Cluster != "" && p.Cluster == ownCluster(s) {
			stands |= p.Alarms
			of = cmp.Or(of, p.AlarmOf)
		}
	}
	var all []string
	if stands&AlarmSpace != 0 {
		member := of
		if stands&AlarmCorrupt != 0 {
			member = "" // that one's
		}
		all = append(all, "etcd raises the alarm NOSPACE"+raisedFor(s, member)+": the cluster refuses all writes, because a member's database has reached its quota (etcd.quota); "+
			"compact and defragment: `agent etcdctl compact REVISION`, `agent etcdctl defrag --cluster`, then `agent etcdctl alarm disarm`")
	}
	if stands&AlarmCorrupt != 0 {
		all = append(all, "etcd raises the alarm CORRUPT"+raisedFor(s, of)+": members hold different data, and etcd refuses all writes; "+
			"compare them with `agent etcdctl endpoint hashkv --cluster`; the hash that stands alone may be the right one")
	}
	return all
}

// raisedFor names the member that an alarm is about.
func raisedFor(s State, member string) string {
	if member == "" {
		return ""
	}
	m := Member{ID: member}
	if known := listed(s.Cluster.Members, member); known != nil {
		m = *known
	}
	return " for member " + nameOf(s, &m)
}

// ownCluster is the ID of the cluster that this board is of, "" if it knows none.
func ownCluster(s State) string {
	if s.Plan != nil {
		return clusterID(s.Plan)
	}
	return s.Disk.Cluster
}

package bootstrap

// AlarmWarnings says which alarms stand in this board's cluster, what each means, and
// what helps. etcd raises one for the whole cluster, so any member's word will do: a
// standby and a board whose etcd is down say it too.
func AlarmWarnings(s State) []string {
	stands := s.Etcd.Alarms
	for _, p := range s.Peers {
		if p.Alive && p.Healthy && p.Cluster != "" && p.Cluster == ownCluster(s) {
			stands |= p.Alarms
		}
	}
	var all []string
	if stands&AlarmSpace != 0 {
		all = append(all, "etcd raises the alarm NOSPACE: the cluster refuses all writes, because a member's database has reached its quota (etcd.quota); "+
			"compact and defragment: `agent etcdctl compact REVISION`, `agent etcdctl defrag --cluster`, then `agent etcdctl alarm disarm`")
	}
	if stands&AlarmCorrupt != 0 {
		all = append(all, "etcd raises the alarm CORRUPT: members hold different data, and etcd refuses all writes; "+
			"compare them with `agent etcdctl endpoint hashkv --cluster`; the hash that stands alone may be the right one")
	}
	return all
}

// ownCluster is the ID of the cluster that this board is of, "" if it knows none.
func ownCluster(s State) string {
	if s.Plan != nil {
		return clusterID(s.Plan)
	}
	return s.Disk.Cluster
}

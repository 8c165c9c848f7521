// Package sim is a world in memory around the real decision: boards with disks
// that survive and memory that does not, gossip that is late, a network that
// breaks, a fake etcd, and a virtual clock. Fold, Decide and the founding
// machine in it are the real ones; the thin parts of an agent are modelled.
//
// A [Scenario] is a seed for all delays and a list of faults with their times.
// [Run] plays it, holds every step against the rules of the design, and, after
// the last fault, waits for the fleet to be whole. The same scenario always
// plays the same way.
//
// # What is promised
//
// Faults stay within what the design promises to survive, and a fault that would
// not is left out when its time comes (see limits.go): the disks that are wiped,
// overwritten or damaged always leave a quorum of voters whose data is intact;
// before the plan has spread no more disks are wiped than the founding agreement
// bears, 2Q-N-1, and never so many founders that those left have no quorum; a
// disk that is copied is copied to another board; partitions end; boards that
// are switched off are switched on again.
//
// # What is modelled simply
//
// Elections take a fixed time, a log is brought to a follower at once and to a
// joiner after a while, and a write is all or nothing but for what a leader
// without a quorum wrote into its own log. Wall clocks only matter where the
// real ones do, in the IDs of members that are added.
package sim

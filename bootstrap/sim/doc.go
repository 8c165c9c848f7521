// Package sim is a world in memory around the real decision: boards with disks
// that survive and memory that does not, gossip that is late, a network that
// breaks, a fake etcd, and a virtual clock. Fold, Decide and the founding
// machine in it are the real ones; the thin parts of an agent are modelled.
//
// A [Scenario] is a seed for all delays and a list of faults with their times.
// [Run] plays it and, after the last fault, waits for the fleet to be whole. The
// same scenario always plays the same way.
//
// # What is checked
//
// After every event the world, which sees everything, is held against the rules of
// the design. Every acknowledged write is in the log of whoever leads, and in one
// log at least of every quorum that can still form. No two clusters are founded, and
// none but one takes writes (1). Nothing is done with a disk, a hardware or an owner
// that could not be told (2). Data is set aside only on a list that a quorum really
// gave to this agent, after this board's etcd had ended where others must hold the
// data, and none is ever gone (3). At the instant at which a change of the members is
// committed its leader reaches a quorum of them, one learner at most is open, and a
// voter that goes down by itself has its turn (4). No member begins twice with an
// empty log, nor runs on a machine other than its own (5). What is half done is named
// on the disk (6). Every decision says why and since when, and a board that is not in
// its place what it waits for or what would help (7). checkWrites, checkCard,
// checkChange, checkTurn, checkAside, checkKnown, checkPromise and checkSays are where.
//
// The pace of etcd: a member starts only at the plan's or at one that a board's disk
// needed, not before a slower one was needed for a minute, and as its own disk says,
// so that its next start is the same (checkPace). Once the fleet is quiet all members
// run at one pace, which is slow enough for their disks (offPace).
//
// # What is promised
//
// Faults stay within what the design promises to survive, and a fault that would
// not is left out when its time comes (see limits.go): the disks that are wiped,
// overwritten or damaged always leave a quorum of voters whose data is intact;
// before the plan has spread no more disks are wiped than the founding agreement
// bears, 2Q-N-1, and never so many founders that those left have no quorum; a
// disk that is copied is copied to another board; partitions end; boards that
// are switched off are switched on again, but for one that may be off for good. Where only a person can decide, an owner
// does after a while what the board asks for.
//
// One seed in twenty deals a fleet that is larger than its profile allows at founding,
// where the design promises one cluster only if the boards see each other: two may be
// founded, and then the one without keys gives way, or both go on and say so.
//
// # What is modelled simply
//
// Elections take a fixed time at every pace, and the way between two boards is always
// short. No run lasts for the day after which a fleet gets faster. A log is brought to
// a follower at once and to a joiner after a while, and a write is all or nothing but
// for what a leader without a quorum wrote into its own log. Wall clocks only matter
// where the real ones do, in the IDs of members that are added.
package sim

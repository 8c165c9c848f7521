// Package founding is how the boards of a new fleet agree on one founding plan:
// who starts etcd, under which names, addresses and token. Gossip cannot decide
// that, since two halves of a network can each see enough boards. So it is
// decided once per generation by single-decree Paxos (Lamport, "Paxos Made
// Simple", 2001) among the boards, whose value is the plan.
//
// The package is a state machine without clock, disk or network, in the manner
// of etcd-io/raft: messages in; a record to write, then messages to send, out.
//
// # The protocol
//
// Let Q be [Terms.Quorum]. Every board is an acceptor. Any may propose; when it
// does is decided outside.
//
//  1. The proposer takes a ballot above all that it has met, writes it to its
//     disk, and sends prepare to the boards that it sees, itself included.
//  2. A board that has promised nothing higher writes the promise and answers
//     it, with the plan that it accepted last, if any, and with who it is now.
//  3. With Q promises the proposer must take the accepted plan of the highest
//     ballot among them. Only if there is none it makes a new plan, whose
//     founders are promisers, lowest board IDs first. It sends accept.
//  4. A board that has promised nothing higher writes the plan, then answers.
//  5. With Q answers the plan is chosen. The proposer writes that and tells the
//     others. Whoever knows it answers every later prepare or accept with it.
//
// What a board sends to itself goes out through [Ready] as well and comes back
// through [Machine.Step]: so it counts its own promise, like everybody else's,
// only after the write.
//
// # Why never two
//
// Say that a plan was accepted by a set A of Q boards in ballot b, and that a
// proposal c > b is the lowest one with another plan. Its proposer had promises
// of a set B of Q boards. Among at most 2Q-1 boards ([Terms.Limit]) A and B share
// one. That board accepted b before it promised c, or it would have refused b.
// So it reported b or a later ballot below c, and all of those carry the plan.
// The highest of them was taken, hence c carries it too: there is no such c.
//
// Two things must hold besides: one ballot never stands for two plans, hence
// the ballot is on disk before it is heard of and names the proposer's life;
// and what a board has said it must still know after a power cut.
//
// # Lost disks
//
// A board whose disk was wiped has forgotten what it promised and comes back as
// an acceptor all the same, under another life. That is safe while A and B above
// always share a board that was never wiped: two sets of Q among N boards share
// 2Q-N, so up to 2Q-N-1 different boards may lose their disks, each any number
// of times, before all others know the outcome: none of 3 with Q=2, two of 3
// with Q=3, one of 4 with Q=3.
//
// # What is not covered
//
//   - More boards than [Terms.Limit], or more wiped disks than stated, or a disk
//     that lies about having written, or an old copy of a disk put back.
//   - Boards that do not follow the protocol: whoever holds the fleet's secret
//     can break it. Malformed messages do no harm.
//   - Terms that an owner changes while the fleet is being founded. Boards with
//     different terms do not count each other, but a quorum under the old terms
//     and one under the new ones need not meet.
//   - Progress while boards keep outbidding each other, or while fewer than Q
//     answer. Every quiet network with Q boards that can be founders gets a plan
//     from one proposer at the second attempt at the latest.
//   - Whether the founders named are still there once the plan is chosen: their
//     lives are in the plan, and whoever acts on it must compare.
package founding

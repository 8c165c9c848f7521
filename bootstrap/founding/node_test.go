package founding

import (
	"fmt"
)

// A world is a small fleet of real machines with their disks, on a network that
// keeps every message ever sent: any of them may be delivered at any time, again
// and again, or never. So loss, reordering and duplication need no bounds. What
// is bounded, so that the exploration ends, is how often boards begin something:
// proposals, crashes, wiped disks.
type world struct {
	name   string
	terms  Terms
	boards int
	quorum int // what the boards should count, whatever their terms say

	proposals, crashes, wipes int

	asks      func(board int) []string // whom a board proposes to; nil: everybody
	proposers int                      // only the first so many boards propose; 0: all
	// prompt hands what a board sends to itself back to it at once, before
	// anything else happens. Otherwise such messages are like all others, and may
	// be late or lost. It makes a world much smaller.
	prompt bool
	fault  fault
	check  checks
	// fragile are the boards whose disks may be wiped; empty: all.
	fragile string
	// quietOneIn makes only every so-manieth combination of boards quiet, picked by
	// its hash; 0: all of them.
	quietOneIn uint64
}

// fault is a planted mistake. Production code has no switch for any of them:
// they are mistakes of the driver, or changes to what the machine is fed with.
type fault int

const (
	noFault fault = iota
	// answerBeforeWrite lets messages leave although the crash came before the write.
	answerBeforeWrite
	// ignoreAccepted strips the accepted plan from promises on their way.
	ignoreAccepted
	// forgetProposal does not write the record of Propose.
	forgetProposal
	// keepLife gives a wiped disk the life that it had before.
	keepLife
)

// checks are the rules that an exploration asserts. A planted fault mostly
// breaks a nearer rule before two plans are chosen; leaving that rule out shows
// that the fault reaches the far one.
type checks int

const (
	onDisk     checks = 1 << iota // what is said on the wire is on disk
	quorumOnly                    // what is known as chosen was accepted by a quorum
	everything = onDisk | quorumOnly
)

// node is the state of one board: the machine in memory, and its disk. Nodes
// are interned and never changed; a step makes another node.
type node struct {
	board       int
	machine     *Machine
	disk        Record
	life        int
	incarnation int
	deliver     map[uint32]*outcome // by message
	propose     *outcome
	restart     uint32
	restarted   bool
	chosen      string // digest of the plan known here
	sight       sight
}

// outcome is what a step leads to, on both sides of the write.
type outcome struct {
	next      uint32   // step, write, send
	afterCut  uint32   // step, write, power cut: nothing is sent
	beforeCut uint32   // step, power cut: nothing is written
	wrote     bool     // false: no write, a cut after it is no case of its own
	changed   bool     // false: the step does nothing at all
	sends     []uint32 // messages, as interned
	votes     []uint32 // acceptances that reached the disk, for the record of history
	broken    string   // a rule that this step broke by itself
}

// vote is that a board wrote an acceptance to its disk, ever.
type vote struct {
	board          int
	ballot, digest string
}

// stage interns nodes, messages and votes, and remembers what each step does,
// so that exploring millions of states calls each machine a few thousand times.
type stage struct {
	world
	nodes    []*node
	nodeIDs  map[string]uint32
	msgs     []Message // a vote occupies an ID too, with an empty message
	votes    map[uint32]vote
	to, from []int // boards of each message, -1 for a vote
	msgIDs   map[string]uint32
	token    string // what Config.Token returns next
	initials []uint32
}

func newStage(w world) *stage {
	if w.proposers == 0 {
		w.proposers = w.boards
	}
	if w.asks == nil {
		w.asks = func(int) []string { return boardIDs(w.boards) }
	}
	s := &stage{world: w, nodeIDs: map[string]uint32{}, votes: map[uint32]vote{}, msgIDs: map[string]uint32{}}
	for b := range w.boards {
		s.initials = append(s.initials, s.boot(b, Record{}, 0, 0))
	}
	return s
}

func boardIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = string(rune('a' + i))
	}
	return ids
}

// boot starts a machine from what its disk holds.
func (s *stage) boot(board int, disk Record, life, incarnation int) uint32 {
	id := boardIDs(s.boards)[board]
	m, err := New(Config{
		Terms: s.terms,
		Self: Founder{
			Board: id, Life: fmt.Sprintf("%s%d", id, life), Name: "host-" + id,
			PeerURL: fmt.Sprintf("https://10.0.0.%d:2380", board+1),
		},
		Record: disk,
		Token:  func() string { return s.token },
	})
	if err != nil {
		panic(fmt.Sprintf("a record written by the machine does not load: %v", err))
	}
	return s.intern(&node{board: board, machine: m, disk: disk, life: life, incarnation: incarnation})
}

func (s *stage) intern(n *node) uint32 {
	key := fmt.Sprintf("%d %d %d %s %s", n.board, n.life, n.incarnation, fingerprint(n.machine), encode(n.disk))
	if id, ok := s.nodeIDs[key]; ok {
		return id
	}
	id := uint32(len(s.nodes))
	n.deliver = map[uint32]*outcome{}
	if n.disk.Chosen != nil {
		n.chosen = n.disk.Chosen.Digest()
	}
	n.sight = sightOf(n)
	s.nodes = append(s.nodes, n)
	s.nodeIDs[key] = id
	return id
}

// restartOf is the node after a crash: memory is lost, the disk is not.
func (s *stage) restartOf(id uint32) uint32 {
	n := s.nodes[id]
	if !n.restarted {
		n.restart, n.restarted = id, true
		fresh := s.boot(n.board, n.disk, n.life, n.incarnation)
		if fresh != id && s.fault != noFault {
			fresh = s.boot(n.board, n.disk, n.life, n.incarnation+1)
		}
		n.restart = fresh
	}
	return n.restart
}

// wipeOf is the node with an empty disk and another life.
func (s *stage) wipeOf(id uint32) uint32 {
	n := s.nodes[id]
	life := n.life + 1
	if s.fault == keepLife {
		life = n.life
	}
	return s.boot(n.board, Record{}, life, n.incarnation+1)
}

func (s *stage) deliverTo(id, msg uint32) *outcome {
	n := s.nodes[id]
	if o, ok := n.deliver[msg]; ok {
		return o
	}
	m := s.msgs[msg]
	if s.fault == ignoreAccepted && m.Type == TypePromise {
		m.Accepted = nil
	}
	o := s.run(id, func(machine *Machine) Ready { return machine.Step(m) }, false)
	n.deliver[msg] = o
	return o
}

func (s *stage) proposeAt(id uint32) *outcome {
	n := s.nodes[id]
	if n.propose == nil {
		asks := s.asks(n.board)
		n.propose = s.run(id, func(machine *Machine) Ready { return machine.Propose(asks) }, s.fault == forgetProposal)
	}
	return n.propose
}

// run performs one step on a copy of the machine, and the write.
func (s *stage) run(id uint32, step func(*Machine) Ready, loseWrite bool) *outcome {
	n := s.nodes[id]
	machine := clone(n.machine)
	// Tokens differ wherever two real ones would: by life and ballot, and where
	// a fault makes a board use one ballot twice, by incarnation.
	s.token = fmt.Sprintf("%s/%d/%d/%s", machine.self.Board, n.life, n.incarnation, machine.proposalBallot())
	o, disk := &outcome{}, n.disk
	todo := []func(*Machine) Ready{step}
	for len(todo) > 0 && o.broken == "" {
		before := machine.Record()
		ready := todo[0](machine)
		todo = todo[1:]
		o.broken = regression(before, machine.Record(), ready)
		if ready.Record != nil && !loseWrite {
			old := disk.Accepted
			disk, o.wrote = *ready.Record, true
			if a := disk.Accepted; a != nil && (old == nil || a.Ballot != old.Ballot || !a.Plan.Equal(old.Plan)) {
				o.votes = append(o.votes, s.internVote(vote{n.board, a.Ballot.String() + "/" + a.Ballot.Life, a.Plan.Digest()}))
			}
		}
		for _, m := range ready.Messages {
			if s.check&onDisk != 0 && o.broken == "" {
				o.broken = unwritten(m, disk)
			}
			if s.prompt && m.To == m.From {
				todo = append(todo, func(machine *Machine) Ready { return machine.Step(m) })
			} else {
				o.sends = append(o.sends, s.internMessage(m))
			}
		}
	}
	if p := machine.proposal; p != nil && n.machine.proposalBallot() != machine.proposalBallot() &&
		s.check&onDisk != 0 && !n.disk.Promised.Less(p.ballot) {
		o.broken = "a proposal is not above the promise on disk"
	}
	o.next = s.intern(&node{board: n.board, machine: machine, disk: disk, life: n.life, incarnation: n.incarnation})
	o.changed = o.next != id || len(o.sends) > 0 || o.broken != ""
	o.beforeCut = s.restartOf(id)
	o.afterCut = s.restartOf(o.next)
	return o
}

// regression names what a step took back, if anything.
func regression(before, after Record, ready Ready) string {
	switch {
	case after.Promised.Less(before.Promised):
		return "a promise was taken back"
	case before.Accepted != nil && (after.Accepted == nil || after.Accepted.Ballot.Less(before.Accepted.Ballot)):
		return "an acceptance was taken back"
	case before.Chosen != nil && (after.Chosen == nil || !before.Chosen.Equal(*after.Chosen)):
		return "a chosen plan was replaced"
	case ready.Record == nil && encode(before) != encode(after):
		return "a record changed and was not handed out to be written"
	case ready.Record != nil && encode(*ready.Record) != encode(after):
		return "another record was handed out than the one in memory"
	case ready.Conflict != nil:
		return "two plans: a board was told of another chosen plan than the one it knows"
	}
	return ""
}

// unwritten names what a message says that is not on disk, if anything.
func unwritten(m Message, disk Record) string {
	switch {
	case m.Type == TypePrepare && disk.Promised.Less(m.Ballot),
		m.Type == TypePromise && disk.Promised.Less(m.Ballot),
		m.Type == TypeAccepted && (disk.Accepted == nil || disk.Accepted.Ballot != m.Ballot),
		m.Type == TypeChosen && disk.Chosen == nil:
		return fmt.Sprintf("not on disk: %s says %s in ballot %s", m.From, m.Type, m.Ballot)
	}
	return ""
}

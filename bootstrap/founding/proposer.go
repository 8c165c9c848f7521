package founding

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// proposal is the ballot that this board is trying to bring through. It lives
// in memory only: after a restart the board starts a new, higher one.
type proposal struct {
	ballot   Ballot
	boards   []string // whom it went to, this board included; at most Terms.Limit
	promises map[string]promise
	plan     *Plan // nil while promises are counted
	accepts  map[string]bool
}

type promise struct {
	founder  Founder
	accepted *Accepted
}

// Propose starts a new ballot, higher than every one this board has met, among
// these boards and itself; a proposal still under way is given up. When to do
// so, and how long to wait before trying again, is up to the caller; two boards
// that keep outbidding each other decide nothing, so the pause should be random.
//
// Where the plan is already known it is told to the boards instead. A board
// that refuses, that would ask more boards than Terms.Limit, or that has come to
// the end of counters returns an empty Ready and says so in Status.
func (m *Machine) Propose(boards []string) Ready {
	boards = slices.DeleteFunc(append(slices.Clone(boards), m.self.Board), func(b string) bool { return b == "" })
	slices.Sort(boards)
	boards = slices.Compact(boards)
	if m.record.Chosen != nil {
		others := slices.DeleteFunc(boards, func(b string) bool { return b == m.self.Board })
		return Ready{Messages: m.address(Message{Type: TypeChosen, Plan: m.Chosen()}, others...)}
	}
	counter := max(m.seen, m.record.Promised.Counter) + 1
	switch {
	case m.refusal() != "":
		return m.hold(m.refusal())
	case len(boards) > m.terms.Limit():
		return m.hold(fmt.Sprintf("%d boards, founding is safe among at most %d", len(boards), m.terms.Limit()))
	case counter > MaxCounter:
		return m.hold(fmt.Sprintf("no ballot is left above counter %d", counter-1))
	}
	m.proposal = &proposal{
		ballot:   Ballot{Counter: counter, Board: m.self.Board, Life: m.self.Life},
		boards:   boards,
		promises: make(map[string]promise),
		accepts:  make(map[string]bool),
	}
	// The ballot must be on disk before anybody hears of it. Otherwise a crash
	// would let this board use it again for another plan.
	m.record.Promised = m.proposal.ballot
	return Ready{
		Record:   m.toWrite(),
		Messages: m.address(Message{Type: TypePrepare, Ballot: m.proposal.ballot}, boards...),
	}
}

// hold says why this board does not advance a proposal.
func (m *Machine) hold(reason string) Ready {
	m.reject = Reject{Board: m.self.Board, Reason: reason}
	return Ready{}
}

// answers tells whether msg answers the present proposal, from a board that was
// asked and on equal terms.
func (m *Machine) answers(msg Message) bool {
	return m.proposal != nil && msg.Ballot == m.proposal.ballot && msg.Terms == m.terms &&
		slices.Contains(m.proposal.boards, msg.From)
}

func (m *Machine) stepPromise(msg Message) Ready {
	if !m.answers(msg) || m.proposal.plan != nil || msg.Founder.validate() != nil {
		return Ready{}
	}
	if a := msg.Accepted; a != nil && (!a.Ballot.Less(msg.Ballot) || a.Plan.Validate(m.terms) != nil) {
		return Ready{}
	}
	p := m.proposal
	p.promises[msg.From] = promise{founder: *msg.Founder, accepted: msg.Accepted}
	if len(p.promises) < m.terms.Quorum() {
		return Ready{}
	}
	plan, err := m.choose()
	if err != nil {
		// A later promise may still help.
		return m.hold(err.Error())
	}
	p.plan = plan
	return Ready{Messages: m.acceptAll(p)}
}

// acceptAll asks every board of the proposal, those that did not promise too:
// they may accept all the same.
func (m *Machine) acceptAll(p *proposal) []Message {
	var msgs []Message
	for _, board := range p.boards {
		msgs = append(msgs, m.address(Message{Type: TypeAccept, Ballot: p.ballot, Plan: p.plan.clone()}, board)...)
	}
	return msgs
}

func (m *Machine) stepAccepted(msg Message) Ready {
	if !m.answers(msg) || m.proposal.plan == nil {
		return Ready{}
	}
	m.proposal.accepts[msg.From] = true
	if len(m.proposal.accepts) < m.terms.Quorum() {
		return Ready{}
	}
	return m.learn(m.proposal.plan, m.self.Board)
}

func (m *Machine) stepReject(msg Message) Ready {
	if m.proposal == nil || msg.Ballot != m.proposal.ballot {
		return Ready{}
	}
	m.reject = Reject{Board: msg.From, Reason: msg.Reason}
	if msg.Terms == m.terms && m.proposal.ballot.Less(msg.Promised) {
		m.proposal = nil
	}
	return Ready{}
}

// choose returns the plan for the present ballot. If any promiser accepted one
// before, the one of the highest ballot may have been chosen, and no other may
// be proposed.
func (m *Machine) choose() (*Plan, error) {
	var last *Accepted
	for _, p := range m.proposal.promises {
		if a := p.accepted; a != nil && (last == nil || last.Ballot.Less(a.Ballot)) {
			last = a
		}
	}
	if last != nil {
		return last.Plan.clone(), nil
	}
	founders := pick(m.proposal.promises, m.terms.Voters)
	if len(founders) < m.terms.Voters {
		return nil, fmt.Errorf("%d boards can be founders, want %d: the others share a peer URL or a life",
			len(founders), m.terms.Voters)
	}
	plan := &Plan{Cluster: m.terms.Cluster, Generation: m.terms.Generation, Token: m.token(), Founders: founders, Heartbeat: m.heartbeat, Ballot: m.proposal.ballot}
	if err := plan.Validate(m.terms); err != nil {
		return nil, err
	}
	return plan, nil
}

// pick takes up to n founders from the promisers, lowest board IDs first, and
// sorts them by peer URL. Boards that share a peer URL or a life are all left
// out: at most one of them can be what it says, nobody here knows which, and a
// plan with a wrong founder cannot be taken back.
func pick(promises map[string]promise, n int) []Founder {
	claims := make(map[string]int)
	for _, p := range promises {
		claims["url "+p.founder.PeerURL]++
		claims["life "+p.founder.Life]++
	}
	names := uniqueNames(promises)
	var founders []Founder
	for _, board := range slices.Sorted(maps.Keys(promises)) {
		f := promises[board].founder
		if claims["url "+f.PeerURL] == 1 && claims["life "+f.Life] == 1 && len(founders) < n {
			f.Name = names[board]
			founders = append(founders, f)
		}
	}
	slices.SortFunc(founders, func(a, b Founder) int { return cmp.Compare(a.PeerURL, b.PeerURL) })
	return founders
}

// nameSuffix is how many characters of the board ID are first tried to tell
// boards of the same host name apart.
const nameSuffix = 4

// uniqueNames gives every promiser its host name, and where several share one
// the host name and the beginning of the board ID, as long as needed.
func uniqueNames(promises map[string]promise) map[string]string {
	hosts, longest := make(map[string]int), 0
	for board, p := range promises {
		hosts[p.founder.Name]++
		longest = max(longest, len(board))
	}
	for n := nameSuffix; ; n++ {
		names, taken := make(map[string]string), make(map[string]bool)
		for board, p := range promises {
			name := p.founder.Name
			if hosts[name] > 1 {
				name += "-" + board[:min(n, len(board))]
			}
			if n > longest {
				// Even whole IDs collide, with a host that is called like
				// another's name and ID: the IDs alone cannot.
				name = board
			}
			names[board], taken[name] = name, true
		}
		if len(taken) == len(promises) || n > longest {
			return names
		}
	}
}

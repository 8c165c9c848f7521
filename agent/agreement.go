package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/bootstrap/founding"
	"muster/discovery"
)

// tellAgain is how long a board that does not know the plan is left alone
// after it was told.
const tellAgain = 5 * time.Second

// channel is the part of gossip that the agreement needs.
type channel interface {
	Send(board string, payload []byte) error
	SetShared([]byte)
}

// agreement drives the founding machine: it puts its record on disk before its
// messages leave, carries the messages, and spreads the outcome. All methods
// but send are called by the loop alone.
type agreement struct {
	store   *store
	config  founding.Config
	durable founding.Record // what the disk holds
	refuse  string
	// bind writes down which fleet this board is of. It comes before the first
	// promise: a board that has promised is not free for another fleet.
	bind    func() error
	failure string         // why the last write failed, "" if it worked
	broken  string         // why the machine can never be used again
	rival   *founding.Plan // a second plan that was chosen
	// givenUp says whether this board gave up the cluster of a plan; nil: of none.
	givenUp func(*founding.Plan) bool
	machine *founding.Machine
	log     zerolog.Logger
	told    map[string]time.Time
	sends   sync.WaitGroup
}

// openAgreement reads founding.json. A damaged one is an error: the promises in
// it may be what keeps a second plan from being chosen.
func openAgreement(s *store, terms founding.Terms, self founding.Founder, bind func() error, log zerolog.Logger) (*agreement, error) {
	g := &agreement{store: s, log: log, bind: bind, told: map[string]time.Time{},
		config: founding.Config{Terms: terms, Self: self, Token: func() string { return randomHex(16) }}}
	var r foundingRecord
	if err := s.read("founding.json", &r); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if r.Generation != 0 {
		g.config.Terms.Generation = r.Generation
	}
	g.durable = r.Record
	return g, g.rebuild()
}

// rebuild makes the machine anew from what is on disk.
func (g *agreement) rebuild() error {
	c := g.config
	c.Record = g.durable
	m, err := founding.New(c)
	if err != nil {
		return err
	}
	m.Refuse(g.refuse)
	g.machine = m
	return nil
}

// setRefusal says why this board takes no part; "" if it does.
func (g *agreement) setRefusal(reason string) {
	if g.broken != "" {
		reason = g.broken
	}
	g.refuse = reason
	g.machine.Refuse(reason)
}

// setSelf follows a changed name or address.
func (g *agreement) setSelf(f founding.Founder) {
	g.config.Self = f
	g.machine.SetSelf(f)
}

// reborn goes on in another life of this board.
func (g *agreement) reborn(f founding.Founder) error {
	g.config.Self = f
	return g.rebuild()
}

func (g *agreement) status() bootstrap.Founding {
	s := g.machine.Status()
	f := bootstrap.Founding{Rival: g.rival, Proposing: !s.Ballot.IsZero(), Promises: s.Promises, Accepts: s.Accepts, Forgot: s.Forgot}
	if !s.Promised.IsZero() {
		f.Promised, f.Own = s.Promised.String(), s.Promised.Board == g.config.Self.Board
	}
	if s.LastReject.Reason != "" {
		f.Rejected = s.LastReject.Board + ": " + s.LastReject.Reason
	}
	return f
}

func (g *agreement) propose(gossip channel, boards []string) {
	g.carryOut(gossip, g.machine.Propose(boards))
}

// receive takes what came over gossip: a message, or the plan by state exchange.
func (g *agreement) receive(gossip channel, in discovery.Message) {
	var msg founding.Message
	if in.Shared {
		var p founding.Plan
		if err := json.Unmarshal(in.Payload, &p); err != nil {
			g.log.Debug().Err(err).Msg("a plan that came by gossip cannot be read")
			return
		}
		msg = g.chosen(&p, "gossip", g.config.Self.Board)
	} else if err := json.Unmarshal(in.Payload, &msg); err != nil || msg.From != in.From {
		g.log.Debug().Err(err).Str("from", in.From).Msg("a founding message cannot be read")
		return
	}
	if msg.Plan != nil && g.givenUp != nil && g.givenUp(msg.Plan) {
		return
	}
	g.carryOut(gossip, g.machine.Step(msg))
}

// adopt takes another plan for the one that was chosen here. What was promised
// stays: it binds too much, and never too little.
func (g *agreement) adopt(p founding.Plan) error {
	r := g.durable
	r.Chosen = &p
	if err := g.store.write("founding.json", foundingRecord{g.machine.Terms().Generation, r}); err != nil {
		return err
	}
	g.durable, g.rival = r, nil
	return g.rebuild()
}

func (g *agreement) chosen(p *founding.Plan, from, to string) founding.Message {
	return founding.Message{Type: founding.TypeChosen, From: from, To: to, Terms: g.machine.Terms(), Plan: p}
}

// carryOut does what a Ready asks for, in its order. Messages of the board to
// itself go back into the machine after the write, like all others.
func (g *agreement) carryOut(gossip channel, r founding.Ready) {
	for queue := []founding.Ready{r}; len(queue) > 0; {
		r, queue = queue[0], queue[1:]
		if r.Record != nil && !g.keep(*r.Record) {
			return
		}
		if r.Conflict != nil && (g.rival == nil || !g.rival.Equal(*r.Conflict)) {
			g.rival = r.Conflict
			g.log.Error().Str("here", g.machine.Chosen().Digest()).Str("there", g.rival.Digest()).
				Msg("two founding plans were chosen in one fleet; `boards` in a profile was too small")
		}
		if r.Chosen != nil {
			g.log.Info().Str("cluster_id", bootstrap.FormatID(r.Chosen.ClusterID())).Str("token", r.Chosen.Token).
				Str("initial_cluster", r.Chosen.InitialCluster()).Msg("a founding plan was chosen")
			g.share(gossip)
		}
		for _, m := range r.Messages {
			if m.To == g.config.Self.Board {
				queue = append(queue, g.machine.Step(m))
				continue
			}
			g.send(gossip, m)
		}
	}
}

// keep puts a record on disk. If that fails the machine is ahead of its disk:
// nothing it says may leave, and it must forget. If the write got further than
// its error says, the disk holds a promise that nobody was given, which binds
// too much and never too little.
func (g *agreement) keep(r founding.Record) bool {
	err := g.bind()
	if err == nil {
		err = g.store.write("founding.json", foundingRecord{g.machine.Terms().Generation, r})
	}
	if err == nil {
		g.durable, g.failure = r, ""
		return true
	}
	if err.Error() != g.failure {
		g.failure = err.Error()
		g.log.Error().Err(err).Msg("a promise could not be written and is not given")
	}
	if err := g.rebuild(); err != nil {
		g.broken = "its founding record cannot be used: " + err.Error()
		g.setRefusal(g.broken)
	}
	return false
}

// send does not wait: a board that just died takes seconds to be found out.
func (g *agreement) send(gossip channel, m founding.Message) {
	b, err := json.Marshal(m)
	if err != nil {
		g.log.Error().Err(err).Msg("encode a founding message")
		return
	}
	g.post(gossip, m.To, b, string(m.Type))
}

// post sends a message beside the loop; what is lost is sent again by who needs it.
func (g *agreement) post(gossip channel, to string, payload []byte, what string) {
	g.sends.Go(func() {
		if err := gossip.Send(to, payload); err != nil {
			g.log.Debug().Err(err).Str("to", to).Str("type", what).Msg("a message to another board was lost")
		}
	})
}

// share hands the plan to every board that exchanges state with this one.
func (g *agreement) share(gossip channel) {
	p := g.machine.Chosen()
	if p == nil {
		return
	}
	b, err := json.Marshal(p)
	if err != nil {
		g.log.Error().Err(err).Msg("encode the founding plan")
		return
	}
	gossip.SetShared(b)
}

// tell sends the plan to living boards whose card shows that they do not know
// it.
func (g *agreement) tell(gossip channel, now time.Time, peers []discovery.Peer) {
	p := g.machine.Chosen()
	if p == nil {
		return
	}
	digest := p.Digest()
	for _, peer := range peers {
		if !peer.Alive || peer.Plan == digest || now.Sub(g.told[peer.Board]) < tellAgain {
			continue
		}
		g.told[peer.Board] = now
		g.send(gossip, g.chosen(p, g.config.Self.Board, peer.Board))
	}
	for board := range g.told {
		if !slices.ContainsFunc(peers, func(p discovery.Peer) bool { return p.Board == board }) {
			delete(g.told, board)
		}
	}
}

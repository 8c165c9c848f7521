package sim

import (
	"cmp"
	"fmt"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/founding"
)

// board is a machine. Its agent is nil while it is off or killed.
type board struct {
	w          *World
	n          int
	hardware   string
	host       string // its address; "" none
	never      bool   // founding: never
	power      bool
	dead       bool          // it never comes back
	slow       time.Duration // factor
	clock      time.Duration // how far its wall clock is off
	sync       int           // what a write on its disk takes, in milliseconds; 0: not known
	unreadable bool
	unsure     bool   // what hardware this is cannot be told
	bare       bool   // it has no profile
	spoilt     bool   // it has one that cannot be used
	double     *board // whose twin it is
	blank      bool   // and it has a disk of its own
	doubledAt  time.Duration
	asks       int   // `voters` in its own profile; 0: as in all others
	asked      wish  // what it was before
	full       fault // what the file system refuses writes with
	disk       *disk
	agent      *agent
	killIn     int // the agent is killed before that many more steps; 0: not
	backIn     time.Duration
	left       bool // its owner asked it to leave
	lastWhy    bootstrap.Row
	ended      time.Duration // when its etcd ended last
}

func (b *board) peerURL() string {
	if b.host == "" {
		return ""
	}
	return "https://" + b.host + ":2380"
}

// voters is what its profile asks for.
func (b *board) voters() int { return cmp.Or(b.asks, b.w.voters) }

func (b *board) name() string { return fmt.Sprintf("board-%d", b.n+1) }

// agent is what a kill takes away.
type agent struct {
	b        *board
	w        *World
	machine  *founding.Machine
	plan     *founding.Plan // that it knows
	digest   string         // of the plan
	fleets   string         // the cluster of the plan
	state    bootstrap.State
	seat     bootstrap.Seat
	order    bootstrap.Order
	do       bootstrap.Verb // of the last decision
	renewal  bootstrap.Renewal
	turnOf   bootstrap.Turn
	keeps    time.Duration  // since when it is well and keeps its turn; 0: it does not
	facts    bootstrap.Disk // as last read
	looked   time.Duration
	peers    map[string]*view
	told     map[string]time.Duration
	shown    card
	rival    *founding.Plan
	failed   string
	patience time.Duration
	given    []word        // lists that quorums gave
	blind    bool          // the disk could not be read when it was looked at
	unsure   bool          // nor what hardware this is
	asideAt  time.Duration // when it last set data aside
	clearAt  time.Duration // when it last looked through its archive
	mute     time.Duration // since when it waits for something that it does not name; -1: it does not

	busy    bool     // in the middle of an effect
	waiting []func() // what comes meanwhile
	updated string   // where the quorum was told that the own member is
	asking  bool     // a call through the quorum is under way
	loopAt  time.Duration
	planned bool

	bootedAt time.Duration

	child
	watch
	witness
}

func (b *board) switchOn() {
	if b.power || b.dead {
		return
	}
	b.power = true
	b.boot()
	b.w.topology()
}

// boot starts the agent.
func (b *board) boot() {
	if !b.power || b.agent != nil {
		return
	}
	d := b.disk
	drawn := d.id == ""
	if drawn {
		d.id, d.life, d.hardware = b.hardware, b.w.newLife(), b.hardware
	}
	a := &agent{b: b, w: b.w, peers: map[string]*view{}, told: map[string]time.Duration{}, patience: b.w.some(time.Second), mute: -1}
	a.proc, a.turnOf.Unknown = bootstrap.ProcStopped, true
	a.owners, a.asked, a.bootedAt = d.owners, map[string]time.Duration{}, b.w.now
	if drawn {
		a.watched = d.life
	}
	b.agent = a
	a.makeMachine()
	a.look()
	b.w.say("%s: agent starts (life %s)", b.name(), d.life)
	a.wake(0)
	a.later(100*time.Millisecond, a.watchRound)
	b.w.topology()
}

// kill ends agent and child at once. The next agent waits until the child of
// this one is gone, so the two never meet.
func (b *board) kill(back time.Duration) {
	a := b.agent
	if a == nil {
		return
	}
	b.w.say("%s: killed", b.name())
	b.agent, b.killIn = nil, 0
	if d := b.disk.intent.Do; b.left && d != bootstrap.IntentLeave && d != bootstrap.IntentLeft && !b.disk.aside.leaves {
		b.left = false // the order was lost before it was on disk
	}
	if a.server != nil {
		b.w.fabric.kill(a.server)
	}
	b.w.topology()
	if back > 0 {
		b.w.after(back, b.boot)
	}
}

func (b *board) switchOff() {
	b.kill(0)
	b.power = false
	b.w.topology()
}

func (a *agent) alive() bool { return a.b.agent == a }

// later does something unless the agent is killed before.
func (a *agent) later(d time.Duration, work func()) {
	a.w.after(d, func() {
		if a.alive() {
			work()
		}
	})
}

// steps carries out an effect, one step after the other. The agent may be
// killed before each of them.
func (a *agent) steps(list ...func()) {
	if len(list) == 0 {
		a.busy = false
		for _, work := range a.waiting {
			a.later(0, work)
		}
		a.waiting = nil
		a.wake(0)
		return
	}
	a.busy = true
	a.later(a.writing(), func() {
		if a.fatal() {
			return
		}
		list[0]()
		if a.alive() {
			a.steps(list[1:]...)
		}
	})
}

// fatal kills the agent if this is the step before which it is to be killed.
func (a *agent) fatal() bool {
	b := a.b
	if b.killIn > 0 {
		if b.killIn--; b.killIn == 0 {
			b.kill(b.backIn)
			return true
		}
	}
	return false
}

// writing is what a synced write takes.
func (a *agent) writing() time.Duration {
	return (time.Millisecond + a.w.some(10*time.Millisecond)) * a.b.slow
}

// wake makes the loop turn after d at the latest.
func (a *agent) wake(d time.Duration) {
	at := a.w.now + d
	if a.planned && a.loopAt <= at {
		return
	}
	a.planned, a.loopAt = true, at
	a.later(d, func() {
		if a.planned && a.loopAt == a.w.now {
			a.loop()
		}
	})
}

// loop is one turn: observe, fold, decide, act.
func (a *agent) loop() {
	if a.busy {
		a.planned = false
		return
	}
	a.planned = false
	a.state = bootstrap.Fold(a.state, a.observe())
	act := a.w.plant.decide(a.state)
	a.state = a.state.Note(act)
	a.do = act.Do
	a.w.result.Steps++
	a.w.result.Rows[act.Why]++
	a.note(act)
	a.w.checkKnown(a, act)
	a.w.checkSays(a, act)
	a.w.checkAlarm(a)
	a.checkTurnKept()
	a.act(act)
	if !a.alive() {
		return
	}
	a.show()
	sleep := time.Second
	if act.Again > 0 {
		sleep = min(sleep, max(act.Again, time.Millisecond))
	}
	a.wake(sleep)
}

func (a *agent) note(act bootstrap.Action) {
	if !a.w.verbose {
		return
	}
	if act.Why != a.b.lastWhy || act.Do != bootstrap.Wait && act.Do != bootstrap.Hold {
		a.b.lastWhy = act.Why
		a.w.say("%s: %s %s: %s", a.b.name(), act.Why, act.Do, act.Say)
	}
}

// meanwhile does something when no effect is under way.
func (a *agent) meanwhile(work func()) {
	if a.busy {
		a.waiting = append(a.waiting, work)
		return
	}
	work()
}

func (a *agent) makeMachine() {
	d := a.b.disk
	terms := founding.Terms{Cluster: "lab", Generation: 1, Boards: a.w.profileBoards(), Voters: min(a.b.voters(), a.w.profileBoards())}
	m, err := founding.New(founding.Config{Terms: terms, Record: d.founding,
		Self:  founding.Founder{Board: a.gossipID(), Life: d.life, Name: a.b.name(), PeerURL: a.b.peerURL()},
		Token: func() string { return fmt.Sprintf("%016x", a.w.random.Uint64()) }})
	if err != nil {
		a.w.broke("founding record of " + a.b.name() + ": " + err.Error())
		return
	}
	a.machine = m
	a.know()
}

// know keeps what is asked of the plan again and again.
func (a *agent) know() {
	a.plan, a.digest, a.fleets = a.machine.Chosen(), "", ""
	if p := a.plan; p != nil {
		a.digest, a.fleets = p.Digest(), bootstrap.FormatID(p.ClusterID())
	}
}

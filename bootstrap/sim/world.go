package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"muster/bootstrap"
)

// epoch is the virtual time 0. Times of a world count from it.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Scenario is all that a run depends on.
type Scenario struct {
	Seed   uint64
	Boards int // boards at founding; 1 to 7
	Spare  int // boards that are switched on later, with founding: never
	Voters int
	Faults []Fault
	// Profile is what `boards` in the profile says; 0 means Boards.
	Profile int
	// Unwritten says that no client ever writes.
	Unwritten bool
	// Quiet is how long after the last fault the fleet may take to be whole; 0
	// means 10 minutes.
	Quiet time.Duration
	// TwoClusters says that the scenario breaks the limits of founding on purpose.
	TwoClusters bool
	// Expect, if not empty, is the row in which a board may end instead of in a
	// place, because a person is needed.
	Expect []bootstrap.Row
}

// Result is what came of a run.
type Result struct {
	Broken  string // the first rule that was broken; "" none
	At      time.Duration
	Steps   int // decisions made
	Writes  int // acknowledged
	Cleared int // entries that went from archives
	Rows    map[bootstrap.Row]int
	Ended   time.Duration
	Skipped int // faults that would have gone beyond the limits
	Log     []string
}

// plant is a fault in the world's thin parts, to show that the rules catch it.
type plant struct {
	staleList    bool // the member list is read without a quorum and offered as fresh
	earlyPromote bool // a learner is promoted before it is in sync
	noIntent     bool // intents are not written down
	unknownEmpty bool // a disk that cannot be read is reported as empty
	early        bool // a write is acknowledged before a quorum has it
	noPace       bool // the pace that the fleet goes by is not written down
	blindTurn    bool // a turn is given back without asking whose it is
	hasty        bool // a board goes by what its own disk needs at once
	trusting     bool // no board asks the others what they remember of its member
	clearsAll    bool // what is not proven to be redundant goes from the archives too
	decide       func(bootstrap.State) bootstrap.Action
}

// World is one run.
type World struct {
	scenario Scenario
	plant    plant
	random   *rand.Rand
	now      time.Duration
	events   events
	seq      int
	fabric   *fabric
	boards   []*board
	cut      map[[2]int]int // packets from one board to another are lost
	lossy    float64        // share of gossip that is lost
	late     time.Duration  // what gossip takes at most
	voters   int
	asked    wish // what all profiles asked for before
	profile  int  // `boards` in all profiles; 0: as many as there are
	life     int
	hosts    int
	writes   int
	main     string
	wiped    int
	verbose  bool
	dirs     []*dir                  // all that ever had a log, none of which may be gone
	yielded  map[*dir]bool           // that were given up by order
	begun    []string                // the clusters that were founded
	needed   map[bootstrap.Pace]bool // slower ones for which a board has measured
	slowAt   time.Duration           // when the first did
	byHand   bool                    // a person changes the membership
	images   map[Fault]*disk         // of cards that are put back later
	knowing  []knowing
	alarm    bootstrap.Alarms // that stand in the cluster
	alarmAt  time.Duration    // since when
	result   Result
}

type event struct {
	at   time.Duration
	seq  int
	work func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1].work = nil
	*e = old[:len(old)-1]
	return last
}

// Run plays a scenario.
func Run(s Scenario) Result { return play(s, plant{}, false) }

func play(s Scenario, p plant, verbose bool) Result {
	w := newWorld(s, p)
	w.verbose = verbose
	w.run()
	return w.result
}

func newWorld(s Scenario, p plant) *World {
	w := &World{scenario: s, plant: p, random: rand.New(rand.NewPCG(s.Seed, 7)), cut: map[[2]int]int{}, needed: map[bootstrap.Pace]bool{}, yielded: map[*dir]bool{}, voters: s.Voters, profile: s.Profile,
		late: 300 * time.Millisecond, result: Result{Rows: map[bootstrap.Row]int{}}}
	if w.plant.decide == nil {
		w.plant.decide = bootstrap.Decide
	}
	w.fabric = newFabric(func() time.Duration { return w.now }, w.linked, w.broke)
	w.fabric.eager, w.fabric.early, w.fabric.blind = p.earlyPromote, p.early, p.blindTurn
	w.fabric.ended = w.serverEnded
	w.fabric.gone = func(s *server) { w.boards[s.machine].ended = w.now }
	w.fabric.changed = w.checkChange
	w.fabric.founded = w.founded
	w.fabric.listed = w.serverListed
	w.fabric.alarmed = func() bool { return w.alarm != 0 }
	w.fabric.here = func(s *server) bool { return w.boards[s.machine].host == s.host }
	for i := range s.Boards + s.Spare {
		b := &board{w: w, n: i, hardware: fmt.Sprintf("%016x", i+1), never: i >= s.Boards, slow: 1, sync: fastSync, disk: &disk{}, host: fmt.Sprintf("10.0.0.%d", i+1)}
		w.boards = append(w.boards, b)
		if i < s.Boards {
			w.after(time.Duration(w.random.Int64N(int64(3*time.Second))), b.switchOn)
		}
	}
	for _, f := range s.Faults {
		if f.Kind == OldCard {
			w.after(max(0, f.At-time.Duration(f.N)*time.Millisecond), func() { w.image(f) })
		}
		w.after(f.At, func() { w.inject(f) })
	}
	w.after(time.Second, w.client)
	w.after(5*time.Second, w.resync)
	w.after(time.Second, w.elections)
	return w
}

func (w *World) after(d time.Duration, work func()) {
	w.seq++
	heap.Push(&w.events, event{w.now + d, w.seq, work})
}

// some is a random time up to most.
func (w *World) some(most time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(most) + 1))
}

// run plays until a rule is broken, the fleet is whole again, or it took too
// long to be.
func (w *World) run() {
	last := time.Duration(0)
	for _, f := range w.scenario.Faults {
		last = max(last, f.At+f.For)
	}
	quiet := w.scenario.Quiet
	if quiet == 0 {
		quiet = 10 * time.Minute
	}
	if slices.ContainsFunc(w.scenario.Faults, func(f Fault) bool { return f.Kind == Twin }) {
		// For as long nothing is concluded from an ID that two boards showed.
		quiet += 10 * time.Minute
	}
	checked := last
	for len(w.events) > 0 && w.result.Broken == "" {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.work()
		w.inspect()
		if w.now <= checked+time.Second {
			continue
		}
		checked = w.now
		why := w.unfinished()
		if why == "" {
			w.atEnd()
			break
		}
		if w.now > last+quiet {
			w.broke("not whole " + quiet.String() + " after the last fault: " + why)
		}
	}
	w.result.Ended = w.now
	for _, p := range w.fabric.pasts {
		w.result.Writes += len(p.acked)
	}
}

func (w *World) broke(text string) {
	if w.result.Broken == "" {
		w.result.Broken, w.result.At = text, w.now
		w.say("BROKEN: %s", text)
	}
}

func (w *World) say(format string, args ...any) {
	if w.verbose {
		w.result.Log = append(w.result.Log, fmt.Sprintf("%8.3f ", w.now.Seconds())+fmt.Sprintf(format, args...))
	}
}

// profileBoards is `boards` in the profile.
func (w *World) profileBoards() int {
	if w.profile > 0 {
		return w.profile
	}
	return w.scenario.Boards
}

func (w *World) time() time.Time { return epoch.Add(w.now) }

// client writes all the time, wherever a member answers.
func (w *World) client() {
	w.after(500*time.Millisecond+w.some(time.Second), w.client)
	b := w.boards[w.random.IntN(len(w.boards))]
	if b.agent == nil || b.agent.server == nil || w.scenario.Unwritten || w.alarm != 0 {
		return
	}
	w.writes++
	s := b.agent.server
	if w.fabric.put(s, w.writes) != nil {
		return
	}
	w.acknowledged(s.dir.cluster)
}

// elections lets members campaign that found no leader before.
func (w *World) elections() {
	w.after(time.Second, w.elections)
	w.fabric.settle()
}

// linked says whether packets travel from one host to another.
func (w *World) linked(from, to string) bool {
	a, b := w.at(from), w.at(to)
	return a != nil && b != nil && (a == b || w.cut[[2]int{a.n, b.n}] == 0)
}

// at is the board that has an address now.
func (w *World) at(host string) *board {
	for _, b := range w.boards {
		if b.power && b.host == host {
			return b
		}
	}
	return nil
}

func (w *World) newLife() string {
	w.life++
	return fmt.Sprintf("life-%d", w.life)
}

package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
	"muster/discovery"
	"muster/systemd"
)

// ErrNoIdentity says that this hardware has no serial number, no address of a
// network card and no machine-id by which it could be told from another board.
var ErrNoIdentity = errors.New("this hardware has nothing to be told apart by; give the board one with --identity")

// Config is what the daemon is started with. The profile is not part of it: it
// is read from ConfigDir, and may come later.
type Config struct {
	StateDir, ConfigDir, RunDir string
	Profile                     string     // put in place once the state directory is ours; "" : nothing
	Anew                        bool       // no owner started it: it ended before with ErrStartAnew
	Name                        string     // "" : the host's name
	Address                     netip.Addr // zero: looked for
	Interface                   string     // "" : as the profile says
	Identity                    string     // stands in for the hardware; "" : the hardware
	Child                       []string   // command that runs etcd.Serve
	Version                     string
	// Patience is how long an agent whose context has ended waits, as a voter,
	// until the cluster can do without it; 0: not at all.
	Patience time.Duration
	Log      zerolog.Logger
}

// Agent is the daemon of one board. Its fields belong to the loop, but for
// view, which readers of the control socket take as a whole.
type Agent struct {
	config   Config
	log      zerolog.Logger
	store    *store
	hardware discovery.Hardware
	board    boardRecord
	host     string
	patience time.Duration

	profile profileFile
	fleet   *fleet // nil without a usable profile
	runner  *runner
	disk    bootstrap.Disk
	// operator has what is under way through the quorum.
	operator  *operator
	cleaner   *operator // of the archive: it may take long on a slow card
	owners    []bootstrap.Owner
	seat      bootstrap.Seat // the last one that this board gave as steward
	orders    chan order
	order     bootstrap.Order
	orderedAt time.Time
	clearAt   time.Time // when the archive was last looked through
	asideAt   time.Time // when data was last set aside
	crowded   string    // what the owner should know of the archive, as last looked through
	learnedAt time.Time // when it last heard who started a member
	ownersAt  time.Time // when owners.json was last written, or that failed
	unwritten bool      // owners knows more than owners.json
	// seen are the members that this agent has seen run on other boards; recalled is
	// what those said of this board's own, and asked when they were asked.
	seen     []string
	recalled []bootstrap.Recall
	asked    map[string]time.Time
	// watched is the life that this agent has drawn, or whose member it has run.
	watched string
	// inspected is when the data directory was last read.
	inspected time.Time

	renewal bootstrap.Renewal
	turn    bootstrap.Turn
	started time.Time
	run     string    // a random number of this run
	downBy  time.Time // when a board that is stopped waits no longer
	memory  int64     // bytes that this board has; 0: not known
	speed   diskSpeed // of the disk below StateDir; zero: not known
	over    bool      // the agent is to end

	state  bootstrap.State
	action bootstrap.Action
	held   bool // the decision that was logged last was to hold
	// failure is what the last effect failed of, "" if it worked.
	failure string
	view    atomic.Pointer[view]
	// decided is closed when there is a view.
	decided chan struct{}
	notify  systemd.Notifier
}

// Run is the daemon until ctx ends; then it ends in order, within Patience and
// some seconds, and returns nil. It returns ErrStartAnew if it was asked to, ErrSecondAgent if the state directory is taken, what
// PlaceProfile returns for a profile that is not put in place, ErrNoIdentity,
// and other errors only for what makes a start senseless: a state directory
// that cannot be used, a control socket that cannot be made.
func Run(ctx context.Context, c Config) error {
	s, err := openStore(c.StateDir)
	if err != nil {
		return err
	}
	defer s.close()
	if c.Profile != "" {
		if _, err := PlaceProfile(c.ConfigDir, c.StateDir, c.Profile); err != nil {
			return err
		}
	}
	a, err := newAgent(c, s)
	if err != nil {
		return err
	}
	down := ctx.Done()
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	control, err := a.listen()
	if err != nil {
		return err
	}
	var serving sync.WaitGroup
	serving.Go(func() { a.serve(ctx, control) })
	defer serving.Wait()
	defer cancel()
	a.loop(ctx, down)
	err = a.shutdown()
	if !a.renewal.Down {
		if err != nil {
			// No reason to stay away.
			a.log.Error().Err(err).Msg("not all ended in order")
		}
		err = ErrStartAnew
	}
	return err
}

func newAgent(c Config, s *store) (*Agent, error) {
	a := &Agent{config: c, log: c.Log, store: s, host: c.Name, decided: make(chan struct{}), operator: newOperator(), cleaner: newOperator(), orders: make(chan order), asked: map[string]time.Time{}}
	if a.host == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("host name: %w", err)
		}
		a.host = memberNameOf(host)
	}
	var err error
	a.readHardware()
	if a.hardware.BoardID() == "" {
		return nil, ErrNoIdentity
	}
	var drawn bool
	if a.board, drawn, err = s.board(a.hardware); err != nil {
		return nil, fmt.Errorf("identity of this board: %w", err)
	}
	if drawn {
		a.watched = a.board.Life
	}
	a.board.Seq++
	if c.Profile != "" && !c.Anew && a.board.Intent.Do == bootstrap.IntentLeft {
		// Its owner joins it again. A start alone, as after an upgrade, says nothing.
		a.board.Intent = bootstrap.Intent{}
	}
	if err := s.write("board.json", a.board); err != nil {
		return nil, fmt.Errorf("identity of this board: %w", err)
	}
	a.patience, a.started, a.run = rand.N(time.Second), time.Now(), randomHex(4)
	a.turn.Unknown = true
	a.runner = newRunner(c.Child, a.log.With().Str("from", "etcd").Logger())
	a.runner.lock = s.lock
	if err := s.read("owners.json", &a.owners); err != nil && !errors.Is(err, fs.ErrNotExist) {
		// It is learned again from the living.
		a.log.Warn().Err(err).Msg("who started which member is not known from before")
		a.owners = nil
	}
	a.measure()
	a.profile = profileFile{path: ProfilePath(c.ConfigDir)}
	a.inspect()
	a.log.Info().Str("board", a.board.ID).Str("name", a.host).Str("version", c.Version).Msg("agent started")
	return a, nil
}

// measure looks at what this board has to work with, and limits this process to its
// share.
func (a *Agent) measure() {
	a.memory = boardMemory()
	if own, _ := memoryShares(a.memory); own > 0 {
		etcd.LimitMemory(own)
	}
	var err error
	if a.speed, err = a.store.diskSpeed(); err != nil {
		a.log.Warn().Err(err).Msg("how fast this board's disk is could not be measured and kept")
	}
	if w := a.speed.warning(); w != "" {
		a.log.Warn().Msg(w)
	}
}

// knowHardware looks at the hardware once more before this board shows itself to
// the others: its network card may have come later than its agent.
func (a *Agent) knowHardware() error {
	a.readHardware()
	next := a.board.on(a.hardware)
	if next.ID == a.board.ID && len(next.Fingerprints) == len(a.board.Fingerprints) {
		return nil
	}
	before := a.board.ID
	if err := a.keepRecord(next); err != nil {
		return fmt.Errorf("identity of this board: %w", err)
	}
	if next.ID == before {
		return nil
	}
	a.log.Info().Str("board", next.ID).Str("before", before).Msg("a network card came: this board takes its ID, the one before was made from the machine-id alone")
	return a.fleet.agree.reborn(a.founder())
}

func (a *Agent) readHardware() {
	if a.config.Identity != "" {
		a.hardware = discovery.Labelled(a.config.Identity)
		return
	}
	hw, err := discovery.ReadHardware("/")
	if err != nil && len(a.hardware.Fingerprints) == 0 {
		// One kind of fingerprint that cannot be read is no reason to stay off.
		a.log.Warn().Err(err).Msg("not all of this board's hardware could be read")
	}
	a.hardware = hw
}

// shutdown ends everything in order: leadership first, gossip after it, so that
// the others still see this board until its member has let go.
func (a *Agent) shutdown() error {
	var errs []error
	errs = append(errs, a.notify.Stopping())
	// First, or the rest of a turn that is being given back would free the others while
	// etcd ends here.
	a.operator.end()
	errs = append(errs, a.runner.stop())
	a.cleaner.end()
	if a.fleet != nil {
		errs = append(errs, a.fleet.close())
	}
	a.log.Info().Msg("agent ended")
	return errors.Join(errs...)
}

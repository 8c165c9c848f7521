package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"github.com/rs/zerolog"

	"muster/bootstrap"
)

// EventKind is what a child reports about itself.
type EventKind string

// The events of a child, in this order, each at most once; only members, progress
// and mark come any number of times, members and mark from started on.
const (
	EventStarted  EventKind = "started"  // peers are served and the IDs are known; no quorum yet
	EventMembers  EventKind = "members"  // its own member list has changed, by replay of its log or by the quorum
	EventReady    EventKind = "ready"    // there is a leader and a quorum: clients are served
	EventProgress EventKind = "progress" // the member leads, and what it sees of the others has changed
	EventMark     EventKind = "mark"     // how far it has applied its log has changed
	EventStopped  EventKind = "stopped"  // it has ended; always the last one
)

// eventRoom is how many events a child keeps for a slow reader.
const eventRoom = 32

// Event is one report of a child.
type Event struct {
	Kind EventKind
	// MemberID and ClusterID come with started and ready.
	MemberID, ClusterID string
	// Members comes with started and members: the list as this server has it, also
	// in its database. A quorum may have changed it since.
	Members []Member
	// Progress comes with progress, one for each member, sorted by ID. It is nil
	// if the member does not lead any more: nothing is known then.
	Progress []Progress
	// Mark comes with mark: the last entry that it had applied some seconds ago. It is
	// on this board's disk.
	Mark bootstrap.Mark
	// Why comes with stopped, in words; Child.Exit has it in full.
	Why string
}

// Child is a running etcd.
type Child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	events chan Event
	done   chan struct{}
	relay  *relay

	mu      sync.Mutex
	ordered bool
	exit    Exit
}

// Spawn starts argv as a child and feeds it with c. argv must run [Serve]. The
// child gets a process group of its own, so that a Ctrl-C is the parent's alone,
// and an environment without what etcd or the service manager would take for
// theirs. Its log lines go to log. A child lives until it ends by itself, Stop
// is called, or this process ends.
//
// The child keeps the inherit files open for as long as it lives and does nothing
// with them: an flock(2) on one of them outlives this process until the child has
// ended too. The caller may close its own; LOCK_UN would take the lock from both.
//
// No parent-death signal is asked for: Linux sends it when the thread that
// started the child ends, and Go's threads come and go.
func Spawn(argv []string, c Config, log zerolog.Logger, inherit ...*os.File) (*Child, error) {
	if len(argv) == 0 {
		return nil, errors.New("start etcd: no command")
	}
	if c.LogLevel == "" {
		c.LogLevel = childLevel(log)
	}
	config, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = childEnv(os.Environ())
	cmd.ExtraFiles = inherit
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	ch := &Child{
		cmd: cmd, stdin: stdin, relay: newRelay(log),
		events: make(chan Event, eventRoom), done: make(chan struct{}),
	}
	go ch.own(stdout, stderr)
	// It is far smaller than a pipe's buffer. If the child is dead already, its
	// exit tells more than this error.
	_, _ = stdin.Write(config)
	return ch, nil
}

// own is the child's owner: it reads what the child says, waits for its end and
// closes done.
func (c *Child) own(stdout, stderr io.Reader) {
	var readers sync.WaitGroup
	readers.Go(func() { lines(stdout, c.hear) })
	readers.Go(func() { lines(stderr, c.relay.line) })
	// Wait closes the pipes, so all must be read before.
	readers.Wait()
	_ = c.cmd.Wait() // the process state tells it all
	words, crashed := c.relay.lastWords()

	c.mu.Lock()
	c.exit = exitOf(c.cmd.ProcessState, c.ordered, crashed, words)
	exit := c.exit
	c.mu.Unlock()
	c.push(Event{Kind: EventStopped, Why: exit.String()})
	close(c.events)
	close(c.done)
}

// hear takes one line of the child's standard output.
func (c *Child) hear(line []byte) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		c.relay.line(line)
		return
	}
	switch m.Event {
	case EventStarted, EventReady:
		if m.Event == EventReady {
			c.relay.enter(serving)
		}
		c.push(Event{Kind: m.Event, MemberID: m.Member, ClusterID: m.Cluster, Members: m.Members})
	case EventMembers, EventProgress, EventMark:
		c.push(Event{Kind: m.Event, Members: m.Members, Progress: m.Progress, Mark: m.Mark})
	case EventStopped:
		c.relay.final(m.Why)
	}
}

// push keeps an event for the reader and never waits for it: a child that talks
// must not stand still because nobody listens. It has one caller at a time, the
// reader of standard output and then own.
func (c *Child) push(e Event) {
	for {
		select {
		case c.events <- e:
			return
		default:
		}
		// The newest says how things are, so the oldest goes.
		select {
		case <-c.events:
		default:
		}
	}
}

// Events are the child's; the channel is closed after EventStopped. A child never
// waits for its reader: of more than 32 events that nobody has taken the oldest
// are lost.
func (c *Child) Events() <-chan Event { return c.events }

// Done is closed when the child has ended and Exit is known.
func (c *Child) Done() <-chan struct{} { return c.done }

// Exit is how the child ended; before Done its Kind is ExitUnknown.
func (c *Child) Exit() Exit {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exit
}

// PID is the child's process ID. It is not valid after Done.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Stop orders the child to hand over its leadership and to end, which takes
// 2 s at most, and waits for that. If ctx ends before, the child is killed. It
// returns nil when the child has ended by the order (or had ended before), and
// the cause of ctx when it had to be killed. It may be called any number of
// times and at once.
func (c *Child) Stop(ctx context.Context) error {
	c.mu.Lock()
	first := !c.ordered
	c.ordered = true
	c.mu.Unlock()
	if first {
		c.relay.enter(ending)
		if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			// The end of its input is the same order.
			_ = c.stdin.Close()
		}
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
	}
	err := c.cmd.Process.Kill()
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill etcd: %w", err)
	}
	<-c.done
	return fmt.Errorf("stop etcd: killed: %w", context.Cause(ctx))
}

// Kill ends the child at once, without handing over its leadership, and waits for
// that: for a board whose address is gone, which reaches no one to hand over to.
// The log on disk is safe at any moment.
func (c *Child) Kill() {
	c.relay.enter(ending)
	// Its only error is that the child has ended already.
	_ = c.cmd.Process.Kill()
	<-c.done
}

// childEnv removes what would change the child: etcd reads ETCD_ variables,
// its peer transport takes proxies from the environment, and the service
// manager's channel belongs to the parent alone. It lets the child listen by plain
// TCP: Go listens by Multipath TCP where it can (net.ListenConfig), whose sockets do
// not take the limit on silence.
func childEnv(environ []string) []string {
	var env []string
	debug := "GODEBUG=multipathtcp=0"
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		switch upper := strings.ToUpper(name); {
		case strings.HasPrefix(name, "ETCD_"),
			upper == "HTTP_PROXY", upper == "HTTPS_PROXY", upper == "ALL_PROXY",
			name == "NOTIFY_SOCKET",
			strings.HasPrefix(name, "WATCHDOG_"), strings.HasPrefix(name, "LISTEN_"):
		case name == "GODEBUG" && value != "":
			debug += "," + value
		default:
			env = append(env, v)
		}
	}
	return append(env, debug)
}

package etcd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"muster/bootstrap"
)

// stopLimit is how long an ordered stop may take before the child leaves all
// the same. A leader waits up to 5 s + 2 election timeouts for a successor that
// does not answer (etcdserver.TryTransferLeadershipOnShutdown); the log on disk
// is safe at any moment, so there is nothing to lose but an election.
const stopLimit = 2 * time.Second

// message is one line of the child's standard output.
type message struct {
	Event    EventKind      `json:"event"`
	Member   string         `json:"member,omitempty"`
	Cluster  string         `json:"cluster,omitempty"`
	Members  []Member       `json:"members,omitempty"`
	Progress []Progress     `json:"progress,omitempty"`
	Mark     bootstrap.Mark `json:"mark,omitzero"`
	Why      string         `json:"why,omitempty"`
}

// reporter writes messages; etcd's goroutines use it too, from the fatal hooks.
type reporter struct {
	mu  sync.Mutex
	out io.Writer
}

func (r *reporter) say(m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Nobody is there to be told of a failure: the reader is the parent, and the
	// end of standard input tells of its death.
	_ = json.NewEncoder(r.out).Encode(m)
}

func (r *reporter) end(code int, why string) int {
	r.say(message{Event: EventStopped, Why: why})
	return code
}

// Serve is the child: it reads a [Config] from in, runs etcd and returns the
// exit code, one of the Code constants, which its caller must pass to os.Exit at
// once: goroutines of etcd are still alive. Events go to out and log lines to
// logs. The end of in, SIGTERM and the end of ctx are orders to stop. exit is
// os.Exit; it is called from etcd's goroutines after an error at level fatal or
// panic, which cannot be survived, and must not return.
//
// Serve owns its process: it changes signal handling, the garbage collector's
// settings and variables of etcd.
func Serve(ctx context.Context, in io.Reader, out, logs io.Writer, exit func(int)) int {
	// Ctrl-C in a terminal reaches every process of the foreground; the parent
	// alone decides. A dead parent's pipes must not kill us in the middle of the
	// ordered stop that its death begins, which SIGPIPE would do on the first
	// log line.
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer cancel()

	r := &reporter{out: out}
	var c Config
	dec := json.NewDecoder(in)
	if err := dec.Decode(&c); errors.Is(err, io.EOF) {
		return r.end(CodeOrdered, "standard input ended before a configuration came")
	} else if err != nil {
		return r.end(CodeStartError, fmt.Sprintf("read configuration: %v", err))
	}
	go func() {
		// This goroutine ends with the pipe or with the process.
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()

	level, err := zerolog.ParseLevel(c.LogLevel)
	if err != nil || c.LogLevel == "" {
		level = zerolog.InfoLevel
	}
	lg := newZap(logs, level, lastLine{r, exit, CodeFatal}, lastLine{r, exit, CodePanic})
	return run(ctx, c, r, lg)
}

// run starts etcd and stays with it to its end.
func run(ctx context.Context, c Config, r *reporter, lg *zap.Logger) int {
	cfg, err := settings(c, lg)
	if err != nil {
		return r.end(CodeStartError, err.Error())
	}
	tuneProcess(c)
	// Before StartEtcd: a start with foreign IDs writes them into the data
	// directory and speaks to other members.
	seen := foreseen(c, lg)
	if seen.known {
		if why := foreign(c, seen.member, seen.cluster); why != "" {
			return r.end(CodeForeignIDs, why)
		}
	}

	type result struct {
		e       *embed.Etcd
		err     error
		foreign string
	}
	began := make(chan result, 1)
	go func() {
		if why := listedAsAnother(ctx, c, seen); why != "" {
			began <- result{foreign: why}
			return
		}
		if c.HoldAddresses {
			if err := holdAddresses(c.Dir, lg); err != nil {
				// The list that is told shows what comes of it.
				lg.Warn("addresses in the log may win over those in the database", zap.Error(err))
			}
		}
		e, err := embed.StartEtcd(cfg)
		began <- result{e: e, err: err}
	}()
	var e *embed.Etcd
	select {
	case <-ctx.Done():
		// A start cannot be called off, and can hang for ever on a damaged
		// database. Leaving now is a power cut to etcd, and those are survived.
		return r.end(CodeOrdered, "stopped while starting")
	case b := <-began:
		if b.foreign != "" {
			return r.end(CodeForeignIDs, b.foreign)
		}
		if b.err != nil {
			return r.end(CodeStartError, b.err.Error())
		}
		e = b.e
	}
	return accompany(ctx, c, e, seen.haveLog, r, lg)
}

// accompany says what has started and stays with it.
func accompany(ctx context.Context, c Config, e *embed.Etcd, haveLog bool, r *reporter, lg *zap.Logger) int {
	member, cluster := e.Server.MemberID().String(), e.Server.Cluster().ID().String()
	if why := foreign(c, member, cluster); why != "" {
		return r.end(CodeForeignIDs, why)
	}
	if err := limitSilence(cmp.Or(c.ListenPeerURL, c.PeerURL), time.Duration(e.Config().ElectionMs)*time.Millisecond); err != nil {
		lg.Warn("peers that fall silent are noticed late", zap.Error(err))
	}
	list := listOf(e.Server)
	if haveLog {
		// It has begun to replay the log.
		commit(e.Server)
	}
	r.say(message{Event: EventStarted, Member: member, Cluster: cluster, Members: list})
	saidReady := make(chan struct{})
	// It ends with the order to stop or with the server. Nobody waits for it: the
	// process ends at once, and must not hang because it does.
	go pollServer(ctx, e, list, saidReady, r)
	var intact <-chan error
	if haveLog {
		intact = compare(ctx, e)
	}
	sayReady := func() {
		r.say(message{Event: EventReady, Member: member, Cluster: cluster})
		close(saidReady)
	}
	return attend(ctx, e, r, lg, intact, sayReady)
}

// attend waits until the server is ready, says so, and waits for its end, or for
// the news on intact that its data differs from its peers'.
func attend(ctx context.Context, e *embed.Etcd, r *reporter, lg *zap.Logger, intact <-chan error, sayReady func()) int {
	// Before it is ready, a server has no leadership to hand over; and embed's
	// Close would not return (etcd issue 9533), so it is never called.
	stop := e.Server.HardStop
	readyc := e.Server.ReadyNotify()
	for {
		select {
		case <-readyc:
			readyc, stop = nil, e.Server.Stop
			sayReady()
		case <-ctx.Done():
			if !within(stopLimit, stop) {
				lg.Warn("ordered stop took too long, left without it", zap.Duration("limit", stopLimit))
			}
			return r.end(CodeOrdered, "")
		case err := <-intact:
			if err != nil && ctx.Err() == nil {
				return r.end(CodeDiverged, err.Error())
			}
			intact = nil
		case <-e.Server.StopNotify():
			return r.end(CodeStopped, stoppedWords)
		case err := <-e.Err():
			// A server that was removed closes its listeners' errors and
			// StopNotify in no particular order.
			select {
			case <-e.Server.StopNotify():
				return r.end(CodeStopped, stoppedWords)
			case <-time.After(stopLimit):
				return r.end(CodeFatal, fmt.Sprintf("listener: %v", err))
			}
		}
	}
}

const stoppedWords = "the server stopped by itself: its member was removed from the cluster"

// within runs f and says whether it returned in time. If not, the process is
// about to end, and f's goroutine with it.
func within(limit time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

// foreign says how IDs differ from those that c wants, or nothing.
func foreign(c Config, member, cluster string) string {
	if c.WantCluster != "" && !sameID(c.WantCluster, cluster) {
		return fmt.Sprintf("cluster ID is %s, computed was %s", cluster, c.WantCluster)
	}
	if c.WantMember != "" && !sameID(c.WantMember, member) {
		return fmt.Sprintf("member ID is %s, computed was %s", member, c.WantMember)
	}
	return ""
}

// lastLine is zap's hook for entries after which etcd cannot go on. It ends the
// process rather than the goroutine: a server that lost one of its goroutines
// can neither work nor be closed.
type lastLine struct {
	r    *reporter
	exit func(int)
	code int
}

var _ zapcore.CheckWriteHook = lastLine{}

func (l lastLine) OnWrite(e *zapcore.CheckedEntry, fields []zapcore.Field) {
	why := e.Message
	m := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(m)
	}
	if err, ok := m.Fields["error"]; ok {
		why = fmt.Sprintf("%s: %v", why, err)
	}
	l.r.end(l.code, why)
	l.exit(l.code)
	runtime.Goexit()
}

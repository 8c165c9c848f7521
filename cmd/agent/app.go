package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"muster/agent"
	"muster/bootstrap/etcd"
	"muster/systemd"
)

// app is everything a verb may touch: what the shell handed over, the clock,
// and the effects behind the verbs. Tests replace any of it.
type app struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	executable     func() (string, error) // this binary, for the processes it starts
	exec           func(file string, args, environ []string) error
	now            func() time.Time

	place        func(configDir, stateDir, file string) (bool, error)
	daemon       func(context.Context, agent.Config) error
	serveEtcd    func(context.Context, io.Reader, io.Writer, io.Writer, func(int)) int
	etcdctl      func(presets, args []string)
	installed    func(context.Context) (bool, error)
	enableStart  func(ctx context.Context, renew bool) error
	serves       func(ctx context.Context, socket string) (bool, error)
	disable      func(context.Context) (bool, error)
	enable       func(context.Context) error
	stopService  func(context.Context) error
	underJournal func() bool
	service      hostService

	global  globals
	started bool // flags and arguments were understood; errors from here on are not about usage
}

// newApp returns the app as the real process runs it.
func newApp(environ []string, stdin io.Reader, stdout, stderr io.Writer) *app {
	return &app{
		environ: environ, stdin: stdin, stdout: stdout, stderr: stderr,
		executable:   os.Executable,
		exec:         syscall.Exec,
		now:          time.Now,
		place:        agent.PlaceProfile,
		daemon:       agent.Run,
		serveEtcd:    etcd.Serve,
		etcdctl:      runEtcdctl,
		installed:    systemd.Installed,
		enableStart:  systemd.EnableAndStart,
		serves:       systemd.Serves,
		disable:      systemd.Disable,
		enable:       systemd.Enable,
		stopService:  systemd.Stop,
		underJournal: systemd.UnderJournal,
		service:      newHostService(),
	}
}

// run carries out one command line (without the program's name) and returns
// the exit code. It does not end the process; only etcdctl does, by itself.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.newRoot()
	// To cobra nil means the arguments of the process.
	root.SetArgs(append([]string{}, args...))
	verb, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	what := strings.TrimPrefix(strings.TrimPrefix(verb.CommandPath(), root.Name()), " ")
	f := asFailure(what, err, a.started)
	f.print(a.stderr)
	return f.code
}

// getenv looks a variable up in the environment that the shell handed over.
// The last entry wins, as in a shell.
func (a *app) getenv(name string) (string, bool) {
	for i := len(a.environ) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(a.environ[i], name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// untilSignal returns a context that ends with SIGINT or SIGTERM, or with the
// session of its terminal (unless nohup took that on). Verbs that clean up ask for
// it; the others keep the default, which is to die at once. Nor must it die at a
// line that nobody reads any more.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ends := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		ends = append(ends, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE)
	return signal.NotifyContext(ctx, ends...)
}

func (a *app) client() *agent.Client {
	return agent.NewClient(agent.SocketPath(a.global.runDir))
}

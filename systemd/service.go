package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/kardianos/service"
	"golang.org/x/sys/unix"
)

// ErrNoSystemd says that this host is not run by systemd.
var ErrNoSystemd = errors.New("this host does not run systemd")

// Installed tells whether systemd knows the service. Where there is no systemd
// it is false. The answer is systemd's own: the status of kardianos/service
// v1.3.0 calls a service that is being stopped "not installed".
func Installed(ctx context.Context) (bool, error) {
	state, err := show(ctx, Unit, "LoadState")
	if errors.Is(err, ErrNoSystemd) {
		return false, nil
	}
	return state == "loaded", err
}

// Serves tells whether it is the service whose agent listens on the control
// socket. An agent that runs beside it, in folders of its own, is not.
func Serves(ctx context.Context, socket string) (bool, error) {
	there, err := Installed(ctx)
	if err != nil || !there {
		return false, err
	}
	text, err := show(ctx, Unit, "MainPID")
	if err != nil {
		return false, err
	}
	pid, err := strconv.Atoi(text)
	if err != nil {
		return false, fmt.Errorf("process of service %s: %w", Unit, err)
	}
	if pid == 0 { // it does not run
		return false, nil
	}
	listener, err := listenerOf(ctx, socket)
	return listener == pid, err
}

// listenerOf is the process that listens on a socket, as the kernel tells
// (SO_PEERCRED, unix(7)).
func listenerOf(ctx context.Context, socket string) (pid int, err error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return 0, fmt.Errorf("ask who listens on %s: %w", socket, err)
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("ask who listens on %s: %w", socket, err)
	}
	var peer *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, failed); err != nil {
		return 0, fmt.Errorf("ask who listens on %s: %w", socket, err)
	}
	if peer.Pid == 0 {
		return 0, fmt.Errorf("ask who listens on %s: its process is not visible from this PID namespace", socket)
	}
	return int(peer.Pid), nil
}

// EnableAndStart makes the service start at each boot, and starts it now. One
// that runs already goes on running, unless renew asks for a restart: a profile
// that was changed is read at a start.
func EnableAndStart(ctx context.Context, renew bool) error {
	if err := Enable(ctx); err != nil {
		return err
	}
	if renew {
		return Restart(ctx)
	}
	return Start(ctx)
}

// Enable makes the service start at each boot. Whether it runs does not change.
func Enable(ctx context.Context) error {
	_, err := systemctl(ctx, "enable", Unit+".service")
	return err
}

// Disable keeps the service from starting at the next boot, and tells whether it
// would have started, also if it then fails. Whether it runs does not change.
func Disable(ctx context.Context) (was bool, err error) {
	state, err := show(ctx, Unit, "UnitFileState")
	if err != nil || state != "enabled" {
		return false, err
	}
	_, err = systemctl(ctx, "disable", Unit+".service")
	return true, err
}

// Start starts the service and returns when the agent is ready, or has failed.
func Start(ctx context.Context) error { return act(ctx, "start", service.Service.Start) }

// Stop ends the service and returns when it has ended. It starts again at the
// next boot unless it is disabled.
func Stop(ctx context.Context) error { return act(ctx, "stop", service.Service.Stop) }

// Restart ends the service at once, whatever that costs the cluster, starts it,
// and returns when the agent is ready, or has failed.
func Restart(ctx context.Context) error { return act(ctx, "restart", service.Service.Restart) }

func act(ctx context.Context, verb string, do func(service.Service) error) error {
	h, err := handle(Unit, "", "")
	if err == nil {
		if err = do(h); err != nil {
			err = because(ctx, Unit, err)
		}
	}
	if err != nil {
		return fmt.Errorf("%s service %s: %w", verb, Unit, err)
	}
	return nil
}

// because adds what systemd knows to an error of kardianos/service, which drops
// what systemctl says.
func because(ctx context.Context, name string, err error) error {
	s, unknown := read(ctx, name)
	if unknown != nil {
		return fmt.Errorf("%w (%w)", err, unknown)
	}
	return fmt.Errorf("%w (it is %s)", err, s)
}

// handle is a unit of this host in the hands of kardianos/service. bin and text
// are for its installation: a text without "{{" is rendered as it is.
func handle(name, bin, text string) (service.Service, error) {
	if strings.Contains(text, "{{") {
		return nil, fmt.Errorf("unit %s would be taken for a template", name)
	}
	h, err := service.New(nowhere{}, &service.Config{Name: name, Executable: bin,
		Option: service.KeyValue{"SystemdScript": text}})
	if err != nil {
		return nil, err
	}
	// Elsewhere it would use another init, with a script of its own.
	if h.Platform() != "linux-systemd" {
		return nil, ErrNoSystemd
	}
	return h, nil
}

// nowhere stands for the program of the service where only its unit is asked
// for something.
type nowhere struct{}

func (nowhere) Start(service.Service) error { return errors.New("not run through this handle") }
func (nowhere) Stop(service.Service) error  { return errors.New("not run through this handle") }

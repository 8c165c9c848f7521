package systemd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"

	"github.com/kardianos/service"
	"golang.org/x/sys/unix"
)

// Unit is the name of the service.
const Unit = "muster"

// Installed tells whether systemd knows the service. Where there is no systemd
// it is false. The answer is systemd's own: the status of kardianos/service
// v1.3.0 calls a service that is being stopped "not installed".
func Installed(ctx context.Context) (bool, error) {
	if _, err := exec.LookPath("systemctl"); err != nil {
		return false, nil
	}
	state, err := show(ctx, "LoadState")
	if err != nil {
		if strings.Contains(err.Error(), "not been booted with systemd") || strings.Contains(err.Error(), "connect to bus") {
			return false, nil
		}
		return false, err
	}
	return state == "loaded", nil
}

// Serves tells whether it is the service whose agent listens on the control
// socket. An agent that runs beside it, in folders of its own, is not.
func Serves(ctx context.Context, socket string) (bool, error) {
	there, err := Installed(ctx)
	if err != nil || !there {
		return false, err
	}
	text, err := show(ctx, "MainPID")
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
	s, err := handle()
	if err != nil {
		return fmt.Errorf("start service %s: %w", Unit, err)
	}
	start := s.Start
	if renew {
		start = s.Restart
	}
	if err := start(); err != nil {
		return fmt.Errorf("start service %s: %w", Unit, err)
	}
	return nil
}

// Enable makes the service start at each boot. Whether it runs does not change.
func Enable(ctx context.Context) error {
	_, err := systemctl(ctx, "enable", Unit+".service")
	return err
}

// Disable keeps the service from starting at the next boot, and tells whether it
// would have started, also if it then fails. Whether it runs does not change.
func Disable(ctx context.Context) (was bool, err error) {
	state, err := show(ctx, "UnitFileState")
	if err != nil || state != "enabled" {
		return false, err
	}
	_, err = systemctl(ctx, "disable", Unit+".service")
	return true, err
}

// Stop ends the service and returns when it has ended. It starts again at the
// next boot unless it is disabled.
func Stop() error {
	s, err := handle()
	if err == nil {
		err = s.Stop()
	}
	if err != nil {
		return fmt.Errorf("stop service %s: %w", Unit, err)
	}
	return nil
}

// handle is the service of this host, whatever runs services here.
func handle() (service.Service, error) {
	return service.New(nowhere{}, &service.Config{Name: Unit})
}

// nowhere stands for the program of the service where only its unit is asked
// for something.
type nowhere struct{}

func (nowhere) Start(service.Service) error { return errors.New("not run through this handle") }
func (nowhere) Stop(service.Service) error  { return errors.New("not run through this handle") }

// show is a property of the unit, as systemctl(1) prints it.
func show(ctx context.Context, property string) (string, error) {
	out, err := systemctl(ctx, "show", "--property="+property, "--value", Unit+".service")
	return strings.TrimSpace(out), err
}

func systemctl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "systemctl", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

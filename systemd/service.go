package systemd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/kardianos/service"
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
	out, err := systemctl(ctx, "show", "--property=LoadState", "--value", Unit+".service")
	if err != nil {
		if strings.Contains(err.Error(), "not been booted with systemd") || strings.Contains(err.Error(), "connect to bus") {
			return false, nil
		}
		return false, err
	}
	return strings.TrimSpace(out) == "loaded", nil
}

// EnableAndStart makes the service start at each boot, and starts it now. One
// that runs already goes on running, unless renew asks for a restart: a profile
// that was changed is read at a start.
func EnableAndStart(ctx context.Context, renew bool) error {
	if _, err := systemctl(ctx, "enable", Unit+".service"); err != nil {
		return err
	}
	s, err := service.New(nowhere{}, &service.Config{Name: Unit})
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

// nowhere stands for the program of the service where only its unit is asked
// for something.
type nowhere struct{}

func (nowhere) Start(service.Service) error { return errors.New("not run through this handle") }
func (nowhere) Stop(service.Service) error  { return errors.New("not run through this handle") }

func systemctl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "systemctl", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

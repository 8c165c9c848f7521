package systemd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// State is what systemd says about the service, in its own words; "" and 0 where
// it says nothing.
type State struct {
	Load     string // loaded, not-found, masked, bad-setting, …
	Unit     string // the file that the unit was read from
	Enabled  string // enabled, disabled, …: whether it starts at each boot
	Active   string // active, activating, inactive, failed, …
	Sub      string // running, auto-restart, dead, …
	Result   string // success, exit-code, watchdog, timeout, …: of the last run
	Text     string // what the agent says about itself
	PID      int    // the agent's process
	Restarts int    // how often systemd has started it again by itself
}

// Read asks systemd for the state of the service. A service that is not installed
// is no error; the error wraps ErrNoSystemd where there is no systemd.
func Read(ctx context.Context) (State, error) { return read(ctx, Unit) }

// Up tells whether the agent runs and is ready.
func (s State) Up() bool { return s.Active == "active" || s.Active == "reloading" }

// String says the state in a few words, such as "activating (auto-restart): exit-code".
func (s State) String() string {
	switch {
	case s.Load == "not-found":
		return "not installed"
	case s.Load != "loaded":
		return s.Load
	}
	text := fmt.Sprintf("%s (%s)", s.Active, s.Sub)
	if s.Result != "" && s.Result != "success" {
		text += ": " + s.Result
	}
	return text
}

func read(ctx context.Context, name string) (State, error) {
	p, err := properties(ctx, name, "LoadState", "FragmentPath", "UnitFileState", "ActiveState", "SubState", "Result", "StatusText", "MainPID", "NRestarts")
	if err != nil {
		return State{}, err
	}
	s := State{Load: p["LoadState"], Unit: p["FragmentPath"], Enabled: p["UnitFileState"], Active: p["ActiveState"], Sub: p["SubState"],
		Result: p["Result"], Text: p["StatusText"]}
	for key, number := range map[string]*int{"MainPID": &s.PID, "NRestarts": &s.Restarts} {
		if p[key] == "" {
			continue
		}
		if *number, err = strconv.Atoi(p[key]); err != nil {
			return State{}, fmt.Errorf("%s of service %s: %w", key, name, err)
		}
	}
	return s, nil
}

// properties are those of a unit that systemd has a value for.
func properties(ctx context.Context, name string, wanted ...string) (map[string]string, error) {
	out, err := systemctl(ctx, "show", "--property="+strings.Join(wanted, ","), name+".service")
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for line := range strings.Lines(out) {
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			values[key] = value
		}
	}
	return values, nil
}

// show is a property of the unit, as systemctl(1) prints it.
func show(ctx context.Context, name, property string) (string, error) {
	out, err := systemctl(ctx, "show", "--property="+property, "--value", name+".service")
	return strings.TrimSpace(out), err
}

func systemctl(ctx context.Context, args ...string) (string, error) {
	out, err := command(ctx, "", "systemctl", args...)
	if err != nil {
		text := err.Error()
		if errors.Is(err, exec.ErrNotFound) || strings.Contains(text, "not been booted with systemd") || strings.Contains(text, "connect to bus") {
			err = fmt.Errorf("%w: %w", ErrNoSystemd, err)
		}
	}
	return out, err
}

// command runs a program of systemd's with the given standard input. The error
// has what it says on standard error.
func command(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

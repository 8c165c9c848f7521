package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"muster/systemd"
)

// asRoot lets the verbs through to a host that notes what is done to it.
func (a *testApp) asRoot(s *steps, err error) {
	a.service.isRoot = func() bool { return true }
	note := func(what string) func(context.Context) error {
		return func(context.Context) error { s.note(what); return err }
	}
	a.service.start, a.service.stop, a.service.restart = note("start"), note("stop"), note("restart")
	a.service.install = func(_ context.Context, bin string) (bool, error) { s.note("install " + bin); return err == nil, err }
	a.service.uninstall = func(context.Context) (bool, error) { s.note("uninstall"); return err == nil, err }
}

func TestServiceVerbs(t *testing.T) {
	refused := &systemd.RefusedError{Why: "it was installed by the package", Hint: "use apt"}
	for name, c := range map[string]struct {
		args  string
		fails error
		steps []string
		code  int
		out   string
		err   string
	}{
		"install":            {args: "install", steps: []string{"install /usr/bin/agent"}, out: "the service is installed, runs, and starts at each boot"},
		"install refused":    {args: "install", fails: fmt.Errorf("look: %w", refused), steps: []string{"install /usr/bin/agent"}, code: exitRefused, err: "agent: service install: look: it was installed by the package\n  hint: use apt\n"},
		"install, no space":  {args: "install", fails: errors.New("no space"), steps: []string{"install /usr/bin/agent"}, code: exitFailed, err: "agent: service install: no space\n  hint: \"systemctl status muster\""},
		"install, no system": {args: "install", fails: fmt.Errorf("look: %w", systemd.ErrNoSystemd), steps: []string{"install /usr/bin/agent"}, code: exitFailed, err: "--foreground"},
		"uninstall":          {args: "uninstall", steps: []string{"uninstall"}, out: "/etc/muster and /var/lib/muster stay\n"},
		"uninstall refused":  {args: "uninstall", fails: refused, steps: []string{"uninstall"}, code: exitRefused, err: "use apt"},
		"start":              {args: "start", steps: []string{"start"}, out: "the service runs\n"},
		"start fails":        {args: "start", fails: errors.New("it is failed"), steps: []string{"start"}, code: exitFailed, err: "agent: service start: it is failed\n  hint: "},
		"stop":               {args: "stop", steps: []string{"stop"}, out: "the service is stopped\n"},
		"restart now":        {args: "restart --now", steps: []string{"restart"}, out: "the service was restarted\n"},
	} {
		t.Run(name, func(t *testing.T) {
			a, did := newTestApp(t), new(steps)
			a.asRoot(did, c.fails)
			code, out, errs := a.do(t, strings.Fields("service "+c.args)...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) || (c.err == "") != (errs == "") {
				t.Errorf("exit %d, stdout %q, stderr %q", code, out, errs)
			}
			if got := did.list(); !reflect.DeepEqual(got, c.steps) {
				t.Errorf("did %q, want %q", got, c.steps)
			}
		})
	}
}

func TestServiceNothingChanged(t *testing.T) {
	for verb, want := range map[string]string{"install": "installed already and runs; nothing changed\n", "uninstall": "not installed; nothing changed\n"} {
		a := newTestApp(t)
		a.asRoot(new(steps), nil)
		a.service.install = func(context.Context, string) (bool, error) { return false, nil }
		a.service.uninstall = func(context.Context) (bool, error) { return false, nil }
		if code, out, errs := a.do(t, "service", verb); code != exitDone || !strings.HasSuffix(out, want) || errs != "" {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", verb, code, out, errs)
		}
	}
}

func TestServiceNeedsRoot(t *testing.T) {
	for _, verb := range []string{"install", "uninstall", "start", "stop", "restart --now"} {
		a, did := newTestApp(t), new(steps)
		a.asRoot(did, nil)
		a.service.isRoot = func() bool { return false }
		code, out, errs := a.do(t, strings.Fields("service "+verb)...)
		what, _, _ := strings.Cut(verb, " ")
		if want := "agent: service " + what + ": only root may change the service\n  hint: sudo agent service " + verb + "\n"; code != exitFailed || out != "" || errs != want {
			t.Errorf("%s: exit %d, stdout %q\ngot  %q\nwant %q", verb, code, out, errs, want)
		}
		if got := did.list(); got != nil {
			t.Errorf("%s: did %q", verb, got)
		}
	}
}

func TestServiceStatus(t *testing.T) {
	runs := systemd.State{Load: "loaded", Unit: "/usr/lib/systemd/system/muster.service", Enabled: "enabled", Active: "active", Sub: "running",
		Result: "success", Text: "join/standby: all seats are taken", PID: 77, Restarts: 2}
	for name, c := range map[string]struct {
		state systemd.State
		code  int
		want  string
	}{
		"runs": {runs, exitDone, "service   active (running), process 77, started again 2 times by systemd\nunit      /usr/lib/systemd/system/muster.service\n" +
			"at boot   enabled\nsays      join/standby: all seats are taken\n"},
		"ended":         {systemd.State{Load: "loaded", Unit: "/u", Enabled: "disabled", Active: "inactive", Sub: "dead", Result: "success", Text: "last words"}, exitNoAgent, "service   inactive (dead)\nunit      /u\nat boot   disabled\n"},
		"fails":         {systemd.State{Load: "loaded", Unit: "/u", Active: "activating", Sub: "auto-restart", Result: "watchdog", Restarts: 1}, exitNoAgent, "service   activating (auto-restart): watchdog, started again 1 time by systemd\nunit      /u\nat boot   -\n"},
		"not installed": {systemd.State{Load: "not-found", Active: "inactive", Sub: "dead", Result: "success"}, exitNoAgent, "service   not installed\n"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newTestApp(t)
			a.service.state = func(context.Context) (systemd.State, error) { return c.state, nil }
			if code, out, errs := a.do(t, "service", "status"); code != c.code || out != c.want || errs != "" {
				t.Errorf("exit %d, stderr %q\n%s\nwant\n%s", code, errs, out, c.want)
			}
		})
	}
	t.Run("unknown", func(t *testing.T) {
		a := newTestApp(t)
		a.service.state = func(context.Context) (systemd.State, error) { return systemd.State{}, errors.New("access denied") }
		if code, out, errs := a.do(t, "service", "status"); code != exitFailed || out != "" || !strings.Contains(errs, "agent: service status: access denied\n") {
			t.Errorf("exit %d, stdout %q, stderr %q", code, out, errs)
		}
	})
}

func TestServiceStatusAsJSON(t *testing.T) {
	for want, state := range map[string]systemd.State{
		`{"installed":true,"unit":"/u","enabled":"enabled","active":"active","sub":"running","result":"success","restarts":0,"pid":77,"says":"row"}`:  {Load: "loaded", Unit: "/u", Enabled: "enabled", Active: "active", Sub: "running", Result: "success", Text: "row", PID: 77},
		`{"installed":true,"unit":"/u","enabled":"disabled","active":"inactive","sub":"dead","result":"success","restarts":1,"pid":null,"says":null}`: {Load: "loaded", Unit: "/u", Enabled: "disabled", Active: "inactive", Sub: "dead", Result: "success", Text: "last words", Restarts: 1},
		`{"installed":false,"unit":null,"enabled":null,"active":"inactive","sub":"dead","result":null,"restarts":0,"pid":null,"says":null}`:           {Load: "not-found", Active: "inactive", Sub: "dead", Result: "success"},
	} {
		a := newTestApp(t)
		a.service.state = func(context.Context) (systemd.State, error) { return state, nil }
		code, out, _ := a.do(t, "service", "status", "-o", "json")
		if wanted := map[bool]int{true: exitDone, false: exitNoAgent}[state.Up()]; code != wanted {
			t.Errorf("exit %d, want %d", code, wanted)
		}
		var got, wanted any
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, wanted) {
			t.Errorf("got  %s\nwant %s", out, want)
		}
	}
}

func TestServicePrint(t *testing.T) {
	for args, text := range map[string]func(string) (string, error){
		"":                                   systemd.Text,
		"--bin /usr/bin/agent":               systemd.Text,
		"--bin /usr/bin/agent --unit muster": systemd.Text,
		"--unit muster-profile":              systemd.ProfileText,
		"--unit=muster-profile --bin=/usr/bin/agent": systemd.ProfileText,
	} {
		want, err := text("/usr/bin/agent")
		if err != nil {
			t.Fatal(err)
		}
		code, out, errs := newTestApp(t).do(t, append([]string{"service", "print"}, strings.Fields(args)...)...)
		if code != exitDone || out != want || errs != "" {
			t.Errorf("%q: exit %d, stderr %q\n%s", args, code, errs, out)
		}
	}
}

func TestServiceWrongUsage(t *testing.T) {
	for args, want := range map[string]string{
		"service frob":                    `agent: service: unknown verb "frob"`,
		"service instal":                  `did you mean "agent service install"?`,
		"service install muster":          `agent: service install: takes no argument, got "muster"`,
		"service restart --timeout 0s":    `agent: service restart: --timeout 0s: must be above 0`,
		"service restart --now --no-wait": `agent: service restart: --now and --no-wait exclude each other`,
		"service print --bin agent":       `agent: service print: unit for "agent": not an absolute, clean path`,
		"service print --bin /a%b":        `accepted in the path: letters`,
		"service print --unit etcd":       `accepted: muster, muster-profile`,
		"service status -o xml":           `accepted: table, json`,
	} {
		code, out, errs := newTestApp(t).do(t, strings.Fields(args)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, want) || !strings.Contains(errs, "\n  hint: ") {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
}

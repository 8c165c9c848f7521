package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"muster/agent"
	"muster/profiles"
)

func TestWrongUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		want string // first line of stderr
		hint string // part of the second
	}{
		{"frobnicate", `agent: unknown verb "frobnicate"`, `"agent --help" lists the verbs`},
		{"stauts", `agent: unknown verb "stauts"`, `did you mean "agent status"?`},
		{"stat", `agent: unknown verb "stat"`, `did you mean "agent status"?`},
		{"--bogus status", `agent: unknown flag: --bogus`, `"agent --help"`},
		{"status --bogus", `agent: status: unknown flag: --bogus`, `"agent status --help"`},
		{"status extra", `agent: status: takes no argument, got "extra"`, `"agent status --help"`},
		{"status -o xml", `agent: status: invalid argument "xml" for "-o, --output" flag: accepted: table, json`, `"agent status --help"`},
		{"status -o json --watch", `agent: status: --watch and -o json exclude each other`, `leave one of them out`},
		{"status --run-dir=", `agent: status: --run-dir is empty`, `--help`},
		{"status --log-level loud", `agent: status: invalid argument "loud" for "--log-level" flag: accepted: trace, debug, info, warn, error`, `--help`},
		{"join", `agent: join: --profile FILE is missing`, `"agent profile new"`},
		{"join --profile x --timeout soon", `agent: join: invalid argument "soon" for "--timeout" flag: time: invalid duration "soon"`, `--help`},
		{"join --profile x --timeout 0s", `agent: join: --timeout 0s: must be above 0`, `5m`},
		{"join --profile x --foreground --no-wait", `agent: join: --foreground and --no-wait exclude each other`, `leave`},
		{"join --profile x --name a", `agent: join: --name needs --foreground`, `--foreground`},
		{"join --profile /does/not/exist", `agent: join: read profile: stat /does/not/exist: no such file or directory`, `"agent profile new"`},
		{"join --from-boot --profile x", `agent: join: --from-boot and --profile exclude each other`, `"agent join --help"`},
		{"join --from-boot --no-wait", `agent: join: --from-boot and --no-wait exclude each other`, `"agent join --help"`},
		{"leave", `agent: leave: this is no terminal on which to confirm it`, `add --yes`},
		{"leave lab --yes", `agent: leave: takes no argument, got "lab"`, `"agent leave --help"`},
		{"leave --yes --timeout 0s", `agent: leave: --timeout 0s: must be above 0`, `5m`},
		{"yield", `agent: yield: this is no terminal on which to confirm it`, `add --yes`},
		{"yield --yes --timeout -1s", `agent: yield: --timeout -1s: must be above 0`, `5m`},
		{"join --foreground --profile x --address 10.0.0", `agent: join: --address 10.0.0: not an address that others could reach`, `IP address`},
		{"run --address 0.0.0.0", `agent: run: --address 0.0.0.0: not an address that others could reach`, `IP address`},
		{"run --address 10.0.0.1 --interface eth0", `agent: run: --address and --interface exclude each other`, `leave`},
		{"profile frob", `agent: profile: unknown verb "frob"`, `"agent profile --help"`},
		{"profile chek", `agent: profile: unknown verb "chek"`, `did you mean "agent profile check"?`},
		{"profile check", `agent: profile check: takes one FILE, got 0 arguments`, `--help`},
		{"profile check /does/not/exist", `agent: profile check: read profile: stat /does/not/exist: no such file or directory`, `"agent profile new"`},
		{"profile show --out x", `agent: profile show: --out needs --join-only`, `--help`},
		{"profile new --voters 0", `agent: profile new: --voters 0: must be above 0`, `--help`},
		{"completion", `agent: completion: names one shell: bash, zsh or fish`, `--help`},
		{"completion tcsh", `agent: completion: names one shell: bash, zsh or fish`, `--help`},
		{"help frob", `agent: help: unknown verb "frob"`, `lists the verbs`},
		{"demo --boards 0", `agent: demo: --boards 0: accepted: 1 to 15`, `--help`},
		{"demo --boards 99", `agent: demo: --boards 99: accepted: 1 to 15`, `--help`},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, out, errs := newTestApp(t).do(t, strings.Fields(c.args)...)
			lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
			if code != exitUsage || out != "" || len(lines) != 2 {
				t.Fatalf("exit %d, stdout %q, stderr:\n%s", code, out, errs)
			}
			if lines[0] != c.want {
				t.Errorf("got  %s\nwant %s", lines[0], c.want)
			}
			if !strings.HasPrefix(lines[1], "  hint: ") || !strings.Contains(lines[1], c.hint) {
				t.Errorf("hint %q lacks %q", lines[1], c.hint)
			}
		})
	}
}

func TestEnvironmentVariables(t *testing.T) {
	a := newTestApp(t)
	a.environ = append(a.environ, "MUSTER_LOG_LEVEL=loud")
	code, _, errs := a.do(t, "version")
	if code != exitUsage || !strings.HasPrefix(errs, `agent: version: environment variable MUSTER_LOG_LEVEL="loud": accepted: trace`) {
		t.Errorf("exit %d: %s", code, errs)
	}

	for _, c := range []struct {
		environ, args []string
		want          globals
	}{
		{nil, nil, globals{"/var/lib/muster", "/etc/muster", "/run/muster", "info", "auto"}},
		{[]string{"MUSTER_STATE_DIR=/s", "MUSTER_CONFIG_DIR=/c", "MUSTER_RUN_DIR=/r", "MUSTER_LOG_LEVEL=debug", "MUSTER_LOG_FORMAT=json"}, nil,
			globals{"/s", "/c", "/r", "debug", "json"}},
		{[]string{"MUSTER_STATE_DIR=/s", "MUSTER_LOG_LEVEL=debug"}, []string{"--state-dir", "/flag", "--log-level=warn"},
			globals{"/flag", "/etc/muster", "/run/muster", "warn", "auto"}},
		{[]string{"MUSTER_STATE_DIR=/old", "MUSTER_STATE_DIR=/s", "MUSTER_RUN_DIR="}, nil, globals{"/s", "/etc/muster", "/run/muster", "info", "auto"}},
	} {
		for _, before := range []bool{true, false} { // the flags may stand on either side of the verb
			a := newTestApp(t)
			a.environ = c.environ
			args := append([]string{"version"}, c.args...)
			if before {
				args = append(append([]string{}, c.args...), "version")
			}
			if code, _, errs := a.do(t, args...); code != exitDone {
				t.Fatalf("%q: exit %d: %s", args, code, errs)
			}
			if a.global != c.want {
				t.Errorf("%q %q:\ngot  %+v\nwant %+v", c.environ, args, a.global, c.want)
			}
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		hint string
	}{
		{errors.New("broken"), exitFailed, ""},
		{fmt.Errorf("write: %w", fs.ErrPermission), exitFailed, "run it as root"},
		{profiles.Problems{{File: "f", Line: 1, What: "is wrong"}}, exitUsage, "profile check"},
		{fmt.Errorf("ask: %w", agent.ErrNoAgent), exitNoAgent, "systemctl status muster"},
		{fmt.Errorf("%w (%w)", agent.ErrNoAgent, fs.ErrPermission), exitNoAgent, "_muster"},
		{fmt.Errorf("run: %w", agent.ErrSecondAgent), exitRefused, "stop the other agent"},
		{&agent.ForeignFleetError{Has: profiles.Fleet{Cluster: "barn"}, Wants: profiles.Fleet{Cluster: "lab"}}, exitRefused, "empty state directory"},
		{fmt.Errorf("%w: this board is the only voter", agent.ErrUnsafe), exitRefused, "changed nothing"},
		{&failure{code: exitTimeout, err: errors.New("late"), hint: "wait"}, exitTimeout, "wait"},
	} {
		a := newTestApp(t)
		a.daemon = func(context.Context, agent.Config) error { return c.err }
		code, _, errs := a.do(t, "run")
		if code != c.code || !strings.Contains(errs, "agent: run: ") || !strings.Contains(errs, c.hint) {
			t.Errorf("%v: exit %d, want %d; stderr %q", c.err, code, c.code, errs)
		}
		if c.hint == "" && strings.Contains(errs, "hint") {
			t.Errorf("%v: has a hint: %q", c.err, errs)
		}
	}
}

func TestNamesThatBoardsMayHave(t *testing.T) {
	for _, name := range []string{"a", "kitchen-1", "Kitchen_1.lan", "0", "-", strings.Repeat("a", 63)} {
		a := newTestApp(t)
		got := ""
		a.daemon = func(_ context.Context, c agent.Config) error { got = c.Name; return nil }
		if code, _, errs := a.do(t, "run", "--name", name); code != exitDone || got != name {
			t.Errorf("%s: exit %d, name %q: %s", name, code, got, errs)
		}
	}
	for _, name := range []string{"", "a=b", "a,b", "a b", "a/b", "küche", "k\x1b", "k\xff", "k\n", strings.Repeat("a", 64)} {
		want := fmt.Sprintf("invalid argument %q for \"--name\" flag: accepted: 1 to 63 of a-z, A-Z, 0-9, '-', '_' and '.'\n  hint: ", name)
		for _, verb := range []string{"run", "join --foreground --profile x"} {
			code, _, errs := newTestApp(t).do(t, append(strings.Fields(verb), "--name", name)...)
			if code != exitUsage || !strings.Contains(errs, want) {
				t.Errorf("%s: exit %d\ngot  %s\nwant %s", verb, code, errs, want)
			}
		}
	}
}

// One error is one line, whatever it is made of; the hint comes below it.
func TestErrorsAreOneLine(t *testing.T) {
	for want, err := range map[string]error{
		"agent: run: a; b\n":                  errors.Join(errors.New("a"), errors.New("b")),
		"agent: run: stop: a; b: c; d\n":      fmt.Errorf("stop: %w: %w", errors.Join(errors.New("a"), errors.New("b")), errors.New("c\r\n\n  d\n")),
		"agent: run: a; b\n  hint: do e; f\n": &failure{code: exitFailed, err: errors.New("a\nb"), hint: "do e\nf"},
		"one\ntwo\nagent: run: both: a; b\n":  &failure{code: exitFailed, lines: []string{"one", "two"}, err: errors.New("both: a\nb")},
		"agent: run: this hardware has nothing to be told apart by\n  hint: give the board one with --identity\n": fmt.Errorf("%w", agent.ErrNoIdentity),
	} {
		a := newTestApp(t)
		a.daemon = func(context.Context, agent.Config) error { return err }
		if code, _, got := a.do(t, "run"); code != exitFailed || got != want {
			t.Errorf("%q: exit %d\ngot  %q\nwant %q", err, code, got, want)
		}
	}
}

func TestNoAgent(t *testing.T) {
	for _, verb := range []string{"status", "status -o json", "status --watch", "members", "explain", "env", "etcdctl get a", "leave --yes", "yield --yes"} {
		code, out, errs := newTestApp(t).do(t, strings.Fields(verb)...)
		if code != exitNoAgent || out != "" || !strings.Contains(errs, "no agent answers on this board") || !strings.Contains(errs, "  hint: ") {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", verb, code, out, errs)
		}
	}
}

func TestHelp(t *testing.T) {
	for name, args := range map[string][]string{"help.txt": {"--help"}, "help-join.txt": {"help", "join"}, "help-profile.txt": {"profile"},
		"help-leave.txt": {"leave", "--help"}, "help-yield.txt": {"yield", "--help"}} {
		code, out, errs := newTestApp(t).do(t, args...)
		if code != exitDone || errs != "" {
			t.Errorf("%q: exit %d, stderr %q", args, code, errs)
		}
		golden(t, name, out)
	}
	_, noVerb, _ := newTestApp(t).do(t)
	_, help, _ := newTestApp(t).do(t, "--help")
	if noVerb != help {
		t.Error("no verb at all does not show the help")
	}
}

func TestVersionAndCompletion(t *testing.T) {
	_, out, _ := newTestApp(t).do(t, "version")
	for _, want := range []string{"agent  dev\n", "etcd   3.", "go     go1.", "arch   linux/"} {
		if !strings.Contains(out, want) {
			t.Errorf("version lacks %q:\n%s", want, out)
		}
	}
	for shell, want := range map[string]string{"bash": "__start_agent", "zsh": "#compdef agent", "fish": "complete -c agent"} {
		code, out, errs := newTestApp(t).do(t, "completion", shell)
		if code != exitDone || errs != "" || !strings.Contains(out, want) {
			t.Errorf("%s: exit %d, stderr %q", shell, code, errs)
		}
	}
}

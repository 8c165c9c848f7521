package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"muster/agent"
	"muster/profiles"
)

// Exit codes, as promised to owners and scripts.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2 // wrong usage or bad profile
	exitNoAgent = 3 // no agent answers on this board
	exitTimeout = 4 // timed out waiting
	exitRefused = 5 // refused because it is not safe
)

// failure is how a verb ends when it does not end well. It is printed as
//
//	agent: what: why
//	  hint: what to do next
type failure struct {
	code  int
	what  string   // the verb; "" for the program itself
	err   error    // the reason; nil prints only the lines
	hint  string   // "" for none
	lines []string // printed before, as they are
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

func (f *failure) print(w io.Writer) {
	for _, line := range f.lines {
		fmt.Fprintln(w, line)
	}
	if f.err == nil {
		return
	}
	why := oneLine(f.err.Error())
	if f.what == "" {
		fmt.Fprintf(w, "agent: %s\n", why)
	} else {
		fmt.Fprintf(w, "agent: %s: %s\n", f.what, why)
	}
	if f.hint != "" {
		fmt.Fprintf(w, "  hint: %s\n", oneLine(f.hint))
	}
}

// oneLine keeps the promised form: errors.Join puts each error on a line.
func oneLine(text string) string {
	var parts []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, "; ")
}

// usage is a failure of the command line itself.
func usage(hint, format string, args ...any) *failure {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...), hint: hint}
}

// silent ends the process with a code and says nothing: all is said.
func silent(code int) *failure { return &failure{code: code} }

// asFailure gives any error its exit code and, where there is a next step, its
// hint. started tells errors of a verb from errors of the command line.
func asFailure(what string, err error, started bool) *failure {
	var f *failure
	if errors.As(err, &f) {
		if f.what == "" {
			f.what = what
		}
		return f
	}
	f = &failure{code: exitFailed, what: what, err: err}
	if !started {
		f.code = exitUsage
		f.hint = helpHint(what)
		return f
	}
	f.classify(err)
	return f
}

func (f *failure) classify(err error) {
	var problems profiles.Problems
	var foreign *agent.ForeignFleetError
	switch {
	case errors.As(err, &problems):
		f.code = exitUsage
		for _, p := range problems {
			f.lines = append(f.lines, p.Error())
		}
		f.err = fmt.Errorf("the profile is not valid: %s", count(len(problems), "problem"))
		f.hint = `correct it and try "agent profile check FILE"`
	case errors.As(err, &foreign):
		f.code = exitRefused
		f.hint = "give the board an empty state directory before it joins another fleet"
	case errors.Is(err, agent.ErrSecondAgent):
		f.code = exitRefused
		f.hint = `stop the other agent first, or give this one its own --state-dir and --run-dir`
	case errors.Is(err, agent.ErrUnsafe):
		f.code = exitRefused
		f.hint = `this order changed nothing; "agent explain" and "agent members" tell more`
	case errors.Is(err, agent.ErrNoIdentity):
		f.hint = "give the board one with --identity"
		f.err = errors.New(strings.ReplaceAll(err.Error(), "; "+f.hint, ""))
	case errors.Is(err, agent.ErrNoAgent):
		f.code = exitNoAgent
		f.hint = `is it running? "systemctl status muster" tells; "agent join --profile FILE" starts it`
		if errors.Is(err, fs.ErrPermission) {
			f.hint = "run it as root, or as a member of the group _muster"
		}
	case errors.Is(err, fs.ErrPermission):
		f.hint = "run it as root"
	}
}

// helpHint names the help text of a verb; "" is the program itself.
func helpHint(what string) string {
	if what == "" {
		return `"agent --help" lists the verbs`
	}
	return fmt.Sprintf(`"agent %s --help" shows how it is used`, what)
}

// count says n things, with the plural where it is due.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"muster/agent"
)

// TestRunStartsAnew has an agent that was asked to start anew: systemd brings it
// back, and anywhere else it becomes the program that its file is by now.
func TestRunStartsAnew(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		failed  error
		code    int
		becomes []string
	}{
		"under systemd":    {environ: []string{"NOTIFY_SOCKET=/run/systemd/notify"}, code: exitDone},
		"anywhere else":    {code: exitFailed, becomes: append([]string{"/usr/bin/agent"}, os.Args...)}, // a real exec does not return
		"that it cannot":   {failed: errors.New("no such file"), code: exitFailed, becomes: append([]string{"/usr/bin/agent"}, os.Args...)},
		"not when it ends": {environ: []string{"ENDS=1"}, code: exitDone},
		"once more":        {environ: []string{"MUSTER_STARTED_ANEW=1"}, code: exitFailed, becomes: append([]string{"/usr/bin/agent"}, os.Args...)},
	} {
		t.Run(name, func(t *testing.T) {
			a := newTestApp(t)
			a.environ = append(a.environ, c.environ...)
			a.executable = func() (string, error) { return "/usr/bin/agent", nil }
			var config agent.Config
			a.daemon = func(_ context.Context, got agent.Config) error {
				config = got
				if _, ends := a.getenv("ENDS"); ends {
					return nil
				}
				return agent.ErrStartAnew
			}
			var became []string
			a.exec = func(file string, args, environ []string) error {
				if !slices.Equal(environ, append(slices.Clip(a.environ), "MUSTER_STARTED_ANEW=1")) {
					t.Errorf("another environment: %v", environ)
				}
				became = append([]string{file}, args...)
				return errors.Join(c.failed, errors.New("it did not become another program"))
			}
			code, _, errs := a.do(t, "run")
			if code != c.code || !slices.Equal(became, c.becomes) {
				t.Errorf("exit %d, became %q, want %d and %q\n%s", code, became, c.code, c.becomes, errs)
			}
			if _, again := a.getenv("MUSTER_STARTED_ANEW"); config.Anew != again {
				t.Errorf("takes itself for one that was started anew: %v", config.Anew)
			}
			if _, supervised := a.getenv("NOTIFY_SOCKET"); supervised != (config.Patience > 0) {
				t.Errorf("waits %v when it is stopped", config.Patience)
			}
		})
	}
}

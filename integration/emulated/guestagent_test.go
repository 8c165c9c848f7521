package emulated

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// fakeGuest answers on conn as qemu-guest-agent does: first with what was left over from an earlier conversation, then
// the sync, then each request with the next of the answers.
func fakeGuest(t *testing.T, conn net.Conn, leftOver string, answers ...string) <-chan []string {
	asked := make(chan []string, 1)
	go func() {
		defer conn.Close()
		var verbs []string
		defer func() { asked <- verbs }()
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			var request struct {
				Execute   string
				Arguments struct{ ID int64 }
			}
			if err := json.Unmarshal([]byte(strings.TrimPrefix(lines.Text(), "\xff")), &request); err != nil {
				t.Errorf("%q: %v", lines.Text(), err)
				return
			}
			if request.Execute == "guest-sync-delimited" {
				if _, err := fmt.Fprintf(conn, "%s\xff{\"return\": %d}\n", leftOver, request.Arguments.ID); err != nil {
					return
				}
				continue
			}
			verbs = append(verbs, request.Execute)
			if len(verbs) > len(answers) {
				return
			}
			if _, err := fmt.Fprintln(conn, answers[len(verbs)-1]); err != nil {
				return
			}
		}
	}()
	return asked
}

func TestGuestAgentRuns(t *testing.T) {
	for name, c := range map[string]struct {
		leftOver string
		answers  []string
		stdout   string
		stderr   string
		code     int
		fails    string
	}{
		"at once":       {answers: []string{`{"return": {"pid": 7}}`, `{"return": {"exited": true, "exitcode": 3, "out-data": "b3V0", "err-data": "ZXJy"}}`}, stdout: "out", stderr: "err", code: 3},
		"after a while": {answers: []string{`{"return": {"pid": 7}}`, `{"return": {"exited": false}}`, `{"return": {"exited": true, "exitcode": 0}}`}},
		"by a signal":   {answers: []string{`{"return": {"pid": 7}}`, `{"return": {"exited": true, "signal": 9}}`}, code: 137},
		"behind an answer to somebody else": {leftOver: "{\"return\": {\"pid\": 1}}\n\xff{\"return\": 12}\n",
			answers: []string{`{"return": {"pid": 7}}`, `{"return": {"exited": true, "exitcode": 0}}`}},
		"not":          {answers: []string{`{"error": {"class": "GenericError", "desc": "no such program"}}`}, code: -1, fails: "no such program"},
		"and loses it": {answers: []string{`{"return": {"pid": 7}}`}, code: -1, fails: "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe()
			defer here.Close()
			asked := fakeGuest(t, there, c.leftOver, c.answers...)
			stdout, stderr, code, err := runOn(t.Context(), here, "true")
			if stdout != c.stdout || stderr != c.stderr || code != c.code || (err != nil) != (c.fails != "") {
				t.Errorf("%q, %q, %d, %v", stdout, stderr, code, err)
			}
			if err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("error %q, want %q in it", err, c.fails)
			}
			_ = here.Close()
			if verbs := <-asked; verbs[0] != "guest-exec" {
				t.Errorf("asked %v", verbs)
			}
		})
	}
}

func TestGuestAgentThatIsSilent(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		for lines := bufio.NewScanner(there); lines.Scan(); { // it reads and never answers
			continue
		}
	}()
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, _, _, err := runOn(ctx, here, "true")
		ended <- err
	}()
	cancel(errors.New("enough"))
	select {
	case err := <-ended:
		if err == nil {
			t.Error("an agent that never answers ran a command")
		}
	case <-time.After(20 * time.Second):
		t.Error("the conversation outlasts its context")
	}
}

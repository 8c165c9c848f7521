package emulated

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// guestAgent speaks to qemu-guest-agent on a machine (its protocol: qemu's docs/interop/qemu-ga-ref). Its user takes
// care that there is one connection at a time: qemu serves no more.
type guestAgent struct {
	conn   net.Conn
	reader *bufio.Reader
}

const (
	// sentinel precedes the answer to guest-sync-delimited: no JSON contains it.
	sentinel = 0xff
	// pollGuest is how often the end of a command is asked for. Each question costs the emulated machine time.
	pollGuest = 100 * time.Millisecond
)

// runOn runs a shell command on the machine behind conn to its end. code is 128 and the signal if one ended it. A command
// whose ctx ends goes on.
func runOn(ctx context.Context, conn net.Conn, command string) (stdout, stderr string, code int, err error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	g, err := attach(conn)
	if err != nil {
		return "", "", -1, err
	}
	return g.run(ctx, command)
}

// attach throws away what is left of earlier conversations, and returns when the agent has answered.
func attach(conn net.Conn) (*guestAgent, error) {
	g := &guestAgent{conn: conn, reader: bufio.NewReader(conn)}
	id := rand.Int64N(1 << 53) // in JSON a larger one is not exact
	if _, err := conn.Write([]byte{sentinel}); err != nil {
		return nil, err
	}
	if err := g.send("guest-sync-delimited", map[string]any{"id": id}); err != nil {
		return nil, err
	}
	for {
		// An answer to somebody who gave up waiting comes first.
		if _, err := g.reader.ReadBytes(sentinel); err != nil {
			return nil, fmt.Errorf("wait for the guest agent: %w", err)
		}
		var echoed int64
		if err := g.receive(&echoed); err != nil {
			return nil, err
		}
		if echoed == id {
			return g, nil
		}
	}
}

func (g *guestAgent) run(ctx context.Context, command string) (stdout, stderr string, code int, err error) {
	var started struct{ PID int }
	if err := g.call("guest-exec", map[string]any{"path": "/bin/sh", "arg": []string{"-c", command}, "capture-output": true}, &started); err != nil {
		return "", "", -1, err
	}
	tick := time.NewTicker(pollGuest)
	defer tick.Stop()
	for {
		var status struct {
			Exited bool
			Code   int    `json:"exitcode"`
			Signal int    `json:"signal"`
			Out    []byte `json:"out-data"` // base64
			Err    []byte `json:"err-data"`
		}
		if err := g.call("guest-exec-status", map[string]any{"pid": started.PID}, &status); err != nil {
			return "", "", -1, err
		}
		if status.Exited {
			if status.Signal != 0 {
				status.Code = 128 + status.Signal
			}
			return string(status.Out), string(status.Err), status.Code, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", "", -1, context.Cause(ctx)
		}
	}
}

func (g *guestAgent) call(verb string, arguments map[string]any, answer any) error {
	if err := g.send(verb, arguments); err != nil {
		return err
	}
	if err := g.receive(answer); err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

func (g *guestAgent) send(verb string, arguments map[string]any) error {
	line, err := json.Marshal(map[string]any{"execute": verb, "arguments": arguments})
	if err == nil {
		_, err = g.conn.Write(append(line, '\n'))
	}
	return err
}

func (g *guestAgent) receive(answer any) error {
	line, err := g.reader.ReadBytes('\n')
	if err != nil {
		return err
	}
	var reply struct {
		Return json.RawMessage
		Error  *struct{ Class, Desc string }
	}
	if err := json.Unmarshal(bytes.TrimLeft(line, "\xff"), &reply); err != nil {
		return fmt.Errorf("%q: %w", line, err)
	}
	if reply.Error != nil {
		return fmt.Errorf("%s: %s", reply.Error.Class, reply.Error.Desc)
	}
	return json.Unmarshal(reply.Return, answer)
}

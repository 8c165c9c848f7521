package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"muster/bootstrap"
)

// ErrNoAgent says that nothing answers on the control socket: the agent does
// not run on this board, or the caller may not open the socket.
var ErrNoAgent = errors.New("no agent answers on this board")

// Client talks to the agent of this board over its control socket.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client for the control socket at the path socket, which
// need not exist yet.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &Client{socket: socket, http: &http.Client{
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
		Timeout:   10 * time.Second,
	}}
}

// Status reads the whole status. The error wraps ErrNoAgent if nothing answers.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.get(ctx, "/v1/status", &s)
}

// Explain reads the reasons of the present decision. Errors as with Status.
func (c *Client) Explain(ctx context.Context) (Explanation, error) {
	var e Explanation
	return e, c.get(ctx, "/v1/explain", &e)
}

// Access reads how to reach the cluster from here. Errors as with Status.
func (c *Client) Access(ctx context.Context) (Access, error) {
	var a Access
	return a, c.get(ctx, "/v1/access", &a)
}

// Leave orders this board to give up its seat in order. The error wraps ErrUnsafe,
// with the reason, if that would cost the quorum; others as with Status. The
// order is taken when it returns, and carried out afterwards.
func (c *Client) Leave(ctx context.Context) error { return c.post(ctx, bootstrap.OrderLeave) }

// Yield orders this board to give up data because of which it holds: it is set
// aside. The error wraps ErrUnsafe if there is nothing to decide.
func (c *Client) Yield(ctx context.Context) error { return c.post(ctx, bootstrap.OrderYield) }

// Restart asks the agent to end in order and be started anew, when the cluster can
// do without this board for a moment: see AgentRun in the status. Errors as with
// Status.
func (c *Client) Restart(ctx context.Context) error { return c.post(ctx, bootstrap.OrderRestart) }

// Join lets a board that has left take part again; on any other it does nothing.
// Errors as with Status.
func (c *Client) Join(ctx context.Context) error { return c.post(ctx, bootstrap.OrderJoin) }

func (c *Client) post(ctx context.Context, what bootstrap.Order) error {
	resp, err := c.do(ctx, http.MethodPost, "/v1/"+string(what))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusConflict:
		why, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
		if err != nil {
			return fmt.Errorf("order the agent to %s: %w", what, err)
		}
		return fmt.Errorf("%w: %s", ErrUnsafe, strings.TrimSpace(string(why)))
	}
	return fmt.Errorf("order the agent to %s: %s", what, resp.Status)
}

func (c *Client) do(ctx context.Context, method, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask the agent for %s: %w", path, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return nil, fmt.Errorf("%w (%s: %w)", ErrNoAgent, c.socket, op.Err)
		}
		return nil, fmt.Errorf("ask the agent for %s: %w", path, err)
	}
	return resp, nil
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	resp, err := c.do(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the agent for %s: %s", path, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("read the agent's answer to %s: %w", path, err)
	}
	return nil
}

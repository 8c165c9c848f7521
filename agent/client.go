package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
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

func (c *Client) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent"+path, nil)
	if err != nil {
		return fmt.Errorf("ask the agent for %s: %w", path, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return fmt.Errorf("%w (%s: %w)", ErrNoAgent, c.socket, op.Err)
		}
		return fmt.Errorf("ask the agent for %s: %w", path, err)
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

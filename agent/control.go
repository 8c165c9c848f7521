package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"muster/bootstrap"
)

// listen makes the control socket. The state directory is locked by then, so
// that a socket that answers belongs to an agent with another state directory.
func (a *Agent) listen() (net.Listener, error) {
	path := SocketPath(a.config.RunDir)
	if err := os.MkdirAll(a.config.RunDir, 0o755); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("control socket %s: %w", path, ErrSecondAgent)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	// Made under another name and given its mode before anybody can open it.
	tmp := filepath.Join(a.config.RunDir, fmt.Sprintf(".agent.%d", os.Getpid()))
	l, err := net.Listen("unix", tmp)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(tmp, 0o660), os.Rename(tmp, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close(), os.Remove(tmp))
	}
	return l, nil
}

// firstView is how long a reader waits for the first decision after a start.
const firstView = 5 * time.Second

// serve answers on the control socket until ctx ends.
func (a *Agent) serve(ctx context.Context, l net.Listener) {
	mux := http.NewServeMux()
	answer := func(path string, make func(context.Context, *view) any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-a.decided:
			case <-time.After(firstView):
				http.Error(w, "the agent has not decided anything yet", http.StatusServiceUnavailable)
				return
			}
			v := a.view.Load()
			w.Header().Set("Content-Type", "application/json")
			// A reader that went away is its own problem.
			_ = json.NewEncoder(w).Encode(make(r.Context(), v))
		})
	}
	answer("/v1/status", func(ctx context.Context, v *view) any { return a.status(ctx, v) })
	answer("/v1/explain", func(_ context.Context, v *view) any { return v.explain() })
	answer("/v1/access", func(_ context.Context, v *view) any { return v.access() })
	for _, what := range []bootstrap.Order{bootstrap.OrderLeave, bootstrap.OrderYield, bootstrap.OrderRestart, bootstrap.OrderJoin} {
		mux.HandleFunc("POST /v1/"+string(what), func(w http.ResponseWriter, r *http.Request) {
			refusal, err := a.give(r.Context(), what)
			switch {
			case err != nil:
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
			case refusal != "":
				http.Error(w, refusal, http.StatusConflict)
			}
		})
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	closed := context.AfterFunc(ctx, func() {
		// Before Close: that lets this agent end, and the next one make a socket.
		os.Remove(SocketPath(a.config.RunDir))
		server.Close()
	})
	defer closed()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		a.log.Error().Err(err).Msg("the control socket ended")
	}
}

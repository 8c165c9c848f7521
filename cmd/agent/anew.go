package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"muster/agent"
)

// patience is how long the service waits, when it is stopped, until the cluster
// can do without this board; systemd waits longer (TimeoutStopSec=).
const patience = 15 * time.Second

// runDaemon runs the daemon. One that is to start anew ends in order where
// systemd brings it back, and becomes the program that its file is by now
// everywhere else.
func (a *app) runDaemon(ctx context.Context, config agent.Config) error {
	_, supervised := a.getenv("NOTIFY_SOCKET")
	if supervised {
		config.Patience = patience
	}
	err := a.daemon(ctx, config)
	if !errors.Is(err, agent.ErrStartAnew) {
		return err
	}
	if supervised || ctx.Err() != nil {
		return nil
	}
	file, err := a.executable()
	if err == nil {
		err = a.exec(file, os.Args, a.environ)
	}
	return fmt.Errorf("start anew: %w", err)
}

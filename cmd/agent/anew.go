package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"muster/agent"
)

// patience is how long the service waits, when it is stopped, until the cluster
// can do without this board; systemd waits longer (TimeoutStopSec=).
const patience = 15 * time.Second

// anewVariable tells the next program that its arguments are not an owner's word
// once more: a board that has left stays out.
const anewVariable = "MUSTER_STARTED_ANEW"

// runDaemon runs the daemon. One that is to start anew ends in order where
// systemd brings it back, and becomes the program that its file is by now
// everywhere else.
func (a *app) runDaemon(ctx context.Context, config agent.Config) error {
	_, config.Anew = a.getenv(anewVariable)
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
		err = a.exec(file, os.Args, append(slices.Clip(a.environ), anewVariable+"=1"))
	}
	return fmt.Errorf("start anew: %w", err)
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// tourPatience is how long one step of the tour may take, in all: an election
// is about a second, a slow machine some more.
const tourPatience = 30 * time.Second

const tourKey = "muster/tour"

// tour shows once, by itself, what the cluster is for: a voter loses its power
// and nothing is lost.
func (f *demoFleet) tour(ctx context.Context) error {
	views, _, _, _ := f.snapshot()
	victim, witness := tourCast(views)
	if victim == 0 {
		f.say("the tour is left out: it takes three voters to lose one")
		return nil
	}
	lost, other := f.boards[victim-1], f.boards[witness-1]
	f.say("the tour: a key is written through %s, then %s, which leads the cluster, loses its power", other.name, lost.name)
	if err := f.put(ctx, other, "before the power cut"); err != nil {
		return err
	}
	if err := f.switchTo(victim, false); err != nil {
		return err
	}
	cut := f.now()
	f.say("%s has no power", lost.name)
	if err := f.expect(ctx, other, "before the power cut"); err != nil {
		return err
	}
	if err := f.put(ctx, other, "without "+lost.name); err != nil {
		return err
	}
	took := f.now().Sub(cut)
	leader, err := f.newLeader(ctx, lost.name)
	if err != nil {
		return err
	}
	f.say("%.1f s after the cut the key was read and written again: the other voters hold the quorum, %s leads them", took.Seconds(), leader)
	if err := f.switchTo(victim, true); err != nil {
		return err
	}
	back := f.now()
	f.say("%s has power again", lost.name)
	waiting, cancel := context.WithTimeout(ctx, tourPatience)
	defer cancel()
	if !f.until(waiting, func(views []boardView) bool {
		v := views[victim-1]
		return v.Status != nil && v.Status.Board.Role == "voter" && placed(*v.Status)
	}) {
		return fmt.Errorf("%s did not come back within %v", lost.name, tourPatience)
	}
	if err := f.expect(ctx, lost, "without "+lost.name); err != nil {
		return err
	}
	f.say("%s is a voter again after %.1f s and knows what was written without it: that was the tour", lost.name, f.now().Sub(back).Seconds())
	return nil
}

// newLeader waits until the boards name another leader than the one that is lost.
func (f *demoFleet) newLeader(ctx context.Context, lost string) (leader string, err error) {
	ctx, cancel := context.WithTimeout(ctx, tourPatience)
	defer cancel()
	if !f.until(ctx, func(views []boardView) bool {
		leader = leaderOf(views)
		return leader != "" && leader != lost
	}) {
		return "", fmt.Errorf("no other board leads after %v", tourPatience)
	}
	return leader, nil
}

// tourCast chooses the voter that will lose its power, the leader if possible,
// and another one to look on from; zeros if the fleet can't spare a voter.
func tourCast(views []boardView) (victim, witness int) {
	leader, voters := leaderOf(views), 0
	for _, v := range views {
		if v.Status == nil || !v.On || v.Status.Board.Role != "voter" {
			continue
		}
		voters++
		if victim == 0 || v.Name == leader {
			victim, witness = v.Number, victim
		} else if witness == 0 {
			witness = v.Number
		}
	}
	if voters < 3 {
		return 0, 0
	}
	return victim, witness
}

func (f *demoFleet) put(ctx context.Context, b *demoBoard, value string) error {
	return f.retry(ctx, func(ctx context.Context) error {
		_, err := b.etcdctl(ctx, "put", tourKey, value)
		return err
	})
}

func (f *demoFleet) expect(ctx context.Context, b *demoBoard, value string) error {
	return f.retry(ctx, func(ctx context.Context) error {
		got, err := b.etcdctl(ctx, "get", tourKey, "--print-value-only")
		if err == nil && strings.TrimSpace(got) != value {
			err = fmt.Errorf("%s reads %q instead of %q", b.name, strings.TrimSpace(got), value)
		}
		return err
	})
}

// retry tries a step until it works, as an election lets one fail.
func (f *demoFleet) retry(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, tourPatience)
	defer cancel()
	for {
		err := step(ctx)
		if err == nil {
			return nil
		}
		pause := time.NewTimer(pollEvery)
		select {
		case <-ctx.Done():
			pause.Stop()
			return err
		case <-pause.C:
		}
	}
}

// etcdctl runs the agent's own etcdctl on the board, as an owner would.
func (b *demoBoard) etcdctl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, b.argv[0], append([]string{"--run-dir", b.runDir(), "etcdctl", "--command-timeout=3s"}, args...)...)
	cmd.Env = b.environ
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", errors.Join(fmt.Errorf("etcdctl %s on %s: %w", args[0], b.name, err), errors.New(lastLine(stderr.String())))
	}
	return stdout.String(), nil
}

func lastLine(text string) string {
	text = strings.TrimRight(text, "\n")
	return text[strings.LastIndexByte(text, '\n')+1:]
}

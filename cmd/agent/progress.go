package main

import (
	"context"
	"fmt"
	"time"

	"muster/agent"
)

// pollEvery is how often a verb that waits asks the agent, and pollPlaced how
// often one that only looks on asks once the board has its place. It then asks for
// the agent's own reasons, and for the status, which costs each member a new
// connection, when they are others or pollMembers have gone by.
const (
	pollEvery   = 200 * time.Millisecond
	pollPlaced  = 5 * time.Second
	pollMembers = time.Minute
)

// stateLeave is the row of the design table in which a board leaves, and stays
// once it has left.
const stateLeave = "leave"

// placed tells whether the board has its place in a cluster that has quorum. One
// that is about to give it up has none.
func placed(s agent.Status) bool {
	if s.Board.State == stateLeave {
		return false
	}
	switch s.Board.Role {
	case "voter", "learner", "standby":
		return s.Cluster.Quorum != nil && *s.Cluster.Quorum
	}
	return false
}

// words tells an owner how this board is doing, in one sentence.
func words(s agent.Status) string {
	if !placed(s) {
		return s.Board.Why
	}
	text := "this board is a " + s.Board.Role
	if s.Fleet != nil {
		text += " of cluster " + s.Fleet.Cluster
	}
	if s.Cluster.ID != nil {
		text += " (id " + *s.Cluster.ID + ")"
	}
	if seats := seatCount(s); seats != "" {
		text += ", " + seats
	}
	return text + "; quorum held"
}

// seatCount says how many voters, learners and standbys there are; "" if the
// member list is not known.
func seatCount(s agent.Status) string {
	if s.Members == nil {
		return ""
	}
	voters, learners, standbys := 0, 0, 0
	for _, m := range s.Members {
		if m.Learner {
			learners++
		} else {
			voters++
		}
	}
	for _, b := range s.Boards {
		if b.Alive && b.Role != nil && *b.Role == "standby" {
			standbys++
		}
	}
	text := count(voters, "voter")
	if learners > 0 {
		text += ", " + count(learners, "learner")
	}
	if standbys > 0 {
		text += ", " + count(standbys, "standby")
	}
	return text
}

// follow asks the agent again and again, and calls say with an owner's words
// whenever they are others than said, the last that were shown, until done says
// so or ctx ends; with done nil, until ctx ends. It returns the last status that
// was read; nil if the agent never answered.
func (a *app) follow(ctx context.Context, said string, say func(string), done func(agent.Status) bool) *agent.Status {
	client := a.client()
	var last *agent.Status
	var asked time.Time
	for {
		pause := pollEvery
		if done == nil && last != nil && placed(*last) && time.Since(asked) < pollMembers && sameReasons(ctx, client, *last) {
			pause = pollPlaced
		} else if s, err := client.Status(ctx); err == nil {
			last, asked = &s, time.Now()
			if text := words(s); text != said && text != "" {
				say(text)
				said = text
			}
			switch {
			case done != nil && done(s):
				return last
			case done == nil && placed(s):
				pause = pollPlaced
			}
		}
		next := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			next.Stop()
			return last
		case <-next.C:
		}
	}
}

// sameReasons tells whether the agent is where it was at that status, for the same
// reasons, by its own knowledge.
func sameReasons(ctx context.Context, client *agent.Client, s agent.Status) bool {
	e, err := client.Explain(ctx)
	return err == nil && e.State == s.Board.State && e.Why == s.Board.Why && e.Since.Equal(s.Board.Since)
}

// progressLines returns a say that writes one line each, with the time since
// the start.
func (a *app) progressLines() func(string) {
	start := a.now()
	return func(text string) {
		fmt.Fprintf(a.stdout, "%6.1fs  %s\n", a.now().Sub(start).Seconds(), text)
	}
}

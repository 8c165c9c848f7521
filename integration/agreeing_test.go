package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

// TestFoundAgreeing_ABoardThatCannotWrite founds with as many boards as a plan needs, one of which has no room for
// its promise: there is no plan, and that board says why, until there is room.
func TestFoundAgreeing_ABoardThatCannotWrite(t *testing.T) {
	f := newFleet(t, 3)
	full := f.Board(3)
	full.PowerCut()
	full.GiveDisk(200)
	full.PowerOn()
	p := profile{cluster: "lab", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}
	f.join(p.yaml(), full)
	f.await("the third board waits for the others", []*boards.Board{full}, inState("found/waiting"))
	full.FillDisk()
	f.join(p.yaml(), f.pick(1, 2)...)
	f.await("they agree, and one cannot promise", []*boards.Board{full}, all(inState("found/agreeing"), says("no space left on device")))
	f.throughout("nothing is founded without it", 3*time.Second, f.Boards(), nothingFounded)
	full.FreeDisk()
	f.await("founded once there is room", f.Boards(), settled(3, 0))
	f.mustNeverHaveHeld(f.Boards()...)
}

// says wants the reason that each board gives to contain a text.
func says(text string) condition {
	return func(views []status) error {
		for _, s := range views {
			if !strings.Contains(s.Board.Why, text) {
				return fmt.Errorf("want a board that says %q: %v", text, s)
			}
		}
		return nil
	}
}

package integration

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"muster/integration/boards"
)

// TestYield_KeepsTheLastCopy gives up, by the order that the board asks for, data whose hash stands alone. It may be
// what is right, so it stays in the archive, although it is far over its share of the disk and a quorum of its own
// cluster works; the owner is told of it, and may remove it.
func TestYield_KeepsTheLastCopy(t *testing.T) {
	f := newFleet(t, 3)
	for _, b := range f.Boards() {
		b.PowerCut()
		b.GiveDisk(diskSize / 2) // a member takes more than an eighth of it
		b.PowerOn()
	}
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3, archiveKeep: 1})
	const rotten, truth = "what-the-others-say", "what-alone-is-right"
	f.etcdctl(c.leader, "put", "written", rotten)
	b, on := c.followers[0], f.Boards()
	holds := func(name, value string) func(context.Context) error {
		return func(context.Context) error {
			data, err := b.ReadFile(stateDir + name)
			if err == nil && !bytes.Contains(data, []byte(value)) {
				err = fmt.Errorf("%s has %d bytes, and %q is not in it", name, len(data), value)
			}
			return err
		}
	}
	f.eventually("it is in the database", holds(database, rotten))
	w := f.write(on...)

	b.PowerCut()
	b.PowerOn()
	b.Edit(stateDir+database, func(data []byte) []byte { return bytes.ReplaceAll(data, []byte(rotten), []byte(truth)) })
	f.start(b)
	f.await("it holds", []*boards.Board{b}, all(inState("damaged"), func(views []status) error {
		if s := views[0]; !s.Board.Holding || !strings.Contains(s.Board.Why, "differs") || !strings.Contains(s.Board.Hint, "agent yield") {
			return fmt.Errorf("want it to hold because its data differs, with the order that decides: %v, hint %q", s, s.Board.Hint)
		}
		return nil
	}))
	f.must(b, "agent", "yield", "--yes")
	f.await("it is a voter again", on, settled(3, 0))
	f.mustHaveSetAside(b, 0, "damaged")
	if t.Failed() {
		t.FailNow()
	}
	entry := "archive/" + archived(b)[0]

	told := func(views []status) error {
		for _, w := range views[0].Board.Warnings {
			if strings.Contains(w, "no quorum is known to have") && strings.Contains(w, entry[len("archive/"):]) {
				return holds(entry+"/member/snap/db", truth)(t.Context())
			}
		}
		return fmt.Errorf("nothing warns of %s: %q", entry, views[0].Board.Warnings)
	}
	warned := f.await("its owner is told of the archive", []*boards.Board{b}, told)[0]
	t.Logf("it warns: %q", warned.Board.Warnings)
	f.throughout("it is kept", 5*time.Second, []*boards.Board{b}, told)
	w.stop()
	f.mustHold(b, "written", rotten)

	// Only the owner knows which of the two is right.
	f.must(b, "rm", "-r", stateDir+entry)
	f.within("the warning ends", 2*time.Minute, func(ctx context.Context) error {
		s, err := view(ctx, b)
		if err == nil && len(s.Board.Warnings) > 0 {
			err = fmt.Errorf("it warns: %q", s.Board.Warnings)
		}
		return err
	})
}

package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"muster/integration/boards"
)

// TestMovedAll_Replayed moves a lab while it is off, whose log holds orderly updates of addresses: at first such that
// its databases have not taken in, as if power was cut within moments of them, then such that they have.
func TestMovedAll_Replayed(t *testing.T) {
	f := newFleet(t, 3)
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3})
	before := f.list(c.leader)
	settle := func(what string) {
		t.Helper()
		f.await(what, f.Boards(), all(settled(3, 0), oneCluster(before.cluster()), whereTheyAre(f.Boards())))
		f.awaitList(what+", as listed", c.leader, sameIDs(before), votersAre(3), listsOnly(f.Boards()...))
	}
	// One after the other: members that start at the same moment may meet before they have replayed their logs. The
	// first one waits for the others' word on its disk, and for want of one as long as it does for that.
	restart := func() {
		t.Helper()
		for i, logged := range f.logged() {
			b := f.Boards()[i]
			f.start(b)
			f.within(fmt.Sprintf("etcd runs on board %d", b.Index), vouching+patience, func(context.Context) error {
				if !strings.Contains(b.Log()[logged:], "etcd is started") {
					return errors.New("it is not started yet")
				}
				return nil
			})
		}
	}
	f.etcdctl(c.leader, "put", "first", "kept")
	f.PowerCut()
	databases := map[*boards.Board][]byte{}
	for _, b := range f.Boards() {
		b.Edit(stateDir+database, func(data []byte) []byte {
			databases[b] = slices.Clone(data)
			return data
		})
	}
	for _, b := range f.Boards() {
		f.start(b)
	}
	settle("back")
	for i, b := range f.Boards() {
		b.SetAddress(network(fmt.Sprintf("10.77.3.%d/16", 1+i)))
		settle(fmt.Sprintf("board %d moved", b.Index))
	}
	// What is written after the updates brings it to all disks that they are committed.
	for i := range 3 {
		f.etcdctl(c.leader, "put", fmt.Sprint("then", i), "kept")
	}
	f.PowerCut()
	for _, b := range f.Boards() {
		b.Edit(stateDir+database, func([]byte) []byte { return databases[b] })
	}
	f.Move(network("192.168.7.0/24"), f.Boards()...)
	restart()
	settle("moved, with databases of before")
	f.mustHaveBeen("moved/all", f.Boards()...)
	for i := range 3 {
		f.mustHold(c.leader, fmt.Sprint("then", i), "kept")
	}

	if longRun() {
		f.PowerCut()
		f.Move(network("192.168.8.0/24"), f.Boards()...)
		restart()
		settle("moved once more")
	}
	f.mustHold(c.leader, "first", "kept")
	f.etcdctl(c.leader, "put", "last", "kept")
	f.mustKeep(0, f.Boards()...)
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(c.leader)
}

package integration

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"muster/integration/boards"
)

func TestIdleNoAddress(t *testing.T) {
	f := newFleet(t, 3)
	bare, address := f.Board(3), netip.MustParsePrefix("10.77.3.4/16")
	bare.DropAddresses()
	f.join(profile{cluster: "dhcp", secret: f.newSecret(), boards: 3, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml(), f.Boards()...)
	noAddress := all(inState("idle/no-address"), nothingFounded, func(views []status) error {
		if a := views[0].Board.Address; a != nil {
			return fmt.Errorf("it says that it is at %s", *a)
		}
		return nil
	})
	f.await("it says that it has no address", []*boards.Board{bare}, noAddress)
	f.await("the others wait for it", f.pick(1, 2), all(inState("found/waiting"), seesAlive(2), nothingFounded))
	f.throughout("it stays so", time.Second, []*boards.Board{bare}, noAddress)

	bare.SetAddress(address)
	seen := f.await("it takes part at the address that it got", f.Boards(), settled(3, 0))
	if got := deref(seen[2].Board.Address); got != address.Addr().String() {
		t.Errorf("it says that it is at %q, want %s", got, address.Addr())
	}
	conn, err := f.Board(1).Dial(net.Dialer{Timeout: callLimit}, "tcp", net.JoinHostPort(address.Addr().String(), "2380"))
	if err != nil {
		t.Fatalf("its etcd does not listen there: %v", err)
	}
	conn.Close()
}

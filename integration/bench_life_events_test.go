package integration

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"muster/integration/boards"
)

const (
	// hopeless is how long is waited for what never comes back.
	hopeless = 20 * time.Second
	// connectedFor is how long members have to be connected before etcd v3.7.3 adds another one
	// (server/etcdserver/server.go, HealthInterval), and a little more. The events that add one begin after it, or what
	// they measure would be how long ago the members were started.
	connectedFor = 6 * time.Second
	// fillValue is the size of the values that fill a keyspace, in bytes; fillers write them.
	fillValue = 256 << 10
	fillers   = 4
)

func (l *lifeLab) moves(choose part) figures {
	l.t.Helper()
	c := l.found(3, l.pick(1, 2, 3))
	b := choose(c)
	w := l.pulse(without(c.voters, b)...)
	event := time.Now()
	// Another address for each board and round: the others' ARP tables still know who had it.
	b.SetAddress(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, byte(3 + l.round), byte(10 + b.Index)}), 16))
	whole := l.mend(c.voters, func(ctx context.Context) error { return l.way.moved(ctx, c, b) })
	return l.finish(w, event, whole)
}

func (l *lifeLab) allMove() figures {
	l.t.Helper()
	c := l.found(3, l.pick(1, 2, 3))
	w := l.pulse(c.voters...)
	event := time.Now()
	l.Move(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(78 + l.round), 0, 0}), 16), c.voters...)
	w.through(c.voters...)
	if !l.never {
		whole := l.mend(c.voters, func(ctx context.Context) error { return l.way.moved(ctx, c, c.voters...) })
		return l.finish(w, event, whole)
	}
	ctx, cancel := context.WithDeadline(l.t.Context(), event.Add(hopeless))
	defer cancel()
	watched := l.watch(ctx, c.voters)
	err := l.way.moved(ctx, c, c.voters...)
	if whole := <-watched; err == nil || whole.err == nil {
		l.t.Errorf("%s: back %v after all voters moved: that was thought to be impossible", l.way.name(), whole.at.Sub(event))
	}
	end := time.Now()
	w.Halt()
	return figures{gap: w.GapBetween(event, end), never: true}
}

func (l *lifeLab) restarts(choose part) figures {
	l.t.Helper()
	c := l.found(3, l.pick(1, 2, 3))
	b := choose(c)
	w := l.pulse(without(c.voters, b)...)
	event := time.Now()
	// Before it is watched: until it goes down the cluster is whole.
	if err := l.way.restart(l.t.Context(), b); err != nil {
		l.t.Fatalf("%s: %v", l.way.name(), err)
	}
	whole := l.mend(c.voters, func(context.Context) error { return nil })
	return l.finish(w, event, whole)
}

func (l *lifeLab) losesPower(choose part) figures {
	l.t.Helper()
	c := l.found(3, l.pick(1, 2, 3))
	b := choose(c)
	w := l.pulse(without(c.voters, b)...)
	event := time.Now()
	vanish(b)
	return l.finish(w, event, time.Time{})
}

func (l *lifeLab) replaced() figures {
	l.t.Helper()
	c := l.found(3, l.Boards())
	dead := follower(c)
	w := l.pulse(without(c.voters, dead)...)
	l.connected()
	vanish(dead)
	ctx, cancel := context.WithTimeout(l.t.Context(), untilReplaced)
	defer cancel()
	event, err := l.way.due(ctx, c, dead)
	if err != nil {
		l.t.Fatalf("%s: %v", l.way.name(), err)
	}
	voters := append(without(c.voters, dead), c.standbys...)
	whole := l.mend(voters, func(ctx context.Context) error { return l.way.replace(ctx, c, dead) })
	return l.finish(w, event, whole)
}

func (l *lifeLab) grows() figures {
	l.t.Helper()
	c := l.found(1, l.pick(1))
	others := l.pick(2, 3)
	for _, b := range others {
		b.PowerOn()
	}
	l.way.wants(3, c)
	w := l.pulse(c.leader)
	event := time.Now()
	whole := l.mend(l.pick(1, 2, 3), func(ctx context.Context) error { return l.way.seat(ctx, c.voters, others) })
	return l.finish(w, event, whole)
}

// newcomer switches on a board for a seat that is free, in a cluster that holds so many bytes.
func (l *lifeLab) newcomer(bytes int) figures {
	l.t.Helper()
	c := l.found(3, l.pick(1, 2, 3))
	gone, late := c.followers[1], l.Board(4)
	c.voters = without(c.voters, gone)
	vanish(gone)
	l.unseat(gone, c)
	l.fill(bytes, c)
	l.connected()
	w := l.pulse(c.voters...)
	event := time.Now()
	whole := l.mend(append(c.voters, late), func(ctx context.Context) error { return l.way.seat(ctx, c.voters, []*boards.Board{late}) })
	return l.finish(w, event, whole)
}

// connected waits until etcd would not refuse another member because those that are there have just been started.
func (l *lifeLab) connected() {
	l.t.Helper()
	select {
	case <-time.After(time.Until(l.whole.Add(connectedFor))):
	case <-l.t.Context().Done():
		l.t.Fatal(l.t.Context().Err())
	}
}

// unseat removes the member of a board that is gone, so that its seat is free.
func (l *lifeLab) unseat(b *boards.Board, c cast) {
	l.t.Helper()
	client := l.client(c.voters...)
	defer client.Close()
	l.retry("member remove", func(ctx context.Context) error {
		list, err := client.MemberList(ctx)
		if err != nil {
			return err
		}
		for _, m := range list.Members {
			if m.PeerURLs[0] == peerURL(b) {
				if _, err := client.MemberRemove(ctx, m.ID); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// fill writes so many bytes in values of fillValue.
func (l *lifeLab) fill(bytes int, c cast) {
	l.t.Helper()
	value := make([]byte, fillValue)
	if _, err := rand.Read(value); err != nil {
		l.t.Fatal(err)
	}
	keys := make(chan int, bytes/fillValue)
	for n := range cap(keys) {
		keys <- n
	}
	close(keys)
	client := l.client(c.voters...)
	defer client.Close()
	var filling sync.WaitGroup
	failed := make([]error, fillers)
	for i := range fillers {
		filling.Go(func() {
			for n := range keys {
				if err := put(l.t.Context(), client, fmt.Sprintf("fill/%06d", n), string(value)); err != nil {
					failed[i] = err
					return
				}
			}
		})
	}
	filling.Wait()
	for _, err := range failed {
		if err != nil {
			l.t.Fatalf("%s: filling: %v", l.way.name(), err)
		}
	}
}

// put puts a large value, which takes its time on a slow disk.
func put(ctx context.Context, client *clientv3.Client, key, value string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := client.Put(ctx, key, value)
	return err
}

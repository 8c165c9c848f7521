package integration

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// TestAlarms_AreNamed raises etcd's two alarms, one after the other: while one stands, every board says so.
func TestAlarms_AreNamed(t *testing.T) {
	f := newFleet(t, 4)
	_, c := f.found(profile{cluster: "lab", boards: 4, voters: 3, quota: "16MiB"})
	w := f.write(c.voters...)
	client, member := f.localClient(c.leader), f.list(c.leader).idOf(c.followers[0])

	f.fill(client)
	f.await("all say that there is no space", f.Boards(), tellsOf("quota", "agent etcdctl alarm disarm"))
	f.show("with the database at its quota", f.Boards()...)
	f.free(client)
	f.await("none says so any more", f.Boards(), all(settled(3, 1), tellsNotOf("quota")))
	more := w.Acknowledged() + 50
	f.eventually("writes go on", atLeastSoon(w, more))

	const corrupt = etcdserverpb.AlarmType_CORRUPT
	raise := &etcdserverpb.AlarmRequest{Action: etcdserverpb.AlarmRequest_ACTIVATE, MemberID: member, Alarm: corrupt}
	if _, err := etcdserverpb.NewMaintenanceClient(client.ActiveConnection()).Alarm(t.Context(), raise); err != nil {
		t.Fatal(err)
	}
	f.await("all say that members hold different data", f.Boards(), tellsOf("CORRUPT", c.followers[0].Hostname))
	f.show("with data that is said to differ", f.Boards()...)
	if _, err := client.AlarmDisarm(t.Context(), &clientv3.AlarmMember{MemberID: member, Alarm: corrupt}); err != nil {
		t.Fatal(err)
	}
	f.await("none says so any more", f.Boards(), all(settled(3, 1), tellsNotOf("CORRUPT")))
	w.stop()
	f.mustKeep(0, f.Boards()...)
	f.sameData(c.leader)
}

const ballast = "ballast/"

// fill writes until etcd takes no more.
func (f *fleet) fill(client *clientv3.Client) {
	f.t.Helper()
	f.eventually("the quota is used up", func(ctx context.Context) error {
		for n := range 64 {
			_, err := client.Put(ctx, ballast+string(rune('a'+n%26)), strings.Repeat("x", 1<<20))
			if errors.Is(err, rpctypes.ErrNoSpace) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return errors.New("64 MiB were taken")
	})
}

// free does what an owner does then: throws away, compacts, defragments each member and disarms.
func (f *fleet) free(client *clientv3.Client) {
	f.t.Helper()
	f.eventually("space is made and the alarm disarmed", func(ctx context.Context) error {
		gone, err := client.Delete(ctx, ballast, clientv3.WithPrefix())
		if err != nil {
			return err
		}
		_, err = client.Compact(ctx, gone.Header.Revision, clientv3.WithCompactPhysical())
		if err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
			return err
		}
		members, err := client.MemberList(ctx)
		if err != nil {
			return err
		}
		for _, m := range members.Members {
			if _, err := client.Defragment(ctx, m.ClientURLs[0]); err != nil {
				return err
			}
		}
		_, err = client.AlarmDisarm(ctx, &clientv3.AlarmMember{})
		return err
	})
}

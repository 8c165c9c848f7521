package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"muster/integration/boards"
)

// failover is how long a put through the local endpoint may take to succeed after its member has lost its power: the
// board is found out by gossip, and there may be an election.
const failover = 15 * time.Second

func TestJoinStandby(t *testing.T) {
	f := newFleet(t, 4)
	yaml := profile{cluster: "lab", secret: f.newSecret(), boards: 4, voters: 3, seeds: []string{f.Board(1).Address()}}.yaml()
	voters, standby := f.pick(1, 2, 3), f.Board(4)
	f.join(yaml, voters...)
	id := f.await("three of four found", voters, settled(3, 0))[0].clusterID()
	f.join(yaml, standby)
	f.await("the fourth stands by", f.Boards(), all(settled(3, 1), oneCluster(id), seesAlive(4)))
	if pids := etcds(standby); len(pids) != 0 {
		t.Errorf("etcd runs on the standby: %v", standby.Processes())
	}
	f.etcdctl(standby, "put", "written", "through the standby")
	f.mustHold(standby, "written", "through the standby")

	client := f.localClient(standby)
	used := f.memberBehind(client)
	t.Logf("the client on the standby uses board %d, which loses its power now", used.Index)
	// The cable first: a kernel that still answers for dead processes is no board without power.
	used.Unplug()
	used.PowerCut()
	cut := time.Now()
	ctx, cancel := context.WithDeadline(t.Context(), cut.Add(failover))
	defer cancel()
	f.untilDone(ctx, "agent etcdctl put on the standby", func(ctx context.Context) error {
		if _, stderr, code := standby.Run(ctx, "etcdctl", "put", "written", "meanwhile"); code != 0 {
			return errors.New(stderr)
		}
		return nil
	})
	f.untilDone(ctx, "a put of the client that was there before", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, putLimit)
		defer cancel()
		_, err := client.Put(ctx, "written", "later")
		return err
	})
	f.mustHold(standby, "written", "later")

	used.Plug()
	f.start(used)
	f.await("all are back", f.Boards(), all(settled(3, 1), oneCluster(id)))
	f.mustNeverHaveHeld(f.Boards()...)
}

// untilDone repeats a call until it succeeds or ctx ends.
func (f *fleet) untilDone(ctx context.Context, what string, call func(context.Context) error) {
	f.t.Helper()
	begin := time.Now()
	var err error
	for ctx.Err() == nil {
		latest := call(ctx)
		if latest == nil {
			f.t.Logf("%s: after %v", what, time.Since(begin).Round(10*time.Millisecond))
			return
		}
		if ctx.Err() == nil || err == nil {
			err = latest
		}
	}
	f.t.Fatalf("%s: not within %v: %v", what, failover, err)
}

// localClient is a client on a board which knows nothing but the board's local endpoint.
func (f *fleet) localClient(b *boards.Board) *clientv3.Client {
	f.t.Helper()
	endpoint := f.envOf(b, "ENDPOINTS")
	if !strings.HasPrefix(endpoint, "https://127.0.0.1:") || strings.Contains(endpoint, ",") {
		f.t.Fatalf("endpoints %q: want the local one", endpoint)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{endpoint}, TLS: f.tlsOf(b), Context: f.t.Context(), Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			deadline, _ := ctx.Deadline()
			return b.Dial(net.Dialer{Deadline: deadline}, "tcp", address)
		})},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := client.Close(); err != nil && !errors.Is(err, context.Canceled) {
			f.t.Error(err)
		}
	})
	return client
}

// memberBehind is the board whose member answers the client.
func (f *fleet) memberBehind(client *clientv3.Client) *boards.Board {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	put, err := client.Put(ctx, "who", "answers")
	if err != nil {
		f.t.Fatal(err)
	}
	list, err := client.MemberList(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, m := range list.Members {
		for _, b := range f.Boards() {
			if m.ID == put.Header.MemberId && m.PeerURLs[0] == fmt.Sprintf("https://%s:2380", b.Address()) {
				return b
			}
		}
	}
	f.t.Fatalf("member %x, which answered, is none of %v", put.Header.MemberId, list.Members)
	return nil
}

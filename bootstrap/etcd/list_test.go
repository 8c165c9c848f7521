package etcd

import (
	"testing"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// TestCommitOfAServerThatStopped: a member that was removed stops by itself, and
// its database is closed under the hands of whoever still commits.
func TestCommitOfAServerThatStopped(t *testing.T) {
	m := members(t, 1, TLSFiles{})[0]
	m.State, m.InitialCluster = "new", m.Name+"="+m.PeerURL
	cfg, err := settings(m, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	<-e.Server.ReadyNotify()
	commit(e.Server)
	e.Server.Stop()
	commit(e.Server)
}

package etcd

import (
	"context"
	"encoding/json"
	"slices"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
)

// listedAsAnother says how the IDs that a joining member would get differ from
// those that c wants, or nothing; nothing too if no member answers or has heard
// of this one, which is then etcd's to judge. etcd takes the ID that is listed for
// the peer URL (v3.7.3 server/etcdserver/bootstrap.go, bootstrapExistingClusterNoWAL):
// if that is not the one that was added for this data directory, the directory
// must not begin a life as somebody else.
func listedAsAnother(ctx context.Context, c Config, seen foresight) (why string) {
	if seen.haveLog || c.State != "existing" || c.WantMember == "" && c.WantCluster == "" {
		return ""
	}
	urls, err := types.NewURLsMap(c.InitialCluster)
	if err != nil {
		return ""
	}
	for _, url := range urls.URLs() {
		if url == c.PeerURL {
			continue
		}
		cluster, list, err := askPeer(ctx, url, TLSFiles{CA: c.CA, Cert: c.Cert, Key: c.Key})
		if err != nil {
			continue
		}
		var members []membership.Member
		if err := json.Unmarshal(list, &members); err != nil {
			continue
		}
		at := slices.IndexFunc(members, func(m membership.Member) bool { return slices.Contains(m.PeerURLs, c.PeerURL) })
		if at >= 0 {
			return foreign(c, members[at].ID.String(), cluster)
		}
	}
	return ""
}

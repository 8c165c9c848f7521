package agent

import (
	"slices"
	"testing"

	"muster/bootstrap/etcd"
	"muster/profiles"
)

// TestAccess is what a stock etcdctl gets to work with.
func TestAccess(t *testing.T) {
	secured, plain := &profiles.Profile{}, &profiles.Profile{}
	secured.Etcd.TLS = true
	files := etcd.TLSFiles{CA: "ca.pem", Cert: "node.pem", Key: "node-key.pem"}
	members := []string{"https://10.0.0.1:2379"}
	for name, c := range map[string]struct {
		view view
		want []string
	}{
		"the local endpoint":                {view{profile: secured, local: "127.0.0.1:2379", target: target{files: files, endpoints: members}}, []string{"https://127.0.0.1:2379"}},
		"the members without it":            {view{profile: secured, target: target{files: files, endpoints: members}}, members},
		"without TLS":                       {view{profile: plain, local: "127.0.0.1:2379"}, []string{"http://127.0.0.1:2379"}},
		"before there are certificates":     {view{profile: secured, local: "127.0.0.1:2379"}, nil},
		"without a profile":                 {view{}, nil},
		"while no member is known, without": {view{profile: secured, target: target{files: files}}, nil},
	} {
		a := c.view.access()
		if !slices.Equal(a.Endpoints, c.want) || a.Endpoints == nil {
			t.Errorf("%s: endpoints %#v, want %q", name, a.Endpoints, c.want)
		}
		if len(a.Endpoints) > 0 && a.CA != c.view.target.files.CA {
			t.Errorf("%s: CA %q", name, a.CA)
		}
	}
}

package agent

import (
	"slices"
	"testing"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
	"muster/profiles"
)

// A board without a clock battery begins in 1970 and learns the time later.
func TestByClock(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 5e6, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		at   time.Time
		ago  time.Duration
		want time.Time
	}{
		"the clock was right":       {ago(time.Hour), time.Hour, ago(time.Hour)},
		"a little was corrected":    {ago(time.Hour), time.Hour + time.Second, ago(time.Hour)},
		"it was set since":          {time.Date(1970, 1, 1, 0, 0, 40, 0, time.UTC), time.Minute, ago(time.Minute)},
		"it was ahead, and set":     {ago(-time.Hour), time.Minute, ago(time.Minute)},
		"it was set by five sec":    {ago(time.Minute), time.Minute + 5*time.Second, ago(time.Minute + 5*time.Second)},
		"nothing has been recorded": {time.Time{}, time.Minute, time.Time{}},
	} {
		if got := byClock(c.at, c.ago, now); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	// As the view calls it: two times of this process differ by its monotonic clock.
	s := time.Now()
	if got := (&view{state: bootstrap.State{Observation: bootstrap.Observation{Now: time.Now()}}}).shown(s); !got.Equal(s) {
		t.Errorf("%v is shown as %v", s, got)
	}
}

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

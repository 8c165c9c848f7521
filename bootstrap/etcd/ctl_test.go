package etcd

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCtlEnv(t *testing.T) {
	all := []string{"ETCDCTL_ENDPOINTS=e", "ETCDCTL_CACERT=a", "ETCDCTL_CERT=c", "ETCDCTL_KEY=k"}
	for _, row := range []struct {
		name    string
		args    []string
		environ []string
		want    []string
	}{
		{"nothing passed", []string{"get", "x"}, nil, all},
		{"flag with space", []string{"--endpoints", "z", "get", "x"}, nil, all[1:]},
		{"flag with equals", []string{"get", "x", "--endpoints=z"}, nil, all[1:]},
		{"certificates", []string{"--cacert=z", "--cert", "z", "--key=z", "get", "x"}, nil, all[:1]},
		{"longer flag", []string{"make-mirror", "--key-prefix=z", "--dest-cert", "z"}, nil, all},
		{"behind the end of flags", []string{"put", "x", "--", "--endpoints=z"}, nil, all},
		{"own variable", nil, []string{"ETCDCTL_ENDPOINTS=z", "PATH=/bin"}, all[1:]},
		{"own empty variable", nil, []string{"ETCDCTL_ENDPOINTS="}, all},
	} {
		if got := CtlEnv("e", "a", "c", "k", row.args, row.environ...); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
	if got := CtlEnv("e", "", "", "", nil); !slices.Equal(got, all[:1]) {
		t.Errorf("without TLS: %v", got)
	}
}

// TestCtl runs the built-in etcdctl with presets against a server with TLS.
func TestCtl(t *testing.T) {
	c := members(t, 1, certificates(t))[0]
	ch := spawn(t, c)
	next(t, ch, EventStarted)
	next(t, ch, EventReady)
	etcdctl := func(args ...string) (string, int) {
		cmd := exec.Command(childArgs()[0], append([]string{"as-etcdctl"}, args...)...)
		cmd.Env = append(os.Environ(), CtlEnv(c.ClientURL, c.CA, c.Cert, c.Key, args)...)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	if out, code := etcdctl("put", "k", "v"); code != 0 || strings.TrimSpace(out) != "OK" {
		t.Errorf("put: %d, %s", code, out)
	}
	if out, code := etcdctl("get", "k", "--print-value-only", "--endpoints", c.ClientURL); code != 0 || strings.TrimSpace(out) != "v" {
		t.Errorf("get with own endpoints: %d, %s", code, out)
	}
	if out, code := etcdctl("no-such-verb"); code == 0 {
		t.Errorf("unknown verb: %d, %s", code, out)
	}
	// etcdctl's own codes: 128 is wrong usage (pkg/cobrautl.ExitBadArgs).
	if out, code := etcdctl("get"); code != 128 {
		t.Errorf("get without a key: %d, %s", code, out)
	}
}

func TestConfigJSON(t *testing.T) {
	c := Config{
		Name: "n", Dir: "d", PeerURL: "p", ListenPeerURL: "l", ClientURL: "c", InitialCluster: "i", Token: "t", State: "new",
		HoldAddresses: true, WantMember: "1", WantCluster: "2", CA: "ca", Cert: "ce", Key: "k", QuotaBytes: 1,
		Heartbeat: 250 * time.Millisecond, Election: 2500 * time.Millisecond, MemoryLimit: 2, BoardMemory: 3, LogLevel: "warn",
	}
	for i, v := 0, reflect.ValueOf(c); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Fatalf("the test leaves out %s", v.Type().Field(i).Name)
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(`"heartbeat":"250ms"`)) {
		t.Errorf("periods are not text: %s", b)
	}
	var back Config
	if err := json.Unmarshal(b, &back); err != nil || back != c {
		t.Errorf("%+v became %+v, %v", c, back, err)
	}
	if err := json.Unmarshal([]byte(`{"election":"soon"}`), &back); err == nil {
		t.Error("a period in words is taken")
	}
}

func TestChildEnv(t *testing.T) {
	got := childEnv([]string{
		"PATH=/bin", "ETCD_NAME=x", "ETCDCTL_API=3", "HTTP_PROXY=x", "http_proxy=x", "HTTPS_PROXY=x", "https_proxy=x",
		"all_proxy=x", "NOTIFY_SOCKET=x", "WATCHDOG_USEC=1", "WATCHDOG_PID=1", "LISTEN_FDS=1", "HOME=/", "GODEBUG=gctrace=1",
	})
	if want := []string{"PATH=/bin", "ETCDCTL_API=3", "HOME=/", "GODEBUG=multipathtcp=0,gctrace=1"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestQuota(t *testing.T) {
	// 2 GiB is the value for which etcd maps 10 GiB.
	for in, want := range map[int64]int64{0: DefaultQuota, 1 << 20: 1 << 20, 2 << 30: 2<<30 - 4096} {
		if got := quota(in); got != want {
			t.Errorf("quota %d becomes %d, want %d", in, got, want)
		}
	}
}

// TestDeadEndpoints: calls to nobody end soon, with an error.
func TestDeadEndpoints(t *testing.T) {
	dead := members(t, 1, TLSFiles{})[0]
	c := dial(t, dead)
	if _, err := c.Members(t.Context()); err == nil {
		t.Error("a member list from nobody")
	}
	if _, err := c.Status(t.Context(), dead.ClientURL); err == nil {
		t.Error("a status from nobody")
	}
	if _, err := Probe(t.Context(), dead.PeerURL, TLSFiles{}); err == nil {
		t.Error("a cluster ID from nobody")
	}
	if _, err := Dial(ClientConfig{Endpoints: []string{"https://127.0.0.1:1"}, CA: "/no/such/file"}); err == nil {
		t.Error("a client without its CA")
	}
	live := members(t, 1, TLSFiles{})[0]
	ch := spawn(t, live)
	next(t, ch, EventStarted)
	next(t, ch, EventReady)
	if _, err := Probe(t.Context(), live.ClientURL, TLSFiles{}); err == nil {
		t.Error("a client port passes for a peer port")
	}
}

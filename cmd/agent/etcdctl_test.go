package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"muster/agent"
)

func TestEtcdctlPresets(t *testing.T) {
	withTLS := agent.Access{Endpoints: []string{"https://10.0.0.1:2379", "https://10.0.0.2:2379"}, CA: "/s/ca.pem", Cert: "/s/node.pem", Key: "/s/node-key.pem"}
	all := []string{"ETCDCTL_ENDPOINTS=https://10.0.0.1:2379,https://10.0.0.2:2379", "ETCDCTL_CACERT=/s/ca.pem", "ETCDCTL_CERT=/s/node.pem", "ETCDCTL_KEY=/s/node-key.pem"}
	for name, c := range map[string]struct {
		access  *agent.Access // nil: no agent
		environ string
		args    []string // without etcdctl
		presets []string
		code    int
	}{
		"all filled in":           {access: &withTLS, args: []string{"get", "a", "--prefix", "-w", "json"}, presets: all},
		"help flag is etcdctl's":  {access: &withTLS, args: []string{"--help"}, presets: all},
		"own endpoints":           {access: &withTLS, args: []string{"--endpoints=x:1", "get", "a"}, presets: all[1:]},
		"own variable":            {access: &withTLS, environ: "ETCDCTL_KEY=mine", args: []string{"get", "a"}, presets: all[:3]},
		"no TLS":                  {access: &agent.Access{Endpoints: []string{"http://127.0.0.1:2379"}}, args: []string{"get", "a"}, presets: []string{"ETCDCTL_ENDPOINTS=http://127.0.0.1:2379"}},
		"no cluster":              {access: &agent.Access{}, args: []string{"get", "a"}, code: exitFailed},
		"no agent":                {args: []string{"get", "a"}, code: exitNoAgent},
		"no agent, own endpoints": {args: []string{"get", "a", "--endpoints", "x:1"}},
		"no agent, own variable":  {environ: "ETCDCTL_ENDPOINTS=x:1", args: []string{"get", "a"}},
		"endpoints as a value":    {args: []string{"put", "--", "--endpoints", "x"}, code: exitNoAgent},
		"no agent, version":       {args: []string{"version"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newTestApp(t)
			a.environ = append(slices.DeleteFunc(a.environ, func(v string) bool { return strings.HasPrefix(v, "MUSTER_RUN_DIR") }), c.environ)
			if c.access != nil {
				serveFake(t, a.runDir, &fakeAgent{access: *c.access})
			}
			ran := false
			a.etcdctl = func(presets, args []string) {
				ran = true
				if !slices.Equal(presets, c.presets) || !slices.Equal(args, c.args) {
					t.Errorf("presets %q, args %q", presets, args)
				}
			}
			// Global flags work before the verb; behind it all flags are etcdctl's.
			code, _, errs := a.do(t, append([]string{"--run-dir", a.runDir, "etcdctl"}, c.args...)...)
			if code != c.code || ran != (c.code == exitDone) {
				t.Errorf("exit %d, want %d, ran %v: %s", code, c.code, ran, errs)
			}
		})
	}
}

// The real etcdctl ends its process, so it runs in one of its own.
func TestEtcdctlIsTheRealOne(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"etcdctl version", 0, "etcdctl version: 3."},
		{"etcdctl mem --help", 0, "Adds a member into the cluster"}, // a shortened verb
		{"etcdctl frobnicate", 1, `unknown command "frobnicate"`},
		{"etcdctl get", 128, "get command needs one argument"}, // cobrautl.ExitBadArgs
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], strings.Fields(c.args)...)
		cmd.Env = append(os.Environ(), fakeVariable+"=real", "ETCDCTL_ENDPOINTS=127.0.0.1:1", "MUSTER_RUN_DIR="+t.TempDir())
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: exit %d, want %d:\n%s", c.args, code, c.code, out)
		}
	}
}

// Root reads everything, so the test looks through the eyes of another user: on
// Linux a thread's file system user decides, and gives up root's exceptions.
func TestUnreadableKey(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	access := agent.Access{Endpoints: []string{"https://x"}, Key: key}
	if err := usable(access); err != nil {
		t.Fatalf("its owner cannot use it either: %v", err)
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(key, 0); err != nil {
			t.Fatal(err)
		}
	} else {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		const nobody = 65534
		if _, err := unix.SetfsuidRetUid(nobody); err != nil {
			t.Fatal(err)
		}
		defer unix.SetfsuidRetUid(0)
	}
	if err := usable(access); err == nil {
		t.Error("no word about a key that can't be read")
	}
}

func TestEnv(t *testing.T) {
	for name, c := range map[string]struct {
		access agent.Access
		want   string
	}{
		"TLS": {agent.Access{Endpoints: []string{"https://10.0.0.1:2379", "https://10.0.0.2:2379"}, CA: "/s/ca.pem", Cert: "/s/node.pem", Key: "/s/node-key.pem"},
			"export ETCDCTL_ENDPOINTS=https://10.0.0.1:2379,https://10.0.0.2:2379\nexport ETCDCTL_CACERT=/s/ca.pem\nexport ETCDCTL_CERT=/s/node.pem\nexport ETCDCTL_KEY=/s/node-key.pem\n"},
		"no TLS": {agent.Access{Endpoints: []string{"http://127.0.0.1:2379"}}, "export ETCDCTL_ENDPOINTS=http://127.0.0.1:2379\n"},
		"IPv6":   {agent.Access{Endpoints: []string{"http://[::1]:2379"}}, "export ETCDCTL_ENDPOINTS='http://[::1]:2379'\n"},
		"quoted": {agent.Access{Endpoints: []string{"http://a"}, CA: "/my state/$(reboot)/it's"}, "export ETCDCTL_ENDPOINTS=http://a\nexport ETCDCTL_CACERT='/my state/$(reboot)/it'\\''s'\n"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newTestApp(t)
			serveFake(t, a.runDir, &fakeAgent{access: c.access})
			code, out, errs := a.do(t, "env")
			if code != exitDone || errs != "" || out != c.want {
				t.Errorf("exit %d, stderr %q, stdout:\n%swant:\n%s", code, errs, out, c.want)
			}
		})
	}
}

// A shell reads back what was quoted.
func TestShellQuote(t *testing.T) {
	for _, s := range []string{"", "plain", "a b", "it's", `"$HOME" \ ; & | * ? ~ # ! [x] {a,b} <>`, "new\nline", "~/x", "Größe"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shellQuote(s)+"; printf .").Output()
		if err != nil || string(out) != s+"." {
			t.Errorf("%q: %q, %v", s, out, err)
		}
	}
}

func TestEtcdChildExitCode(t *testing.T) {
	a := newTestApp(t)
	a.serveEtcd = func(_ context.Context, in io.Reader, out, logs io.Writer, exit func(int)) int {
		if in != a.stdin || out != io.Writer(a.out) || logs != io.Writer(a.err) || exit == nil {
			t.Error("streams are mixed up")
		}
		return 74
	}
	if code, out, errs := a.do(t, "etcd"); code != 74 || out != "" || errs != "" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, out, errs)
	}
}

package etcd

import (
	"os"
	"strings"

	"go.etcd.io/etcd/etcdctl/v3/ctlv3"
)

// Ctl is the real etcdctl with these arguments (without a program name). A verb
// that fails ends the process with etcdctl's own exit code; Ctl returns only
// after success.
//
// Linking etcdctl sets the global cobra.EnablePrefixMatching: a command line
// made with cobra in the same binary accepts shortened verbs unless it sets the
// variable back in its main. Its root command is not exported and reads os.Args,
// which Ctl therefore replaces.
func Ctl(args []string) {
	os.Args = append([]string{"etcdctl"}, args...)
	ctlv3.MustStart()
}

// CtlEnv is the environment, as KEY=value, to be set before [Ctl] with args so
// that the user need not name endpoints and certificates. endpoints are comma
// separated. A setting is left out where its value is empty, where the user has
// passed the flag himself (etcdctl dies of "conflicting environment variable"
// when it finds both), and where environ, the user's environment, has it.
func CtlEnv(endpoints, ca, cert, key string, args []string, environ ...string) []string {
	var env []string
	for _, preset := range []struct{ flag, name, value string }{
		{"endpoints", "ETCDCTL_ENDPOINTS", endpoints},
		{"cacert", "ETCDCTL_CACERT", ca},
		{"cert", "ETCDCTL_CERT", cert},
		{"key", "ETCDCTL_KEY", key},
	} {
		if preset.value != "" && !hasFlag(args, preset.flag) && !hasVariable(environ, preset.name) {
			env = append(env, preset.name+"="+preset.value)
		}
	}
	return env
}

// hasFlag finds "--name value" and "--name=value"; what follows "--" is not a flag.
func hasFlag(args []string, name string) bool {
	for _, a := range args {
		if a == "--" {
			return false
		}
		if a == "--"+name || strings.HasPrefix(a, "--"+name+"=") {
			return true
		}
	}
	return false
}

// hasVariable takes an empty value for unset, as etcdctl does.
func hasVariable(environ []string, name string) bool {
	for _, v := range environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok && value != "" {
			return true
		}
	}
	return false
}

package profiles_test

import (
	"errors"
	"strings"
	"testing"

	"muster/profiles"
)

// FuzzParse looks for panics, and for profiles that do not survive being
// written out. No error may hold the secret of the seeds.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", head, everything, "---\n" + head + "...\n", head + "---\n" + head, strings.ReplaceAll(everything, "\n", "\r\n"),
		"\ufeff" + head, head + "a: &a [*a]\n", head + "<<: *x\n", head + "boards: !!int 3\n", head + "? [a]\n: b\n",
		"cluster: lab\nsecret_file: \"\\0\"\n", head + "etcd: {heartbeat: 20ms, election: 1m}\n", head + "%TAG ! x\n",
		head + "network: {interface: eth0}\nheal: {replace_after: 1h0m0s}\n", "[[[[[[[[", "cluster: " + fixed + "\nsecret " + fixed,
		"cluster: |\n  lab\nsecret: >-\n  " + fixed + "\n", head + "discovery: {seeds: [a, 'b:1', '::1', '[::1]:1']}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := profiles.Parse("p.yaml", data)
		if err != nil {
			problems, ok := errors.AsType[profiles.Problems](err)
			if p != nil || !ok || len(problems) == 0 {
				t.Fatalf("got %v, %T", p, err)
			}
			for i, problem := range problems {
				if problem.Line < 1 || i > 0 && problem.Line < problems[i-1].Line || strings.Contains(problem.Error(), "\n") {
					t.Fatalf("problem %d of %q: %q", i, data, problem.Error())
				}
			}
			if strings.Contains(err.Error(), fixed[5:]) {
				t.Fatalf("%q: the error holds the secret: %v", data, err)
			}
			return
		}
		again, err := profiles.Parse("p.yaml", p.YAML(true))
		if err != nil || !again.Equal(p) {
			t.Fatalf("%q: got %+v, %v; want %+v", data, again, err, p)
		}
	})
}

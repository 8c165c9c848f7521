package agent

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/profiles"
)

// writeProfile makes a profile file and returns its path.
func writeProfile(t *testing.T, o profiles.NewOptions, edits ...string) string {
	t.Helper()
	o.Rand = rand.Reader
	b, err := profiles.New(o)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(edits...).Replace(string(b))
	path := filepath.Join(t.TempDir(), "lab.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPlaceProfile(t *testing.T) {
	config, state := filepath.Join(t.TempDir(), "etc"), filepath.Join(t.TempDir(), "state")
	lab := writeProfile(t, profiles.NewOptions{Cluster: "lab", Boards: 4, Voters: 3})

	changed, err := PlaceProfile(config, state, lab)
	if err != nil || !changed {
		t.Fatalf("first: %v, %v", changed, err)
	}
	if info, err := os.Stat(ProfilePath(config)); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("placed as %v, %v; a secret is not for everybody", info, err)
	}
	if changed, err = PlaceProfile(config, state, lab); err != nil || changed {
		t.Errorf("the same again: changed %v, %v", changed, err)
	}

	// Before it belongs to a fleet a board may be given to another one.
	other := writeProfile(t, profiles.NewOptions{Cluster: "other", Boards: 3, Voters: 3})
	if changed, err = PlaceProfile(config, state, other); err != nil || !changed {
		t.Errorf("another fleet before founding: %v, %v", changed, err)
	}

	p, err := profiles.Load(lab)
	if err != nil {
		t.Fatal(err)
	}
	s, err := openStore(state)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	fleet := p.Fleet()
	if err := s.write("board.json", boardRecord{ID: "a", Life: "a1", Fleet: &fleet}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(ProfilePath(config))
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{
		`cluster "other"`:             other,
		`cluster "lab" with another `: writeProfile(t, profiles.NewOptions{Cluster: "lab", Boards: 4, Voters: 3}),
	} {
		var foreign *ForeignFleetError
		if _, err = PlaceProfile(config, state, file); !errors.As(err, &foreign) || !strings.Contains(err.Error(), `"lab"`) || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want a refusal that names lab and %s", err, name)
		}
	}
	if after, err := os.ReadFile(ProfilePath(config)); err != nil || string(after) != string(before) {
		t.Error("a refused profile was put in place")
	}
	if changed, err = PlaceProfile(config, state, lab); err != nil || !changed {
		t.Errorf("its own fleet: %v, %v", changed, err)
	}
}

func TestPlaceProfileBadTouchesNothing(t *testing.T) {
	config := filepath.Join(t.TempDir(), "etc")
	bad := writeProfile(t, profiles.NewOptions{Cluster: "lab"}, "mdns:", "mbns:")
	var problems profiles.Problems
	if _, err := PlaceProfile(config, t.TempDir(), bad); !errors.As(err, &problems) {
		t.Errorf("got %v, want the problems of the profile", err)
	}
	if _, err := os.Stat(config); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the config directory was touched: %v", err)
	}
}

func TestPlaceProfileTakesARelativeSecretAlong(t *testing.T) {
	config := filepath.Join(t.TempDir(), "etc")
	file := writeProfile(t, profiles.NewOptions{Cluster: "lab"})
	p, err := profiles.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(file)
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "secret"), []byte(p.Secret.Reveal()+"\n"), 0o600),
		os.WriteFile(file, []byte("cluster: lab\nsecret_file: secret\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := PlaceProfile(config, t.TempDir(), file); err != nil {
		t.Fatal(err)
	}
	placed, err := profiles.Load(ProfilePath(config))
	if err != nil || placed.Fleet() != p.Fleet() {
		t.Errorf("the placed profile: %v, %v", placed, err)
	}
}

func TestProfileFileIsReadWhenItComes(t *testing.T) {
	f := profileFile{path: filepath.Join(t.TempDir(), "profile.yaml")}
	now := time.Now()
	if f.load(now) || f.problem != "" {
		t.Errorf("no file: %q", f.problem)
	}
	if err := os.WriteFile(f.path, []byte("cluster: lab\nboards: many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f.load(now) || !strings.Contains(f.problem, "profile.yaml:2: boards:") {
		t.Errorf("a bad file: %q", f.problem)
	}
	good, err := os.ReadFile(writeProfile(t, profiles.NewOptions{Cluster: "lab"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if f.load(now.Add(time.Second)) {
		t.Error("it does not wait before it tries again")
	}
	if !f.load(now.Add(profileRetry)) || f.problem != "" || f.profile.Cluster != "lab" {
		t.Errorf("a good file: %q", f.problem)
	}
}

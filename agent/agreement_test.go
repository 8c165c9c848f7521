package agent

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"muster/bootstrap/founding"
)

// shareNowhere is a fleet without other boards.
type shareNowhere struct{}

func (shareNowhere) Send(string, []byte) error { return nil }
func (shareNowhere) SetShared([]byte)          {}

func unbound() error { return nil }

func openTestAgreement(t *testing.T, s *store) *agreement {
	t.Helper()
	g, err := openAgreement(s, founding.Terms{Cluster: "lab", Generation: 1, Boards: 1, Voters: 1},
		founding.Founder{Board: "a", Life: "a1", Name: "a", PeerURL: "https://10.0.0.1:2380"}, unbound, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestPromiseThatCannotBeWrittenIsNotGiven(t *testing.T) {
	s := newStore(t)
	g := openTestAgreement(t, s)
	g.setRefusal("")
	// Something that is not a file stands where the temporary file belongs.
	block := s.path("founding.json.tmp")
	if err := os.MkdirAll(filepath.Join(block, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := g.machine.Propose([]string{"a"})
	if r.Record == nil {
		t.Fatal("a proposal without a record proves nothing")
	}
	g.carryOut(shareNowhere{}, r)
	if got := g.machine.Record(); got.Promised != (founding.Ballot{}) || got.Chosen != nil {
		t.Errorf("the machine is ahead of its disk: %+v", got)
	}
	if g.failure == "" {
		t.Error("nobody can tell that the write failed")
	}

	if err := os.RemoveAll(block); err != nil {
		t.Fatal(err)
	}
	// A fleet of one needs nobody else: the messages to itself go through the
	// same writes.
	g.carryOut(shareNowhere{}, g.machine.Propose([]string{"a"}))
	if g.machine.Chosen() == nil {
		t.Fatal("with the disk back nothing was chosen")
	}
	again := openTestAgreement(t, s)
	if p := again.machine.Chosen(); p == nil || !p.Equal(*g.machine.Chosen()) {
		t.Errorf("after a restart the plan is %+v", p)
	}
}

func TestRefusalOutlivesAFailedWrite(t *testing.T) {
	g := openTestAgreement(t, newStore(t))
	g.setRefusal("its data directory is not empty")
	if err := g.rebuild(); err != nil {
		t.Fatal(err)
	}
	if got := g.machine.Status().Refusing; got != "its data directory is not empty" {
		t.Errorf("refuses %q", got)
	}
}

func TestDamagedFoundingRecordIsNotOverwritten(t *testing.T) {
	for name, content := range map[string]string{"half": `{"generation": 1, "rec`, "impossible": `{"generation":1,"record":{"accepted":{"ballot":{"counter":9,"board":"b","life":"b1"},"plan":{}}}}`} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			if err := os.WriteFile(s.path("founding.json"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			terms := founding.Terms{Cluster: "lab", Generation: 1, Boards: 1, Voters: 1}
			if _, err := openAgreement(s, terms, founding.Founder{Board: "a", Life: "a1"}, unbound, zerolog.Nop()); err == nil {
				t.Error("a record that cannot be read is taken for none: promises in it would be forgotten")
			}
			if b, err := os.ReadFile(s.path("founding.json")); err != nil || string(b) != content {
				t.Errorf("the record was touched: %q, %v", b, err)
			}
		})
	}
}

func TestRecordOnDiskKeepsItsGeneration(t *testing.T) {
	s := newStore(t)
	b, err := json.Marshal(foundingRecord{Generation: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("founding.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := openTestAgreement(t, s).machine.Terms().Generation; got != 3 {
		t.Errorf("generation %d, want 3", got)
	}
}

func TestNoPromiseBeforeTheFleetIsWrittenDown(t *testing.T) {
	g := openTestAgreement(t, newStore(t))
	g.bind = func() error { return errors.New("disk full") }
	g.carryOut(shareNowhere{}, g.machine.Propose([]string{"a"}))
	if g.machine.Chosen() != nil || g.machine.Record().Promised != (founding.Ballot{}) {
		t.Errorf("promised without it: %+v", g.machine.Record())
	}
	if _, err := os.Stat(g.store.path("founding.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a promise is on disk: %v", err)
	}
}

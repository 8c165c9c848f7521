package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"muster/integration/boards"
)

// What boards say of themselves, where the words matter.

// tells is all that a board says of how it is, in one text.
func tells(s status) string {
	b := s.Board
	return strings.Join(append([]string{b.Why, b.Hint, strings.Join(b.WaitsFor, ", ")}, b.Warnings...), "\n")
}

// tellsOf wants every board to say all of these, somewhere.
func tellsOf(words ...string) condition {
	return func(views []status) error {
		for _, s := range views {
			for _, word := range words {
				if !strings.Contains(tells(s), word) {
					return fmt.Errorf("want a board that says %q: %v: it says %q", word, s, tells(s))
				}
			}
		}
		return nil
	}
}

// tellsNotOf wants no board to say any of these.
func tellsNotOf(words ...string) condition {
	return func(views []status) error {
		for _, s := range views {
			for _, word := range words {
				if strings.Contains(tells(s), word) {
					return fmt.Errorf("want a board that does not say %q: %v: it says %q", word, s, tells(s))
				}
			}
		}
		return nil
	}
}

// waitsFor wants every board to name another one among those that it waits for.
func waitsFor(b *boards.Board) condition {
	return func(views []status) error {
		for _, s := range views {
			if !strings.Contains(strings.Join(s.Board.WaitsFor, " "), b.Hostname) {
				return fmt.Errorf("want it to wait for %s, it waits for %q: %v", b.Hostname, s.Board.WaitsFor, s)
			}
		}
		return nil
	}
}

// holdsIn wants every board to hold in a row.
func holdsIn(row string) condition {
	return all(inState(row), func(views []status) error {
		for _, s := range views {
			if !s.Board.Holding {
				return fmt.Errorf("want it to hold: %v", s)
			}
		}
		return nil
	})
}

// show prints what the owner would read on the boards at this moment, on those that have power.
func (f *fleet) show(moment string, on ...*boards.Board) {
	f.t.Helper()
	for _, b := range on {
		if !b.On() {
			continue
		}
		ctx, cancel := context.WithTimeout(f.t.Context(), callLimit)
		stdout, stderr, code := b.Run(ctx, "status")
		cancel()
		f.t.Logf("%s, `agent status` on %s says (exit %d):\n%s%s", moment, b.Hostname, code, stdout, stderr)
	}
}

func TestWordsCanFail(t *testing.T) {
	s := example(t, `"why": "so"`,
		`"why": "so", "waits_for": ["two"], "hint": "look", "holding": true, "warnings": ["a disk that is slow"]`)
	two, three := &boards.Board{Hostname: "two"}, &boards.Board{Hostname: "three"}
	for _, test := range []struct {
		name string
		want condition
		met  bool
	}{
		{"all of it", tellsOf("so", "look", "two", "slow"), true},
		{"not all of it", tellsOf("so", "quick"), false},
		{"nothing of it", tellsNotOf("quick", "three"), true},
		{"some of it", tellsNotOf("quick", "slow"), false},
		{"waits", waitsFor(two), true},
		{"waits for another one", waitsFor(three), false},
		{"holds", holdsIn("restart"), true},
		{"holds elsewhere", holdsIn("damaged"), false},
	} {
		if err := test.want([]status{s}); (err == nil) != test.met {
			t.Errorf("%s: %v, want it met: %v", test.name, err, test.met)
		}
	}
	if holdsIn("restart")([]status{example(t)}) == nil {
		t.Error("a board that goes on is taken for one that holds")
	}
}

package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The writer decides whether the other tests pass, so it must be able to say no.
func TestWriterFindsWhatIsLost(t *testing.T) {
	f := newFleet(t, 1)
	_, cast := f.found(profile{cluster: "alone", boards: 1, voters: 1})
	w := f.write(cast.voters...)
	f.Board(1).PowerCut()
	f.eventually("a write that fails", func(context.Context) error {
		if w.Failed() == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	f.start(f.Board(1))
	more := w.Acknowledged() + 20
	f.eventually("writes after the power cut", func(context.Context) error { return atLeast(w, more) })
	w.Halt()
	if result, err := w.check(); err != nil || result.Failed() == 0 || result.Acked < more || result.Gap <= 0 {
		t.Errorf("%v, %v; want failed and acknowledged writes, and none lost", result, err)
	}

	w.Record(w.Prefix+"never", "written", nil)
	if result, err := w.check(); err == nil || !strings.Contains(err.Error(), "1 acknowledged writes are lost: "+w.Prefix+"never=written") {
		t.Errorf("%v, %v; want the one write that was never done", result, err)
	}
}

func atLeast(w *writer, n int) error {
	if got := w.Acknowledged(); got < n {
		return fmt.Errorf("%d puts acknowledged, want %d", got, n)
	}
	return nil
}

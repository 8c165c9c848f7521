package etcd

import (
	"fmt"
	"os"
	"syscall"
)

// Exit codes of the child. They are far from 1 and 2, which the Go runtime and
// command lines use.
const (
	CodeOrdered    = 0  // stopped by order: signal, or end of its standard input
	CodeFatal      = 70 // etcd logged at level fatal: disk full, log cannot be opened
	CodePanic      = 71 // etcd logged at level panic, or panicked while starting
	CodeStartError = 72 // the start returned an error: port busy, log damaged, refused by peers
	CodeStopped    = 73 // the server stopped without an order: its member was removed
	CodeForeignIDs = 74 // member or cluster ID differ from those that were computed
	CodeDiverged   = 75 // its data differs from its peers' at the same revision
)

// ExitKind says how a child died.
type ExitKind int

// The kinds of death. The zero value means that it is not known.
const (
	ExitUnknown    ExitKind = iota
	ExitOrdered             // CodeOrdered, or SIGTERM by our own order before the child listened to it
	ExitFatal               // CodeFatal
	ExitPanic               // CodePanic, or a panic or fault that the Go runtime reported
	ExitStartError          // CodeStartError
	ExitStopped             // CodeStopped
	ExitForeignIDs          // CodeForeignIDs
	ExitDiverged            // CodeDiverged: a silent fault of the disk, or a fork of the data
	ExitKilled              // by a signal: SIGKILL, out of memory
	ExitOther               // any other code: what ran was probably not the child
)

// String is a short name for logs and status.
func (k ExitKind) String() string {
	switch k {
	case ExitOrdered:
		return "ordered"
	case ExitFatal:
		return "fatal"
	case ExitPanic:
		return "panic"
	case ExitStartError:
		return "start-error"
	case ExitStopped:
		return "stopped-itself"
	case ExitForeignIDs:
		return "foreign-ids"
	case ExitDiverged:
		return "diverged"
	case ExitKilled:
		return "killed"
	case ExitOther:
		return "other"
	default:
		return "unknown"
	}
}

// Exit is how a child ended.
type Exit struct {
	Kind ExitKind
	// Code is the exit code, -1 after a signal.
	Code int
	// Signal is the name of the signal that ended the child, if one did.
	Signal string
	// LastWords is what etcd said about its end, at most some hundred bytes of
	// one line; empty if it said nothing, or ended by order.
	LastWords string
}

// String is one line for logs and status.
func (e Exit) String() string {
	s := e.Kind.String()
	switch {
	case e.Signal != "":
		s += " by " + e.Signal
	case e.Kind == ExitOther:
		s += fmt.Sprintf(" (exit code %d)", e.Code)
	}
	if e.LastWords != "" {
		s += ": " + e.LastWords
	}
	return s
}

// exitOf classifies the end of a process. ordered says that we asked for it;
// words are its last ones, and crashed that they are a report of the Go runtime.
func exitOf(state *os.ProcessState, ordered, crashed bool, words string) Exit {
	if state == nil {
		return Exit{Code: -1, LastWords: words}
	}
	e := Exit{Code: state.ExitCode(), LastWords: words}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		e.Kind, e.Signal = ExitKilled, ws.Signal().String()
		// The order can arrive before the child has installed its handler.
		if ordered && ws.Signal() == syscall.SIGTERM {
			e.Kind, e.LastWords = ExitOrdered, ""
		}
		return e
	}
	switch {
	case e.Code == CodeOrdered:
		e.Kind, e.LastWords = ExitOrdered, ""
	case e.Code == CodeFatal:
		e.Kind = ExitFatal
	case e.Code == CodePanic, e.Code == 2 && crashed:
		e.Kind = ExitPanic
	case e.Code == CodeStartError:
		e.Kind = ExitStartError
	case e.Code == CodeStopped:
		e.Kind = ExitStopped
	case e.Code == CodeForeignIDs:
		e.Kind = ExitForeignIDs
	case e.Code == CodeDiverged:
		e.Kind = ExitDiverged
	default:
		e.Kind = ExitOther
	}
	return e
}

package etcd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"
)

// maxLine is the longest line, in bytes, that is taken from a child; the rest of
// a longer one is dropped.
const maxLine = 64 << 10

// maxWords is the longest of last words, in bytes.
const maxWords = 500

// phase is what a child is in the middle of.
type phase int

const (
	starting phase = iota
	serving
	ending // by order
)

// relay passes a child's log lines on to the parent's logger, and remembers the
// last words.
type relay struct {
	log zerolog.Logger

	mu      sync.Mutex
	phase   phase
	words   string // the last line at level warn or above
	verdict string // what the child or the Go runtime said about its end
	crashed bool   // verdict is the Go runtime's
}

func newRelay(log zerolog.Logger) *relay { return &relay{log: log} }

// childLevel is what a child must write so that log shows what it would: see
// shown.
func childLevel(log zerolog.Logger) string {
	if max(log.GetLevel(), zerolog.GlobalLevel()) <= zerolog.DebugLevel {
		return zerolog.InfoLevel.String()
	}
	return zerolog.WarnLevel.String()
}

// line takes one line of standard error: etcd's, as written by bridge, or plain
// text, which is the Go runtime's report of a crash.
func (r *relay) line(b []byte) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return
	}
	fields := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber() // IDs and revisions have more digits than a float64
	if err := dec.Decode(&fields); err != nil {
		r.text(string(b))
		return
	}
	name, _ := fields[zerolog.LevelFieldName].(string)
	level, err := zerolog.ParseLevel(name)
	if err != nil || name == "" {
		level = zerolog.InfoLevel
	}
	text, _ := fields[zerolog.MessageFieldName].(string)
	delete(fields, zerolog.LevelFieldName)
	delete(fields, zerolog.MessageFieldName)
	delete(fields, zerolog.TimestampFieldName)

	r.mu.Lock()
	if level >= zerolog.WarnLevel && !contains(alwaysNoise, text) {
		r.words = withError(text, fields)
	}
	phase := r.phase
	r.mu.Unlock()
	r.log.WithLevel(shown(level, text, phase)).Fields(fields).Msg(text)
}

// text passes plain text on. The first line of a crash tells the most: the
// stacks follow.
func (r *relay) text(s string) {
	r.mu.Lock()
	crash := strings.HasPrefix(s, "panic:") || strings.HasPrefix(s, "fatal error:") ||
		strings.HasPrefix(s, "unexpected fault address") || strings.HasPrefix(s, "SIG")
	if crash && r.verdict == "" {
		r.verdict, r.crashed = s, true
	}
	level := zerolog.DebugLevel
	if crash {
		level = zerolog.ErrorLevel
	}
	if !r.crashed {
		// Not etcd and not a crash: a loader's error, a wrong command.
		level = zerolog.WarnLevel
		r.words = s
	}
	r.mu.Unlock()
	r.log.WithLevel(level).Msg(s)
}

// final takes the child's own account of its end; an ordered one has none.
func (r *relay) final(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if why != "" && r.verdict == "" {
		r.verdict = why
	}
}

// enter says that the child has come to p; it never goes back.
func (r *relay) enter(p phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase = max(r.phase, p)
}

func (r *relay) lastWords() (words string, crashed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	words = r.words
	if r.verdict != "" {
		words = r.verdict
	}
	if len(words) > maxWords {
		words = strings.ToValidUTF8(words[:maxWords], "") + "…"
	}
	return words, r.crashed
}

// shown is the level at which the parent shows a line of etcd. An owner does
// not want the eighty lines of a start, so info becomes debug, and so do
// warnings that say nothing of a fault. In an ordered stop all of them do: the
// connections to peers are cut one by one.
func shown(level zerolog.Level, text string, p phase) zerolog.Level {
	switch {
	case level == zerolog.InfoLevel:
		return zerolog.DebugLevel
	case level == zerolog.WarnLevel && p == ending,
		level <= zerolog.ErrorLevel && contains(alwaysNoise, text),
		level == zerolog.WarnLevel && p == starting && contains(startNoise, text):
		return min(level, zerolog.DebugLevel)
	case level > zerolog.ErrorLevel && level < zerolog.NoLevel:
		// Fatal and panic are the child's end, not ours.
		return zerolog.ErrorLevel
	default:
		return level
	}
}

// alwaysNoise are warnings and errors of etcd v3.7.3 that no owner can act on.
// That a peer is lost stays, as "peer became inactive", once.
var alwaysNoise = []string{
	// Of our settings: clients and health checks share a port, no one uses JWT.
	"Running http and grpc server on single port",
	"simple token is not cryptographically signed",
	// A new database has no version until the first snapshot (version/monitor.go
	// tries every 4 s).
	"Failed to detect schema version",
	"failed to update storage version",
	// One for each stream of a lost peer, and for each dial of it to us.
	"lost TCP streaming connection",
	"closed TCP streaming connection",
	"failed to find remote peer in cluster",
	// A read that had to wait for an election; that there was one is seen.
	"request stats",
	"waiting for ReadIndex response took too long",
	"ignored out-of-date read index response",
	// For each peer that is off, as long as it is off.
	"prober detected unhealthy status",
}

// startNoise are warnings about peers that are not there yet.
var startNoise = []string{
	"failed to get cluster response",
	"failed to reach the peer URL",
	"failed to get version",
	"failed hash kv request",
	"cannot fetch hash from",
	"failed to check hash",
	"peer became inactive",
	"rejected connection",
}

func contains(known []string, text string) bool {
	return slices.ContainsFunc(known, func(k string) bool { return strings.Contains(text, k) })
}

func withError(text string, fields map[string]any) string {
	if e, ok := fields["error"].(string); ok && e != "" {
		return text + ": " + e
	}
	return text
}

// lines calls f with each line of r, cut at maxLine, until r ends. It never
// stops reading before: a full pipe would stop the writer.
func lines(r io.Reader, f func([]byte)) {
	br := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := br.ReadSlice('\n')
		cut := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = br.ReadSlice('\n')
		}
		f(cut)
		if err != nil {
			return
		}
	}
}

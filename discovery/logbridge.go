package discovery

import (
	"bytes"
	"log"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	linesPerWindow = 3
	logWindow      = time.Minute
	maxKinds       = 256
)

// logBridge brings the lines of libraries that write with the standard logger
// into ours: level from the [WARN] prefix, and at most linesPerWindow lines of a
// kind in logWindow. A kind is a text without its numbers, names and addresses.
type logBridge struct {
	log    zerolog.Logger
	now    func() time.Time
	reject func(netip.Addr, string)

	mu    sync.Mutex
	kinds map[string]*logKind
}

type logKind struct {
	since      time.Time
	lines      int
	suppressed int
}

func newLogBridge(log zerolog.Logger, reject func(netip.Addr, string)) *logBridge {
	return &logBridge{log: log, now: time.Now, reject: reject, kinds: make(map[string]*logKind)}
}

func (b *logBridge) logger() *log.Logger { return log.New(b, "", 0) }

var (
	fromPattern = regexp.MustCompile(`from=(\S+)`)
	// Anything with a digit in it (address, port, count, board ID) and anything quoted.
	variablePattern = regexp.MustCompile(`"[^"]*"|'[^']*'|\S*[0-9]\S*`)
)

// Write takes one line of a standard logger.
func (b *logBridge) Write(p []byte) (int, error) {
	level, text := splitLevel(string(bytes.TrimSpace(p)))
	if why := refusal(text); why != "" {
		if m := fromPattern.FindStringSubmatch(text); m != nil {
			if at, err := netip.ParseAddrPort(m[1]); err == nil {
				b.reject(at.Addr(), why)
			}
		}
		// The book of rejections has made its own line of it already.
		level = zerolog.DebugLevel
	}
	// Every restart within the memory of the others begins with it.
	if strings.Contains(text, "Refuting an alive message") {
		level = zerolog.DebugLevel
	}
	b.line(level, text)
	return len(p), nil
}

// line writes a line unless there were too many of its kind.
func (b *logBridge) line(level zerolog.Level, text string) {
	ok, suppressed := b.allow(variablePattern.ReplaceAllString(text, "#"))
	if suppressed > 0 {
		b.log.WithLevel(level).Int("suppressed", suppressed).Str("like", printable(text, 200)).Msg("lines suppressed")
	}
	if ok {
		b.log.WithLevel(level).Msg(printable(text, 400))
	}
}

// allow counts a line of a kind; suppressed is how many of the last window were kept back.
func (b *logBridge) allow(kind string) (ok bool, suppressed int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	k := b.kinds[kind]
	if k == nil {
		if len(b.kinds) >= maxKinds {
			kind = "" // the kind of everything that is too much
			k = b.kinds[kind]
		}
		if k == nil {
			k = &logKind{since: now}
			b.kinds[kind] = k
		}
	}
	if now.Sub(k.since) >= logWindow {
		suppressed = k.suppressed
		*k = logKind{since: now}
	}
	if k.lines >= linesPerWindow {
		k.suppressed++
		return false, suppressed
	}
	k.lines++
	return true, suppressed
}

// refusal recognises the lines of memberlist v0.7.0 which say that a sender has another key.
func refusal(text string) string {
	if strings.Contains(text, "no installed keys could decrypt") {
		return AnotherSecret
	}
	return ""
}

func splitLevel(line string) (zerolog.Level, string) {
	for prefix, level := range map[string]zerolog.Level{
		"[DEBUG]": zerolog.DebugLevel,
		"[INFO]":  zerolog.DebugLevel,
		"[WARN]":  zerolog.WarnLevel,
		"[ERR]":   zerolog.ErrorLevel,
		"[ERROR]": zerolog.ErrorLevel,
	} {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return level, strings.TrimSpace(rest)
		}
	}
	return zerolog.DebugLevel, line
}

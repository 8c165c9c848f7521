package main

import (
	"bytes"
	"io"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// newLog returns the logger of the daemon, which writes to stderr in the form
// that --log-format asks for.
func (a *app) newLog() zerolog.Logger {
	level, err := zerolog.ParseLevel(a.global.logLevel)
	if err != nil {
		level = zerolog.InfoLevel // the flag accepts nothing that zerolog does not know
	}
	switch {
	case a.global.logFormat == "json":
		return zerolog.New(a.stderr).Level(level).Hook(stamp{})
	case a.global.logFormat == "auto" && a.underJournal():
		return zerolog.New(newJournalWriter(a.stderr)).Level(level)
	default:
		w := zerolog.ConsoleWriter{Out: a.stderr, NoColor: !a.colour(a.stderr), TimeFormat: "15:04:05.000"}
		return zerolog.New(w).Level(level).Hook(stamp{})
	}
}

// stamp adds the time in milliseconds: zerolog's own has whole seconds unless a
// global of it is changed, and a founding is over in one.
type stamp struct{}

func (stamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, time.Now().Format("2006-01-02T15:04:05.000Z07:00"))
}

// journalWriter writes "<N>message key=value", which journald takes apart into
// priority and text. Its native protocol would keep the fields out of sight of
// a plain journalctl. No time: journald has its own.
type journalWriter struct {
	out     io.Writer
	console zerolog.ConsoleWriter // a pattern: each line is rendered into a buffer of its own
}

func newJournalWriter(out io.Writer) *journalWriter {
	console := zerolog.ConsoleWriter{NoColor: true, PartsOrder: []string{zerolog.MessageFieldName}}
	console.FieldsExclude = []string{zerolog.TimestampFieldName}
	console.FormatMessage = func(v any) string {
		s, _ := v.(string)
		// A second line would lose its priority.
		return strings.ReplaceAll(s, "\n", `\n`)
	}
	return &journalWriter{out: out, console: console}
}

func (w *journalWriter) Write(p []byte) (int, error) { return w.WriteLevel(zerolog.NoLevel, p) }

func (w *journalWriter) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	line := bytes.NewBufferString(journalPriority(level))
	console := w.console
	console.Out = line
	if _, err := console.Write(p); err != nil {
		return 0, err
	}
	if _, err := w.out.Write(line.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// journalPriority maps levels to the syslog priorities of sd-daemon(3). Panic
// is critical, not emergency: journald may put that on every terminal.
func journalPriority(level zerolog.Level) string {
	switch level {
	case zerolog.TraceLevel, zerolog.DebugLevel:
		return "<7>"
	case zerolog.InfoLevel:
		return "<6>"
	case zerolog.WarnLevel:
		return "<4>"
	case zerolog.ErrorLevel:
		return "<3>"
	case zerolog.FatalLevel, zerolog.PanicLevel:
		return "<2>"
	default:
		return "<5>"
	}
}

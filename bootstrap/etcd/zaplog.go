package etcd

import (
	"io"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// bridge is a zapcore.Core that writes through zerolog. It never ends the
// process; zap's hooks do that afterwards.
type bridge struct {
	log    zerolog.Logger
	fields []zapcore.Field
}

var _ zapcore.Core = bridge{}

// newZap is etcd's logger in the child: one JSON line per entry on w, with the
// given hook after an entry at level fatal or panic. The hook must not return.
func newZap(w io.Writer, level zerolog.Level, fatal, panics zapcore.CheckWriteHook) *zap.Logger {
	core := zapcore.Core(bridge{log: zerolog.New(zerolog.SyncWriter(w)).Level(level)})
	// A member of another cluster makes etcd write more than 80 lines a second
	// as long as it lives: five of a kind in ten seconds are enough.
	core = zapcore.NewSamplerWithOptions(core, 10*time.Second, 5, 1000)
	return zap.New(core, zap.WithFatalHook(fatal), zap.WithPanicHook(panics))
}

func (b bridge) Enabled(l zapcore.Level) bool {
	return zeroLevel(l) >= max(b.log.GetLevel(), zerolog.GlobalLevel())
}

func (b bridge) With(fields []zapcore.Field) zapcore.Core {
	b.fields = append(b.fields[:len(b.fields):len(b.fields)], fields...)
	return b
}

func (b bridge) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(e.Level) {
		return ce.AddCore(e, b)
	}
	return ce
}

func (b bridge) Write(e zapcore.Entry, fields []zapcore.Field) error {
	m := zapcore.NewMapObjectEncoder()
	for _, f := range b.fields {
		f.AddTo(m)
	}
	for _, f := range fields {
		f.AddTo(m)
	}
	// These three are the line's own; a field of the same name would hide them.
	for _, k := range []string{zerolog.LevelFieldName, zerolog.MessageFieldName, loggerField} {
		if v, taken := m.Fields[k]; taken {
			delete(m.Fields, k)
			m.Fields["etcd-"+k] = v
		}
	}
	// WithLevel writes at any level but, unlike Fatal and Panic, then returns.
	line := b.log.WithLevel(zeroLevel(e.Level))
	if e.LoggerName != "" {
		line = line.Str(loggerField, e.LoggerName)
	}
	line.Fields(m.Fields).Msg(e.Message)
	return nil
}

func (bridge) Sync() error { return nil }

const loggerField = "logger"

func zeroLevel(l zapcore.Level) zerolog.Level {
	switch l {
	case zapcore.DebugLevel:
		return zerolog.DebugLevel
	case zapcore.InfoLevel:
		return zerolog.InfoLevel
	case zapcore.WarnLevel:
		return zerolog.WarnLevel
	case zapcore.ErrorLevel:
		return zerolog.ErrorLevel
	case zapcore.DPanicLevel, zapcore.PanicLevel:
		return zerolog.PanicLevel
	case zapcore.FatalLevel:
		return zerolog.FatalLevel
	default:
		return zerolog.TraceLevel
	}
}

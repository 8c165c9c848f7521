package etcd

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// hooked counts the entries after which a process would end.
type hooked struct{ n int }

func (h *hooked) OnWrite(*zapcore.CheckedEntry, []zapcore.Field) { h.n++ }

func TestBridge(t *testing.T) {
	var b bytes.Buffer
	var fatal, panics hooked
	lg := newZap(&b, zerolog.InfoLevel, &fatal, &panics)
	lg.Named("raft").With(zap.String("local-member-id", "18e5cb4824a28f0d")).Warn("slow fdatasync",
		zap.Duration("took", 1500*time.Millisecond), zap.Uint64("index", 1<<63+1),
		zap.Error(errors.New("disk")), zap.Strings("peers", []string{"a", "b"}), zap.String("level", "7"))
	for k, want := range map[string]any{
		"level": "warn", "message": "slow fdatasync", "logger": "raft", "local-member-id": "18e5cb4824a28f0d",
		"took": json.Number("1500"), "index": json.Number("9223372036854775809"), "error": "disk", "etcd-level": "7",
	} {
		if got := decoded(t, b.Bytes())[k]; got != want {
			t.Errorf("%s is %v, want %v", k, got, want)
		}
	}
	b.Reset()
	lg.Debug("not shown")
	if b.Len() > 0 {
		t.Errorf("below the level: %s", &b)
	}
	lg.Fatal("disk full")
	lg.Panic("bad page")
	if fatal.n != 1 || panics.n != 1 {
		t.Errorf("hooks were called %d and %d times", fatal.n, panics.n)
	}
	if !strings.Contains(b.String(), `"level":"fatal"`) || !strings.Contains(b.String(), `"level":"panic"`) {
		t.Errorf("levels of the end: %s", &b)
	}
	b.Reset()
	for range 500 {
		lg.Warn("request cluster ID mismatch")
	}
	if n := strings.Count(b.String(), "\n"); n != 5 {
		t.Errorf("%d of 500 equal lines are shown, want 5", n)
	}
}

func decoded(t *testing.T, b []byte) map[string]any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	m := map[string]any{}
	if err := dec.Decode(&m); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return m
}

func TestLastLine(t *testing.T) {
	var out bytes.Buffer
	codes := make(chan int, 1)
	lg := newZap(&bytes.Buffer{}, zerolog.InfoLevel,
		lastLine{&reporter{out: &out}, func(c int) { codes <- c }, CodeFatal}, &hooked{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		lg.Fatal("failed to save", zap.Error(errors.New("no space left")))
		t.Error("the goroutine went on")
	}()
	<-done
	if code := <-codes; code != CodeFatal {
		t.Errorf("code %d", code)
	}
	if want := `"why":"failed to save: no space left"`; !strings.Contains(out.String(), want) {
		t.Errorf("told the parent %s, want %s", &out, want)
	}
}

func TestRelay(t *testing.T) {
	for _, row := range []struct {
		name, line         string
		phase              phase
		level, text, words string
		crashed            bool
	}{
		{"chatter", `{"level":"info","message":"hello","n":1}`, serving, "debug", "hello", "", false},
		{"warning", `{"level":"warn","message":"slow","error":"disk"}`, serving, "warn", "slow", "slow: disk", false},
		{"peer in the start", `{"level":"warn","message":"peer became inactive"}`, starting, "debug", "became", "peer became inactive", false},
		{"peer later", `{"level":"warn","message":"peer became inactive"}`, serving, "warn", "became", "peer became inactive", false},
		{"peer in the end", `{"level":"warn","message":"peer became inactive"}`, ending, "debug", "became", "peer became inactive", false},
		{"error in the end", `{"level":"error","message":"disk"}`, ending, "error", "disk", "disk", false},
		{"probe later", `{"level":"warn","message":"prober detected unhealthy status"}`, serving, "debug", "prober detected", "", false},
		{"fatal is the child's end", `{"level":"fatal","message":"disk full"}`, serving, "error", "disk full", "disk full", false},
		{"crash", "panic: assertion failed", serving, "error", "panic: assertion failed", "panic: assertion failed", true},
		{"crash of the runtime", "fatal error: out of memory", serving, "error", "out of memory", "fatal error: out of memory", true},
		{"other text", "exec: no such file", serving, "warn", "no such file", "exec: no such file", false},
		{"a number", "17", serving, "warn", "17", "17", false},
		{"null", "null", serving, "debug", "", "", false},
		{"long", "panic: " + strings.Repeat("é", 600), serving, "error", "panic: ", "panic: " + strings.Repeat("é", 246) + "…", true},
	} {
		var b bytes.Buffer
		r := newRelay(zerolog.New(&b))
		r.enter(row.phase)
		r.line([]byte(row.line + "\n"))
		r.line([]byte("  \n"))
		m := decoded(t, b.Bytes())
		text, _ := m["message"].(string)
		if m["level"] != row.level || !strings.Contains(text, row.text) {
			t.Errorf("%s: logged %s", row.name, &b)
		}
		if words, crashed := r.lastWords(); words != row.words || crashed != row.crashed {
			t.Errorf("%s: last words %q, crashed %v", row.name, words, crashed)
		}
	}
}

// TestLastWords: the child's account of its end, or the first line of a crash,
// wins over later chatter.
func TestLastWords(t *testing.T) {
	r := newRelay(zerolog.Nop())
	r.line([]byte("panic: first"))
	r.line([]byte("goroutine 1 [running]:"))
	r.line([]byte(`{"level":"error","message":"another goroutine"}`))
	if words, _ := r.lastWords(); words != "panic: first" {
		t.Errorf("after a crash: %q", words)
	}
	r = newRelay(zerolog.Nop())
	r.line([]byte(`{"level":"error","message":"cause"}`))
	r.final("")
	if words, _ := r.lastWords(); words != "cause" {
		t.Errorf("without an account: %q", words)
	}
	r.final("account")
	if words, _ := r.lastWords(); words != "account" {
		t.Errorf("with an account: %q", words)
	}
}

func TestLines(t *testing.T) {
	var got []string
	long := strings.Repeat("x", 3*maxLine)
	lines(strings.NewReader("one\n"+long+"\ntwo\nrest"), func(b []byte) { got = append(got, strings.TrimSpace(string(b))) })
	if len(got) != 4 || got[0] != "one" || len(got[1]) != maxLine || got[2] != "two" || got[3] != "rest" {
		t.Errorf("%d lines", len(got))
	}
}

func TestChildLevel(t *testing.T) {
	for level, want := range map[zerolog.Level]string{
		zerolog.TraceLevel: "info", zerolog.DebugLevel: "info", zerolog.InfoLevel: "warn", zerolog.ErrorLevel: "warn",
	} {
		if got := childLevel(zerolog.Nop().Level(level)); got != want {
			t.Errorf("%v: child writes from %s, want %s", level, got, want)
		}
	}
}

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"muster/agent"
)

// fakeVariable makes this test binary a stand-in for the agent. Its value is
// "real" for the real command line, else it marks the processes of one test.
const fakeVariable = "FAKE_AGENT"

// fakeMain is the stand-in: a demo is real, its boards are not.
func fakeMain(args []string) int {
	switch {
	case os.Getenv(fakeVariable) == "real" || args[0] == "demo":
		return newApp(os.Environ(), os.Stdin, os.Stdout, os.Stderr).run(context.Background(), args)
	case args[0] == "etcd": // lives as long as its agent, and longer than an order to stop
		signal.Ignore(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, os.Stdin)
		return 0
	case args[0] == "join":
		return fakeBoard(args)
	default:
		return fakeEtcdctl(args)
	}
}

func flagValue(args []string, name string) string {
	return args[slices.Index(args, name)+1]
}

// fakeBoard answers as a board of a fleet of four that was founded at once. It
// has a child, as an agent with etcd has.
func fakeBoard(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if os.Getenv("FAKE_BOARDS") == "crash" && flagValue(args, "--name") == "board-2" {
		fmt.Println("the card is damaged")
		return 7
	}
	child := exec.Command(os.Args[0], "etcd")
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := child.StdinPipe()
	if err != nil || child.Start() != nil {
		return 1
	}
	l, err := listenAgain(agent.SocketPath(flagValue(args, "--run-dir")))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := fakeAgent{status: []agent.Status{fakeStatus(args)}}
		f.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(l) }()
	ended, end := context.WithCancel(ctx)
	go func() { drain(ended, os.Stdin); end() }()
	<-ended.Done()
	_ = server.Close()
	if os.Getenv("FAKE_BOARDS") == "orphans" {
		return 0 // and the child is left behind, as by a crash
	}
	_ = pipe.Close()
	_ = child.Wait()
	return 0
}

// listenAgain takes over the socket that a killed process left.
func listenAgain(path string) (net.Listener, error) {
	_ = os.Remove(path)
	return net.Listen("unix", path)
}

func fakeStatus(args []string) agent.Status {
	s := healthy()
	s.Board.Name, s.Board.Address = flagValue(args, "--name"), new(flagValue(args, "--address"))
	if s.Board.Name == "board-4" {
		s.Board.Role, s.Board.State = "standby", "join/standby"
	}
	// Board 1 leads while it is on, then board 2.
	s.Cluster.Leader = new("board-2")
	if c, err := net.Dial("unix", agent.SocketPath(filepath.Join(flagValue(args, "--run-dir"), "../../board-1/run"))); err == nil {
		_ = c.Close()
		s.Cluster.Leader = new("board-1")
	}
	if os.Getenv("FAKE_BOARDS") == "waiting" {
		s = founding()
	}
	return s
}

// fakeEtcdctl keeps one value in a file of the demo's folder.
func fakeEtcdctl(args []string) int {
	file := filepath.Join(flagValue(args, "--run-dir"), "../../value")
	if i := slices.Index(args, "put"); i >= 0 {
		if os.WriteFile(file, []byte(args[i+2]), 0o600) != nil {
			return 1
		}
		return 0
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return 1
	}
	fmt.Println(string(data))
	return 0
}

// marked are the living processes that carry the mark of a test.
func marked(mark string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil && slices.Contains(strings.Split(string(data), "\x00"), fakeVariable+"="+mark) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// untilLine reads until a line holds the text; it returns what was read.
func untilLine(r *bufio.Reader, text string) (string, error) {
	var all strings.Builder
	for {
		line, err := r.ReadString('\n')
		all.WriteString(line)
		if err != nil || strings.Contains(line, text) {
			return all.String(), err
		}
	}
}

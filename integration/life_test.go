package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"muster/integration/atonce"
	"muster/integration/boards"
)

// What the scenarios of a board's later life have in common.

const (
	// longEnv asks for the variants that take minutes too.
	longEnv = "MUSTER_LONG"

	// replaceAfter is the shortest heal.replace_after that a profile takes.
	replaceAfter = 10 * time.Second
	// untilReplaced is how long a lost voter's seat may stay empty: the fleet must have been steady, too.
	untilReplaced = 2*replaceAfter + 2*patience
)

// long skips a variant that the short form of CI leaves out.
func long(t *testing.T) {
	t.Helper()
	if !longRun() {
		t.Skipf("it takes long and shows a variant; %s=1 turns it on", longEnv)
	}
}

// vouching is how long a member that was off waits for boards that may know more of its disk than it does.
const vouching = time.Minute

func longRun() bool { return os.Getenv(longEnv) != "" }

// cast says which board of a fleet plays which part.
type cast struct {
	voters, standbys []*boards.Board
	leader           *boards.Board
	followers        []*boards.Board // the voters without the leader
}

// castOf reads it from what the boards say.
func castOf(on []*boards.Board, views []status) cast {
	var c cast
	for i, s := range views {
		switch s.Board.Role {
		case "voter":
			c.voters = append(c.voters, on[i])
			if s.Board.Name == deref(s.Cluster.Leader) {
				c.leader = on[i]
			} else {
				c.followers = append(c.followers, on[i])
			}
		case "standby":
			c.standbys = append(c.standbys, on[i])
		}
	}
	return c
}

// found founds a fleet on all boards, or on those given, and says what came of it. A secret and seeds are made up if
// the profile has none.
func (f *fleet) found(p profile, on ...*boards.Board) (profile, cast) {
	f.t.Helper()
	if len(on) == 0 {
		on = f.Boards()
	}
	if p.secret == "" {
		p.secret = f.newSecret()
	}
	if p.seeds == nil {
		p.seeds = []string{on[0].Address()}
	}
	f.join(p.yaml(), on...)
	c := f.castWhen("founded", on, settled(p.voters, len(on)-p.voters))
	f.eventually("and the command line says so", func(ctx context.Context) error {
		said, err := atonce.Ask(on, func(b *boards.Board) (status, error) { return printed(ctx, b) })
		if err != nil {
			return err
		}
		return settled(p.voters, len(on)-p.voters)(said)
	})
	return p, c
}

// castWhen waits for the condition and for a leader that every board knows, and says who is who.
func (f *fleet) castWhen(what string, on []*boards.Board, met condition) cast {
	f.t.Helper()
	return castOf(on, f.await(what, on, all(met, func(views []status) error {
		for _, s := range views {
			if deref(s.Cluster.Leader) == "" || deref(s.Cluster.Leader) != deref(views[0].Cluster.Leader) {
				return fmt.Errorf("leader %q on %s, %q on %s", deref(s.Cluster.Leader), s.Board.Name,
					deref(views[0].Cluster.Leader), views[0].Board.Name)
			}
		}
		return nil
	})))
}

// list is the member list, of a cluster that has a quorum.
func (f *fleet) list(via *boards.Board) listed {
	f.t.Helper()
	return f.awaitList("member list", via, func(listed) error { return nil })
}

// without returns the boards but those.
func without(on []*boards.Board, not ...*boards.Board) []*boards.Board {
	var rest []*boards.Board
	for _, b := range on {
		if !contains(not, b) {
			rest = append(rest, b)
		}
	}
	return rest
}

func contains(on []*boards.Board, b *boards.Board) bool {
	for _, other := range on {
		if other == b {
			return true
		}
	}
	return false
}

// rejoin gives running boards another profile: their agents end in order and start again.
func (f *fleet) rejoin(p profile, on ...*boards.Board) {
	f.t.Helper()
	for _, b := range on {
		f.stopAgent(b)
		f.join(p.yaml(), b)
	}
}

// stopAgent ends the agent of a board by SIGTERM and waits until nothing is left of it.
func (f *fleet) stopAgent(b *boards.Board) {
	f.t.Helper()
	f.signalAgent(b, syscall.SIGTERM)
	f.eventually(fmt.Sprintf("the agent of board %d ends", b.Index), func(context.Context) error {
		for _, line := range b.Processes() {
			if strings.Contains(line, "agent") {
				return fmt.Errorf("still there: %v", b.Processes())
			}
		}
		return nil
	})
}

// killAgent ends the agent of a board by SIGKILL, if one runs. Its etcd ends when it notices that.
func (f *fleet) killAgent(b *boards.Board) {
	f.t.Helper()
	f.signalAgent(b, syscall.SIGKILL)
}

func (f *fleet) signalAgent(b *boards.Board, s syscall.Signal) {
	f.t.Helper()
	for pid, line := range b.Processes() {
		if !strings.Contains(line, "agent join ") && !strings.HasSuffix(line, "agent run") || strings.Contains(line, "nsenter") {
			continue
		}
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			f.t.Fatal(err)
		}
	}
}

// vanish takes a board from the fleet as a dead power supply does: nothing answers for it any more.
func vanish(b *boards.Board) {
	b.Unplug()
	b.PowerCut()
}

// returns undoes vanish.
func (f *fleet) returns(on ...*boards.Board) {
	f.t.Helper()
	for _, b := range on {
		b.Plug()
		f.start(b)
	}
}

// archived are the names of what a board has set aside.
func archived(b *boards.Board) []string { return b.List(stateDir + "archive") }

// mustHaveSetAside wants one data directory more in the archive than before, under the row that was the reason.
func (f *fleet) mustHaveSetAside(b *boards.Board, before int, row string) {
	f.t.Helper()
	names := archived(b)
	row = strings.ReplaceAll(row, "/", "-")
	if len(names) != before+1 || !strings.Contains(strings.Join(names, " "), row) {
		f.t.Errorf("board %d has set aside %q, had %d before; want one more for %s", b.Index, names, before, row)
	}
}

// mustKeep wants nothing more to be set aside.
func (f *fleet) mustKeep(before int, on ...*boards.Board) {
	f.t.Helper()
	for _, b := range on {
		if names := archived(b); len(names) != before {
			f.t.Errorf("board %d has set aside %q, want %d", b.Index, names, before)
		}
	}
}

// crashes are the lines of a log by which an agent says that its child ended without an order.
func crashes(log string) []string {
	var lines []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "etcd ended by itself") {
			lines = append(lines, line)
		}
	}
	return lines
}

// mustHaveBeen wants one of the boards to have been in a row at some time, by its log.
func (f *fleet) mustHaveBeen(row string, on ...*boards.Board) {
	f.t.Helper()
	for _, b := range on {
		if strings.Contains(b.Log(), " state="+row) {
			return
		}
	}
	f.t.Errorf("none of %d boards was ever in %s", len(on), row)
}

// sameData wants the members to hold the same keys at one revision, by stock etcdctl. A writer may go on meanwhile.
func (f *fleet) sameData(via *boards.Board) {
	f.t.Helper()
	f.eventually("all members hold the same data", func(ctx context.Context) error {
		var now struct {
			Header struct{ Revision int64 }
		}
		if err := json.Unmarshal([]byte(f.stockEtcdctl(via, "get", "-w", "json", "any")), &now); err != nil {
			return err
		}
		stdout, stderr, code := via.Exec(ctx, "sh", "-c",
			`vars=$(agent env) && eval "$vars" && unset ETCDCTL_ENDPOINTS && exec etcdctl --endpoints "$1" endpoint hashkv --rev "$2"`,
			"sh", strings.Join(f.memberClients(ctx, via), ","), fmt.Sprint(now.Header.Revision))
		if code != 0 {
			return fmt.Errorf("exit %d: %s", code, strings.TrimSpace(stderr))
		}
		return sameHashes(stdout)
	})
}

// memberClients are the client URLs of all members.
func (f *fleet) memberClients(ctx context.Context, via *boards.Board) []string {
	list, err := memberList(ctx, via)
	if err != nil {
		return nil
	}
	var urls []string
	for _, m := range list.Members {
		urls = append(urls, m.ClientURLs...)
	}
	return urls
}

// sameHashes reads lines of "endpoint, hash" and more that must be equal.
func sameHashes(text string) error {
	var first string
	lines := 0
	for line := range strings.Lines(text) {
		_, hash, ok := strings.Cut(strings.TrimSpace(line), ", ")
		if !ok {
			continue
		}
		lines++
		if first == "" {
			first = hash
		}
		if hash != first {
			return fmt.Errorf("the members differ:\n%s", text)
		}
	}
	if lines == 0 {
		return fmt.Errorf("no hashes: %q", text)
	}
	return nil
}

func TestSameHashes(t *testing.T) {
	for text, want := range map[string]bool{
		"https://a, 12, 5\nhttps://b, 12, 5\n": true,
		"https://a, 12, 5\nhttps://b, 13, 5\n": false,
		"":                                     false,
	} {
		if err := sameHashes(text); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

package etcd

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/server/v3/storage/datadir"
	"go.etcd.io/etcd/server/v3/storage/schema"
)

// moved are configurations of the same members, restarted at other addresses,
// and their new peer URLs by member ID.
func moved(t *testing.T, cs []Config, ready []Event) (there []Config, urls map[string]string) {
	t.Helper()
	urls = map[string]string{}
	for i, c := range cs {
		ip := address(len(cs) + i)
		ports := freePorts(t, ip, 2)
		c = restarted(c)
		c.PeerURL, c.ClientURL = fmt.Sprintf("https://%s:%d", ip, ports[0]), fmt.Sprintf("https://%s:%d", ip, ports[1])
		c.WantMember, c.WantCluster = ready[i].MemberID, ready[i].ClusterID
		there = append(there, c)
		urls[ready[i].MemberID] = c.PeerURL
	}
	return there, urls
}

// TestReaddress: three members move at once, one of them by a power cut, and
// come back as the same cluster with its data.
func TestReaddress(t *testing.T) {
	t.Parallel()
	cs := members(t, 3, certificates(t))
	children, ready := spawnAll(t, cs)
	put(t, dial(t, cs...), "key", "kept")
	children[1].Kill()
	for _, i := range []int{0, 2} {
		if err := children[i].Stop(soon(t)); err != nil {
			t.Fatal(err)
		}
	}

	there, urls := moved(t, cs, ready)
	for _, c := range there {
		before := records(t, c.Dir)
		rewritten(t, c.Dir, withStranger(urls), 3)
		after := records(t, c.Dir)
		for id, url := range urls {
			want := before[id]
			want["peerURLs"] = []any{url}
			if fmt.Sprint(after[id]) != fmt.Sprint(want) {
				t.Errorf("%s: %v, want %v", id, after[id], want)
			}
		}
		if len(after) != len(before) {
			t.Errorf("%d members, were %d", len(after), len(before))
		}
		rewritten(t, c.Dir, urls, 0)
	}
	backAgain(t, there, urls)
}

func withStranger(urls map[string]string) map[string]string {
	all := maps.Clone(urls)
	all["deadbeef"] = "https://127.0.0.1:1"
	return all
}

func rewritten(t *testing.T, dir string, urls map[string]string, want int) {
	t.Helper()
	if n, err := Readdress(dir, urls); err != nil || n != want {
		t.Fatalf("readdress changed %d, %v, want %d", n, err, want)
	}
}

// backAgain starts members that moved, of which the first at least was told where
// the others are, and wants the cluster of before.
func backAgain(t *testing.T, there []Config, urls map[string]string) {
	t.Helper()
	var children []*Child
	for _, c := range there {
		children = append(children, spawn(t, c))
	}
	// A child with other IDs than before would not become ready.
	next(t, children[0], EventStarted)
	next(t, children[0], EventReady)
	c := dial(t, there[0])
	for id, url := range urls {
		if err := c.UpdatePeerURL(t.Context(), id, url); err != nil {
			t.Error(err)
		}
	}
	for _, ch := range children[1:] {
		next(t, ch, EventStarted)
		next(t, ch, EventReady)
	}
	r, err := c.c.Get(t.Context(), "key")
	if err != nil || len(r.Kvs) != 1 || string(r.Kvs[0].Value) != "kept" {
		t.Errorf("the key: %+v, %v", r, err)
	}
	list := membersOf(t, c)
	for _, m := range list {
		if !slices.Equal(m.PeerURLs, []string{urls[m.ID]}) || m.Learner || !m.Started {
			t.Errorf("member %+v, want it at %s", m, urls[m.ID])
		}
	}
	if len(list) != len(there) {
		t.Errorf("%d members, want %d", len(list), len(there))
	}
}

// TestReaddressOne: all move, and only one board can be told where. It reaches
// each of the others, which is a quorum; but those two, and therefore one of them
// if the other leads, know of each other only when the cluster is told.
func TestReaddressOne(t *testing.T) {
	t.Parallel()
	cs := members(t, 3, certificates(t))
	children, ready := spawnAll(t, cs)
	put(t, dial(t, cs...), "key", "kept")
	for _, ch := range children {
		if err := ch.Stop(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	there, urls := moved(t, cs, ready)
	rewritten(t, there[0].Dir, urls, 3)
	backAgain(t, there, urls)
}

// records are the members' records in a database, by ID.
func records(t *testing.T, dir string) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	edit(t, dir, func(b *bolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			var m map[string]any
			err := json.Unmarshal(v, &m)
			all[string(k)] = m
			return err
		})
	})
	return all
}

// edit works on the bucket of members.
func edit(t *testing.T, dir string, f func(*bolt.Bucket) error) {
	t.Helper()
	b, err := bolt.Open(datadir.ToBackendFileName(dir), 0o600, &bolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Update(func(tx *bolt.Tx) error { return f(tx.Bucket(schema.Members.Name())) }); err != nil {
		t.Fatal(err)
	}
}

// TestReaddressRefused are databases and orders that Readdress must leave alone.
func TestReaddressRefused(t *testing.T) {
	t.Parallel()
	c, ready := made(t)
	const there = "http://127.0.0.2:2380"
	good := map[string]string{ready.MemberID: there}
	db := datadir.ToBackendFileName(c.Dir)

	// What a later version of etcd may keep beside stays, and IDs are numbers.
	edit(t, c.Dir, func(b *bolt.Bucket) error {
		return b.Put([]byte(ready.MemberID), []byte(`{"id":1,"peerURLs":["http://127.0.0.1:2380"],"isLearner":true,"new":{"b":1, "a":[18446744073709551615]}}`))
	})
	rewritten(t, c.Dir, map[string]string{"0" + strings.ToUpper(ready.MemberID): there}, 1)
	edit(t, c.Dir, func(b *bolt.Bucket) error {
		const want = `{"id":1,"isLearner":true,"new":{"b":1,"a":[18446744073709551615]},"peerURLs":["` + there + `"]}`
		if got := string(b.Get([]byte(ready.MemberID))); got != want {
			t.Errorf("record %s, want %s", got, want)
		}
		return nil
	})

	for name, urls := range map[string]map[string]string{
		"no ID":  {"board-1": there},
		"no URL": {ready.MemberID: "127.0.0.2"},
	} {
		if n, err := Readdress(c.Dir, urls); err == nil || n != 0 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	b, err := bolt.Open(db, 0o600, &bolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	// Enough keys for several levels of pages.
	if err := b.Update(func(tx *bolt.Tx) error {
		for i := range 2000 {
			if err := tx.Bucket(schema.Key.Name()).Put(fmt.Append(nil, 1000+i), make([]byte, 100)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n, err := Readdress(c.Dir, good); err == nil || n != 0 {
		t.Errorf("in use: %d, %v", n, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	refusedDamage(t, c.Dir, good)
}

// refusedDamage: bbolt panics at each of these, at some in a goroutine of its own.
func refusedDamage(t *testing.T, dir string, urls map[string]string) {
	t.Helper()
	whole, err := os.ReadFile(datadir.ToBackendFileName(dir))
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	// Most of the file was never used.
	used := 0
	for i := range len(whole) / page {
		if slices.ContainsFunc(whole[i*page:(i+1)*page], func(b byte) bool { return b != 0 }) {
			used = i + 1
		}
	}
	whole = whole[:used*page]
	damaged := func(from, to int) []byte {
		b := slices.Clone(whole)
		copy(b[from*page:], slices.Repeat([]byte{0xa5}, (to-from)*page))
		return b
	}
	for name, content := range map[string][]byte{
		"empty": {}, "garbage": []byte("garbage"), "cut": whole[:2*page], "headers": damaged(0, 2), "pages": damaged(2, used),
	} {
		if !refuses(t, name, dir, content, urls) {
			t.Errorf("%s: no error", name)
		}
	}
	// Some pages are free, or hold values only; it is enough to live through them.
	refused := 0
	for i := 2; i < used; i++ {
		if refuses(t, fmt.Sprint("page ", i), dir, damaged(i, i+1), urls) {
			refused++
		}
	}
	if refused == 0 {
		t.Errorf("none of %d damaged pages is found", used)
	}
}

// refuses says whether Readdress refuses a database, which then must be as it was
// and not be locked.
func refuses(t *testing.T, name, dir string, content []byte, urls map[string]string) bool {
	t.Helper()
	db := datadir.ToBackendFileName(dir)
	if err := os.WriteFile(db, content, 0o600); err != nil {
		t.Fatal(err)
	}
	n, refused := Readdress(dir, urls)
	if now, err := os.ReadFile(db); refused != nil && (err != nil || n != 0 || !slices.Equal(now, content)) {
		t.Errorf("%s: %d, %v, and the file has changed", name, n, refused)
	}
	f, err := os.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Errorf("%s: the lock is left: %v", name, err)
	}
	return refused != nil
}

// TestReaddressNothing: no database is made where there is none.
func TestReaddressNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if n, err := Readdress(dir, nil); err == nil || n != 0 {
		t.Errorf("no database: %d, %v", n, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

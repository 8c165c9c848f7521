package bootstrap

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// redundantCopy is of a member that was removed; quorumHolds has a little more.
func redundantCopy() Copy {
	return Copy{Cause: Removed, Cluster: "c1", Log: Mark{Term: 3, Index: 100}, Size: 10}
}

func quorumHolds() Holding { return Holding{Cluster: "c1", Log: Mark{Term: 4, Index: 120}} }

func TestRedundant(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*Copy, *Holding)
		want bool
	}{
		"the quorum goes on from there":    {func(*Copy, *Holding) {}, true},
		"it ends where the copy ends":      {func(c *Copy, h *Holding) { h.Log = c.Log }, true},
		"it lacks an entry":                {func(c *Copy, h *Holding) { h.Log.Index = c.Log.Index - 1 }, false},
		"it is of an earlier term":         {func(c *Copy, h *Holding) { h.Log.Term = c.Log.Term - 1 }, false},
		"how far it is is not known":       {func(_ *Copy, h *Holding) { h.Log = Mark{} }, false},
		"only its term is known":           {func(_ *Copy, h *Holding) { h.Log.Index = 0 }, false},
		"how long the log is not known":    {func(c *Copy, _ *Holding) { c.Log = Mark{} }, false},
		"only its index is known":          {func(c *Copy, _ *Holding) { c.Log.Term = 0 }, false},
		"only its term":                    {func(c *Copy, _ *Holding) { c.Log.Index = 0 }, false},
		"no quorum has answered":           {func(_ *Copy, h *Holding) { *h = Holding{} }, false},
		"another cluster's":                {func(_ *Copy, h *Holding) { h.Cluster = "c2" }, false},
		"nobody knows whose":               {func(c *Copy, _ *Holding) { c.Cluster = "" }, false},
		"nobody knows whose, of no quorum": {func(c *Copy, h *Holding) { c.Cluster, h.Cluster = "", "" }, false},
		"by order":                         {func(c *Copy, _ *Holding) { c.Order = true }, false},
		"members differed":                 {func(c *Copy, _ *Holding) { c.Doubted = true }, false},
		"nobody knows why it is here":      {func(c *Copy, _ *Holding) { c.Cause = "" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, h := redundantCopy(), quorumHolds()
			tt.edit(&c, &h)
			if got := c.Redundant(h); got != tt.want {
				t.Errorf("got %v, want %v: %+v beside %+v", got, tt.want, c, h)
			}
		})
	}
	for _, row := range Rows() {
		c := redundantCopy()
		c.Cause = row
		if got, want := c.Redundant(quorumHolds()), row == Removed; got != want {
			t.Errorf("given up in row %s: got %v, want %v", row, got, want)
		}
	}
}

// asideState is a board whose member was removed, and ended.
func asideState() State {
	s := stopped()
	s.Disk.Log, s.Cluster = Mark{Term: 3, Index: 100}, list("b", "c")
	return s
}

func TestCopyOf(t *testing.T) {
	leaves := func(s *State) { s.Disk.Intent.Do = IntentLeave }
	corrupt := func(on int) func(*State) {
		return func(s *State) {
			s.Peers = slices.Clone(s.Peers)
			s.Peers[on].Alarms = AlarmCorrupt | AlarmSpace
		}
	}
	for name, tt := range map[string]struct {
		edit func(*State)
		want Copy
	}{
		"removed":            {func(*State) {}, Copy{Cause: Removed, Cluster: planID(), Log: Mark{3, 100}}},
		"it leaves":          {leaves, Copy{Cause: Removed, Cluster: planID(), Log: Mark{3, 100}}},
		"it leaves, damaged": {func(s *State) { leaves(s); s.Disk.State = DiskDamaged }, Copy{Cause: Damaged, Cluster: planID()}},
		"by order":           {func(s *State) { s.Order = OrderYield }, Copy{Cause: Removed, Cluster: planID(), Log: Mark{3, 100}, Order: true}},
		"its log was cut":    {func(s *State) { s.Etcd.Fault = FaultDamaged }, Copy{Cause: Removed, Cluster: planID(), Log: Mark{3, 100}, Doubted: true}},
		"its data differed":  {func(s *State) { s.Etcd.Fault = FaultDiverged }, Copy{Cause: Removed, Cluster: planID(), Log: Mark{3, 100}, Doubted: true}},
		"its log conflicted": {func(s *State) { s.Etcd.Fault = FaultConflict }, Copy{Cause: Removed, Cluster: planID(), Log: Mark{3, 100}, Doubted: true}},
		"it differed before": {func(s *State) { s.Disk.Doubted = true }, Copy{Cause: Removed, Cluster: planID(), Log: Mark{3, 100}, Doubted: true}},
		"members differ":     {corrupt(0), Copy{Cause: Removed, Cluster: planID(), Log: Mark{3, 100}, Doubted: true}},
		"another's alarm":    {corrupt(2), Copy{Cause: Removed, Cluster: planID(), Log: Mark{3, 100}}},
		"of another cluster": {func(s *State) { s.Disk.Cluster, s.Cluster = "77", list("a", "b", "c") }, Copy{Cause: StaleData, Cluster: "77", Log: Mark{3, 100}}},
		"another board's":    {func(s *State) { s.Disk.Owner = MatchOther }, Copy{Cause: Clone, Cluster: planID()}},
		"a copied card":      {func(s *State) { s.Disk.Hardware = MatchOther }, Copy{Cause: Clone, Cluster: planID()}},
	} {
		t.Run(name, func(t *testing.T) {
			s := asideState()
			tt.edit(&s)
			a := Decide(s)
			if got := CopyOf(s, a); a.Do != SetAside || got != tt.want {
				t.Errorf("%s %s: got %+v, want %+v", a.Do, a.Why, got, tt.want)
			}
		})
	}
	s := asideState()
	s.Etcd.Proc = ProcRunning
	if got := CopyOf(s, Action{Do: SetAside, Why: Removed}); got.Log != (Mark{}) || got.Cause != Removed {
		t.Errorf("what a running member told is taken for the end of its log: %+v", got)
	}
}

func TestHeld(t *testing.T) {
	shows := func(i int, m Mark) func(*State) {
		return func(s *State) { s.Peers = slices.Clone(s.Peers); s.Peers[i].Log = m }
	}
	ours := func(m Mark) Holding { return Holding{Cluster: planID(), Log: m} }
	standby := func(s *State) {
		s.Disk, s.Etcd = Disk{State: DiskEmpty, Hardware: MatchSame}, Etcd{Proc: ProcStopped}
		shows(0, Mark{5, 90})(s)
		shows(1, Mark{5, 110})(s)
	}
	for name, tt := range map[string]struct {
		edits []func(*State)
		want  Holding
	}{
		"its own member":                    {[]func(*State){shows(0, Mark{5, 200})}, ours(Mark{5, 100})},
		"its own has not told":              {[]func(*State){shows(0, Mark{5, 200}), func(s *State) { s.Disk.Log = Mark{} }}, ours(Mark{})},
		"its own has no leader":             {[]func(*State){func(s *State) { s.Etcd.Quorum = QuorumLost }}, ours(Mark{})},
		"a standby":                         {[]func(*State){standby}, ours(Mark{5, 110})},
		"the furthest is dead":              {[]func(*State){standby, func(s *State) { s.Peers[1].Alive = false }}, ours(Mark{5, 90})},
		"the furthest has no quorum":        {[]func(*State){standby, func(s *State) { s.Peers[1].Healthy = false }}, ours(Mark{5, 90})},
		"the furthest is of another":        {[]func(*State){standby, func(s *State) { s.Peers[1].Cluster = "77" }}, ours(Mark{5, 90})},
		"the furthest is seen twice":        {[]func(*State){standby, func(s *State) { s.Peers[1].Doubled = true }}, ours(Mark{5, 90})},
		"no card tells":                     {[]func(*State){standby, shows(0, Mark{}), shows(1, Mark{})}, ours(Mark{})},
		"its own member's is another's":     {[]func(*State){standby, func(s *State) { s.Disk.Cluster, s.Disk.Log, s.Etcd.Proc = "77", Mark{9, 999}, ProcRunning }}, ours(Mark{5, 110})},
		"it was read a moment ago":          {[]func(*State){func(s *State) { s.Now = s.Now.Add(vouches) }}, ours(Mark{5, 100})},
		"it was read a while ago":           {[]func(*State){func(s *State) { s.Now = s.Now.Add(vouches + time.Millisecond) }}, Holding{}},
		"it was never read":                 {[]func(*State){func(s *State) { s.Cluster = Cluster{} }}, Holding{}},
		"its own tells that members differ": {[]func(*State){func(s *State) { s.Etcd.Alarms = AlarmCorrupt }}, Holding{}},
		"a peer does":                       {[]func(*State){standby, func(s *State) { s.Peers[0].Alarms = AlarmCorrupt }}, Holding{}},
		"there is no room":                  {[]func(*State){func(s *State) { s.Etcd.Alarms = AlarmSpace }}, ours(Mark{5, 100})},
	} {
		t.Run(name, func(t *testing.T) {
			s := voter()
			s.Disk.Log = Mark{5, 100}
			for _, edit := range tt.edits {
				edit(&s)
			}
			if got := Held(s); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestSurplus(t *testing.T) {
	live := redundantCopy()
	sized := func(c Copy, size int64) Copy { c.Size = size; return c }
	other, yielded, unknown := live, live, Copy{Size: 10}
	other.Cluster, yielded.Order = "c2", true
	four := []Copy{live, live, live, live}
	for name, tt := range map[string]struct {
		copies []Copy
		keep   int
		share  int64
		h      Holding
		want   []int
	}{
		"nothing there":              {nil, 0, 1, quorumHolds(), nil},
		"room for all":               {four, 4, 40, quorumHolds(), nil},
		"the oldest go":              {four, 3, 40, quorumHolds(), []int{3}},
		"none is kept":               {four, 0, 40, quorumHolds(), []int{0, 1, 2, 3}},
		"share of the disk":          {four, 4, 20, quorumHolds(), []int{2, 3}},
		"both bounds":                {four, 1, 30, quorumHolds(), []int{1, 2, 3}},
		"share not known":            {four, 3, 0, quorumHolds(), []int{3}},
		"the newest, too large":      {four, 4, 9, quorumHolds(), []int{1, 2, 3}},
		"no quorum read":             {four, 0, 1, Holding{}, nil},
		"how far it is not known":    {four, 0, 1, Holding{Cluster: "c1"}, nil},
		"another cluster alive":      {four, 0, 1, Holding{Cluster: "c9", Log: quorumHolds().Log}, nil},
		"a quorum that lacks some":   {four, 0, 1, Holding{Cluster: "c1", Log: Mark{4, 99}}, nil},
		"the newest of another":      {[]Copy{other, live, live}, 3, 1, quorumHolds(), []int{2}},
		"an older one of another":    {[]Copy{other, other}, 0, 1, quorumHolds(), nil},
		"yielded, by either bound":   {[]Copy{yielded, yielded}, 0, 1, quorumHolds(), nil},
		"unknown beside unknown":     {[]Copy{unknown, unknown}, 0, 1, quorumHolds(), nil},
		"what stays takes its place": {[]Copy{other, live, live}, 2, 90, quorumHolds(), []int{2}},
		"what stays takes its bytes": {[]Copy{live, sized(unknown, 90), live}, 3, 100, quorumHolds(), []int{2}},
		"a start that was cut off":   {[]Copy{sized(unknown, 1), live, live}, 3, 9, quorumHolds(), []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Surplus(tt.copies, tt.keep, tt.share, tt.h); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestUnproven(t *testing.T) {
	live, yielded, ahead := redundantCopy(), redundantCopy(), redundantCopy()
	yielded.Order, ahead.Log.Index = true, 500
	for name, tt := range map[string]struct {
		copies []Copy
		share  int64
		h      Holding
		want   []int
	}{
		"proven alone":            {[]Copy{live, live}, 5, quorumHolds(), nil},
		"over the share":          {[]Copy{live, yielded, live, yielded}, 19, quorumHolds(), []int{1, 3}},
		"within the share":        {[]Copy{live, yielded, live, yielded}, 20, quorumHolds(), nil},
		"share not known":         {[]Copy{yielded}, 0, quorumHolds(), nil},
		"the quorum lacks some":   {[]Copy{ahead, live}, 9, quorumHolds(), []int{0}},
		"how far it is not known": {[]Copy{ahead, yielded, live}, 9, Holding{Cluster: "c1"}, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Unproven(tt.copies, tt.share, tt.h); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Over random archives: only what is redundant goes, both bounds hold for what is
// redundant and not the newest of it, and more room never costs more.
func TestSurplusNeverTakesALastCopy(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, seed))
	removed := 0
	for n := range 20_000 {
		copies := make([]Copy, r.IntN(8))
		for i := range copies {
			copies[i] = Copy{Cause: []Row{"", Removed, Removed, Damaged}[r.IntN(4)], Cluster: []string{"", "c1", "c1", "c2"}[r.IntN(4)],
				Log: Mark{r.Uint64N(4), r.Uint64N(4)}, Order: r.IntN(5) == 0, Doubted: r.IntN(5) == 0, Size: r.Int64N(5)}
		}
		keep, share, h := r.IntN(6), r.Int64N(20), Holding{[]string{"", "c1", "c2"}[r.IntN(3)], Mark{r.Uint64N(5), r.Uint64N(5)}}
		gone := Surplus(copies, keep, share, h)
		removed += len(gone)
		sum, newest := int64(0), true
		for i, c := range copies {
			sum += c.Size
			went := slices.Contains(gone, i)
			switch {
			case went && !c.Redundant(h):
				t.Fatalf("world %d of seed %d: copy %d went, and %+v does not have it: %+v", n, seed, i, h, copies)
			case went && i < keep && newest:
				t.Fatalf("world %d of seed %d: copy %d, the newest, went by the share: %+v", n, seed, i, copies)
			case !went && c.Redundant(h) && (i >= keep || share > 0 && sum > share && !newest):
				t.Fatalf("world %d of seed %d: copy %d is left, for %d and %d: %+v", n, seed, i, keep, share, copies)
			}
			newest = newest && !c.Redundant(h)
		}
		roomier := [][]int{Surplus(copies, keep+1, share, h), Surplus(copies, keep, 0, h)}
		if share > 0 {
			roomier = append(roomier, Surplus(copies, keep, share+1, h))
		}
		for _, more := range roomier {
			for _, i := range more {
				if !slices.Contains(gone, i) {
					t.Fatalf("world %d of seed %d: with more room copy %d goes too: %+v", n, seed, i, copies)
				}
			}
		}
	}
	if removed == 0 {
		t.Error("nothing was ever removed")
	}
}

// proof holds what will be known of data that is set aside to the rules: only the word
// of its own quorum about its own member lets it go one day.
func (j *judge) proof() {
	s, d := j.s, j.s.Disk
	s.Disk.Log = Mark{Term: 1, Index: 1} // as if it had been read
	c := CopyOf(s, j.a)
	if !c.Redundant(Holding{Cluster: d.Cluster, Log: Mark{Term: 9, Index: 9}}) {
		return
	}
	whole := d.State == DiskMember && d.Owner == MatchSame && d.Hardware == MatchSame && !d.Doubted && s.Etcd.Fault != FaultDamaged && s.Etcd.Fault != FaultDiverged && s.Etcd.Fault != FaultConflict
	j.rule(whole && s.Order != OrderYield, "what is damaged, differs, is another's, or is given up by order, is never proven to be redundant")
	j.rule(j.fresh() && s.Cluster.ID == d.Cluster && d.Cluster != "" && j.member(d.Member) == nil, "only data whose own quorum does not list its member may be proven to be redundant")
	j.proven++
}

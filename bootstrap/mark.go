package bootstrap

// Mark is how far a member's log goes: the term and the index of an entry. The zero
// value is not known.
//
// Of a running member it is the last entry that it has applied, as of some seconds
// ago: by then the entry is on its disk. Of a stopped one it is the end of the log on
// its disk and the last term in it. What a member has applied is committed and never
// taken back, so neither number of a healthy disk is ever below one that was shown.
type Mark struct {
	Term  uint64 `json:"term,omitempty"`
	Index uint64 `json:"index,omitempty"`
}

// Beyond reports whether a disk whose log ends at o lacks what m shows: a later entry,
// or a later term, in which its member may have voted.
func (m Mark) Beyond(o Mark) bool { return m.Term > o.Term || m.Index > o.Index }

// Max is the further of two marks, in each number.
func (m Mark) Max(o Mark) Mark { return Mark{max(m.Term, o.Term), max(m.Index, o.Index)} }

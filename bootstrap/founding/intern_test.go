package founding

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Messages and votes are kept once and named by number, so that a state of the
// exploration is small.

func (s *stage) internMessage(m Message) uint32 {
	key := encode(m)
	id, ok := s.msgIDs[key]
	if !ok {
		id = uint32(len(s.msgs))
		s.msgIDs[key] = id
		s.msgs = append(s.msgs, m)
		s.to = append(s.to, slices.Index(boardIDs(s.boards), m.To))
		s.from = append(s.from, slices.Index(boardIDs(s.boards), m.From))
	}
	return id
}

func (s *stage) internVote(v vote) uint32 {
	key := fmt.Sprintf("vote %v", v)
	id, ok := s.msgIDs[key]
	if !ok {
		id = uint32(len(s.msgs))
		s.msgIDs[key] = id
		s.msgs = append(s.msgs, Message{})
		s.to = append(s.to, -1)
		s.from = append(s.from, -1)
		s.votes[id] = v
	}
	return id
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

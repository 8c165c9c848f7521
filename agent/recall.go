package agent

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"muster/bootstrap"
	"muster/discovery"
)

// askAgain is how long an answer may take before a board is asked once more.
const askAgain = time.Second

// recallMessage is what boards say to each other of the members that one of them
// started. It travels beside the messages of founding, which have no such key.
type recallMessage struct {
	Recall string           `json:"recall"` // recallAsk or recallAnswer
	Answer bootstrap.Recall `json:"answer,omitzero"`
}

// What a recallMessage may be.
const (
	recallAsk    = "ask"
	recallAnswer = "answer"
)

// received takes a message of another board.
func (a *Agent) received(in discovery.Message) {
	var m recallMessage
	if err := json.Unmarshal(in.Payload, &m); in.Shared || err != nil || m.Recall == "" {
		a.fleet.agree.receive(a.fleet.gossip, in)
		return
	}
	switch m.Recall {
	case recallAsk:
		a.say(in.From, recallMessage{Recall: recallAnswer, Answer: bootstrap.Remember(a.owners, a.seen, in.From)})
	case recallAnswer:
		m.Answer.Board = in.From
		a.recalled = slices.DeleteFunc(slices.Clone(a.recalled), func(r bootstrap.Recall) bool { return r.Board == in.From })
		a.recalled = append(a.recalled, m.Answer)
		slices.SortFunc(a.recalled, func(x, y bootstrap.Recall) int { return strings.Compare(x.Board, y.Board) })
	}
}

// askRecall asks the boards that have not said yet what they remember of this one.
func (a *Agent) askRecall() {
	for _, board := range bootstrap.Unasked(a.state) {
		if a.state.Now.Sub(a.asked[board]) < askAgain {
			continue
		}
		a.asked[board] = a.state.Now
		a.say(board, recallMessage{Recall: recallAsk})
	}
}

// say sends a message of this kind beside the loop.
func (a *Agent) say(board string, m recallMessage) {
	b, err := json.Marshal(m)
	if err != nil {
		a.log.Error().Err(err).Msg("encode what is remembered of a member")
		return
	}
	a.fleet.agree.post(a.fleet.gossip, board, b, "recall "+m.Recall)
}

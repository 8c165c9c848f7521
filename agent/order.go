package agent

import (
	"context"
	"errors"
	"time"

	"muster/bootstrap"
)

// ErrUnsafe says that an order was refused because of what it would cost.
var ErrUnsafe = errors.New("refused")

// orderLimit is how long an order waits to be begun; what has not begun by then
// would come as a surprise.
const orderLimit = 30 * time.Second

// order is what an operator asks of the loop. The answer is "" or why not.
type order struct {
	what   bootstrap.Order
	answer chan string
}

// give hands an order to the loop and waits for its answer.
func (a *Agent) give(ctx context.Context, what bootstrap.Order) (refusal string, err error) {
	o := order{what: what, answer: make(chan string, 1)}
	select {
	case a.orders <- o:
		return <-o.answer, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// take judges an order by what is known now.
func (a *Agent) take(o order) {
	why := ""
	switch {
	case o.what == bootstrap.OrderRestart:
		a.askAnew(time.Now(), a.reasonToRestart())
	case o.what == bootstrap.OrderJoin:
		why = a.takePart()
	case a.fleet == nil:
		why = "this board has no profile, and is of no fleet"
	case o.what == bootstrap.OrderLeave:
		why = bootstrap.LeaveRefusal(a.state)
	case o.what == bootstrap.OrderYield:
		why = bootstrap.YieldRefusal(a.state)
	}
	if why == "" && o.what != bootstrap.OrderRestart && o.what != bootstrap.OrderJoin {
		a.order, a.orderedAt = o.what, time.Now()
		a.log.Warn().Str("order", string(o.what)).Msg("an order was taken")
	}
	o.answer <- why
}

// takePart lets a board that has left take a seat again.
func (a *Agent) takePart() (why string) {
	if a.board.Intent.Do != bootstrap.IntentLeft {
		return ""
	}
	next := a.board
	next.Intent = bootstrap.Intent{}
	if err := a.keepRecord(next); err != nil {
		return err.Error()
	}
	a.log.Info().Msg("this board takes part again")
	return ""
}

// present is the order as long as it is fresh.
func (a *Agent) present(now time.Time) bootstrap.Order {
	if now.Sub(a.orderedAt) > orderLimit {
		a.order = ""
	}
	return a.order
}

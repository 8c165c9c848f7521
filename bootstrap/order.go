package bootstrap

// Order is what an operator asked for, once. The zero value is none.
type Order string

// OrderLeave gives up this board's seat in order. OrderYield gives up the data
// of a board that holds, which is set aside: the owner has decided.
const (
	OrderLeave Order = "leave"
	OrderYield Order = "yield"
	// OrderRestart is kept as a Renewal; OrderJoin ends the state of having left.
	OrderRestart Order = "restart"
	OrderJoin    Order = "join"
)

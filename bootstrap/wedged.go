package bootstrap

import "time"

// wedgedAfter is how long an etcd that was ready may answer nothing before it is killed:
// a slow card stalls it for seconds, and it can be of no use to anybody for minutes only
// if nothing else would ever end it.
const wedgedAfter = 2 * time.Minute

// wedged says that the running etcd answers nothing for so long that it is killed. Where
// that did not help, the question may be at fault and not the answer, and members that
// serve others well would be killed again and again: so each further time takes twice as
// long, up to an hour.
func wedged(s State) bool {
	after := min(wedgedAfter<<min(s.Wedged, 5), time.Hour)
	return s.Etcd.Proc == ProcRunning && !s.Unanswered.IsZero() && s.Now.Sub(s.Unanswered) >= after
}

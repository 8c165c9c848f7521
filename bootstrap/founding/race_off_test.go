//go:build !race

package founding

// raceEnabled tells whether the race detector slows the explorer down, which
// has no goroutine for it to look at.
const raceEnabled = false

//go:build race

package founding

const raceEnabled = true

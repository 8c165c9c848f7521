package agent

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// What is measured is what etcd does for a put: a write of the size of a small
	// entry, and fdatasync(2), as its documentation measures disks too.
	syncSize   = 2 << 10
	syncWrites = 30
	// syncMost bounds one pass on a slow card.
	syncMost = time.Second
	// A disk that seems slow is measured again, so often at most, and the best pass
	// counts: while a board boots or is installed its disk is busy, and one late
	// write of thirty would set the pace of the whole fleet.
	syncPasses = 3
	// slowSync is the time, in milliseconds, from which a disk is called slow. etcd
	// asks for 10, and few cards have that.
	slowSync = 100
)

// diskSpeed is disk.json: how long a synced write took on this disk before etcd
// ran there for the first time.
type diskSpeed struct {
	P50    float64 `json:"fsync_p50_ms"`
	P99    float64 `json:"fsync_p99_ms"`
	Writes int     `json:"writes"`
}

// diskSpeed reads what was measured, or measures it. It is the zero value if that
// is not possible.
func (s *store) diskSpeed() (diskSpeed, error) {
	var d diskSpeed
	if err := s.read("disk.json", &d); err == nil && d.Writes > 0 {
		return d, nil
	}
	d, err := bestOf(func() ([]time.Duration, error) { return syncTimes(s.path("disk.tmp")) })
	if err != nil {
		return diskSpeed{}, fmt.Errorf("measure the disk: %w", err)
	}
	return d, s.write("disk.json", d)
}

// bestOf measures until a pass is not slow, or syncPasses times.
func bestOf(pass func() ([]time.Duration, error)) (best diskSpeed, err error) {
	for n := 0; n < syncPasses && (n == 0 || best.P99 >= slowSync); n++ {
		took, err := pass()
		if err != nil {
			return diskSpeed{}, err
		}
		if d := speedOf(took); n == 0 || d.P99 < best.P99 {
			best = d
		}
	}
	return best, nil
}

// syncTimes writes into a new file, which it removes again, until it has been done
// often or long enough; at least once.
func syncTimes(path string) (took []time.Duration, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(path)) }()
	block := make([]byte, syncSize)
	for begun := time.Now(); len(took) < syncWrites && (len(took) == 0 || time.Since(begun) < syncMost); {
		before := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		took = append(took, time.Since(before))
	}
	return took, nil
}

// speedOf gives the quantiles of measured writes, of which there must be one.
func speedOf(took []time.Duration) diskSpeed {
	took = slices.Sorted(slices.Values(took))
	// The first at or above which so many percent lie.
	at := func(percent int) float64 {
		n := (len(took)*percent + 99) / 100
		return math.Round(float64(took[max(n, 1)-1])/1e4) / 100
	}
	return diskSpeed{P50: at(50), P99: at(99), Writes: len(took)}
}

// warning is what an owner should know of the disk, or "".
func (d diskSpeed) warning() string {
	if d.P99 < slowSync {
		return ""
	}
	return fmt.Sprintf("the disk of this board is slow: a synced write took up to %.0f ms; writes to the cluster wait for such disks, and a better card helps", d.P99)
}

func (d diskSpeed) status() *DiskStatus {
	if d.Writes == 0 {
		return nil
	}
	return &DiskStatus{P50: d.P50, P99: d.P99}
}

// onCard is the time for the card, in whole milliseconds; 0: not known.
func (d diskSpeed) onCard() int {
	if d.Writes == 0 {
		return 0
	}
	return min(max(int(math.Ceil(d.P99)), 1), mostOnCard)
}

// mostOnCard bounds what the card tells, whose room is short.
const mostOnCard = 9999

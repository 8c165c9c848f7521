package atonce

import (
	"errors"
	"slices"
	"sync"
	"testing"
)

func TestAsk(t *testing.T) {
	// Nobody answers before everybody was asked.
	var asked sync.WaitGroup
	asked.Add(3)
	odd := errors.New("odd")
	got, err := Ask([]int{1, 2, 3}, func(n int) (int, error) {
		asked.Done()
		asked.Wait()
		if n == 2 {
			return 0, odd
		}
		return 10 * n, nil
	})
	if !slices.Equal(got, []int{10, 0, 30}) || !errors.Is(err, odd) {
		t.Errorf("%v, %v", got, err)
	}
}

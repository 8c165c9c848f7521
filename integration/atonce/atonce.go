// Package atonce asks several boards at the same time.
package atonce

import (
	"errors"
	"sync"
)

// Ask asks all of on at once and returns their answers in that order, when every one has answered. The error joins all
// that there were.
func Ask[B, A any](on []B, ask func(B) (A, error)) ([]A, error) {
	answers, errs := make([]A, len(on)), make([]error, len(on))
	var wg sync.WaitGroup
	for i, b := range on {
		wg.Go(func() { answers[i], errs[i] = ask(b) })
	}
	wg.Wait()
	return answers, errors.Join(errs...)
}

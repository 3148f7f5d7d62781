// Package framestest has what tests need of package frames.
package framestest

import "github.com/cosgate/cosgate/internal/frames"

// NewPool returns a pool that overwrites every buffer that is given back, so that a use
// after that shows.
func NewPool() *frames.Pool {
	return frames.NewPoolWithHook(func(released []byte) {
		for i := range released {
			released[i] = 0xDB
		}
	})
}

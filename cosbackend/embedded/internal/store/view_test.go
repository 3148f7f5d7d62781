package store

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// Many first readers at once must not wait for one another: each holds a connection,
// and none may need a second one.
func TestViewReadersDoNotBlockEachOther(t *testing.T) {
	t.Parallel()
	for range 20 {
		s, err := Open(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.CreateBucket(t.Context(), Bucket{Name: "b-1"}); err != nil {
			t.Fatal(err)
		}
		var readers sync.WaitGroup
		errs := make(chan error, 16*runtime.NumCPU())
		for i := range cap(errs) {
			readers.Go(func() {
				_, err := s.List(t.Context(), "b-1", ListOptions{Prefix: fmt.Sprint(i)})
				if i%2 == 0 && err == nil {
					_, err = s.Uploads(t.Context(), "b-1", ListUploadsOptions{})
				}
				errs <- err
			})
		}
		readers.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

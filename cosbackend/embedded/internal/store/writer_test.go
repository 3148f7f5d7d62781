package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// hold keeps the writer busy until the returned function is called. Jobs that
// are queued meanwhile share the next transaction.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	running, gate := make(chan struct{}), make(chan struct{})
	j := queue(t, s, func(*txn) error {
		close(running)
		<-gate
		return nil
	})
	<-running
	return func() {
		close(gate)
		if err := j.wait(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func queue(t *testing.T, s *Store, do func(*txn) error) *job {
	t.Helper()
	j := &job{do: do}
	if err := s.writer.enqueue(j); err != nil {
		t.Fatal(err)
	}
	return j
}

// insertBucket is a closure with a visible effect.
func insertBucket(name string) func(*txn) error {
	return func(x *txn) error {
		_, err := x.exec("INSERT INTO bucket(name, region, acl, created) VALUES(?,'','',0)", name)
		return err
	}
}

func TestWriterRefusalDoesNotFailTheRestOfTheBatch(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		release := hold(t, s)
		refusal := errors.New("refused")
		var jobs []*job
		for i := range 5 {
			jobs = append(jobs, queue(t, s, func(x *txn) error {
				if err := insertBucket(fmt.Sprint("b", i))(x); err != nil || i != 2 {
					return err
				}
				return refusal // after it changed something
			}))
		}
		release()
		for i, j := range jobs {
			err := j.wait(t.Context())
			_, seen := s.Bucket(t.Context(), fmt.Sprint("b", i))
			if i == 2 && (!errors.Is(err, refusal) || !errors.Is(seen, ErrNoSuchBucket)) {
				t.Errorf("refused closure: %v, its bucket: %v", err, seen)
			}
			if i != 2 && (err != nil || seen != nil) {
				t.Errorf("closure %d: %v, its bucket: %v", i, err, seen)
			}
		}
	})
}

func TestWriterLostTransactionFailsItsJobOnly(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		release := hold(t, s)
		good := queue(t, s, insertBucket("good-1"))
		// SQLite ends a transaction by itself when the disk is full.
		bad := queue(t, s, func(x *txn) error {
			_, err := x.w.conn.ExecContext(t.Context(), "ROLLBACK")
			return errors.Join(ErrNoSpace, err)
		})
		release()
		if err := good.wait(t.Context()); err != nil {
			t.Errorf("the neighbour failed: %v", err)
		}
		if err := bad.wait(t.Context()); !errors.Is(err, ErrNoSpace) {
			t.Errorf("the closure = %v, want %v", err, ErrNoSpace)
		}
		if _, err := s.Bucket(t.Context(), "good-1"); err != nil {
			t.Errorf("Bucket() of the neighbour = %v", err)
		}
	})
}

func TestWriterFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	release := hold(t, s)
	var jobs []*job
	for {
		j := &job{do: func(*txn) error { return nil }}
		if err := s.writer.enqueue(j); err != nil {
			break
		}
		jobs = append(jobs, j)
	}
	if err := s.CreateBucket(t.Context(), Bucket{Name: "b-1"}); !errors.Is(err, ErrBusy) {
		t.Errorf("CreateBucket() = %v, want %v", err, ErrBusy)
	}
	if len(jobs) != maxQueued {
		t.Errorf("%d closures were queued, want %d", len(jobs), maxQueued)
	}
	release()
	for _, j := range jobs {
		if err := j.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CreateBucket(t.Context(), Bucket{Name: "b-1"}); err != nil {
		t.Errorf("CreateBucket() afterwards = %v", err)
	}
}

func TestWriterWithdrawsAJobWhoseContextEnds(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	release := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	j := queue(t, s, insertBucket("b-1"))
	cancel()
	if err := j.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("wait() = %v, want %v", err, context.Canceled)
	}
	release()
	if err := s.CreateBucket(t.Context(), Bucket{Name: "b-1"}); err != nil {
		t.Errorf("CreateBucket() = %v, the withdrawn closure ran", err)
	}
}

func TestDiskFullIndexRefusesPutsAndKeepsReadsAndDeletes(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		put(t, s, "old", body(1000, 1))
		err := s.change(t.Context(), func(x *txn) error {
			var pages int
			if _, err := x.row("PRAGMA page_count", nil, &pages); err != nil {
				return err
			}
			_, err := x.w.conn.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+3))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				_, err := tryPut(t.Context(), s, fmt.Sprint("big", i), body(maxInline, 1), PutOptions{})
				if !errors.Is(err, ErrNoSpace) {
					t.Errorf("put into a full index = %v, want %v", err, ErrNoSpace)
				}
			})
		}
		wg.Wait()
		if got, err := get(t.Context(), s, "old"); err != nil || !bytes.Equal(got, body(1000, 1)) {
			t.Errorf("the old object has %d bytes, %v", len(got), err)
		}
		if err := s.Delete(t.Context(), testBucket, "old"); err != nil {
			t.Errorf("Delete() = %v", err)
		}
	})
}

func TestDiskFullDeleteUsesTheReserve(t *testing.T) {
	t.Parallel()
	reserve := filepath.Join(t.TempDir(), reserveFile)
	s := open(t, Options{Dir: filepath.Dir(reserve)})
	if _, err := os.Stat(reserve); err != nil {
		t.Fatalf("no reserve was made: %v", err)
	}
	runs := 0
	err := s.free(t.Context(), func(*txn) error {
		if runs++; runs < 3 {
			return ErrNoSpace
		}
		return second(os.Stat(reserve))
	})
	if runs != 3 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the reserve in run %d: %v, want it gone in the third", runs, err)
	}
	if _, err := os.Stat(reserve); err != nil {
		t.Errorf("the reserve was not made again: %v", err)
	}
}

func TestMemoryCapCountsWhatIsStoredAndRead(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	s := open(t, Options{MaxBytes: limit})
	mem, ok := s.bodies.(*memBodies)
	if !ok {
		t.Fatalf("bodies are %T", s.bodies)
	}
	used := func(want int64) {
		t.Helper()
		if got := mem.used.Load(); got != want {
			t.Errorf("%d bytes are counted, want %d", got, want)
		}
	}
	big, small := body(limit-100, 1), body(100, 2)
	put(t, s, "big", big)
	put(t, s, "small", small)
	used(limit)
	if _, err := tryPut(t.Context(), s, "more", []byte("x"), PutOptions{}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("put beyond the cap = %v, want %v", err, ErrNoSpace)
	}
	if _, _, err := s.Copy(t.Context(), testBucket, "big", testBucket, "copy", CopyOptions{}); err != nil {
		t.Errorf("Copy() at the cap = %v, it needs no bytes", err)
	}
	used(limit)

	_, r, err := s.Open(t.Context(), testBucket, "big")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMany(t.Context(), testBucket, []string{"big", "copy", "small"}); err != nil {
		t.Fatal(err)
	}
	used(limit - 100) // the reader has it
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
	used(0)
	put(t, s, "big", big)
	put(t, s, "big", small)
	used(100)
	if _, err := tryPut(t.Context(), s, "big", body(maxInline+1, 1), PutOptions{ForbidOverwrite: true}); !errors.Is(err, ErrExists) {
		t.Errorf("put = %v, want %v", err, ErrExists)
	}
	used(100)
}

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
)

// manyParts are bodies around every boundary.
func manyParts() [][]byte {
	var bodies [][]byte
	for i, n := range sizes {
		bodies = append(bodies, body(n, byte(i)), body(sizes[len(sizes)-1-i], byte(i+100)))
	}
	return bodies
}

func TestManifestReaderIsAReadSeeker(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		bodies := [][]byte{body(300, 1), body(1, 2), body(2000, 3), body(maxInline+1, 4)}
		putParts(t, s, "k", bodies...)
		_, r, err := s.Open(t.Context(), testBucket, "k")
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, slices.Concat(bodies...)); err != nil {
			t.Error(err)
		}
		if _, err := r.Seek(0, 9); err == nil {
			t.Error("Seek() with an unknown whence works")
		}
		if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Error(err)
		}
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Read() after Close = %v, want %v", err, fs.ErrClosed)
		}
	})
}

func TestManifestReaderReadsRanges(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		random := rand.New(rand.NewPCG(5, 6))
		want := slices.Concat(manyParts()...)
		putParts(t, s, "k", manyParts()...)
		_, r, err := s.Open(t.Context(), testBucket, "k")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for range 200 {
			off := random.IntN(len(want))
			n := min(len(want)-off, 1+random.IntN(4*blockSize))
			if _, err := r.Seek(int64(off), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, n)
			if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want[off:off+n]) {
				t.Fatalf("range %d+%d is wrong, %v", off, n, err)
			}
		}
	})
}

func TestManifestReaderIsNotDisturbedByChangesOfItsKey(t *testing.T) {
	t.Parallel()
	bodies := [][]byte{body(maxInline, 1), body(2*blockSize+1, 2), body(10, 3), body(maxInline+1, 4)}
	changes := map[string]func(ctx context.Context, s *Store) error{
		"overwrite": func(ctx context.Context, s *Store) error {
			return second(tryPut(ctx, s, "k", []byte("new"), PutOptions{}))
		},
		"delete": func(ctx context.Context, s *Store) error { return s.Delete(ctx, testBucket, "k") },
		"copy": func(ctx context.Context, s *Store) error {
			return third(s.Copy(ctx, testBucket, "other", testBucket, "k", CopyOptions{}))
		},
		"complete": func(ctx context.Context, s *Store) error {
			id, err := s.Initiate(ctx, testBucket, "k", PutOptions{})
			if err != nil {
				return err
			}
			p, err := tryPart(ctx, s, testBucket, "k", id, 1, []byte("new"))
			if err != nil {
				return err
			}
			return second(s.Complete(ctx, testBucket, "k", id, []CompletePart{{1, p.ETag}}, false, 0))
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			for mode, o := range map[string]Options{"memory": {}, "folder": {Dir: t.TempDir()}} {
				t.Run(mode, func(t *testing.T) {
					s := open(t, o)
					put(t, s, "other", []byte("x"))
					putParts(t, s, "k", bodies...)
					_, r, err := s.Open(t.Context(), testBucket, "k")
					if err != nil {
						t.Fatal(err)
					}
					defer r.Close()
					head := make([]byte, 10)
					if _, err := io.ReadFull(r, head); err != nil {
						t.Fatal(err)
					}
					if err := change(t.Context(), s); err != nil {
						t.Fatal(err)
					}
					s.sweeper.settle()
					rest, err := io.ReadAll(r)
					if err != nil || !bytes.Equal(append(head, rest...), slices.Concat(bodies...)) {
						t.Errorf("the reader got %d bytes, %v", len(rest)+10, err)
					}
					if err := r.Close(); err != nil {
						t.Fatal(err)
					}
					if err := s.DeleteMany(t.Context(), testBucket, []string{"k", "other"}); err != nil {
						t.Fatal(err)
					}
					nothingIsLeft(t, s, o.Dir)
				})
			}
		})
	}
}

func TestManifestReaderEndsAtTheNextPartAfterClose(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		first, second := body(blockSize+1, 1), body(2, 2)
		putParts(t, s, "k", first, second)
		_, r, err := s.Open(t.Context(), testBucket, "k")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Delete(t.Context(), testBucket, "k"), s.Close()); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); !errors.Is(err, ErrClosed) || !bytes.Equal(got, first[1:]) {
			t.Errorf("%d bytes, %v, want the rest of the part and %v", len(got), err, ErrClosed)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestManifestReaderDeliversNoDamagedByte(t *testing.T) {
	t.Parallel()
	for _, at := range []int{0, blockSize - 1, blockSize, 2*blockSize - 1} {
		dir := t.TempDir()
		s := open(t, Options{Dir: dir})
		bodies := [][]byte{body(100, 1), body(2*blockSize, 2), body(50, 3)}
		want := slices.Concat(bodies...)
		putParts(t, s, "k", bodies...)
		flip(t, blobFiles(t, dir)[0], at)
		got, err := get(t.Context(), s, "k")
		good := 100 + at/blockSize*blockSize
		if !errors.Is(err, ErrCorrupt) || !bytes.Equal(got, want[:good]) {
			t.Errorf("byte %d flipped: %d bytes, %v, want the %d before the block and %v", at, len(got), err, good, ErrCorrupt)
		}
		_, r, err := s.Open(t.Context(), testBucket, "k")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Seek(-50, io.SeekEnd); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, bodies[2]) {
			t.Errorf("the last part has %d bytes, %v, want it undamaged", len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestManifestReaderMissingPartIsCorrupt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	putParts(t, s, "k", body(10, 1), body(maxInline+1, 2))
	if err := os.Remove(blobFiles(t, dir)[0]); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := get(t.Context(), s, "k"); !errors.Is(err, ErrCorrupt) || len(got) != 10 {
			t.Errorf("%d bytes, %v, want the first part and %v", len(got), err, ErrCorrupt)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, Options{Dir: dir})
	}
	if err := s.change(t.Context(), func(x *txn) error { return second(x.exec("DELETE FROM segment WHERE pos = 0")) }); err != nil {
		t.Fatal(err)
	}
	if got, err := get(t.Context(), s, "k"); !errors.Is(err, ErrCorrupt) || len(got) != 0 {
		t.Errorf("without its first row: %d bytes, %v, want %v", len(got), err, ErrCorrupt)
	}
}

func TestManifestReaderSeesWholeVersionsOnly(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"memory": {}, "folder": {Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, o)
			version := func(seed byte) [][]byte {
				return [][]byte{body(10, seed), body(maxInline+1, seed), body(300, seed)}
			}
			size := len(slices.Concat(version(0)...))
			putParts(t, s, "k", version(0)...)
			var wg sync.WaitGroup
			for i := range 3 {
				wg.Go(func() {
					for n := range 12 {
						putParts(t, s, "k", version(byte(12*i+n))...)
					}
				})
				wg.Go(func() {
					for range 60 {
						got, err := get(t.Context(), s, "k")
						if err != nil || len(got) != size || !bytes.Equal(got, slices.Concat(version(got[0])...)) {
							t.Errorf("read of a hot key: %d bytes, %v", len(got), err)
							return
						}
					}
				})
				wg.Go(func() {
					key := fmt.Sprint("copy", i)
					for n := range 12 {
						id := initiate(t, s, key)
						p := copyPart(t, s, "k", key, id, 1, int64(n), 100)
						if err := s.AbortUpload(t.Context(), testBucket, key, id); err != nil || p.Size != 100 {
							t.Errorf("AbortUpload() = %v", err)
						}
					}
				})
			}
			wg.Wait()
			if n := countBlobs(t, s); n != 3 {
				t.Errorf("%d bodies are stored, want 3", n)
			}
			if err := s.Delete(t.Context(), testBucket, "k"); err != nil {
				t.Fatal(err)
			}
			nothingIsLeft(t, s, o.Dir)
		})
	}
}

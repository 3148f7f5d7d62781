package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/iotest"
)

func TestReaderIsAReadSeeker(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		for _, n := range sizes {
			want := body(n, 5)
			put(t, s, "k", want)
			_, r, err := s.Open(t.Context(), testBucket, "k")
			if err != nil {
				t.Fatal(err)
			}
			if n < 2*blockSize { // it reads byte by byte
				if err := iotest.TestReader(r, want); err != nil {
					t.Errorf("body of %d bytes: %v", n, err)
				}
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if _, err := r.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("Read() after Close = %v, want %v", err, fs.ErrClosed)
			}
		}
	})
}

func TestReaderReadsRanges(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		random := rand.New(rand.NewPCG(5, 6))
		want := body(3*blockSize+17, 5)
		put(t, s, "k", want)
		_, r, err := s.Open(t.Context(), testBucket, "k")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for range 200 {
			off := random.IntN(len(want))
			n := 1 + random.IntN(len(want)-off)
			if _, err := r.Seek(int64(off-len(want)), io.SeekEnd); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, n)
			if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want[off:off+n]) {
				t.Fatalf("range %d+%d is wrong, %v", off, n, err)
			}
		}
	})
}

func TestReaderIsNotDisturbedByChangesOfItsKey(t *testing.T) {
	t.Parallel()
	changes := map[string]func(ctx context.Context, s *Store) error{
		"overwrite": func(ctx context.Context, s *Store) error {
			return second(tryPut(ctx, s, "k", []byte("new"), PutOptions{}))
		},
		"delete": func(ctx context.Context, s *Store) error { return s.Delete(ctx, testBucket, "k") },
		"copy": func(ctx context.Context, s *Store) error {
			return third(s.Copy(ctx, testBucket, "other", testBucket, "k", CopyOptions{}))
		},
		"close": func(_ context.Context, s *Store) error { return s.Close() },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, s *Store) {
				put(t, s, "other", []byte("x"))
				for _, n := range []int{maxInline, 2*blockSize + 1} {
					want := body(n, 5)
					put(t, s, "k", want)
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
					rest, err := io.ReadAll(r)
					if err != nil || !bytes.Equal(append(head, rest...), want) {
						t.Errorf("the reader of %d bytes got %d, %v", n, len(rest), err)
					}
					if name == "close" {
						return
					}
				}
			})
		})
	}
}

func TestReaderSeesWholeVersionsOnly(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"memory": {}, "folder": {Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, o)
			const size = maxInline + 100
			put(t, s, "k", body(size, 0))
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					for n := range 40 {
						put(t, s, "k", body(size, byte(40*i+n)))
					}
				})
				wg.Go(func() {
					for range 100 {
						got, err := get(t.Context(), s, "k")
						if err != nil || len(got) != size || !bytes.Equal(got, body(size, got[0])) {
							t.Errorf("read of a hot key: %d bytes, %v", len(got), err)
							return
						}
					}
				})
			}
			wg.Wait()
			if n := countBlobs(t, s); n != 1 {
				t.Errorf("%d bodies are stored, want 1", n)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if o.Dir != "" {
				if files := blobFiles(t, o.Dir); len(files) != 1 {
					t.Errorf("%d body files are left, want 1", len(files))
				}
			}
		})
	}
}

// blobFiles are the paths of all body files of a data folder.
func blobFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, blobsDir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestReaderDeliversNoDamagedByte(t *testing.T) {
	t.Parallel()
	want := body(3*blockSize+17, 5)
	for _, at := range []int{0, blockSize - 1, blockSize, 2*blockSize + 5, len(want) - 1} {
		dir := t.TempDir()
		s := open(t, Options{Dir: dir})
		put(t, s, "k", want)
		flip(t, blobFiles(t, dir)[0], at)
		got, err := get(t.Context(), s, "k")
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("byte %d flipped: error %v, want %v", at, err, ErrCorrupt)
		}
		if good := at / blockSize * blockSize; len(got) != good || !bytes.Equal(got, want[:good]) {
			t.Errorf("byte %d flipped: %d bytes delivered, want the %d before its block", at, len(got), good)
		}
		_, r, err := s.Open(t.Context(), testBucket, "k")
		if err != nil {
			t.Fatal(err)
		}
		for block := 0; block*blockSize < len(want); block++ { // the other blocks can still be read
			p := make([]byte, min(blockSize, len(want)-block*blockSize))
			_, _ = r.Seek(int64(block*blockSize), io.SeekStart)
			_, err := io.ReadFull(r, p)
			if damaged := block == at/blockSize; damaged != errors.Is(err, ErrCorrupt) || !damaged && err != nil {
				t.Errorf("byte %d flipped: block %d gives %v", at, block, err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// flip changes one byte of a file.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 0x10
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReaderNoticesADamagedInlineBody(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		for name, change := range map[string]string{
			"changed":   "UPDATE inline SET data = X'00' || substr(data, 2)",
			"shortened": "UPDATE inline SET data = substr(data, 2)",
			"gone":      "DELETE FROM inline",
		} {
			put(t, s, "k", body(100, 9))
			err := s.change(t.Context(), func(x *txn) error {
				return second(x.exec(change))
			})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := get(t.Context(), s, "k"); !errors.Is(err, ErrCorrupt) || len(got) != 0 {
				t.Errorf("%s: %d bytes, %v, want %v", name, len(got), err, ErrCorrupt)
			}
		}
	})
}

func TestReaderMissingOrShortenedFileIsCorrupt(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"missing":   os.Remove,
		"shortened": func(path string) error { return os.Truncate(path, 10) },
		"longer":    func(path string) error { return os.Truncate(path, 10*blockSize) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, Options{Dir: dir})
			put(t, s, "k", body(maxInline+1, 5))
			if err := damage(blobFiles(t, dir)[0]); err != nil {
				t.Fatal(err)
			}
			check := func(s *Store) {
				t.Helper()
				if _, _, err := s.Open(t.Context(), testBucket, "k"); !errors.Is(err, ErrCorrupt) {
					t.Errorf("Open() = %v, want %v", err, ErrCorrupt)
				}
				if _, err := s.Head(t.Context(), testBucket, "k"); err != nil {
					t.Errorf("Head() = %v", err)
				}
			}
			check(s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, Options{Dir: dir})
			check(s)
			put(t, s, "k", []byte("better"))
			if got, err := get(t.Context(), s, "k"); err != nil || string(got) != "better" {
				t.Errorf("after an overwrite: %q, %v", got, err)
			}
		})
	}
}

func TestReaderOfAShrinkingFileIsCorrupt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	put(t, s, "k", body(2*blockSize, 5))
	_, r, err := s.Open(t.Context(), testBucket, "k")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Truncate(blobFiles(t, dir)[0], blockSize); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); !errors.Is(err, ErrCorrupt) || len(got) != blockSize {
		t.Errorf("%d bytes, %v, want one block and %v", len(got), err, ErrCorrupt)
	}
}

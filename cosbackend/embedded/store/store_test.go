package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testBucket = "photos-1250000000"

// eachMode runs a test against a store in memory and one in a folder.
func eachMode(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Run("memory", func(t *testing.T) { test(t, open(t, Options{})) })
	t.Run("folder", func(t *testing.T) { test(t, open(t, Options{Dir: t.TempDir()})) })
}

// open opens a store that has testBucket.
func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatalf("Open(%q) = %v", o.Dir, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	err = s.CreateBucket(t.Context(), Bucket{Name: testBucket, Region: "ap-guangzhou"})
	if err != nil && !errors.Is(err, ErrBucketExists) {
		t.Fatalf("CreateBucket() = %v", err)
	}
	return s
}

// put stores a body and fails the test when that does not work.
func put(t testing.TB, s *Store, key string, body []byte) Object {
	t.Helper()
	obj, err := tryPut(t.Context(), s, key, body, PutOptions{})
	if err != nil {
		t.Fatalf("put %q = %v", key, err)
	}
	return obj
}

func tryPut(ctx context.Context, s *Store, key string, body []byte, o PutOptions) (Object, error) {
	u, err := s.NewUpload(ctx)
	if err != nil {
		return Object{}, err
	}
	defer u.Abort()
	if _, err := u.Write(body); err != nil {
		return Object{}, err
	}
	return u.Commit(ctx, testBucket, key, o)
}

// get reads a whole body.
func get(ctx context.Context, s *Store, key string) ([]byte, error) {
	_, r, err := s.Open(ctx, testBucket, key)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r)
	return body, errors.Join(err, r.Close())
}

// body makes n bytes that differ from block to block.
func body(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16) ^ seed
	}
	return b
}

// sizes are around every boundary of the write path.
var sizes = []int{0, 1, maxInline - 1, maxInline, maxInline + 1, blockSize - 1, blockSize, blockSize + 1, 2 * blockSize, 3*blockSize + 17}

func TestABodyComesBackAsItWasWritten(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Store) {
		for _, n := range sizes {
			want := body(n, 7)
			obj := put(t, s, "k", want)
			got, err := get(t.Context(), s, "k")
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("body of %d bytes: got %d bytes, %v", n, len(got), err)
			}
			if obj.Size != int64(n) {
				t.Errorf("Commit() of %d bytes has size %d", n, obj.Size)
			}
		}
	})
}

var _ = filepath.Join
var _ = time.Now

func BenchmarkPut1K(b *testing.B) {
	for _, mode := range []string{"memory", "folder"} {
		b.Run(mode, func(b *testing.B) {
			o := Options{}
			if mode == "folder" {
				o.Dir = b.TempDir()
			}
			s := open(b, o)
			data := body(1024, 1)
			b.SetParallelism(32)
			i := make(chan int, 1)
			i <- 0
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					n := <-i
					i <- n + 1
					put(b, s, "key/"+time.Duration(n).String(), data)
				}
			})
		})
	}
}

func BenchmarkHead(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	put(b, s, "k", []byte("x"))
	for b.Loop() {
		if _, err := s.Head(b.Context(), testBucket, "k"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenMemory(b *testing.B) {
	for b.Loop() {
		s, err := Open(Options{})
		if err != nil {
			b.Fatal(err)
		}
		s.CreateBucket(b.Context(), Bucket{Name: testBucket})
		s.Close()
	}
}

func BenchmarkUploadBig(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	data := body(16<<20, 1)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		put(b, s, "k", data)
	}
}

func BenchmarkReadBig(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	data := body(16<<20, 1)
	put(b, s, "k", data)
	b.SetBytes(int64(len(data)))
	buf := make([]byte, 32<<10)
	for b.Loop() {
		_, r, err := s.Open(b.Context(), testBucket, "k")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, buf); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

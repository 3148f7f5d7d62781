package store

import (
	"context"
	"errors"
	"io"
	"testing"

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

// An upload that outlives its store must not wake the writer, which is gone.
func TestCloseFreesNothingMore(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Dir: t.TempDir()})
	s.freeSpace()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.freeSpace()
}

package store

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCopySharesTheBody(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		for _, n := range sizes {
			want := body(n, 9)
			put(t, s, "src", want)
			if _, _, err := s.Copy(t.Context(), testBucket, "src", testBucket, "dst", CopyOptions{}); err != nil {
				t.Fatal(err)
			}
			blobs := int64(1)
			if n == 0 {
				blobs = 0
			}
			if got := countBlobs(t, s); got != blobs {
				t.Errorf("copy of %d bytes: %d bodies are stored, want %d", n, got, blobs)
			}
			if err := s.Delete(t.Context(), testBucket, "src"); err != nil {
				t.Fatal(err)
			}
			if got, err := get(t.Context(), s, "dst"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the copy of %d bytes without its source has %d bytes, %v", n, len(got), err)
			}
			if err := s.Delete(t.Context(), testBucket, "dst"); err != nil {
				t.Fatal(err)
			}
			if got := countBlobs(t, s); got != 0 {
				t.Errorf("%d bodies are stored after the last delete, want 0", got)
			}
		}
	})
}

func TestCopyTakesHeadersAsItsOptionsSay(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		from := PutOptions{StorageClass: "ARCHIVE", ACL: "public-read", Headers: map[string]string{"content-type": "a"}}
		if _, err := tryPut(t.Context(), s, "src", []byte("x"), from); err != nil {
			t.Fatal(err)
		}
		put := PutOptions{ACL: "private", Headers: map[string]string{"content-type": "b"}}
		for name, c := range map[string]struct {
			o    CopyOptions
			want PutOptions
		}{
			"kept":     {CopyOptions{Put: put}, PutOptions{StorageClass: "ARCHIVE", ACL: "private", Headers: from.Headers}},
			"replaced": {CopyOptions{Put: put, Replace: true}, PutOptions{StorageClass: "ARCHIVE", ACL: "private", Headers: put.Headers}},
			"class":    {CopyOptions{Put: PutOptions{StorageClass: "STANDARD"}}, PutOptions{StorageClass: "STANDARD", Headers: from.Headers}},
		} {
			src, dst, err := s.Copy(t.Context(), testBucket, "src", testBucket, "dst", c.o)
			if err != nil {
				t.Fatal(err)
			}
			want := src
			want.Key, want.Modified = "dst", dst.Modified
			want.StorageClass, want.ACL, want.Headers = c.want.StorageClass, c.want.ACL, c.want.Headers
			if diff := cmp.Diff(want, dst); diff != "" {
				t.Errorf("%s: Copy() (-want +got):\n%s", name, diff)
			}
			head, err := s.Head(t.Context(), testBucket, "dst")
			if diff := cmp.Diff(want, head); diff != "" || err != nil {
				t.Errorf("%s: Head() = %v (-want +got):\n%s", name, err, diff)
			}
		}
	})
}

func TestCopyOntoItselfChangesTheHeadersOnly(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		for _, n := range []int{0, 10, maxInline + 1} {
			want := body(n, 4)
			put(t, s, "k", want)
			o := CopyOptions{Replace: true, Put: PutOptions{Headers: map[string]string{"content-type": "text/x"}}}
			if _, _, err := s.Copy(t.Context(), testBucket, "k", testBucket, "k", o); err != nil {
				t.Fatal(err)
			}
			obj, err := s.Head(t.Context(), testBucket, "k")
			if err != nil || obj.Headers["content-type"] != "text/x" {
				t.Errorf("Head() = %v, %v", obj, err)
			}
			if got, err := get(t.Context(), s, "k"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the body has %d bytes, %v, want %d", len(got), err, n)
			}
		}
	})
}

func TestCopyCallsTheCheck(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		refusal := errors.New("precondition")
		put(t, s, "src", []byte("x"))
		put(t, s, "dst", []byte("old"))
		var seen Object
		o := CopyOptions{Check: func(src Object) error { seen = src; return refusal }}
		src, _, err := s.Copy(t.Context(), testBucket, "src", testBucket, "dst", o)
		if err != refusal { //nolint:errorlint // unchanged is what is promised
			t.Errorf("Copy() = %v, want the error of Check itself", err)
		}
		if seen.Key != "src" || src.Key != "src" {
			t.Errorf("Check saw %q, Copy returned source %q, want src", seen.Key, src.Key)
		}
		if got, _ := get(t.Context(), s, "dst"); string(got) != "old" {
			t.Errorf("a refused copy changed the target to %q", got)
		}
		_, _, err = s.Copy(t.Context(), testBucket, "src", testBucket, "dst", CopyOptions{Put: PutOptions{ForbidOverwrite: true}})
		if !errors.Is(err, ErrExists) {
			t.Errorf("Copy() onto a key that is taken = %v, want %v", err, ErrExists)
		}
	})
}

func TestCopyPanicInACheckReachesItsCallerOnly(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	put(t, s, "src", []byte("x"))
	func() {
		defer func() {
			if p := recover(); p != "boom" {
				t.Errorf("recovered %v, want boom", p)
			}
		}()
		_, _, _ = s.Copy(t.Context(), testBucket, "src", testBucket, "dst", CopyOptions{Check: func(Object) error { panic("boom") }})
	}()
	put(t, s, "dst", []byte("y"))
}

// countBlobs counts bodies, once the sweeper is done, and checks that each body
// and manifest has as many references as it claims.
func countBlobs(t *testing.T, s *Store) (n int64) {
	t.Helper()
	s.sweeper.settle()
	err := s.change(t.Context(), func(x *txn) error {
		var wrong int64
		_, err := x.row(`SELECT count(*), coalesce(sum(refs != (SELECT count(*) FROM version v WHERE v.blob_id = b.id)
			+ (SELECT count(*) FROM part p WHERE p.blob_id = b.id)
			+ (SELECT count(*) FROM segment s WHERE s.blob_id = b.id)), 0) FROM blob b`, nil, &n, &wrong)
		if wrong > 0 {
			t.Errorf("%d bodies have a wrong number of references", wrong)
		}
		if err != nil {
			return err
		}
		_, err = x.row(`SELECT coalesce(sum(refs != (SELECT count(*) FROM version v WHERE v.manifest_id = m.id)
			+ (SELECT count(*) FROM part p WHERE p.manifest_id = m.id)), 0) FROM manifest m`, nil, &wrong)
		if wrong > 0 {
			t.Errorf("%d manifests have a wrong number of references", wrong)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

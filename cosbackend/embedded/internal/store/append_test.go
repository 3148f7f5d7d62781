package store

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func tryAppend(ctx context.Context, s *Store, bucket, key string, position int64, body []byte) (Object, error) {
	u, err := s.NewUpload(ctx)
	if err != nil {
		return Object{}, err
	}
	defer u.Abort()
	if _, err := u.Write(body); err != nil {
		return Object{}, err
	}
	return u.CommitAppend(ctx, bucket, key, position, PutOptions{})
}

// appendTo appends and fails the test when that does not work.
func appendTo(t testing.TB, s *Store, key string, position int, body []byte) Object {
	t.Helper()
	obj, err := tryAppend(t.Context(), s, testBucket, key, int64(position), body)
	if err != nil {
		t.Fatalf("append to %q at %d = %v", key, position, err)
	}
	return obj
}

func TestAppendMakesOneObject(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		headers := map[string]string{"content-type": "log"}
		u, err := s.NewUpload(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		first, err := u.CommitAppend(t.Context(), testBucket, "k", 0, PutOptions{StorageClass: "ARCHIVE", ACL: "private", Headers: headers})
		if err != nil || first.Type != "appendable" || first.ETag != etagOf(nil) {
			t.Fatalf("CommitAppend() = %v, %v", first, err)
		}
		var whole []byte
		etags := map[string]bool{first.ETag: true}
		for i, n := range slices.Concat(sizes, sizes) {
			whole = append(whole, body(n, byte(i))...)
			got := appendTo(t, s, "k", len(whole)-n, body(n, byte(i)))
			want := first
			want.Size, want.CRC64, want.Modified, want.ETag = int64(len(whole)), sum64(whole), got.Modified, got.ETag
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("CommitAppend() (-want +got):\n%s", diff)
			}
			if etags[got.ETag] == (n > 0) {
				t.Errorf("append of %d bytes: ETag %s, seen before: %v", n, got.ETag, n > 0)
			}
			etags[got.ETag] = true
			head, err := s.Head(t.Context(), testBucket, "k")
			if diff := cmp.Diff(got, head); diff != "" || err != nil {
				t.Errorf("Head() = %v (-want +got):\n%s", err, diff)
			}
			if b, err := get(t.Context(), s, "k"); err != nil || !bytes.Equal(b, whole) {
				t.Fatalf("after %d appends: %d bytes, %v, want %d", i+1, len(b), err, len(whole))
			}
		}
		page, err := s.List(t.Context(), testBucket, ListOptions{})
		if err != nil || len(page.Objects) != 1 || page.Objects[0].Type != "appendable" || page.Objects[0].Size != int64(len(whole)) {
			t.Errorf("List() = %v, %v", page, err)
		}
	})
}

func TestAppendETagIsMadeOfTheFormerOne(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	if got := appendTo(t, s, "k", 0, []byte("a")).ETag; got != etagOf([]byte("a")) {
		t.Errorf("ETag of the first append = %s, want the MD5", got)
	}
	a, b, c := md5.Sum([]byte("a")), md5.Sum([]byte("b")), md5.Sum([]byte("c"))
	ab := md5.Sum(append(a[:], b[:]...))
	if got, want := appendTo(t, s, "k", 1, []byte("b")).ETag, fmt.Sprintf("%x-2", ab); got != want {
		t.Errorf("ETag of the second append = %s, want %s", got, want)
	}
	if got, want := appendTo(t, s, "k", 2, []byte("c")).ETag, fmt.Sprintf("%x-3", md5.Sum(append(ab[:], c[:]...))); got != want {
		t.Errorf("ETag of the third append = %s, want %s", got, want)
	}
}

func TestAppendRefusesAnotherPosition(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		refused := func(position, size int64) {
			t.Helper()
			_, err := tryAppend(t.Context(), s, testBucket, "k", position, body(maxInline+1, 1))
			if e, ok := errors.AsType[*PositionError](err); !ok || e.Size != size {
				t.Errorf("append at %d = %v, want a PositionError with %d", position, err, size)
			}
		}
		refused(1, 0)
		appendTo(t, s, "k", 0, []byte("abc"))
		refused(0, 3)
		refused(4, 3)
		refused(-1, 3)
		appendTo(t, s, "k", 3, []byte("d"))
		refused(3, 4)
		if n := countBlobs(t, s); n != 2 {
			t.Errorf("%d bodies are stored, want 2", n)
		}
	})
}

func TestAppendRefusesNormalObjects(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		put(t, s, "put", []byte("abc"))
		putParts(t, s, "parts", []byte("a"), []byte("bc"))
		appendTo(t, s, "src", 0, []byte("a"))
		appendTo(t, s, "src", 1, []byte("bc"))
		_, obj, err := s.Copy(t.Context(), testBucket, "src", testBucket, "copy", CopyOptions{})
		if err != nil || obj.Type != "normal" {
			t.Errorf("Copy() of an appendable object = %v, %v, want a normal one", obj, err)
		}
		for _, key := range []string{"put", "parts", "copy"} {
			for _, position := range []int64{0, 3} {
				if _, err := tryAppend(t.Context(), s, testBucket, key, position, []byte("d")); !errors.Is(err, ErrNotAppendable) {
					t.Errorf("append to %s at %d = %v, want %v", key, position, err, ErrNotAppendable)
				}
			}
			if got, err := get(t.Context(), s, key); err != nil || string(got) != "abc" {
				t.Errorf("%s is %q, %v, want abc", key, got, err)
			}
		}
		put(t, s, "src", []byte("new"))
		if obj, err := s.Head(t.Context(), testBucket, "src"); err != nil || obj.Type != "normal" {
			t.Errorf("Head() after a put over an appendable object = %v, %v, want a normal one", obj, err)
		}
		if _, err := tryAppend(t.Context(), s, testBucket, "src", 3, []byte("d")); !errors.Is(err, ErrNotAppendable) {
			t.Errorf("append after the put = %v, want %v", err, ErrNotAppendable)
		}
	})
}

func TestAppendDoesNotReachCopiesAndReaders(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		chunks := [][]byte{body(blockSize+1, 1), body(10, 2), body(maxInline+1, 3), body(1, 4)}
		readers := map[int]io.ReadCloser{}
		var whole []byte
		for i, c := range chunks {
			appendTo(t, s, "k", len(whole), c)
			whole = append(whole, c...)
			if _, _, err := s.Copy(t.Context(), testBucket, "k", testBucket, fmt.Sprint("copy", i), CopyOptions{}); err != nil {
				t.Fatal(err)
			}
			_, r, err := s.Open(t.Context(), testBucket, "k")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			readers[len(whole)] = r
		}
		if err := s.Delete(t.Context(), testBucket, "k"); err != nil {
			t.Fatal(err)
		}
		at := 0
		for i, c := range chunks {
			at += len(c)
			if got, err := get(t.Context(), s, fmt.Sprint("copy", i)); err != nil || !bytes.Equal(got, whole[:at]) {
				t.Errorf("copy %d has %d bytes, %v, want %d", i, len(got), err, at)
			}
			if got, err := io.ReadAll(readers[at]); err != nil || !bytes.Equal(got, whole[:at]) {
				t.Errorf("reader %d got %d bytes, %v, want %d", i, len(got), err, at)
			}
		}
		if n := countBlobs(t, s); n != int64(len(chunks)) {
			t.Errorf("%d bodies are stored, want one for each append", n)
		}
	})
}

func TestAppendAtOnePositionSucceedsOnce(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		const writers, each = 8, 12
		var mu sync.Mutex
		won := map[int64][]byte{}
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				position := int64(0)
				for n := 0; n < each; {
					chunk := body(1+(i*each+n)%7*6000, byte(i*each+n))
					obj, err := tryAppend(t.Context(), s, testBucket, "k", position, chunk)
					if e, ok := errors.AsType[*PositionError](err); ok {
						position = e.Size
						continue
					}
					if err != nil {
						t.Errorf("append = %v", err)
						return
					}
					mu.Lock()
					if won[position] != nil || obj.Size != position+int64(len(chunk)) {
						t.Errorf("position %d was won twice, or the object has %d bytes after %d more", position, obj.Size, len(chunk))
					}
					won[position] = chunk
					mu.Unlock()
					position = obj.Size
					n++
				}
			})
		}
		wg.Wait()
		got, err := get(t.Context(), s, "k")
		if err != nil || len(won) != writers*each {
			t.Fatalf("%d positions were won, %v, want %d", len(won), err, writers*each)
		}
		total := 0
		for position, chunk := range won {
			total += len(chunk)
			if !bytes.HasPrefix(got[position:], chunk) {
				t.Errorf("the bytes at %d are not those of the winner", position)
			}
		}
		if total != len(got) {
			t.Errorf("the object has %d bytes, want %d", len(got), total)
		}
		if obj, err := s.Head(t.Context(), testBucket, "k"); err != nil || obj.CRC64 != sum64(got) {
			t.Errorf("Head() = %v, %v, want the CRC64 of the whole", obj, err)
		}
	})
}

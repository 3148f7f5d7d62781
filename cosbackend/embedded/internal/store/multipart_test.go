package store

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc64"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// initiate starts a multipart upload.
func initiate(t testing.TB, s *Store, key string) (id string) {
	t.Helper()
	id, err := s.Initiate(t.Context(), testBucket, key, PutOptions{})
	if err != nil {
		t.Fatalf("Initiate(%q) = %v", key, err)
	}
	return id
}

// putPart stores a part and fails the test when that does not work.
func putPart(t testing.TB, s *Store, key, id string, number int, body []byte) CompletePart {
	t.Helper()
	p, err := tryPart(t.Context(), s, testBucket, key, id, number, body)
	if err != nil {
		t.Fatalf("part %d of %q = %v", number, key, err)
	}
	return CompletePart{p.Number, p.ETag}
}

func tryPart(ctx context.Context, s *Store, bucket, key, id string, number int, body []byte) (PartInfo, error) {
	u, err := s.NewUpload(ctx)
	if err != nil {
		return PartInfo{}, err
	}
	defer u.Abort()
	if _, err := u.Write(body); err != nil {
		return PartInfo{}, err
	}
	return u.CommitPart(ctx, bucket, key, id, number)
}

// putParts makes an object of the bodies given.
func putParts(t testing.TB, s *Store, key string, bodies ...[]byte) Object {
	t.Helper()
	id := initiate(t, s, key)
	var parts []CompletePart
	for i, b := range bodies {
		parts = append(parts, putPart(t, s, key, id, i+1, b))
	}
	obj, err := s.Complete(t.Context(), testBucket, key, id, parts, false, 0)
	if err != nil {
		t.Fatalf("Complete(%q) = %v", key, err)
	}
	return obj
}

func sum64(b []byte) uint64 { return crc64.Checksum(b, crc64.MakeTable(crc64.ECMA)) }

func etagOf(b []byte) string { return fmt.Sprintf("%x", md5.Sum(b)) }

// etagOfParts is the ETag of an object made of these parts.
func etagOfParts(bodies ...[]byte) string {
	var all []byte
	for _, b := range bodies {
		sum := md5.Sum(b)
		all = append(all, sum[:]...)
	}
	return fmt.Sprintf("%x-%d", md5.Sum(all), len(bodies))
}

func TestPartsMakeAnObject(t *testing.T) {
	clock := func() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 7000, time.UTC) }
	for name, o := range map[string]Options{"memory": {Clock: clock}, "folder": {Clock: clock, Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, o)
			headers := map[string]string{"content-type": "x", "x-cos-meta-a": "\xff"}
			id, err := s.Initiate(t.Context(), testBucket, "k", PutOptions{StorageClass: "ARCHIVE", ACL: "private", Headers: headers})
			if err != nil {
				t.Fatal(err)
			}
			bodies := [][]byte{body(blockSize+5, 1), body(maxInline, 2), body(maxInline+1, 3), nil, body(7, 4)}
			var parts []CompletePart
			for i, b := range bodies {
				got, err := tryPart(t.Context(), s, testBucket, "k", id, 2*i+1, b)
				want := PartInfo{Number: 2*i + 1, Size: int64(len(b)), ETag: etagOf(b), CRC64: sum64(b), Modified: clock()}
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("CommitPart() = %v (-want +got):\n%s", err, diff)
				}
				parts = append(parts, CompletePart{got.Number, got.ETag})
			}
			if _, err := s.Head(t.Context(), testBucket, "k"); !errors.Is(err, ErrNoSuchKey) {
				t.Errorf("Head() before Complete = %v, want %v", err, ErrNoSuchKey)
			}
			whole := slices.Concat(bodies...)
			want := Object{
				Key: "k", Size: int64(len(whole)), ETag: etagOfParts(bodies...), CRC64: sum64(whole), Modified: clock(),
				StorageClass: "ARCHIVE", Type: "normal", ACL: "private", Headers: headers,
			}
			got, err := s.Complete(t.Context(), testBucket, "k", id, parts, true, 0)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("Complete() = %v (-want +got):\n%s", err, diff)
			}
			head, err := s.Head(t.Context(), testBucket, "k")
			if diff := cmp.Diff(want, head); diff != "" || err != nil {
				t.Errorf("Head() = %v (-want +got):\n%s", err, diff)
			}
			if b, err := get(t.Context(), s, "k"); err != nil || !bytes.Equal(b, whole) {
				t.Errorf("the object has %d bytes, %v, want %d", len(b), err, len(whole))
			}
			if _, _, _, err := s.Parts(t.Context(), testBucket, "k", id, 0, 0); !errors.Is(err, ErrNoSuchUpload) {
				t.Errorf("Parts() after Complete = %v, want %v", err, ErrNoSuchUpload)
			}
		})
	}
}

func TestOnePartMakesAnObject(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Store) {
		for _, n := range sizes {
			want := body(n, 8)
			obj := putParts(t, s, "k", want)
			if obj.ETag != etagOfParts(want) || obj.CRC64 != sum64(want) || obj.Size != int64(n) {
				t.Errorf("Complete() of one part of %d bytes = %v", n, obj)
			}
			if got, err := get(t.Context(), s, "k"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the object has %d bytes, %v, want %d", len(got), err, n)
			}
		}
	})
}

func TestWhatIsAbsentOfAnUploadIsNamed(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		put(t, s, "src", []byte("0123456789"))
		id := initiate(t, s, "k")
		part := putPart(t, s, "k", id, 1, []byte("x"))
		complete := func(bucket, key, id string) error {
			return second(s.Complete(ctx, bucket, key, id, []CompletePart{part}, false, 0))
		}
		list := func(bucket, key, id string) error {
			_, _, _, err := s.Parts(ctx, bucket, key, id, 0, 0)
			return err
		}
		clone := func(srcBucket, src, bucket, key, id string) error {
			return second(s.CopyPart(ctx, Source{srcBucket, src, ""}, 0, -1, nil, bucket, key, id, 1))
		}
		for name, c := range map[string]struct{ got, want error }{
			"initiate, bucket":    {second(s.Initiate(ctx, "none-1", "k", PutOptions{})), ErrNoSuchBucket},
			"part, bucket":        {second(tryPart(ctx, s, "none-1", "k", id, 1, nil)), ErrNoSuchBucket},
			"part, key":           {second(tryPart(ctx, s, testBucket, "l", id, 1, nil)), ErrNoSuchUpload},
			"part, id":            {second(tryPart(ctx, s, testBucket, "k", "x", 1, nil)), ErrNoSuchUpload},
			"complete, bucket":    {complete("none-1", "k", id), ErrNoSuchBucket},
			"complete, key":       {complete(testBucket, "l", id), ErrNoSuchUpload},
			"complete, id":        {complete(testBucket, "k", ""), ErrNoSuchUpload},
			"parts, bucket":       {list("none-1", "k", id), ErrNoSuchBucket},
			"parts, key":          {list(testBucket, "l", id), ErrNoSuchUpload},
			"abort, bucket":       {s.AbortUpload(ctx, "none-1", "k", id), ErrNoSuchBucket},
			"abort, id":           {s.AbortUpload(ctx, testBucket, "k", "x"), ErrNoSuchUpload},
			"uploads, bucket":     {second(s.Uploads(ctx, "none-1", ListUploadsOptions{})), ErrNoSuchBucket},
			"copy, source bucket": {clone("none-1", "src", testBucket, "k", id), ErrNoSuchBucket},
			"copy, source":        {clone(testBucket, "none", testBucket, "k", id), ErrNoSuchSource},
			"copy, bucket":        {clone(testBucket, "src", "none-1", "k", id), ErrNoSuchBucket},
			"copy, upload":        {clone(testBucket, "src", testBucket, "k", "x"), ErrNoSuchUpload},
			"append, bucket":      {second(tryAppend(ctx, s, "none-1", "k", 0, nil)), ErrNoSuchBucket},
		} {
			if !errors.Is(c.got, c.want) {
				t.Errorf("%s: error %v, want %v", name, c.got, c.want)
			}
		}
		if err := complete(testBucket, "k", id); err != nil {
			t.Errorf("Complete() after the refusals = %v", err)
		}
		if n := countBlobs(t, s); n != 2 {
			t.Errorf("%d bodies are stored, want those of the source and the part", n)
		}
	})
}

func TestCompleteRefusesWhatDoesNotFit(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Store) {
		id := initiate(t, s, "k")
		one, two, three := putPart(t, s, "k", id, 1, body(100, 1)), putPart(t, s, "k", id, 2, body(99, 2)), putPart(t, s, "k", id, 3, body(1, 3))
		put(t, s, "k", []byte("old"))
		for name, c := range map[string]struct {
			parts  []CompletePart
			forbid bool
			want   error
		}{
			"none":            {nil, false, ErrInvalidPart},
			"descending":      {[]CompletePart{two, one}, false, ErrPartOrder},
			"twice":           {[]CompletePart{one, one}, false, ErrPartOrder},
			"absent":          {[]CompletePart{one, {4, one.ETag}}, false, ErrInvalidPart},
			"other ETag":      {[]CompletePart{{1, two.ETag}}, false, ErrInvalidPart},
			"too small":       {[]CompletePart{one, two, three}, false, ErrPartTooSmall},
			"order over size": {[]CompletePart{two, one, three}, false, ErrPartOrder},
			"taken":           {[]CompletePart{one, three}, true, ErrExists},
		} {
			if _, err := s.Complete(t.Context(), testBucket, "k", id, c.parts, c.forbid, 100); !errors.Is(err, c.want) {
				t.Errorf("%s: Complete() = %v, want %v", name, err, c.want)
			}
		}
		if _, parts, _, err := s.Parts(t.Context(), testBucket, "k", id, 0, 0); err != nil || len(parts) != 3 {
			t.Errorf("Parts() after the refusals = %v, %v, want all three", parts, err)
		}
		if got, _ := get(t.Context(), s, "k"); string(got) != "old" {
			t.Errorf("a refused Complete changed the object to %q", got)
		}
		if _, err := s.Complete(t.Context(), testBucket, "k", id, []CompletePart{one, three}, false, 100); err != nil {
			t.Errorf("Complete() without the part that is too small = %v", err)
		}
		if got, err := get(t.Context(), s, "k"); err != nil || !bytes.Equal(got, append(body(100, 1), body(1, 3)...)) {
			t.Errorf("the object has %d bytes, %v", len(got), err)
		}
		if n := countBlobs(t, s); n != 2 {
			t.Errorf("%d bodies are stored, want those of the two parts named", n)
		}
	})
}

func TestALaterPartReplacesOneWithItsNumber(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Store) {
		id := initiate(t, s, "k")
		old := putPart(t, s, "k", id, 1, body(maxInline+1, 1))
		for i, n := range sizes {
			b := body(n, byte(i))
			part := putPart(t, s, "k", id, 1, b)
			if _, err := s.Complete(t.Context(), testBucket, "k", id, []CompletePart{old}, false, 0); !errors.Is(err, ErrInvalidPart) {
				t.Fatalf("Complete() with the former ETag = %v, want %v", err, ErrInvalidPart)
			}
			_, parts, _, err := s.Parts(t.Context(), testBucket, "k", id, 0, 0)
			if err != nil || len(parts) != 1 || parts[0].ETag != part.ETag || parts[0].Size != int64(n) {
				t.Errorf("Parts() = %v, %v, want one with %d bytes", parts, err, n)
			}
			old = part
			if got := countBlobs(t, s); got != int64(min(n, 1)) {
				t.Errorf("%d bodies are stored for a part of %d bytes", got, n)
			}
		}
	})
}

func TestPartsAreListedInPages(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Store) {
		headers := map[string]string{"content-type": "x"}
		id, err := s.Initiate(t.Context(), testBucket, "k", PutOptions{ACL: "private", Headers: headers})
		if err != nil {
			t.Fatal(err)
		}
		numbers := []int{10000, 3, 1, 7, 8}
		for _, n := range numbers {
			putPart(t, s, "k", id, n, body(n, 1))
		}
		slices.Sort(numbers)
		for _, size := range []int{0, 1, 2, 5, 6} {
			var got []int
			for after, more := 0, true; more; {
				var info UploadInfo
				var parts []PartInfo
				info, parts, more, err = s.Parts(t.Context(), testBucket, "k", id, after, size)
				want := UploadInfo{Key: "k", ID: id, Initiated: info.Initiated, StorageClass: defaultClass, ACL: "private", Headers: headers}
				if diff := cmp.Diff(want, info); diff != "" || err != nil {
					t.Fatalf("Parts() = %v (-want +got):\n%s", err, diff)
				}
				if size > 0 && (len(parts) > size || more && len(parts) < size) {
					t.Errorf("a page of %d has %d parts, truncated %v", size, len(parts), more)
				}
				for _, p := range parts {
					want := body(p.Number, 1)
					if p.Size != int64(p.Number) || p.ETag != etagOf(want) || p.CRC64 != sum64(want) || p.Modified.IsZero() {
						t.Errorf("part %d = %v", p.Number, p)
					}
					got, after = append(got, p.Number), p.Number
				}
			}
			if !slices.Equal(got, numbers) {
				t.Errorf("pages of %d give %v, want %v", size, got, numbers)
			}
		}
	})
}

func TestAnAbortedUploadLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	for name, o := range map[string]Options{"memory": {}, "folder": {Dir: dir}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, o)
			put(t, s, "src", body(2*blockSize, 1))
			id := initiate(t, s, "k")
			for i, n := range sizes {
				putPart(t, s, "k", id, i+1, body(n, 2))
			}
			if _, err := s.CopyPart(t.Context(), Source{testBucket, "src", ""}, 5, 100, nil, testBucket, "k", id, 100); err != nil {
				t.Fatal(err)
			}
			if err := s.AbortUpload(t.Context(), testBucket, "k", id); err != nil {
				t.Fatal(err)
			}
			if err := s.AbortUpload(t.Context(), testBucket, "k", id); !errors.Is(err, ErrNoSuchUpload) {
				t.Errorf("AbortUpload() again = %v, want %v", err, ErrNoSuchUpload)
			}
			if n := countBlobs(t, s); n != 1 {
				t.Errorf("%d bodies are stored, want that of the source", n)
			}
			if err := s.Delete(t.Context(), testBucket, "src"); err != nil {
				t.Fatal(err)
			}
			nothingIsLeft(t, s, o.Dir)
		})
	}
}

// nothingIsLeft closes a store without objects and looks for bodies.
func nothingIsLeft(t *testing.T, s *Store, dir string) {
	t.Helper()
	if n := countBlobs(t, s); n != 0 {
		t.Errorf("%d bodies are stored, want 0", n)
	}
	if m, ok := s.bodies.(*memBodies); ok && (m.used.Load() != 0 || len(m.held) != 0) {
		t.Errorf("%d bytes in %d bodies are held, want none", m.used.Load(), len(m.held))
	}
	var rows int64
	err := s.change(t.Context(), func(x *txn) error {
		_, err := x.row(`SELECT (SELECT count(*) FROM manifest) + (SELECT count(*) FROM segment)
			+ (SELECT count(*) FROM part) + (SELECT count(*) FROM upload) + (SELECT count(*) FROM inline)`, nil, &rows)
		return err
	})
	if err != nil || rows != 0 {
		t.Errorf("%d rows of manifests, parts and uploads are left, %v", rows, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if dir == "" {
		return
	}
	if files, unfinished := blobFiles(t, dir), entries(t, dir, tmpDir); len(files) != 0 || unfinished != 0 {
		t.Errorf("%d body files and %d unfinished ones are left, want none", len(files), unfinished)
	}
}

func TestOneOfManyCompletesWins(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Store) {
		id := initiate(t, s, "k")
		bodies := [][]byte{body(blockSize, 1), body(100, 2), body(maxInline+1, 3)}
		var parts []CompletePart
		for i, b := range bodies {
			parts = append(parts, putPart(t, s, "k", id, i+1, b))
		}
		var won, winner atomic.Int64
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				named := parts[:1+i%3]
				_, err := s.Complete(t.Context(), testBucket, "k", id, named, false, 0)
				switch {
				case err == nil:
					won.Add(1)
					winner.Store(int64(len(named)))
				case !errors.Is(err, ErrNoSuchUpload):
					t.Errorf("Complete() = %v, want %v", err, ErrNoSuchUpload)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d of the calls won, want 1", won.Load())
		}
		n := winner.Load()
		if got, err := get(t.Context(), s, "k"); err != nil || !bytes.Equal(got, slices.Concat(bodies[:n]...)) {
			t.Errorf("the object has %d bytes, %v, want those of %d parts", len(got), err, n)
		}
		if got := countBlobs(t, s); got != n {
			t.Errorf("%d bodies are stored, want %d", got, n)
		}
	})
}

func TestABucketWithAnUploadIsNotEmpty(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Store) {
		id := initiate(t, s, "k")
		if err := s.DeleteBucket(t.Context(), testBucket); !errors.Is(err, ErrBucketNotEmpty) {
			t.Errorf("DeleteBucket() = %v, want %v", err, ErrBucketNotEmpty)
		}
		if err := errors.Join(s.AbortUpload(t.Context(), testBucket, "k", id), s.DeleteBucket(t.Context(), testBucket)); err != nil {
			t.Errorf("DeleteBucket() after AbortUpload() = %v", err)
		}
	})
}

func TestAnUploadNeedsAKey(t *testing.T) {
	s := open(t, Options{})
	if _, err := s.Initiate(t.Context(), testBucket, "", PutOptions{}); err == nil {
		t.Error("Initiate() with an empty key works")
	}
}

func TestAClosedStoreRefusesParts(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		id := initiate(t, s, "k")
		var uploads []*Upload
		for range 2 {
			u, err := s.NewUpload(ctx)
			if err != nil {
				t.Fatal(err)
			}
			uploads = append(uploads, u)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, _, _, partsErr := s.Parts(ctx, testBucket, "k", id, 0, 0)
		for name, err := range map[string]error{
			"initiate": second(s.Initiate(ctx, testBucket, "k", PutOptions{})),
			"part":     second(uploads[0].CommitPart(ctx, testBucket, "k", id, 1)),
			"append":   second(uploads[1].CommitAppend(ctx, testBucket, "k", 0, PutOptions{})),
			"copy":     second(s.CopyPart(ctx, Source{testBucket, "k", ""}, 0, -1, nil, testBucket, "k", id, 1)),
			"parts":    partsErr,
			"complete": second(s.Complete(ctx, testBucket, "k", id, []CompletePart{{1, ""}}, false, 0)),
			"abort":    s.AbortUpload(ctx, testBucket, "k", id),
			"uploads":  second(s.Uploads(ctx, testBucket, ListUploadsOptions{})),
		} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s: error %v, want %v", name, err, ErrClosed)
			}
		}
	})
}

func TestUploadIDsAreInOrderOfTime(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	last := ""
	for range 50 {
		id := newUploadID(now)
		if id <= last || len(id) != 51 {
			t.Fatalf("ID %q after %q", id, last)
		}
		if _, err := hex.DecodeString(id[19:]); err != nil {
			t.Fatal(err)
		}
		last, now = id, now.Add(time.Duration(len(last)+1)*time.Millisecond)
	}
}

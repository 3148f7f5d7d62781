package store

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
	return u.CommitPart(ctx, PartTarget{Bucket: bucket, Key: key, UploadID: id, Number: number})
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

// etagOfParts is the ETag of an object made of these parts by the upload id.
func etagOfParts(id string, bodies ...[]byte) string {
	text := id
	for _, b := range bodies {
		text += etagOf(b)
	}
	return fmt.Sprintf("%x-%d", md5.Sum([]byte(text)), len(bodies))
}

func TestCompleteMakesAnObject(t *testing.T) {
	t.Parallel()
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
				Key: "k", Size: int64(len(whole)), ETag: etagOfParts(id, bodies...), CRC64: sum64(whole), Modified: clock(),
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

func TestCompleteOnePartMakesAnObject(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		for _, n := range sizes {
			want := body(n, 8)
			obj := putParts(t, s, "k", want)
			if !strings.HasSuffix(obj.ETag, "-1") || obj.CRC64 != sum64(want) || obj.Size != int64(n) {
				t.Errorf("Complete() of one part of %d bytes = %v", n, obj)
			}
			if got, err := get(t.Context(), s, "k"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the object has %d bytes, %v, want %d", len(got), err, n)
			}
		}
	})
}

func TestMultipartNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
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
			return second(s.CopyPart(ctx, Source{srcBucket, src, ""}, 0, -1, nil, PartTarget{Bucket: bucket, Key: key, UploadID: id, Number: 1}))
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
	t.Parallel()
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

func TestCommitPartReplacesAnEarlierPart(t *testing.T) {
	t.Parallel()
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

func TestPartsHasPages(t *testing.T) {
	t.Parallel()
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

func TestAbortUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, o := range map[string]Options{"memory": {}, "folder": {Dir: dir}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, o)
			put(t, s, "src", body(2*blockSize, 1))
			id := initiate(t, s, "k")
			for i, n := range sizes {
				putPart(t, s, "k", id, i+1, body(n, 2))
			}
			if _, err := s.CopyPart(t.Context(), Source{testBucket, "src", ""}, 5, 100, nil, PartTarget{Bucket: testBucket, Key: "k", UploadID: id, Number: 100}); err != nil {
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

func TestCompleteSucceedsOnce(t *testing.T) {
	t.Parallel()
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

func TestDeleteBucketRefusesAnOpenUpload(t *testing.T) {
	t.Parallel()
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

func TestInitiateNeedsAKey(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	if _, err := s.Initiate(t.Context(), testBucket, "", PutOptions{}); err == nil {
		t.Error("Initiate() with an empty key works")
	}
}

func TestCloseRefusesParts(t *testing.T) {
	t.Parallel()
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
			"part":     second(uploads[0].CommitPart(ctx, PartTarget{Bucket: testBucket, Key: "k", UploadID: id, Number: 1})),
			"append":   second(uploads[1].CommitAppend(ctx, testBucket, "k", 0, PutOptions{})),
			"copy":     second(s.CopyPart(ctx, Source{testBucket, "k", ""}, 0, -1, nil, PartTarget{Bucket: testBucket, Key: "k", UploadID: id, Number: 1})),
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

func TestInitiateIDsAreInOrderOfTime(t *testing.T) {
	t.Parallel()
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

// An uploadListing is a page of uploads as the tests compare it.
type uploadListing struct {
	Uploads   []uploadPosition
	Prefixes  []string
	Next      uploadPosition
	Truncated bool
}

func uploadSummary(p UploadsPage) uploadListing {
	l := uploadListing{Prefixes: p.CommonPrefixes, Next: uploadPosition{p.NextKeyMarker, p.NextUploadIDMarker}, Truncated: p.Truncated}
	for _, u := range p.Uploads {
		l.Uploads = append(l.Uploads, uploadPosition{u.Key, u.ID})
	}
	return l
}

// naiveUploads is the definition that Uploads must meet.
func naiveUploads(all []uploadPosition, o ListUploadsOptions) uploadListing {
	slices.SortFunc(all, comparePositions)
	var l uploadListing
	var last uploadPosition
	for _, m := range all {
		entry, rolled := naiveEntry(m.key, ListOptions{Prefix: o.Prefix, Delimiter: o.Delimiter})
		before := m.key <= o.KeyMarker
		if m.key == o.KeyMarker && o.UploadIDMarker != "" {
			before = m.id <= o.UploadIDMarker
		}
		if !strings.HasPrefix(m.key, o.Prefix) || before && o.KeyMarker != "" || rolled && (entry == o.KeyMarker || entry == last.key && last.id == "") {
			continue
		}
		if len(l.Uploads)+len(l.Prefixes) == o.Max {
			l.Truncated, l.Next = true, last
			break
		}
		if rolled {
			l.Prefixes, last = append(l.Prefixes, entry), uploadPosition{key: entry}
		} else {
			l.Uploads, last = append(l.Uploads, m), m
		}
	}
	return l
}

func comparePositions(a, b uploadPosition) int {
	if c := strings.Compare(a.key, b.key); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

// putUploads starts uploads with the IDs given.
func putUploads(t *testing.T, s *Store, all []uploadPosition) {
	t.Helper()
	err := s.change(t.Context(), func(x *txn) error {
		for _, m := range all {
			_, err := x.exec("INSERT INTO upload(bucket_id, key, id, initiated, class, acl) VALUES(1,?,?,0,'','') ON CONFLICT DO NOTHING", []byte(m.key), m.id)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkUploads(t *testing.T, s *Store, all []uploadPosition, o ListUploadsOptions) uploadListing {
	t.Helper()
	page, err := s.Uploads(t.Context(), testBucket, o)
	if err != nil {
		t.Fatalf("Uploads(%#v) = %v", o, err)
	}
	got := uploadSummary(page)
	if diff := cmp.Diff(naiveUploads(all, o), got, cmpopts.EquateEmpty(), cmp.AllowUnexported(uploadPosition{})); diff != "" {
		t.Fatalf("Uploads(%#v) (-want +got):\n%s", o, diff)
	}
	return got
}

func TestUploadsAgreesWithItsDefinition(t *testing.T) {
	t.Parallel()
	alphabet := []string{"a", "b", "/", "//", "\xff", "\x00", "\xfe", "é"}
	ids := []string{"1", "2", "3", "31"}
	random := rand.New(rand.NewPCG(3, 4))
	word := func(n int) string {
		var b strings.Builder
		for range random.IntN(n + 1) {
			b.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		return b.String()
	}
	id := func() string { return ids[random.IntN(len(ids))] }
	for round := range 3 {
		t.Run(fmt.Sprint("keys of round ", round), func(t *testing.T) {
			s := open(t, Options{})
			seen := map[uploadPosition]bool{}
			var all []uploadPosition
			for range 300 {
				m := uploadPosition{word(2 + 2*round), id()}
				if m.key != "" && !seen[m] {
					seen[m], all = true, append(all, m)
				}
			}
			putUploads(t, s, all)
			delimiters := []string{"", "/", "\xff", "a", "é", "//"}
			for range 300 {
				o := ListUploadsOptions{Prefix: word(1), Delimiter: delimiters[random.IntN(len(delimiters))], KeyMarker: word(3), Max: 1 + random.IntN(40)}
				if random.IntN(2) == 0 {
					o.UploadIDMarker = id()
				}
				if random.IntN(3) == 0 {
					o.Prefix = ""
				}
				checkUploads(t, s, all, o)
			}
		})
	}
}

func TestUploadsPagesGiveEveryEntryOnce(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		var all []uploadPosition
		for i := range 30 {
			for j := range 3 {
				all = append(all, uploadPosition{fmt.Sprintf("d%02d/x", i), fmt.Sprint(j)}, uploadPosition{fmt.Sprintf("f%02d", i%7), fmt.Sprintf("%d-%d", i, j)})
			}
			all = append(all, uploadPosition{"d05/many", fmt.Sprintf("%02d", i)}, uploadPosition{fmt.Sprintf("\xff/%02d", i), "0"})
		}
		putUploads(t, s, all)
		for _, delimiter := range []string{"", "/"} {
			for _, size := range []int{1, 7, 1000} {
				o := ListUploadsOptions{Delimiter: delimiter, Max: size}
				whole := naiveUploads(all, ListUploadsOptions{Delimiter: delimiter, Max: len(all) + 1})
				var got uploadListing
				for pages := 0; ; pages++ {
					page := checkUploads(t, s, all, o)
					got.Uploads = append(got.Uploads, page.Uploads...)
					got.Prefixes = append(got.Prefixes, page.Prefixes...)
					if !page.Truncated {
						break
					}
					if pages > len(all) {
						t.Fatalf("marker %q does not advance", page.Next)
					}
					o.KeyMarker, o.UploadIDMarker = page.Next.key, page.Next.id
				}
				if diff := cmp.Diff(whole, got, cmp.AllowUnexported(uploadPosition{})); diff != "" {
					t.Errorf("pages of %d with delimiter %q (-want +got):\n%s", size, delimiter, diff)
				}
			}
		}
	})
}

func TestUploadsReturnsHowEachWasInitiated(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		o := PutOptions{StorageClass: "ARCHIVE", ACL: "private", Headers: map[string]string{"a": "b"}}
		id, err := s.Initiate(t.Context(), testBucket, "k", o)
		if err != nil {
			t.Fatal(err)
		}
		page, err := s.Uploads(t.Context(), testBucket, ListUploadsOptions{})
		if err != nil || len(page.Uploads) != 1 {
			t.Fatalf("Uploads() = %v, %v", page, err)
		}
		want := UploadInfo{Key: "k", ID: id, Initiated: page.Uploads[0].Initiated, StorageClass: "ARCHIVE", ACL: "private"}
		if diff := cmp.Diff(UploadsPage{Uploads: []UploadInfo{want}}, page); diff != "" || want.Initiated.IsZero() {
			t.Errorf("Uploads() (-want +got):\n%s", diff)
		}
	})
}

// withSource runs a test with a source of each kind: one body in the index, one
// in a file, many, and appended ones.
func withSource(t *testing.T, test func(t *testing.T, s *Store, want []byte)) {
	sources := map[string]func(s *Store) []byte{
		"inline": func(s *Store) []byte { put(t, s, "src", body(1000, 1)); return body(1000, 1) },
		"file":   func(s *Store) []byte { put(t, s, "src", body(2*blockSize+9, 1)); return body(2*blockSize+9, 1) },
		"parts": func(s *Store) []byte {
			bodies := [][]byte{body(blockSize+5, 1), body(100, 2), body(blockSize, 3)}
			putParts(t, s, "src", bodies...)
			return slices.Concat(bodies...)
		},
		"appends": func(s *Store) []byte {
			appendTo(t, s, "src", 0, body(maxInline+1, 1))
			appendTo(t, s, "src", maxInline+1, body(20, 2))
			return append(body(maxInline+1, 1), body(20, 2)...)
		},
	}
	for name, source := range sources {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, s *Store) { test(t, s, source(s)) })
		})
	}
}

func copyPart(t testing.TB, s *Store, src, key, id string, number int, off, length int64) PartInfo {
	t.Helper()
	p, err := s.CopyPart(t.Context(), Source{testBucket, src, ""}, off, length, nil, PartTarget{Bucket: testBucket, Key: key, UploadID: id, Number: number})
	if err != nil {
		t.Fatalf("CopyPart(%d+%d) = %v", off, length, err)
	}
	return p
}

func TestCopyPartIsTheRangeOfItsSource(t *testing.T) {
	t.Parallel()
	withSource(t, func(t *testing.T, s *Store, src []byte) {
		before := countBlobs(t, s)
		id := initiate(t, s, "k")
		var want []byte
		var parts []CompletePart
		size := int64(len(src))
		ranges := [][2]int64{{0, -1}, {0, size}, {size - 1, 1}, {1, -1}, {0, 1}, {size / 2, size / 3}, {size, -1}}
		for i, r := range ranges {
			end := size
			if r[1] >= 0 {
				end = r[0] + r[1]
			}
			piece := src[r[0]:end]
			got := copyPart(t, s, "src", "k", id, i+1, r[0], r[1])
			wantPart := PartInfo{Number: i + 1, Size: int64(len(piece)), ETag: etagOf(piece), CRC64: sum64(piece), Modified: got.Modified}
			if diff := cmp.Diff(wantPart, got); diff != "" || got.Modified.IsZero() {
				t.Errorf("CopyPart(%d+%d) (-want +got):\n%s", r[0], r[1], diff)
			}
			want = append(want, piece...)
			parts = append(parts, CompletePart{got.Number, got.ETag})
		}
		if n := countBlobs(t, s); n != before {
			t.Errorf("%d bodies are stored, want the %d of the source", n, before)
		}
		if err := s.Delete(t.Context(), testBucket, "src"); err != nil { // the parts have its bodies
			t.Fatal(err)
		}
		obj, err := s.Complete(t.Context(), testBucket, "k", id, parts, false, 0)
		if err != nil || obj.CRC64 != sum64(want) || obj.Size != int64(len(want)) {
			t.Fatalf("Complete() = %v, %v", obj, err)
		}
		if got, err := get(t.Context(), s, "k"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the object has %d bytes, %v, want %d", len(got), err, len(want))
		}
		if n := countBlobs(t, s); n != before {
			t.Errorf("%d bodies are stored, want %d", n, before)
		}
		if err := s.Delete(t.Context(), testBucket, "k"); err != nil {
			t.Fatal(err)
		}
		nothingIsLeft(t, s, "")
	})
}

func TestCopyPartRefusesARangeBeyondItsSource(t *testing.T) {
	t.Parallel()
	withSource(t, func(t *testing.T, s *Store, src []byte) {
		id := initiate(t, s, "k")
		size := int64(len(src))
		for _, r := range [][2]int64{{0, size + 1}, {size, 1}, {size + 1, -1}, {-1, 1}, {-1, -1}, {0, 0}, {0, -2}, {1, size}, {1, 1<<63 - 1}} {
			_, err := s.CopyPart(t.Context(), Source{testBucket, "src", ""}, r[0], r[1], nil, PartTarget{Bucket: testBucket, Key: "k", UploadID: id, Number: 1})
			if !errors.Is(err, ErrRange) {
				t.Errorf("CopyPart(%d+%d) of %d bytes = %v, want %v", r[0], r[1], size, err, ErrRange)
			}
		}
		if _, parts, _, err := s.Parts(t.Context(), testBucket, "k", id, 0, 0); err != nil || len(parts) != 0 {
			t.Errorf("Parts() = %v, %v, want none", parts, err)
		}
	})
}

func TestCopyPartCallsTheCheck(t *testing.T) {
	t.Parallel()
	withSource(t, func(t *testing.T, s *Store, src []byte) {
		id := initiate(t, s, "k")
		refusal := errors.New("precondition")
		var seen Object
		check := func(src Object) error { seen = src; return refusal }
		_, err := s.CopyPart(t.Context(), Source{testBucket, "src", ""}, 0, 1, check, PartTarget{Bucket: testBucket, Key: "k", UploadID: id, Number: 1})
		if err != refusal { //nolint:errorlint // unchanged is what is promised
			t.Errorf("CopyPart() = %v, want the error of check itself", err)
		}
		if seen.Key != "src" || seen.Size != int64(len(src)) {
			t.Errorf("check saw %v", seen)
		}
	})
}

func TestCopyPartReplacesAndIsReplaced(t *testing.T) {
	t.Parallel()
	withSource(t, func(t *testing.T, s *Store, src []byte) {
		before := countBlobs(t, s)
		id := initiate(t, s, "k")
		var part CompletePart
		for range 2 {
			putPart(t, s, "k", id, 1, body(maxInline+1, 7))
			copyPart(t, s, "src", "k", id, 1, 1, -1)
			p := copyPart(t, s, "src", "k", id, 1, 2, -1)
			part = CompletePart{1, p.ETag}
			if n := countBlobs(t, s); n != before {
				t.Errorf("%d bodies are stored, want %d", n, before)
			}
		}
		if _, err := s.Complete(t.Context(), testBucket, "k", id, []CompletePart{part}, false, 0); err != nil {
			t.Fatal(err)
		}
		if got, err := get(t.Context(), s, "k"); err != nil || !bytes.Equal(got, src[2:]) {
			t.Errorf("the object has %d bytes, %v, want %d", len(got), err, len(src)-2)
		}
	})
}

// The source and the upload may change while the range is read.
func TestCopyPartHoldsTheRangeWhileItIsRead(t *testing.T) {
	t.Parallel()
	withSource(t, func(t *testing.T, s *Store, src []byte) {
		ctx := t.Context()
		id := initiate(t, s, "k")
		take := func() (*heldRange, PartInfo) {
			h := &heldRange{s: s}
			err := s.change(ctx, func(x *txn) error {
				r, err := x.source(testBucket, "src", "")
				if err != nil {
					return err
				}
				return errors.Join(h.hold(x, r, 1, 5), h.hold(x, r, 3, r.Size-3)) // closures may run again
			})
			if err != nil {
				t.Fatal(err)
			}
			return h, PartInfo{Number: 1, Size: int64(len(src)) - 3}
		}
		h, part := take()
		defer h.drop()
		lost, lostPart := take()
		if err := s.Delete(ctx, testBucket, "src"); err != nil {
			t.Fatal(err)
		}
		s.sweeper.settle()
		if err := errors.Join(h.sum(ctx, &part, nil), h.commit(ctx, PartTarget{Bucket: testBucket, Key: "k", UploadID: id}, &part)); err != nil {
			t.Fatal(err)
		}
		if part.ETag != etagOf(src[3:]) || part.CRC64 != sum64(src[3:]) {
			t.Errorf("the part is %v, want the checksums of the source as it was", part)
		}
		h.drop()
		if _, err := s.Complete(ctx, testBucket, "k", id, []CompletePart{{1, part.ETag}}, false, 0); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(lost.sum(ctx, &lostPart, nil), lost.commit(ctx, PartTarget{Bucket: testBucket, Key: "k", UploadID: id}, &lostPart)); !errors.Is(err, ErrNoSuchUpload) {
			t.Errorf("the copy to an upload that is complete = %v, want %v", err, ErrNoSuchUpload)
		}
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if err := lost.sum(cancelled, &lostPart, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("sum() = %v, want %v", err, context.Canceled)
		}
		lost.drop()
		if got, err := get(ctx, s, "k"); err != nil || !bytes.Equal(got, src[3:]) {
			t.Errorf("the object has %d bytes, %v, want %d", len(got), err, len(src)-3)
		}
		if err := s.Delete(ctx, testBucket, "k"); err != nil {
			t.Fatal(err)
		}
		nothingIsLeft(t, s, "")
	})
}

func TestCopyPartRefusesADamagedRange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	put(t, s, "src", body(3*blockSize, 1))
	flip(t, blobFiles(t, dir)[0], blockSize)
	id := initiate(t, s, "k")
	_, err := s.CopyPart(t.Context(), Source{testBucket, "src", ""}, blockSize-1, 2, nil, PartTarget{Bucket: testBucket, Key: "k", UploadID: id, Number: 1})
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("CopyPart() of a damaged block = %v, want %v", err, ErrCorrupt)
	}
	copyPart(t, s, "src", "k", id, 1, 2*blockSize, -1) // another block is fine
	if n := countBlobs(t, s); n != 1 {
		t.Errorf("%d bodies are stored, want 1", n)
	}
}

func TestCopyPartPanicInACheckReachesItsCallerOnly(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	put(t, s, "src", []byte("x"))
	id := initiate(t, s, "k")
	func() {
		defer func() {
			if p := recover(); p != "boom" {
				t.Errorf("recovered %v, want boom", p)
			}
		}()
		_, _ = s.CopyPart(t.Context(), Source{testBucket, "src", ""}, 0, 1, func(Object) error { panic("boom") }, PartTarget{Bucket: testBucket, Key: "k", UploadID: id, Number: 1})
	}()
	copyPart(t, s, "src", "k", id, 1, 0, 1)
}

var _ io.ReadSeekCloser = (*manifestReader)(nil)

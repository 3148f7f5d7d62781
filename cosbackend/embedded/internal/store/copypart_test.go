package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
	p, err := s.CopyPart(t.Context(), Source{testBucket, src, ""}, off, length, nil, testBucket, key, id, number)
	if err != nil {
		t.Fatalf("CopyPart(%d+%d) = %v", off, length, err)
	}
	return p
}

func TestACopiedPartIsTheRangeOfItsSource(t *testing.T) {
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

func TestARangeBeyondItsSourceIsRefused(t *testing.T) {
	withSource(t, func(t *testing.T, s *Store, src []byte) {
		id := initiate(t, s, "k")
		size := int64(len(src))
		for _, r := range [][2]int64{{0, size + 1}, {size, 1}, {size + 1, -1}, {-1, 1}, {-1, -1}, {0, 0}, {0, -2}, {1, size}, {1, 1<<63 - 1}} {
			_, err := s.CopyPart(t.Context(), Source{testBucket, "src", ""}, r[0], r[1], nil, testBucket, "k", id, 1)
			if !errors.Is(err, ErrRange) {
				t.Errorf("CopyPart(%d+%d) of %d bytes = %v, want %v", r[0], r[1], size, err, ErrRange)
			}
		}
		if _, parts, _, err := s.Parts(t.Context(), testBucket, "k", id, 0, 0); err != nil || len(parts) != 0 {
			t.Errorf("Parts() = %v, %v, want none", parts, err)
		}
	})
}

func TestACopiedPartIsJudgedByTheCallersCheck(t *testing.T) {
	withSource(t, func(t *testing.T, s *Store, src []byte) {
		id := initiate(t, s, "k")
		refusal := errors.New("precondition")
		var seen Object
		check := func(src Object) error { seen = src; return refusal }
		_, err := s.CopyPart(t.Context(), Source{testBucket, "src", ""}, 0, 1, check, testBucket, "k", id, 1)
		if err != refusal { //nolint:errorlint // unchanged is what is promised
			t.Errorf("CopyPart() = %v, want the error of check itself", err)
		}
		if seen.Key != "src" || seen.Size != int64(len(src)) {
			t.Errorf("check saw %v", seen)
		}
	})
}

func TestACopiedPartReplacesAndIsReplaced(t *testing.T) {
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
func TestARangeIsHeldWhileItIsRead(t *testing.T) {
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
		if err := errors.Join(h.sum(ctx, &part), h.commit(ctx, testBucket, "k", id, &part)); err != nil {
			t.Fatal(err)
		}
		if part.ETag != etagOf(src[3:]) || part.CRC64 != sum64(src[3:]) {
			t.Errorf("the part is %v, want the checksums of the source as it was", part)
		}
		h.drop()
		if _, err := s.Complete(ctx, testBucket, "k", id, []CompletePart{{1, part.ETag}}, false, 0); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(lost.sum(ctx, &lostPart), lost.commit(ctx, testBucket, "k", id, &lostPart)); !errors.Is(err, ErrNoSuchUpload) {
			t.Errorf("the copy to an upload that is complete = %v, want %v", err, ErrNoSuchUpload)
		}
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if err := lost.sum(cancelled, &lostPart); !errors.Is(err, context.Canceled) {
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

func TestACopyOfADamagedRangeIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	put(t, s, "src", body(3*blockSize, 1))
	flip(t, blobFiles(t, dir)[0], blockSize)
	id := initiate(t, s, "k")
	_, err := s.CopyPart(t.Context(), Source{testBucket, "src", ""}, blockSize-1, 2, nil, testBucket, "k", id, 1)
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("CopyPart() of a damaged block = %v, want %v", err, ErrCorrupt)
	}
	copyPart(t, s, "src", "k", id, 1, 2*blockSize, -1) // another block is fine
	if n := countBlobs(t, s); n != 1 {
		t.Errorf("%d bodies are stored, want 1", n)
	}
}

func TestAPanicInTheCheckOfAPartReachesItsCallerOnly(t *testing.T) {
	s := open(t, Options{})
	put(t, s, "src", []byte("x"))
	id := initiate(t, s, "k")
	func() {
		defer func() {
			if p := recover(); p != "boom" {
				t.Errorf("recovered %v, want boom", p)
			}
		}()
		_, _ = s.CopyPart(t.Context(), Source{testBucket, "src", ""}, 0, 1, func(Object) error { panic("boom") }, testBucket, "k", id, 1)
	}()
	copyPart(t, s, "src", "k", id, 1, 0, 1)
}

var _ io.ReadSeekCloser = (*manifestReader)(nil)

package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"testing"
)

func TestSweeperKeepsBodiesSharedWithCopies(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"memory": {}, "folder": {Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, o)
			obj := putParts(t, s, "k", manyParts()...)
			stored := countBlobs(t, s)
			want := slices.Concat(manyParts()...)
			for i := range 3 {
				_, dst, err := s.Copy(t.Context(), testBucket, "k", testBucket, fmt.Sprint("copy", i), CopyOptions{})
				if err != nil || dst.ETag != obj.ETag || dst.CRC64 != sum64(want) {
					t.Errorf("Copy() = %v, %v", dst, err)
				}
			}
			if _, _, err := s.Copy(t.Context(), testBucket, "k", testBucket, "k", CopyOptions{Replace: true}); err != nil {
				t.Errorf("Copy() onto itself = %v", err)
			}
			put(t, s, "k", []byte("x"))
			if err := s.Delete(t.Context(), testBucket, "copy1"); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"copy0", "copy2"} {
				if n := countBlobs(t, s); n != stored+1 {
					t.Errorf("%d bodies are stored, want %d", n, stored+1)
				}
				if got, err := get(t.Context(), s, key); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s has %d bytes, %v, want %d", key, len(got), err, len(want))
				}
				putParts(t, s, key, []byte("a"), []byte("b"))
				if err := s.Delete(t.Context(), testBucket, key); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Delete(t.Context(), testBucket, "k"); err != nil {
				t.Fatal(err)
			}
			nothingIsLeft(t, s, o.Dir)
		})
	}
}

// manyTinyParts starts an upload with n parts of 5 bytes, in one transaction.
func manyTinyParts(t testing.TB, s *Store, n int) (id string, named []CompletePart) {
	t.Helper()
	id = initiate(t, s, "k")
	named = make([]CompletePart, n)
	err := s.change(t.Context(), func(x *txn) error {
		seq, err := x.uploadSeq(testBucket, "k", id)
		if err != nil {
			return err
		}
		for i := range n {
			b := body(5, byte(i))
			if err := s.reserve(5); err != nil {
				return err
			}
			c, err := x.insertBlob(newBlob{size: 5, sums: blockSums(b), inline: b})
			if err != nil {
				return err
			}
			if err := x.putPart(seq, PartInfo{Number: i + 1, Size: 5, ETag: etagOf(b), CRC64: sum64(b), Modified: s.now()}, c); err != nil {
				return err
			}
			named[i] = CompletePart{i + 1, etagOf(b)}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return id, named
}

func TestSweeperWorksInBatches(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		const parts = 3*sweepBatch + 1
		id, named := manyTinyParts(t, s, parts)
		obj, err := s.Complete(t.Context(), testBucket, "k", id, named, false, 5)
		if err != nil || obj.Size != 5*parts {
			t.Fatalf("Complete() = %v, %v", obj, err)
		}
		if n := countBlobs(t, s); n != parts {
			t.Errorf("%d bodies are stored, want %d", n, parts)
		}
		if got, err := get(t.Context(), s, "k"); err != nil || sum64(got) != obj.CRC64 {
			t.Errorf("the object has %d bytes, %v", len(got), err)
		}
		if err := s.Delete(t.Context(), testBucket, "k"); err != nil {
			t.Fatal(err)
		}
		nothingIsLeft(t, s, "")
	})
}

func TestSweeperFreesTheMemoryOfParts(t *testing.T) {
	t.Parallel()
	const limit = 200_000
	s := open(t, Options{MaxBytes: limit})
	used := func(want int64) {
		t.Helper()
		s.sweeper.settle()
		if got := s.bodies.(*memBodies).used.Load(); got != want {
			t.Errorf("%d bytes are counted, want %d", got, want)
		}
	}
	id := initiate(t, s, "k")
	parts := []CompletePart{putPart(t, s, "k", id, 1, body(limit-100, 1)), putPart(t, s, "k", id, 2, body(100, 2))}
	used(limit)
	if _, err := tryPart(t.Context(), s, testBucket, "k", id, 3, []byte("x")); !errors.Is(err, ErrNoSpace) {
		t.Errorf("a part beyond the cap = %v, want %v", err, ErrNoSpace)
	}
	if _, err := s.Complete(t.Context(), testBucket, "k", id, parts, false, 0); err != nil {
		t.Fatal(err)
	}
	used(limit)
	if err := s.Delete(t.Context(), testBucket, "k"); err != nil {
		t.Fatal(err)
	}
	put(t, s, "k", body(limit, 1)) // at once: what is being swept is no reason to refuse
	used(limit)
	if err := s.Delete(t.Context(), testBucket, "k"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		putParts(t, s, "k", body(limit/3, 1), body(10, 2))
	}
	used(limit/3 + 10)
	_, r, err := s.Open(t.Context(), testBucket, "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), testBucket, "k"); err != nil {
		t.Fatal(err)
	}
	used(limit/3 + 10) // the reader has it
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	used(0)
}

func TestSweeperKeepsPartsAcrossAReopen(t *testing.T) {
	t.Parallel()
	reopen := map[string]func(t *testing.T, s *Store, dir string) string{
		"clean": func(t *testing.T, s *Store, dir string) string {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return dir
		},
		"crash": func(t *testing.T, _ *Store, dir string) string { return crash(t, dir) },
	}
	for name, leave := range reopen {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			s := open(t, Options{Dir: dir})
			src := body(2*blockSize, 9)
			put(t, s, "src", src)
			appendTo(t, s, "log", 0, []byte("a"))
			appendTo(t, s, "log", 1, body(maxInline+1, 1))
			id := initiate(t, s, "k")
			parts := []CompletePart{putPart(t, s, "k", id, 1, body(maxInline+1, 1)), putPart(t, s, "k", id, 2, body(10, 2))}
			p := copyPart(t, s, "src", "k", id, 3, 7, -1)
			parts = append(parts, CompletePart{3, p.ETag})

			dir = leave(t, s, dir)
			s = open(t, Options{Dir: dir})
			if err := s.Delete(t.Context(), testBucket, "src"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Complete(t.Context(), testBucket, "k", id, parts, false, 0); err != nil {
				t.Fatal(err)
			}
			appendTo(t, s, "log", maxInline+2, []byte("z"))

			dir = leave(t, s, dir)
			s = open(t, Options{Dir: dir})
			want := slices.Concat(body(maxInline+1, 1), body(10, 2), src[7:])
			if got, err := get(t.Context(), s, "k"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("k has %d bytes, %v, want %d", len(got), err, len(want))
			}
			want = slices.Concat([]byte("a"), body(maxInline+1, 1), []byte("z"))
			if got, err := get(t.Context(), s, "log"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("log has %d bytes, %v, want %d", len(got), err, len(want))
			}
			if err := s.DeleteMany(t.Context(), testBucket, []string{"k", "log"}); err != nil {
				t.Fatal(err)
			}
			dir = leave(t, s, dir)
			s = open(t, Options{Dir: dir})
			nothingIsLeft(t, s, dir)
		})
	}
}

// What a killed process was still reading, copying or about to sweep is swept
// by the next one.
func TestSweeperSweepsWhatWasReadInACrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	putParts(t, s, "read", body(maxInline+1, 1), body(10, 2))
	_, r, err := s.Open(t.Context(), testBucket, "read")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	put(t, s, "copied", body(blockSize, 3))
	h := &heldRange{s: s}
	defer h.drop()
	err = s.change(t.Context(), func(x *txn) error {
		src, err := x.source(testBucket, "copied", "")
		if err != nil {
			return err
		}
		return h.hold(x, src, 1, 2)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMany(t.Context(), testBucket, []string{"read", "copied"}); err != nil {
		t.Fatal(err)
	}
	if n := rawBlobs(t, s); n != 3 {
		t.Errorf("%d bodies are stored while they are read, want 3", n)
	}
	left := crash(t, dir)
	nothingIsLeft(t, open(t, Options{Dir: left}), left)
	if got, err := io.ReadAll(r); err != nil || len(got) != maxInline+11 {
		t.Errorf("the reader got %d bytes, %v", len(got), err)
	}
}

// rawBlobs counts bodies without regard to references.
func rawBlobs(t *testing.T, s *Store) (n int64) {
	t.Helper()
	s.sweeper.settle()
	err := s.change(t.Context(), func(x *txn) error {
		return second(x.row("SELECT count(*) FROM blob", nil, &n))
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSweeperRetriesAFailedSweep(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	putParts(t, s, "k", []byte("a"), []byte("b"))
	exec := func(text string) {
		t.Helper()
		if err := s.change(t.Context(), func(x *txn) error { return second(x.exec(text)) }); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TRIGGER stop BEFORE DELETE ON segment BEGIN SELECT raise(FAIL, 'no'); END")
	if err := s.Delete(t.Context(), testBucket, "k"); err != nil {
		t.Fatal(err)
	}
	if n := countBlobs(t, s); n != 2 {
		t.Fatalf("%d bodies are stored, want 2: the sweep cannot work", n)
	}
	exec("DROP TRIGGER stop")
	putParts(t, s, "k", []byte("c"), []byte("d"))
	put(t, s, "k", nil)
	if n := countBlobs(t, s); n != 0 {
		t.Errorf("%d bodies are stored, want 0", n)
	}
}

package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
)

func enable(t testing.TB, s *Store, v Versioning) {
	t.Helper()
	if err := s.SetVersioning(t.Context(), testBucket, v); err != nil {
		t.Fatalf("SetVersioning(%q) = %v", v, err)
	}
}

func TestSetVersioningCannotBeUnset(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	for _, v := range []Versioning{VersioningNever, "enabled"} {
		if err := s.SetVersioning(t.Context(), testBucket, v); err == nil {
			t.Errorf("SetVersioning(%q) works", v)
		}
	}
	if err := s.SetVersioning(t.Context(), "none-1", VersioningEnabled); !errors.Is(err, ErrNoSuchBucket) {
		t.Errorf("SetVersioning() of no bucket = %v, want %v", err, ErrNoSuchBucket)
	}
	if _, err := s.Versioning(t.Context(), "none-1"); !errors.Is(err, ErrNoSuchBucket) {
		t.Errorf("Versioning() of no bucket = %v, want %v", err, ErrNoSuchBucket)
	}
}

func TestHeadVersionNamesAMissingVersion(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		old := put(t, s, "k", []byte("x"))
		enable(t, s, VersioningEnabled)
		gone := put(t, s, "k", []byte("y"))
		other := put(t, s, "l", []byte("y"))
		if _, err := s.Remove(t.Context(), testBucket, []DeleteTarget{{"k", gone.VersionID}}); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{gone.VersionID, other.VersionID, "x", "!", strings.Repeat("0", 32), strings.ToUpper(gone.VersionID)} {
			if _, err := s.HeadVersion(t.Context(), testBucket, "k", id); !errors.Is(err, ErrNoSuchVersion) {
				t.Errorf("HeadVersion(%q) = %v, want %v", id, err, ErrNoSuchVersion)
			}
			if _, _, err := s.OpenVersion(t.Context(), testBucket, "k", id); !errors.Is(err, ErrNoSuchVersion) {
				t.Errorf("OpenVersion(%q) = %v, want %v", id, err, ErrNoSuchVersion)
			}
			if _, _, err := s.Copy(t.Context(), testBucket, "k", testBucket, "m", CopyOptions{SourceVersion: id}); !errors.Is(err, ErrNoSuchVersion) {
				t.Errorf("Copy() of version %q = %v, want %v", id, err, ErrNoSuchVersion)
			}
			if _, err := s.Remove(t.Context(), testBucket, []DeleteTarget{{"k", id}}); err != nil {
				t.Errorf("Remove(%q) = %v, want nothing to happen", id, err)
			}
		}
		if _, err := s.HeadVersion(t.Context(), "none-1", "k", NullVersion); !errors.Is(err, ErrNoSuchBucket) {
			t.Errorf("HeadVersion() in no bucket = %v, want %v", err, ErrNoSuchBucket)
		}
		if obj, err := s.Head(t.Context(), testBucket, "k"); err != nil || obj.ETag != old.ETag || obj.VersionID != NullVersion {
			t.Errorf("Head() = %v, %v, want the object from before versioning", obj, err)
		}
	})
}

func TestDeleteBucketRefusesDeleteMarkers(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		enable(t, s, VersioningEnabled)
		got, err := s.Remove(t.Context(), testBucket, []DeleteTarget{{Key: "never was"}})
		if err != nil || !got[0].Marker {
			t.Fatalf("Remove() = %v, %v, want a marker", got, err)
		}
		if err := s.DeleteBucket(t.Context(), testBucket); !errors.Is(err, ErrBucketNotEmpty) {
			t.Errorf("DeleteBucket() = %v, want %v", err, ErrBucketNotEmpty)
		}
		if _, err := s.Remove(t.Context(), testBucket, []DeleteTarget{{"never was", got[0].VersionID}}); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteBucket(t.Context(), testBucket); err != nil {
			t.Errorf("DeleteBucket() of an empty one = %v", err)
		}
	})
}

func TestCommitForbidOverwriteAppliesWithoutVersioningOnly(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		put(t, s, "k", []byte("1"))
		forbid := PutOptions{ForbidOverwrite: true}
		if _, err := tryPut(t.Context(), s, "k", []byte("2"), forbid); !errors.Is(err, ErrExists) {
			t.Errorf("put = %v, want %v", err, ErrExists)
		}
		for _, v := range []Versioning{VersioningEnabled, VersioningSuspended} {
			enable(t, s, v)
			if _, err := tryPut(t.Context(), s, "k", []byte("2"), forbid); err != nil {
				t.Errorf("put with versioning %s = %v", v, err)
			}
		}
	})
}

// Pages are followed while versions between them go away, as a program does that
// empties a bucket.
func TestListVersionsContinuesAtItsMarker(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		put(t, s, "b", []byte("null"))
		enable(t, s, VersioningEnabled)
		const each = 25
		for i := range each {
			for _, key := range []string{"a", "b", "c/1", "c/2"} {
				put(t, s, key, fmt.Append(nil, i))
			}
		}
		seen := 0
		for o := (ListVersionsOptions{Max: 7}); ; {
			page, err := s.ListVersions(t.Context(), testBucket, o)
			if err != nil {
				t.Fatal(err)
			}
			var targets []DeleteTarget
			for i, v := range page.Versions {
				targets = append(targets, DeleteTarget{v.Key, v.VersionID})
				if first := i == 0 || page.Versions[i-1].Key != v.Key; v.IsLatest != first {
					t.Errorf("%s %s: IsLatest = %v, want %v", v.Key, v.VersionID, v.IsLatest, first)
				}
			}
			seen += len(targets)
			if _, err := s.Remove(t.Context(), testBucket, targets); err != nil {
				t.Fatal(err)
			}
			if o.KeyMarker, o.VersionIDMarker = page.NextKeyMarker, page.NextVersionIDMarker; !page.Truncated {
				break
			}
		}
		if want := 4*each + 1; seen != want {
			t.Errorf("%d versions were listed, want %d", seen, want)
		}
		if err := s.DeleteBucket(t.Context(), testBucket); err != nil {
			t.Errorf("DeleteBucket() = %v", err)
		}
	})
}

func TestListVersionsRollsUpAndSkips(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		enable(t, s, VersioningEnabled)
		for range 3 * seekAfter {
			for _, key := range []string{"a/1", "a/2", "b", "c/1", "\xff/1"} {
				put(t, s, key, nil)
			}
		}
		if err := s.Delete(t.Context(), testBucket, "c/1"); err != nil {
			t.Fatal(err)
		}
		var prefixes []string
		versions := 0
		for o := (ListVersionsOptions{Delimiter: "/", Max: 10}); ; {
			page, err := s.ListVersions(t.Context(), testBucket, o)
			if err != nil {
				t.Fatal(err)
			}
			prefixes = append(prefixes, page.CommonPrefixes...)
			versions += len(page.Versions)
			if o.KeyMarker, o.VersionIDMarker = page.NextKeyMarker, page.NextVersionIDMarker; !page.Truncated {
				break
			}
		}
		if got := fmt.Sprintf("%q %d", prefixes, versions); got != `["a/" "c/" "\xff/"] 24` {
			t.Errorf("prefixes and versions are %s", got)
		}
		page, err := s.ListVersions(t.Context(), testBucket, ListVersionsOptions{Prefix: "c", KeyMarker: "a"})
		if err != nil || len(page.Versions) != 25 || !page.Versions[0].Marker || page.Versions[1].IsLatest {
			t.Errorf("ListVersions() below c = %v, %v, want a marker and 24 versions", page, err)
		}
		if _, err := s.ListVersions(t.Context(), testBucket, ListVersionsOptions{KeyMarker: "b", VersionIDMarker: "no such"}); !errors.Is(err, ErrNoSuchVersion) {
			t.Errorf("ListVersions() from a version that cannot be = %v, want %v", err, ErrNoSuchVersion)
		}
	})
}

func TestRecoveryKeepsEveryAcknowledgedVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	enable(t, s, VersioningEnabled)
	type written struct {
		DeleteTarget
		body []byte
	}
	acknowledged := make(chan written, 1000)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			for n := range 300 {
				select {
				case <-stop:
					return
				default:
				}
				b := body(maxInline-50+n, byte(i))
				acknowledged <- written{DeleteTarget{"hot", put(t, s, "hot", b).VersionID}, b}
			}
		})
	}
	var want []written
	for range 40 {
		want = append(want, <-acknowledged)
	}
	release := hold(t, s) // SQLite's files must be copied between two commits
	left := crash(t, dir)
	release()
	close(stop)
	wg.Wait()
	c := open(t, Options{Dir: left})
	countBlobs(t, c)
	for _, w := range want {
		_, r, err := c.OpenVersion(t.Context(), testBucket, w.Key, w.VersionID)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, w.body) {
			t.Errorf("version %s has %d bytes, %v, want %d", w.VersionID, len(got), err, len(w.body))
		}
		r.Close()
	}
}

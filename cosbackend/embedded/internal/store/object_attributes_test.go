package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// dated opens a store in a folder whose clock is set by hand.
func dated(t *testing.T, dir string) (s *Store, advance func(time.Duration)) {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	return open(t, Options{Dir: dir, Clock: func() time.Time { return now }}), func(d time.Duration) { now = now.Add(d) }
}

func TestAttributesSurviveACrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := dated(t, dir)
	opts := PutOptions{
		Tags:       []Tag{{"z", "1"}, {"a", "\xff="}},
		Encryption: Encryption{Algorithm: "cos/kms", KMSKeyID: "key", KMSContext: "e30=", CustomerKey: "\x00hash"},
	}
	first, err := tryPut(t.Context(), s, "k", []byte("x"), opts)
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.Initiate(t.Context(), testBucket, "parts", opts)
	if err != nil {
		t.Fatal(err)
	}
	link, err := tryPut(t.Context(), s, "link", []byte("k"), PutOptions{LinkTarget: "k"})
	if err != nil || link.Type != "symlink" {
		t.Fatalf("put of a link = %v, %v", link, err)
	}
	if err := s.SetObjectLock(t.Context(), testBucket, 7); err != nil {
		t.Fatal(err)
	}
	locked := put(t, s, "locked", []byte("x"))
	if _, err := s.Restore(t.Context(), testBucket, "k", "", RestoreOptions{Delay: time.Hour, Stay: 2 * time.Hour, Tier: "Bulk", Check: anyObject}); err != nil {
		t.Fatal(err)
	}
	first.Restoration = Restoration{
		At: first.Modified.Add(time.Hour), Until: first.Modified.Add(3 * time.Hour), Asked: first.Modified, Tier: "Bulk",
	}
	s, _ = dated(t, crash(t, dir))
	for _, want := range []Object{first, link, locked} {
		got, err := s.Head(t.Context(), testBucket, want.Key)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Head() = %v (-want +got):\n%s", err, diff)
		}
	}
	if want := first.Modified.Add(7 * day); !locked.RetainUntil.Equal(want) {
		t.Errorf("a new object is locked until %v, want %v", locked.RetainUntil, want)
	}
	if enabled, days, err := s.ObjectLock(t.Context(), testBucket); !enabled || days != 7 || err != nil {
		t.Errorf("ObjectLock() = %v, %d, %v, want 7 days", enabled, days, err)
	}
	part := putPart(t, s, "parts", id, 1, []byte("x"))
	obj, err := s.Complete(t.Context(), testBucket, "parts", id, []CompletePart{part}, false, 0)
	if err != nil || cmp.Diff(opts.Tags, obj.Tags) != "" || obj.Encryption != opts.Encryption {
		t.Errorf("Complete() = %v, %v, want the tags and the encryption of Initiate", obj, err)
	}
}

func TestCopyTakesTheTagsAndNothingElseThatIsSetLater(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		opts := PutOptions{Tags: []Tag{{"a", "1"}}, Encryption: Encryption{Algorithm: "AES256"}}
		if _, err := tryPut(t.Context(), s, "k", []byte("x"), opts); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Restore(t.Context(), testBucket, "k", "", RestoreOptions{Stay: time.Hour, Check: anyObject}); err != nil {
			t.Fatal(err)
		}
		if err := s.SetObjectLock(t.Context(), testBucket, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Retain(t.Context(), testBucket, "k", "", time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		for name, o := range map[string]CopyOptions{"tags copied": {}, "tags replaced": {ReplaceTags: true, Put: PutOptions{Tags: []Tag{{"b", "2"}}}}} {
			if _, _, err := s.Copy(t.Context(), testBucket, "k", testBucket, name, o); err != nil {
				t.Fatal(err)
			}
			obj, err := s.Head(t.Context(), testBucket, name)
			want := opts.Tags
			if o.ReplaceTags {
				want = o.Put.Tags
			}
			if err != nil || cmp.Diff(want, obj.Tags) != "" || obj.Encryption != (Encryption{}) || obj.Restoration != (Restoration{}) || !obj.RetainUntil.IsZero() {
				t.Errorf("%s: %v, %v", name, obj, err)
			}
		}
	})
}

func TestAttributesOfMissingVersionsAreRefused(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		enable(t, s, VersioningEnabled)
		put(t, s, "marked", []byte("x"))
		if err := s.Delete(t.Context(), testBucket, "marked"); err != nil {
			t.Fatal(err)
		}
		for name, amend := range map[string]func(bucket, key, version string) error{
			"tags":    func(b, k, v string) error { _, err := s.SetTags(t.Context(), b, k, v, nil); return err },
			"restore": func(b, k, v string) error { _, err := s.Restore(t.Context(), b, k, v, RestoreOptions{}); return err },
			"retain":  func(b, k, v string) error { _, err := s.Retain(t.Context(), b, k, v, time.Now()); return err },
		} {
			for _, c := range []struct {
				bucket, key, version string
				want                 error
			}{
				{"none-1", "k", "", ErrNoSuchBucket},
				{testBucket, "absent", "", ErrNoSuchKey},
				{testBucket, "marked", NullVersion, ErrNoSuchVersion},
				{testBucket, "marked", "", ErrNoSuchKey},
			} {
				err := amend(c.bucket, c.key, c.version)
				if !errors.Is(err, c.want) {
					t.Errorf("%s of %v = %v, want %v", name, c, err, c.want)
				}
				if _, marker := errors.AsType[*MarkerError](err); marker != (c.key == "marked" && c.version == "") {
					t.Errorf("%s of %v = %v, of a marker: %v", name, c, err, marker)
				}
			}
		}
	})
}

// A locked version is not lost in any state, and a refusal leaves no trace.
func TestObjectLockKeepsTheVersion(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, s *Store) {
		if err := s.SetObjectLock(t.Context(), testBucket, 1); err != nil {
			t.Fatal(err)
		}
		null := put(t, s, "k", body(blockSize, 1))
		lost := func() map[string]error {
			id := initiate(t, s, "k")
			part := putPart(t, s, "k", id, 1, []byte("x"))
			_, err := s.Complete(t.Context(), testBucket, "k", id, []CompletePart{part}, false, 0)
			if aerr := s.AbortUpload(t.Context(), testBucket, "k", id); err != nil && aerr != nil {
				t.Errorf("AbortUpload() after a refused Complete = %v", aerr)
			}
			_, perr := tryPut(t.Context(), s, "k", []byte("x"), PutOptions{})
			return map[string]error{"put": perr, "complete": err, "delete": s.Delete(t.Context(), testBucket, "k")}
		}
		for name, err := range lost() {
			if !errors.Is(err, ErrLocked) {
				t.Errorf("%s = %v, want %v", name, err, ErrLocked)
			}
		}
		if n := countBlobs(t, s); n != 1 {
			t.Errorf("%d bodies are stored, want 1", n)
		}
		enable(t, s, VersioningEnabled)
		for name, err := range lost() {
			if err != nil {
				t.Errorf("%s with versioning = %v", name, err)
			}
		}
		got, err := s.Remove(t.Context(), testBucket, []DeleteTarget{{"k", NullVersion}, {"absent", NullVersion}})
		if err != nil || !errors.Is(got[0].Refused, ErrLocked) || got[1].Refused != nil {
			t.Errorf("Remove() = %v, %v, want %v for the first", got, err, ErrLocked)
		}
		if obj, err := s.HeadVersion(t.Context(), testBucket, "k", NullVersion); err != nil || obj.ETag != null.ETag {
			t.Errorf("HeadVersion() = %v, %v, want the locked one", obj, err)
		}
		if err := s.SetVersioning(t.Context(), testBucket, VersioningSuspended); !errors.Is(err, ErrSuspended) {
			t.Errorf("SetVersioning() = %v, want %v", err, ErrSuspended)
		}
		if err := s.DeleteBucket(t.Context(), testBucket); !errors.Is(err, ErrBucketLocked) {
			t.Errorf("DeleteBucket() = %v, want %v", err, ErrBucketLocked)
		}
	})
}

func TestObjectLockEndsInTime(t *testing.T) {
	t.Parallel()
	s, advance := dated(t, "")
	if err := s.SetObjectLock(t.Context(), testBucket, 1); err != nil {
		t.Fatal(err)
	}
	obj := put(t, s, "k", []byte("x"))
	for _, until := range []time.Time{obj.Modified, obj.Modified.Add(day - 1)} {
		if _, err := s.Retain(t.Context(), testBucket, "k", "", until); !errors.Is(err, ErrLockTime) {
			t.Errorf("Retain(%v) = %v, want %v", until, err, ErrLockTime)
		}
	}
	if _, err := s.Retain(t.Context(), testBucket, "k", "", obj.Modified.Add(2*day)); err != nil {
		t.Fatal(err)
	}
	advance(2*day - 1)
	if _, err := s.SetTags(t.Context(), testBucket, "k", "", nil); !errors.Is(err, ErrLocked) {
		t.Errorf("SetTags() = %v, want %v", err, ErrLocked)
	}
	advance(1)
	if err := s.Delete(t.Context(), testBucket, "k"); err != nil {
		t.Errorf("Delete() at the end of the lock = %v", err)
	}
}

func TestAttributesDamagedAreNoticed(t *testing.T) {
	t.Parallel()
	if tags, err := decodeTags(encodeTags(nil)); tags != nil || err != nil {
		t.Errorf("no tags come back as %v, %v", tags, err)
	}
	for _, b := range [][]byte{{1}, {1, 'a'}, {1, 'a', 2, 'b'}, {0xff}} {
		if _, err := decodeTags(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("decodeTags(%v) = %v, want %v", b, err, ErrCorrupt)
		}
		if _, err := decodeEncryption(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("decodeEncryption(%v) = %v, want %v", b, err, ErrCorrupt)
		}
	}
}

func anyObject(Object) error { return nil }

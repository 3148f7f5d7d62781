package store

import (
	"errors"
	"testing"
)

// What was written since it was listed is not changed.
func TestLifecycleChangesOnlyUnchangedObjects(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	for _, key := range []string{"a", "b", "c"} {
		put(t, s, key, body(10, 1))
	}
	page, err := s.List(ctx, testBucket, ListOptions{})
	if err != nil || len(page.Objects) != 3 {
		t.Fatalf("List = %+v, %v", page, err)
	}
	put(t, s, "b", body(10, 2))
	if err := s.Delete(ctx, testBucket, "c"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.SetStorageClass(ctx, testBucket, page.Objects, "ARCHIVE"); n != 1 || err != nil {
		t.Errorf("SetStorageClass = %d, %v, want 1", n, err)
	}
	now, err := s.List(ctx, testBucket, ListOptions{})
	if err != nil || len(now.Objects) != 2 || now.Objects[0].StorageClass != "ARCHIVE" || now.Objects[1].StorageClass != "STANDARD" {
		t.Errorf("List = %+v, %v, want a moved and b as it was", now, err)
	}
	if o, err := s.Head(ctx, testBucket, "a"); o.StorageClass != "ARCHIVE" || !o.Modified.Equal(page.Objects[0].Modified) || err != nil {
		t.Errorf("Head = %+v, %v", o, err)
	}
	if n, err := s.DeleteUnchanged(ctx, testBucket, page.Objects); n != 1 || err != nil {
		t.Errorf("DeleteUnchanged = %d, %v, want 1", n, err)
	}
	if _, err := s.Head(ctx, testBucket, "b"); err != nil {
		t.Errorf("b is gone: %v", err)
	}
	if _, err := s.DeleteUnchanged(ctx, "absent-1", page.Objects); !errors.Is(err, ErrNoSuchBucket) {
		t.Errorf("DeleteUnchanged in an absent bucket = %v", err)
	}
	if _, err := s.SetStorageClass(ctx, "absent-1", page.Objects, "ARCHIVE"); !errors.Is(err, ErrNoSuchBucket) {
		t.Errorf("SetStorageClass in an absent bucket = %v", err)
	}
}

func TestACLChangesNothingElse(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	put(t, s, "k", body(10, 1))
	before, err := s.Head(ctx, testBucket, "k")
	if err != nil {
		t.Fatal(err)
	}
	set := func(bucket, key, version string) error {
		_, err := s.SetObjectACL(ctx, bucket, key, version, "private")
		return err
	}
	if err := set(testBucket, "k", ""); err != nil {
		t.Fatal(err)
	}
	after, err := s.Head(ctx, testBucket, "k")
	if err != nil || after.ACL != "private" || after.ETag != before.ETag || !after.Modified.Equal(before.Modified) {
		t.Errorf("Head = %+v, %v, before %+v", after, err, before)
	}
	if err := s.SetBucketACL(ctx, testBucket, "public-read"); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Bucket(ctx, testBucket); b.ACL != "public-read" || err != nil {
		t.Errorf("Bucket = %+v, %v", b, err)
	}
	for _, tt := range []struct {
		err, want error
	}{
		{set(testBucket, "absent", ""), ErrNoSuchKey},
		{set(testBucket, "k", "absent"), ErrNoSuchVersion},
		{set("absent-1", "k", ""), ErrNoSuchBucket},
		{s.SetBucketACL(ctx, "absent-1", ""), ErrNoSuchBucket},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("error = %v, want %v", tt.err, tt.want)
		}
	}
}

// A version that was changed, removed or promoted since it was listed stays.
func TestLifecycleChangesOnlyVersionsAsListed(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	put(t, s, "null", body(10, 1))
	if err := s.SetVersioning(ctx, testBucket, VersioningEnabled); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"null", "promoted", "promoted", "gone", "gone", "kept", "kept"} {
		put(t, s, key, body(10, 2))
	}
	remove := func(targets ...DeleteTarget) {
		t.Helper()
		if _, err := s.Remove(ctx, testBucket, targets); err != nil {
			t.Fatal(err)
		}
	}
	remove(DeleteTarget{Key: "marker"}, DeleteTarget{Key: "covered"})
	page, err := s.ListVersions(ctx, testBucket, ListVersionsOptions{})
	if err != nil || len(page.Versions) != 10 {
		t.Fatalf("ListVersions = %+v, %v", page, err)
	}
	versions := make(map[string][]Version)
	for _, v := range page.Versions {
		versions[v.Key] = append(versions[v.Key], v)
	}
	remove(DeleteTarget{Key: "promoted", VersionID: versions["promoted"][0].VersionID}, DeleteTarget{Key: "gone", VersionID: versions["gone"][1].VersionID})
	put(t, s, "covered", body(10, 3))
	if err := s.SetVersioning(ctx, testBucket, VersioningSuspended); err != nil {
		t.Fatal(err)
	}
	put(t, s, "null", body(10, 4)) // another null version, the newest

	if n, err := s.SetVersionClass(ctx, testBucket, page.Versions, "ARCHIVE"); n != 1 || err != nil {
		t.Errorf("SetVersionClass = %d, %v, want 1", n, err)
	}
	if o, err := s.HeadVersion(ctx, testBucket, "kept", versions["kept"][1].VersionID); o.StorageClass != "ARCHIVE" || err != nil {
		t.Errorf("HeadVersion = %+v, %v, want the older one moved", o, err)
	}
	if n, err := s.RemoveListed(ctx, testBucket, page.Versions); n != 2 || err != nil {
		t.Errorf("RemoveListed = %d, %v, want the older version of kept and the marker", n, err)
	}
	page, err = s.ListVersions(ctx, testBucket, ListVersionsOptions{})
	var left string
	for _, v := range page.Versions {
		left += v.Key + " "
	}
	if want := "covered covered gone kept null null promoted "; left != want || err != nil {
		t.Errorf("left are %q, %v, want %q", left, err, want)
	}
	if _, err := s.RemoveListed(ctx, "absent-1", page.Versions); !errors.Is(err, ErrNoSuchBucket) {
		t.Errorf("RemoveListed in an absent bucket = %v", err)
	}
	if _, err := s.SetVersionClass(ctx, "absent-1", page.Versions, "ARCHIVE"); !errors.Is(err, ErrNoSuchBucket) {
		t.Errorf("SetVersionClass in an absent bucket = %v", err)
	}
}

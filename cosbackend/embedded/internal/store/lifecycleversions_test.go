package store

import (
	"errors"
	"testing"
)

// A version that was changed, removed or promoted since it was listed stays.
func TestOnlyVersionsAsListedAreRemovedOrMoved(t *testing.T) {
	s := open(t, Options{})
	ctx := t.Context()
	put(t, s, "null", body(10, 1))
	if err := s.SetVersioning(ctx, testBucket, VersioningEnabled); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"null", "promoted", "promoted", "gone", "gone", "kept", "kept"} {
		put(t, s, key, body(10, 2))
	}
	remove := func(targets ...Target) {
		t.Helper()
		if _, err := s.Remove(ctx, testBucket, targets); err != nil {
			t.Fatal(err)
		}
	}
	remove(Target{Key: "marker"}, Target{Key: "covered"})
	page, err := s.ListVersions(ctx, testBucket, ListVersionsOptions{})
	if err != nil || len(page.Versions) != 10 {
		t.Fatalf("ListVersions = %+v, %v", page, err)
	}
	versions := make(map[string][]Version)
	for _, v := range page.Versions {
		versions[v.Key] = append(versions[v.Key], v)
	}
	remove(Target{Key: "promoted", VersionID: versions["promoted"][0].VersionID}, Target{Key: "gone", VersionID: versions["gone"][1].VersionID})
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

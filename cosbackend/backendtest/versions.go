package backendtest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

func versionChecks() []check {
	needs := []Ability{CreateBuckets, Versioning}
	return []check{
		{"ListObjectVersions is ordered by key, the newest first", "A050", versionOrder, needs},
		{"ListObjectVersions pages add up", "A050", versionPages, needs},
		{"DeleteObject makes a delete marker that hides its object", "A051", markerHides, needs},
		{"DeleteObject of a delete marker shows the object again", "A051", markerDeleted, needs},
		{"GetObject and DeleteObject take the id of a version", "436/7753", versionByID, needs},
		{"DeleteObjects takes the ids of versions", "436/8289", versionsDeleted, needs},
		{"CopyObject takes the version of its source", "A018", versionCopied, needs},
		{"GetObject of a missing version is NoSuchVersion", "436/7753", versionAbsent, needs},
	}
}

// versioned makes a bucket with versioning.
func (s scope) versioned(t *testing.T) scope {
	t.Helper()
	b := s.newBucket(t, s.region())
	t.Cleanup(func() { // before the bucket is dropped
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), cleanTimeout)
		defer cancel()
		if err := b.removeVersions(ctx); err != nil {
			t.Errorf("versions of the suite stay in bucket %s: %v", b.Bucket, err)
		}
	})
	err := b.Client.PutBucketVersioning(t.Context(), b.location(), &cosbackend.VersioningConfiguration{Status: "Enabled"})
	if err != nil {
		t.Fatalf("PutBucketVersioning = %v", err)
	}
	return b
}

func (s scope) removeVersions(ctx context.Context) error {
	for {
		page, err := s.Client.ListObjectVersions(ctx, s.location(), cosbackend.ListVersionsOptions{})
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			if _, err := s.Client.DeleteObject(ctx, s.location(), v.Key, v.VersionID); err != nil {
				return err
			}
		}
		if !page.Truncated {
			return nil
		}
	}
}

// history lists all versions as text: what is a marker, and the newest.
func (s scope) history(t *testing.T, size int) (lines []string, all []cosbackend.ObjectVersion) {
	t.Helper()
	o := cosbackend.ListVersionsOptions{MaxKeys: size}
	for {
		page, err := s.Client.ListObjectVersions(t.Context(), s.location(), o)
		if err != nil {
			t.Fatalf("ListObjectVersions = %v", err)
		}
		for _, v := range page.Versions {
			lines = append(lines, fmt.Sprintf("%s %v %v", v.Key, v.IsLatest, v.DeleteMarker))
		}
		all = append(all, page.Versions...)
		if !page.Truncated {
			return lines, all
		}
		o.KeyMarker, o.VersionIDMarker = page.NextKeyMarker, page.NextVersionIDMarker
	}
}

// writeHistory puts two versions and a marker of k, and one version of l.
func (s scope) writeHistory(t *testing.T) (one, two cosbackend.PutResult, marker string) {
	t.Helper()
	one, two = s.put(t, s.key("k"), []byte("one")), s.put(t, s.key("k"), []byte("two"))
	deleted, err := s.Client.DeleteObject(t.Context(), s.location(), s.key("k"), "")
	if err != nil || !deleted.DeleteMarker || deleted.DeleteMarkerVersionID == "" {
		t.Fatalf("DeleteObject = %+v, %v, want a delete marker", deleted, err)
	}
	s.put(t, s.key("l"), []byte("l"))
	if one.VersionID == "" || one.VersionID == two.VersionID {
		t.Fatalf("two writes have the versions %q and %q", one.VersionID, two.VersionID)
	}
	return one, two, deleted.DeleteMarkerVersionID
}

func versionOrder(t *testing.T, s scope) {
	s = s.versioned(t)
	one, two, marker := s.writeHistory(t)
	lines, all := s.history(t, 0)
	k := s.key("k")
	want := []string{k + " true true", k + " false false", k + " false false", s.key("l") + " true false"}
	if !slices.Equal(lines, want) {
		t.Fatalf("versions (key, latest, marker) are %q, want %q", lines, want)
	}
	if all[0].VersionID != marker || all[1].VersionID != two.VersionID || all[2].VersionID != one.VersionID || all[2].ETag != one.ETag || all[2].Size != 3 {
		t.Errorf("versions are %+v, want the marker %s, %+v and %+v", all, marker, two, one)
	}
}

func versionPages(t *testing.T, s scope) {
	s = s.versioned(t)
	s.writeHistory(t)
	want, _ := s.history(t, 0)
	for size := 1; size <= 3; size++ {
		if got, _ := s.history(t, size); !slices.Equal(got, want) {
			t.Errorf("in pages of %d the versions are %q, want %q", size, got, want)
		}
	}
}

func markerHides(t *testing.T, s scope) {
	s = s.versioned(t)
	_, _, marker := s.writeHistory(t)
	for _, id := range []string{"", marker} {
		_, err := s.Client.HeadObject(t.Context(), s.location(), s.key("k"), cosbackend.ReadOptions{VersionID: id})
		e := wantRefused(t, "HeadObject", err, 404, "")
		_, _, err = s.read(t.Context(), s.key("k"), cosbackend.ReadOptions{VersionID: id})
		f := wantRefused(t, "GetObject", err, 404, "NoSuchKey")
		if e.Headers["x-cos-delete-marker"] != "true" || f.Headers["x-cos-delete-marker"] != "true" {
			t.Errorf("version %q: headers are %v and %v, want x-cos-delete-marker: true", id, e.Headers, f.Headers)
		}
	}
}

func markerDeleted(t *testing.T, s scope) {
	s = s.versioned(t)
	_, _, marker := s.writeHistory(t)
	gone, err := s.Client.DeleteObject(t.Context(), s.location(), s.key("k"), marker)
	if err != nil || !gone.DeleteMarker || gone.DeleteMarkerVersionID != marker {
		t.Errorf("DeleteObject of the marker = %+v, %v", gone, err)
	}
	s.wantContent(t, s.key("k"), []byte("two"))
}

func versionByID(t *testing.T, s scope) {
	s = s.versioned(t)
	one, two, _ := s.writeHistory(t)
	for id, want := range map[string]string{one.VersionID: "one", two.VersionID: "two"} {
		object, data, err := s.read(t.Context(), s.key("k"), cosbackend.ReadOptions{VersionID: id})
		if err != nil || string(data) != want || object.VersionID != id {
			t.Errorf("GetObject of version %s = %q, %v, want %q", id, data, err, want)
		}
	}
	if _, err := s.Client.DeleteObject(t.Context(), s.location(), s.key("k"), one.VersionID); err != nil {
		t.Fatalf("DeleteObject = %v", err)
	}
	_, _, err := s.read(t.Context(), s.key("k"), cosbackend.ReadOptions{VersionID: one.VersionID})
	wantRefused(t, "GetObject of a deleted version", err, 404, "NoSuchVersion")
}

func versionsDeleted(t *testing.T, s scope) {
	s = s.versioned(t)
	one, two, marker := s.writeHistory(t)
	k := s.key("k")
	result, err := s.Client.DeleteObjects(t.Context(), s.location(), []cosbackend.ObjectID{
		{Key: k, VersionID: one.VersionID}, {Key: k, VersionID: marker}, {Key: k, VersionID: two.VersionID}, {Key: s.key("l")},
	}, false)
	if err != nil || len(result.Deleted) != 4 || len(result.Failures) != 0 {
		t.Fatalf("DeleteObjects = %+v, %v", result, err)
	}
	if last := result.Deleted[3]; !last.DeleteMarker || last.DeleteMarkerVersionID == "" {
		t.Errorf("DeleteObjects without a version = %+v, want a delete marker", last)
	}
	if lines, _ := s.history(t, 0); !slices.Equal(lines, []string{s.key("l") + " true true", s.key("l") + " false false"}) {
		t.Errorf("versions left are %q", lines)
	}
}

func versionCopied(t *testing.T, s scope) {
	s = s.versioned(t)
	one, _, _ := s.writeHistory(t)
	source := s.source(s.key("k"))
	source.VersionID = one.VersionID
	result := s.copy(t, s.key("copy"), cosbackend.CopyOptions{Source: source})
	if result.SourceVersionID != one.VersionID || result.VersionID == "" {
		t.Errorf("CopyObject = %+v, want the version of the source and one of the copy", result)
	}
	s.wantContent(t, s.key("copy"), []byte("one"))
}

func versionAbsent(t *testing.T, s scope) {
	s = s.versioned(t)
	one, _, _ := s.writeHistory(t)
	if _, err := s.Client.DeleteObject(t.Context(), s.location(), s.key("k"), one.VersionID); err != nil {
		t.Fatalf("DeleteObject = %v", err)
	}
	_, err := s.Client.PutObjectTagging(t.Context(), s.location(), s.key("k"), one.VersionID, cosbackend.ObjectTags{Tags: []cosbackend.Tag{{Key: "a", Value: "1"}}})
	wantRefused(t, "PutObjectTagging", err, 404, "NoSuchVersion", "NoSuchKey")
}

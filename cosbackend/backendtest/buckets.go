package backendtest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

func bucketChecks() []check {
	create := []Ability{CreateBuckets}
	elsewhere := []Ability{CreateBuckets, OtherRegions}
	list := []Ability{CreateBuckets, ListBuckets}
	return []check{
		{"HeadBucket finds the bucket and its region", "A008", headBucket, nil},
		{"GetBucketLocation is the region of the bucket", "436/8275", bucketLocation, nil},
		{"HeadBucket of an unknown bucket is a 404 without a body", "A007, A008", headUnknownBucket, nil},
		{"HeadBucket and every other operation in an unknown bucket is NoSuchBucket", "A008", unknownBucket, nil},
		{"PutObject to an unknown bucket is NoSuchBucket", "A008", putToUnknownBucket, nil},
		{"HeadBucket in another region is NoSuchBucket", "E006", bucketInWrongRegion, []Ability{OtherRegions}},
		{"CreateBucket makes a bucket that is there", "A012", createBucket, create},
		{"CreateBucket succeeds once", "436/7738", createBucketTwice, create},
		{"CreateBucket refuses a name that is too long", "A012, E004", bucketNameTooLong, create},
		{"CreateBucket stores the tags of the bucket", "A105, E130", createTaggedBucket, create},
		{"CreateBucket makes a bucket in several zones", "A105, E130", createMultiAZBucket, []Ability{CreateBuckets, MultiAZ}},
		{"DeleteBucket removes the bucket", "436/7732", deleteBucket, create},
		{"DeleteBucket refuses a bucket that holds an object", "436/7732", deleteBucketNotEmpty, create},
		{"CreateBucket makes a bucket in another region", "E006", createBucketElsewhere, elsewhere},
		{"ListBuckets says where and since when", "436/8291", listBuckets, list},
		{"ListBuckets returns pages", "E012", listBucketsByPage, list},
		{"ListBuckets filters by a tag", "A107, E131", listBucketsByTag, list},
		{"ListBuckets filters by the time of creation", "A107, E131", listBucketsByTime, list},
		{"ListBuckets of one region holds its buckets only", "A020", listBucketsOfRegion, []Ability{CreateBuckets, ListBuckets, OtherRegions}},
	}
}

func headBucket(t *testing.T, s scope) {
	got, err := s.Client.HeadBucket(t.Context(), s.location())
	if err != nil {
		t.Fatalf("HeadBucket = %v", err)
	}
	if want := s.region(); want != "" && got.Region != want {
		t.Errorf("HeadBucket says region %q, want %q; it comes from x-cos-bucket-region", got.Region, want)
	}
}

func bucketLocation(t *testing.T, s scope) {
	got, err := s.Client.GetBucketLocation(t.Context(), s.location())
	if err != nil || got == "" {
		t.Fatalf("GetBucketLocation = %q, %v, want a region", got, err)
	}
	if want := s.region(); want != "" && got != want {
		t.Errorf("GetBucketLocation = %q, want %q", got, want)
	}
}

func headUnknownBucket(t *testing.T, s scope) {
	_, err := s.Client.HeadBucket(t.Context(), s.in(s.bucketName(), s.Region).location())
	wantRefused(t, "HeadBucket", err, 404, "")
}

func unknownBucket(t *testing.T, s scope) {
	ctx, c, at := t.Context(), s.Client, s.in(s.bucketName(), s.Region).location()
	source := cosbackend.CopySource{Bucket: s.Bucket, Region: s.Region, Key: s.key("source")}
	s.put(t, source.Key, []byte("source"))
	for op, call := range map[string]func() error{
		"GetObject":         func() error { _, err := c.GetObject(ctx, at, "k", cosbackend.ReadOptions{}); return err },
		"DeleteObject":      func() error { _, err := c.DeleteObject(ctx, at, "k", ""); return err },
		"DeleteObjects":     func() error { _, err := c.DeleteObjects(ctx, at, []cosbackend.ObjectID{{Key: "k"}}, true); return err },
		"CopyObject":        func() error { _, err := c.CopyObject(ctx, at, "k", cosbackend.CopyOptions{Source: source}); return err },
		"ListObjects":       func() error { _, err := c.ListObjects(ctx, at, cosbackend.ListOptions{}); return err },
		"GetBucketLocation": func() error { _, err := c.GetBucketLocation(ctx, at); return err },
		"DeleteBucket":      func() error { return c.DeleteBucket(ctx, at) },
	} {
		t.Run(op, func(t *testing.T) {
			if e := wantRefused(t, op, call(), 404, "NoSuchBucket"); e.TraceID == "" {
				t.Error("the error has no trace id")
			}
		})
	}
}

// The refusal may come while the body is still being sent.
func putToUnknownBucket(t *testing.T, s scope) {
	at := s.in(s.bucketName(), s.Region).location()
	for _, size := range []int{0, 5, 1 << 20, 5 << 20} {
		_, err := s.Client.PutObject(t.Context(), at, "k", body(pattern(1, size)), cosbackend.PutOptions{})
		wantRefused(t, "PutObject", err, 404, "NoSuchBucket")
	}
}

func bucketInWrongRegion(t *testing.T, s scope) {
	at := s.in(s.Bucket, s.otherRegion()).location()
	_, err := s.Client.ListObjects(t.Context(), at, cosbackend.ListOptions{})
	wantRefused(t, "ListObjects in "+at.Region, err, 404, "NoSuchBucket")
	_, err = s.Client.HeadBucket(t.Context(), at)
	wantRefused(t, "HeadBucket in "+at.Region, err, 404, "")
}

func createBucket(t *testing.T, s scope) {
	b := s.newBucket(t, s.Region)
	headBucket(t, b)
	b.put(t, "k", []byte("first"))
	b.wantContent(t, "k", []byte("first"))
}

func createBucketTwice(t *testing.T, s scope) {
	b := s.newBucket(t, s.Region)
	err := b.Client.CreateBucket(t.Context(), b.location(), cosbackend.CreateBucketOptions{})
	wantRefused(t, "CreateBucket, the second time", err, 409, "BucketAlreadyOwnedByYou", "BucketAlreadyExists")
}

func createTaggedBucket(t *testing.T, s scope) {
	want := []cosbackend.Tag{{Key: "stage", Value: "test"}, {Key: "team", Value: "web shop"}}
	b := s.newBucketOf(t, s.Region, cosbackend.CreateBucketOptions{Tags: want})
	got, err := b.Client.GetBucketTagging(t.Context(), b.location())
	if err != nil {
		t.Fatalf("GetBucketTagging = %v", err)
	}
	tags := slices.SortedFunc(slices.Values(got.Tags), func(a, b cosbackend.Tag) int { return strings.Compare(a.Key, b.Key) })
	if !slices.Equal(tags, want) {
		t.Errorf("the tags are %v, want %v", tags, want)
	}
}

func createMultiAZBucket(t *testing.T, s scope) {
	b := s.newBucketOf(t, s.Region, cosbackend.CreateBucketOptions{AZType: "MAZ"})
	if got, err := b.Client.HeadBucket(t.Context(), b.location()); err != nil || got.AZType != "MAZ" {
		t.Errorf("HeadBucket = %+v, %v, want the type MAZ", got, err)
	}
}

// No bucket of an account that is known today can have 63 characters.
func bucketNameTooLong(t *testing.T, s scope) {
	name := strings.Repeat("b", 63-len(s.appid())) + s.appid()
	err := s.Client.CreateBucket(t.Context(), s.in(name, s.Region).location(), cosbackend.CreateBucketOptions{})
	wantRefused(t, "CreateBucket("+name+")", err, 400, "BucketNameTooLong", "InvalidBucketName")
}

func deleteBucket(t *testing.T, s scope) {
	b := s.newBucket(t, s.Region)
	if err := b.Client.DeleteBucket(t.Context(), b.location()); err != nil {
		t.Fatalf("DeleteBucket = %v", err)
	}
	_, err := b.Client.HeadBucket(t.Context(), b.location())
	wantRefused(t, "HeadBucket of a deleted bucket", err, 404, "")
	err = b.Client.DeleteBucket(t.Context(), b.location())
	wantRefused(t, "DeleteBucket, the second time", err, 404, "NoSuchBucket")
}

func deleteBucketNotEmpty(t *testing.T, s scope) {
	b := s.newBucket(t, s.Region)
	b.put(t, "k", []byte("stays"))
	err := b.Client.DeleteBucket(t.Context(), b.location())
	wantRefused(t, "DeleteBucket", err, 409, "BucketNotEmpty")
	b.wantContent(t, "k", []byte("stays"))
}

func createBucketElsewhere(t *testing.T, s scope) {
	b := s.newBucket(t, s.otherRegion())
	bucketLocation(t, b)
	_, err := b.Client.GetBucketLocation(t.Context(), b.in(b.Bucket, s.region()).location())
	wantRefused(t, "GetBucketLocation in "+s.region(), err, 404, "NoSuchBucket")
}

// buckets lists all pages of at most size buckets.
func (s scope) buckets(t *testing.T, o cosbackend.ListBucketsOptions) []cosbackend.BucketInfo {
	t.Helper()
	var all []cosbackend.BucketInfo
	for {
		page, err := s.Client.ListBuckets(t.Context(), o)
		if err != nil {
			t.Fatalf("ListBuckets(%+v) = %v", o, err)
		}
		if o.MaxKeys > 0 && len(page.Buckets) > o.MaxKeys {
			t.Fatalf("ListBuckets(%+v) = %d buckets", o, len(page.Buckets))
		}
		all = append(all, page.Buckets...)
		if !page.Truncated {
			return all
		}
		if page.NextMarker == o.Marker {
			t.Fatalf("ListBuckets(%+v) ends with its own marker", o)
		}
		o.Marker = page.NextMarker
	}
}

// found returns the entries of a bucket: one, unless the list is wrong.
func found(all []cosbackend.BucketInfo, name string) []cosbackend.BucketInfo {
	return slices.DeleteFunc(slices.Clone(all), func(b cosbackend.BucketInfo) bool { return b.Name != name })
}

func listBuckets(t *testing.T, s scope) {
	b := s.newBucket(t, s.Region)
	got := found(s.buckets(t, cosbackend.ListBucketsOptions{}), b.Bucket)
	if len(got) != 1 {
		t.Fatalf("ListBuckets lists %s %d times, want once", b.Bucket, len(got))
	}
	if want := b.region(); want != "" && got[0].Region != want {
		t.Errorf("ListBuckets says %s is in %q, want %q", b.Bucket, got[0].Region, want)
	}
	if age := time.Since(got[0].Created); age < -time.Hour || age > time.Hour {
		t.Errorf("ListBuckets says %s was created at %v, want a moment ago", b.Bucket, got[0].Created)
	}
}

// Buckets of others may come and go meanwhile, so only ours are counted.
func listBucketsByPage(t *testing.T, s scope) {
	buckets := []scope{s.newBucket(t, s.Region), s.newBucket(t, s.Region), s.newBucket(t, s.Region)}
	all := s.buckets(t, cosbackend.ListBucketsOptions{MaxKeys: 2})
	for _, b := range buckets {
		if got := found(all, b.Bucket); len(got) != 1 {
			t.Errorf("the pages of ListBuckets list %s %d times, want once", b.Bucket, len(got))
		}
	}
}

func listBucketsByTag(t *testing.T, s scope) {
	tag := cosbackend.Tag{Key: "cosgate-suite", Value: random()}
	b := s.newBucketOf(t, s.Region, cosbackend.CreateBucketOptions{Tags: []cosbackend.Tag{tag}})
	other := s.newBucket(t, s.Region)
	for _, o := range []cosbackend.ListBucketsOptions{{TagKey: tag.Key, TagValue: tag.Value}, {TagKey: tag.Key, TagValue: "other"}} {
		all, want := s.buckets(t, o), 0
		if o.TagValue == tag.Value {
			want = 1
		}
		if n := len(found(all, b.Bucket)); n != want {
			t.Errorf("ListBuckets(%+v) lists the tagged bucket %d times, want %d", o, n, want)
		}
		if len(found(all, other.Bucket)) > 0 {
			t.Errorf("ListBuckets(%+v) lists a bucket without tags", o)
		}
	}
}

func listBucketsByTime(t *testing.T, s scope) {
	b := s.newBucket(t, s.Region)
	listed := found(s.buckets(t, cosbackend.ListBucketsOptions{}), b.Bucket)
	if len(listed) != 1 {
		t.Fatalf("ListBuckets lists %s %d times, want once", b.Bucket, len(listed))
	}
	created := listed[0].Created.Truncate(time.Second)
	for compare, want := range map[string]int{"lt": 0, "lte": 1, "gt": 0, "gte": 1} {
		if n := len(found(s.buckets(t, cosbackend.ListBucketsOptions{Range: compare, Created: created}), b.Bucket)); n != want {
			t.Errorf("ListBuckets of buckets created %s the time of one lists it %d times, want %d", compare, n, want)
		}
	}
}

func listBucketsOfRegion(t *testing.T, s scope) {
	here, there := s.newBucket(t, s.region()), s.newBucket(t, s.otherRegion())
	for _, b := range []scope{here, there} {
		all := s.buckets(t, cosbackend.ListBucketsOptions{Region: b.Region})
		if len(found(all, b.Bucket)) != 1 {
			t.Errorf("ListBuckets of %s lacks %s", b.Region, b.Bucket)
		}
		for _, other := range all {
			if other.Region != b.Region {
				t.Errorf("ListBuckets of %s lists %s in %s", b.Region, other.Name, other.Region)
			}
		}
	}
}

package cosbackend

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestValidationRefusesBadArgumentsWithoutARequest(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { cosHeader(w) })
	loc, ctx := at(testBucket), t.Context()
	head := func(loc Location, key string, o ReadOptions) error {
		_, err := c.HeadObject(ctx, loc, key, o)
		return err
	}
	getRange := func(r Range) error {
		_, err := c.GetObject(ctx, loc, "k", ReadOptions{Range: &r})
		return err
	}
	put := func(b Body, o PutOptions) error {
		_, err := c.PutObject(ctx, loc, "k", b, o)
		return err
	}
	attributes := func(a Attributes) error { return put(Body{}, PutOptions{Attributes: a}) }
	list := func(o ListOptions) error {
		_, err := c.ListObjects(ctx, loc, o)
		return err
	}
	remove := func(ids ...ObjectID) error {
		_, err := c.DeleteObjects(ctx, loc, ids, false)
		return err
	}
	copyFrom := func(o CopyOptions) error {
		_, err := c.CopyObject(ctx, loc, "k", o)
		return err
	}
	source := CopySource{Bucket: testBucket, Key: "s"}
	for _, tc := range []struct {
		name, field string
		err         error
	}{
		{"no bucket", "bucket", head(Location{}, "k", ReadOptions{})},
		{"bucket without APPID", "bucket", head(at("photos"), "k", ReadOptions{})},
		{"bucket with a letter in the APPID", "bucket", head(at("photos-12a"), "k", ReadOptions{})},
		{"bucket with a dot", "bucket", head(at("evil.example-1"), "k", ReadOptions{})},
		{"bucket with a slash", "bucket", head(at("evil/x-1"), "k", ReadOptions{})},
		{"bucket with an at sign", "bucket", head(at("a@evil-1"), "k", ReadOptions{})},
		{"bucket in upper case", "bucket", head(at("Photos-1"), "k", ReadOptions{})},
		{"bucket that begins with a hyphen", "bucket", head(at("-a-1"), "k", ReadOptions{})},
		{"bucket of a hyphen and digits", "bucket", head(at("-1"), "k", ReadOptions{})},
		{"bucket with an empty part", "bucket", head(at("a--1"), "k", ReadOptions{})},
		{"bucket that is too long", "bucket", head(at(strings.Repeat("a", 62)+"-1"), "k", ReadOptions{})},
		{"region with a dot", "region", head(Location{testBucket, "ap.evil"}, "k", ReadOptions{})},
		{"region with a slash", "region", head(Location{testBucket, "ap/x"}, "k", ReadOptions{})},
		{"region in upper case", "region", head(Location{testBucket, "AP"}, "k", ReadOptions{})},
		{"region of the accelerated endpoint", "region", head(Location{testBucket, "accelerate"}, "k", ReadOptions{})},
		{"region of an internal endpoint", "region", head(Location{testBucket, "ap-guangzhou-internal"}, "k", ReadOptions{})},
		{"region of a website", "region", head(Location{testBucket, "cos-website"}, "k", ReadOptions{})},
		{"region of the service", "region", head(Location{testBucket, "service"}, "k", ReadOptions{})},
		{"region with a port", "region", head(Location{testBucket, "a:1"}, "k", ReadOptions{})},
		{"no key", "key", head(loc, "", ReadOptions{})},
		{"long key", "key", head(loc, strings.Repeat("k", 851), ReadOptions{})},
		{"key that is not UTF-8", "key", head(loc, "a\xff", ReadOptions{})},
		{"key with ESC", "key", head(loc, "a\x1b", ReadOptions{})},
		{"version that adds a sub-resource", "version_id", head(loc, "k", ReadOptions{VersionID: "v&acl"})},
		{"version with a space", "version_id", head(loc, "k", ReadOptions{VersionID: "v v"})},
		{"long version", "version_id", head(loc, "k", ReadOptions{VersionID: strings.Repeat("v", 129)})},
		{"condition with a line break", "preconditions.if_match", head(loc, "k", ReadOptions{Conditions: Conditions{IfMatch: "a\r\nx: y"}})},
		{"range of metadata", "range", head(loc, "k", ReadOptions{Range: &Range{Length: 1}})},
		{"empty range", "range", getRange(Range{})},
		{"negative offset", "range", getRange(Range{Offset: -1, Length: 1})},
		{"negative length", "range", getRange(Range{Length: -2})},
		{"negative suffix", "range", getRange(Range{Suffix: -1})},
		{"suffix with an offset", "range", getRange(Range{Suffix: 1, Offset: 1})},
		{"range past all numbers", "range", getRange(Range{Offset: 1 << 62, Length: 1 << 62})},
		{"negative size", "size", put(Body{Size: -1}, PutOptions{})},
		{"size above one PUT", "size", put(Body{Size: maxObject + 1, Reader: strings.NewReader("")}, PutOptions{})},
		{"no reader", "body", put(Body{Size: 1}, PutOptions{})},
		{"short MD5", "content_md5", put(Body{}, PutOptions{ContentMD5: []byte{1}})},
		{"content type with a line break", "attributes.content_type", attributes(Attributes{ContentType: "a\r\nx-cos-acl: public-read"})},
		{"content type with a space at the end", "attributes.content_type", attributes(Attributes{ContentType: "a "})},
		{"long header", "attributes.cache_control", attributes(Attributes{CacheControl: strings.Repeat("a", 2049)})},
		{"header with a line feed", "attributes.expires", attributes(Attributes{Expires: "a\nb"})},
		{"storage class with a space", "attributes.storage_class", attributes(Attributes{StorageClass: "A B"})},
		{"metadata name in upper case", "attributes.metadata", attributes(Attributes{Metadata: map[string]string{"A": ""}})},
		{"metadata name with a colon", "attributes.metadata", attributes(Attributes{Metadata: map[string]string{"a:b": ""}})},
		{"metadata without a name", "attributes.metadata", attributes(Attributes{Metadata: map[string]string{"": "x"}})},
		{"metadata value with NUL", "attributes.metadata[a]", attributes(Attributes{Metadata: map[string]string{"a": "\x00"}})},
		{"too much metadata", "attributes.metadata", attributes(Attributes{Metadata: map[string]string{"a": strings.Repeat("x", 2048)}})},
		{"page too large", "page_size", list(ListOptions{MaxKeys: 1001})},
		{"negative page", "page_size", list(ListOptions{MaxKeys: -1})},
		{"long prefix", "prefix", list(ListOptions{Prefix: strings.Repeat("a", 1024)})},
		{"marker that is too long", "marker", list(ListOptions{Marker: strings.Repeat("m", 1024)})},
		{"nothing to delete", "objects", remove()},
		{"too much to delete", "objects", remove(make([]ObjectID, 1001)...)},
		{"version of a delete", "objects[0].version_id", remove(ObjectID{Key: "a", VersionID: "<"})},
		{"no source bucket", "source.bucket", copyFrom(CopyOptions{Source: CopySource{Key: "s"}})},
		{"no source key", "source.key", copyFrom(CopyOptions{Source: CopySource{Bucket: testBucket}})},
		{"source region", "source.region", copyFrom(CopyOptions{Source: CopySource{Bucket: testBucket, Key: "s", Region: "x.y"}})},
		{"source version", "source.version_id", copyFrom(CopyOptions{Source: CopySource{Bucket: testBucket, Key: "s", VersionID: "&"}})},
		{"attributes without replace", "attributes", copyFrom(CopyOptions{Source: source, Attributes: Attributes{ContentType: "a"}})},
		{"bucket list page", "page_size", second(c.ListBuckets(ctx, ListBucketsOptions{MaxKeys: 2001}))},
		{"bucket list tag value", "tag_value", second(c.ListBuckets(ctx, ListBucketsOptions{TagValue: "v"}))},
		{"bucket list tag key", "tag_key", second(c.ListBuckets(ctx, ListBucketsOptions{TagKey: "a\n"}))},
		{"bucket list range", "range", second(c.ListBuckets(ctx, ListBucketsOptions{Range: "eq", Created: time.Unix(1, 0)}))},
		{"bucket list range alone", "range", second(c.ListBuckets(ctx, ListBucketsOptions{Range: "lt"}))},
		{"bucket list fraction", "create_time", second(c.ListBuckets(ctx, ListBucketsOptions{Range: "lt", Created: time.Unix(1, 1)}))},
		{"bucket zone", "az_type", c.CreateBucket(ctx, at(testBucket), CreateBucketOptions{AZType: "<MAZ>"})},
		{"bucket tags", "tags", c.CreateBucket(ctx, at(testBucket), CreateBucketOptions{Tags: []Tag{{Key: "a"}, {Key: "a"}}})},
		{"bucket list region", "region", second(c.ListBuckets(ctx, ListBucketsOptions{Region: "a/b"}))},
		{"ACL that is no preset", "preset_acl", c.CreateBucket(ctx, loc, CreateBucketOptions{ACL: "The World"})},
		{"grant with a quote", "grants.read[0]", c.CreateBucket(ctx, loc, CreateBucketOptions{Grants: &GrantHeaders{Read: []string{`1"`}}})},
		{"bucket to create", "bucket", c.CreateBucket(ctx, at("x"), CreateBucketOptions{})},
		{"bucket to delete", "bucket", c.DeleteBucket(ctx, at("x"))},
		{"bucket to head", "bucket", second(c.HeadBucket(ctx, at("x")))},
		{"bucket to locate", "bucket", second(c.GetBucketLocation(ctx, at("x")))},
		{"key to delete", "key", second(c.DeleteObject(ctx, loc, "", ""))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, ok := errors.AsType[*ValidationError](tc.err)
			if !ok {
				t.Fatalf("error = %v (%T), want a *ValidationError of %s", tc.err, tc.err, tc.field)
			}
			if v.Field != tc.field || v.Problem == "" {
				t.Errorf("error = %v, want one of the field %s", v, tc.field)
			}
		})
	}
	if n := len(s.seen()); n != 0 {
		t.Errorf("%d requests left, want none", n)
	}
}

func second[T any](_ T, err error) error { return err }

func TestValidationAcceptsGoodNames(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a-1", "photos-1250000000", "my-photos-1250000000", "0-0", strings.Repeat("a", 61) + "-1"} {
		if !validBucket(s) {
			t.Errorf("validBucket(%q) = false, want true", s)
		}
	}
	for _, s := range []string{"ap-guangzhou", "ap-beijing-1", "eu", "ap-shanghai-fsi", "me-saudi-arabia", "cn-south"} {
		if !validRegion(s) {
			t.Errorf("validRegion(%q) = false, want true", s)
		}
	}
}

package cosbackend

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxListBuckets = 2000
	maxBucketTags  = 50
)

// ListBuckets returns one page of the buckets of the account, of all regions or
// of one. An account without buckets is an empty page. Idempotent.
func (c *Client) ListBuckets(ctx context.Context, o ListBucketsOptions) (BucketPage, error) {
	if o.Region != "" && !validRegion(o.Region) {
		return BucketPage{}, invalid("region", regionProblem)
	}
	if err := checkListParam("marker", o.Marker); err != nil {
		return BucketPage{}, err
	}
	if o.MaxKeys < 0 || o.MaxKeys > maxListBuckets {
		return BucketPage{}, invalid("page_size", "must be from 1 to 2000, or 0 for the default")
	}
	if err := o.checkFilter(); err != nil {
		return BucketPage{}, err
	}
	if c.service.host == "" {
		return BucketPage{}, invalid("profile", fmt.Sprintf("must be one that can list buckets: %q has a custom domain as its endpoint, and no service_endpoint", c.profile))
	}
	op := operation{
		name: "ListBuckets", method: http.MethodGet, retry: retryClassOf("ListBuckets"),
		region: o.Region, scheme: c.service.scheme, host: c.service.host,
	}
	if o.Region != "" {
		c.ofRegion(&op, o.Region)
	}
	op.parameter("tagkey", o.TagKey)
	op.parameter("tagvalue", o.TagValue)
	if o.Range != "" {
		op.parameter("range", o.Range)
		op.parameter("create-time", strconv.FormatInt(o.Created.Unix(), 10))
	}
	op.parameter("marker", o.Marker)
	op.amount("max-keys", o.MaxKeys)
	var page BucketPage
	op.decode = func(ctx context.Context, r *response) (err error) {
		page, err = r.bucketPage(ctx, o)
		return err
	}
	err := c.do(ctx, op)
	return page, err
}

// checkFilter checks what chooses buckets, apart from the region.
func (o ListBucketsOptions) checkFilter() error {
	switch {
	case o.TagValue != "" && o.TagKey == "":
		return invalid("tag_value", "needs tag_key")
	case !xmlText(o.TagKey) || !xmlText(o.TagValue):
		return invalid("tag_key", "must hold no control characters, and be valid UTF-8, as tag_value")
	case o.Created.IsZero() != (o.Range == ""):
		return invalid("range", "goes with create_time, and the other way round")
	case o.Range != "" && !slices.Contains([]string{"lt", "lte", "gt", "gte"}, o.Range):
		return invalid("range", "must be lt, lte, gt or gte")
	case o.Range != "" && (o.Created.Nanosecond() != 0 || o.Created.Unix() < 0):
		return invalid("create_time", "must be in whole seconds, from 1970 on")
	}
	return nil
}

// ofRegion restricts a list to one region: by the region's own host where the
// endpoint says what that is, else by a parameter (A020).
func (c *Client) ofRegion(op *operation, region string) {
	if c.service.derived && c.endpoint.hasRegion {
		op.host = c.endpoint.regionHost(region)
		return
	}
	op.parameter("region", region)
}

// wireBucketPage is COS's ListAllMyBucketsResult.
type wireBucketPage struct {
	Owner   Owner
	Buckets struct {
		Bucket []struct {
			Name         string
			Location     string
			CreationDate string
			BucketType   string
		}
	}
	NextMarker  string
	IsTruncated bool
}

func (r *response) bucketPage(ctx context.Context, o ListBucketsOptions) (BucketPage, error) {
	var wire wireBucketPage
	n := cmp.Or(o.MaxKeys, maxListBuckets)
	if err := r.readPage(ctx, pageBounds(n, maxBucketEntry), "ListAllMyBucketsResult", &wire); err != nil {
		return BucketPage{}, err
	}
	if len(wire.Buckets.Bucket) > n {
		return BucketPage{}, r.malformed(errPageTooLong)
	}
	page := BucketPage{Owner: wire.Owner, Truncated: wire.IsTruncated}
	if page.Truncated {
		page.NextMarker = wire.NextMarker
		if page.NextMarker == "" {
			return BucketPage{}, r.malformed(errNoMarker)
		}
	}
	for _, b := range wire.Buckets.Bucket {
		info := BucketInfo{
			Name: strings.TrimSpace(b.Name), Region: regionOf(b.Location), Type: b.BucketType, Created: r.date("CreationDate", b.CreationDate),
		}
		if o.Region == "" || info.Region == o.Region {
			page.Buckets = append(page.Buckets, info)
		}
	}
	return page, nil
}

// regionOf reads a region as COS names it: older responses have it with a prefix (A106).
func regionOf(text string) string { return strings.TrimPrefix(strings.TrimSpace(text), "cos.") }

// CreateBucket creates a bucket. It needs a region, from loc or as the default:
// one that does not exist yet cannot be looked up. A bucket that exists already
// is the [*Error] BucketAlreadyExists or BucketAlreadyOwnedByYou. Once.
func (c *Client) CreateBucket(ctx context.Context, loc Location, o CreateBucketOptions) error {
	if err := c.checkLocation(loc.Bucket, loc.Region); err != nil {
		return err
	}
	if c.endpoint.domain != "" {
		return invalid("profile", fmt.Sprintf("must be one that can create buckets: %q has a custom domain of a bucket as its endpoint", c.profile))
	}
	if loc.Region == "" && c.region == "" && c.endpoint.hasRegion {
		return invalid("region", "must be given for a new bucket: this profile has no default region")
	}
	if err := checkPresetACL("preset_acl", o.ACL); err != nil {
		return err
	}
	if err := checkBucketGrants("grants.", o.Grants); err != nil {
		return err
	}
	if err := o.checkKind(); err != nil {
		return err
	}
	if err := checkTags("tags", o.Tags, maxBucketTags); err != nil {
		return err
	}
	op, err := c.newOperation(ctx, "CreateBucket", http.MethodPut, loc, "")
	if err != nil {
		return err
	}
	op.grant(o.ACL, o.Grants)
	if len(o.Tags) > 0 {
		op.header = append(op.header, pair{"x-cos-tagging", tagHeader(o.Tags)})
	}
	if body := o.document(); body != nil {
		op.document("application/xml", body)
	}
	op.decode = readEmpty
	return c.do(ctx, op)
}

// checkKind refuses what is not a word.
func (o CreateBucketOptions) checkKind() error {
	for field, text := range map[string]string{"az_type": o.AZType, "arch": o.Arch, "storage_class": o.StorageClass} {
		if !validWord(text) {
			return invalid(field, "must be a single word as COS spells it: letters, digits, underscores and hyphens, at most 64")
		}
	}
	return nil
}

// document returns the body that says what kind of bucket to make, which only a bucket of
// another kind than the ordinary one needs (A105).
func (o CreateBucketOptions) document() []byte {
	if o.AZType == "" && o.Arch == "" && o.StorageClass == "" {
		return nil
	}
	var b strings.Builder
	b.WriteString("<CreateBucketConfiguration>")
	for _, e := range []pair{{"BucketAZConfig", o.AZType}, {"BucketArchConfig", o.Arch}, {"BucketStorageClass", o.StorageClass}} {
		if e.value != "" {
			writeXML(&b, e.name, e.value)
		}
	}
	b.WriteString("</CreateBucketConfiguration>")
	return []byte(b.String())
}

// HeadBucket checks whether a bucket exists and may be used. Failures have a status
// only, as with HeadObject. Idempotent.
func (c *Client) HeadBucket(ctx context.Context, loc Location) (BucketHead, error) {
	if err := c.checkLocation(loc.Bucket, loc.Region); err != nil {
		return BucketHead{}, err
	}
	op, err := c.newOperation(ctx, "HeadBucket", http.MethodHead, loc, "")
	if err != nil {
		return BucketHead{}, err
	}
	op.explained = true
	var head BucketHead
	op.decode = func(_ context.Context, r *response) error {
		h := r.http.Header
		head = BucketHead{
			Region: cmp.Or(headerText(h, "X-Cos-Bucket-Region"), op.region),
			AZType: headerText(h, "X-Cos-Bucket-Az-Type"),
			Arch:   headerText(h, "X-Cos-Bucket-Arch"),
		}
		return nil
	}
	err = c.do(ctx, op)
	return head, err
}

// DeleteBucket deletes an empty bucket. One that holds objects, versions or
// unfinished uploads is the [*Error] BucketNotEmpty. Once.
func (c *Client) DeleteBucket(ctx context.Context, loc Location) error {
	if err := c.checkLocation(loc.Bucket, loc.Region); err != nil {
		return err
	}
	op, err := c.newOperation(ctx, "DeleteBucket", http.MethodDelete, loc, "")
	if err != nil {
		return err
	}
	op.decode = readEmpty
	if err := c.do(ctx, op); err != nil {
		return err
	}
	c.regions.drop(loc.Bucket)
	return nil
}

// GetBucketLocation returns the region that COS keeps the bucket in. A bucket
// that is requested in the wrong region is the [*Error] NoSuchBucket. Idempotent.
func (c *Client) GetBucketLocation(ctx context.Context, loc Location) (string, error) {
	if err := c.checkLocation(loc.Bucket, loc.Region); err != nil {
		return "", err
	}
	op, err := c.newOperation(ctx, "GetBucketLocation", http.MethodGet, loc, "")
	if err != nil {
		return "", err
	}
	op.query = []pair{{"location", ""}}
	var region string
	op.decode = func(ctx context.Context, r *response) error {
		var wire struct {
			Region string `xml:",chardata"`
		}
		if err := r.readXML(ctx, "LocationConstraint", &wire); err != nil {
			return err
		}
		region = regionOf(wire.Region)
		return nil
	}
	err = c.do(ctx, op)
	return region, err
}

// BucketInfo is one entry of ListBuckets.
type BucketInfo struct {
	Name    string
	Region  string
	Type    string // "cos" or "ofs"; "" when COS did not say
	Created time.Time
}

// ListBucketsOptions refine ListBuckets.
type ListBucketsOptions struct {
	// Region restricts the list to one region. Empty lists all.
	Region string
	// TagKey restricts the list to buckets that have the tag, and TagValue to those where
	// it has this value. Empty does not restrict.
	TagKey, TagValue string
	// Range restricts the list to buckets that were created before ("lt", "lte") or after
	// ("gt", "gte") Created, in whole seconds. Both are set or none.
	Range   string
	Created time.Time
	// Marker is the NextMarker of the page before.
	Marker string
	// MaxKeys is at most 2000; 0 leaves it to COS.
	MaxKeys int
}

// A BucketPage is one page of ListBuckets.
type BucketPage struct {
	Buckets    []BucketInfo
	NextMarker string
	Truncated  bool
	Owner      Owner
}

// CreateBucketOptions refine CreateBucket.
type CreateBucketOptions struct {
	// ACL is a preset: "private", "public-read", "public-read-write" or
	// "authenticated-read". Empty is COS's default, private.
	ACL string
	// Grants are given in addition to those of ACL.
	Grants *GrantHeaders
	// AZType is "MAZ" for a bucket in several availability zones, and Arch "OFS" for one
	// with metadata acceleration. StorageClass is that of the bucket itself, where its kind
	// has one. Empty is COS's default.
	AZType, Arch, StorageClass string
	// Tags are those of the bucket, at most 50.
	Tags []Tag
}

// BucketHead is what HeadBucket returns.
type BucketHead struct {
	Region string
	AZType string // "MAZ" for a bucket in several availability zones, else ""
	Arch   string // "OFS" for a bucket with metadata acceleration, else ""
}

package cosbackend

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"
)

const maxListBuckets = 2000

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
	op := operation{
		name: "ListBuckets", method: http.MethodGet, retry: retryClassOf("ListBuckets"),
		region: o.Region, scheme: c.service.scheme, host: c.service.host,
	}
	if o.Region != "" {
		c.ofRegion(&op, o.Region)
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
		if o.Region == "" || b.Location == o.Region {
			page.Buckets = append(page.Buckets, BucketInfo{
				Name: b.Name, Region: b.Location, Type: b.BucketType, Created: listTime(b.CreationDate),
			})
		}
	}
	return page, nil
}

// CreateBucket creates a bucket. It needs a region, from loc or as the default:
// one that does not exist yet cannot be looked up. A bucket that exists already
// is the [*Error] BucketAlreadyExists or BucketAlreadyOwnedByYou. Once.
func (c *Client) CreateBucket(ctx context.Context, loc Location, o CreateBucketOptions) error {
	if err := c.checkLocation("", loc.Bucket, loc.Region); err != nil {
		return err
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
	op, err := c.newOperation(ctx, "CreateBucket", http.MethodPut, loc, "")
	if err != nil {
		return err
	}
	op.grant(o.ACL, o.Grants)
	op.decode = readEmpty
	return c.do(ctx, op)
}

// HeadBucket checks whether a bucket exists and may be used. Failures have a status
// only, as with HeadObject. Idempotent.
func (c *Client) HeadBucket(ctx context.Context, loc Location) (BucketHead, error) {
	if err := c.checkLocation("", loc.Bucket, loc.Region); err != nil {
		return BucketHead{}, err
	}
	op, err := c.newOperation(ctx, "HeadBucket", http.MethodHead, loc, "")
	if err != nil {
		return BucketHead{}, err
	}
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
	if err := c.checkLocation("", loc.Bucket, loc.Region); err != nil {
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
	if err := c.checkLocation("", loc.Bucket, loc.Region); err != nil {
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
		region = strings.TrimSpace(wire.Region)
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
}

// BucketHead is what HeadBucket returns.
type BucketHead struct {
	Region string
	AZType string // "MAZ" for a bucket in several availability zones, else ""
	Arch   string // "OFS" for a bucket with metadata acceleration, else ""
}

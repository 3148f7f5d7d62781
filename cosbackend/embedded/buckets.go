package embedded

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	headerBucketRegion = "X-Cos-Bucket-Region"
	headerACL          = "X-Cos-Acl"

	// xmlTime is the form of times in bucket listings and copy results.
	xmlTime = "2006-01-02T15:04:05Z"

	// maxListedBuckets is the page size of GET Service (E012).
	maxListedBuckets = 2000
)

// bucketCache saves most requests a query of the store. The store belongs to this
// process alone, so only the methods here change the set of buckets.
type bucketCache struct {
	mu    sync.RWMutex
	known map[string]store.Bucket
}

func (c *bucketCache) get(ctx context.Context, st *store.Store, name string) (store.Bucket, error) {
	c.mu.RLock()
	b, ok := c.known[name]
	c.mu.RUnlock()
	if ok {
		return b, nil
	}
	c.mu.Lock() // during the query, so that no deletion happens in between
	defer c.mu.Unlock()
	b, err := st.Bucket(ctx, name)
	if err != nil {
		return store.Bucket{}, err
	}
	if c.known == nil {
		c.known = make(map[string]store.Bucket)
	}
	c.known[name] = b
	return b, nil
}

// remove deletes a bucket from the store and from the cache.
func (c *bucketCache) remove(ctx context.Context, st *store.Store, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, name)
	return st.DeleteBucket(ctx, name)
}

// setACL changes the ACL of a bucket in the store and in the cache.
func (c *bucketCache) setACL(ctx context.Context, st *store.Store, name, acl string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, name)
	return st.SetBucketACL(ctx, name, acl)
}

func (s *Server) createBucket(x *exchange) error {
	if err := x.checkBucketName(); err != nil {
		return err
	}
	acl, _, err := x.headerACL(bucketACLs(), aclPrivate)
	if err != nil {
		return err
	}
	var one [1]byte
	if n, _ := io.ReadFull(x.body(), one[:]); n > 0 {
		return unsupported("a CreateBucketConfiguration body on " + opCreateBucket)
	}
	region := x.host.region
	if region == "" {
		region = s.opts.Region
	}
	b := store.Bucket{Name: x.bucket, Region: region, ACL: acl.String(), Created: s.opts.Clock()}
	if err := s.store.CreateBucket(x.ctx(), b); err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

// checkBucketName refuses names that no bucket can have (E004).
func (x *exchange) checkBucketName() error {
	if name, _ := splitBucket(x.bucket); len(name) > maxBucketName || len(x.bucket) > 63 {
		return fail(bucketNameTooLong, "")
	}
	if !validBucketName(x.bucket) {
		return fail(invalidBucketName, "The bucket must be <name>-<appid>: lower-case letters, digits and inner dashes, then the digits of the account.")
	}
	return nil
}

func (s *Server) headBucket(x *exchange) error {
	x.response.header().Set(headerBucketRegion, x.found.Region)
	x.sendEmpty(http.StatusOK)
	return nil
}

func (s *Server) deleteBucket(x *exchange) error {
	err := s.buckets.remove(x.ctx(), s.store, x.bucket)
	s.configs.forget(func(c store.Config) bool { return c.Bucket == x.bucket })
	if err != nil {
		return err
	}
	x.sendEmpty(http.StatusNoContent)
	return nil
}

func (s *Server) getBucketLocation(x *exchange) error {
	doc := newXML()
	doc.text("LocationConstraint", x.found.Region)
	x.sendXML(http.StatusOK, doc)
	return nil
}

// listBuckets is GET Service: all buckets, or those of the host's region.
func (s *Server) listBuckets(x *exchange) error {
	limit, err := x.limit("max-keys", 1, maxListedBuckets)
	if err != nil {
		return err
	}
	marker, _ := x.params.get("marker")
	region, given := x.params.get("region")
	if !given || region == "" {
		region = x.host.region
	}
	all, serr := s.store.Buckets(x.ctx())
	if serr != nil {
		return serr
	}
	page := slices.DeleteFunc(all, func(b store.Bucket) bool {
		return b.Name <= marker || region != "" && b.Region != region ||
			x.host.region != "" && b.Region != x.host.region
	})
	truncated := len(page) > limit
	page = page[:min(limit, len(page))]
	x.sendXML(http.StatusOK, serviceXML(page, marker, truncated))
	return nil
}

// serviceXML is the response to GET Service. The owner is an example account: the
// server has no accounts (E013).
func serviceXML(page []store.Bucket, marker string, truncated bool) *xmlWriter {
	doc := newXML()
	doc.open("ListAllMyBucketsResult")
	doc.open("Owner")
	doc.text("ID", ownerID)
	doc.text("DisplayName", "100000000001")
	doc.close("Owner")
	doc.text("Marker", marker)
	if truncated {
		doc.text("NextMarker", page[len(page)-1].Name)
	}
	doc.truncated(truncated)
	doc.open("Buckets")
	for _, b := range page {
		doc.open("Bucket")
		doc.text("Name", b.Name)
		doc.text("Location", b.Region)
		doc.text("CreationDate", b.Created.UTC().Format(xmlTime))
		doc.text("BucketType", "cos")
		doc.close("Bucket")
	}
	doc.close("Buckets")
	doc.close("ListAllMyBucketsResult")
	return doc
}

// limit reads the parameter that limits a page; absent is the maximum (E014).
func (x *exchange) limit(name string, lowest, highest int) (int, error) {
	text, ok := x.params.get(name)
	if !ok || text == "" {
		return highest, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < lowest || n > highest {
		return 0, fail(invalidArgument, name+" must be a number from "+strconv.Itoa(lowest)+" to "+strconv.Itoa(highest)+".")
	}
	return n, nil
}

// iso is a time with milliseconds, as object listings have it.
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func serviceAndBucketRoutes() []route {
	list := []string{"prefix", "delimiter", "marker", "max-keys", "encoding-type"}
	uploads := []string{"prefix", "delimiter", "key-marker", "upload-id-marker", "max-uploads", "encoding-type"}
	return []route{
		{
			method: http.MethodGet, target: onService, operation: opListBuckets, access: ownerOnly,
			params: []string{"region", "marker", "max-keys"}, handle: (*Server).listBuckets,
		},
		{
			method: http.MethodPut, target: onBucketItself, operation: opCreateBucket, access: ownerOnly,
			headers: aclHeaders(), handle: (*Server).createBucket,
		},
		{method: http.MethodHead, target: onBucketItself, operation: opHeadBucket, access: readBucket, handle: (*Server).headBucket},
		{method: http.MethodDelete, target: onBucketItself, operation: opDeleteBucket, access: ownerOnly, handle: (*Server).deleteBucket},
		{
			method: http.MethodGet, target: onBucketItself, sub: "location", operation: opGetBucketLocation,
			access: ownerOnly, handle: (*Server).getBucketLocation,
		},
		{
			method: http.MethodGet, target: onBucketItself, operation: opListObjects, access: readBucket,
			params: list, handle: (*Server).listObjects,
		},
		{
			method: http.MethodGet, target: onBucketItself, sub: "uploads", operation: opListMultipartUploads, access: ownerOnly,
			params: uploads, handle: (*Server).listMultipartUploads,
		},
		{
			method: http.MethodPost, target: onBucketItself, sub: "delete", operation: opDeleteObjects,
			access: writeBucket, handle: (*Server).deleteObjects,
		},
	}
}

package embedded

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	headerBucketRegion = "X-Cos-Bucket-Region"
	headerBucketAZ     = "X-Cos-Bucket-Az-Type"
	headerBucketArch   = "X-Cos-Bucket-Arch"
	headerACL          = "X-Cos-Acl"

	azMAZ   = "MAZ" // in several availability zones
	archOFS = "OFS" // with metadata acceleration

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
	tags, err := x.bucketTags()
	if err != nil {
		return err
	}
	b := store.Bucket{Name: x.bucket, Region: cmp.Or(x.host.region, s.opts.Region), ACL: acl.String(), Created: s.opts.Clock()}
	if err := x.readBucketConfiguration(&b); err != nil {
		return err
	}
	if err := s.store.CreateBucket(x.ctx(), b, tags...); err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

func createBucketShape() shape {
	return branch(
		"CreateBucketConfiguration",
		text("BucketAZConfig").optional(), text("BucketArchConfig").optional(), text("BucketStorageClass").optional(),
	)
}

// readBucketConfiguration reads the body of a Create Bucket: none, an empty document, or
// one that says what kind of bucket to make (E130).
func (x *exchange) readBucketConfiguration(b *store.Bucket) error {
	body, err := x.readXMLBody(maxConfigXML, false)
	if err != nil || len(body) == 0 {
		return err
	}
	doc, err := parseDocument(body, createBucketShape())
	if err != nil {
		return err
	}
	b.AZ, b.Arch = doc.value("BucketAZConfig"), doc.value("BucketArchConfig")
	switch class := doc.value("BucketStorageClass"); {
	case b.AZ != "" && b.AZ != azMAZ:
		return fail(invalidArgument, "BucketAZConfig must be MAZ.")
	case b.Arch != "" && b.Arch != archOFS:
		return fail(invalidArgument, "BucketArchConfig must be OFS.")
	case class != "":
		return unsupported("BucketStorageClass " + class + " on " + opCreateBucket)
	}
	return nil
}

// bucketTags reads the tags of a new bucket: the configuration that GET ?tagging returns.
func (x *exchange) bucketTags() ([]store.ConfigDocument, error) {
	pairs, perr := parseParams(x.header(headerTagging))
	if perr != nil {
		return nil, fail(invalidTag, "x-cos-tagging is not percent-encoded correctly.")
	}
	if len(pairs) == 0 {
		return nil, nil
	}
	set := &node{name: "TagSet"}
	for _, p := range pairs {
		set.children = append(set.children, &node{name: "Tag", children: []*node{{name: "Key", text: p.name}, {name: "Value", text: p.value}}})
	}
	if err := checkTagSet(set, maxBucketTags); err != nil {
		return nil, err
	}
	doc := &node{name: "Tagging", children: []*node{set}}
	return []store.ConfigDocument{{ID: taggingSub, Document: doc.canonical()}}, nil
}

// checkBucketName refuses names that no new bucket can have (E004).
func (x *exchange) checkBucketName() error {
	if len(bucketHost(x.bucket, cmp.Or(x.host.region, x.s.opts.Region))) > maxBucketHost {
		return fail(bucketNameTooLong, "")
	}
	if !validBucketName(x.bucket) {
		return fail(invalidBucketName, "The bucket must be <name>-<appid>: lower-case letters, digits and inner dashes, then the digits of the account.")
	}
	return nil
}

func (s *Server) headBucket(x *exchange) error {
	h := x.response.header()
	h.Set("Content-Type", "application/xml")
	h.Set(headerBucketRegion, x.found.Region)
	if x.found.AZ != "" {
		h.Set(headerBucketAZ, x.found.AZ)
	}
	if x.found.Arch != "" {
		h.Set(headerBucketArch, x.found.Arch)
	}
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
	doc := newBareXML()
	doc.text("LocationConstraint", x.found.Region)
	x.sendXML(http.StatusOK, doc)
	return nil
}

// listBuckets is GET Service: all buckets, or those that the host and the parameters
// choose.
func (s *Server) listBuckets(x *exchange) error {
	limit, err := x.bucketLimit()
	if err != nil {
		return err
	}
	chosen, err := x.chosenBuckets()
	if err != nil {
		return err
	}
	marker, paged := x.params.get("marker")
	all, serr := s.store.Buckets(x.ctx())
	if serr != nil {
		return serr
	}
	var page []store.Bucket
	truncated := false
	for _, b := range all {
		ok, err := chosen(b)
		if err != nil {
			return err
		}
		if b.Name <= marker || !ok {
			continue
		}
		if truncated = len(page) == limit; truncated {
			break
		}
		page = append(page, b)
	}
	_, sized := x.params.get("max-keys")
	x.sendXML(http.StatusOK, serviceXML(page, marker, truncated, paged || sized))
	return nil
}

// bucketLimit reads max-keys of GET Service, where a larger number is the maximum (E131).
func (x *exchange) bucketLimit() (int, error) {
	limit, err := x.limit("max-keys", 1, math.MaxInt32)
	return min(limit, maxListedBuckets), err
}

// chosenBuckets is the filter of GET Service: by the region of the host or the parameter,
// by one tag, and by the time of creation (E131).
func (x *exchange) chosenBuckets() (func(store.Bucket) (bool, error), error) {
	region, _ := x.params.get("region")
	key, byTag := x.params.get("tagkey")
	value, _ := x.params.get("tagvalue")
	created, err := x.creationFilter()
	if err != nil {
		return nil, err
	}
	return func(b store.Bucket) (bool, error) {
		if region != "" && b.Region != region || x.host.region != "" && b.Region != x.host.region || !created(b.Created.Unix()) {
			return false, nil
		}
		if !byTag || key == "" {
			return true, nil
		}
		tags, err := configured(x.ctx(), x.s, store.Config{Bucket: b.Name, Kind: taggingSub}, parseBucketTags)
		if err != nil || tags == nil {
			return false, err
		}
		has, ok := (*tags)[key]
		return ok && (value == "" || has == value), nil
	}, nil
}

// creationFilter compares times of creation, in seconds, as range and create-time say.
func (x *exchange) creationFilter() (func(int64) bool, error) {
	compare, ranged := x.params.get("range")
	text, timed := x.params.get("create-time")
	if !ranged && !timed {
		return func(int64) bool { return true }, nil
	}
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fail(invalidArgument, "create-time must be a Unix time in seconds, and goes with range.")
	}
	switch compare {
	case "lt":
		return func(t int64) bool { return t < at }, nil
	case "lte":
		return func(t int64) bool { return t <= at }, nil
	case "gt":
		return func(t int64) bool { return t > at }, nil
	case "gte":
		return func(t int64) bool { return t >= at }, nil
	default:
		return nil, fail(invalidArgument, "range must be lt, lte, gt or gte, and goes with create-time.")
	}
}

// parseBucketTags reads the tags of a bucket.
func parseBucketTags(document []byte) (*map[string]string, error) {
	doc, err := parseStored(document, taggingConfiguration().shape)
	if err != nil {
		return nil, err
	}
	tags := make(map[string]string)
	for _, t := range doc.child("TagSet").all("Tag") {
		tags[t.value("Key")] = t.value("Value")
	}
	return &tags, nil
}

// serviceXML is the response to GET Service. The owner is an example account: the
// server has no accounts (E013). What belongs to pages is there when one was asked for.
func serviceXML(page []store.Bucket, marker string, truncated, paged bool) *xmlWriter {
	doc := newBareXML()
	doc.open("ListAllMyBucketsResult")
	doc.open("Owner")
	doc.text("ID", ownerID)
	doc.text("DisplayName", "100000000001")
	doc.close("Owner")
	doc.open("Buckets")
	for _, b := range page {
		doc.open("Bucket")
		doc.text("Name", b.Name)
		doc.text("Location", b.Region)
		doc.text("CreationDate", b.Created.UTC().Format(xmlTime))
		kind := "cos"
		if b.Arch == archOFS {
			kind = "ofs"
		}
		doc.text("BucketType", kind)
		doc.close("Bucket")
	}
	doc.close("Buckets")
	if paged || truncated {
		doc.text("Marker", marker)
		if truncated {
			doc.text("NextMarker", page[len(page)-1].Name)
		}
		doc.truncated(truncated)
	}
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
			params: []string{"region", "marker", "max-keys", "tagkey", "tagvalue", "create-time", "range"}, handle: (*Server).listBuckets,
		},
		{
			method: http.MethodPut, target: onBucketItself, operation: opCreateBucket, access: ownerOnly,
			headers: append(aclHeaders(), "x-cos-tagging"), handle: (*Server).createBucket,
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

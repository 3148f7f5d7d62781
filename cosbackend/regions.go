package cosbackend

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	regionLifetime = 5 * time.Minute
	lookupTimeout  = 30 * time.Second
	maxLookupPages = 1000
	maxRegions     = 10_000
)

// locate returns the region of a checked bucket: the one given, the default,
// or the one that ListBuckets names. With an endpoint of one region it may be "".
func (c *Client) locate(ctx context.Context, bucket, region string) (string, error) {
	if region == "" {
		region = c.region
	}
	if region == "" && c.endpoint.hasRegion {
		return c.regions.lookup(ctx, bucket)
	}
	return region, nil
}

// A regionCache remembers where buckets are. Callers that look up the same bucket
// at the same time share one lookup, which none of them can end for the others.
type regionCache struct {
	client   *Client
	lifetime context.Context // of the client: lookups end with it
	lookups  singleflight.Group

	mu      sync.Mutex
	regions map[regionKey]regionEntry
}

// A regionKey separates callers with their own credentials: what one account
// can see is not shown to another, and a lookup that fails because of one caller's
// credentials fails for no other.
type regionKey struct {
	owner  regionOwner
	bucket string
}

// A regionOwner is a digest of all parts of a caller's credentials, since a secret id
// alone proves nothing. It is zero for the profile's own.
type regionOwner [sha256.Size]byte

func ownerOf(ctx context.Context) regionOwner {
	c, own := callerCredentials(ctx)
	if !own {
		return regionOwner{}
	}
	// None of the parts holds a line break, or it could not sign.
	return sha256.Sum256([]byte(c.SecretID + "\n" + c.SecretKey + "\n" + c.Token))
}

type regionEntry struct {
	region string
	until  time.Time
}

func newRegionCache(lifetime context.Context, c *Client) *regionCache {
	return &regionCache{client: c, lifetime: lifetime, regions: make(map[regionKey]regionEntry)}
}

// lookup returns the region of bucket.
func (r *regionCache) lookup(ctx context.Context, bucket string) (string, error) {
	owner := ownerOf(ctx)
	key := regionKey{owner, bucket}
	if region, ok := r.known(key); ok {
		return region, nil
	}
	pending := r.lookups.DoChan(string(owner[:])+bucket, func() (any, error) {
		lookup, cancel := context.WithTimeout(r.lifetime, lookupTimeout)
		defer cancel()
		return r.fetch(lookupContext{lookup, ctx}, key) //nolint:contextcheck // a lookup outlives the caller that began it
	})
	select {
	case <-ctx.Done():
		return "", &Error{Op: "ListBuckets", Bucket: bucket, Profile: r.client.profile, Origin: OriginTransport, Cause: ctx.Err()}
	case result := <-pending:
		return r.lookupResult(ctx, bucket, result)
	}
}

// A lookupContext lasts as long as a lookup may, and has the values of the caller that
// began it: its credentials and what an Observer needs. Only the Trace is left out, for the lookup may serve others and end later.
type lookupContext struct {
	context.Context
	caller context.Context // for its values
}

func (c lookupContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil || key == (traceKey{}) {
		return v
	}
	return c.caller.Value(key)
}

// lookupResult gives each waiter an error of its own, and its trace the request id.
func (r *regionCache) lookupResult(ctx context.Context, bucket string, result singleflight.Result) (string, error) {
	region, _ := result.Val.(string)
	if e, ok := errors.AsType[*Error](result.Err); ok {
		own := *e
		own.Bucket = bucket
		if own.RequestID != "" {
			traceFrom(ctx).response(own.HTTPStatus, own.RequestID, own.TraceID, false)
		}
		return "", &own
	}
	return region, result.Err
}

// fetch reads the list of buckets up to the requested one, and remembers
// every bucket on the way.
func (r *regionCache) fetch(ctx context.Context, key regionKey) (string, error) {
	options := ListBucketsOptions{}
	for range maxLookupPages {
		page, err := r.client.ListBuckets(ctx, options)
		if err != nil {
			return "", err
		}
		r.remember(key.owner, page.Buckets)
		if region, ok := r.known(key); ok {
			return region, nil
		}
		if !page.Truncated || page.NextMarker == options.Marker {
			break
		}
		options.Marker = page.NextMarker
	}
	return "", &RegionUnknownError{Bucket: key.bucket, Profile: r.client.profile}
}

func (r *regionCache) known(key regionKey) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry, ok := r.regions[key]
	if !ok || !r.client.clock().Before(entry.until) {
		return "", false
	}
	return entry.region, true
}

func (r *regionCache) remember(owner regionOwner, buckets []BucketInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.regions)+len(buckets) > maxRegions {
		clear(r.regions) // better look up again than grow without end
	}
	until := r.client.clock().Add(regionLifetime)
	for _, b := range buckets {
		if validRegion(b.Region) {
			r.regions[regionKey{owner, b.Name}] = regionEntry{b.Region, until}
		}
	}
}

// drop forgets a bucket that was deleted.
func (r *regionCache) drop(bucket string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.regions {
		if key.bucket == bucket {
			delete(r.regions, key)
		}
	}
}

// forget forgets a bucket that COS did not find where it was said to be. What other
// callers know of it stays: it may have been looked up elsewhere.
func (r *regionCache) forget(ctx context.Context, bucket string) {
	owner := ownerOf(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.regions, regionKey{owner, bucket})
}

// A Location says where an object or bucket is.
type Location struct {
	// Bucket is the full name, such as "photos-1250000000".
	Bucket string
	// Region is where the bucket is, such as "ap-guangzhou". Empty means the
	// client's default region, and without one a lookup by ListBuckets whose
	// response is cached for five minutes.
	Region string
}

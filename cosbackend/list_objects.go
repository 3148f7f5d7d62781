package cosbackend

import (
	"cmp"
	"context"
	"errors"
	"net/http"
)

// ListObjects returns one page of the keys of a bucket, in byte order, with keys
// that share a prefix up to Delimiter joined in CommonPrefixes. A bucket without
// matching keys is an empty page. Idempotent.
func (c *Client) ListObjects(ctx context.Context, loc Location, o ListOptions) (ObjectPage, error) {
	if err := c.checkList(loc, o); err != nil {
		return ObjectPage{}, err
	}
	op, err := c.newOperation(ctx, "ListObjects", http.MethodGet, loc, "")
	if err != nil {
		return ObjectPage{}, err
	}
	op.query = []pair{{"encoding-type", "url"}} // A019
	op.parameter("prefix", o.Prefix)
	op.parameter("delimiter", o.Delimiter)
	op.parameter("marker", o.Marker)
	op.amount("max-keys", o.MaxKeys)
	var page ObjectPage
	op.decode = func(ctx context.Context, r *response) (err error) {
		page, err = r.objectPage(ctx, cmp.Or(o.MaxKeys, maxListKeys))
		return err
	}
	err = c.do(ctx, op)
	return page, err
}

func (c *Client) checkList(loc Location, o ListOptions) error {
	if err := c.checkLocation(loc.Bucket, loc.Region); err != nil {
		return err
	}
	if o.MaxKeys < 0 || o.MaxKeys > maxListKeys {
		return invalid("page_size", "must be from 1 to 1000, or 0 for the default")
	}
	if len(o.Marker) > maxListParam { // it may be a name that is not UTF-8
		return invalid("marker", "must be at most 1023 bytes")
	}
	for _, p := range []struct{ field, value string }{{"prefix", o.Prefix}, {"delimiter", o.Delimiter}} {
		if err := checkListParam(p.field, p.value); err != nil {
			return err
		}
	}
	return nil
}

// wireObjectPage is COS's ListBucketResult.
type wireObjectPage struct {
	EncodingType string
	NextMarker   string
	IsTruncated  bool
	Contents     []struct {
		Key          string
		LastModified string
		ETag         string
		Size         int64
		StorageClass string
		StorageTier  string

		RestoreStatus string
		Owner         Owner
	}
	CommonPrefixes []struct{ Prefix string }
}

var errNoMarker = errors.New("the page is truncated and does not say where the next one begins")

func (r *response) objectPage(ctx context.Context, n int) (ObjectPage, error) {
	var wire wireObjectPage
	if err := r.readPage(ctx, pageBounds(n, maxEntry), "ListBucketResult", &wire); err != nil {
		return ObjectPage{}, err
	}
	if max(len(wire.Contents), len(wire.CommonPrefixes)) > n {
		return ObjectPage{}, r.malformed(errPageTooLong)
	}
	names := nameEncoding{url: wire.EncodingType == "url"}
	page := ObjectPage{Truncated: wire.IsTruncated, Objects: make([]ObjectInfo, 0, len(wire.Contents))}
	last := ""
	for _, o := range wire.Contents {
		info := ObjectInfo{
			Key: names.decode(o.Key), ETag: unquoteETag(o.ETag), Size: o.Size,
			LastModified: r.date("LastModified", o.LastModified), StorageTier: o.StorageTier,
			Restore: listedRestore(o.RestoreStatus), Owner: o.Owner,
		}
		info.StorageClass = storageClass(o.StorageClass)
		page.Objects = append(page.Objects, info)
		last = max(last, info.Key)
	}
	for _, p := range wire.CommonPrefixes {
		prefix := names.decode(p.Prefix)
		page.CommonPrefixes = append(page.CommonPrefixes, prefix)
		last = max(last, prefix)
	}
	if page.Truncated {
		page.NextMarker = cmp.Or(names.decode(wire.NextMarker), last)
	}
	if page.Truncated && page.NextMarker == "" {
		return ObjectPage{}, r.malformed(errNoMarker)
	}
	return page, nil
}

// ListOptions refine ListObjects.
type ListOptions struct {
	Prefix    string
	Delimiter string
	// Marker is the last entry already seen; the page begins after it.
	Marker string
	// MaxKeys is at most 1000; 0 leaves it to COS, whose default is 1000.
	MaxKeys int
}

// An ObjectPage is one page of a list, in byte order of the keys.
type ObjectPage struct {
	Objects        []ObjectInfo
	CommonPrefixes []string
	// NextMarker continues the list; set exactly when Truncated.
	NextMarker string
	Truncated  bool
}

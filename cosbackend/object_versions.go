package cosbackend

import (
	"cmp"
	"context"
	"encoding/xml"
	"net/http"
	"slices"
)

// ListVersionsOptions refine ListObjectVersions.
type ListVersionsOptions struct {
	Prefix    string
	Delimiter string
	// KeyMarker and VersionIDMarker are the last entry already seen; without
	// VersionIDMarker the page begins after all versions of KeyMarker.
	KeyMarker       string
	VersionIDMarker string
	// MaxKeys is at most 1000; 0 leaves it to COS, whose default is 1000.
	MaxKeys int
}

// An ObjectVersion is one version of an object, or a delete marker, which has a key,
// a version and a time only.
type ObjectVersion struct {
	ObjectInfo
	IsLatest     bool
	DeleteMarker bool
}

// A VersionPage is one page of versions and delete markers: by key, and the newest of
// a key first (A050).
type VersionPage struct {
	Versions       []ObjectVersion
	CommonPrefixes []string
	// NextKeyMarker and NextVersionIDMarker continue the list; the first is set
	// exactly when Truncated.
	NextKeyMarker       string
	NextVersionIDMarker string
	Truncated           bool
}

// ListObjectVersions returns one page of the versions and delete markers of a bucket.
// A bucket without matching keys is an empty page. Idempotent.
func (c *Client) ListObjectVersions(ctx context.Context, loc Location, o ListVersionsOptions) (VersionPage, error) {
	if err := c.checkVersions(loc, o); err != nil {
		return VersionPage{}, err
	}
	op, err := c.newOperation(ctx, "ListObjectVersions", http.MethodGet, loc, "")
	if err != nil {
		return VersionPage{}, err
	}
	op.query = []pair{{"versions", ""}, {"encoding-type", "url"}} // A019
	op.parameter("prefix", o.Prefix)
	op.parameter("delimiter", o.Delimiter)
	op.parameter("key-marker", o.KeyMarker)
	op.parameter("version-id-marker", o.VersionIDMarker)
	op.amount("max-keys", o.MaxKeys)
	var page VersionPage
	op.decode = func(ctx context.Context, r *response) (err error) {
		page, err = r.versionPage(ctx, cmp.Or(o.MaxKeys, maxListKeys))
		return err
	}
	err = c.do(ctx, op)
	return page, err
}

func (c *Client) checkVersions(loc Location, o ListVersionsOptions) error {
	if err := c.checkList(loc, ListOptions{Prefix: o.Prefix, Delimiter: o.Delimiter, Marker: o.KeyMarker, MaxKeys: o.MaxKeys}); err != nil {
		return err
	}
	if o.VersionIDMarker != "" && o.KeyMarker == "" {
		return invalid("version_id_marker", "needs a key marker")
	}
	return checkVersionID("version_id_marker", o.VersionIDMarker)
}

// wireVersions is COS's ListVersionsResult. Versions and delete markers alternate in
// it, so that both are read as entries, in their order.
type wireVersions struct {
	EncodingType        string
	NextKeyMarker       string
	NextVersionIDMarker string `xml:"NextVersionIdMarker"`
	IsTruncated         bool
	CommonPrefixes      []struct{ Prefix string }
	Entries             []wireVersion `xml:",any"`
}

type wireVersion struct {
	XMLName      xml.Name
	Key          string
	VersionID    string `xml:"VersionId"`
	IsLatest     bool
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
	StorageTier  string

	RestoreStatus string
	Owner         Owner
}

func (r *response) versionPage(ctx context.Context, n int) (VersionPage, error) {
	var wire wireVersions
	if err := r.readPage(ctx, pageBounds(n, maxEntry), "ListVersionsResult", &wire); err != nil {
		return VersionPage{}, err
	}
	names := nameEncoding{url: wire.EncodingType == "url"}
	page := VersionPage{Truncated: wire.IsTruncated}
	for _, e := range wire.Entries {
		if e.XMLName.Local == "Version" || e.XMLName.Local == "DeleteMarker" {
			page.Versions = append(page.Versions, e.version(r, names))
		}
	}
	if max(len(page.Versions), len(wire.CommonPrefixes)) > n {
		return VersionPage{}, r.malformed(errPageTooLong)
	}
	for _, p := range wire.CommonPrefixes {
		page.CommonPrefixes = append(page.CommonPrefixes, names.decode(p.Prefix))
	}
	if page.Truncated {
		page.NextKeyMarker, page.NextVersionIDMarker = names.decode(wire.NextKeyMarker), wire.NextVersionIDMarker
	}
	if page.Truncated && page.NextKeyMarker == "" {
		return VersionPage{}, r.malformed(errNoMarker)
	}
	if !slices.IsSortedFunc(page.Versions, latestFirst) {
		slices.SortStableFunc(page.Versions, func(a, b ObjectVersion) int {
			return cmp.Or(latestFirst(a, b), b.LastModified.Compare(a.LastModified))
		})
	}
	return page, nil
}

func (e wireVersion) version(r *response, names nameEncoding) ObjectVersion {
	v := ObjectVersion{IsLatest: e.IsLatest, DeleteMarker: e.XMLName.Local == "DeleteMarker"}
	v.Owner = e.Owner
	v.Key, v.VersionID, v.LastModified = names.decode(e.Key), e.VersionID, r.date("LastModified", e.LastModified)
	if !v.DeleteMarker {
		v.ETag, v.Size, v.StorageTier = unquoteETag(e.ETag), e.Size, e.StorageTier
		v.StorageClass, v.Restore = storageClass(e.StorageClass), listedRestore(e.RestoreStatus)
	}
	return v
}

// latestFirst is the order of COS as far as it can be seen in any two entries. Where a
// page keeps to it, the page is taken as it comes; else age decides.
func latestFirst(a, b ObjectVersion) int {
	if order := cmp.Compare(a.Key, b.Key); order != 0 || a.IsLatest == b.IsLatest {
		return order
	}
	if a.IsLatest {
		return -1
	}
	return 1
}

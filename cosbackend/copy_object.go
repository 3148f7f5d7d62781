package cosbackend

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
)

// CopyObject copies an object inside COS, at most 5 GiB. No content passes through the client.
//
// A source that is missing is the [*Error] NoSuchKey or NoSuchCopySource, a condition of the source
// that does not hold is PreconditionFailed. COS may response 200 and hide the error
// in the body: the Error then says InSuccessBody. Idempotent.
func (c *Client) CopyObject(ctx context.Context, loc Location, key string, o CopyOptions) (CopyResult, error) {
	if err := c.checkCopy(loc, key, o); err != nil {
		return CopyResult{}, err
	}
	op, err := c.copyOperation(ctx, "CopyObject", loc, key, o.Source)
	if err != nil {
		return CopyResult{}, err
	}
	op.header = o.headers(op.header)
	op.set(o.Settings)
	if o.ReplaceTags {
		op.header = append(op.header, pair{"x-cos-tagging-directive", "Replaced"})
	}
	if o.Replace {
		op.header = append(op.header, pair{"x-cos-metadata-directive", "Replaced"})
	} else {
		op.header = append(op.header, pair{"x-cos-metadata-directive", "Copy"})
	}
	var result CopyResult
	op.decode = func(ctx context.Context, r *response) (err error) {
		result, err = r.copyResult(ctx, "CopyObjectResult", key)
		result.SourceVersionID = cmp.Or(result.SourceVersionID, o.Source.VersionID)
		return err
	}
	err = c.do(ctx, op)
	return result, err
}

func (c *Client) checkCopy(loc Location, key string, o CopyOptions) error {
	if err := c.checkObject(loc, key, ""); err != nil {
		return err
	}
	if err := c.checkSource(o.Source); err != nil {
		return err
	}
	if !o.Replace {
		a := o.Attributes
		a.StorageClass = ""
		if len(a.headers(nil)) > 0 {
			return invalid("attributes", "are those of the source unless they are replaced; ask for that, or leave them empty")
		}
	}
	if !o.ReplaceTags && len(o.Tags) > 0 {
		return invalid("attributes.tags", "are those of the source unless they are replaced; ask for that, or leave them empty")
	}
	if err := o.Settings.check(); err != nil {
		return err
	}
	return checkAttributes(o.Attributes)
}

func (c *Client) checkSource(s CopySource) error {
	if err := c.checkSourceLocation(s.Bucket, s.Region); err != nil {
		return err
	}
	if err := checkKey("source.key", s.Key); err != nil {
		return err
	}
	if err := checkVersionID("source.version_id", s.VersionID); err != nil {
		return err
	}
	if err := s.CustomerKey.check(sourceCustomerKeyField); err != nil {
		return err
	}
	return checkConditions("source.preconditions.", s.Conditions)
}

// copyOperation returns an operation that copies a checked source.
func (c *Client) copyOperation(ctx context.Context, name string, loc Location, key string, s CopySource) (operation, error) {
	sourceRegion, err := c.locate(ctx, s.Bucket, s.Region)
	if err != nil {
		return operation{}, err
	}
	op, err := c.newOperation(ctx, name, http.MethodPut, loc, key)
	if err != nil {
		return operation{}, err
	}
	op.header = append(op.header, pair{"x-cos-copy-source", c.copySource(s, sourceRegion)})
	op.header = s.headers("x-cos-copy-source-", op.header)
	op.customerKey(sourceCustomerHeaders, s.CustomerKey)
	return op, nil
}

// copySource names the source as COS wants it: host, path and version. The key
// is escaped, so that no part of it can be read as anything else (A018).
func (c *Client) copySource(s CopySource, region string) string {
	var b strings.Builder
	b.WriteString(c.endpoint.hostname(s.Bucket, region))
	b.WriteByte('/')
	b.WriteString(escapeKey(s.Key))
	if s.VersionID != "" {
		b.WriteString("?versionId=")
		b.WriteString(s.VersionID)
	}
	return b.String()
}

var errNoETag = errors.New("the response does not hold an ETag")

// copyResult reads the response to a copy of an object or of a part.
func (r *response) copyResult(ctx context.Context, root, key string) (CopyResult, error) {
	var wire struct {
		ETag         string
		CRC64        string
		LastModified string
		VersionID    string `xml:"VersionId"`
	}
	if err := r.readXML(ctx, root, &wire); err != nil {
		return CopyResult{}, err
	}
	if wire.ETag == "" {
		return CopyResult{}, r.malformed(errNoETag)
	}
	h := r.http.Header
	result := CopyResult{SourceVersionID: headerText(h, "X-Cos-Copy-Source-Version-Id")}
	result.Key = key
	result.ETag = unquoteETag(wire.ETag)
	result.VersionID = cmp.Or(headerText(h, "X-Cos-Version-Id"), wire.VersionID)
	result.LastModified = r.date("LastModified", wire.LastModified)
	result.Encryption, result.Checksums, result.Expiration = headerEncryption(h), headerChecksums(h), headerText(h, "X-Cos-Expiration")
	result.CRC64, result.HasCRC64 = parseCRC64(wire.CRC64)
	if !result.HasCRC64 {
		result.CRC64, result.HasCRC64 = headerCRC64(h)
	}
	return result, nil
}

// A CopySource names the object that CopyObject copies.
type CopySource struct {
	Bucket    string
	Key       string
	VersionID string
	// Region of the source bucket. Empty means the default region or a lookup, as
	// in Location.
	Region string
	Conditions
	// CustomerKey is what the source was encrypted with, if it was the caller's.
	CustomerKey CustomerKey
}

// CopyOptions refine CopyObject.
type CopyOptions struct {
	Source CopySource
	// Replace stores Attributes instead of those of the source. Without it only
	// Attributes.StorageClass may be set. A copy onto itself needs it (A015).
	Replace bool
	Attributes
	// ReplaceTags gives the copy the Tags of Settings, or none, instead of those of the
	// source. Without it there must be none.
	ReplaceTags bool
	// Settings are always those of the copy; the source's do not come along.
	Settings
}

// CopyResult is what COS returns for a copy: ETag, checksums, LastModified, VersionID,
// Encryption and Expiration.
type CopyResult struct {
	ObjectInfo
	SourceVersionID string
}

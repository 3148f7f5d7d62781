package cosbackend

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// CopyObject copies an object inside COS, at most 5 GiB. No byte passes here.
//
// A source that is missing is the [*Error] NoSuchKey or NoSuchCopySource, a condition of the source
// that does not hold is PreconditionFailed. COS may answer 200 and hide the error
// in the body: the Error then says InSuccessBody. Idempotent.
func (c *Client) CopyObject(ctx context.Context, loc Location, key string, o CopyOptions) (CopyResult, error) {
	if err := c.checkCopy(loc, key, o); err != nil {
		return CopyResult{}, err
	}
	cl, err := c.copyCall(ctx, "CopyObject", loc, key, o.Source)
	if err != nil {
		return CopyResult{}, err
	}
	cl.header = o.headers(cl.header)
	cl.set(o.Settings)
	if o.ReplaceTags {
		cl.header = append(cl.header, pair{"x-cos-tagging-directive", "Replaced"})
	}
	if o.Replace {
		cl.header = append(cl.header, pair{"x-cos-metadata-directive", "Replaced"})
	} else {
		cl.header = append(cl.header, pair{"x-cos-metadata-directive", "Copy"})
	}
	var result CopyResult
	cl.read = func(ctx context.Context, a *answer) (err error) {
		result, err = a.copyResult(ctx, "CopyObjectResult", key)
		return err
	}
	err = c.do(ctx, cl)
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
	if err := c.checkLocation("source.", s.Bucket, s.Region); err != nil {
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

// copyCall begins a call that copies a checked source.
func (c *Client) copyCall(ctx context.Context, op string, loc Location, key string, s CopySource) (*call, error) {
	sourceRegion, err := c.locate(ctx, s.Bucket, s.Region)
	if err != nil {
		return nil, err
	}
	cl, err := c.bucketCall(ctx, op, http.MethodPut, loc, key)
	if err != nil {
		return nil, err
	}
	cl.header = append(cl.header, pair{"x-cos-copy-source", c.copySource(s, sourceRegion)})
	cl.header = s.headers("x-cos-copy-source-", cl.header)
	cl.customerKey(sourceCustomerHeaders, s.CustomerKey)
	return cl, nil
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

var errNoETag = errors.New("the answer does not hold an ETag")

// copyResult reads the answer to a copy of an object or of a part.
func (a *answer) copyResult(ctx context.Context, root, key string) (CopyResult, error) {
	var wire struct {
		ETag         string
		CRC64        string
		LastModified string
		VersionID    string `xml:"VersionId"`
	}
	if err := a.readXML(ctx, root, &wire); err != nil {
		return CopyResult{}, err
	}
	if wire.ETag == "" {
		return CopyResult{}, a.garbled(errNoETag)
	}
	h := a.resp.Header
	result := CopyResult{SourceVersionID: headerText(h, "X-Cos-Copy-Source-Version-Id")}
	result.Key = key
	result.ETag = unquoteETag(wire.ETag)
	result.VersionID = nameOr(headerText(h, "X-Cos-Version-Id"), wire.VersionID)
	result.LastModified = listTime(wire.LastModified)
	result.CRC64, result.HasCRC64 = parseCRC64(wire.CRC64)
	if !result.HasCRC64 {
		result.CRC64, result.HasCRC64 = headerCRC64(h)
	}
	return result, nil
}

// listTime reads a time as XML answers write it; the zero time when it is not one.
func listTime(s string) time.Time {
	if s == "" { // errors of time cost more than times
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

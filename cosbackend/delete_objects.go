package cosbackend

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // COS asks for Content-MD5.
	"encoding/base64"
	"encoding/xml"
	"net/http"
)

// DeleteObjects deletes 1 to 1000 objects in one request. Keys that could not be
// deleted are Failures of the result, not an error; keys that did not exist count
// as deleted (A013). A quiet call lists failures only.
//
// Keys travel as XML here, so one that holds a control character is refused; use
// DeleteObject for it. Idempotent.
func (c *Client) DeleteObjects(ctx context.Context, loc Location, ids []ObjectID, quiet bool) (DeleteResult, error) {
	if err := c.checkDeletes(loc, ids); err != nil {
		return DeleteResult{}, err
	}
	op, err := c.newOperation(ctx, "DeleteObjects", http.MethodPost, loc, "")
	if err != nil {
		return DeleteResult{}, err
	}
	op.query = []pair{{"delete", ""}}
	op.payload = deletesXML(ids, quiet)
	sum := md5.Sum(op.payload) //nolint:gosec // COS asks for Content-MD5.
	op.header = []pair{
		{"content-type", "application/xml"},
		{"content-md5", base64.StdEncoding.EncodeToString(sum[:])},
	}
	var result DeleteResult
	op.decode = func(ctx context.Context, r *response) (err error) {
		result, err = r.deleteResult(ctx, len(ids))
		return err
	}
	err = c.do(ctx, op)
	return result, err
}

func (c *Client) checkDeletes(loc Location, ids []ObjectID) error {
	if err := c.checkLocation("", loc.Bucket, loc.Region); err != nil {
		return err
	}
	if len(ids) == 0 || len(ids) > maxDeletes {
		return invalid("objects", "must be 1 to 1000 objects")
	}
	for i, id := range ids {
		name := field("objects", i, "key")
		if err := checkKey(name, id.Key); err != nil {
			return err
		}
		for _, r := range id.Key {
			if !xmlRune(r) || r < ' ' {
				return invalid(name, "holds a character that cannot be written in XML; delete it with DeleteObject")
			}
		}
		if err := checkVersionID(field("objects", i, "version_id"), id.VersionID); err != nil {
			return err
		}
	}
	return nil
}

func deletesXML(ids []ObjectID, quiet bool) []byte {
	var b bytes.Buffer
	b.WriteString("<Delete><Quiet>")
	if quiet {
		b.WriteString("true")
	} else {
		b.WriteString("false")
	}
	b.WriteString("</Quiet>")
	for _, id := range ids {
		b.WriteString("<Object><Key>")
		_ = xml.EscapeText(&b, []byte(id.Key)) // a bytes.Buffer does not fail
		b.WriteString("</Key>")
		if id.VersionID != "" {
			b.WriteString("<VersionId>" + id.VersionID + "</VersionId>")
		}
		b.WriteString("</Object>")
	}
	b.WriteString("</Delete>")
	return b.Bytes()
}

// wireDeleteResult is COS's DeleteResult.
type wireDeleteResult struct {
	Deleted []struct {
		Key                   string
		VersionID             string `xml:"VersionId"`
		DeleteMarker          bool
		DeleteMarkerVersionID string `xml:"DeleteMarkerVersionId"`
	}
	Error []struct {
		Key       string
		VersionID string `xml:"VersionId"`
		Code      string
		Message   string
	}
}

func (r *response) deleteResult(ctx context.Context, n int) (DeleteResult, error) {
	var wire wireDeleteResult
	if err := r.readPage(ctx, pageBounds(n, maxEntry), "DeleteResult", &wire); err != nil {
		return DeleteResult{}, err
	}
	if len(wire.Deleted)+len(wire.Error) > n {
		return DeleteResult{}, r.malformed(errPageTooLong)
	}
	result := DeleteResult{RequestID: r.requestID, TraceID: r.traceID}
	for _, d := range wire.Deleted {
		result.Deleted = append(result.Deleted, DeletedObject{
			Key: d.Key, VersionID: d.VersionID,
			DeleteMarker: d.DeleteMarker, DeleteMarkerVersionID: d.DeleteMarkerVersionID,
		})
	}
	for _, e := range wire.Error {
		result.Failures = append(result.Failures, DeleteFailure{
			Key: e.Key, VersionID: e.VersionID, Code: r.attempt.clean(e.Code, maxCode),
			Message: r.attempt.clean(e.Message, maxMessage),
		})
	}
	return result, nil
}

// An ObjectID names an object, or one version of it.
type ObjectID struct {
	Key       string
	VersionID string
}

// A DeletedObject is what a delete did. A key that did not exist counts as deleted.
type DeletedObject struct {
	Key       string
	VersionID string
	// DeleteMarkerVersionID is the version of the marker made or removed.
	DeleteMarkerVersionID string
	DeleteMarker          bool
}

// A DeleteFailure is one key that DeleteObjects could not delete, in COS's words.
type DeleteFailure struct {
	Key       string
	VersionID string
	Code      string
	Message   string
}

// DeleteResult is what DeleteObjects did, key by key.
type DeleteResult struct {
	// Deleted is empty when the call was quiet.
	Deleted   []DeletedObject
	Failures  []DeleteFailure
	RequestID string
	TraceID   string
}

// DeleteObject deletes an object, or one version of it. A key that does not exist
// is no error (A013). Idempotent.
func (c *Client) DeleteObject(ctx context.Context, loc Location, key, versionID string) (DeletedObject, error) {
	if err := c.checkObject(loc, key, versionID); err != nil {
		return DeletedObject{}, err
	}
	op, err := c.newOperation(ctx, "DeleteObject", http.MethodDelete, loc, key)
	if err != nil {
		return DeletedObject{}, err
	}
	op.version(versionID)
	deleted := DeletedObject{Key: key, VersionID: versionID}
	op.decode = func(ctx context.Context, r *response) error {
		if _, err := r.readRaw(ctx); err != nil {
			return err
		}
		deleted.DeleteMarker = headerText(r.http.Header, "X-Cos-Delete-Marker") == "true"
		if id := headerText(r.http.Header, "X-Cos-Version-Id"); deleted.DeleteMarker {
			deleted.DeleteMarkerVersionID = id
		} else {
			deleted.VersionID = cmp.Or(id, versionID)
		}
		return nil
	}
	err = c.do(ctx, op)
	return deleted, err
}

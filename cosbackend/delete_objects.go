package cosbackend

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // COS asks for Content-MD5.
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
)

// DeleteObjects deletes 1 to 1000 objects in one request. Keys that could not be
// deleted are Failures of the result, not an error; keys that did not exist count
// as deleted (A013). A quiet call lists failures only.
//
// Keys travel as XML here: one that XML cannot express is a failure, and not sent; use
// DeleteObject for it. So is one that COS's response does not mention, unless the call is
// quiet: then it was deleted. Idempotent.
func (c *Client) DeleteObjects(ctx context.Context, loc Location, ids []ObjectID, quiet bool) (DeleteResult, error) {
	if err := c.checkDeletes(loc, ids); err != nil {
		return DeleteResult{}, err
	}
	sent, failures := expressible(ids)
	if len(sent) == 0 {
		return DeleteResult{Failures: failures}, nil
	}
	op, err := c.newOperation(ctx, "DeleteObjects", http.MethodPost, loc, "")
	if err != nil {
		return DeleteResult{}, err
	}
	op.query = []pair{{"delete", ""}}
	op.payload = deletesXML(sent, quiet)
	sum := md5.Sum(op.payload) //nolint:gosec // COS asks for Content-MD5.
	op.header = []pair{
		{"content-type", "application/xml"},
		{"content-md5", base64.StdEncoding.EncodeToString(sum[:])},
	}
	var result DeleteResult
	op.decode = func(ctx context.Context, r *response) (err error) {
		result, err = r.deleteResult(ctx, sent, quiet)
		return err
	}
	if err = c.do(ctx, op); err != nil {
		return DeleteResult{}, err
	}
	result.Failures = append(result.Failures, failures...)
	return result, nil
}

// expressible returns the objects whose keys XML can express, and a failure for each other.
func expressible(ids []ObjectID) (sent []ObjectID, failures []DeleteFailure) {
	sent = make([]ObjectID, 0, len(ids))
	for _, id := range ids {
		if strings.ContainsFunc(id.Key, func(r rune) bool { return !xmlRune(r) }) {
			failures = append(failures, DeleteFailure{Key: id.Key, VersionID: id.VersionID, NotSent: true})
			continue
		}
		sent = append(sent, id)
	}
	return sent, failures
}

func (c *Client) checkDeletes(loc Location, ids []ObjectID) error {
	if err := c.checkLocation(loc.Bucket, loc.Region); err != nil {
		return err
	}
	if len(ids) == 0 || len(ids) > maxDeletes {
		return invalid("objects", "must be 1 to 1000 objects")
	}
	for i, id := range ids {
		name := field("objects", i, "key")
		if err := checkKeyText(name, id.Key); err != nil {
			return err
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

func (r *response) deleteResult(ctx context.Context, sent []ObjectID, quiet bool) (DeleteResult, error) {
	var wire wireDeleteResult
	n := len(sent)
	if err := r.readPage(ctx, pageBounds(n, maxEntry), "DeleteResult", &wire); err != nil {
		return DeleteResult{}, err
	}
	if len(wire.Deleted)+len(wire.Error) > n {
		return DeleteResult{}, r.malformed(errPageTooLong)
	}
	result := DeleteResult{RequestID: r.requestID, TraceID: r.traceID}
	asked := newAskedObjects(sent)
	for _, d := range wire.Deleted {
		id, ok := asked.take(d.Key, d.VersionID)
		if !ok {
			result.Unexpected = append(result.Unexpected, d.Key)
			continue
		}
		result.Deleted = append(result.Deleted, DeletedObject{
			Key: id.Key, VersionID: d.VersionID,
			DeleteMarker: d.DeleteMarker, DeleteMarkerVersionID: d.DeleteMarkerVersionID,
		})
	}
	for _, e := range wire.Error {
		id, ok := asked.take(e.Key, e.VersionID)
		if !ok {
			result.Unexpected = append(result.Unexpected, e.Key)
			continue
		}
		result.Failures = append(result.Failures, DeleteFailure{
			Key: id.Key, VersionID: e.VersionID, Code: r.attempt.clean(e.Code, maxCode),
			Message: r.attempt.clean(e.Message, maxMessage),
		})
	}
	if !quiet {
		for _, id := range asked.left(sent) {
			result.Failures = append(result.Failures, DeleteFailure{Key: id.Key, VersionID: id.VersionID, NotMentioned: true})
		}
	}
	if len(result.Unexpected) > 0 {
		r.client.logger.Warn("cosbackend: the response to DeleteObjects mentions keys that were not in the request",
			"bucket", r.op.bucket, "keys", len(result.Unexpected), "cos_request_id", r.requestID)
	}
	return result, nil
}

// askedObjects are the objects of a request that its response has not mentioned yet, by key.
type askedObjects map[string][]ObjectID

func newAskedObjects(sent []ObjectID) askedObjects {
	asked := make(askedObjects, len(sent))
	for _, id := range sent {
		key := lineFeeds(id.Key)
		asked[key] = append(asked[key], id)
	}
	return asked
}

// lineFeeds is s as XML reads it when its line breaks are not escaped.
func lineFeeds(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n") // s itself without any
}

// take removes the object that an entry of the response is about: the one of that version,
// else one whose request or response names no version.
func (a askedObjects) take(key, versionID string) (id ObjectID, ok bool) {
	key = lineFeeds(key)
	ids := a[key]
	i := slices.IndexFunc(ids, func(id ObjectID) bool { return id.VersionID == versionID })
	if i < 0 {
		i = slices.IndexFunc(ids, func(id ObjectID) bool { return id.VersionID == "" || versionID == "" })
	}
	if i < 0 {
		return ObjectID{}, false
	}
	id = ids[i]
	a[key] = slices.Delete(ids, i, i+1)
	return id, true
}

// left returns the objects that were not taken, in the order in which they were sent.
func (a askedObjects) left(sent []ObjectID) []ObjectID {
	var left []ObjectID
	for _, id := range sent {
		key := lineFeeds(id.Key)
		if i := slices.Index(a[key], id); i >= 0 {
			left = append(left, id)
			a[key] = slices.Delete(a[key], i, i+1)
		}
	}
	return left
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

// A DeleteFailure is one object that DeleteObjects did not delete, or may not have.
type DeleteFailure struct {
	Key       string
	VersionID string
	// Code and Message are COS's words; "" when NotSent or NotMentioned is set.
	Code    string
	Message string
	// NotSent says that XML cannot express the key.
	NotSent bool
	// NotMentioned says that COS's response does not mention the object: it may have been
	// deleted or not.
	NotMentioned bool
}

// DeleteResult is what DeleteObjects did, key by key.
type DeleteResult struct {
	// Deleted is empty when the call was quiet.
	Deleted  []DeletedObject
	Failures []DeleteFailure
	// Unexpected are keys that COS's response mentions and that were not asked for.
	Unexpected []string
	RequestID  string
	TraceID    string
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

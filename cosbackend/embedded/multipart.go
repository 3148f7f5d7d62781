package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
	"github.com/cosgate/cosgate/internal/crc64ecma"
)

const (
	// maxParts is the highest number of a part.
	maxParts = 10_000
	// defaultMinPart is the minimum size of every part but the last, 1 MB.
	defaultMinPart = 1 << 20
)

// initiateMultipartUpload begins an upload. The attributes of the object are fixed
// here; whether it may overwrite another is checked at Complete.
func (s *Server) initiateMultipartUpload(x *exchange) error {
	opts, err := x.putOptions()
	if err != nil {
		return err
	}
	id, err := s.store.Initiate(x.ctx(), x.bucket, x.key, opts)
	if err != nil {
		return err
	}
	describeEncryption(x.response.header(), opts.Encryption)
	doc := newBareXML()
	doc.open("InitiateMultipartUploadResult")
	doc.text("Bucket", x.bucket)
	doc.text("Key", x.key)
	doc.text("UploadId", id)
	doc.close("InitiateMultipartUploadResult")
	x.sendXML(http.StatusOK, doc)
	return nil
}

// uploadID is the upload that a request is about. An id that no upload can have is that
// of a missing upload.
func (x *exchange) uploadID() (string, error) {
	id, _ := x.params.get("uploadid")
	if id == "" {
		return "", fail(noSuchUpload, "")
	}
	return id, nil
}

// A partAddress is the upload and the number of a part.
type partAddress struct {
	id         string
	number     int
	encryption store.Encryption // of the upload
}

// partAddress reads it, and requires the customer key that its upload was begun with.
func (x *exchange) partAddress() (at partAddress, err error) {
	text, _ := x.params.get("partnumber")
	if at.number, err = strconv.Atoi(text); err != nil || at.number < 1 || at.number > maxParts {
		return at, fail(invalidArgument, "partNumber must be a number from 1 to 10000.")
	}
	if at.id, err = x.uploadID(); err != nil {
		return at, err
	}
	// Checked before the body is read; the store checks again when it stores the part.
	info, _, _, err := x.s.store.Parts(x.ctx(), x.bucket, x.key, at.id, 0, 1)
	if err != nil {
		return at, err
	}
	at.encryption = info.Encryption
	return at, x.checkCustomerKey(prefixCustomer, at.encryption)
}

// partTarget is the part for the store.
func (x *exchange) partTarget(at partAddress) store.PartTarget {
	return store.PartTarget{Bucket: x.bucket, Key: x.key, UploadID: at.id, Number: at.number, ETagKey: x.etagKey(at.encryption)}
}

func (s *Server) uploadPart(x *exchange) error {
	if err := x.checkKnownLength(); err != nil {
		return err
	}
	at, err := x.partAddress()
	if err != nil {
		return err
	}
	u, err := s.receiveBody(x)
	if err != nil {
		return err
	}
	defer u.Abort()
	part, err := u.CommitPart(x.ctx(), x.partTarget(at))
	if err != nil {
		return err
	}
	h := x.response.header()
	h.Set("ETag", quoted(part.ETag))
	h.Set(headerCRC64, formatCRC(part.CRC64))
	describeEncryption(h, at.encryption)
	x.sendEmpty(http.StatusOK)
	return nil
}

// uploadPartCopy makes a part from an object, or from a range of it.
func (s *Server) uploadPartCopy(x *exchange) error {
	src, err := s.hosts.parseCopySource(x.header(headerCopySource))
	if err != nil {
		return err
	}
	first, length, err := parseCopyRange(x.header("X-Cos-Copy-Source-Range"))
	if err != nil {
		return err
	}
	at, err := x.partAddress()
	if err != nil {
		return err
	}
	from, err := x.copySourceBucket(src)
	if err != nil {
		return missingSource(err)
	}
	check := x.sourceCheck(func(src store.Object) int64 {
		if length < 0 {
			return src.Size
		}
		return length
	})
	source := store.Source{Bucket: from, Key: src.key, VersionID: src.version}
	copied := ""
	part, err := s.store.CopyPart(x.ctx(), source, first, length, func(src store.Object) error {
		copied = src.VersionID
		return check(src)
	}, x.partTarget(at))
	if _, marker := errors.AsType[*store.MarkerError](err); marker && src.version != "" {
		return fail(invalidCopySource, "The version in x-cos-copy-source is a delete marker.") // (E051)
	}
	if err != nil {
		return err
	}
	showSourceVersion(x.response.header(), copied)
	describeEncryption(x.response.header(), at.encryption)
	x.sendXML(http.StatusOK, copyResult("CopyPartResult", store.Object{
		ETag: part.ETag, CRC64: x.response.fault.crc64(part.CRC64), Modified: part.Modified,
	}))
	return nil
}

// parseCopyRange reads bytes=first-last, the one form that COS documents (E042). Length
// -1 is the full source, when there is no range.
func parseCopyRange(text string) (first, length int64, err error) {
	if text == "" {
		return 0, -1, nil
	}
	spec, ok := strings.CutPrefix(text, "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	if !ok || !dash || err1 != nil || err2 != nil || last < first || strings.ContainsAny(spec, "+") {
		return 0, 0, fail(invalidArgument, "x-cos-copy-source-range must be bytes=first-last.")
	}
	return first, last - first + 1, nil
}

func (s *Server) abortMultipartUpload(x *exchange) error {
	id, err := x.uploadID()
	if err != nil {
		return err
	}
	if err := s.store.AbortUpload(x.ctx(), x.bucket, x.key, id); err != nil {
		return err
	}
	x.sendEmptyXML(http.StatusNoContent)
	return nil
}

const (
	maxCompleteXML = 2 << 20

	// patience is how long a Complete may take before its 200 is sent without waiting
	// for its outcome; keepAlive is how often a space follows until that is known.
	patience  = time.Second
	keepAlive = time.Second
)

// A completion is one Complete Multipart Upload in progress.
type completion struct {
	x      *exchange
	id     string
	parts  []store.CompletePart
	forbid bool
}

type outcome struct {
	object store.Object
	err    error
}

// completeMultipartUpload makes an object of the parts named. The work does not end
// with its client: like COS, the server continues when the client is no longer there.
func (s *Server) completeMultipartUpload(x *exchange) error {
	c, err := x.readCompletion()
	if err != nil {
		return err
	}
	done := make(chan outcome, 1)
	ctx := context.WithoutCancel(x.ctx())
	if !s.background.start(func() { done <- c.work(ctx) }) {
		return store.ErrClosed
	}
	out := c.await(done)
	if out.err != nil {
		return out.err
	}
	if !x.response.streaming() {
		x.response.header().Set(headerCRC64, formatCRC(out.object.CRC64))
		showVersion(x.response.header(), out.object.VersionID)
		describeEncryption(x.response.header(), out.object.Encryption)
	}
	x.sendXML(http.StatusOK, x.completeResult(out.object))
	return nil
}

func (x *exchange) readCompletion() (*completion, error) {
	id, err := x.uploadID()
	if err != nil {
		return nil, err
	}
	forbid, err := x.forbidOverwrite()
	if err != nil {
		return nil, err
	}
	text, err := x.readXMLBody(maxCompleteXML, false)
	if err != nil {
		return nil, err
	}
	parts, err := parseComplete(text)
	if err != nil {
		return nil, err
	}
	return &completion{x: x, id: id, parts: parts, forbid: forbid}, x.checkInitiateHeaders(id)
}

// checkInitiateHeaders compares the headers of Initiate that a Complete repeats, as the SDK
// does, with what they were: they are fixed, and cannot be changed here (E045).
func (x *exchange) checkInitiateHeaders(id string) error {
	repeated := make(map[string]string)
	for name := range x.r.Header {
		switch lower := strings.ToLower(name); {
		case strings.HasPrefix(lower, metaPrefix), name == headerStorageClass:
			repeated[lower] = x.header(name)
		}
	}
	access, named, err := x.headerACL(objectACLs(), aclDefault)
	if err != nil || len(repeated) == 0 && !named {
		return err
	}
	info, _, _, err := x.s.store.Parts(x.ctx(), x.bucket, x.key, id, 0, 1)
	if err != nil {
		return err
	}
	for name, value := range repeated {
		fixed := info.Headers[name]
		if http.CanonicalHeaderKey(name) == headerStorageClass {
			fixed = info.StorageClass
		}
		if value != fixed {
			return fail(invalidArgument, "The header "+name+" is not what it was when the upload was initiated.")
		}
	}
	if named && access.String() != info.ACL {
		return fail(invalidArgument, "The ACL is not what it was when the upload was initiated.")
	}
	return nil
}

// work checks the parts and commits the object.
func (c *completion) work(ctx context.Context) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			out.err = fmt.Errorf("embedded: panic in a complete: %v", p)
		}
	}()
	s := c.x.s
	if f := c.x.response.fault; f != nil && f.SlowWork > 0 {
		t := time.NewTimer(f.SlowWork)
		defer t.Stop()
		select {
		case <-t.C:
		case <-s.stop:
		}
	}
	out.object, out.err = s.store.Complete(ctx, c.x.bucket, c.x.key, c.id, c.parts, c.forbid, s.opts.MinPartSize)
	return out
}

// await waits for the work to be done. While the work is slow it sends a 200 and a
// space each second.
func (c *completion) await(done <-chan outcome) outcome {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case out := <-done:
		return out
	case <-t.C:
	}
	if crc, ok := c.crc64(); ok {
		c.x.response.header().Set(headerCRC64, formatCRC(crc))
	}
	c.x.startStream()
	ticks := time.NewTicker(keepAlive)
	defer ticks.Stop()
	for {
		c.x.space()
		select {
		case out := <-done:
			return out
		case <-ticks.C:
		}
	}
}

// crc64 combines the checksum of the object from those of the parts, so that the
// headers have it before the work is done. SDKs compare it with their own.
func (c *completion) crc64() (crc uint64, ok bool) {
	known := make(map[int]store.PartInfo, len(c.parts))
	for after, more := 0, true; more; {
		_, page, truncated, err := c.x.s.store.Parts(context.WithoutCancel(c.x.ctx()), c.x.bucket, c.x.key, c.id, after, 0)
		if err != nil {
			return 0, false
		}
		for _, p := range page {
			known[p.Number], after = p, p.Number
		}
		more = truncated
	}
	for _, named := range c.parts {
		p, ok := known[named.Number]
		if !ok {
			return 0, false
		}
		crc = crc64ecma.Combine(crc, p.CRC64, p.Size)
	}
	return crc, true
}

// completeResult is the response to a Complete. Location is the URL of the object on
// the host that was asked (E034).
func (x *exchange) completeResult(o store.Object) *xmlWriter {
	location := url.URL{Scheme: "http", Host: x.r.Host, Path: "/" + x.key}
	doc := newXML()
	doc.openIn("CompleteMultipartUploadResult", "http://www.qcloud.com/document/product/436/7751")
	doc.text("Location", location.String())
	doc.text("Bucket", x.bucket)
	doc.text("Key", x.key)
	doc.text("ETag", quoted(o.ETag))
	doc.close("CompleteMultipartUploadResult")
	return doc
}

func completeShape() shape {
	return branch("CompleteMultipartUpload", branch(
		"Part",
		leaf("PartNumber", between(-unlimited, unlimited)).once(), required("ETag").once(), text("Size").optional(), text("LastModified").optional(),
	).oneOrMore())
}

// parseComplete reads <CompleteMultipartUpload>. The numbers must ascend without
// a gap (E035). A part may also have what List Parts returns for it (E036).
func parseComplete(text []byte) ([]store.CompletePart, error) {
	doc, err := parseDocument(text, completeShape())
	if err != nil {
		return nil, err
	}
	var parts []store.CompletePart
	for _, n := range doc.all("Part") {
		etag := strings.Trim(n.value("ETag"), `"`)
		if etag == "" {
			return nil, malformed("in " + n.path() + " the ETag is empty.")
		}
		parts = append(parts, store.CompletePart{Number: int(n.number("PartNumber")), ETag: etag})
	}
	return parts, checkPartNumbers(parts)
}

func checkPartNumbers(parts []store.CompletePart) error {
	for _, p := range parts {
		if p.Number < 1 || p.Number > maxParts {
			return fail(invalidArgument, "PartNumber must be a number from 1 to 10000.")
		}
	}
	gap := false
	for i := 1; i < len(parts); i++ {
		if parts[i].Number <= parts[i-1].Number {
			return fail(invalidPartOrder, "")
		}
		gap = gap || parts[i].Number > parts[i-1].Number+1
	}
	if gap {
		return fail(invalidPart, "The part numbers are not consecutive.")
	}
	return nil
}

const (
	maxPartsListed   = 1000
	maxUploadsListed = 1000
)

// listParts lists the parts of one upload by number (E041).
func (s *Server) listParts(x *exchange) error {
	id, err := x.uploadID()
	if err != nil {
		return err
	}
	names, err := x.nameEncoding()
	if err != nil {
		return err
	}
	limit, err := x.limit("max-parts", 0, maxPartsListed)
	if err != nil {
		return err
	}
	after, err := x.partMarker()
	if err != nil {
		return err
	}
	info, parts, truncated, err := s.store.Parts(x.ctx(), x.bucket, x.key, id, after, max(limit, 1))
	if err != nil {
		return err
	}
	if limit == 0 { // an empty page is allowed, and complete (E025)
		parts, truncated = nil, false
	}
	x.sendXML(http.StatusOK, x.partsXML(names, info, parts, after, limit, truncated))
	return nil
}

// partMarker reads part-number-marker: only parts behind it are listed.
func (x *exchange) partMarker() (int, error) {
	text, ok := x.params.get("part-number-marker")
	if !ok || text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fail(invalidArgument, "part-number-marker must be the number of a part, or 0.")
	}
	return n, nil
}

func (x *exchange) partsXML(names nameEncoding, info store.UploadInfo, parts []store.PartInfo, after, limit int, truncated bool) *xmlWriter {
	_, appid := splitBucket(x.bucket)
	doc := newBareXML()
	doc.open("ListPartsResult")
	doc.text("Bucket", x.bucket)
	doc.text("EncodingType", string(names)) // in a list of uploads it is Encoding-Type
	doc.text("Key", names.encode(info.Key))
	doc.text("UploadId", info.ID)
	doc.account("Owner", appid)
	doc.number("PartNumberMarker", int64(after))
	doc.account("Initiator", appid)
	for _, p := range parts {
		doc.open("Part")
		doc.number("PartNumber", int64(p.Number))
		doc.text("LastModified", iso(p.Modified))
		doc.text("ETag", quoted(p.ETag))
		doc.number("Size", p.Size)
		doc.close("Part")
	}
	if truncated {
		doc.number("NextPartNumberMarker", int64(parts[len(parts)-1].Number))
	}
	doc.text("StorageClass", uploadClass(info.StorageClass))
	doc.number("MaxParts", int64(limit))
	doc.truncated(truncated)
	doc.close("ListPartsResult")
	return doc
}

// uploadClass is a storage class as lists of parts and uploads call it (E161).
func uploadClass(class string) string {
	if class == classStandard {
		return "Standard"
	}
	return class
}

// uploadsRequest is the parameters of List Multipart Uploads.
type uploadsRequest struct {
	store.ListUploadsOptions
	names nameEncoding
}

func (x *exchange) uploadsRequest() (uploadsRequest, error) {
	var q uploadsRequest
	q.Prefix, _ = x.params.get("prefix")
	q.Delimiter, _ = x.params.get("delimiter")
	q.KeyMarker, _ = x.params.get("key-marker")
	q.UploadIDMarker, _ = x.params.get("upload-id-marker")
	if err := checkListTexts(q.Delimiter, q.Prefix, q.KeyMarker, q.UploadIDMarker); err != nil {
		return q, err
	}
	var err error
	if q.names, err = x.nameEncoding(); err != nil {
		return q, err
	}
	q.Max, err = x.limit("max-uploads", 0, maxUploadsListed)
	return q, err
}

// listMultipartUploads lists the uploads that were neither completed nor aborted.
func (s *Server) listMultipartUploads(x *exchange) error {
	q, err := x.uploadsRequest()
	if err != nil {
		return err
	}
	var page store.UploadsPage
	if q.Max > 0 { // (E025)
		if page, err = s.store.Uploads(x.ctx(), x.bucket, q.ListUploadsOptions); err != nil {
			return err
		}
	}
	x.sendXML(http.StatusOK, q.result(x.bucket, page))
	return nil
}

func (q uploadsRequest) result(bucket string, page store.UploadsPage) *xmlWriter {
	doc := newBareXML()
	doc.open("ListMultipartUploadsResult")
	doc.text("Bucket", bucket)
	doc.text("Encoding-Type", string(q.names))
	doc.text("KeyMarker", q.names.encode(q.KeyMarker))
	doc.text("UploadIdMarker", q.UploadIDMarker)
	if page.Truncated {
		doc.text("NextKeyMarker", q.names.encode(page.NextKeyMarker))
		doc.text("NextUploadIdMarker", page.NextUploadIDMarker)
	}
	doc.number("MaxUploads", int64(q.Max))
	doc.text("Prefix", q.names.encode(q.Prefix))
	doc.text("Delimiter", q.names.encode(q.Delimiter))
	doc.truncated(page.Truncated)
	_, appid := splitBucket(bucket)
	for _, u := range page.Uploads {
		doc.open("Upload")
		doc.text("Key", q.names.encode(u.Key))
		doc.text("UploadId", u.ID)
		doc.account("Initiator", appid)
		doc.account("Owner", appid)
		doc.text("StorageClass", uploadClass(u.StorageClass))
		doc.text("Initiated", iso(u.Initiated))
		doc.close("Upload")
	}
	q.names.commonPrefixes(doc, page.CommonPrefixes)
	doc.close("ListMultipartUploadsResult")
	return doc
}

// multipartRoutes has two rows for the operations on a part: either parameter may come
// first.
func multipartRoutes() []route {
	routes := []route{
		{
			// A traffic limit is checked here and used by the parts, which repeat it:
			// the SDK sends the headers of the parts with Initiate too.
			method: http.MethodPost, target: onObject, sub: "uploads", operation: opInitiateMultipartUpload, access: writeBucket,
			headers:  slices.Concat(aclHeaders(), []string{"x-cos-storage-class", "x-cos-website-redirect-location", "x-cos-tagging", paramTrafficLimit}, encryptionHeaders()),
			metadata: true, handle: (*Server).initiateMultipartUpload,
		},
		{
			method: http.MethodPost, target: onObject, sub: "uploadid", operation: opCompleteMultipartUpload, access: writeBucket,
			headers: append(aclHeaders(), "x-cos-forbid-overwrite", "x-cos-storage-class", paramTrafficLimit), metadata: true,
			handle: (*Server).completeMultipartUpload,
		},
		{
			method: http.MethodDelete, target: onObject, sub: "uploadid", operation: opAbortMultipartUpload, access: writeBucket,
			handle: (*Server).abortMultipartUpload,
		},
		{
			method: http.MethodGet, target: onObject, sub: "uploadid", operation: opListParts, access: ownerOnly,
			params: []string{"max-parts", "part-number-marker", "encoding-type"}, handle: (*Server).listParts,
		},
	}
	for _, sub := range []string{"partnumber", "uploadid"} {
		routes = append(
			routes,
			route{
				method: http.MethodPut, target: onObject, sub: sub, operation: opUploadPart, access: writeBucket,
				params:  []string{"partnumber", "uploadid", paramTrafficLimit},
				headers: append([]string{"x-cos-content-sha1", paramTrafficLimit}, customerHeaders(prefixCustomer)...), handle: (*Server).uploadPart,
			},
			route{
				method: http.MethodPut, target: onObject, sub: sub, copies: true, operation: opUploadPartCopy, access: ownerOnly,
				params:  []string{"partnumber", "uploadid"},
				headers: slices.Concat([]string{"x-cos-copy-source-range"}, sourceHeaders(), customerHeaders(prefixCustomer)),
				handle:  (*Server).uploadPartCopy,
			},
		)
	}
	return routes
}

// backgroundTasks are the goroutines that may outlive the requests they were begun for.
type backgroundTasks struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// start runs f in the background, unless the server is closing.
func (w *backgroundTasks) start(f func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.wg.Go(f)
	}
	return !w.closed
}

// wait ends when all of them have.
func (w *backgroundTasks) wait() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wg.Wait()
}

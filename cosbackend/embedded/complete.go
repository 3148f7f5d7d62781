package embedded

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
	"github.com/cosgate/cosgate/internal/crc64ecma"
)

const (
	maxCompleteXML = 2 << 20

	// patience is how long a Complete may take before its 200 is sent ahead of its
	// outcome; keepAlive is how often a space follows until that is known.
	patience  = time.Second
	keepAlive = time.Second
)

// A completion is one Complete Multipart Upload under way.
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

// completeMultipartUpload makes an object of the parts named. The work does not
// end with its client: like COS, the server goes on when nobody listens any more.
func (s *Server) completeMultipartUpload(x *exchange) error {
	c, err := x.readCompletion()
	if err != nil {
		return err
	}
	done := make(chan outcome, 1)
	ctx := context.WithoutCancel(x.ctx())
	if !s.works.start(func() { done <- c.work(ctx) }) {
		return store.ErrClosed
	}
	out := c.await(done)
	if out.err != nil {
		return out.err
	}
	if !x.answer.streaming() {
		x.answer.header().Set(headerCRC64, formatCRC(out.object.CRC64))
		showVersion(x.answer.header(), out.object.VersionID)
		x.describeEncryption(x.answer.header(), out.object.Encryption)
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
	return &completion{x: x, id: id, parts: parts, forbid: forbid}, x.checkRepeated(id)
}

// checkRepeated compares the headers of Initiate that a Complete repeats, as the SDK
// does, with what they were: they are fixed, and cannot be changed here (E045).
func (x *exchange) checkRepeated(id string) error {
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

// work judges the parts and commits the object.
func (c *completion) work(ctx context.Context) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			out.err = fmt.Errorf("embedded: panic in a complete: %v", p)
		}
	}()
	s := c.x.s
	if f := c.x.answer.fault; f != nil && f.SlowWork > 0 {
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

// await waits for the work to be done. Work that is slow is covered by a 200 and
// a space each second.
func (c *completion) await(done <-chan outcome) outcome {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case out := <-done:
		return out
	case <-t.C:
	}
	if crc, ok := c.crc64(); ok {
		c.x.answer.header().Set(headerCRC64, formatCRC(crc))
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

// crc64 combines the checksum of the whole from those of the parts, so that the
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

// completeResult is the answer to a Complete. Location is where the object can be
// had, over the host that was asked (E034).
func (x *exchange) completeResult(o store.Object) *xmlWriter {
	location := url.URL{Scheme: "http", Host: x.r.Host, Path: "/" + x.key}
	doc := newXML()
	doc.open("CompleteMultipartUploadResult")
	doc.text("Location", location.String())
	doc.text("Bucket", x.bucket)
	doc.text("Key", x.key)
	doc.text("ETag", quoted(o.ETag))
	doc.close("CompleteMultipartUploadResult")
	return doc
}

// parseComplete reads <CompleteMultipartUpload>. The numbers must ascend without
// a gap (E035). What List Parts says of a part may stand in it too (E036).
func parseComplete(text []byte) ([]store.CompletePart, error) {
	var parts []store.CompletePart
	err := readXML(text, "CompleteMultipartUpload", func(r *xmlReader, name string) error {
		if name != "Part" {
			return errElement
		}
		p, err := readPart(r)
		if err != nil {
			return err
		}
		parts = append(parts, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, fail(malformedXML, "The list of parts is empty.")
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

func readPart(r *xmlReader) (store.CompletePart, error) {
	fields := make(map[string]string, 2)
	err := r.children(func(name string) error {
		text, err := r.content()
		if err != nil {
			return err
		}
		if _, twice := fields[name]; twice {
			return errElement
		}
		switch name {
		case "PartNumber", "ETag", "Size", "LastModified":
			fields[name] = strings.TrimSpace(text)
			return nil
		default:
			return errElement
		}
	})
	if err != nil {
		return store.CompletePart{}, err
	}
	number, err := strconv.Atoi(fields["PartNumber"])
	if err != nil {
		return store.CompletePart{}, errText
	}
	etag := strings.Trim(fields["ETag"], `"`)
	if etag == "" {
		return store.CompletePart{}, errElement
	}
	return store.CompletePart{Number: number, ETag: etag}, nil
}

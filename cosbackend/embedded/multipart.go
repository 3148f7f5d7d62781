package embedded

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	// maxParts is the highest number of a part.
	maxParts = 10_000
	// defaultMinPart is the least size of every part but the last, 1 MB.
	defaultMinPart = 1 << 20
)

// initiateMultipartUpload begins an upload. What the object will have beside its
// content is fixed here; whether it may overwrite another is asked at Complete.
func (s *Server) initiateMultipartUpload(x *exchange) error {
	opts, err := x.putOptions()
	if err != nil {
		return err
	}
	id, err := s.store.Initiate(x.ctx(), x.bucket, x.key, opts)
	if err != nil {
		return err
	}
	x.describeEncryption(x.answer.header(), opts.Encryption)
	doc := newXML()
	doc.open("InitiateMultipartUploadResult")
	doc.text("Bucket", x.bucket)
	doc.text("Key", x.key)
	doc.text("UploadId", id)
	doc.close("InitiateMultipartUploadResult")
	x.sendXML(http.StatusOK, doc)
	return nil
}

// uploadID is the upload a request speaks of. An id that no upload can have names
// an upload that is not there.
func (x *exchange) uploadID() (string, error) {
	id, _ := x.params.get("uploadid")
	if id == "" {
		return "", fail(noSuchUpload, "")
	}
	return id, nil
}

// A partAddress is the place in an upload that a request puts a part at.
type partAddress struct {
	id         string
	number     int
	encryption store.Encryption // of the upload
}

// partAddress finds the place, and wants the key that its upload was begun with.
func (x *exchange) partAddress() (at partAddress, err error) {
	text, _ := x.params.get("partnumber")
	if at.number, err = strconv.Atoi(text); err != nil || at.number < 1 || at.number > maxParts {
		return at, fail(invalidArgument, "partNumber must be a number from 1 to 10000.")
	}
	if at.id, err = x.uploadID(); err != nil {
		return at, err
	}
	// Asked before the body is read; the store asks again when it keeps the part.
	info, _, _, err := x.s.store.Parts(x.ctx(), x.bucket, x.key, at.id, 0, 1)
	if err != nil {
		return at, err
	}
	at.encryption = info.Encryption
	return at, x.checkCustomerKey(prefixCustomer, at.encryption)
}

func (s *Server) uploadPart(x *exchange) error {
	if err := x.checkKnownLength(); err != nil {
		return err
	}
	at, err := x.partAddress()
	if err != nil {
		return err
	}
	u, err := s.take(x)
	if err != nil {
		return err
	}
	defer u.Abort()
	part, err := u.CommitPart(x.ctx(), x.bucket, x.key, at.id, at.number)
	if err != nil {
		return err
	}
	h := x.answer.header()
	h.Set("ETag", quoted(part.ETag))
	h.Set(headerCRC64, formatCRC(part.CRC64))
	x.describeEncryption(h, at.encryption)
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
	}, x.bucket, x.key, at.id, at.number)
	if _, marker := errors.AsType[*store.MarkerError](err); marker && src.version != "" {
		return fail(invalidCopySource, "The version in x-cos-copy-source is a delete marker.") // (E051)
	}
	if err != nil {
		return err
	}
	showSourceVersion(x.answer.header(), copied)
	x.describeEncryption(x.answer.header(), at.encryption)
	x.sendXML(http.StatusOK, copyResult("CopyPartResult", store.Object{
		ETag: part.ETag, CRC64: x.answer.fault.crc64(part.CRC64), Modified: part.Modified,
	}))
	return nil
}

// parseCopyRange reads bytes=first-last, the one form COS documents (E042). Without a
// range the whole source is meant: length -1.
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
	x.sendEmpty(http.StatusNoContent)
	return nil
}

package embedded

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // Content-MD5 is MD5
	"crypto/sha1" //nolint:gosec // x-cos-content-sha1 is SHA-1
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	// transferChunk is how much of a body is moved at a time.
	transferChunk = 64 << 10
	// maxObject is the size limit of PUT Object, 5 GB.
	maxObject = 5 << 30

	// bodyTimeout is how long a request's body may make no progress. Every
	// bodyRenewal the deadline is extended if bodyProgress bytes were received: a
	// slow upload continues, a client that drips bytes to hold the connection does
	// not.
	bodyTimeout  = time.Minute
	bodyRenewal  = 10 * time.Second
	bodyProgress = 1 << 10
	// refusedBodyTimeout is how long the body of a refused request is read.
	// net/http reads some of it, so that the client still sees the response.
	refusedBodyTimeout = 5 * time.Second
)

// A bodyReader reads a request's body under the progress deadline, and no faster
// than the traffic limit of the request.
type bodyReader struct {
	x       *exchange
	rc      *http.ResponseController
	renewed time.Time
	fresh   int // bytes since the last renewal
}

func (x *exchange) body() *bodyReader {
	return &bodyReader{x: x, rc: x.response.rc}
}

// Read reads from the body. Its errors are io.EOF and apiErrors.
func (b *bodyReader) Read(p []byte) (int, error) {
	if now := time.Now(); b.renewed.IsZero() || now.Sub(b.renewed) > bodyRenewal && b.fresh >= bodyProgress {
		b.renewed, b.fresh = now, 0
		_ = b.rc.SetReadDeadline(now.Add(bodyTimeout)) // a recorder in a test has no deadline
	}
	n, err := b.x.r.Body.Read(p[:b.x.pace.piece(len(p))])
	b.x.throttle(n)
	b.fresh += n
	if err == nil {
		return n, nil
	}
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF):
		// From here on a read only watches for the client to go away.
		_ = b.rc.SetReadDeadline(time.Time{})
		return n, io.EOF
	case errors.As(err, &timeout) && timeout.Timeout():
		e := fail(requestTimeout, "")
		e.header = http.Header{"Connection": {"close"}} // the rest of the body is not read
		return n, e
	default:
		return n, fail(incompleteBody, "")
	}
}

// digests are the checksums a client announced for its body.
type digests struct {
	md5  []byte // nil when not announced
	sha1 []byte
}

// announcedDigests reads Content-MD5 and x-cos-content-sha1.
func (x *exchange) announcedDigests() (digests, error) {
	var d digests
	if text := x.header("Content-MD5"); text != "" {
		sum, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(sum) != md5.Size {
			return d, fail(invalidDigest, "")
		}
		d.md5 = sum
	}
	if text := x.header("X-Cos-Content-Sha1"); text != "" {
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != sha1.Size {
			return d, fail(invalidSHA1Digest, "The x-cos-content-sha1 you specified is not 40 hex digits.")
		}
		d.sha1 = sum
	}
	return d, nil
}

// check compares what was announced with what was received.
func (d digests) check(sums store.Sums) error {
	if d.md5 != nil && !bytes.Equal(d.md5, sums.MD5[:]) {
		return fail(badDigest, "")
	}
	if d.sha1 != nil && !bytes.Equal(d.sha1, sums.SHA1[:]) {
		return fail(invalidSHA1Digest, "")
	}
	return nil
}

// checkLength refuses bodies whose length is not known or too large.
func (x *exchange) checkLength() error {
	if x.r.ContentLength > maxObject {
		return fail(entityTooLarge, "")
	}
	if x.r.Header.Get("Content-Length") == "" && len(x.r.TransferEncoding) == 0 {
		return fail(missingContentLength, "")
	}
	return nil
}

// checkKnownLength is checkLength for operations that accept no chunked body (E032).
func (x *exchange) checkKnownLength() error {
	if x.r.ContentLength < 0 {
		return fail(missingContentLength, "")
	}
	return x.checkLength()
}

// receiveBody receives the request's body and checks it against what was announced.
// The caller ends the upload.
func (s *Server) receiveBody(x *exchange) (*store.Upload, error) {
	return s.newUpload(x, func(u *store.Upload) error {
		_, err := s.copyInto(u, x.body(), maxObject, func(err error) error { return err })
		return err
	})
}

// newUpload makes an upload of what receive writes into it, and checks it against the
// announced checksums. The caller ends the upload.
func (s *Server) newUpload(x *exchange, receive func(*store.Upload) error) (u *store.Upload, err error) {
	announced, err := x.announcedDigests()
	if err != nil {
		return nil, err
	}
	if u, err = s.store.NewUpload(x.ctx()); err != nil {
		return nil, err
	}
	if announced.sha1 != nil {
		u.WantSHA1()
	}
	if err = receive(u); err == nil {
		err = announced.check(u.Sums())
	}
	if err != nil {
		u.Abort()
		return nil, err
	}
	return u, nil
}

// copyInto copies r into an upload and returns its size. More than limit bytes are
// EntityTooLarge; readError is the error to return for one of r.
func (s *Server) copyInto(u *store.Upload, r io.Reader, limit int64, readError func(error) error) (size int64, err error) {
	buf, _ := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	for {
		n, err := r.Read(*buf)
		if size += int64(n); size > limit {
			return size, fail(entityTooLarge, "")
		}
		if n > 0 {
			if _, err := u.Write((*buf)[:n]); err != nil {
				return size, err
			}
		}
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, readError(err)
		}
	}
}

// readXMLBody reads an XML body of at most limit bytes and checks its
// Content-MD5, which some operations require.
func (x *exchange) readXMLBody(limit int64, needsMD5 bool) ([]byte, error) {
	if needsMD5 && x.header("Content-MD5") == "" {
		return nil, fail(invalidRequest, "Missing required header for this request: Content-MD5")
	}
	d, err := x.announcedDigests()
	if err != nil {
		return nil, err
	}
	if x.r.ContentLength > limit {
		return nil, fail(xmlSizeLimit, "")
	}
	text, err := io.ReadAll(io.LimitReader(x.body(), limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fail(xmlSizeLimit, "")
	}
	if sum := md5.Sum(text); d.md5 != nil && !bytes.Equal(sum[:], d.md5) { //nolint:gosec // Content-MD5 is MD5
		return nil, fail(badDigest, "")
	}
	return text, nil
}

// send streams length bytes of a stored body from where r stands. The first
// piece is read before the response begins, so that damage found there is a 500;
// damage found later ends the response before the damaged bytes.
func (s *Server) send(x *exchange, r io.Reader, status int, length int64) error {
	buf, _ := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	for first := true; first || length > 0; first = false {
		piece := (*buf)[:min(length, int64(x.pace.piece(len(*buf))))]
		if _, err := io.ReadFull(r, piece); err != nil {
			return err
		}
		if first {
			x.response.begin(status, length)
		}
		x.throttle(len(piece))
		if _, err := x.response.Write(piece); err != nil {
			return nil // the client went away; response.err has it for the journal
		}
		length -= int64(len(piece))
	}
	return nil
}

package cosbackend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errBodyClosed = errors.New("cosbackend: the body is closed")
	errReplaced   = errors.New("the rest came from another object than the beginning")
)

// A download is the body of GetObject: the bytes of one object from next to end,
// out of as many answers as it takes.
type download struct {
	client *Client
	ctx    context.Context //nolint:containedctx // the context of the call is that of its body
	cancel context.CancelFunc
	call   *call // what goes on where an answer broke off
	resume ResumeOptions
	object ObjectInfo // as it was when the download began

	closing atomic.Bool

	mu       sync.Mutex // held by a Read for all its time
	part     *segment   // the answer being read; nil between two
	next     int64
	end      int64
	failures int // in a row, without a byte between
	err      error
}

// Read passes on what COS sends, until exactly as much came as was announced.
func (d *download) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.err == nil && len(p) > 0 {
		if d.next == d.end {
			d.finish(io.EOF)
			break
		}
		if d.part == nil {
			d.reopen()
			continue
		}
		n, err := d.part.Read(p)
		d.next += int64(n)
		if n > 0 {
			d.failures = 0
			if d.next == d.end {
				d.finish(io.EOF)
			}
			return n, nil
		}
		if err != nil {
			d.broke(err)
		}
	}
	return 0, d.err
}

// finish ends the download and lets go of its connection.
func (d *download) finish(err error) {
	d.err = err
	if d.part != nil {
		d.part.close()
		d.part = nil
	}
}

// broke judges a failure, and leaves the download to be reopened when there is
// something left to try.
func (d *download) broke(err error) {
	d.finish(nil)
	e, ok := err.(*Error) //nolint:errorlint // what send returned, not what is inside
	over := ended(d.ctx)
	switch {
	case d.closing.Load():
		d.err = errBodyClosed
	case !ok:
		d.err = err
	case over != nil && errors.Is(err, over):
		d.err = err
	case over != nil:
		d.err = interrupted(err, over)
	case !transient(e):
		d.err = d.refused(e)
	default:
		d.failures++
		d.err = d.await(e)
	}
}

// await waits until the download may be reopened, or says why it will not be.
func (d *download) await(e *Error) error {
	if d.failures > d.resume.Attempts || d.object.ETag == "" {
		return d.broken(e)
	}
	switch err := d.client.pause(d.ctx, d.failures, e); {
	case err == nil:
		return nil
	case d.closing.Load():
		return errBodyClosed
	case errors.Is(err, errNoTime):
		return d.broken(e)
	default:
		return interrupted(e, err)
	}
}

// refused is a refusal to go on. Answers that mean that the object is another one
// now, or gone, say so.
func (d *download) refused(e *Error) error {
	gone := e.HTTPStatus == http.StatusNotFound && (e.Code == "NoSuchKey" || e.Code == "NoSuchVersion")
	if !gone && e.HTTPStatus != http.StatusPreconditionFailed && e.HTTPStatus != http.StatusRequestedRangeNotSatisfiable {
		return e
	}
	return d.changed("", -1, e)
}

func (d *download) changed(etag string, size int64, err error) error {
	return &ChangedError{
		Op: d.call.op, Bucket: d.call.bucket, Key: d.call.key,
		ETag: d.object.ETag, Size: d.object.Size, NewETag: etag, NewSize: size, Err: err,
	}
}

func (d *download) broken(err error) error {
	return &ReadBrokenError{NextOffset: d.next, ETag: d.object.ETag, VersionID: d.object.VersionID, Err: err}
}

// reopen asks for the rest, of the same object only. The conditions of the caller
// held when the download began; the ETag stands for all of them now.
func (d *download) reopen() {
	rest := Range{Offset: d.next, Length: d.end - d.next}
	cl := d.call
	cl.header = append(cl.header[:cl.lasting:cl.lasting], pair{"range", rest.header()}, pair{"if-match", quoteETag(d.object.ETag)})
	cl.read = func(ctx context.Context, a *answer) error {
		info, offset, err := a.extent(ctx, cl.key)
		if err != nil {
			return err
		}
		if d.replacedBy(info) {
			e := a.newError()
			e.Cause = errReplaced
			return d.changed(info.ETag, info.Size, e)
		}
		if !rest.selects(offset, a.resp.ContentLength, info.Size) {
			return a.garbled(errRange)
		}
		d.part = newSegment(ctx, a, d.resume.Stall)
		return nil
	}
	if err := d.client.do(d.ctx, cl); err != nil {
		d.broke(err)
	}
}

// replacedBy reports whether an answer to IfMatch is of another object all the same.
func (d *download) replacedBy(info ObjectInfo) bool {
	otherVersion := info.VersionID != d.object.VersionID && info.VersionID != "" && d.object.VersionID != ""
	return info.ETag != d.object.ETag || info.Size != d.object.Size || otherVersion
}

// Close gives the connection back when the whole body was read, and drops it
// otherwise. It also ends a Read that waits. Reads after it fail.
func (d *download) Close() error {
	d.closing.Store(true)
	d.cancel() // harmless to a download that was read to its end
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.finish(errBodyClosed)
	}
	return nil
}

// A segment is what one answer holds of a download. It tells the end of the object
// from the end of the connection.
type segment struct {
	ctx    context.Context //nolint:containedctx // the context of the call is that of its body
	answer *answer
	body   io.ReadCloser
	left   int64
}

func newSegment(ctx context.Context, a *answer, stall time.Duration) *segment {
	s := &segment{ctx: ctx, answer: a, body: a.resp.Body, left: a.resp.ContentLength}
	if stall > 0 {
		s.body = newStallReader(s.body, stall)
	}
	return s
}

// Read returns bytes, or an Error when no more come though some are left.
func (s *segment) Read(p []byte) (int, error) {
	n, err := s.body.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	switch {
	case n > 0 || err == nil:
		return n, nil // what err is, the next Read says again
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return 0, s.answer.cut(s.ctx, fmt.Errorf("%d bytes before the end: %w", s.left, err))
}

func (s *segment) close() {
	if s.left == 0 {
		// Let net/http see the end, so that it keeps the connection.
		_, _ = s.body.Read(make([]byte, 1))
	}
	_ = s.body.Close() // nothing that a reader could do about it
}

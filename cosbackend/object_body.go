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

// An objectBody is the Body of GetObject: the bytes of one object from next to end, out
// of as many responses as it takes.
type objectBody struct {
	client *Client
	ctx    context.Context // the context of the call is that of its body
	cancel context.CancelFunc
	op     operation // what is resumed where a response broke off
	resume ResumeOptions
	object ObjectInfo // as it was when the read began

	closing atomic.Bool

	mu       sync.Mutex   // held by a Read for all its time
	segment  *bodySegment // the response being read; nil between two
	next     int64
	end      int64
	attempts int // of op
	failures int // in a row, without a byte between them
	err      error
}

// Read passes on what COS sends, until exactly as much was received as was announced.
func (d *objectBody) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.err == nil && len(p) > 0 {
		if d.next == d.end {
			d.finish(io.EOF)
			break
		}
		if d.segment == nil {
			d.reopen()
			continue
		}
		n, err := d.segment.read(p)
		d.next += int64(n)
		if n > 0 {
			d.failures = 0
			if d.next == d.end {
				d.finish(io.EOF)
			}
			return n, nil
		}
		if err != nil {
			d.broken(failed(err))
		}
	}
	return 0, d.err
}

// finish ends the body and lets go of its connection.
func (d *objectBody) finish(err error) {
	d.err = err
	if d.segment != nil {
		d.segment.close()
		d.segment = nil
	}
}

// broken decides on a failure, and leaves the body to be reopened when there is
// something left to try.
func (d *objectBody) broken(f *failure) {
	d.finish(nil)
	over := contextError(d.ctx)
	_, changed := errors.AsType[*ChangedError](f.err)
	switch {
	case d.closing.Load():
		d.err = errBodyClosed
	case f.response == nil || changed:
		d.err = f.err
	case over != nil && errors.Is(f.err, over):
		d.err = f.err
	case over != nil:
		d.err = f.endedBy(over).err
	case !transient(f.response):
		d.err = d.refused(f.response)
	default:
		d.failures++
		d.err = d.await(f)
	}
}

// await waits until the body may be reopened, or says why it will not be.
func (d *objectBody) await(f *failure) error {
	if d.failures > d.resume.Attempts || d.object.ETag == "" {
		return d.unresumed(f.response)
	}
	switch err := d.client.pause(d.ctx, d.failures, f.response); {
	case err == nil:
		return nil
	case d.closing.Load():
		return errBodyClosed
	case errors.Is(err, errNoTime):
		return d.unresumed(f.response)
	default:
		return f.endedBy(err).err
	}
}

// refused handles a refusal to resume. It recognizes responses that mean that the object
// was replaced or deleted.
func (d *objectBody) refused(e *Error) error {
	deleted := e.HTTPStatus == http.StatusNotFound && (e.Code == "NoSuchKey" || e.Code == "NoSuchVersion")
	if !deleted && e.HTTPStatus != http.StatusPreconditionFailed && e.HTTPStatus != http.StatusRequestedRangeNotSatisfiable {
		return e
	}
	return d.changed("", -1, e)
}

func (d *objectBody) changed(etag string, size int64, err error) error {
	return &ChangedError{
		Op: d.op.name, Bucket: d.op.bucket, Key: d.op.key,
		ETag: d.object.ETag, Size: d.object.Size, NewETag: etag, NewSize: size, Err: err,
	}
}

func (d *objectBody) unresumed(err error) error {
	return &ReadBrokenError{NextOffset: d.next, ETag: d.object.ETag, VersionID: d.object.VersionID, Err: err}
}

// reopen requests the rest, of the same object only. The preconditions of the caller
// held when the read began; the ETag stands for all of them now. It makes one attempt:
// the body itself counts failures.
func (d *objectBody) reopen() {
	rest := Range{Offset: d.next, Length: d.end - d.next}
	op := d.op
	op.selection = []pair{{"range", rest.header()}, {"if-match", quoteETag(d.object.ETag)}}
	op.decode = func(ctx context.Context, r *response) error {
		info, offset, err := r.extent(ctx, op.key)
		if err != nil {
			return err
		}
		if d.replacedBy(info) {
			e := r.newError()
			e.Cause = errReplaced
			return d.changed(info.ETag, info.Size, e)
		}
		if !rest.selects(offset, r.http.ContentLength, info.Size) {
			return r.malformed(errRange)
		}
		d.segment = newBodySegment(ctx, r, d.resume.Stall)
		return nil
	}
	x := &execution{client: d.client, op: op, attempts: d.attempts, limit: d.attempts + 1}
	got := x.run(d.ctx)
	d.attempts = got.attempts
	if got.failure != nil {
		d.broken(got.failure)
	}
}

// replacedBy reports whether a response to IfMatch is of another object all the same.
func (d *objectBody) replacedBy(info ObjectInfo) bool {
	otherVersion := info.VersionID != d.object.VersionID && info.VersionID != "" && d.object.VersionID != ""
	return info.ETag != d.object.ETag || info.Size != d.object.Size || otherVersion
}

// Close gives the connection back when the whole body was read, and drops it
// otherwise. It also ends a Read that waits. Reads after it fail.
func (d *objectBody) Close() error {
	d.closing.Store(true)
	d.cancel() // harmless to a body that was read to its end
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.finish(errBodyClosed)
	}
	return nil
}

// A bodySegment is the part of an object that one response holds. It distinguishes the
// end of the object from the end of the connection.
type bodySegment struct {
	ctx       context.Context // the context of the call is that of its body
	response  *response
	body      io.ReadCloser
	remaining int64
}

func newBodySegment(ctx context.Context, r *response, stall time.Duration) *bodySegment {
	s := &bodySegment{ctx: ctx, response: r, body: r.http.Body, remaining: r.http.ContentLength}
	if stall > 0 {
		s.body = newStallReader(s.body, stall)
	}
	return s
}

// read returns bytes, or an Error when no more come though some are missing.
func (s *bodySegment) read(p []byte) (int, error) {
	n, err := s.body.Read(p[:min(int64(len(p)), s.remaining)])
	s.remaining -= int64(n)
	switch {
	case n > 0 || err == nil:
		return n, nil // the next read returns err again
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return 0, s.response.truncated(s.ctx, fmt.Errorf("%d bytes before the end: %w", s.remaining, err))
}

func (s *bodySegment) close() {
	if s.remaining == 0 {
		// Let net/http see the end, so that it keeps the connection.
		_, _ = s.body.Read(make([]byte, 1))
	}
	_ = s.body.Close() // nothing that a reader could do about it
}

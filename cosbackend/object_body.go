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
func (b *objectBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.err == nil && len(p) > 0 {
		if b.next == b.end {
			b.finish(io.EOF)
			break
		}
		if b.segment == nil {
			b.reopen()
			continue
		}
		n, err := b.segment.read(p)
		b.next += int64(n)
		if n > 0 {
			b.failures = 0
			if b.next == b.end {
				b.finish(io.EOF)
			}
			return n, nil
		}
		if err != nil {
			b.broken(failed(err))
		}
	}
	return 0, b.err
}

// finish ends the body and lets go of its connection.
func (b *objectBody) finish(err error) {
	b.err = err
	if b.segment != nil {
		b.segment.close()
		b.segment = nil
	}
}

// broken decides on a failure, and leaves the body to be reopened when there is
// something left to try.
func (b *objectBody) broken(f *failure) {
	b.finish(nil)
	over := contextError(b.ctx)
	_, changed := errors.AsType[*ChangedError](f.err)
	switch {
	case b.closing.Load():
		b.err = errBodyClosed
	case f.response == nil || changed:
		b.err = f.err
	case over != nil && errors.Is(f.err, over):
		b.err = f.err
	case over != nil:
		b.err = f.endedBy(over).err
	case !transient(f.response):
		b.err = b.refused(f.response)
	default:
		b.failures++
		b.err = b.await(f)
	}
}

// await waits until the body may be reopened, or says why it will not be.
func (b *objectBody) await(f *failure) error {
	if b.failures > b.resume.Attempts || b.object.ETag == "" {
		return b.unresumed(f.response)
	}
	switch err := b.client.pause(b.ctx, b.failures, f.response); {
	case err == nil:
		return nil
	case b.closing.Load():
		return errBodyClosed
	case errors.Is(err, errNoTime):
		return b.unresumed(f.response)
	default:
		return f.endedBy(err).err
	}
}

// refused handles a refusal to resume. It recognizes responses that mean that the object
// was replaced or deleted.
func (b *objectBody) refused(e *Error) error {
	deleted := e.HTTPStatus == http.StatusNotFound && (e.Code == "NoSuchKey" || e.Code == "NoSuchVersion")
	if !deleted && e.HTTPStatus != http.StatusPreconditionFailed && e.HTTPStatus != http.StatusRequestedRangeNotSatisfiable {
		return e
	}
	return b.changed("", -1, e)
}

func (b *objectBody) changed(etag string, size int64, err error) error {
	return &ChangedError{
		Op: b.op.name, Bucket: b.op.bucket, Key: b.op.key,
		ETag: b.object.ETag, Size: b.object.Size, NewETag: etag, NewSize: size, Err: err,
	}
}

func (b *objectBody) unresumed(err error) error {
	return &ReadBrokenError{NextOffset: b.next, ETag: b.object.ETag, VersionID: b.object.VersionID, Err: err}
}

// reopen requests the rest, of the same object only. The preconditions of the caller
// held when the read began; the ETag stands for all of them now. It makes one attempt:
// the body itself counts failures.
func (b *objectBody) reopen() {
	rest := Range{Offset: b.next, Length: b.end - b.next}
	op := b.op
	op.selection = []pair{{"range", rest.header()}, {"if-match", quoteETag(b.object.ETag)}}
	op.decode = func(ctx context.Context, r *response) error {
		info, offset, err := r.extent(ctx, op.key)
		if err != nil {
			return err
		}
		if b.replacedBy(info) {
			e := r.newError()
			e.Cause = errReplaced
			return b.changed(info.ETag, info.Size, e)
		}
		if !rest.selects(offset, r.http.ContentLength, info.Size) {
			return r.malformed(errRange)
		}
		b.segment = newBodySegment(ctx, r, b.resume.Stall)
		return nil
	}
	x := &execution{client: b.client, op: op, attempts: b.attempts, limit: b.attempts + 1}
	got := x.run(b.ctx)
	b.attempts = got.attempts
	if got.failure != nil {
		b.broken(got.failure)
	}
}

// replacedBy reports whether a response to IfMatch is of another object all the same.
func (b *objectBody) replacedBy(info ObjectInfo) bool {
	otherVersion := info.VersionID != b.object.VersionID && info.VersionID != "" && b.object.VersionID != ""
	return info.ETag != b.object.ETag || info.Size != b.object.Size || otherVersion
}

// Close gives the connection back when the whole body was read, and drops it
// otherwise. It also ends a Read that waits. Reads after it fail.
func (b *objectBody) Close() error {
	b.closing.Store(true)
	b.cancel() // harmless to a body that was read to its end
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.finish(errBodyClosed)
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

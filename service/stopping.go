package service

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/service/frames"
)

const (
	// unwindTime is what a call that is cut gets to leave the transport by itself.
	unwindTime = 100 * time.Millisecond
	// endlessTime lets connections hear that the server goes away before the calls on
	// them that have no end are cut. Their callers would begin anew on the same one.
	endlessTime = 100 * time.Millisecond
	// closeTime is what the statuses of cut calls get to reach callers that do not read.
	closeTime = 5 * time.Second
)

// errStopping is why a call is cut.
var errStopping = errors.New("service: the server is stopping")

// A stoppedError is a call that was cut because the server stops.
type stoppedError struct {
	cause  error                 // what the handler made of it; nil when it was not waited for
	resume *cosgatev1.ReadResume // of a read that had begun
}

func (e *stoppedError) Error() string { return errStopping.Error() }
func (e *stoppedError) Unwrap() error { return e.cause }

// stopping ends calls with a status when the time of the server is over. gRPC alone
// would close their connections, and callers would not learn why nor where to go on.
type stopping struct {
	endless, cut       context.Context // done when such calls end
	cutEndless, cutAll context.CancelFunc
	handlers           sync.WaitGroup // of streams
}

func newStopping() *stopping {
	s := &stopping{}
	s.cut, s.cutAll = context.WithCancel(context.Background())
	s.endless, s.cutEndless = context.WithCancel(s.cut) //nolint:gosec // called by end
	return s
}

// end takes no new calls, gives those in flight the time of grace, and returns when
// all of them are done.
func (s *stopping) end(server *grpc.Server, grace time.Duration) {
	for _, t := range []*time.Timer{
		time.AfterFunc(endlessTime, s.cutEndless),
		time.AfterFunc(grace, s.cutAll),
		time.AfterFunc(grace+closeTime, server.Stop),
	} {
		defer t.Stop()
	}
	// Calls that were sent before their caller heard of the end are still taken.
	server.GracefulStop()
	s.handlers.Wait()
}

// signal tells when calls of a method are cut: watches of health and reflection have
// no end of their own.
func (s *stopping) signal(method string) context.Context {
	if strings.HasPrefix(method, "/cosgate.") {
		return s.cut
	}
	return s.endless
}

func (s *stopping) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.cut, func() { cancel(errStopping) })() //nolint:contextcheck // the server ends the call, beside its own context
	resp, err := handler(ctx, req)
	if err != nil && errors.Is(context.Cause(ctx), errStopping) {
		return nil, &stoppedError{cause: err}
	}
	return resp, err
}

// stream runs the handler beside itself: a handler that waits for its caller can only
// be interrupted by ending the stream, and a stream ends when this returns.
func (s *stopping) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, cancel := context.WithCancelCause(ss.Context())
	defer cancel(nil)
	stream := &stoppableStream{ServerStream: ss, ctx: ctx}
	done := make(chan error, 1)
	s.handlers.Go(func() { done <- handler(srv, stream) })
	select {
	case err := <-done:
		return err
	case <-s.signal(info.FullMethod).Done():
	}
	cancel(errStopping)
	if stream.shut() {
		unwound := time.NewTimer(unwindTime)
		defer unwound.Stop()
		select {
		case err := <-done:
			return stream.stopped(err)
		case <-unwound.C:
		}
		if stream.busy() {
			return stream.stopped(errStopping)
		}
	}
	return stream.stopped(<-done)
}

// A stoppableStream knows whether its handler waits for the caller, and how far a read
// has come.
type stoppableStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // a ServerStream carries its context

	mu     sync.Mutex
	closed bool
	inside int // calls to the transport that have not returned
	resume *cosgatev1.ReadResume
}

func (s *stoppableStream) Context() context.Context { return s.ctx }

// shut lets nothing begin any more and reports whether something is under way.
func (s *stoppableStream) shut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.inside > 0
}

func (s *stoppableStream) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inside > 0
}

func (s *stoppableStream) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errStopping
	}
	s.inside++
	return nil
}

// leave notes how far a read has come. at is nil for what is not a read.
func (s *stoppableStream) leave(at *cosgatev1.ReadResume) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside--
	switch {
	case at == nil:
	case at.GetEtag() != "":
		s.resume = at
	case s.resume != nil:
		s.resume.NextOffset = at.GetNextOffset()
	}
}

func (s *stoppableStream) RecvMsg(m any) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave(nil)
	return s.ServerStream.RecvMsg(m)
}

func (s *stoppableStream) SendMsg(m any) error {
	if err := s.enter(); err != nil {
		return err
	}
	at := readPosition(m) // the content is gone once it was sent
	err := s.ServerStream.SendMsg(m)
	if err != nil {
		at = nil
	}
	s.leave(at)
	return err
}

// stopped is what a handler that was cut returned, or the reason to cut it.
func (s *stoppableStream) stopped(err error) error {
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &stoppedError{cause: err, resume: s.resume}
}

// readPosition is where a read goes on behind m; its first message names the object.
// It is nil when m belongs to something else.
func readPosition(m any) *cosgatev1.ReadResume {
	sent, ok := m.(*frames.Sent)
	if !ok {
		return nil
	}
	at := &cosgatev1.ReadResume{NextOffset: sent.Offset + int64(sent.ContentBytes())}
	if first, ok := sent.Message.(*cosgatev1.GetObjectResponse); ok {
		at.Etag, at.VersionId = first.GetObject().GetEtag(), first.GetObject().GetVersionId()
	}
	return at
}

// stoppedVerdict tells a caller to go on elsewhere. What COS answered in the last
// moment is told instead, and so is a change whose answer was lost.
func (m *mapper) stoppedVerdict(s *stoppedError, e *cosbackend.Error) verdict {
	if e != nil && e.Origin == cosbackend.OriginCOS {
		return m.cosVerdict(e)
	}
	v := verdict{
		code: codes.Unavailable, reason: reasonStopping, retry: retrySoon,
		text: "the gateway is stopping; another one takes the call",
	}
	v.delay = m.delay(v.retry, &cosbackend.Error{})
	if s.resume != nil {
		v.extra = s.resume
	}
	if e != nil && e.OutcomeUnknown {
		v.cos = e
		return m.unknownOutcome(v)
	}
	return v
}

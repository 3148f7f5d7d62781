package service

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

const (
	// unwindTimeout is how long a cancelled call may take to return from the transport by
	// itself.
	unwindTimeout = 100 * time.Millisecond
	// watchDelay is how long calls without an end of their own go on after the connections
	// were told that the server goes away. Without it their callers would call again on the
	// same connection.
	watchDelay = 100 * time.Millisecond
	// flushTimeout is how long the statuses of cancelled calls may take to reach callers that
	// do not read.
	flushTimeout = 5 * time.Second
)

// errStopping is why a call is cancelled.
var errStopping = errors.New("service: the server is stopping")

// shutdown ends calls with a status when the server stops. gRPC alone would close their
// connections, and callers would not learn why, nor from where to continue.
type shutdown struct {
	watches, calls           context.Context // done when watches, and all other calls, are cancelled
	cancelWatches, cancelAll context.CancelFunc
	handlers                 sync.WaitGroup // goroutines in addition to the handlers that gRPC waits for

	mu    sync.Mutex
	first *cancellable // of the calls that are cancelled by their context
}

// A cancellable is a call that is cancelled by its context. It is in a list, since a
// context derived from that of the server would be three allocations more for each call.
type cancellable struct {
	cancel     context.CancelCauseFunc
	prev, next *cancellable
}

func newShutdown() *shutdown {
	s := &shutdown{}
	s.calls, s.cancelAll = context.WithCancel(context.Background())
	s.watches, s.cancelWatches = context.WithCancel(s.calls) //nolint:gosec // called by end
	context.AfterFunc(s.calls, s.cancelListed)
	return s
}

// end accepts no new calls, lets those in flight run for at most grace, and returns when
// all of them have ended.
func (s *shutdown) end(server *grpc.Server, grace time.Duration) {
	for _, t := range []*time.Timer{
		time.AfterFunc(watchDelay, s.cancelWatches),
		time.AfterFunc(grace, s.cancelAll),
		time.AfterFunc(grace+flushTimeout, server.Stop),
	} {
		defer t.Stop()
	}
	// Calls that were sent before their caller learned of the shutdown are still accepted.
	server.GracefulStop()
	s.handlers.Wait()
}

// enter lists a call. The cause of its context is errStopping when the call is cancelled.
func (s *shutdown) enter(c *cancellable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls.Err() != nil {
		c.cancel(errStopping)
	}
	if c.next = s.first; c.next != nil {
		c.next.prev = c
	}
	s.first = c
}

func (s *shutdown) leave(c *cancellable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.next != nil {
		c.next.prev = c.prev
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		s.first = c.next
	}
}

func (s *shutdown) cancelListed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := s.first; c != nil; c = c.next {
		c.cancel(errStopping)
	}
}

// signal is closed when calls of a method are cancelled. Watches of health and reflection
// have no end of their own, so they are cancelled first.
func (s *shutdown) signal(method string) <-chan struct{} {
	if strings.HasPrefix(method, "/cosgate.") {
		return s.calls.Done()
	}
	return s.watches.Done()
}

func (s *shutdown) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	call := callFrom(ctx)
	c := &call.cancellable
	if c.cancel = call.end; c.cancel == nil {
		ctx, c.cancel = context.WithCancelCause(ctx)
		defer c.cancel(nil)
	}
	s.enter(c)
	defer s.leave(c)
	resp, err := handler(ctx, req)
	if err != nil && errors.Is(context.Cause(ctx), errStopping) {
		return nil, &cosstatus.StoppedError{Cause: err}
	}
	return resp, err
}

func (s *shutdown) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if info.FullMethod == cosgatev1.ObjectService_GetObject_FullMethodName {
		return s.read(srv, ss, handler)
	}
	return s.detached(srv, ss, s.signal(info.FullMethod), handler)
}

// read runs GetObject, which waits for its caller with its context. Only the sending of the
// last message does not; it needs no interruption, since the status follows that message in
// any case.
func (s *shutdown) read(srv any, ss grpc.ServerStream, handler grpc.StreamHandler) error {
	r := &cancellableRead{ServerStream: ss, shutdown: s}
	c := &callFrom(ss.Context()).cancellable
	r.ctx, c.cancel = context.WithCancelCause(ss.Context())
	defer c.cancel(nil)
	s.enter(c)
	defer s.leave(c)
	err := handler(srv, r)
	if err != nil && r.cancelled() {
		return &cosstatus.StoppedError{Cause: err, Resume: r.resume()}
	}
	return err
}

// A cancellableRead records how much of an object was sent.
type cancellableRead struct {
	grpc.ServerStream
	shutdown *shutdown
	ctx      context.Context // a ServerStream carries its context
	object   *cosgatev1.Object
	next     int64 // offset
}

func (r *cancellableRead) Context() context.Context { return r.ctx }

func (r *cancellableRead) cancelled() bool { return errors.Is(context.Cause(r.ctx), errStopping) }

// RecvMsg receives the request, in a goroutine of its own: a caller that never sends it
// must not delay the shutdown.
func (r *cancellableRead) RecvMsg(m any) error {
	done := make(chan error, 1)
	r.shutdown.handlers.Go(func() { done <- r.ServerStream.RecvMsg(m) })
	select {
	case err := <-done:
		return err
	case <-r.ctx.Done():
		if r.cancelled() {
			return errStopping // which ends the stream, and RecvMsg with it
		}
		return <-done
	}
}

func (r *cancellableRead) SendMsg(m any) error {
	sent, ok := m.(*frames.Sent)
	if !ok {
		return r.ServerStream.SendMsg(m)
	}
	next := sent.Offset + int64(sent.ContentBytes()) // the content must not be used after it was sent
	if err := r.ServerStream.SendMsg(m); err != nil {
		return err
	}
	if first, ok := sent.Message.(*cosgatev1.GetObjectResponse); ok && first.GetObject() != nil {
		r.object = first.GetObject()
	}
	r.next = next
	return nil
}

// resume is from where the read can be continued; nil before the object was sent.
func (r *cancellableRead) resume() *cosgatev1.ReadResume {
	if r.object == nil {
		return nil
	}
	return &cosgatev1.ReadResume{NextOffset: r.next, Etag: r.object.GetEtag(), VersionId: r.object.GetVersionId()}
}

// detached runs the handler in a goroutine of its own. A handler that waits for its caller
// inside the transport can only be interrupted by ending the stream, and the stream ends
// when this function returns.
func (s *shutdown) detached(srv any, ss grpc.ServerStream, cancelled <-chan struct{}, handler grpc.StreamHandler) error {
	ctx, cancel := context.WithCancelCause(ss.Context())
	defer cancel(nil)
	stream := &stoppableStream{ServerStream: ss, ctx: ctx}
	done := make(chan error, 1)
	s.handlers.Go(func() { done <- handler(srv, stream) })
	select {
	case err := <-done:
		return err
	case <-cancelled:
	}
	cancel(errStopping)
	if stream.shut() {
		unwound := time.NewTimer(unwindTimeout)
		defer unwound.Stop()
		select {
		case err := <-done:
			return stopped(err)
		case <-unwound.C:
		}
		if stream.busy() {
			return stopped(errStopping)
		}
	}
	return stopped(<-done)
}

// stopped wraps the error of a cancelled call.
func stopped(err error) error {
	if err == nil {
		return nil
	}
	return &cosstatus.StoppedError{Cause: err}
}

// A stoppableStream records whether its handler is inside the transport.
type stoppableStream struct {
	grpc.ServerStream
	ctx context.Context // a ServerStream carries its context

	mu     sync.Mutex
	closed bool
	inside int // calls to the transport that have not returned
}

func (s *stoppableStream) Context() context.Context { return s.ctx }

// shut lets no call to the transport begin any more, and reports whether one has not
// returned.
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

func (s *stoppableStream) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside--
}

func (s *stoppableStream) RecvMsg(m any) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.ServerStream.RecvMsg(m)
}

func (s *stoppableStream) SendMsg(m any) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.ServerStream.SendMsg(m)
}

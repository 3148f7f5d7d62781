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
	// unwindTimeout is what a call that is cut gets to leave the transport by itself.
	unwindTimeout = 100 * time.Millisecond
	// watchDelay lets connections hear that the server goes away before the calls on
	// them that have no end are cut. Their callers would begin anew on the same one.
	watchDelay = 100 * time.Millisecond
	// flushTimeout is what the statuses of cut calls get to reach callers that do not read.
	flushTimeout = 5 * time.Second
)

// errStopping is why a call is cut.
var errStopping = errors.New("service: the server is stopping")

// stopping ends calls with a status when the time of the server is over. gRPC alone
// would close their connections, and callers would not learn why nor where to go on.
type stopping struct {
	endless, cut       context.Context // done when such calls end
	cutEndless, cutAll context.CancelFunc
	handlers           sync.WaitGroup // what runs beside the handlers that gRPC waits for

	mu    sync.Mutex
	first *cuttable // of the calls that end with their context
}

// A cuttable is a call that ends with its context. It stands in a list, since a context
// that hangs on that of the server would be three allocations more for each call.
type cuttable struct {
	cancel     context.CancelCauseFunc
	prev, next *cuttable
}

func newStopping() *stopping {
	s := &stopping{}
	s.cut, s.cutAll = context.WithCancel(context.Background())
	s.endless, s.cutEndless = context.WithCancel(s.cut) //nolint:gosec // called by end
	context.AfterFunc(s.cut, s.cutListed)
	return s
}

// end takes no new calls, gives those in flight the time of grace, and returns when
// all of them are done.
func (s *stopping) end(server *grpc.Server, grace time.Duration) {
	for _, t := range []*time.Timer{
		time.AfterFunc(watchDelay, s.cutEndless),
		time.AfterFunc(grace, s.cutAll),
		time.AfterFunc(grace+flushTimeout, server.Stop),
	} {
		defer t.Stop()
	}
	// Calls that were sent before their caller heard of the end are still taken.
	server.GracefulStop()
	s.handlers.Wait()
}

// enter lists a call, whose cancel has errStopping as its cause when the call is cut.
func (s *stopping) enter(c *cuttable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut.Err() != nil {
		c.cancel(errStopping)
	}
	if c.next = s.first; c.next != nil {
		c.next.prev = c
	}
	s.first = c
}

func (s *stopping) leave(c *cuttable) {
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

func (s *stopping) cutListed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := s.first; c != nil; c = c.next {
		c.cancel(errStopping)
	}
}

// signal tells when calls of a method are cut: watches of health and reflection have
// no end of their own.
func (s *stopping) signal(method string) <-chan struct{} {
	if strings.HasPrefix(method, "/cosgate.") {
		return s.cut.Done()
	}
	return s.endless.Done()
}

func (s *stopping) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	c := &callFrom(ctx).cuttable
	ctx, c.cancel = context.WithCancelCause(ctx)
	defer c.cancel(nil)
	s.enter(c)
	defer s.leave(c)
	resp, err := handler(ctx, req)
	if err != nil && errors.Is(context.Cause(ctx), errStopping) {
		return nil, &cosstatus.StoppedError{Cause: err}
	}
	return resp, err
}

func (s *stopping) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if info.FullMethod == cosgatev1.ObjectService_GetObject_FullMethodName {
		return s.read(srv, ss, handler)
	}
	return s.beside(srv, ss, s.signal(info.FullMethod), handler)
}

// read runs GetObject. It waits for its caller with its context, but for the last message
// sent, which it has no need to be interrupted in: the status stands behind that message
// all the same.
func (s *stopping) read(srv any, ss grpc.ServerStream, handler grpc.StreamHandler) error {
	r := &cuttableRead{ServerStream: ss, stopping: s}
	c := &callFrom(ss.Context()).cuttable
	r.ctx, c.cancel = context.WithCancelCause(ss.Context())
	defer c.cancel(nil)
	s.enter(c)
	defer s.leave(c)
	err := handler(srv, r)
	if err != nil && r.cut() {
		return &cosstatus.StoppedError{Cause: err, Resume: r.resume()}
	}
	return err
}

// A cuttableRead knows how far a read has come.
type cuttableRead struct {
	grpc.ServerStream
	stopping *stopping
	ctx      context.Context //nolint:containedctx // a ServerStream carries its context
	object   *cosgatev1.Object
	next     int64 // offset
}

func (r *cuttableRead) Context() context.Context { return r.ctx }

func (r *cuttableRead) cut() bool { return errors.Is(context.Cause(r.ctx), errStopping) }

// RecvMsg takes the request. A caller that never sends it would hold up the end, so it is
// waited for beside this.
func (r *cuttableRead) RecvMsg(m any) error {
	done := make(chan error, 1)
	r.stopping.handlers.Go(func() { done <- r.ServerStream.RecvMsg(m) })
	select {
	case err := <-done:
		return err
	case <-r.ctx.Done():
		if r.cut() {
			return errStopping // which ends the stream, and RecvMsg with it
		}
		return <-done
	}
}

func (r *cuttableRead) SendMsg(m any) error {
	sent, ok := m.(*frames.Sent)
	if !ok {
		return r.ServerStream.SendMsg(m)
	}
	next := sent.Offset + int64(sent.ContentBytes()) // the content is gone once it was sent
	if err := r.ServerStream.SendMsg(m); err != nil {
		return err
	}
	if first, ok := sent.Message.(*cosgatev1.GetObjectResponse); ok && first.GetObject() != nil {
		r.object = first.GetObject()
	}
	r.next = next
	return nil
}

// resume is where the read goes on; nil before it has told of its object.
func (r *cuttableRead) resume() *cosgatev1.ReadResume {
	if r.object == nil {
		return nil
	}
	return &cosgatev1.ReadResume{NextOffset: r.next, Etag: r.object.GetEtag(), VersionId: r.object.GetVersionId()}
}

// beside runs the handler beside itself: one that waits for its caller inside the
// transport can only be interrupted by ending the stream, and a stream ends when this
// returns.
func (s *stopping) beside(srv any, ss grpc.ServerStream, cut <-chan struct{}, handler grpc.StreamHandler) error {
	ctx, cancel := context.WithCancelCause(ss.Context())
	defer cancel(nil)
	stream := &stoppableStream{ServerStream: ss, ctx: ctx}
	done := make(chan error, 1)
	s.handlers.Go(func() { done <- handler(srv, stream) })
	select {
	case err := <-done:
		return err
	case <-cut:
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

// stopped is what a handler that was cut returned, or the reason to cut it.
func stopped(err error) error {
	if err == nil {
		return nil
	}
	return &cosstatus.StoppedError{Cause: err}
}

// A stoppableStream knows whether its handler waits for the caller.
type stoppableStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // a ServerStream carries its context

	mu     sync.Mutex
	closed bool
	inside int // calls to the transport that have not returned
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

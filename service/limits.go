package service

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cosgate/cosgate/internal/frames"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// Limits bound what callers can use of the gateway at once. Zero is no limit. Callers are
// told apart by their proved identity; without authentication all are one caller.
type Limits struct {
	// Calls is how many calls of all callers run at the same time.
	Calls int
	// CallerCalls is how many calls of one caller run at the same time.
	CallerCalls int
	// CallerReadMemory and CallerUploadMemory are how many bytes the calls of one caller
	// hold of Options.ReadMemory and Options.UploadMemory: the bytes it has in flight,
	// without the minimum that each call holds (docs/performance.md). Beyond them its reads
	// send small messages only; its uploads send smaller parts, then wait, and fail after
	// 30 s.
	CallerReadMemory, CallerUploadMemory int64
	// CallerRate is how many calls a second one caller may begin, and CallerBurst how
	// many at once after a pause; 0 is CallerRate rounded up.
	CallerRate  float64
	CallerBurst int
	// DeadlineFloor is the minimum time a call must have left: a call that cannot be done
	// in time is not begun.
	DeadlineFloor time.Duration
}

// check compares the limits with each other and with the size of the first parts.
func (l Limits) check(partSize int64) error {
	if l.Calls < 0 || l.CallerCalls < 0 || l.CallerRate < 0 || l.CallerBurst < 0 || l.DeadlineFloor < 0 || l.CallerReadMemory < 0 || l.CallerUploadMemory < 0 {
		return fmt.Errorf("service: limits must not be negative: %+v", l)
	}
	if l.CallerBurst > 0 && l.CallerRate == 0 {
		return fmt.Errorf("service: a burst of %d calls without a rate limits nothing", l.CallerBurst)
	}
	if l.CallerUploadMemory > 0 && l.CallerUploadMemory < partSize {
		return fmt.Errorf("service: a caller may hold %d bytes for uploads, and a part has %d", l.CallerUploadMemory, partSize)
	}
	return nil
}

// maxCallers is how many callers are remembered before idle ones are removed.
const maxCallers = 10_000

// limits enforces Limits.
type limits struct {
	Limits
	clock func() time.Time

	mu      sync.Mutex
	running int
	callers map[string]*callerUsage
}

// callerUsage is what one caller uses at the moment.
type callerUsage struct {
	name    string
	running int
	rate    *rate.Limiter  // nil for no limit
	reads   *frames.Budget // the same
	uploads *byteLimit     // the same
}

// uploadLimit bounds what the caller holds for uploads; nil for no limit.
func (u *callerUsage) uploadLimit() *byteLimit {
	if u == nil {
		return nil
	}
	return u.uploads
}

// readBudgets are the budgets that a read of the caller counts against.
func (u *callerUsage) readBudgets(all *frames.Budget) []*frames.Budget {
	if u == nil || u.reads == nil {
		return []*frames.Budget{all}
	}
	return []*frames.Budget{u.reads, all}
}

// newLimits returns nil when nothing is limited, since counting takes a lock that all calls
// share.
func newLimits(l Limits) *limits {
	if l == (Limits{}) {
		return nil
	}
	if l.CallerBurst == 0 {
		l.CallerBurst = int(l.CallerRate) + 1
	}
	return &limits{Limits: l, clock: time.Now, callers: make(map[string]*callerUsage)}
}

// deadlineUnary and deadlineStream are interceptors that refuse calls which cannot be done
// in time, before anything else is done for them.
func (l *limits) deadlineUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := l.checkDeadline(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

func (l *limits) deadlineStream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := l.checkDeadline(ss.Context(), info.FullMethod); err != nil {
		return err
	}
	return handler(srv, ss)
}

func (l *limits) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if !isOurs(info.FullMethod) {
		return handler(ctx, req)
	}
	end, err := l.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return handler(ctx, req)
}

func (l *limits) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if !isOurs(info.FullMethod) {
		return handler(srv, ss)
	}
	end, err := l.begin(ss.Context())
	if err != nil {
		return err
	}
	defer end()
	return handler(srv, ss)
}

// begin admits a call, or returns an error that names the limit it exceeds. The caller of
// begin calls end.
func (l *limits) begin(ctx context.Context) (end func(), err error) {
	name := "every caller"
	call := callFrom(ctx)
	if c := call.caller.Load(); c != nil {
		name = c.Name
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Calls > 0 && l.running >= l.Calls {
		return nil, overLimit("calls", "the gateway", fmt.Sprintf("it runs %d calls, which is the limit", l.Calls), cosstatus.SoonDelay)
	}
	u := l.usage(name)
	if l.CallerCalls > 0 && u.running >= l.CallerCalls {
		return nil, overLimit("caller_calls", name, fmt.Sprintf("%d calls run already, which is the limit for one caller", l.CallerCalls), cosstatus.SoonDelay)
	}
	if u.rate != nil {
		now := l.clock()
		if r := u.rate.ReserveN(now, 1); r.DelayFrom(now) > 0 {
			wait := r.DelayFrom(now)
			r.CancelAt(now)
			return nil, overLimit("caller_rate", name, fmt.Sprintf("more than %g calls a second", l.CallerRate), wait)
		}
	}
	call.usage = u
	l.running++
	u.running++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.running--
		u.running--
	}, nil
}

func (l *limits) checkDeadline(ctx context.Context, fullMethod string) error {
	deadline, ok := ctx.Deadline()
	if !ok || !isOurs(fullMethod) {
		return nil
	}
	if left := deadline.Sub(l.clock()); left < l.DeadlineFloor {
		return cosstatus.Fail(codes.DeadlineExceeded, cosstatus.ReasonDeadlineShort, fmt.Sprintf(
			"the call has %s left when it gets here and needs at least %s; give it a later deadline", left.Round(time.Millisecond), l.DeadlineFloor))
	}
	return nil
}

// usage finds or makes the record of a caller. l.mu is held.
func (l *limits) usage(name string) *callerUsage {
	u, ok := l.callers[name]
	if ok {
		return u
	}
	if len(l.callers) >= maxCallers {
		l.removeIdle()
	}
	u = &callerUsage{name: name}
	if l.CallerReadMemory > 0 {
		u.reads = frames.NewBudget(l.CallerReadMemory)
	}
	if l.CallerUploadMemory > 0 {
		u.uploads = newByteLimit(l.CallerUploadMemory)
	}
	if l.CallerRate > 0 {
		u.rate = rate.NewLimiter(rate.Limit(l.CallerRate), l.CallerBurst)
	}
	l.callers[name] = u
	return u
}

// removeIdle removes callers whose record holds nothing: no call runs, and the whole burst
// is available again.
func (l *limits) removeIdle() {
	now := l.clock()
	for name, u := range l.callers {
		if u.running == 0 && (u.rate == nil || u.rate.TokensAt(now) >= float64(l.CallerBurst)) {
			delete(l.callers, name)
		}
	}
}

func overLimit(quota, subject, problem string, wait time.Duration) error {
	return cosstatus.FailInfo(codes.ResourceExhausted, &errdetails.ErrorInfo{
		Reason: cosstatus.ReasonOverLimit, Domain: cosstatus.Domain, Metadata: map[string]string{"limit": quota},
	}, "limit "+quota+" of "+subject+": "+problem+"; wait and call again",
		&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)},
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{Subject: subject, Description: problem}}},
	)
}

package service

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	cosstatus "github.com/cosgate/cosgate/service/status"
)

const (
	// memoryTimeout is how long an upload waits for the memory of its next part.
	memoryTimeout = 30 * time.Second
	// minPart is the size of the smallest part that COS accepts, except for the last one.
	minPart = 1 << 20
)

// A byteLimit bounds the memory that uploads hold together. It is safe for concurrent use.
type byteLimit struct {
	free  *semaphore.Weighted
	size  int64
	inUse atomic.Int64
}

func newByteLimit(size int64) *byteLimit {
	return &byteLimit{free: semaphore.NewWeighted(size), size: size}
}

func (b *byteLimit) acquire(ctx context.Context, n int64) error {
	err := b.free.Acquire(ctx, n)
	if err == nil {
		b.inUse.Add(n)
	}
	return err
}

// tryAcquire takes n bytes if they are free and no other upload waits for memory.
func (b *byteLimit) tryAcquire(n int64) bool {
	ok := b.free.TryAcquire(n)
	if ok {
		b.inUse.Add(n)
	}
	return ok
}

func (b *byteLimit) release(n int64) {
	b.inUse.Add(-n)
	b.free.Release(n)
}

// A reservation is the memory for the content of one part, counted in each limit that
// applies. It has one owner, which releases it.
type reservation struct {
	limits []*byteLimit
	size   int64
}

// reserve waits for the memory for the beginning of a part, at most memoryTimeout. The
// limit of the caller comes first: an upload that waits for that makes no other caller
// wait.
func (s partSettings) reserve(ctx context.Context, size int64) (*reservation, error) {
	wait, cancel := context.WithTimeout(ctx, memoryTimeout)
	defer cancel()
	r := &reservation{size: size}
	usage := callFrom(ctx).usage
	if limit := usage.uploadLimit(); limit != nil {
		if err := limit.acquire(wait, size); err != nil {
			return nil, cmp.Or(ctx.Err(), errCallerUploadMemory(usage.name))
		}
		r.limits = append(r.limits, limit)
	}
	if err := s.memory.acquire(wait, size); err != nil {
		r.release()
		return nil, cmp.Or(ctx.Err(), errUploadMemory(s.memory.size))
	}
	r.limits = append(r.limits, s.memory)
	return r, nil
}

func errCallerUploadMemory(caller string) error {
	return overLimit("caller_upload_memory", caller, "its uploads hold as many bytes as one caller may use", cosstatus.SoonDelay)
}

// reach reserves more when a part's content fills what is reserved, up to size. It returns
// false when there is no memory for that; what is reserved already stays.
func (r *reservation) reach(content, size int64) bool {
	if content < r.size || r.size >= size {
		return true
	}
	return r.grow(min(content+minPart, size) - r.size)
}

// grow reserves n bytes more if they are free and no other upload waits for memory.
func (r *reservation) grow(n int64) bool {
	for i, b := range r.limits {
		if !b.tryAcquire(n) {
			for _, acquired := range r.limits[:i] {
				acquired.release(n)
			}
			return false
		}
	}
	r.size += n
	return true
}

func (r *reservation) release() {
	for _, b := range r.limits {
		b.release(r.size)
	}
	r.limits = nil
}

func errUploadMemory(limit int64) error {
	problem := fmt.Sprintf("the uploads of all callers hold %d MiB, which is the limit", limit>>20)
	return cosstatus.Fail(codes.ResourceExhausted, cosstatus.ReasonUploadMemory,
		"too many uploads in parts hold memory at the moment; declare spec.size, or try again later",
		&errdetails.RetryInfo{RetryDelay: durationpb.New(cosstatus.SoonDelay)},
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{Subject: "the gateway", Description: problem}}},
	)
}

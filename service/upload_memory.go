package service

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	cosstatus "github.com/cosgate/cosgate/service/status"
	"golang.org/x/sync/semaphore"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// memoryWait is how long an upload waits for memory for its next part.
	memoryWait = 30 * time.Second
	// leastPart is the smallest part that COS takes, but for the last of an object.
	leastPart = 1 << 20
)

// A bound is memory that uploads share. It is safe for concurrent use.
type bound struct {
	free  *semaphore.Weighted
	size  int64
	inUse atomic.Int64
}

func newBound(size int64) *bound {
	return &bound{free: semaphore.NewWeighted(size), size: size}
}

func (b *bound) acquire(ctx context.Context, n int64) error {
	err := b.free.Acquire(ctx, n)
	if err == nil {
		b.inUse.Add(n)
	}
	return err
}

// tryAcquire takes n bytes unless somebody waits for them.
func (b *bound) tryAcquire(n int64) bool {
	ok := b.free.TryAcquire(n)
	if ok {
		b.inUse.Add(n)
	}
	return ok
}

func (b *bound) release(n int64) {
	b.inUse.Add(-n)
	b.free.Release(n)
}

// A reservation is memory for the content of one part, in every bound there is. It has
// one owner, who releases it.
type reservation struct {
	bounds []*bound
	size   int64
}

// reserve waits for memory for the beginning of a part, at most memoryWait. The share of
// the caller comes first, so that who waits for that keeps nobody else waiting.
func (s partSettings) reserve(ctx context.Context, size int64) (*reservation, error) {
	wait, cancel := context.WithTimeout(ctx, memoryWait)
	defer cancel()
	r := &reservation{size: size}
	use := callFrom(ctx).use
	if share := use.uploadShare(); share != nil {
		if err := share.acquire(wait, size); err != nil {
			return nil, cmp.Or(ctx.Err(), noUploadShare(use.name))
		}
		r.bounds = append(r.bounds, share)
	}
	if err := s.memory.acquire(wait, size); err != nil {
		r.release()
		return nil, cmp.Or(ctx.Err(), noUploadMemory(s.memory.size))
	}
	r.bounds = append(r.bounds, s.memory)
	return r, nil
}

func noUploadShare(caller string) error {
	return overLimit("caller_upload_memory", caller, "its uploads hold as many bytes as those of one caller may", cosstatus.SoonDelay)
}

// reach makes room for more than the content of a part has by now, up to size. It returns
// false when there is none; what is there already stays.
func (r *reservation) reach(content, size int64) bool {
	if content < r.size || r.size >= size {
		return true
	}
	return r.grow(min(content+leastPart, size) - r.size)
}

// grow takes n bytes more unless somebody waits for them.
func (r *reservation) grow(n int64) bool {
	for i, b := range r.bounds {
		if !b.tryAcquire(n) {
			for _, taken := range r.bounds[:i] {
				taken.release(n)
			}
			return false
		}
	}
	r.size += n
	return true
}

func (r *reservation) release() {
	for _, b := range r.bounds {
		b.release(r.size)
	}
	r.bounds = nil
}

func noUploadMemory(limit int64) error {
	problem := fmt.Sprintf("the uploads of all callers hold %d MiB, as many as they may", limit>>20)
	return cosstatus.Fail(codes.ResourceExhausted, cosstatus.ReasonUploadMemory,
		"too many uploads gather parts at the moment; declare spec.size, or try again later",
		&errdetails.RetryInfo{RetryDelay: durationpb.New(cosstatus.SoonDelay)},
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{Subject: "the gateway", Description: problem}}},
	)
}

package service

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/crc64ecma"
	"github.com/cosgate/cosgate/internal/frames"
)

const (
	// maxParts is how many parts COS puts together.
	maxParts = 10_000
	// copyPart is how much of a large object one request copies, unless 10,000 of them
	// would not do.
	copyPart = 512 << 20
	// partsPerSize is after how many parts of an object of unknown size the parts double.
	partsPerSize = 1_000
	// abortTime bounds the clean-up of an upload that failed. It happens after the
	// caller is gone, so the caller's deadline cannot.
	abortTime = 30 * time.Second
)

// partSettings bound uploads in parts. All calls of a server share them.
type partSettings struct {
	size     int64 // of the first parts
	most     int64 // of any part: all that are on their way fit into the memory
	parallel int   // parts of one upload on their way
	copied   int64 // how much one request copies of an object too large for CopyObject
	memory   *bound
	log      *slog.Logger
}

// newPartSettings takes options that are complete. The memory is enough for one part at
// least, and so is the share of a caller.
func newPartSettings(o Options, logger *slog.Logger) partSettings {
	least := min(o.uploads.size, cmp.Or(o.Limits.CallerUploadMemory, o.uploads.size))
	return partSettings{
		size: o.PartSize, most: min(max(o.PartSize, least/int64(o.PartsInParallel)), maxSinglePut), copied: o.CopyPart,
		parallel: o.PartsInParallel, memory: o.uploads, log: logger,
	}
}

// sizeOf is the size of a part. Of an object of known size all parts are alike; of
// one of unknown size they grow, so that COS's number of parts suffices for a large one.
func (s partSettings) sizeOf(number int, total int64) int64 {
	if total == unsized {
		return min(s.size<<((number-1)/partsPerSize), s.most)
	}
	const step = 1 << 20
	least := (total + maxParts - 1) / maxParts
	return max(s.size, (least+step-1)/step*step)
}

// fits says whether an object can go in parts as far as it is known: total, and the
// number of the part that is to be gathered.
func (s partSettings) fits(number int, total int64) error {
	if number > maxParts || s.sizeOf(number, total) > s.most {
		return failField(codes.FailedPrecondition, reasonObjectTooLarge, "spec.size", fmt.Sprintf(
			"is more than this gateway can upload in %d parts of at most %d MiB; its operators can give it more memory for uploads",
			maxParts, s.most>>20))
	}
	return nil
}

// canBeSmaller says that a part may end before its size when memory is short: the numbers
// left are enough for the rest of the object all the same.
func (s partSettings) canBeSmaller(number int, total int64) bool {
	return number <= partsPerSize && (total == unsized || total <= s.sizeOf(number, total)*(maxParts-partsPerSize))
}

// A partsUpload gathers the content of one object into parts, and sends them side by
// side.
type partsUpload struct {
	put    *put
	ctx    context.Context //nolint:containedctx // of the parts: ends with the first that fails
	group  *errgroup.Group
	target cosbackend.Upload
	number int
	before uint64 // CRC64 of the parts before the one that is gathered

	mu   sync.Mutex
	sent []cosbackend.CompletedPart
}

// runInParts stores what fits into one part with one PUT, and anything larger as a
// multipart upload, which is aborted unless it is completed.
func (p *put) runInParts() (cosbackend.PutResult, error) {
	ctx, cancel := context.WithCancel(p.stream.Context())
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.parts.parallel)
	u := &partsUpload{put: p, ctx: ctx, group: group, number: 1}
	first, memory, err := u.gather()
	if err != nil {
		return cosbackend.PutResult{}, err
	}
	if p.up.ended {
		defer memory.release()
		defer first.end()
		return p.putWhole(cosbackend.Body{Size: p.up.sequence.received, Reopen: first.reader})
	}
	if err := u.initiate(); err != nil {
		first.end()
		memory.release()
		return cosbackend.PutResult{}, err
	}
	stored, err := u.finish(first, memory)
	if err != nil {
		cancel()
		_ = group.Wait() // err is the cause; these are its consequences
		abortUpload(u.ctx, p.client, u.target, p.parts.log)
	}
	return stored, err
}

func (u *partsUpload) initiate() (err error) {
	u.target = cosbackend.Upload{Location: location(u.put.spec), Key: u.put.spec.GetKey()}
	u.target.UploadID, err = initiateUpload(u.ctx, u.put.client, u.target, cosbackend.InitiateOptions{
		Attributes: u.put.attrs, Settings: settings(u.put.spec.GetAttributes()),
	})
	return err
}

// finish sends all parts, then completes the upload.
func (u *partsUpload) finish(part *kept, memory *reservation) (cosbackend.PutResult, error) {
	for {
		u.send(part, memory)
		if u.put.up.ended {
			break
		}
		u.number++
		var err error
		if part, memory, err = u.gather(); err != nil {
			return cosbackend.PutResult{}, u.cause(err)
		}
		if part.views.Len() == 0 { // the part before ended where the content does
			part.end()
			memory.release()
			break
		}
	}
	if err := u.group.Wait(); err != nil {
		return cosbackend.PutResult{}, err
	}
	return u.complete()
}

// cause is why gathering ended: when a part failed, that ended the rest.
func (u *partsUpload) cause(err error) error {
	if u.ctx.Err() != nil && u.put.stream.Context().Err() == nil {
		if first := u.group.Wait(); first != nil {
			return first
		}
	}
	return err
}

// gather reads the content of the next part. Memory for its beginning is reserved first,
// so that an upload that has begun a part can always send it, and a caller that sends
// nothing holds no more. When there is none for the rest the part ends early.
func (u *partsUpload) gather() (part *kept, memory *reservation, err error) {
	up, parts := u.put.up, u.put.parts
	if err := parts.fits(u.number, up.sequence.size); err != nil {
		return nil, nil, err
	}
	size := parts.sizeOf(u.number, up.sequence.size)
	first := size
	if parts.canBeSmaller(u.number, up.sequence.size) {
		first = min(size, leastPart)
	}
	if memory, err = parts.reserve(u.ctx, first); err != nil {
		return nil, nil, err
	}
	var views frames.Views
	for !up.ended && (int64(views.Len()) < size || up.sequence.finished) {
		if err := u.receive(); err != nil {
			views.Free()
			memory.release()
			return nil, nil, err
		}
		views.Append(&up.ready)
		views.Append(&up.held) // nothing is held back here: only CompleteMultipartUpload completes the object
		if !up.sequence.finished && !memory.reach(int64(views.Len()), size) {
			break
		}
	}
	return keep(&views), memory, nil
}

// partCRC64 is the checksum of the part just gathered: what the whole has beyond the
// parts before. The content is not gone through a second time.
func (u *partsUpload) partCRC64(size int) uint64 {
	whole := u.put.up.sequence.crc64
	crc := crc64ecma.Combine(u.before, 0, int64(size)) ^ whole
	u.before = whole
	return crc
}

// receive takes a message, unless a part has failed meanwhile.
func (u *partsUpload) receive() error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	return u.put.up.receive()
}

// send sends a part when one of the places for that is free. Waiting for it slows the
// caller down to the speed of COS.
func (u *partsUpload) send(part *kept, memory *reservation) {
	number, crc := u.number, u.partCRC64(part.views.Len())
	u.group.Go(func() error {
		defer memory.release()
		defer part.end()
		body := cosbackend.Body{Size: int64(part.views.Len()), Reopen: part.reader}
		sent, err := u.put.client.UploadPart(u.ctx, u.target, number, body, cosbackend.PartOptions{
			CRC64: func() uint64 { return crc }, CustomerKey: u.put.customerKey(), TrafficLimit: u.put.spec.GetTrafficLimit(),
		})
		if err != nil {
			return err
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		u.sent = append(u.sent, cosbackend.CompletedPart{Number: number, ETag: sent.ETag})
		return nil
	})
}

func (u *partsUpload) complete() (cosbackend.PutResult, error) {
	slices.SortFunc(u.sent, func(a, b cosbackend.CompletedPart) int { return a.Number - b.Number })
	crc := u.put.up.sequence.crc64
	done, err := u.put.client.CompleteMultipartUpload(u.put.stream.Context(), u.target, u.sent, cosbackend.CompleteOptions{
		ForbidOverwrite: u.put.spec.GetForbidOverwrite(), CRC64: &crc, CustomerKey: u.put.customerKey(),
		Callback: callback(u.put.spec.GetCallback()), PicOperations: u.put.spec.GetPicOperations(),
	})
	return cosbackend.PutResult{
		ETag: done.ETag, VersionID: done.VersionID, CRC64: done.CRC64, HasCRC64: done.HasCRC64,
		Callback: done.Callback, Document: done.Document,
	}, err
}

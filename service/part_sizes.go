package service

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"

	cosstatus "github.com/cosgate/cosgate/service/status"
)

const (
	// maxParts is how many parts an object can have in COS.
	maxParts = 10_000
	// copyPart is how much of a large object one request copies, unless 10,000 of them
	// would not do.
	copyPart = 512 << 20
	// partsPerSize is how many parts of an object of unknown size have the same size. After
	// them the size doubles.
	partsPerSize = 1_000
	// abortTimeout bounds the clean-up of an upload that failed. The caller's deadline cannot
	// do that, since it may have passed already.
	abortTimeout = 30 * time.Second
)

// partSettings are the sizes of parts. All calls of a server share them.
type partSettings struct {
	size     int64 // of the first parts
	maxSize  int64 // of any part: those being sent fit into the memory together
	parallel int   // how many parts of one upload are sent at a time
	copySize int64 // how much one request copies of an object too large for CopyObject
	memory   *byteLimit
	log      *slog.Logger
}

// newPartSettings expects complete options, in which the memory and the limit of a caller
// are enough for at least one part.
func newPartSettings(o Options, memory *byteLimit, logger *slog.Logger) partSettings {
	available := min(memory.size, cmp.Or(o.Limits.CallerUploadMemory, memory.size))
	return partSettings{
		size: o.PartSize, maxSize: min(max(o.PartSize, available/int64(o.PartsInParallel)), maxSinglePut), copySize: o.CopyPart,
		parallel: o.PartsInParallel, memory: memory, log: logger,
	}
}

// sizeOf is the size of a part. All parts of an object of known size have the same size;
// those of an object of unknown size grow, so that 10,000 are enough for a large one.
func (s partSettings) sizeOf(number int, total int64) int64 {
	if total == unsized {
		return min(s.size<<((number-1)/partsPerSize), s.maxSize)
	}
	const step = 1 << 20
	needed := (total + maxParts - 1) / maxParts
	return max(s.size, (needed+step-1)/step*step)
}

// fits returns an error when an object cannot be uploaded in parts, as far as is known from
// its total size and the number of the next part.
func (s partSettings) fits(number int, total int64) error {
	if number > maxParts || s.sizeOf(number, total) > s.maxSize {
		return cosstatus.FailField(codes.FailedPrecondition, cosstatus.ReasonObjectTooLarge, "spec.size", fmt.Sprintf(
			"is more than this gateway can upload in %d parts of at most %d MiB; its operators can give it more memory for uploads",
			maxParts, s.maxSize>>20))
	}
	return nil
}

// canBeSmaller reports whether a part may be smaller than its size when memory is short:
// the remaining part numbers are enough for the rest of the object.
func (s partSettings) canBeSmaller(number int, total int64) bool {
	return number <= partsPerSize && (total == unsized || total <= s.sizeOf(number, total)*(maxParts-partsPerSize))
}

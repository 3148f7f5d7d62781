package service

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	cosstatus "github.com/cosgate/cosgate/service/status"
	"google.golang.org/grpc/codes"
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
func newPartSettings(o Options, memory *bound, logger *slog.Logger) partSettings {
	least := min(memory.size, cmp.Or(o.Limits.CallerUploadMemory, memory.size))
	return partSettings{
		size: o.PartSize, most: min(max(o.PartSize, least/int64(o.PartsInParallel)), maxSinglePut), copied: o.CopyPart,
		parallel: o.PartsInParallel, memory: memory, log: logger,
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
		return cosstatus.FailField(codes.FailedPrecondition, cosstatus.ReasonObjectTooLarge, "spec.size", fmt.Sprintf(
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

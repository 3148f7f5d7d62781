package service

import (
	"hash/crc32"
	"io"
	"math/bits"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/crc64ecma"
	"github.com/cosgate/cosgate/internal/frames"
)

// getChunk is the number of the chunk in GetObjectResponse; a test compares it with
// the contract.
const getChunk protowire.Number = 3

// The size of a message is that of its buffer, a power of two with the headers in it: Go
// callers with the ordinary codec copy a message into a buffer of 16 KiB, 32 KiB or 1 MiB
// that is cleared before, and one byte more than 32 KiB costs them a whole MiB of that.
const (
	// leastMessage is the size a read begins with, and the one of slow callers. One of
	// these is in memory at a time, and two of all others: one on its way, one that waits.
	leastMessage = 16 << 10
	// defaultMessageSize is the largest message when the caller does not say.
	defaultMessageSize = 1 << 20
	// earlyMessage is the size until the caller's speed is known, once it has taken
	// leastWindow, which HTTP/2 lets everyone send at first. What it takes during earlyTime
	// may just fill its windows, which have earlyBytes at most.
	earlyMessage = 32 << 10
	leastWindow  = 64 << 10
	earlyTime    = 50 * time.Millisecond
	earlyBytes   = 16 << 20
	// messageTime is how much of what the caller takes goes into one message.
	messageTime = 20 * time.Millisecond
	// speedTime is how long the caller's speed is measured before it counts.
	speedTime = 25 * time.Millisecond
	// readAttempts and readStall are when a broken or silent connection to COS is given
	// up.
	readAttempts = 4
	readStall    = 30 * time.Second
)

// readSettings bound reads. All calls of a server share them.
type readSettings struct {
	pool   *frames.Pool
	budget *frames.Budget // beyond which all messages are small
	stall  time.Duration
}

// options are what COS is asked for.
func (s readSettings) options(req *cosgatev1.GetObjectRequest) cosbackend.ReadOptions {
	return cosbackend.ReadOptions{
		VersionID:       req.GetVersionId(),
		Conditions:      conditions(req.GetPreconditions()),
		CustomerKey:     customerKey(req.GetCustomerKey()),
		Range:           byteRange(req.GetRange()),
		TrafficLimit:    req.GetTrafficLimit(),
		ResponseHeaders: responseHeaders(req.GetResponseHeaders()),
		Resume:          cosbackend.ResumeOptions{Attempts: readAttempts, Stall: s.stall},
	}
}

func (s *objectServer) GetObject(req *cosgatev1.GetObjectRequest, stream grpc.ServerStreamingServer[cosgatev1.GetObjectResponse]) error {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return err
	}
	object, err := client.GetObject(stream.Context(), location(req), req.GetKey(), s.reads.options(req))
	if err != nil {
		return err
	}
	defer func() { _ = object.Body.Close() }() // all that was wanted of it was read
	d := newDownload(req, object, s.reads.pool.NewAccount(callFrom(stream.Context()).use.readBudgets(s.reads.budget)...))
	defer d.account.Close()
	for last := false; !last && err == nil; {
		last, err = d.sendNext(stream)
	}
	return err
}

// A download cuts an object into messages and adds up its checksum.
type download struct {
	bucket   string
	object   *cosbackend.Object
	account  *frames.Account
	size     int // of the next message, with the room for its headers
	most     int
	begun    bool
	started  time.Time
	measured time.Time // since when the caller's speed is measured
	taken    int64     // what it had taken then
	sent     int64
	crc64    uint64
}

func newDownload(req *cosgatev1.GetObjectRequest, o *cosbackend.Object, account *frames.Account) *download {
	most := int(req.GetMessageSize())
	if most == 0 {
		most = defaultMessageSize
	}
	return &download{
		bucket: req.GetBucket(), object: o, account: account,
		size: leastMessage, most: most, started: time.Now(),
	}
}

func (d *download) done() bool { return d.sent == d.object.Length }

// sendNext sends the next message.
func (d *download) sendNext(stream grpc.ServerStreamingServer[cosgatev1.GetObjectResponse]) (last bool, err error) {
	if err := d.account.Wait(stream.Context(), d.ahead()); err != nil {
		return false, err
	}
	d.adapt(time.Now())
	m, err := d.next()
	if err != nil {
		return false, err
	}
	if err := stream.SendMsg(m); err != nil {
		m.Content.Free()
		return false, err
	}
	return d.done(), nil
}

// ahead is how much may still be on its way to the caller when the next message is read
// from COS.
func (d *download) ahead() int64 {
	if d.size == leastMessage {
		return 0
	}
	return int64(d.size)
}

// next reads the next message from COS, straight into the buffer it is sent from.
func (d *download) next() (*frames.Sent, error) {
	m := &frames.Sent{Field: getChunk, Offset: d.object.Offset + d.sent}
	if n := min(int64(d.size-frames.Overhead), d.object.Length-d.sent); n > 0 {
		m.Content = d.content(int(n))
		n = int64(m.ContentBytes())
		if _, err := io.ReadFull(d.object.Body, m.Content.Bytes()); err != nil {
			m.Content.Free()
			return nil, err
		}
		m.CRC32C = crc32.Checksum(m.Content.Bytes(), castagnoli())
		d.crc64 = crc64ecma.Update(d.crc64, m.Content.Bytes())
		d.sent += n
	}
	others, err := d.others()
	if err != nil {
		m.Content.Free()
		return nil, err
	}
	if others != nil {
		m.Message = others
	}
	return m, nil
}

// content takes a buffer for at most n bytes: a small one when all reads together, or
// those of the caller, may hold no more large ones.
func (d *download) content(n int) *frames.Content {
	const small = leastMessage - frames.Overhead
	if n > small {
		if c := frames.NewContentWithin(d.account, n); c != nil {
			return c
		}
		d.size = leastMessage
	}
	return frames.NewContent(d.account, min(n, small))
}

// others returns what goes beside content: object and range at the beginning, the
// summary at the end, nil in between.
func (d *download) others() (*cosgatev1.GetObjectResponse, error) {
	if d.begun && !d.done() {
		return nil, nil //nolint:nilnil // nothing is a fine answer
	}
	m := &cosgatev1.GetObjectResponse{}
	if !d.begun {
		d.begun = true
		m.Object = objectProto(d.bucket, d.object.ObjectInfo)
		m.Range = &cosgatev1.ContentRange{Offset: d.object.Offset, Length: d.object.Length, Size: d.object.Size}
	}
	var err error
	if d.done() {
		m.Summary, err = d.summary()
	}
	return m, err
}

// adapt chooses the size of the next message by the speed at which the caller takes
// them. Fast callers get large ones, which cost less to send; slow ones get small ones,
// which cost less to hold. While reads together hold too much, messages are small.
func (d *download) adapt(now time.Time) {
	taken := d.sent - d.account.InUse()
	elapsed := now.Sub(d.measured)
	switch {
	case d.account.OverBudget():
		d.size = leastMessage
	case now.Sub(d.started) < earlyTime && taken < earlyBytes:
		if d.measured, d.taken = now, taken; taken >= leastWindow {
			d.size = earlyMessage
		}
	case elapsed >= speedTime:
		d.size = powerOfTwo(float64(taken-d.taken) * messageTime.Seconds() / elapsed.Seconds())
		d.measured, d.taken = now, taken
	}
	d.size = min(max(d.size, leastMessage), d.most)
}

// powerOfTwo is the largest that is not above f, and 1 at least. Buffers come in such
// sizes.
func powerOfTwo(f float64) int {
	return 1 << (bits.Len64(uint64(max(f, 1))) - 1)
}

// summary holds what was read of a whole object against the checksum COS keeps.
func (d *download) summary() (*cosgatev1.ReadSummary, error) {
	o := d.object
	whole := o.HasCRC64 && o.Offset == 0 && d.sent == o.Size
	if whole && o.CRC64 != d.crc64 {
		return nil, &cosbackend.IntegrityError{Op: "GetObject", Bucket: d.bucket, Key: o.Key, Want: d.crc64, Got: o.CRC64}
	}
	return &cosgatev1.ReadSummary{Bytes: d.sent, Crc64Ecma: d.crc64, Crc64EcmaVerified: whole}, nil
}

// castagnoli returns the table of CRC32C, which hash/crc32 keeps.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

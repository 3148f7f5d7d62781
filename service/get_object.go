package service

import (
	"cmp"
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

// getChunk is the field number of the chunk in GetObjectResponse; a test compares it with
// the contract.
const getChunk protowire.Number = 3

// The size of a message is that of its buffer, a power of two that includes the headers.
// Go callers with the standard codec copy a message into a cleared buffer of 16 KiB, 32 KiB
// or 1 MiB, so that one byte more than 32 KiB costs them a whole MiB.
const (
	// minMessage is the size with which a read begins, and the size for slow callers. One
	// message of this size is in memory at a time, and two of any other size: one that is
	// being sent, and one that waits.
	minMessage = 16 << 10
	// defaultMessageSize is the largest message when the caller does not say.
	defaultMessageSize = 1 << 20
	// initialMessage is the size until the caller's speed is known, once it has received
	// minWindow, which HTTP/2 allows to send to every caller at first. During initialTime a
	// caller may only fill its windows, which have at most initialBytes.
	initialMessage = 32 << 10
	minWindow      = 64 << 10
	initialTime    = 50 * time.Millisecond
	initialBytes   = 16 << 20
	// messageTime is how long a caller needs to receive one message.
	messageTime = 20 * time.Millisecond
	// speedTime is how long the caller's speed is measured before it is used.
	speedTime = 25 * time.Millisecond
	// readAttempts and readStall are when a read gives up on a broken or silent connection
	// to COS.
	readAttempts = 4
	readStall    = 30 * time.Second
)

// readSettings bound reads. All calls of a server share them.
type readSettings struct {
	pool   *frames.Pool
	budget *frames.Budget // beyond which all messages are small
	stall  time.Duration
}

// options are the options of the request to COS.
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
	defer func() { _ = object.Body.Close() }() // everything needed of it was read
	d := newObjectSender(req, object, s.reads.pool.NewAccount(callFrom(stream.Context()).usage.readBudgets(s.reads.budget)...))
	defer d.account.Close()
	for last := false; !last && err == nil; {
		last, err = d.sendNext(stream)
	}
	return err
}

// An objectSender splits an object into messages and computes its checksum.
type objectSender struct {
	bucket   string
	object   *cosbackend.Object
	account  *frames.Account
	size     int // of the next message, including the space for its headers
	maxSize  int
	begun    bool
	started  time.Time
	measured time.Time // since when the caller's speed is measured
	received int64     // what the caller had received then
	sent     int64
	crc64    uint64
}

func newObjectSender(req *cosgatev1.GetObjectRequest, o *cosbackend.Object, account *frames.Account) *objectSender {
	return &objectSender{
		bucket: req.GetBucket(), object: o, account: account,
		size: minMessage, maxSize: cmp.Or(int(req.GetMessageSize()), defaultMessageSize), started: time.Now(),
	}
}

func (d *objectSender) done() bool { return d.sent == d.object.Length }

// sendNext sends the next message.
func (d *objectSender) sendNext(stream grpc.ServerStreamingServer[cosgatev1.GetObjectResponse]) (last bool, err error) {
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

// ahead is how much may still wait to be sent to the caller when the next message is read
// from COS.
func (d *objectSender) ahead() int64 {
	if d.size == minMessage {
		return 0
	}
	return int64(d.size)
}

// next reads the next message from COS, directly into the buffer from which it is sent.
func (d *objectSender) next() (*frames.Sent, error) {
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
	metadata, err := d.metadata()
	if err != nil {
		m.Content.Free()
		return nil, err
	}
	if metadata != nil {
		m.Message = metadata
	}
	return m, nil
}

// content takes a buffer for at most n bytes: a small one when all reads together, or those
// of the caller, hold as much as they may.
func (d *objectSender) content(n int) *frames.Content {
	const small = minMessage - frames.Overhead
	if n > small {
		if c := frames.NewContentWithin(d.account, n); c != nil {
			return c
		}
		d.size = minMessage
	}
	return frames.NewContent(d.account, min(n, small))
}

// metadata returns what a message has in addition to content: object and range at the
// beginning, the summary at the end, nil in between.
func (d *objectSender) metadata() (*cosgatev1.GetObjectResponse, error) {
	if d.begun && !d.done() {
		return nil, nil // most messages have none
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

// adapt chooses the size of the next message by the speed at which the caller receives.
// Fast callers get large messages, which cost less to send; slow callers get small ones,
// which take less memory. While all reads together hold too much, messages are small.
func (d *objectSender) adapt(now time.Time) {
	received := d.sent - d.account.InUse()
	elapsed := now.Sub(d.measured)
	switch {
	case d.account.OverBudget():
		d.size = minMessage
	case now.Sub(d.started) < initialTime && received < initialBytes:
		if d.measured, d.received = now, received; received >= minWindow {
			d.size = initialMessage
		}
	case elapsed >= speedTime:
		d.size = powerOfTwo(float64(received-d.received) * messageTime.Seconds() / elapsed.Seconds())
		d.measured, d.received = now, received
	}
	d.size = min(max(d.size, minMessage), d.maxSize)
}

// powerOfTwo is the largest power of two, a size of buffers, that is not above f; 1 at
// least.
func powerOfTwo(f float64) int {
	return 1 << (bits.Len64(uint64(max(f, 1))) - 1)
}

// summary compares the content of a whole object with the checksum that COS has of it.
func (d *objectSender) summary() (*cosgatev1.ReadSummary, error) {
	o := d.object
	verified := o.HasCRC64 && o.Offset == 0 && d.sent == o.Size
	if verified && o.CRC64 != d.crc64 {
		return nil, &cosbackend.IntegrityError{Op: "GetObject", Bucket: d.bucket, Key: o.Key, Want: d.crc64, Got: o.CRC64}
	}
	return &cosgatev1.ReadSummary{Bytes: d.sent, Crc64Ecma: d.crc64, Crc64EcmaVerified: verified}, nil
}

// castagnoli returns the table of CRC32C, which hash/crc32 caches.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

package service

import (
	"fmt"
	"hash/crc32"
	"hash/crc64"

	"google.golang.org/grpc/codes"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

const (
	// maxUnsized is the largest object that may come without spec.size.
	maxUnsized = 8 << 20
	// maxSinglePut is the largest object COS takes in one PUT.
	maxSinglePut = 5 << 30
	// unsized is the size of an object whose spec has none.
	unsized = -1
)

// A putSequence holds the messages of one PutObject against the rules of the
// contract. It does no input or output and keeps no content.
type putSequence struct {
	spec     *cosgatev1.PutObjectSpec
	size     int64 // as declared, or unsized
	received int64
	crc64    uint64 // of what was received
	wantCRC  *uint64
	md5      []byte
	sums     bool // checksums came
	finished bool
	ecma     *crc64.Table
}

func newPutSequence() *putSequence {
	return &putSequence{size: unsized, ecma: crc64.MakeTable(crc64.ECMA)}
}

// gathered says that the whole object is read before anything is sent to COS.
func (q *putSequence) gathered() bool { return q.size <= keptSize }

// complete says that every declared byte was received.
func (q *putSequence) complete() bool { return q.size != unsized && q.received == q.size }

// accept takes the next message and returns the part of its data that is new.
func (q *putSequence) accept(m *cosgatev1.PutObjectRequest) ([]byte, error) {
	if q.finished {
		return nil, fail(codes.InvalidArgument, reasonStreamOrder, "a message came after finish; close the stream behind it")
	}
	if err := q.acceptSpec(m.GetSpec()); err != nil {
		return nil, err
	}
	if err := q.acceptChecksums(m); err != nil {
		return nil, err
	}
	var data []byte
	if m.Chunk != nil {
		var err error
		if data, err = q.acceptChunk(m.GetChunk()); err != nil {
			return nil, err
		}
	}
	if m.Spec == nil && m.Chunk == nil && m.Checksums == nil && !m.GetFinish() {
		return nil, fail(codes.InvalidArgument, reasonStreamOrder, "a message has neither spec, chunk, checksums nor finish")
	}
	if m.GetFinish() {
		q.finished = true
		return data, q.check()
	}
	return data, nil
}

func (q *putSequence) acceptSpec(spec *cosgatev1.PutObjectSpec) error {
	switch {
	case q.spec == nil && spec == nil:
		return failField(codes.InvalidArgument, reasonStreamOrder, "spec", "the first message must have it")
	case q.spec != nil && spec != nil:
		return failField(codes.InvalidArgument, reasonStreamOrder, "spec", "only the first message has it")
	case spec == nil:
		return nil
	}
	q.spec = spec
	if spec.Size != nil {
		q.size = spec.GetSize()
	}
	if q.size > maxSinglePut {
		return failField(codes.FailedPrecondition, reasonObjectTooLarge, "spec.size",
			"is more than 5 GiB, which one upload to COS cannot carry")
	}
	return nil
}

func (q *putSequence) acceptChecksums(m *cosgatev1.PutObjectRequest) error {
	sums := m.GetChecksums()
	switch {
	case sums == nil:
		return nil
	case q.sums:
		return failField(codes.InvalidArgument, reasonStreamOrder, "checksums", "came before; send them once")
	case len(sums.GetMd5()) > 0 && m.Spec == nil:
		return failField(codes.InvalidArgument, reasonStreamOrder, "checksums.md5", "must come with spec, since COS wants it before the content")
	}
	q.sums, q.md5, q.wantCRC = true, sums.GetMd5(), sums.Crc64Ecma
	return nil
}

func (q *putSequence) acceptChunk(c *cosgatev1.Chunk) ([]byte, error) {
	data := c.GetData()
	if c.Crc32C != nil && crc32.Checksum(data, castagnoli()) != c.GetCrc32C() {
		return nil, failField(codes.InvalidArgument, reasonChecksumMismatch, "chunk.crc32c",
			fmt.Sprintf("does not match the chunk's data, which begins at offset %d; send the object again", q.received))
	}
	if c.Offset != nil {
		if c.GetOffset() > q.received {
			return nil, failField(codes.OutOfRange, reasonOffset, "chunk.offset",
				fmt.Sprintf("is %d, but the next byte expected is %d", c.GetOffset(), q.received))
		}
		data = data[min(q.received-c.GetOffset(), int64(len(data))):]
	}
	end := q.received + int64(len(data))
	switch {
	case q.size != unsized && end > q.size:
		return nil, failField(codes.OutOfRange, reasonTooMuchData, "chunk.data",
			fmt.Sprintf("reaches to byte %d, but spec.size is %d", end, q.size))
	case q.size == unsized && end > maxUnsized:
		return nil, failField(codes.FailedPrecondition, reasonSizeRequired, "spec.size",
			"is needed for an object of more than 8 MiB")
	}
	q.received = end
	q.crc64 = crc64.Update(q.crc64, q.ecma, data)
	return data, nil
}

// check judges the whole object once its sender said finish.
func (q *putSequence) check() error {
	if q.size != unsized && q.received < q.size {
		return failField(codes.InvalidArgument, reasonTooLittleData, "finish",
			fmt.Sprintf("came after %d bytes, but spec.size is %d", q.received, q.size))
	}
	if q.wantCRC != nil && *q.wantCRC != q.crc64 {
		return failField(codes.InvalidArgument, reasonChecksumMismatch, "checksums.crc64ecma",
			fmt.Sprintf("is %d, but the content received has %d; send the object again", *q.wantCRC, q.crc64))
	}
	return nil
}

// end judges the end of the stream.
func (q *putSequence) end() error {
	switch {
	case q.spec == nil:
		return failField(codes.InvalidArgument, reasonStreamOrder, "spec", "the stream ended without any message")
	case !q.finished:
		return failField(codes.InvalidArgument, reasonFinishMissing, "finish", "the stream ended without it, so nothing was stored")
	}
	return nil
}

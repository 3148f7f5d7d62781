package service

import (
	"bytes"
	"crypto/md5" //nolint:gosec // COS speaks MD5
	"fmt"
	"hash"
	"hash/crc32"

	"google.golang.org/grpc/codes"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/crc64ecma"
	"github.com/cosgate/cosgate/internal/frames"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

const (
	// maxBufferedSize is the largest declared size of content that is buffered completely
	// before it is sent, so that it can be sent again when COS fails.
	maxBufferedSize = 1 << 20
	// maxSinglePut is the largest body that COS accepts in one request.
	maxSinglePut = 5 << 30
	// maxObject is the largest object that COS stores, 50,000 GiB.
	maxObject = 50_000 << 30
	// unsized is the size of content whose spec has none.
	unsized = -1
)

// An uploadMessage is one message of a PutObject, UploadPart or AppendObject stream.
type uploadMessage struct {
	hasSpec   bool
	size      *int64 // of the spec
	hasChunk  bool
	offset    *int64
	crc32c    *uint32
	data      *frames.Views
	checksums *cosgatev1.Checksums
	finish    bool
}

// An uploadSequence checks the messages of one upload against the rules of the contract.
// It does no input or output and stores no content.
type uploadSequence struct {
	begun    bool
	size     int64 // as declared, or unsized
	received int64
	crc64    uint64 // of what was received
	wantCRC  *uint64
	wantMD5  []byte
	md5      hash.Hash // only where COS cannot check it
	hasSums  bool      // checksums were received
	finished bool
}

func newUploadSequence() *uploadSequence { return &uploadSequence{size: unsized} }

// inParts reports whether the content needs more than one request to COS, as far as is
// known.
func (q *uploadSequence) inParts() bool { return q.size == unsized || q.size > maxSinglePut }

// buffered reports whether all of the content is received before anything is sent.
func (q *uploadSequence) buffered() bool { return !q.inParts() && q.size <= maxBufferedSize }

// complete reports whether every declared byte was received.
func (q *uploadSequence) complete() bool { return q.size != unsized && q.received == q.size }

// contentMD5 is the MD5 for COS to check, if it is COS that checks it.
func (q *uploadSequence) contentMD5() []byte {
	if q.md5 != nil {
		return nil
	}
	return q.wantMD5
}

// accept checks the next message and drops from its data what was received before.
func (q *uploadSequence) accept(m uploadMessage) error {
	if q.finished {
		return cosstatus.Fail(codes.InvalidArgument, cosstatus.ReasonStreamOrder, "a message came after finish; close the stream behind it")
	}
	if err := q.acceptSpec(m); err != nil {
		return err
	}
	if err := q.acceptChecksums(m); err != nil {
		return err
	}
	if m.hasChunk {
		if err := q.acceptChunk(m); err != nil {
			return err
		}
	}
	if !m.hasSpec && !m.hasChunk && m.checksums == nil && !m.finish {
		return cosstatus.Fail(codes.InvalidArgument, cosstatus.ReasonStreamOrder, "a message has neither spec, chunk, checksums nor finish")
	}
	if m.finish {
		q.finished = true
		return q.check()
	}
	return nil
}

func (q *uploadSequence) acceptSpec(m uploadMessage) error {
	switch {
	case !q.begun && !m.hasSpec:
		return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonStreamOrder, "spec", "the first message must have it")
	case q.begun && m.hasSpec:
		return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonStreamOrder, "spec", "only the first message has it")
	case q.begun:
		return nil
	}
	q.begun = true
	if m.size != nil {
		q.size = *m.size
	}
	return q.checkSize(q.size, "spec.size")
}

func (q *uploadSequence) checkSize(size int64, field string) error {
	if size > maxObject {
		return cosstatus.FailField(codes.FailedPrecondition, cosstatus.ReasonObjectTooLarge, field, "is more than 50,000 GiB, the largest object that COS stores")
	}
	return nil
}

func (q *uploadSequence) acceptChecksums(m uploadMessage) error {
	sums := m.checksums
	switch {
	case sums == nil:
		return nil
	case q.hasSums:
		return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonStreamOrder, "checksums", "came before; send them once")
	case len(sums.GetMd5()) > 0 && !m.hasSpec:
		return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonStreamOrder, "checksums.md5", "must come with spec, since COS wants it before the content")
	}
	q.hasSums, q.wantMD5, q.wantCRC = true, sums.GetMd5(), sums.Crc64Ecma
	if len(q.wantMD5) > 0 && q.inParts() {
		q.md5 = md5.New() //nolint:gosec // COS speaks MD5
	}
	return nil
}

func (q *uploadSequence) acceptChunk(m uploadMessage) error {
	if m.crc32c != nil && checksum32(m.data) != *m.crc32c {
		return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonChecksumMismatch, "chunk.crc32c",
			fmt.Sprintf("does not match the chunk's data, which begins at offset %d; send the content again", q.received))
	}
	if m.offset != nil {
		if *m.offset > q.received {
			return cosstatus.FailField(codes.OutOfRange, cosstatus.ReasonOffset, "chunk.offset",
				fmt.Sprintf("is %d, but the next byte expected is %d", *m.offset, q.received))
		}
		m.data.Skip(int(min(q.received-*m.offset, int64(m.data.Len()))))
	}
	end := q.received + int64(m.data.Len())
	if q.size != unsized && end > q.size {
		return cosstatus.FailField(codes.OutOfRange, cosstatus.ReasonTooMuchData, "chunk.data",
			fmt.Sprintf("reaches to byte %d, but spec.size is %d", end, q.size))
	}
	if err := q.checkSize(end, "chunk.data"); err != nil {
		return err
	}
	q.received = end
	for _, p := range m.data.Pieces() {
		q.crc64 = crc64ecma.Update(q.crc64, p)
		if q.md5 != nil {
			_, _ = q.md5.Write(p) // a hash does not fail
		}
	}
	return nil
}

func checksum32(v *frames.Views) (crc uint32) {
	for _, p := range v.Pieces() {
		crc = crc32.Update(crc, castagnoli(), p)
	}
	return crc
}

// check compares the whole content with its size and checksums, after finish.
func (q *uploadSequence) check() error {
	if q.size != unsized && q.received < q.size {
		return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonTooLittleData, "finish",
			fmt.Sprintf("came after %d bytes, but spec.size is %d", q.received, q.size))
	}
	if q.wantCRC != nil && *q.wantCRC != q.crc64 {
		return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonChecksumMismatch, "checksums.crc64ecma",
			fmt.Sprintf("is %d, but the content received has %d; send the content again", *q.wantCRC, q.crc64))
	}
	if q.md5 != nil && !bytes.Equal(q.md5.Sum(nil), q.wantMD5) {
		return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonChecksumMismatch, "checksums.md5",
			"does not match the content received; send the content again")
	}
	return nil
}

// end checks whether the stream may end here.
func (q *uploadSequence) end() error {
	switch {
	case !q.begun:
		return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonStreamOrder, "spec", "the stream ended without any message")
	case !q.finished:
		return cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonFinishMissing, "finish", "the stream ended without it, so nothing was stored")
	}
	return nil
}

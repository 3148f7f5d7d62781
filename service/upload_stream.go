package service

import (
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
)

// uploadChunk is the field number of the chunk in the messages of every upload; a test
// compares it with the contract.
const uploadChunk protowire.Number = 2

// An uploadRequest is a message of an upload.
type uploadRequest interface {
	proto.Message
	GetChecksums() *cosgatev1.Checksums
	GetFinish() bool
}

// specOf reports whether a message has a spec, and the size of the content that the spec
// declares, nil for none.
func specOf(m uploadRequest) (hasSpec bool, size *int64) {
	switch m := m.(type) {
	case *cosgatev1.PutObjectRequest:
		if m.Spec != nil {
			return true, m.GetSpec().Size
		}
	case *cosgatev1.UploadPartRequest:
		if m.Spec != nil {
			return true, m.GetSpec().Size
		}
	case *cosgatev1.AppendObjectRequest:
		if m.Spec != nil {
			return true, m.GetSpec().Size
		}
	}
	return false, nil
}

// An uploadStream receives the messages of an upload and passes their content on without
// copying it. The bytes that complete the content are held back until the stream has ended
// without an error: COS stores the object as soon as it has all its bytes, and that must
// not happen before finish.
type uploadStream struct {
	recv     func(m any) error
	request  uploadRequest
	sequence *uploadSequence
	frame    frames.Received
	lease

	ready frames.Views // can be passed on
	held  frames.Views // completes the content
	ended bool
	err   error // what Read returns from now on
}

// openUpload receives the first message of an upload, which has the spec, into request. The
// caller ends what it returns.
func openUpload(stream grpc.ServerStream, request uploadRequest) (*uploadStream, error) {
	u := newUploadStream(stream.RecvMsg, request)
	if err := u.receive(); err != nil {
		u.end()
		return nil, err
	}
	return u, nil
}

func newUploadStream(recv func(m any) error, request uploadRequest) *uploadStream {
	u := &uploadStream{
		recv: recv, request: request, sequence: newUploadSequence(),
		frame: frames.Received{Message: request, Field: uploadChunk},
	}
	u.free = func() {
		u.ready.Free()
		u.held.Free()
		u.frame.Data.Free()
	}
	return u
}

// receive reads one message, or the end of the stream.
func (u *uploadStream) receive() error {
	err := u.recv(&u.frame)
	if errors.Is(err, io.EOF) {
		u.ended = true
		return u.sequence.end()
	}
	if err != nil {
		return err
	}
	if err := u.sequence.accept(u.message()); err != nil {
		return err
	}
	if u.sequence.complete() || u.sequence.buffered() {
		u.held.Append(&u.frame.Data)
	} else {
		u.ready.Append(&u.frame.Data)
	}
	return nil
}

func (u *uploadStream) message() uploadMessage {
	m := uploadMessage{
		hasChunk: u.frame.HasChunk, offset: u.frame.Offset, crc32c: u.frame.CRC32C, data: &u.frame.Data,
		checksums: u.request.GetChecksums(), finish: u.request.GetFinish(),
	}
	m.hasSpec, m.size = specOf(u.request)
	return m
}

// body returns content of a declared size for one request to COS: all of it when it is
// small, and otherwise a stream of the content as it is received.
func (u *uploadStream) body() (cosbackend.Body, error) {
	if !u.sequence.buffered() {
		return cosbackend.Body{Size: u.sequence.size, Reader: u}, nil
	}
	if err := u.readAll(); err != nil {
		return cosbackend.Body{}, err
	}
	k := newLeasedContent(&u.held)
	release := u.free
	u.free = func() { k.end(); release() }
	return cosbackend.Body{Size: u.sequence.received, Reopen: k.reader}, nil
}

func (u *uploadStream) readAll() error {
	for !u.ended {
		if err := u.receive(); err != nil {
			return err
		}
	}
	return nil
}

// Read passes content on as it is received. Its errors are those of the stream.
func (u *uploadStream) Read(p []byte) (int, error) {
	if !u.enter() {
		return 0, errLeaseEnded
	}
	defer u.leave()
	if err := u.advance(); err != nil {
		return 0, err
	}
	return u.ready.Read(p)
}

// WriteTo passes the received buffers on without copying them.
func (u *uploadStream) WriteTo(w io.Writer) (n int64, err error) {
	if !u.enter() {
		return 0, errLeaseEnded
	}
	defer u.leave()
	for {
		if err := u.advance(); err != nil {
			if errors.Is(err, io.EOF) {
				return n, nil
			}
			return n, err
		}
		k, err := u.ready.WriteTo(w)
		n += k
		if err != nil {
			return n, err
		}
	}
}

// advance makes content ready: that of the next messages, or what was held back once the
// stream has ended without an error. It returns io.EOF after the last byte.
func (u *uploadStream) advance() error {
	for u.ready.Len() == 0 && u.err == nil {
		u.err = u.next()
	}
	if u.ready.Len() > 0 {
		return nil
	}
	return u.err
}

func (u *uploadStream) next() error {
	if !u.ended {
		if err := u.receive(); err != nil || !u.ended {
			return err
		}
	}
	if u.held.Len() == 0 {
		return io.EOF
	}
	u.ready.Append(&u.held)
	return nil
}

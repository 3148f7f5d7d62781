package service

import (
	"errors"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
)

// uploadChunk is the number of the chunk in the messages of all uploads; a test
// compares it with the contract.
const uploadChunk protowire.Number = 2

// An uploadRequest is what the messages of all uploads have in common.
type uploadRequest interface {
	proto.Message
	GetChecksums() *cosgatev1.Checksums
	GetFinish() bool
}

// An upload reads the messages of one stream and hands their content on, without
// copying it. What completes the content is held back until the stream ended well:
// COS stores it as soon as it has all its bytes, and that must not happen before
// finish.
type upload struct {
	recv     func(m any) error
	request  uploadRequest
	spec     func() (has bool, size *int64) // of request
	sequence *putSequence
	frame    frames.Received
	lease

	ready frames.Views // may be handed on
	held  frames.Views // completes the content
	ended bool
	err   error // what a Read returns from now on
}

func newUpload(recv func(m any) error, request uploadRequest, spec func() (bool, *int64)) *upload {
	u := &upload{
		recv: recv, request: request, spec: spec, sequence: newPutSequence(),
		frame: frames.Received{Message: request, Field: uploadChunk},
	}
	u.free = func() {
		u.ready.Free()
		u.held.Free()
		u.frame.Data.Free()
	}
	return u
}

// receive takes one message, or the end of the stream.
func (u *upload) receive() error {
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
	if u.sequence.complete() || u.sequence.gathered() {
		u.held.Append(&u.frame.Data)
	} else {
		u.ready.Append(&u.frame.Data)
	}
	return nil
}

func (u *upload) message() uploadMessage {
	m := uploadMessage{
		hasChunk: u.frame.HasChunk, offset: u.frame.Offset, crc32c: u.frame.CRC32C, data: &u.frame.Data,
		checksums: u.request.GetChecksums(), finish: u.request.GetFinish(),
	}
	m.hasSpec, m.size = u.spec()
	return m
}

// body returns content of a declared size for one request to COS: a stream of what
// comes, or all of it when it is small.
func (u *upload) body() (cosbackend.Body, error) {
	if !u.sequence.gathered() {
		return cosbackend.Body{Size: u.sequence.size, Reader: u}, nil
	}
	if err := u.readAll(); err != nil {
		return cosbackend.Body{}, err
	}
	k := keep(&u.held)
	release := u.free
	u.free = func() { k.end(); release() }
	return cosbackend.Body{Size: u.sequence.received, Reopen: k.reader}, nil
}

func (u *upload) readAll() error {
	for !u.ended {
		if err := u.receive(); err != nil {
			return err
		}
	}
	return nil
}

// Read hands content on as it comes. Its errors are those of the stream.
func (u *upload) Read(p []byte) (int, error) {
	if !u.enter() {
		return 0, errLeaseEnded
	}
	defer u.leave()
	if err := u.advance(); err != nil {
		return 0, err
	}
	return u.ready.Read(p)
}

// WriteTo hands the received buffers on as they are.
func (u *upload) WriteTo(w io.Writer) (n int64, err error) {
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

// advance makes content ready: of the next messages, or what was held back once the
// stream ended well. It returns io.EOF behind the last.
func (u *upload) advance() error {
	for u.ready.Len() == 0 && u.err == nil {
		u.err = u.next()
	}
	if u.ready.Len() > 0 {
		return nil
	}
	return u.err
}

func (u *upload) next() error {
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

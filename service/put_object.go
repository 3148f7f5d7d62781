package service

import (
	"bytes"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// keptSize is the largest declared size of an object that is gathered before it is
// sent: it can then be sent again when COS fails, at the price of that much memory.
const keptSize = 1 << 20

type putStream = grpc.ClientStreamingServer[cosgatev1.PutObjectRequest, cosgatev1.PutObjectResponse]

func (s *objectServer) PutObject(stream putStream) error {
	up := newUpload(stream.Recv)
	if err := up.begin(); err != nil {
		return err
	}
	spec := up.sequence.spec
	client, err := s.client(spec.GetProfile())
	if err != nil {
		return err
	}
	attrs, err := attributes(spec.GetAttributes(), "spec.attributes")
	if err != nil {
		return err
	}
	body, err := up.body()
	if err != nil {
		return err
	}
	stored, err := client.PutObject(stream.Context(), location(spec), spec.GetKey(), body, cosbackend.PutOptions{
		Attributes:      attrs,
		ForbidOverwrite: spec.GetForbidOverwrite(),
		ContentMD5:      up.sequence.md5,
		CRC64:           func() uint64 { return up.sequence.crc64 },
	})
	if err != nil {
		return err
	}
	return stream.SendAndClose(putResponse(spec, up.sequence, stored))
}

func putResponse(spec *cosgatev1.PutObjectSpec, q *putSequence, stored cosbackend.PutResult) *cosgatev1.PutObjectResponse {
	crc := q.crc64
	return &cosgatev1.PutObjectResponse{Object: &cosgatev1.Object{
		Bucket: spec.GetBucket(), Key: spec.GetKey(), VersionId: stored.VersionID,
		Size: q.received, Etag: stored.ETag, Crc64Ecma: &crc,
		StorageClass: storageClass(spec.GetAttributes().GetStorageClass()),
	}}
}

// An upload reads the messages of a PutObject stream and hands their content on.
// What completes the object is held back until the stream ended well: COS stores an
// object as soon as it has all its bytes, and that must not happen before finish.
type upload struct {
	recv     func() (*cosgatev1.PutObjectRequest, error)
	sequence *putSequence
	ready    []byte   // content that may be handed on
	held     [][]byte // content that completes the object
	ended    bool
	err      error // what Read returns from now on
}

func newUpload(recv func() (*cosgatev1.PutObjectRequest, error)) *upload {
	return &upload{recv: recv, sequence: newPutSequence()}
}

// begin reads the first message.
func (u *upload) begin() error {
	return u.receive()
}

// receive takes one message, or the end of the stream.
func (u *upload) receive() error {
	m, err := u.recv()
	if errors.Is(err, io.EOF) {
		u.ended = true
		return u.sequence.end()
	}
	if err != nil {
		return err
	}
	data, err := u.sequence.accept(m)
	if err != nil || len(data) == 0 {
		return err
	}
	if u.sequence.complete() || u.sequence.gathered() {
		u.held = append(u.held, data)
	} else {
		u.ready = data
	}
	return nil
}

// body returns the content for one PUT: a stream of what comes, or, for a small or
// unsized object, all of it, read to its end.
func (u *upload) body() (cosbackend.Body, error) {
	if !u.sequence.gathered() {
		return cosbackend.Body{Size: u.sequence.size, Reader: u}, nil
	}
	for !u.ended {
		if err := u.receive(); err != nil {
			return cosbackend.Body{}, err
		}
	}
	return cosbackend.Body{Size: u.sequence.received, Reopen: func() io.Reader { return chunksReader(u.held) }}, nil
}

func chunksReader(chunks [][]byte) io.Reader {
	rs := make([]io.Reader, len(chunks))
	for i, c := range chunks {
		rs[i] = bytes.NewReader(c)
	}
	return io.MultiReader(rs...)
}

// Read hands content on as it comes. Its errors are those of the stream.
func (u *upload) Read(p []byte) (int, error) {
	for len(u.ready) == 0 && u.err == nil {
		u.err = u.advance()
	}
	if len(u.ready) == 0 {
		return 0, u.err
	}
	n := copy(p, u.ready)
	u.ready = u.ready[n:]
	return n, nil
}

// advance makes content ready: of the next message, or what was held back once the
// stream ended well.
func (u *upload) advance() error {
	if !u.ended {
		if err := u.receive(); err != nil || !u.ended {
			return err
		}
	}
	if len(u.held) == 0 {
		return io.EOF
	}
	u.ready, u.held = u.held[0], u.held[1:]
	return nil
}

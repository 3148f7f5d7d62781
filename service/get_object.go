package service

import (
	"hash/crc32"
	"hash/crc64"
	"io"

	"google.golang.org/grpc"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// defaultMessageSize is how much content a message of GetObject has when the caller
// does not ask for another size.
const defaultMessageSize = 1 << 20

func (s *objectServer) GetObject(req *cosgatev1.GetObjectRequest, stream grpc.ServerStreamingServer[cosgatev1.GetObjectResponse]) error {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return err
	}
	object, err := client.GetObject(stream.Context(), location(req), req.GetKey(), cosbackend.ReadOptions{
		VersionID:  req.GetVersionId(),
		Conditions: conditions(req.GetPreconditions()),
		Range:      byteRange(req.GetRange()),
	})
	if err != nil {
		return err
	}
	defer func() { _ = object.Body.Close() }() // all that was wanted of it was read
	d := newDownload(req, object)
	for {
		m, last, err := d.next()
		if err != nil {
			return err
		}
		if err := stream.Send(m); err != nil {
			return err
		}
		if last {
			return nil
		}
	}
}

// A download cuts an object into messages and adds up its checksum.
type download struct {
	bucket string
	object *cosbackend.Object
	size   int // of a full message
	begun  bool
	sent   int64
	crc64  uint64
	ecma   *crc64.Table
}

func newDownload(req *cosgatev1.GetObjectRequest, o *cosbackend.Object) *download {
	size := int(req.GetMessageSize())
	if size == 0 {
		size = defaultMessageSize
	}
	return &download{bucket: req.GetBucket(), object: o, size: size, ecma: crc64.MakeTable(crc64.ECMA)}
}

// next returns the next message, and whether it is the last. The data of a message
// has its own memory: grpc may still look at it after Send.
func (d *download) next() (m *cosgatev1.GetObjectResponse, last bool, err error) {
	m = &cosgatev1.GetObjectResponse{}
	if !d.begun {
		d.begun = true
		m.Object = objectProto(d.bucket, d.object.ObjectInfo)
		m.Range = &cosgatev1.ContentRange{Offset: d.object.Offset, Length: d.object.Length, Size: d.object.Size}
	}
	data := make([]byte, min(int64(d.size), d.object.Length-d.sent))
	if _, err := io.ReadFull(d.object.Body, data); err != nil {
		return nil, false, err
	}
	if len(data) > 0 {
		m.Chunk = d.chunk(data)
	}
	if d.sent < d.object.Length {
		return m, false, nil
	}
	m.Summary, err = d.summary()
	return m, true, err
}

func (d *download) chunk(data []byte) *cosgatev1.Chunk {
	offset := d.object.Offset + d.sent
	crc := crc32.Checksum(data, castagnoli())
	d.crc64 = crc64.Update(d.crc64, d.ecma, data)
	d.sent += int64(len(data))
	return &cosgatev1.Chunk{Offset: &offset, Crc32C: &crc, Data: data}
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

package service

import (
	"hash/crc32"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/crc64ecma"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/service/frames"
)

// getChunk is the number of the chunk in GetObjectResponse; a test compares it with
// the contract.
const getChunk protowire.Number = 3

const (
	// leastMessage is the size a read begins with, and the one of slow callers: two or
	// three messages of a caller are in memory at a time.
	leastMessage = 16 << 10
	// defaultMessageSize is the largest message when the caller does not say.
	defaultMessageSize = 1 << 20
	// messageTime is how long a message should be on its way. Callers that are faster
	// get larger ones.
	messageTime = 2 * time.Millisecond
	// readAttempts and readStall are when a broken or silent connection to COS is given
	// up.
	readAttempts = 4
	readStall    = 30 * time.Second
)

// readSettings bound reads. All calls of a server share them.
type readSettings struct {
	pool  *frames.Pool
	limit int64 // content in memory beyond which all messages are small
	stall time.Duration
}

func (s *objectServer) GetObject(req *cosgatev1.GetObjectRequest, stream grpc.ServerStreamingServer[cosgatev1.GetObjectResponse]) error {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return err
	}
	object, err := client.GetObject(stream.Context(), location(req), req.GetKey(), cosbackend.ReadOptions{
		VersionID:  req.GetVersionId(),
		Conditions: conditions(req.GetPreconditions()),
		Range:      byteRange(req.GetRange()),
		Resume:     cosbackend.ResumeOptions{Attempts: readAttempts, Stall: s.reads.stall},
	})
	if err != nil {
		return err
	}
	defer func() { _ = object.Body.Close() }() // all that was wanted of it was read
	d := newDownload(req, object, s.reads)
	defer d.account.Close()
	for last := false; !last; {
		m, err := d.next()
		if err != nil {
			return err
		}
		last = d.done()
		begun := time.Now()
		if err := stream.SendMsg(m); err != nil {
			m.Content.Free()
			return err
		}
		d.adapt(m.ContentBytes(), time.Since(begun))
	}
	return nil
}

// A download cuts an object into messages and adds up its checksum.
type download struct {
	bucket   string
	object   *cosbackend.Object
	settings readSettings
	account  *frames.Account
	size     int // of the next message
	most     int
	begun    bool
	sent     int64
	crc64    uint64
}

func newDownload(req *cosgatev1.GetObjectRequest, o *cosbackend.Object, settings readSettings) *download {
	most := int(req.GetMessageSize())
	if most == 0 {
		most = defaultMessageSize
	}
	return &download{
		bucket: req.GetBucket(), object: o, settings: settings, account: settings.pool.NewAccount(),
		size: leastMessage, most: most,
	}
}

func (d *download) done() bool { return d.sent == d.object.Length }

// next reads the next message from COS, straight into the buffer it is sent from.
func (d *download) next() (*frames.Sent, error) {
	m := &frames.Sent{Field: getChunk, Offset: d.object.Offset + d.sent}
	if n := min(int64(d.size), d.object.Length-d.sent); n > 0 {
		m.Content = frames.NewContent(d.account, int(n))
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

// adapt chooses the size of the next message by how long the last one took to be taken
// off our hands. While all reads together hold too much, messages are small.
func (d *download) adapt(sent int, took time.Duration) {
	switch {
	case d.settings.pool.InUse() > d.settings.limit:
		d.size = leastMessage
	case sent < d.size: // the last one: it says nothing
	case took < messageTime:
		d.size *= 2
	case took > 4*messageTime:
		d.size /= 2
	}
	d.size = min(max(d.size, leastMessage), d.most)
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

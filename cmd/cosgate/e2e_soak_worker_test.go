//go:build e2e

package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/crc64ecma"
)

// soakKeys is how many objects of each kind a worker keeps.
const soakKeys = 4

// A soakWorker is one caller with keys of its own. A key whose last operation failed is
// not written again: COS may still finish that operation, and nobody can know when.
type soakWorker struct {
	*soak
	number  int
	random  *rand.Rand
	keys    int
	objects map[string]record
	logs    map[string]record // appended to
	ofParts map[string]record // made with MultipartService
	given   []string          // up, to be deleted

	conn    *grpc.ClientConn
	mu      sync.Mutex
	sockets []net.Conn
}

func (w *soakWorker) connect(t *testing.T) {
	conn, err := grpc.NewClient(w.gateway.value("gRPC"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, "tcp", addr)
			if err == nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.sockets = append(w.sockets, c)
			}
			return c, err
		}))
	if err != nil {
		t.Error(err) // never: nothing is dialled yet
	}
	w.conn = conn
}

func (w *soakWorker) disconnect() { _ = w.conn.Close() }

// die breaks the connections as the death of the process, or of its machine's network,
// would.
func (w *soakWorker) die() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.sockets {
		if tcp, ok := c.(*net.TCPConn); ok && w.number%2 == 0 {
			_ = tcp.SetLinger(0) // half of them with a reset
		}
		_ = c.Close()
	}
	w.sockets = nil
}

// An operation is one thing a worker does. It returns what the key holds afterwards.
type operation struct {
	name string // of COS, for faults
	key  string
	old  map[string]record
	do   func(ctx context.Context) (record, error)
	keep bool // changes nothing
}

// step does one operation, disturbed or not, and records the result.
func (w *soakWorker) step(t *testing.T, trouble bool) {
	ctx, cancel := context.WithTimeout(t.Context(), soakDeadline)
	defer cancel()
	for _, key := range w.given { // so that the COS does not fill up
		_, err := cosgatev1.NewObjectServiceClient(w.conn).DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: demoBucket, Key: key})
		if err != nil {
			t.Errorf("worker %d: DeleteObject of %q = %v", w.number, key, err)
		}
	}
	w.given = w.given[:0]
	op := w.choose()
	chance := 100
	if trouble {
		chance = w.random.IntN(100)
	}
	moment := time.Duration(w.random.Int64N(int64(30 * time.Millisecond)))
	disturbed := true
	switch {
	case chance < soakFaults:
		w.faults.Add(1)
		id := w.cos.Faults().Add(soakFault(w.random, op.name, op.key))
		defer w.cos.Faults().Remove(id)
	case chance < soakFaults+soakKills:
		w.kills.Add(1)
		defer time.AfterFunc(moment, w.die).Stop()
		defer func() { w.disconnect(); w.connect(t) }()
	case chance < soakFaults+soakKills+soakCancels:
		w.cancels.Add(1)
		defer time.AfterFunc(moment, cancel).Stop()
	default:
		disturbed = false
	}
	got, err := op.do(ctx)
	w.account(t, op, got, err, disturbed)
}

func (w *soakWorker) account(t *testing.T, op operation, got record, err error, disturbed bool) {
	if err == nil {
		w.done.Add(1)
		if !op.keep {
			op.old[op.key] = got
		}
		return
	}
	w.failed.Add(1)
	if !disturbed || !expected(err) {
		t.Errorf("worker %d: %s of %q = %v (disturbed: %v)", w.number, op.name, op.key, err, disturbed)
	}
	if !op.keep {
		delete(op.old, op.key) // may or may not have happened
		w.given = append(w.given, op.key)
	}
}

// choose picks what to do next.
func (w *soakWorker) choose() operation {
	switch n := w.random.IntN(100); {
	case n < 20:
		return w.put(1+w.random.IntN(100_000), true)
	case n < 26:
		return w.put(1<<20+w.random.IntN(2<<20), true) // streamed
	case n < 30:
		return w.put(8<<20+w.random.IntN(12<<20), false) // in parts
	case n < 40:
		return w.put(w.random.IntN(300_000), false)
	case n < 50:
		return w.append()
	case n < 54:
		return w.parts()
	case n < 60:
		return w.copy()
	default:
		return w.readAny()
	}
}

// target is the key to write next: a new one until there are enough.
func (w *soakWorker) target(kind string, of map[string]record) string {
	if len(of) < soakKeys {
		return w.key(kind)
	}
	return w.any(of)
}

func (w *soakWorker) any(of map[string]record) string {
	skip := w.random.IntN(len(of))
	for key := range of {
		if skip == 0 {
			return key
		}
		skip--
	}
	return ""
}

// piece cuts content from the common block.
func (w *soakWorker) piece(size int) ([]byte, record) {
	from := w.random.IntN(len(w.data) - size)
	data := w.data[from : from+size]
	return data, record{crc: crc64ecma.Checksum(data), size: int64(size)}
}

func (w *soakWorker) put(size int, declared bool) operation {
	data, want := w.piece(size)
	name := "PutObject"
	if !declared && size > 8<<20 {
		name = []string{"UploadPart", "CompleteMultipartUpload"}[w.random.IntN(2)]
	}
	op := operation{name: name, key: w.target("put", w.objects), old: w.objects}
	op.do = func(ctx context.Context) (record, error) {
		stream, err := cosgatev1.NewObjectServiceClient(w.conn).PutObject(ctx)
		if err != nil {
			return record{}, err
		}
		spec := &cosgatev1.PutObjectSpec{Bucket: demoBucket, Key: op.key}
		if declared {
			spec.Size = &want.size
		}
		_ = stream.Send(&cosgatev1.PutObjectRequest{Spec: spec})
		broken := w.eachChunk(data, func(c *cosgatev1.Chunk, finish bool) error {
			return stream.Send(&cosgatev1.PutObjectRequest{Chunk: c, Finish: finish})
		})
		resp, err := closeOrFail(stream, broken)
		return record{crc: resp.GetObject().GetCrc64Ecma(), size: resp.GetObject().GetSize()}, same(want, resp.GetObject().GetCrc64Ecma(), err)
	}
	return op
}

var errOther = errors.New("the answer speaks of other content")

func same(want record, crc uint64, err error) error {
	if err == nil && crc != want.crc {
		return errOther
	}
	return err
}

// closeOrFail ends an upload. A broken one is not half-closed, which would mean that
// everything was sent: its status says why it broke.
func closeOrFail[Req, Resp any](stream grpc.ClientStreamingClient[Req, Resp], broken error) (*Resp, error) {
	if broken == nil {
		return stream.CloseAndRecv()
	}
	resp := new(Resp)
	return resp, cmp.Or(stream.RecvMsg(resp), broken)
}

// eachChunk cuts data into chunks of a random size, and returns why one was not sent.
func (w *soakWorker) eachChunk(data []byte, send func(*cosgatev1.Chunk, bool) error) error {
	size := 1 + w.random.IntN(1<<20)
	size = max(size, len(data)/200)
	for {
		n := min(size, len(data))
		if err := send(&cosgatev1.Chunk{Data: data[:n]}, n == len(data)); err != nil || n == len(data) {
			return err
		}
		data = data[n:]
	}
}

func (w *soakWorker) append() operation {
	data, added := w.piece(1 + w.random.IntN(200_000))
	op := operation{name: "AppendObject", key: w.target("log", w.logs), old: w.logs}
	before := w.logs[op.key]
	if before.size > 4<<20 {
		op.key, before = w.key("log"), record{}
	}
	want := record{crc: crc64ecma.Combine(before.crc, added.crc, added.size), size: before.size + added.size}
	op.do = func(ctx context.Context) (record, error) {
		stream, err := cosgatev1.NewObjectServiceClient(w.conn).AppendObject(ctx)
		if err != nil {
			return record{}, err
		}
		_ = stream.Send(&cosgatev1.AppendObjectRequest{Spec: &cosgatev1.AppendObjectSpec{
			Bucket: demoBucket, Key: op.key, Position: before.size, Size: &added.size, BaseCrc64Ecma: &before.crc,
		}})
		broken := w.eachChunk(data, func(c *cosgatev1.Chunk, finish bool) error {
			return stream.Send(&cosgatev1.AppendObjectRequest{Chunk: c, Finish: finish})
		})
		resp, err := closeOrFail(stream, broken)
		if err == nil && (resp.GetNextPosition() != want.size || resp.Crc64Ecma != nil && resp.GetCrc64Ecma() != want.crc) {
			err = errOther
		}
		return want, err
	}
	return op
}

// parts makes an object with MultipartService. An upload that fails is the caller's to
// abort; a dead one does not.
func (w *soakWorker) parts() operation {
	op := operation{name: []string{"UploadPart", "CompleteMultipartUpload"}[w.random.IntN(2)], key: w.target("parts", w.ofParts), old: w.ofParts}
	data, want := w.piece(2<<20 + w.random.IntN(1<<20))
	op.do = func(ctx context.Context) (record, error) {
		uploads := cosgatev1.NewMultipartServiceClient(w.conn)
		begun, err := uploads.InitiateMultipartUpload(ctx, &cosgatev1.InitiateMultipartUploadRequest{Bucket: demoBucket, Key: op.key})
		if err != nil {
			return record{}, err
		}
		var done []*cosgatev1.CompletedPart
		for at := 0; at < len(data); at += 1 << 20 {
			number := int32(len(done) + 1)
			etag, err := w.part(ctx, uploads, op.key, begun.GetUploadId(), number, data[at:min(at+1<<20, len(data))])
			if err != nil {
				return record{}, err
			}
			done = append(done, &cosgatev1.CompletedPart{PartNumber: number, Etag: etag})
		}
		resp, err := uploads.CompleteMultipartUpload(ctx, &cosgatev1.CompleteMultipartUploadRequest{
			Bucket: demoBucket, Key: op.key, UploadId: begun.GetUploadId(), Parts: done, Crc64Ecma: &want.crc,
		})
		if err == nil && resp.GetObject().Crc64Ecma != nil {
			err = same(want, resp.GetObject().GetCrc64Ecma(), nil)
		}
		return want, err
	}
	return op
}

func (w *soakWorker) part(ctx context.Context, uploads cosgatev1.MultipartServiceClient, key, id string, number int32, data []byte) (string, error) {
	stream, err := uploads.UploadPart(ctx)
	if err != nil {
		return "", err
	}
	size := int64(len(data))
	_ = stream.Send(&cosgatev1.UploadPartRequest{Spec: &cosgatev1.UploadPartSpec{
		Bucket: demoBucket, Key: key, UploadId: id, PartNumber: number, Size: &size,
	}})
	broken := w.eachChunk(data, func(c *cosgatev1.Chunk, finish bool) error {
		return stream.Send(&cosgatev1.UploadPartRequest{Chunk: c, Finish: finish})
	})
	resp, err := closeOrFail(stream, broken)
	return resp.GetPart().GetEtag(), err
}

func (w *soakWorker) copy() operation {
	if len(w.objects) == 0 {
		return w.put(1000, true)
	}
	from := w.any(w.objects)
	want := w.objects[from]
	op := operation{name: "CopyObject", key: w.target("put", w.objects), old: w.objects}
	if op.key == from {
		return w.put(1000, true)
	}
	op.do = func(ctx context.Context) (record, error) {
		_, err := cosgatev1.NewObjectServiceClient(w.conn).CopyObject(ctx, &cosgatev1.CopyObjectRequest{
			Bucket: demoBucket, Key: op.key, Source: &cosgatev1.CopySource{Bucket: demoBucket, Key: from},
		})
		return want, err
	}
	return op
}

func (w *soakWorker) readAny() operation {
	of := []map[string]record{w.objects, w.objects, w.logs, w.ofParts}[w.random.IntN(4)]
	if len(of) == 0 {
		return w.put(1000, true)
	}
	op := operation{name: "GetObject", key: w.any(of), keep: true}
	want := of[op.key]
	op.do = func(ctx context.Context) (record, error) {
		got, err := w.read(ctx, op.key)
		if err == nil && got != want {
			err = errOther
		}
		return got, err
	}
	return op
}

// read reads an entire object and returns its record. No content is kept.
func (w *soakWorker) read(ctx context.Context, key string) (record, error) {
	stream, err := cosgatev1.NewObjectServiceClient(w.conn).GetObject(ctx, &cosgatev1.GetObjectRequest{Bucket: demoBucket, Key: key})
	if err != nil {
		return record{}, err
	}
	var got record
	var summary *cosgatev1.ReadSummary
	for {
		m, err := stream.Recv()
		if err == io.EOF { //nolint:errorlint // gRPC promises io.EOF itself
			if summary.GetCrc64Ecma() != got.crc {
				return got, status.Error(codes.Unknown, "the summary speaks of other content")
			}
			return got, nil
		}
		if err != nil {
			return got, err
		}
		got.crc = crc64ecma.Update(got.crc, m.GetChunk().GetData())
		got.size += int64(len(m.GetChunk().GetData()))
		summary = m.GetSummary()
	}
}

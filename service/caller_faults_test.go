package service

import (
	"bytes"
	"context"
	"hash/crc32"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// What callers are told of their own faults, as code and reason.
const (
	cancelled  = "Canceled"
	unfinished = "InvalidArgument FINISH_MISSING"
	disorder   = "InvalidArgument STREAM_ORDER"
	mismatch   = "InvalidArgument CHECKSUM_MISMATCH"
	invalid    = "InvalidArgument INVALID_FIELD"
	tooMuch    = "OutOfRange SIZE_EXCEEDED"
	tooLittle  = "InvalidArgument SIZE_NOT_REACHED"
	tooLong    = "ResourceExhausted MESSAGE_TOO_LARGE"
)

// A callerKind is one way to upload. Its messages are written as those of PutObject,
// and translated.
type callerKind struct {
	name  string
	row   matrixRow // prepare, look, before, struck
	size  int
	piece int
	sized bool
	begin func(ctx context.Context, m *matrix) (callerStream, error)
}

// A callerStream is the caller's side of an upload.
type callerStream interface {
	send(m *putRequest) error
	// end closes the stream and waits for its response; response only waits.
	end() error
	response() error
}

// clientStream makes one of the three streams of the contract a callerStream.
type clientStream[Req, Resp any] struct {
	grpc.ClientStreamingClient[Req, Resp]
	translate func(m *putRequest) *Req
}

func (s clientStream[Req, Resp]) send(m *putRequest) error { return s.Send(s.translate(m)) }

func (s clientStream[Req, Resp]) end() error {
	_, err := s.CloseAndRecv()
	return err
}

func (s clientStream[Req, Resp]) response() error {
	var resp any = new(Resp)
	return s.RecvMsg(resp)
}

func beginPut(ctx context.Context, m *matrix) (callerStream, error) {
	stream, err := m.objects.PutObject(ctx)
	return clientStream[putRequest, cosgatev1.PutObjectResponse]{stream, func(p *putRequest) *putRequest { return p }}, err
}

func beginAppend(ctx context.Context, m *matrix) (callerStream, error) {
	stream, err := m.objects.AppendObject(ctx)
	return clientStream[cosgatev1.AppendObjectRequest, cosgatev1.AppendObjectResponse]{stream, func(p *putRequest) *cosgatev1.AppendObjectRequest {
		out := &cosgatev1.AppendObjectRequest{Chunk: p.GetChunk(), Checksums: p.GetChecksums(), Finish: p.GetFinish()}
		if s := p.GetSpec(); s != nil {
			out.Spec = &cosgatev1.AppendObjectSpec{Bucket: s.GetBucket(), Key: "log", Position: appendBase, Size: s.Size}
		}
		return out
	}}, err
}

func beginPart(ctx context.Context, m *matrix) (callerStream, error) {
	stream, err := m.uploads.UploadPart(ctx)
	return clientStream[cosgatev1.UploadPartRequest, cosgatev1.UploadPartResponse]{stream, func(p *putRequest) *cosgatev1.UploadPartRequest {
		out := &cosgatev1.UploadPartRequest{Chunk: p.GetChunk(), Checksums: p.GetChecksums(), Finish: p.GetFinish()}
		if s := p.GetSpec(); s != nil {
			out.Spec = &cosgatev1.UploadPartSpec{Bucket: s.GetBucket(), Key: "big", UploadId: m.upload, PartNumber: 1, Size: s.Size}
		}
		return out
	}}, err
}

// appendBase is how long the object is that callers append to.
const appendBase = 20_000

func callerKinds() []callerKind {
	rows := make(map[string]matrixRow)
	for _, r := range matrixRows() {
		rows[r.name] = r
	}
	const kept, large, parts = 100_000, maxBufferedSize + 1, 3*partSize - 1
	return []callerKind{
		{"PutObject, kept", rows["PutObject, kept"], kept, 20_000, true, beginPut},
		{"PutObject, streamed", rows["PutObject, streamed"], large, 300_000, true, beginPut},
		{"PutObject, in parts", rows["PutObject in parts, complete"], parts, 50_000, false, beginPut},
		{"AppendObject, kept", rows["AppendObject, kept"], kept, 20_000, true, beginAppend},
		{"AppendObject, streamed", rows["AppendObject, streamed"], large, 300_000, true, beginAppend},
		{"UploadPart, kept", rows["UploadPart, kept"], kept, 20_000, true, beginPart},
		{"UploadPart, streamed", rows["UploadPart, streamed"], large, 300_000, true, beginPart},
	}
}

// messages are those of an upload that is right in every way.
func (k callerKind) messages() []*putRequest {
	return chunks(k.spec(), noise(k.size), k.piece)
}

func (k callerKind) spec() *cosgatev1.PutObjectSpec {
	if !k.sized {
		return spec(-1)
	}
	return spec(int64(k.size))
}

// eachKind runs test for each way to upload, in virtual time, on a gateway of its own.
func eachKind(t *testing.T, test func(t *testing.T, m *matrix, k callerKind)) {
	t.Helper()
	for _, k := range callerKinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, openMatrix(t), k) })
		})
	}
}

// begun prepares what was there before and sends the first n messages; the gateway has
// dealt with them when it returns.
func (m *matrix) begun(ctx context.Context, t *testing.T, k callerKind, messages []*putRequest) callerStream {
	t.Helper()
	k.row.prepare(t, m)
	stream, err := k.begin(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range messages {
		if stream.send(p) != nil {
			break // the response says why
		}
	}
	synctest.Wait()
	return stream
}

// told is what err tells a caller.
func told(err error) string {
	if err == nil {
		return fine
	}
	info, _ := detail[*errdetails.ErrorInfo](err)
	return strings.TrimSpace(status.Code(err).String() + " " + info.GetReason())
}

// nothingStored checks that what was there before is there still, and nothing else.
func (m *matrix) nothingStored(t *testing.T, k callerKind, what string) {
	t.Helper()
	m.stored(t, k, what, k.row.before)
}

// stored checks that one of these contents is there, and nothing else.
func (m *matrix) stored(t *testing.T, k callerKind, what string, allowed ...[]byte) {
	t.Helper()
	synctest.Wait() // the gateway cleans up behind the caller's back
	got := k.row.look(t, m)
	if !slices.ContainsFunc(allowed, func(c []byte) bool { return bytes.Equal(c, got) }) {
		t.Errorf("%s: %d bytes are there, which are not what may be", what, len(got))
	}
	if n := m.dropUploads(t); n != 0 {
		t.Errorf("%s: %d uploads were left behind", what, n)
	}
}

func TestUploadsWithoutFinishStoreNothing(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, m *matrix, k callerKind) {
		all := k.messages()
		for n := range len(all) {
			want := unfinished
			if n == 0 {
				want = disorder // not even a spec came
			}
			err := m.begun(t.Context(), t, k, all[:n]).end()
			if got := told(err); got != want {
				t.Errorf("half-closed after %d messages: %v, want %s", n, err, want)
			}
			m.nothingStored(t, k, "half-closed")
		}
	})
}

func TestUploadsCancelledAtAnyMessageStoreNothing(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, m *matrix, k callerKind) {
		all := k.messages()
		for n := range len(all) + 1 {
			ctx, cancel := context.WithCancel(t.Context())
			stream := m.begun(ctx, t, k, all[:n])
			cancel()
			if err := stream.response(); told(err) != cancelled {
				t.Errorf("cancelled after %d messages: %v, want %s", n, err, cancelled)
			}
			m.nothingStored(t, k, "cancelled")
		}
	})
}

func TestUploadsPastTheirDeadlineStoreNothing(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, m *matrix, k callerKind) {
		all := k.messages()
		for n := range len(all) + 1 {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			err := m.begun(ctx, t, k, all[:n]).response()
			if got := told(err); got != late && got != late+" "+cosstatus.ReasonDeadline && (n > 0 || got != late+" "+cosstatus.ReasonMessageLate) {
				t.Errorf("silent after %d messages: %v, want %s", n, err, late)
			}
			cancel()
			m.nothingStored(t, k, "late")
		}
	})
}

// A caller who falls silent in the middle of a request to COS is given up by COS.
func TestUploadsOfSilentCallersEndWhenCOSEndsThem(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, m *matrix, k callerKind) {
		if !strings.HasSuffix(k.name, "streamed") {
			return // nothing is sent to COS before all of it is there
		}
		err := m.begun(t.Context(), t, k, k.messages()[:3]).response()
		if e, _ := detail[*cosgatev1.CosError](err); status.Code(err).String() != "Unavailable" || e.GetCode() != "RequestTimeout" {
			t.Errorf("silent: %v, want UNAVAILABLE, RequestTimeout", err)
		}
		m.nothingStored(t, k, "silent")
	})
}

// The caller gives up when all was sent and COS is at work on it. COS may have all it
// needs by then, so that the new content is there, but whole.
func TestUploadsCancelledWhileCOSWorksAreCompleteOrAbsent(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, m *matrix, k callerKind) {
		for _, struck := range []string{"InitiateMultipartUpload", "UploadPart", k.row.struck} {
			if k.sized && struck != k.row.struck {
				continue
			}
			ctx, cancel := context.WithCancel(t.Context())
			k.row.prepare(t, m)
			m.cos.Faults().Add(embedded.Fault{Operation: struck, Delay: 10 * time.Second, Count: 1})
			stream, err := k.begin(ctx, m)
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				for _, p := range k.messages() {
					if stream.send(p) != nil {
						break
					}
				}
				ended <- stream.end()
			}()
			synctest.Wait()
			cancel()
			if err := <-ended; told(err) != cancelled {
				t.Errorf("cancelled during %s: %v, want %s", struck, err, cancelled)
			}
			time.AfterFunc(time.Minute, func() { ended <- nil })
			<-ended // a minute of virtual time later the gateway has cleaned up
			m.cos.Faults().Clear()
			m.stored(t, k, "cancelled during "+struck, k.row.before, k.row.after)
		}
	})
}

func TestUploadsOfKilledCallersStoreNothing(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, m *matrix, k callerKind) {
		killable := m.killable(t)
		all := k.messages()
		for n := range len(all) + 1 {
			stream := killable.begun(t.Context(), t, k, all[:n])
			m.upload = killable.upload
			killable.kill(t)
			if err := stream.response(); status.Code(err).String() != "Unavailable" {
				t.Errorf("killed after %d messages: %v, want UNAVAILABLE on the caller's side", n, err)
			}
			m.nothingStored(t, k, "killed")
		}
	})
}

// A killable is a client of the same gateway whose connection can be cut.
type killable struct {
	matrix
	conns chan net.Conn
}

func (k *killable) kill(t *testing.T) {
	t.Helper()
	if err := (<-k.conns).Close(); err != nil {
		t.Error(err)
	}
}

// killable opens another listener of the gateway and connects through it.
func (m *matrix) killable(t *testing.T) *killable {
	t.Helper()
	lis := bufconn.Listen(1 << 20)
	ended := make(chan error, 1)
	go func() { ended <- m.server.grpc.Serve(lis) }()
	k := &killable{conns: make(chan net.Conn, 100)}
	conn, err := grpc.NewClient("passthrough:///killable", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			c, err := lis.DialContext(ctx)
			if err == nil {
				k.conns <- c
			}
			return c, err
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = lis.Close()
		if err := <-ended; err == nil {
			t.Error("Serve of the second listener returned nil, though the listener was closed")
		}
	})
	g := *m.gateway
	g.conn, g.objects, g.uploads = conn, cosgatev1.NewObjectServiceClient(conn), cosgatev1.NewMultipartServiceClient(conn)
	k.matrix = matrix{gateway: &g, wire: m.wire}
	return k
}

func TestUploadsWithFaultyMessagesStoreNothing(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, m *matrix, k callerKind) {
		for _, c := range faultyMessages(k) {
			err := m.begun(t.Context(), t, k, c.messages).end()
			if got := told(err); got != c.want {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
			m.nothingStored(t, k, c.name)
		}
	})
}

type faultyCase struct {
	name     string
	messages []*putRequest
	want     string
}

func faultyMessages(k callerKind) []faultyCase {
	all := k.messages()
	last := len(all) - 2 // the one before finish
	damage := func(i int) []*putRequest {
		ms := slices.Clone(all)
		ms[i], _ = proto.Clone(ms[i]).(*putRequest)
		ms[i].Chunk.Data[0] ^= 1
		return ms
	}
	chunkOf := func(n int) []*putRequest {
		return []*putRequest{{Spec: k.spec()}, {Chunk: &cosgatev1.Chunk{Data: noise(n)}}, {Finish: true}}
	}
	cases := []faultyCase{
		{"first chunk damaged", damage(1), mismatch},
		{"chunk in the middle damaged", damage(len(all) / 2), mismatch},
		{"last chunk damaged", damage(last), mismatch},
		{"chunk of 2 MiB and a byte", chunkOf(maxChunk + 1), invalid},
		{"message above what a chunk and a spec can have", chunkOf(4 << 20), tooLong},
		{"checksum of the whole wrong", withSums(all, &cosgatev1.Checksums{Crc64Ecma: new(uint64(1))}), mismatch},
	}
	if !k.sized {
		return cases
	}
	less, more := slices.Clone(all), slices.Clone(all)
	less[0] = &putRequest{Spec: spec(int64(k.size - 1))}
	more[0] = &putRequest{Spec: spec(int64(k.size + 1))}
	return append(cases,
		faultyCase{"declared one byte less", less, tooMuch},
		faultyCase{"declared one byte more", more, tooLittle})
}

// withSums lets the last message say checksums.
func withSums(all []*putRequest, sums *cosgatev1.Checksums) []*putRequest {
	ms := slices.Clone(all)
	ms[len(ms)-1] = &putRequest{Checksums: sums, Finish: true}
	return ms
}

func TestUploadsInChunksOfAnySizeAreComplete(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, m *matrix, k callerKind) {
		data := noise(k.size)
		for name, cut := range map[string]func() []*putRequest{
			"of one byte": func() []*putRequest {
				ms := chunks(k.spec(), data[:2000], 1)
				return append(ms[:len(ms)-1], chunksFrom(data, 2000, 1<<20)...)
			},
			"empty ones between": func() []*putRequest {
				var ms []*putRequest
				for _, p := range chunks(k.spec(), data, k.piece) {
					ms = append(ms, p, &putRequest{Chunk: &cosgatev1.Chunk{}})
				}
				return ms[:len(ms)-1] // nothing comes after finish
			},
			"of 2 MiB": func() []*putRequest {
				ms := chunks(k.spec(), data, maxChunk)
				ms[0], ms[len(ms)-1] = &putRequest{Spec: k.spec(), Chunk: &cosgatev1.Chunk{}}, &putRequest{Chunk: &cosgatev1.Chunk{}, Finish: true}
				return ms
			},
		} {
			if err := m.begun(t.Context(), t, k, cut()).end(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			m.stored(t, k, name, k.row.after)
		}
	})
}

// chunksFrom makes the messages of the rest of data, from an offset on.
func chunksFrom(data []byte, from, size int) []*putRequest {
	var ms []*putRequest
	for ; from < len(data); from += size {
		piece := data[from:min(from+size, len(data))]
		crc := crc32.Checksum(piece, castagnoli())
		ms = append(ms, &putRequest{Chunk: &cosgatev1.Chunk{Offset: new(int64(from)), Crc32C: &crc, Data: piece}})
	}
	return append(ms, &putRequest{Finish: true})
}

// An upload of two full-sized chunks, in one request and in parts of the usual size.
func TestUploadsAcceptChunksOfTwoMiB(t *testing.T) {
	t.Parallel()
	g := open(t)
	data := noise(2*maxChunk + 1)
	for _, size := range []int64{-1, int64(len(data))} {
		if _, err := g.send(t.Context(), chunks(spec(size), data, maxChunk)...); err != nil {
			t.Fatal(err)
		}
		got, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("size %d: GetObject gave %d bytes and %v, want %d", size, len(got), err, len(data))
		}
	}
}

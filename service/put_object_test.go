package service

import (
	"bytes"
	"context"
	"crypto/md5"
	"hash/crc32"
	"hash/crc64"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

type putRequest = cosgatev1.PutObjectRequest

func spec(size int64) *cosgatev1.PutObjectSpec {
	s := &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "k"}
	if size >= 0 {
		s.Size = &size
	}
	return s
}

func chunk(data string) *cosgatev1.Chunk { return &cosgatev1.Chunk{Data: []byte(data)} }

func chunkAt(offset int64, data string) *cosgatev1.Chunk {
	return &cosgatev1.Chunk{Offset: &offset, Data: []byte(data)}
}

func ecma(data []byte) uint64 { return crc64.Checksum(data, crc64.MakeTable(crc64.ECMA)) }

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	_, _ = r.Read(b)
	return b
}

// chunks makes the messages of an upload: a spec, the data in pieces, and finish.
func chunks(s *cosgatev1.PutObjectSpec, data []byte, size int) []*putRequest {
	ms := []*putRequest{{Spec: s}}
	for off := 0; off < len(data); off += size {
		o := int64(off)
		piece := data[off:min(off+size, len(data))]
		crc := crc32.Checksum(piece, crc32.MakeTable(crc32.Castagnoli))
		ms = append(ms, &putRequest{Chunk: &cosgatev1.Chunk{Offset: &o, Crc32C: &crc, Data: piece}})
	}
	return append(ms, &putRequest{Finish: true})
}

func TestPutObjectMisuseIsRefusedAndStoresNothing(t *testing.T) {
	t.Parallel()
	wrong := uint32(1)
	wrong64 := uint64(1)
	sums := &cosgatev1.Checksums{}
	for _, c := range []struct {
		name     string
		messages []*putRequest
		code     codes.Code
		reason   string
		text     string
	}{
		{"no message", nil, codes.InvalidArgument, cosstatus.ReasonStreamOrder, "spec: the stream ended without any message"},
		{"no spec first", []*putRequest{{Chunk: chunk("a")}}, codes.InvalidArgument, cosstatus.ReasonStreamOrder, "spec: the first message must have it"},
		{"second spec", []*putRequest{{Spec: spec(1)}, {Spec: spec(1)}}, codes.InvalidArgument, cosstatus.ReasonStreamOrder, "spec: only the first message has it"},
		{"data after finish", []*putRequest{{Spec: spec(-1), Chunk: chunk("a"), Finish: true}, {Chunk: chunk("b")}}, codes.InvalidArgument, cosstatus.ReasonStreamOrder, "a message came after finish; close the stream behind it"},
		{"data after finish of a streamed object", append(chunks(spec(maxBufferedSize+1), noise(maxBufferedSize+1), maxBufferedSize), &putRequest{Chunk: chunk("b")}), codes.InvalidArgument, cosstatus.ReasonStreamOrder, "a message came after finish; close the stream behind it"},
		{"empty message", []*putRequest{{Spec: spec(1)}, {}}, codes.InvalidArgument, cosstatus.ReasonStreamOrder, "a message has neither spec, chunk, checksums nor finish"},
		{"no finish", []*putRequest{{Spec: spec(1), Chunk: chunk("a")}}, codes.InvalidArgument, cosstatus.ReasonFinishMissing, "finish: the stream ended without it, so nothing was stored"},
		{"no finish of a streamed object", chunks(spec(maxBufferedSize+1), noise(maxBufferedSize+1), maxBufferedSize)[:3], codes.InvalidArgument, cosstatus.ReasonFinishMissing, "finish: the stream ended without it, so nothing was stored"},
		{"offset ahead", []*putRequest{{Spec: spec(3), Chunk: chunk("a")}, {Chunk: chunkAt(2, "c")}}, codes.OutOfRange, cosstatus.ReasonOffset, "chunk.offset: is 2, but the next byte expected is 1"},
		{"too much", []*putRequest{{Spec: spec(3), Chunk: chunk("ab")}, {Chunk: chunk("cd")}}, codes.OutOfRange, cosstatus.ReasonTooMuchData, "chunk.data: reaches to byte 4, but spec.size is 3"},
		{"too much for nothing", []*putRequest{{Spec: spec(0), Chunk: chunk("a"), Finish: true}}, codes.OutOfRange, cosstatus.ReasonTooMuchData, "chunk.data: reaches to byte 1, but spec.size is 0"},
		{"too little", []*putRequest{{Spec: spec(3), Chunk: chunk("ab"), Finish: true}}, codes.InvalidArgument, cosstatus.ReasonTooLittleData, "finish: came after 2 bytes, but spec.size is 3"},
		{"too little of a streamed object", []*putRequest{{Spec: spec(maxBufferedSize + 2), Chunk: chunk("ab")}, {Finish: true}}, codes.InvalidArgument, cosstatus.ReasonTooLittleData, "finish: came after 2 bytes, but spec.size is 1048578"},
		{"over 50,000 GiB", []*putRequest{{Spec: spec(50_000<<30 + 1)}}, codes.FailedPrecondition, cosstatus.ReasonObjectTooLarge, "spec.size: is more than 50,000 GiB, the largest object that COS stores"},
		{"chunk checksum", []*putRequest{{Spec: spec(-1), Chunk: &cosgatev1.Chunk{Data: []byte("a"), Crc32C: &wrong}}}, codes.InvalidArgument, cosstatus.ReasonChecksumMismatch, "chunk.crc32c: does not match the chunk's data, which begins at offset 0; send the content again"},
		{"object checksum", []*putRequest{{Spec: spec(-1), Chunk: chunk("a")}, {Checksums: &cosgatev1.Checksums{Crc64Ecma: &wrong64}, Finish: true}}, codes.InvalidArgument, cosstatus.ReasonChecksumMismatch, "checksums.crc64ecma: is 1, but the content received has 3675645893302102789; send the content again"},
		{"checksums twice", []*putRequest{{Spec: spec(-1), Checksums: sums}, {Checksums: sums}}, codes.InvalidArgument, cosstatus.ReasonStreamOrder, "checksums: came before; send them once"},
		{"late MD5", []*putRequest{{Spec: spec(-1)}, {Checksums: &cosgatev1.Checksums{Md5: make([]byte, 16)}}}, codes.InvalidArgument, cosstatus.ReasonStreamOrder, "checksums.md5: must come with spec, since COS wants it before the content"},
		{"metadata names alike", []*putRequest{{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "k", Attributes: &cosgatev1.ObjectAttributes{Metadata: map[string]string{"A": "1", "a": "2"}}}, Finish: true}}, codes.InvalidArgument, cosstatus.ReasonInvalidField, "spec.attributes.metadata: has two names that differ only in case, which COS does not tell apart"},
		{"negative size", []*putRequest{{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "k", Size: new(int64(-1))}}}, codes.InvalidArgument, cosstatus.ReasonInvalidField, "spec.size: must be greater than or equal to 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := open(t)
			_, err := g.send(t.Context(), c.messages...)
			if got := status.Convert(err); got.Code() != c.code || got.Message() != c.text {
				t.Errorf("PutObject = %v %q, want %v %q", got.Code(), got.Message(), c.code, c.text)
			}
			if info, _ := detail[*errdetails.ErrorInfo](err); info.GetReason() != c.reason {
				t.Errorf("reason = %q, want %q", info.GetReason(), c.reason)
			}
			g.mustMissing(t, "k")
		})
	}
}

func TestPutObjectStoresWhatWasSentHoweverItIsSplit(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, c := range []struct {
		name  string
		size  int
		piece int
		sized bool
	}{
		{"empty", 0, 1, true},
		{"empty, unsized", 0, 1, false},
		{"one byte", 1, 1, true},
		{"small, unsized", 1000, 7, false},
		{"kept, exactly", maxBufferedSize, 1 << 18, true},
		{"streamed, one more", maxBufferedSize + 1, 1 << 18, true},
		{"streamed", 5<<20 + 3, 1 << 20, true},
		{"unsized, one part", 8 << 20, 1 << 20, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := noise(c.size)
			size := int64(-1)
			if c.sized {
				size = int64(c.size)
			}
			resp, err := g.send(t.Context(), chunks(spec(size), data, c.piece)...)
			if err != nil {
				t.Fatal(err)
			}
			if o := resp.GetObject(); o.GetSize() != int64(c.size) || o.GetCrc64Ecma() != ecma(data) || o.GetEtag() == "" || o.GetStorageClass() != "STANDARD" {
				t.Errorf("PutObject = %v, want size %d and CRC64 %d", o, c.size, ecma(data))
			}
			got, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("GetObject gave %d bytes and %v, want the %d bytes stored", len(got), err, len(data))
			}
		})
	}
}

func TestPutObjectKeepsAttributes(t *testing.T) {
	t.Parallel()
	g := open(t)
	want := &cosgatev1.ObjectAttributes{
		Content: &cosgatev1.ContentHeaders{
			ContentType: "text/plain", CacheControl: "no-cache", ContentDisposition: `attachment; filename="a"`,
			ContentEncoding: "gzip", ContentLanguage: "zh-CN", Expires: "Thu, 01 Jan 2037 00:00:00 GMT",
		},
		Metadata:     map[string]string{"Color": "red", "n-2": "a b"},
		StorageClass: "STANDARD_IA",
	}
	s := spec(-1)
	s.Attributes = want
	if _, err := g.send(t.Context(), &putRequest{Spec: s, Chunk: chunk("x"), Finish: true}); err != nil {
		t.Fatal(err)
	}
	head, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	o := head.GetObject()
	if !proto.Equal(o.GetContent(), want.GetContent()) || o.GetStorageClass() != "STANDARD_IA" ||
		len(o.GetMetadata()) != 2 || o.GetMetadata()["color"] != "red" || o.GetMetadata()["n-2"] != "a b" {
		t.Errorf("HeadObject = %v, want the attributes %v with names in lower case", o, want)
	}
}

func TestPutObjectSkipsDataItHasAlready(t *testing.T) {
	t.Parallel()
	g := open(t)
	_, err := g.send(t.Context(),
		&putRequest{Spec: spec(6), Chunk: chunkAt(0, "abc")},
		&putRequest{Chunk: chunkAt(0, "abc")},
		&putRequest{Chunk: chunkAt(2, "cde")},
		&putRequest{Chunk: chunkAt(5, "f"), Finish: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, _ := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"}); string(got) != "abcdef" {
		t.Errorf("stored %q, want abcdef", got)
	}
}

func TestPutObjectChecksChecksums(t *testing.T) {
	t.Parallel()
	g := open(t)
	sum := md5.Sum([]byte("abc"))
	crc := ecma([]byte("abc"))
	if _, err := g.send(t.Context(), &putRequest{Spec: spec(3), Checksums: &cosgatev1.Checksums{Md5: sum[:], Crc64Ecma: &crc}, Chunk: chunk("abc"), Finish: true}); err != nil {
		t.Fatalf("PutObject with right checksums = %v", err)
	}
	s := spec(3)
	s.Key = "other"
	_, err := g.send(t.Context(), &putRequest{Spec: s, Checksums: &cosgatev1.Checksums{Md5: sum[:]}, Chunk: chunk("abd"), Finish: true})
	e, _ := detail[*cosgatev1.CosError](err)
	if status.Code(err) != codes.InvalidArgument || e.GetCode() != "BadDigest" {
		t.Errorf("PutObject with a wrong MD5 = %v, want INVALID_ARGUMENT, BadDigest", err)
	}
	g.mustMissing(t, "other")
}

func TestPutObjectForbidsOverwriting(t *testing.T) {
	t.Parallel()
	g := open(t)
	s := spec(-1)
	s.ForbidOverwrite = true
	if _, err := g.send(t.Context(), &putRequest{Spec: s, Chunk: chunk("first"), Finish: true}); err != nil {
		t.Fatal(err)
	}
	_, err := g.send(t.Context(), &putRequest{Spec: s, Chunk: chunk("second"), Finish: true})
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.AlreadyExists || e.GetCode() != "FileAlreadyExists" {
		t.Errorf("PutObject over an object = %v, want ALREADY_EXISTS, FileAlreadyExists", err)
	}
	if got, _, _ := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"}); string(got) != "first" {
		t.Errorf("the object is %q, want first", got)
	}
}

func TestPutObjectStoresNothingWhenCancelled(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{3, maxBufferedSize + 1} {
		g := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := g.objects.PutObject(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range chunks(spec(size), noise(int(size)), maxBufferedSize) {
			if err := stream.Send(m); err != nil {
				t.Fatal(err)
			}
		}
		cancel() // after finish, before the end of the stream
		if err := stream.RecvMsg(&cosgatev1.PutObjectResponse{}); status.Code(err) != codes.Canceled {
			t.Errorf("RecvMsg = %v, want CANCELLED", err)
		}
		g.mustMissing(t, "k")
	}
}

func TestPutObjectReportsThatCOSStoredOtherBytes(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.cos.Faults().Add(embedded.Fault{Operation: "PutObject", WrongCRC64: true})
	_, err := g.send(t.Context(), &putRequest{Spec: spec(-1), Chunk: chunk("abc"), Finish: true})
	if info, _ := detail[*errdetails.ErrorInfo](err); status.Code(err) != codes.DataLoss || info.GetReason() != cosstatus.ReasonChecksumMismatch {
		t.Errorf("PutObject = %v, want DATA_LOSS, %s", err, cosstatus.ReasonChecksumMismatch)
	}
	if e, ok := detail[*cosgatev1.CosError](err); !ok || e.GetRequestId() == "" {
		t.Errorf("CosError = %v, want one with the request id", e)
	}
}

// Any messages whatever must end in a response, and only a well-formed upload hands on
// exactly its bytes.
func FuzzUploadSequence(f *testing.F) {
	f.Add([]byte("s\x03c\x03abcf"))
	f.Add([]byte("sc\x01af"))
	f.Add([]byte("f"))
	f.Add([]byte("s\x00cf"))
	f.Add([]byte("so\x00\x01ao\x05\x01bf"))
	f.Add([]byte("s\x02c\x01ac\x01bfc\x01c"))
	f.Add([]byte("s\x11c\x01ac\x01bf"))
	f.Fuzz(func(t *testing.T, script []byte) {
		up := fuzzedUpload(scripted(script))
		defer up.end()
		if up.receive() != nil {
			return
		}
		if up.sequence.inParts() {
			if err := up.readAll(); err == nil && (!up.sequence.finished || int64(up.ready.Len()+up.held.Len()) != up.sequence.received) {
				t.Fatalf("%d of %d bytes gathered, finished %v", up.ready.Len(), up.sequence.received, up.sequence.finished)
			}
			return
		}
		body, err := up.body()
		if err != nil {
			return
		}
		r := body.Reader
		if body.Reopen != nil {
			r = body.Reopen()
		}
		data, err := io.ReadAll(struct{ io.Reader }{r})
		if err != nil {
			return
		}
		q := up.sequence
		if !q.finished || int64(len(data)) != q.received || ecma(data) != q.crc64 || body.Size != q.received {
			t.Fatalf("an upload of %d bytes was handed on as %d bytes, finished %v", q.received, len(data), q.finished)
		}
	})
}

// fuzzedUpload makes an upload that receives these messages.
func fuzzedUpload(messages []*putRequest) *uploadStream {
	req := &putRequest{}
	next := 0
	return newUploadStream(func(m any) error {
		if next == len(messages) {
			return io.EOF
		}
		next++
		wire, err := proto.Marshal(messages[next-1])
		if err != nil {
			return err
		}
		return frames.NewCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(wire)}, m)
	}, req)
}

// scripted turns bytes into messages: s[size] spec, c<n><data> chunk, o<offset><n><data>
// chunk at an offset, f finish.
func scripted(script []byte) []*putRequest {
	var ms []*putRequest
	r := bytes.NewReader(script)
	for op, err := r.ReadByte(); err == nil; op, err = r.ReadByte() {
		switch op {
		case 's':
			s := spec(-1)
			if n, err := r.ReadByte(); err == nil && n < 'a' {
				s.Size = new(int64(n) * 1000 * 1000)
				if n < 16 {
					s.Size = new(int64(n))
				}
			} else if err == nil {
				_ = r.UnreadByte()
			}
			ms = append(ms, &putRequest{Spec: s})
		case 'c', 'o':
			c := &cosgatev1.Chunk{}
			if op == 'o' {
				o, _ := r.ReadByte()
				c.Offset = new(int64(o))
			}
			n, _ := r.ReadByte()
			c.Data = []byte(strings.Repeat("x", int(n)))
			_, _ = r.Read(c.Data[:min(len(c.Data), r.Len())])
			ms = append(ms, &putRequest{Chunk: c})
		case 'f':
			ms = append(ms, &putRequest{Finish: true})
		default:
			ms = append(ms, &putRequest{})
		}
	}
	return ms
}

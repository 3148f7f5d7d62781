package service

import (
	"bytes"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// splitPart is the part size of these tests: content of many parts is still small.
const splitPart = 40_000

func splitParts(s *setup) {
	s.options.PartSize = splitPart
	s.cos.MinPartSize = 1
}

// However content is cut into messages, and whether its size is declared or not, it
// becomes the same object.
func TestPutObjectSplitAtRandomIsTheSameObject(t *testing.T) {
	t.Parallel()
	g := open(t, splitParts)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	sizes := []int{0, 1, splitPart - 1, splitPart, splitPart + 1, 5*splitPart - 1, 5 * splitPart, 5*splitPart + 1, maxBufferedSize, maxBufferedSize + 1}
	for range 30 {
		sizes = append(sizes, random.IntN(6*splitPart))
	}
	for _, size := range sizes {
		data := noise(size)
		for _, declared := range []int64{-1, int64(size)} {
			ms := splitAtRandom(random, spec(declared), data)
			resp, err := g.send(t.Context(), ms...)
			if err != nil {
				t.Fatalf("%d bytes in %d messages, declared %d: %v", size, len(ms), declared, err)
			}
			if o := resp.GetObject(); o.GetSize() != int64(size) || o.GetCrc64Ecma() != ecma(data) {
				t.Errorf("%d bytes in %d messages, declared %d: the response says %d bytes and CRC64 %d", size, len(ms), declared, o.GetSize(), o.GetCrc64Ecma())
			}
			got, read, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
			if err != nil || !bytes.Equal(got, data) || !read[len(read)-1].GetSummary().GetCrc64EcmaVerified() {
				t.Errorf("%d bytes in %d messages, declared %d: GetObject gave %d bytes and %v", size, len(ms), declared, len(got), err)
			}
		}
	}
	g.noUploads(t)
}

// splitAtRandom makes messages of any mixture: the spec alone or with content, empty
// chunks, chunks that repeat what was sent, with and without offset and checksum, and
// finish alone or with the last content.
func splitAtRandom(random *rand.Rand, s *cosgatev1.PutObjectSpec, data []byte) []*putRequest {
	ms := []*putRequest{{Spec: s}}
	at := 0
	most := 1 + random.IntN(len(data)+1)
	for at < len(data) {
		from := at
		if at > 0 && random.IntN(8) == 0 {
			from -= random.IntN(min(at, 1000)) // sent again, from where the caller is sure
		}
		end := min(at+random.IntN(most+1), len(data))
		c := &cosgatev1.Chunk{Data: data[from:end]}
		if from != at || random.IntN(2) == 0 {
			c.Offset = new(int64(from))
		}
		if random.IntN(2) == 0 {
			c.Crc32C = new(crc32.Checksum(c.GetData(), castagnoli()))
		}
		if len(ms) == 1 && ms[0].GetChunk() == nil && random.IntN(2) == 0 {
			ms[0].Chunk = c
		} else {
			ms = append(ms, &putRequest{Chunk: c})
		}
		at = max(at, end)
	}
	if random.IntN(2) == 0 {
		ms[len(ms)-1].Finish = true
	} else {
		ms = append(ms, &putRequest{Finish: true})
	}
	if random.IntN(2) == 0 {
		crc := ecma(data)
		ms[random.IntN(len(ms))].Checksums = &cosgatev1.Checksums{Crc64Ecma: &crc}
	}
	return ms
}

// Whatever range is read, and wherever the connection to COS breaks meanwhile, the bytes
// are those of the object.
func TestGetObjectRandomRangesAreTheBytesOfTheObject(t *testing.T) {
	t.Parallel()
	const size = 300_000
	g := open(t, splitParts)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	data := noise(size)
	if _, err := g.send(t.Context(), chunks(spec(-1), data, 64<<10)...); err != nil { // of parts
		t.Fatal(err)
	}
	for range 200 {
		r, from, to := randomRange(random, size)
		g.cos.Faults().Clear()
		if random.IntN(2) == 0 {
			g.cos.Faults().Add(embedded.Fault{Operation: "GetObject", Truncate: 1 + random.Int64N(size), Count: 3})
		}
		req := &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", Range: r}
		if random.IntN(2) == 0 {
			req.MessageSize = 32<<10 + random.Int32N(1<<20)
		}
		got, ms, err := g.get(t.Context(), req)
		if from >= size {
			if status.Code(err) != codes.OutOfRange {
				t.Errorf("range %v behind the end: %v, want OUT_OF_RANGE", r, err)
			}
			continue
		}
		if err != nil || !bytes.Equal(got, data[from:to]) {
			t.Fatalf("range %v: %d bytes and %v, want bytes %d to %d", r, len(got), err, from, to)
		}
		if s := ms[len(ms)-1].GetSummary(); s.GetCrc64Ecma() != ecma(got) || s.GetBytes() != int64(len(got)) || s.GetCrc64EcmaVerified() != (len(got) == size) {
			t.Errorf("range %v: summary %v does not fit its %d bytes", r, s, len(got))
		}
	}
}

// randomRange makes a range and says which bytes of an object it means.
func randomRange(random *rand.Rand, size int) (r *cosgatev1.ByteRange, from, to int) {
	from = random.IntN(size + size/20)
	length := 1 + random.IntN(size)
	switch random.IntN(5) {
	case 0:
		return nil, 0, size
	case 1:
		return &cosgatev1.ByteRange{Offset: int64(from)}, from, size
	case 2:
		return &cosgatev1.ByteRange{SuffixLength: new(int64(length))}, size - length, size
	case 3:
		from, length = size-1, 1
	}
	return &cosgatev1.ByteRange{Offset: int64(from), Length: new(int64(length))}, from, min(from+length, size)
}

package frames

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// pieces splits a message with size bytes of content as HTTP/2 does.
func pieces(t *testing.T, pool mem.BufferPool, size int) mem.BufferSlice {
	t.Helper()
	wire, err := proto.Marshal(&cosgatev1.PutObjectRequest{Chunk: &cosgatev1.Chunk{
		Offset: new(int64(1 << 40)), Crc32C: new(uint32(7)), Data: content(size),
	}})
	if err != nil {
		t.Fatal(err)
	}
	var out mem.BufferSlice
	for len(wire) > 0 {
		n := min(len(wire), 16<<10)
		out = append(out, mem.Copy(wire[:n], pool))
		wire = wire[n:]
	}
	return out
}

func TestUnmarshalAllocatesNothing(t *testing.T) {
	pool := NewPool()
	in := pieces(t, pool, 1<<20)
	defer in.Free()
	codec := NewCodec()
	r := &Received{Message: &cosgatev1.PutObjectRequest{}, Field: putChunk}
	var ready Views
	n := testing.AllocsPerRun(20, func() {
		if err := codec.Unmarshal(in, r); err != nil {
			t.Fatal(err)
		}
		ready.Append(&r.Data)
		if k, err := ready.WriteTo(io.Discard); k != 1<<20 || err != nil {
			t.Fatalf("WriteTo = %d, %v, want 1 MiB", k, err)
		}
	})
	if n != 0 {
		t.Errorf("a message of 65 pieces takes %v allocations, want 0", n)
	}
}

func TestViewsThatAreEmptyHoldNoBuffer(t *testing.T) {
	t.Parallel()
	pool := newOverwritingPool()
	r := &Received{Message: &cosgatev1.PutObjectRequest{}, Field: putChunk}
	var ready Views
	for _, size := range []int{100_000, 5_000_000, 20_000} {
		in := pieces(t, pool, size)
		if err := NewCodec().Unmarshal(in, r); err != nil {
			t.Fatal(err)
		}
		in.Free()
		ready.Append(&r.Data)
		ready.Skip(size)
		if r.Data.Len() != 0 || ready.Len() != 0 || len(ready.Pieces()) != 0 || pool.InUse() != 0 {
			t.Errorf("after all of %d bytes were skipped, %d bytes are in use", size, pool.InUse())
		}
		for _, b := range ready.buffers[:cap(ready.buffers)] {
			if b != nil {
				t.Errorf("empty views of %d bytes still point to a buffer", size)
				break
			}
		}
		if cap(ready.buffers) > maxReusedPieces {
			t.Errorf("empty views keep a list of %d", cap(ready.buffers))
		}
	}
}

func TestPoolReusesBuffers(t *testing.T) {
	t.Parallel()
	pool := NewPool()
	other := NewPool()
	for _, size := range []int{1, 2 << 10, 32 << 10, 1 << 20, 4<<20 + 1} {
		b := pool.Get(size)
		if len(*b) != size || cap(*b) > max(2*size, 2<<10) {
			t.Errorf("Get(%d) has %d bytes of %d", size, len(*b), cap(*b))
		}
		if pool.InUse() != int64(cap(*b)) || other.InUse() != 0 {
			t.Errorf("in use: %d, and %d of another pool, want %d and 0", pool.InUse(), other.InUse(), cap(*b))
		}
		pool.Put(b)
	}
}

// An upload in messages of a byte must not take a hundred times its size.
func TestViewsCopySmallPiecesTogether(t *testing.T) {
	t.Parallel()
	pool := newOverwritingPool()
	piece := func(text string) *Views {
		b := pool.Get(len(text))
		copy(*b, text)
		*b = (*b)[:len(text)]
		v := &Views{}
		buffer := mem.NewBuffer(b, pool)
		v.buffers, v.pieces, v.size = append(v.buffers, buffer), append(v.pieces, buffer.ReadOnlyData()), len(text)
		return v
	}
	var gathered Views
	var want []byte
	large := strings.Repeat("L", 3*smallPiece)
	for i := range 2*blockSize + 100 {
		text := string(rune('a' + i%26))
		if i == blockSize/2 {
			text = large
		}
		gathered.Append(piece(text))
		want = append(want, text...)
	}
	if n := len(gathered.Pieces()); n > 6 {
		t.Errorf("the content is in %d pieces", n)
	}
	gathered.Skip(5)
	got, err := io.ReadAll(&gathered)
	if err != nil || !bytes.Equal(got, want[5:]) {
		t.Errorf("what was gathered is not what was sent: %d bytes, %v, want %d", len(got), err, len(want)-5)
	}
	gathered.Free()
	if n := pool.InUse(); n != 0 {
		t.Errorf("%d bytes of buffers were not given back", n)
	}
}

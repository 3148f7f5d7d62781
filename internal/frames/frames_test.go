package frames

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

const (
	getChunk = 3
	putChunk = 2
)

func TestChunkFieldNumbersAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	chunk := (&cosgatev1.Chunk{}).ProtoReflect().Descriptor()
	for name, number := range map[protoreflect.Name]protowire.Number{"offset": fieldOffset, "crc32c": fieldCRC32C, "data": fieldData} {
		if got := chunk.Fields().ByName(name).Number(); got != number {
			t.Errorf("Chunk.%s has number %d, want %d", name, got, number)
		}
	}
}

func TestSentIsPlainProtobuf(t *testing.T) {
	t.Parallel()
	pool := newOverwritingPool()
	codec := NewCodec()
	for _, size := range []int{0, 1, 127, 128, 16 << 10, 1 << 20, 2 << 20, 3 << 20} {
		c := NewContent(pool, size)
		fill(c.Bytes())
		want := &cosgatev1.GetObjectResponse{
			Object:  &cosgatev1.Object{Key: "k"},
			Chunk:   &cosgatev1.Chunk{Offset: new(int64(1 << 50)), Crc32C: new(uint32(77)), Data: bytes.Clone(c.Bytes())},
			Summary: &cosgatev1.ReadSummary{Bytes: 5},
		}
		out, err := codec.Marshal(&Sent{
			Message: &cosgatev1.GetObjectResponse{Object: want.GetObject(), Summary: want.GetSummary()},
			Field:   getChunk, Content: c, Offset: 1 << 50, CRC32C: 77,
		})
		if err != nil {
			t.Fatal(err)
		}
		got := &cosgatev1.GetObjectResponse{}
		if err := encoding.GetCodecV2("proto").Unmarshal(out, got); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(got, want) {
			t.Errorf("a message with %d bytes arrives changed", size)
		}
		out.Free()
		c.Free() // nothing to free any more
		if n := pool.InUse(); n != 0 {
			t.Errorf("%d bytes are in use after the last reference", n)
		}
	}
}

func TestReceivedIsWhatTheStandardCodecReads(t *testing.T) {
	t.Parallel()
	codec := NewCodec()
	for _, m := range []*cosgatev1.PutObjectRequest{
		{},
		{Finish: true},
		{Spec: &cosgatev1.PutObjectSpec{Bucket: "b", Key: "k", Size: new(int64(3))}, Chunk: &cosgatev1.Chunk{}},
		{Chunk: &cosgatev1.Chunk{Offset: new(int64(-1)), Data: content(100)}},
		{Chunk: &cosgatev1.Chunk{Crc32C: new(uint32(1 << 31)), Data: content(50_000)}, Checksums: &cosgatev1.Checksums{Crc64Ecma: new(uint64(9))}, Finish: true},
	} {
		wire, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			r := &Received{Message: &cosgatev1.PutObjectRequest{}, Field: putChunk}
			if err := codec.Unmarshal(cutUp(wire), r); err != nil {
				t.Fatal(err)
			}
			if got := r.whole(); !proto.Equal(got, m) {
				t.Fatalf("received %v, want %v", got, m)
			}
		}
	}
}

// whole makes the ordinary message of a received one.
func (r *Received) whole() *cosgatev1.PutObjectRequest {
	m, _ := r.Message.(*cosgatev1.PutObjectRequest)
	if r.HasChunk {
		m.Chunk = &cosgatev1.Chunk{Offset: r.Offset, Crc32C: r.CRC32C}
		m.Chunk.Data, _ = io.ReadAll(&r.Data)
	}
	return m
}

func TestViewsKeepTheirBuffersExactlyAsLongAsNeeded(t *testing.T) {
	t.Parallel()
	pool := newOverwritingPool()
	want := content(200_000)
	m, err := proto.Marshal(&cosgatev1.PutObjectRequest{Chunk: &cosgatev1.Chunk{Data: want}})
	if err != nil {
		t.Fatal(err)
	}
	for name, use := range map[string]func(*Views) []byte{
		"read":     func(v *Views) []byte { b, _ := io.ReadAll(struct{ io.Reader }{v}); return b },
		"write to": func(v *Views) []byte { var b bytes.Buffer; _, _ = v.WriteTo(&b); return b.Bytes() },
		"pieces":   func(v *Views) []byte { return bytes.Join(v.Pieces(), nil) },
		"skip and append": func(v *Views) []byte {
			first := bytes.Clone(v.Pieces()[0][:1])
			v.Skip(1)
			var other Views
			other.Append(v)
			b, _ := io.ReadAll(&other)
			return append(first, b...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var in mem.BufferSlice
			for rest := m; len(rest) > 0; {
				n := min(len(rest), 16<<10)
				in = append(in, mem.Copy(rest[:n], pool))
				rest = rest[n:]
			}
			r := &Received{Message: &cosgatev1.PutObjectRequest{}, Field: putChunk}
			if err := NewCodec().Unmarshal(in, r); err != nil {
				t.Fatal(err)
			}
			in.Free() // as grpc does after Unmarshal
			if got := use(&r.Data); !bytes.Equal(got, want) {
				t.Error("the content changed after the transport let go of it")
			}
			r.Data.Free()
			r.Data.Free()
			if n := pool.InUse(); n != 0 {
				t.Errorf("%d bytes are in use at the end", n)
			}
		})
	}
}

func TestAccountCountsWhatOneStreamHolds(t *testing.T) {
	t.Parallel()
	pool := NewPool()
	a, b := pool.NewAccount(), pool.NewAccount()
	first, second, other := a.Get(100<<10), a.Get(50), b.Get(7)
	if a.InUse() != 130<<10 || pool.InUse() != 132<<10 {
		t.Errorf("in use: %d of the account and %d of the pool, want 130 and 132 KiB", a.InUse(), pool.InUse())
	}
	waited := make(chan error, 1)
	go func() { waited <- a.Wait(t.Context(), 2<<10) }()
	a.Put(first)
	if err := <-waited; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Wait(ctx, 0); err == nil {
		t.Error("Wait = nil although a buffer is in use and the context has ended")
	}
	a.Close()
	a.Close()
	if pool.InUse() != 2<<10 {
		t.Errorf("%d bytes are in use after the account was closed, want those of the other", pool.InUse())
	}
	a.Put(second)
	b.Put(other)
	if pool.InUse() != 0 {
		t.Errorf("%d bytes are in use at the end", pool.InUse())
	}
}

// However many take buffers at the same time, they keep to every budget.
func TestNewContentWithinRespectsBudgets(t *testing.T) {
	t.Parallel()
	const size, callers = 64<<10 - Overhead, 100
	for name, limits := range map[string][2]int64{"the first is less": {1 << 20, 2 << 20}, "the second is less": {2 << 20, 1 << 20}} {
		t.Run(name, func(t *testing.T) {
			pool := NewPool()
			budgets := []*Budget{NewBudget(limits[0]), NewBudget(limits[1])}
			var accounts [callers]*Account
			var taken atomic.Int64
			var wait sync.WaitGroup
			for i := range accounts {
				accounts[i] = pool.NewAccount(budgets...)
				wait.Go(func() {
					if c := NewContentWithin(accounts[i], size); c != nil {
						taken.Add(1)
					}
				})
			}
			wait.Wait()
			// Some may have met the attempts of others, and found no room although there was.
			if n := pool.InUse(); n != taken.Load()*(64<<10) || n > 1<<20 || n == 0 {
				t.Errorf("%d callers have %d bytes of %d", taken.Load(), n, 1<<20)
			}
			for _, b := range budgets {
				if b.inUse.Load() != pool.InUse() {
					t.Errorf("a budget counts %d bytes, the pool %d", b.inUse.Load(), pool.InUse())
				}
			}
			for _, a := range accounts {
				a.Close()
			}
			if n := budgets[0].inUse.Load() + budgets[1].inUse.Load(); n != 0 {
				t.Errorf("the budgets count %d bytes after all accounts were closed", n)
			}
		})
	}
}

// What is taken without asking counts as well, and goes back once.
func TestBudgetCountsAllThatAccountsHold(t *testing.T) {
	t.Parallel()
	pool, budget := NewPool(), NewBudget(64<<10)
	a, b := pool.NewAccount(budget), pool.NewAccount(budget)
	first, second := a.Get(64<<10), b.Get(1)
	if !a.OverBudget() || !b.OverBudget() || NewContentWithin(b, 1) != nil {
		t.Error("there is room in a budget that is used up")
	}
	a.Put(first)
	if a.OverBudget() || NewContentWithin(a, 1) == nil {
		t.Error("there is no room although it was given back")
	}
	a.Close()
	b.Close()
	b.Put(second) // the transport lets go of it later
	if n := budget.inUse.Load(); n != 0 || pool.InUse() != 0 {
		t.Errorf("%d bytes are counted in the budget and %d in the pool at the end", n, pool.InUse())
	}
}

// Whatever comes over the wire, both codecs must agree on it, and nothing may leak.
func FuzzReceived(f *testing.F) {
	for _, m := range []*cosgatev1.PutObjectRequest{
		{Finish: true},
		{Chunk: &cosgatev1.Chunk{Offset: new(int64(7)), Data: []byte("abc")}, Spec: &cosgatev1.PutObjectSpec{Key: "k"}},
	} {
		b, _ := proto.Marshal(m)
		f.Add(b)
	}
	f.Add([]byte{0x12, 0x04, 0x1a, 0x02, 'a', 'b', 0x12, 0x03, 0x1a, 0x01, 'c'}) // two chunks
	f.Add([]byte{0x12, 0x02, 0x1a, 0x05, 'a'})                                   // too long
	f.Add([]byte{0x93, 0x01, 0x94, 0x01})                                        // a group
	f.Fuzz(func(t *testing.T, wire []byte) {
		pool := newOverwritingPool()
		var in mem.BufferSlice
		for rest := wire; len(rest) > 0; {
			n := min(len(rest), 3+len(wire)/8)
			b := pool.Get(n)
			copy(*b, rest[:n])
			in = append(in, mem.NewBuffer(b, pool))
			rest = rest[n:]
		}
		r := &Received{Message: &cosgatev1.PutObjectRequest{}, Field: putChunk}
		err := NewCodec().Unmarshal(in, r)
		in.Free()
		want := &cosgatev1.PutObjectRequest{}
		wantErr := proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(wire, want)
		if err == nil && wantErr == nil {
			if got := r.whole(); !proto.Equal(got, want) {
				t.Errorf("received %v, want %v", got, want)
			}
		}
		if err == nil && wantErr != nil || err != nil && wantErr == nil {
			t.Errorf("decode = %v, the ordinary codec says %v", err, wantErr)
		}
		r.Data.Free()
		if n := pool.InUse(); n != 0 {
			t.Errorf("%d bytes leaked", n)
		}
	})
}

// newOverwritingPool is framestest.NewPool, which this package cannot import.
func newOverwritingPool() *Pool {
	return NewPoolWithHook(func(released []byte) {
		for i := range released {
			released[i] = 0xDB
		}
	})
}

func content(n int) []byte {
	b := make([]byte, n)
	fill(b)
	return b
}

func fill(b []byte) {
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
}

// cutUp puts wire into buffers cut at random.
func cutUp(wire []byte) mem.BufferSlice {
	var out mem.BufferSlice
	for len(wire) > 0 {
		n := 1 + rand.IntN(len(wire))
		out = append(out, mem.SliceBuffer(wire[:n]))
		wire = wire[n:]
	}
	return out
}

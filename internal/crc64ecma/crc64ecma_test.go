package crc64ecma

import (
	"bytes"
	"fmt"
	"hash/crc64"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An implementation is one way to compute Update.
type implementation struct {
	name   string
	update func(crc uint64, p []byte) uint64
	lacks  string // what this processor lacks for it
}

func implementations() []implementation {
	return append([]implementation{
		{name: "chosen", update: Update},
		{name: "table", update: updateTable},
	}, foldings()...)
}

// each runs check for each implementation, and reports which could not run here.
func each(t *testing.T, check func(t *testing.T, update func(uint64, []byte) uint64)) {
	for _, impl := range implementations() {
		t.Run(impl.name, func(t *testing.T) {
			if impl.lacks != "" {
				t.Skip("skipped: this processor has no", impl.lacks)
			}
			check(t, impl.update)
		})
	}
}

var ecma = crc64.MakeTable(crc64.ECMA)

func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(b)
	return b
}

func TestUpdateMatchesTheCataloguedCheckValue(t *testing.T) {
	t.Parallel()
	const want = 0x995dc9bbdf1939fa // CRC-64/XZ of 123456789
	if got := Checksum([]byte("123456789")); got != want {
		t.Errorf("Checksum = %016x, want %016x", got, uint64(want))
	}
}

func TestUpdateAgreesWithHashCRC64AtEveryLengthAndAlignment(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, update func(uint64, []byte) uint64) {
		data := randomBytes(1, 1100+16)
		r := rand.New(rand.NewPCG(1, 2))
		for offset := range 17 {
			for n := range 1101 {
				p, crc := data[offset:offset+n], r.Uint64()
				if got, want := update(crc, p), crc64.Update(crc, ecma, p); got != want {
					t.Fatalf("update(%#x, %d bytes at offset %d) = %016x, want %016x", crc, n, offset, got, want)
				}
			}
		}
	})
}

// Other tests compare with hash/crc64; this one with the definition, bit by bit.
func TestUpdateAgreesWithTheDefinition(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, update func(uint64, []byte) uint64) {
		data := randomBytes(2, 700)
		crc := ^uint64(0)
		for i, b := range data {
			if got, want := update(0, data[:i]), ^crc; got != want {
				t.Fatalf("update(0, %d bytes) = %016x, want %016x", i, got, want)
			}
			crc ^= uint64(b)
			for range 8 {
				crc = timesX(crc)
			}
		}
	})
}

func TestUpdateDetectsASingleBit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, update func(uint64, []byte) uint64) {
		p := make([]byte, 600)
		for bit := range 8 * len(p) {
			p[bit/8] = 1 << (bit % 8)
			if got, want := update(0, p), crc64.Update(0, ecma, p); got != want {
				t.Fatalf("update with bit %d set = %016x, want %016x", bit, got, want)
			}
			p[bit/8] = 0
		}
	})
}

func TestUpdateAgreesWithHashCRC64OnLargeInputs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, update func(uint64, []byte) uint64) {
		data := randomBytes(3, 8<<20)
		for _, n := range []int{4095, 4096, 65535, 65536, 65537, 1 << 20, 1<<20 + 255, 8<<20 - 1, 8 << 20} {
			if got, want := update(7, data[:n]), crc64.Update(7, ecma, data[:n]); got != want {
				t.Errorf("update(7, %d bytes) = %016x, want %016x", n, got, want)
			}
		}
	})
}

func TestUpdateOfAnySplitGivesTheSame(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, update func(uint64, []byte) uint64) {
		data := randomBytes(4, 20_000)
		want := crc64.Checksum(data, ecma)
		r := rand.New(rand.NewPCG(3, 4))
		for range 200 {
			var crc uint64
			for rest := data; len(rest) > 0; {
				n := min(r.IntN(1<<r.IntN(13)+1), len(rest))
				crc, rest = update(crc, rest[:n]), rest[n:]
			}
			if crc != want {
				t.Fatalf("checksum in pieces = %016x, want %016x", crc, want)
			}
		}
	})
}

func TestUpdateAllocatesNothing(t *testing.T) {
	p := randomBytes(5, 1000)
	if n := testing.AllocsPerRun(100, func() { _ = Checksum(p) }); n != 0 {
		t.Errorf("Checksum allocates %v times, want 0", n)
	}
}

func TestNewAgreesWithHashCRC64(t *testing.T) {
	t.Parallel()
	data := randomBytes(6, 3000)
	got, want := New(), crc64.New(ecma)
	for range 2 { // the second time after Reset
		for _, w := range []io.Writer{got, want} {
			if n, err := w.Write(data[:1001]); n != 1001 || err != nil {
				t.Fatalf("Write = %d, %v, want 1001, nil", n, err)
			}
			if n, err := w.Write(data[1001:]); n != len(data)-1001 || err != nil {
				t.Fatalf("Write = %d, %v, want %d, nil", n, err, len(data)-1001)
			}
		}
		if got.Sum64() != want.Sum64() {
			t.Errorf("Sum64 = %016x, want %016x", got.Sum64(), want.Sum64())
		}
		if g, w := got.Sum([]byte("ab")), want.Sum([]byte("ab")); !bytes.Equal(g, w) {
			t.Errorf("Sum(ab) = %x, want %x", g, w)
		}
		got.Reset()
		want.Reset()
		if got.Sum64() != 0 {
			t.Errorf("Sum64 after Reset = %x, want 0", got.Sum64())
		}
	}
	if got.Size() != want.Size() || got.BlockSize() != want.BlockSize() {
		t.Errorf("Size, BlockSize = %d, %d, want %d, %d", got.Size(), got.BlockSize(), want.Size(), want.BlockSize())
	}
}

func TestCombineIsTheChecksumOfTheWhole(t *testing.T) {
	t.Parallel()
	data := randomBytes(7, 5000)
	whole := Checksum(data)
	for cut := range len(data) + 1 {
		a, b := data[:cut], data[cut:]
		if got := Combine(Checksum(a), Checksum(b), int64(len(b))); got != whole {
			t.Fatalf("Combine at %d = %016x, want %016x", cut, got, whole)
		}
	}
	if got := Combine(whole, Checksum(nil), 0); got != whole {
		t.Errorf("Combine with nothing after = %016x, want %016x", got, whole)
	}
	if got := Combine(0, 0, 0); got != 0 {
		t.Errorf("Combine of nothing = %016x, want 0", got)
	}
}

// The checksums of zeros come from doubling, which needs no memory for the
// exabytes they stand for.
func TestCombineOfHugeLengthsAgreesWithRepeatedCombine(t *testing.T) {
	t.Parallel()
	zeros := Checksum(make([]byte, 1<<20))
	n := int64(1 << 20)
	plain := Checksum(make([]byte, 64<<20))
	for ; n <= math.MaxInt64/2; n *= 2 {
		if n == 64<<20 && zeros != plain {
			t.Fatalf("zeros of 64 MiB = %016x, want %016x", zeros, plain)
		}
		zeros = Combine(zeros, zeros, n)
	}
	// zeros is now the checksum of 2^62 bytes.
	head := Checksum([]byte("head"))
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		n1, n2 := r.Int64N(1<<62), r.Int64N(1<<62)
		c1, c2 := r.Uint64(), r.Uint64()
		both := Combine(c1, c2, n2)
		got, want := Combine(head, both, n1+n2), Combine(Combine(head, c1, n1), c2, n2)
		if got != want {
			t.Fatalf("Combine over %d bytes = %016x, over %d and %d = %016x", n1+n2, got, n1, n2, want)
		}
	}
	step := head
	for range 16 {
		step = Combine(step, Checksum(make([]byte, 1<<20)), 1<<20)
	}
	if got := Combine(head, Checksum(make([]byte, 16<<20)), 16<<20); got != step {
		t.Errorf("Combine of 16 MiB = %016x, want %016x as of 16 times 1 MiB", got, step)
	}
	if got, want := Combine(Combine(head, zeros, n), zeros, n-1), Combine(head, Combine(zeros, zeros, n-1), math.MaxInt64); got != want {
		t.Errorf("Combine in two steps of 2^62 = %016x, at once = %016x", got, want)
	}
}

func TestCombineRefusesANegativeLength(t *testing.T) {
	t.Parallel()
	defer func() {
		if got, want := fmt.Sprint(recover()), "crc64ecma: Combine of a negative length"; got != want {
			t.Errorf("panic = %q, want %q", got, want)
		}
	}()
	Combine(1, 2, -1)
}

func ExampleCombine() {
	first, second := Checksum([]byte("part one, ")), Checksum([]byte("part two"))
	fmt.Println(Combine(first, second, int64(len("part two"))) == Checksum([]byte("part one, part two")))
	// Output: true
}

package crc64ecma

import (
	"hash/crc64"
	"testing"
)

func FuzzUpdate(f *testing.F) {
	data := randomBytes(9, 1100)
	for _, n := range []int{0, 1, 15, 16, 17, 127, 128, 255, 256, 257, 511, 512, 1100} {
		f.Add(uint64(n)*0x9e3779b97f4a7c15, data[:n], uint(n/3))
	}
	f.Fuzz(func(t *testing.T, crc uint64, p []byte, cut uint) {
		cut %= uint(len(p)) + 1
		want := crc64.Update(crc, ecma, p)
		for _, impl := range implementations() {
			if impl.lacks != "" {
				continue
			}
			if got := impl.update(crc, p); got != want {
				t.Errorf("%s: update(%#x, %x) = %016x, want %016x", impl.name, crc, p, got, want)
			}
			if got := impl.update(impl.update(crc, p[:cut]), p[cut:]); got != want {
				t.Errorf("%s: update(%#x, %x) cut at %d = %016x, want %016x", impl.name, crc, p, cut, got, want)
			}
		}
	})
}

func FuzzCombine(f *testing.F) {
	f.Add([]byte(""), []byte(""), int64(0))
	f.Add([]byte("a"), []byte(""), int64(1))
	f.Add([]byte(""), []byte("b"), int64(1)<<62)
	f.Add([]byte("123"), []byte("456789"), int64(5)<<40)
	f.Fuzz(func(t *testing.T, a, b []byte, far int64) {
		crcA, crcB := crc64.Checksum(a, ecma), crc64.Checksum(b, ecma)
		want := crc64.Update(crcA, ecma, b)
		if got := Combine(crcA, crcB, int64(len(b))); got != want {
			t.Errorf("Combine of %x and %x = %016x, want %016x", a, b, got, want)
		}
		// Whatever far bytes come after a and b, the order of combining must not matter.
		far &= 1<<62 - 1
		tail := crcA ^ 0xfeed
		first, last := Combine(want, tail, far), Combine(crcA, Combine(crcB, tail, far), int64(len(b))+far)
		if first != last {
			t.Errorf("Combine of %x, %x and %d bytes = %016x from the front, %016x from the back", a, b, far, first, last)
		}
	})
}

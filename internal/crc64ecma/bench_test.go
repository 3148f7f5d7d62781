package crc64ecma

import (
	"hash/crc64"
	"math"
	"testing"
)

func BenchmarkUpdate(b *testing.B) {
	data := randomBytes(10, 64<<20)
	impls := append(implementations(), implementation{name: "hash-crc64", update: func(crc uint64, p []byte) uint64 {
		return crc64.Update(crc, ecma, p)
	}})
	for _, size := range []struct {
		name string
		n    int
	}{{"64B", 64}, {"1KiB", 1 << 10}, {"16KiB", 16 << 10}, {"64KiB", 64 << 10}, {"1MiB", 1 << 20}, {"64MiB", 64 << 20}} {
		for _, impl := range impls {
			b.Run(size.name+"/"+impl.name, func(b *testing.B) {
				if impl.lacks != "" {
					b.Skip("skipped: this processor has no", impl.lacks)
				}
				b.SetBytes(int64(size.n))
				var crc uint64
				for b.Loop() {
					crc = impl.update(crc, data[:size.n])
				}
			})
		}
	}
}

func BenchmarkCombine(b *testing.B) {
	for _, length := range []struct {
		name string
		n    int64
	}{{"1MiB", 1 << 20}, {"5GiB-1", 5<<30 - 1}, {"most", math.MaxInt64}} {
		b.Run(length.name, func(b *testing.B) {
			crc := uint64(1)
			for b.Loop() {
				crc = Combine(crc, 2, length.n)
			}
		})
	}
}

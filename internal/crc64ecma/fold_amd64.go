package crc64ecma

import "golang.org/x/sys/cpu"

const (
	narrowMin = 16  // the least that fold takes
	wideMin   = 256 // the least that fold takes into its wide lanes
)

// fold returns the register after p, which is not inverted before or after.
// len(p) must be a multiple of 16 and at least narrowMin; when wide is set, at
// least wideMin. The processor must have what hasNarrow or hasWide asks for.
//
//go:noescape
func fold(crc uint64, p []byte, wide bool) uint64

func update(crc uint64, p []byte) uint64 {
	switch {
	case len(p) >= wideMin && hasWide():
		return updateFold(crc, p, true)
	case len(p) >= narrowMin && hasNarrow():
		return updateFold(crc, p, false)
	default:
		return updateTable(crc, p)
	}
}

func hasNarrow() bool { return cpu.X86.HasPCLMULQDQ }

func hasWide() bool {
	return hasNarrow() && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VPCLMULQDQ
}

// updateFold folds all whole 16 bytes of p; the rest is up to the table.
func updateFold(crc uint64, p []byte, wide bool) uint64 {
	n := len(p) &^ 15
	return updateTable(^fold(^crc, p[:n], wide), p[n:])
}

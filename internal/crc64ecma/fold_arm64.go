package crc64ecma

import "golang.org/x/sys/cpu"

const foldMin = 16 // the least that fold takes

// fold returns the register after p, which is not inverted before or after.
// len(p) must be a multiple of 16 and at least foldMin. It needs PMULL.
//
//go:noescape
func fold(crc uint64, p []byte) uint64

func update(crc uint64, p []byte) uint64 {
	if len(p) < foldMin || !cpu.ARM64.HasPMULL {
		return updateTable(crc, p)
	}
	return updateFold(crc, p)
}

// updateFold folds all whole 16 bytes of p; the rest is up to the table.
func updateFold(crc uint64, p []byte) uint64 {
	n := len(p) &^ 15
	return updateTable(^fold(^crc, p[:n]), p[n:])
}

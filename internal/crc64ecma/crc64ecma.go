// Package crc64ecma computes the CRC-64/ECMA-182 checksum that COS has for
// every object, in the reflected form of hash/crc64 with its ECMA polynomial,
// at about the speed of memory.
//
// It is arithmetic only and knows nothing of COS. Its results are those of
// hash/crc64, bit for bit; processors without carry-less multiplication get
// them from hash/crc64 itself.
package crc64ecma

import (
	"encoding/binary"
	"hash"
	"hash/crc64"
)

// Size is the length of a checksum in bytes.
const Size = 8

// Checksum returns the checksum of p.
func Checksum(p []byte) uint64 { return Update(0, p) }

// Update returns the checksum of some bytes followed by p, where crc is the
// checksum of those bytes; that of no bytes is 0.
func Update(crc uint64, p []byte) uint64 { return update(crc, p) }

// Combine returns the checksum of a followed by b, where crc1 is the checksum
// of a, and crc2 that of b, which is len2 bytes long. Its time grows with the
// number of digits of len2. It panics when len2 is negative.
func Combine(crc1, crc2 uint64, len2 int64) uint64 {
	if len2 < 0 {
		panic("crc64ecma: Combine of a negative length")
	}
	// len2 bytes after a multiply its remainder by x^(8*len2). The inversions
	// before and after each checksum cancel out.
	factor := uint64(xPow8)
	for n := uint64(len2); n != 0; n >>= 1 {
		if n&1 != 0 {
			crc1 = multiply(crc1, factor)
		}
		factor = multiply(factor, factor)
	}
	return crc1 ^ crc2
}

// New returns a hash whose Sum is the checksum in big-endian order, as that of
// hash/crc64 is. Its Write never fails.
func New() hash.Hash64 { return new(digest) }

// A digest is the checksum of what was written so far.
type digest uint64

func (d *digest) Write(p []byte) (int, error) {
	*d = digest(Update(uint64(*d), p))
	return len(p), nil
}

func (d *digest) Sum(b []byte) []byte { return binary.BigEndian.AppendUint64(b, uint64(*d)) }
func (d *digest) Sum64() uint64       { return uint64(*d) }
func (d *digest) Reset()              { *d = 0 }
func (d *digest) Size() int           { return Size }
func (d *digest) BlockSize() int      { return 1 }

// updateTable is Update for every processor. MakeTable returns the one table
// that hash/crc64 has for this polynomial and makes none.
func updateTable(crc uint64, p []byte) uint64 {
	return crc64.Update(crc, crc64.MakeTable(crc64.ECMA), p)
}

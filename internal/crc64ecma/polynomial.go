package crc64ecma

import "hash/crc64"

// A checksum is a remainder of polynomials over the field of two elements, where
// adding is XOR. The bytes of a message are the coefficients of a polynomial M,
// from the highest power down to x^0; within a byte the lowest bit comes first.
// The checksum is M·x^64 mod P, P being x^64 + the polynomial crc64.ECMA, with
// the first and the last 64 bits inverted.
//
// "Reflected" means that a number holds the highest power in its lowest bit:
// bit i of a uint64 is the coefficient of x^(63-i), and bit i of 16 bytes loaded
// as one little-endian number that of x^(127-i). So a message needs no shuffling.
// It also means that the carry-less product of two such uint64 numbers, whose
// bit i belongs to x^(126-i), reads as 128 bits with one factor x too many.
// The powers below are one lower for that reason.
//
// # Folding
//
// 16 bytes of the message are L·x^64 + H, where L is the low (first) and H the
// high uint64. When they stand D bits ahead of another 16 bytes, they weigh
//
//	(L·x^64 + H)·x^D  =  L·x^(D+64) + H·x^D
//
// there. That stays the same modulo P when both powers are replaced by their
// remainders of 64 bits, and then both products fit in 128 bits: two
// multiplications and two XORs move 16 bytes D bits ahead, onto the bytes
// there. Several such lanes side by side keep the multiplier busy. At the end
// the lanes are folded onto one another, D being their distance.
//
// # The last 128 bits
//
// What is left is L·x^64 + H, and its checksum (L·x^64 + H)·x^64 mod P. The low
// part is folded once more, by x^128, which makes it W = U·x^64 + V. V is below
// P already. The remainder of U·x^64 comes from its quotient by P, as Barrett
// found: q is the part of U·floor(x^128/P) from x^64 up, divided by x^64. The
// remainder U·x^64 + q·P has nothing from x^64 up, so it is what q·P has below.
//
// Both factors have 65 coefficients. Their numbers hold those of x^64 to x^1,
// bit i that of x^(64-i), which also takes the excess factor x back. The missing
// x^0 changes nothing in the first product from x^64 up; in the second it adds q.
//
// Tests compute each of these constants from its definition.
const (
	xPow191  = 0xe05dd497ca393ae4 // folds the low half by 128 bits
	xPow127  = 0xdabe95afc7875f40 // folds the high half by 128 bits
	xPow319  = 0x60095b008a9efa44 // by 256 bits
	xPow255  = 0x3be653a30fe1af51
	xPow575  = 0x6ae3efbb9dd441f3 // by 512 bits
	xPow511  = 0x081f6054a7842df4
	xPow1087 = 0x8757d71d4fcc1000 // by 1024 bits
	xPow1023 = 0xd7d86b2af73de740
	xPow2111 = 0x8260adf2381ad81c // by 2048 bits
	xPow2047 = 0xf31fd9271e228b79

	quotient = 0x9c3e466c172963d5 // floor(x^128/P), from x^64 to x^1
	modulus  = 0x92d8af2baf0e1e85 // P, from x^64 to x^1

	xPow8 = 1 << 55 // one byte further on, see Combine
)

// multiply returns a·b mod P, all of them reflected.
func multiply(a, b uint64) uint64 {
	var product uint64
	for ; a != 0; a <<= 1 { // a gives its powers from x^0 up, and b is times that power
		product ^= b & -(a >> 63)
		b = b>>1 ^ crc64.ECMA&-(b&1)
	}
	return product
}

package crc64ecma

import (
	"hash/crc64"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"testing"
)

const one = uint64(1) << 63 // x^0, reflected

// timesX is the definition that the tests build on: one division step.
func timesX(a uint64) uint64 {
	if a&1 == 0 {
		return a >> 1
	}
	return a>>1 ^ crc64.ECMA // x^63 became x^64, which is P without it
}

func TestPolynomialPowersAreTheRemainders(t *testing.T) {
	t.Parallel()
	powers := map[int]uint64{
		8:   xPow8,
		127: xPow127, 191: xPow191,
		255: xPow255, 319: xPow319,
		511: xPow511, 575: xPow575,
		1023: xPow1023, 1087: xPow1087,
		2047: xPow2047, 2111: xPow2111,
	}
	remainder := one
	for n := range 2112 {
		if got, ok := powers[n]; ok {
			delete(powers, n)
			if got != remainder {
				t.Errorf("x^%d mod P = %#016x, want %#016x", n, got, remainder)
			}
		}
		remainder = timesX(remainder)
	}
	if len(powers) != 0 {
		t.Errorf("powers not checked: %v", powers)
	}
}

func TestPolynomialModulusIsTheECMAPolynomial(t *testing.T) {
	t.Parallel()
	if got, want := reflect64(polynomial()), uint64(modulus); got != want {
		t.Errorf("P from x^64 to x^1 = %#016x, want %#016x", got, want)
	}
	// ECMA-182 writes its polynomial from the highest power down.
	if got, want := bits.Reverse64(crc64.ECMA), uint64(0x42f0e1eba9ea3693); got != want {
		t.Errorf("the ECMA polynomial = %#016x, want %#016x", got, want)
	}
}

func TestPolynomialQuotientIsThatOfLongDivision(t *testing.T) {
	t.Parallel()
	p := polynomial()
	rest := new(big.Int).Lsh(big.NewInt(1), 128)
	q := new(big.Int)
	for n := rest.BitLen() - 65; n >= 0; n = rest.BitLen() - 65 {
		q.SetBit(q, n, 1)
		rest.Xor(rest, new(big.Int).Lsh(p, uint(n)))
	}
	if got, want := reflect64(q), uint64(quotient); got != want {
		t.Errorf("floor(x^128/P) from x^64 to x^1 = %#016x, want %#016x", got, want)
	}
}

// polynomial is P with bit n for x^n.
func polynomial() *big.Int {
	p := new(big.Int).SetUint64(bits.Reverse64(crc64.ECMA))
	return p.SetBit(p, 64, 1)
}

// reflect64 puts the coefficient of x^(64-i) of a into bit i, for i from 0 to 63.
func reflect64(a *big.Int) uint64 {
	return bits.Reverse64(new(big.Int).Rsh(a, 1).Uint64())
}

func TestPolynomialMultiplyObeysTheLawsOfARing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		a, b, c := r.Uint64(), r.Uint64(), r.Uint64()
		if got := multiply(a, one); got != a {
			t.Fatalf("%#x·1 = %#x", a, got)
		}
		if got, want := multiply(a, one>>1), timesX(a); got != want {
			t.Fatalf("%#x·x = %#x, want %#x", a, got, want)
		}
		if got, want := multiply(a, b), multiply(b, a); got != want {
			t.Fatalf("a·b = %#x, b·a = %#x", got, want)
		}
		if got, want := multiply(multiply(a, b), c), multiply(a, multiply(b, c)); got != want {
			t.Fatalf("(a·b)·c = %#x, a·(b·c) = %#x", got, want)
		}
		if got, want := multiply(a, b^c), multiply(a, b)^multiply(a, c); got != want {
			t.Fatalf("a·(b+c) = %#x, a·b+a·c = %#x", got, want)
		}
	}
}

// The method and the meaning of each constant are told in polynomial.go.
// Powers come in pairs: the first is for the low half of 16 bytes.

#define PAIR(name, low, high) \
	DATA name<>+0(SB)/8, low  \
	DATA name<>+8(SB)/8, high \
	GLOBL name<>(SB), NOPTR|RODATA, $16

PAIR(by128, $const_xPow191, $const_xPow127)
PAIR(by256, $const_xPow319, $const_xPow255)
PAIR(by512, $const_xPow575, $const_xPow511)
PAIR(by1024, $const_xPow1087, $const_xPow1023)
PAIR(barrett, $const_quotient, $const_modulus)

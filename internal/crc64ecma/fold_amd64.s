#include "go_asm.h"
#include "textflag.h"
#include "powers.h"

PAIR(by2048, $const_xPow2111, $const_xPow2047)

// MOVE folds lane as far as powers say. Its new place is still to be added.
#define MOVE(powers, lane, tmp)         \
	MOVOA     lane, tmp           \
	PCLMULQDQ $0x00, powers, lane \
	PCLMULQDQ $0x11, powers, tmp  \
	PXOR      tmp, lane

// NEXT folds lane onto the bytes at offset. A load of its own needs no alignment.
#define NEXT(offset, powers, lane, tmp) \
	MOVE(powers, lane, tmp)         \
	MOVOU offset(SI), tmp           \
	PXOR  tmp, lane

// WIDE folds the four 16 bytes of lane onto those of onto.
#define WIDE(onto, powers, lane, tmp)             \
	VPCLMULQDQ $0x11, powers, lane, tmp       \
	VPCLMULQDQ $0x00, powers, lane, lane      \
	VPTERNLOGQ $0x96, onto, tmp, lane // XOR of all three

// func fold(crc uint64, p []byte, wide bool) uint64
TEXT ·fold(SB), NOSPLIT, $0-48
	MOVQ  crc+0(FP), X15 // the register is added to the first 8 bytes
	MOVQ  p_base+8(FP), SI
	MOVQ  p_len+16(FP), CX
	MOVOU by128<>(SB), X14
	CMPB  wide+32(FP), $0
	JNE   wide
	CMPQ  CX, $128
	JGE   lanes

	MOVOU (SI), X0
	PXOR  X15, X0
	ADDQ  $16, SI
	SUBQ  $16, CX
	JMP   blocks

	// Eight lanes of 16 bytes.
lanes:
	MOVOU 0(SI), X0
	MOVOU 16(SI), X1
	MOVOU 32(SI), X2
	MOVOU 48(SI), X3
	MOVOU 64(SI), X4
	MOVOU 80(SI), X5
	MOVOU 96(SI), X6
	MOVOU 112(SI), X7
	PXOR  X15, X0
	MOVOU by1024<>(SB), X13
	ADDQ  $128, SI
	SUBQ  $128, CX
	CMPQ  CX, $128
	JLT   lanesEnd

lanesLoop:
	NEXT(0, X13, X0, X8)
	NEXT(16, X13, X1, X9)
	NEXT(32, X13, X2, X10)
	NEXT(48, X13, X3, X11)
	NEXT(64, X13, X4, X8)
	NEXT(80, X13, X5, X9)
	NEXT(96, X13, X6, X10)
	NEXT(112, X13, X7, X11)
	ADDQ $128, SI
	SUBQ $128, CX
	CMPQ CX, $128
	JGE  lanesLoop

lanesEnd:
	// Halve the lanes until one is left.
	MOVOU by512<>(SB), X13
	MOVE(X13, X0, X8)
	PXOR  X4, X0
	MOVE(X13, X1, X9)
	PXOR  X5, X1
	MOVE(X13, X2, X10)
	PXOR  X6, X2
	MOVE(X13, X3, X11)
	PXOR  X7, X3
	MOVOU by256<>(SB), X13
	MOVE(X13, X0, X8)
	PXOR  X2, X0
	MOVE(X13, X1, X9)
	PXOR  X3, X1
	MOVE(X14, X0, X8)
	PXOR  X1, X0

	// One lane, X0, and CX bytes that it was not yet folded onto.
blocks:
	TESTQ CX, CX
	JZ    reduce

blocksLoop:
	NEXT(0, X14, X0, X8)
	ADDQ $16, SI
	SUBQ $16, CX
	JNZ  blocksLoop

reduce:
	// W = X0, its low half U first: fold the low half by x^128.
	MOVOU     barrett<>(SB), X13
	MOVOA     X0, X1
	PCLMULQDQ $0x10, X14, X0 // low half of X0 times x^127, high in X14
	PSRLDQ    $8, X1
	PXOR      X1, X0

	// X1 = q, X2 = q·P.
	MOVOA     X0, X1
	PCLMULQDQ $0x00, X13, X1
	MOVOA     X1, X2
	PCLMULQDQ $0x10, X13, X2

	// The remainder stands in the high half of q·P, where V is, and q is to be.
	PSLLDQ $8, X1
	PXOR   X1, X0
	PXOR   X2, X0
	PSRLDQ $8, X0
	MOVQ   X0, ret+40(FP)
	RET

	// Four lanes of 64 bytes.
wide:
	VMOVDQU64       0(SI), Z0
	VMOVDQU64       64(SI), Z1
	VMOVDQU64       128(SI), Z2
	VMOVDQU64       192(SI), Z3
	VMOVQ           X15, X15 // clears the rest of Z15
	VPXORQ          Z15, Z0, Z0
	ADDQ            $256, SI
	SUBQ            $256, CX
	VBROADCASTI32X4 by2048<>(SB), Z13
	CMPQ            CX, $256
	JLT             wideEnd

wideLoop:
	WIDE(0(SI), Z13, Z0, Z8)
	WIDE(64(SI), Z13, Z1, Z9)
	WIDE(128(SI), Z13, Z2, Z10)
	WIDE(192(SI), Z13, Z3, Z11)
	ADDQ $256, SI
	SUBQ $256, CX
	CMPQ CX, $256
	JGE  wideLoop

wideEnd:
	VBROADCASTI32X4 by1024<>(SB), Z13
	WIDE(Z2, Z13, Z0, Z8)
	WIDE(Z3, Z13, Z1, Z9)
	VBROADCASTI32X4 by512<>(SB), Z13
	WIDE(Z1, Z13, Z0, Z8)
	CMPQ            CX, $64
	JLT             wideHalve

wideNext:
	WIDE(0(SI), Z13, Z0, Z8)
	ADDQ $64, SI
	SUBQ $64, CX
	CMPQ CX, $64
	JGE  wideNext

wideHalve:
	// Fold the first half of the 64 bytes onto the second, then that of the 32.
	VBROADCASTI32X4 by256<>(SB), Z13
	VEXTRACTI64X4   $1, Z0, Y1
	VPCLMULQDQ      $0x11, Y13, Y0, Y2
	VPCLMULQDQ      $0x00, Y13, Y0, Y0
	VPXOR           Y2, Y0, Y0
	VPXOR           Y1, Y0, Y0
	VEXTRACTI128    $1, Y0, X1
	VZEROUPPER
	MOVE(X14, X0, X8)
	PXOR            X1, X0
	JMP             blocks

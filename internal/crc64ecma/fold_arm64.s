#include "go_asm.h"
#include "textflag.h"
#include "powers.h"

#define LOAD(pair, lane) \
	MOVD $pair<>(SB), R4 \
	VLD1 (R4), [lane.B16]

// MOVE folds lane as far as powers say, and adds it to what stands at its new
// place.
#define MOVE(place, powers, lane, tmp)         \
	VPMULL2 powers.D2, lane.D2, tmp.Q1     \
	VPMULL  powers.D1, lane.D1, lane.Q1    \
	VEOR    place.B16, tmp.B16, tmp.B16    \
	VEOR    tmp.B16, lane.B16, lane.B16

// func fold(crc uint64, p []byte) uint64
TEXT ·fold(SB), NOSPLIT, $0-40
	MOVD crc+0(FP), R0
	MOVD p_base+8(FP), R1
	MOVD p_len+16(FP), R2
	VEOR V19.B16, V19.B16, V19.B16
	VMOV R0, V19.D[0] // the register is added to the first 8 bytes
	LOAD(by128, V20)
	CMP  $128, R2
	BGE  lanes

	VLD1.P 16(R1), [V0.B16]
	VEOR   V19.B16, V0.B16, V0.B16
	SUB    $16, R2
	B      blocks

	// Eight lanes of 16 bytes.
lanes:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 64(R1), [V4.B16, V5.B16, V6.B16, V7.B16]
	VEOR   V19.B16, V0.B16, V0.B16
	LOAD(by1024, V21)
	SUB    $128, R2
	CMP    $128, R2
	BLT    lanesEnd

lanesLoop:
	VLD1.P 64(R1), [V8.B16, V9.B16, V10.B16, V11.B16]
	VLD1.P 64(R1), [V12.B16, V13.B16, V14.B16, V15.B16]
	MOVE(V8, V21, V0, V24)
	MOVE(V9, V21, V1, V25)
	MOVE(V10, V21, V2, V26)
	MOVE(V11, V21, V3, V27)
	MOVE(V12, V21, V4, V28)
	MOVE(V13, V21, V5, V29)
	MOVE(V14, V21, V6, V30)
	MOVE(V15, V21, V7, V31)
	SUB    $128, R2
	CMP    $128, R2
	BGE    lanesLoop

lanesEnd:
	// Halve the lanes until one is left.
	LOAD(by512, V21)
	MOVE(V4, V21, V0, V24)
	MOVE(V5, V21, V1, V25)
	MOVE(V6, V21, V2, V26)
	MOVE(V7, V21, V3, V27)
	LOAD(by256, V21)
	MOVE(V2, V21, V0, V24)
	MOVE(V3, V21, V1, V25)
	MOVE(V1, V20, V0, V24)

	// One lane, V0, and R2 bytes that it was not yet folded onto.
blocks:
	CBZ R2, reduce

blocksLoop:
	VLD1.P 16(R1), [V8.B16]
	MOVE(V8, V20, V0, V24)
	SUB    $16, R2
	CBNZ   R2, blocksLoop

reduce:
	// W = V0, its low half U first: fold the low half by x^128.
	VDUP   V20.D[1], V21.D2 // x^127
	VPMULL V21.D1, V0.D1, V1.Q1
	VEOR   V2.B16, V2.B16, V2.B16
	VMOV   V0.D[1], V2.D[0]
	VEOR   V2.B16, V1.B16, V0.B16

	// V1 = q, V2 = q·P.
	LOAD(barrett, V22)
	VDUP   V22.D[1], V23.D2
	VPMULL V22.D1, V0.D1, V1.Q1
	VPMULL V23.D1, V1.D1, V2.Q1

	// The remainder stands in the high half of q·P, where V is, and q is to be.
	VEOR V2.B16, V0.B16, V0.B16
	VMOV V0.D[1], R0
	VMOV V1.D[0], R1
	EOR  R1, R0, R0
	MOVD R0, ret+32(FP)
	RET

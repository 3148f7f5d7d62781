package crc64ecma

// foldings runs each kernel on the shortest input that it can take, and leaves
// what is shorter to the next one.
func foldings() []implementation {
	narrow := implementation{name: "narrow", update: func(crc uint64, p []byte) uint64 {
		if len(p) < narrowMin {
			return updateTable(crc, p)
		}
		return updateFold(crc, p, false)
	}}
	if !hasNarrow() {
		narrow.lacks = "PCLMULQDQ"
	}
	wide := implementation{name: "wide", update: func(crc uint64, p []byte) uint64 {
		if len(p) < wideMin {
			return narrow.update(crc, p)
		}
		return updateFold(crc, p, true)
	}}
	if !hasWide() {
		wide.lacks = "AVX-512 with VPCLMULQDQ"
	}
	return []implementation{narrow, wide}
}

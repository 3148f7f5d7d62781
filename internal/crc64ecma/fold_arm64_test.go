package crc64ecma

import "golang.org/x/sys/cpu"

// foldings runs the kernel on the shortest input that it can take.
func foldings() []implementation {
	fold := implementation{name: "fold", update: func(crc uint64, p []byte) uint64 {
		if len(p) < foldMin {
			return updateTable(crc, p)
		}
		return updateFold(crc, p)
	}}
	if !cpu.ARM64.HasPMULL {
		fold.lacks = "PMULL"
	}
	return []implementation{fold}
}

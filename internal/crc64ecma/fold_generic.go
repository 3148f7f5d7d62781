//go:build !amd64 && !arm64

package crc64ecma

func update(crc uint64, p []byte) uint64 { return updateTable(crc, p) }

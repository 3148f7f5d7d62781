//go:build linux || darwin

package crc64ecma

import (
	"hash/crc64"
	"runtime/debug"
	"syscall"
	"testing"
)

// guarded returns memory between two pages that cannot be read, and the latter
// of them.
func guarded(t *testing.T) (memory, after []byte) {
	page := syscall.Getpagesize()
	all, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatalf("Mmap = %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Errorf("Munmap = %v", err)
		}
	})
	copy(all[page:2*page], randomBytes(8, page))
	for _, guard := range [][]byte{all[:page], all[2*page:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatalf("Mprotect = %v", err)
		}
	}
	return all[page : 2*page : 2*page], all[2*page:]
}

func TestUpdateReadsNoByteOutsideItsInput(t *testing.T) {
	t.Parallel()
	memory, after := guarded(t)
	if !faults(func() { _ = updateTable(0, after[:1]) }) {
		t.Fatal("a byte of the page after the memory could be read")
	}
	each(t, func(t *testing.T, update func(uint64, []byte) uint64) {
		for n := range min(1101, len(memory)) {
			for _, p := range [][]byte{memory[:n], memory[len(memory)-n:]} {
				var got uint64
				if faults(func() { got = update(9, p) }) {
					t.Fatalf("update(9, %d bytes) reads beyond them", n)
				}
				if want := crc64.Update(9, ecma, p); got != want {
					t.Fatalf("update(9, %d bytes) = %016x, want %016x", n, got, want)
				}
			}
		}
	})
}

// faults reports whether f touches memory that it must not.
func faults(f func()) (fault bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { fault = recover() != nil }()
	f()
	return false
}

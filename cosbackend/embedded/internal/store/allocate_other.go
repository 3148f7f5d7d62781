//go:build !linux

package store

import "os"

// allocate reserves disk space for a file.
func allocate(f *os.File, size int64) error {
	_, err := f.Write(make([]byte, size))
	return err
}

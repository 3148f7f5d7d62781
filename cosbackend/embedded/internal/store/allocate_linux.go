package store

import (
	"errors"
	"os"
	"syscall"
)

// allocate reserves disk space for a file without writing it, where the file system
// can do that.
func allocate(f *os.File, size int64) error {
	err := syscall.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, syscall.EOPNOTSUPP) {
		_, err = f.Write(make([]byte, size))
	}
	return err
}

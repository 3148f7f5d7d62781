package store

import (
	"errors"
	"os"
	"syscall"
)

// maxReserve is more than the write-ahead log grows to before SQLite checkpoints it into
// the index.
const maxReserve = 8 << 20

// keepReserve makes RESERVE: space that a delete can use when the disk is full. A
// delete writes before it frees anything, and the space it frees is reusable only after
// a checkpoint of the write-ahead log into the index, which may first grow the index by
// the size of the log. So the reserve is half of the free space, and the log cannot
// outgrow it in the other half.
func (f *folder) keepReserve() {
	var have int64
	if info, err := f.root.Stat(reserveFile); err == nil {
		have = info.Size()
	}
	want := min(maxReserve, (f.available()+have)/2)
	if have >= want-maxReserve/16 { // close enough
		return
	}
	file, err := f.root.OpenFile(reserveFile, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, privateFile)
	if err != nil {
		return // deletes have to work without it
	}
	if err := errors.Join(allocate(file, want), file.Close()); err != nil {
		f.releaseReserve() // the disk filled up meanwhile
	}
}

// releaseReserve frees the reserve. It returns false when there was none.
func (f *folder) releaseReserve() bool { return f.root.Remove(reserveFile) == nil }

// available is how many bytes may still be written.
func (f *folder) available() int64 {
	d, err := f.root.Open(".")
	if err != nil {
		return 0
	}
	defer func() { _ = d.Close() }() // only read
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(d.Fd()), &st); err != nil {
		return 0
	}
	return int64(st.Bavail * uint64(st.Bsize)) //nolint:gosec // no disk has 2^63 bytes
}

// withReserve runs do again without the reserve when it fails on a full disk.
func (s *Store) withReserve(do func() error) error {
	err := do()
	if errors.Is(err, ErrNoSpace) && s.folder != nil && s.folder.releaseReserve() {
		err = do()
	}
	return err
}

package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// The data folder:
//
//	FORMAT                   version of this layout
//	LOCK                     held with flock by the one process that uses the folder
//	index.db -wal -shm       everything but large bodies
//	blobs/3f/3f9c…           immutable bodies, random names, never derived from keys
//	tmp/                     uploads in progress; emptied at start
//	RESERVE                  space that deletes may use when the disk is full
//	SESSIONKEY               key that session tokens are sealed with
//	CREDENTIALS              the key pair that signatures are checked with
//	quarantine/              files found in blobs/ that are not the store's
//
// All of it is for the owner alone; privacy.go sees to that.
const (
	formatFile    = "FORMAT"
	lockFile      = "LOCK"
	indexFile     = "index.db"
	reserveFile   = "RESERVE"
	blobsDir      = "blobs"
	tmpDir        = "tmp"
	quarantineDir = "quarantine"

	formatPrefix  = "cosgate-store "
	formatVersion = 1
)

// A folder is a locked data folder.
type folder struct {
	root *os.Root
	lock *os.File
}

// openFolder creates what is missing, acquires the lock and checks FORMAT.
func openFolder(dir string) (*folder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("store: data folder: %w", err)
	}
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return nil, fmt.Errorf("store: create data folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("store: open data folder: %w", err)
	}
	f := &folder{root: root}
	if err := f.prepare(dir); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *folder) prepare(dir string) error {
	if err := f.checkIsOurs(dir); err != nil {
		return err
	}
	if err := f.takeLock(dir); err != nil {
		return err
	}
	if err := f.checkFormat(); err != nil {
		return err
	}
	if err := f.makePrivate(dir); err != nil {
		return err
	}
	for _, sub := range []string{blobsDir, tmpDir} {
		if err := f.root.Mkdir(sub, privateDir); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("store: prepare data folder: %w", err)
		}
		if err := f.syncDir(sub); err != nil {
			return err
		}
	}
	if err := f.syncDir("."); err != nil {
		return err
	}
	// The folder itself may be new. Its parent may belong to another user and be
	// unreadable; then its durability is up to them.
	if parent, err := os.Open(filepath.Dir(dir)); err == nil {
		defer func() { _ = parent.Close() }() // only read
		return diskError(parent.Sync())
	}
	return nil
}

func (f *folder) takeLock(dir string) error {
	lock, err := f.root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, privateFile)
	if err != nil {
		return fmt.Errorf("store: lock data folder: %w", diskError(err))
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		defer func() { _ = lock.Close() }()                     // not ours
		text, _ := io.ReadAll(io.LimitReader(lock, 32))         // the error is the same without a pid
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text))) // the same
		return &LockedError{Dir: dir, PID: pid}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("store: lock data folder: %w", err), lock.Close())
	}
	f.lock = lock
	// Always of the same length, so that it needs no new space on a full disk.
	if _, err := lock.WriteAt(fmt.Appendf(nil, "%-10d\n", os.Getpid()), 0); err != nil {
		return fmt.Errorf("store: lock data folder: %w", diskError(err))
	}
	return nil
}

// checkFormat writes FORMAT into a new folder, before anything else is there.
func (f *folder) checkFormat() error {
	text, err := f.root.ReadFile(formatFile)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := f.root.Stat(indexFile); err == nil {
			return fmt.Errorf("store: the data folder has %s but no %s; it is damaged or not a data folder of cosgate", indexFile, formatFile)
		}
		return f.writeFormat()
	}
	if err != nil {
		return fmt.Errorf("store: read %s: %w", formatFile, err)
	}
	number, ok := strings.CutPrefix(strings.TrimSpace(string(text)), formatPrefix)
	version, err := strconv.Atoi(number)
	switch {
	case !ok || err != nil || version < 1:
		return fmt.Errorf("store: %s is invalid; it is damaged or not of cosgate", formatFile)
	case version > formatVersion:
		return fmt.Errorf("store: the data folder has format %d, this program knows up to %d; use a newer program", version, formatVersion)
	}
	return nil
}

func (f *folder) writeFormat() error {
	return f.writeWhole(formatFile, fmt.Appendf(nil, "%s%d\n", formatPrefix, formatVersion))
}

// writeWhole writes all of a small file or nothing.
func (f *folder) writeWhole(name string, data []byte) error {
	temporary := name + ".new"
	file, err := f.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, privateFile)
	if err != nil {
		return fmt.Errorf("store: write %s: %w", name, diskError(err))
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("store: write %s: %w", name, diskError(err))
	}
	if err := f.root.Rename(temporary, name); err != nil {
		return fmt.Errorf("store: write %s: %w", name, diskError(err))
	}
	return f.syncDir(".")
}

// syncDir makes the names in a folder durable.
func (f *folder) syncDir(name string) error {
	d, err := f.root.Open(name)
	if err != nil {
		return fmt.Errorf("store: sync folder: %w", diskError(err))
	}
	defer func() { _ = d.Close() }() // only read
	if err := d.Sync(); err != nil {
		return fmt.Errorf("store: sync folder: %w", diskError(err))
	}
	return nil
}

// readDir lists a folder, unsorted.
func (f *folder) readDir(name string) ([]fs.DirEntry, error) {
	d, err := f.root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("store: read folder: %w", err)
	}
	defer func() { _ = d.Close() }() // only read
	entries, err := d.ReadDir(-1)
	if err != nil {
		return nil, fmt.Errorf("store: read folder: %w", err)
	}
	return entries, nil
}

// dirty reports whether the last process ended without Close: SQLite removes the
// write-ahead log when it is closed.
func (f *folder) dirty() bool {
	info, err := f.root.Stat(indexFile + "-wal")
	return err == nil && info.Size() > 0
}

func (f *folder) indexSize() int64 {
	info, err := f.root.Stat(indexFile)
	if err != nil {
		return 0
	}
	return info.Size()
}

func (f *folder) close() {
	if f.lock != nil {
		_ = f.lock.Close() // which releases the lock
	}
	_ = f.root.Close() // everything written through it is synced
}

// newName returns a fresh name of 128 random bits for a body.
func newName() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// blobPath is where the body with this name is.
func blobPath(name string) string {
	return blobsDir + "/" + name[:2] + "/" + name
}

// diskError adds ErrNoSpace to an error that means a full disk or quota.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

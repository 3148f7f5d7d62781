package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Everything in a data folder is for its owner alone: what is in it, and the secret key.
const (
	privateDir  fs.FileMode = 0o700
	privateFile fs.FileMode = 0o600
	others      fs.FileMode = 0o077
)

// checkIsOurs refuses a folder that others can read and that holds something else than
// the data of a store: nobody wants /tmp to become private.
func (f *folder) checkIsOurs(dir string) error {
	info, err := f.root.Stat(".")
	if err != nil {
		return fmt.Errorf("store: data folder: %w", err)
	}
	if info.Mode().Perm()&others == 0 {
		return nil
	}
	if _, err := f.root.Stat(formatFile); err == nil {
		return nil
	}
	entries, err := f.readDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch e.Name() {
		case lockFile, formatFile + ".new", indexFile, "lost+found": // left by a start that was cut short, or by mkfs
		default:
			return fmt.Errorf("store: the folder %s has other files, such as %s, and mode %04o; choose an empty folder", dir, e.Name(), info.Mode().Perm())
		}
	}
	return nil
}

// makePrivate takes the permissions of others away, whatever made the folder and its
// files. Bodies need no look: they are made private, in folders that are. The index is
// created here, since SQLite would leave its mode to the umask; the files next to it get
// the mode that it has.
func (f *folder) makePrivate(dir string) error {
	if err := f.restrict(".", privateDir); err != nil {
		return fmt.Errorf("store: others can read the data folder %s, and its mode cannot be changed: %w; choose a folder of your own", dir, err)
	}
	index, err := f.root.OpenFile(indexFile, os.O_RDWR|os.O_CREATE, privateFile)
	if err != nil {
		return fmt.Errorf("store: open index: %w", diskError(err))
	}
	_ = index.Close() // nothing was written
	entries, err := f.readDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		mode := privateFile
		switch {
		case e.IsDir() && e.Name() != "lost+found":
			mode = privateDir
		case !e.Type().IsRegular():
			continue
		}
		if err := f.restrict(e.Name(), mode); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("store: others can read %s/%s, and its mode cannot be changed: %w", dir, e.Name(), err)
		}
	}
	return nil
}

// restrict sets the mode of a file or folder that others have permissions for.
func (f *folder) restrict(name string, mode fs.FileMode) error {
	info, err := f.root.Lstat(name)
	if err != nil || info.Mode().Perm()&others == 0 {
		return err
	}
	return f.root.Chmod(name, mode)
}

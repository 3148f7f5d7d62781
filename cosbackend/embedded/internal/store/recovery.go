package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// recoverFolder makes the folder and the index consistent after a crash.
func (s *Store) recoverFolder(ctx context.Context) error {
	entries, err := s.folder.readDir(tmpDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := s.folder.root.RemoveAll(tmpDir + "/" + e.Name()); err != nil {
			return fmt.Errorf("store: empty tmp: %w", err)
		}
	}
	files, err := s.folder.scanBlobs()
	if err != nil {
		return err
	}
	missing, err := s.compareBlobs(ctx, files)
	if err != nil {
		return err
	}
	for name := range files { // compareBlobs removed those with a row
		if err := s.folder.root.Remove(blobPath(name)); err != nil {
			return fmt.Errorf("store: remove unreferenced body: %w", err)
		}
	}
	if len(entries)+len(files)+missing > 0 {
		s.log.Info("store recovered", "unfinished_uploads", len(entries), "unreferenced_bodies", len(files), "damaged_bodies", missing)
	}
	return nil
}

// scanBlobs returns name and size of each body file. A file whose name is not the
// store's is put into quarantine.
func (f *folder) scanBlobs() (map[string]int64, error) {
	files := map[string]int64{}
	subs, err := f.readDir(blobsDir)
	if err != nil {
		return nil, err
	}
	for _, sub := range subs {
		if !sub.IsDir() || len(sub.Name()) != 2 {
			if err := f.quarantine(blobsDir + "/" + sub.Name()); err != nil {
				return nil, err
			}
			continue
		}
		if err := f.scanBlobDir(sub.Name(), files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (f *folder) scanBlobDir(sub string, files map[string]int64) error {
	entries, err := f.readDir(blobsDir + "/" + sub)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return fmt.Errorf("store: scan bodies: %w", err)
		}
		raw, err := hex.DecodeString(e.Name())
		if err != nil || len(raw) != 16 || e.Name()[:2] != sub || !info.Mode().IsRegular() {
			if err := f.quarantine(blobsDir + "/" + sub + "/" + e.Name()); err != nil {
				return err
			}
			continue
		}
		files[e.Name()] = info.Size()
	}
	return nil
}

// quarantine moves a foreign file to where a person can look at it.
func (f *folder) quarantine(path string) error {
	if err := f.root.Mkdir(quarantineDir, privateDir); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("store: create quarantine: %w", diskError(err))
	}
	target := quarantineDir + "/" + newName() + "-" + filepath.Base(path)
	if err := f.root.Rename(path, target); err != nil {
		return fmt.Errorf("store: move a foreign file to quarantine: %w", diskError(err))
	}
	return nil
}

// compareBlobs removes from files those that have a row. It logs rows without
// their file and leaves them: reading their objects fails with ErrCorrupt, because
// an acknowledged object must not become a missing one.
func (s *Store) compareBlobs(ctx context.Context, files map[string]int64) (damaged int, err error) {
	rows, err := s.index.writer.QueryContext(ctx, "SELECT name, size, refs FROM blob WHERE name IS NOT NULL")
	if err != nil {
		return 0, fmt.Errorf("store: scan index: %w", indexError(err))
	}
	defer func() { _ = rows.Close() }() // only read
	for rows.Next() {
		var name string
		var size, refs int64
		if err := rows.Scan(&name, &size, &refs); err != nil {
			return 0, fmt.Errorf("store: scan index: %w", indexError(err))
		}
		have, ok := files[name]
		delete(files, name)
		if ok && have == size {
			continue
		}
		damaged++
		s.log.Error("body file missing or of wrong size; what refers to it cannot be read",
			"body", name, "present", ok, "size", have, "want_size", size, "references", refs)
	}
	if err := rows.Err(); err != nil {
		return 0, fmt.Errorf("store: scan index: %w", indexError(err))
	}
	return damaged, nil
}

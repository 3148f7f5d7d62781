package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

const (
	sessionKeyFile = "SESSIONKEY"
	sessionKeySize = 32
)

// SessionKey is a random key of 32 bytes that belongs to the data folder: it is made
// when it is first asked for and stays the same from then on, so that what was signed with
// it can be checked after a restart. In memory mode each store has a key of its own. The
// error of a key of another length names the file.
func (s *Store) SessionKey() ([]byte, error) {
	if s.folder == nil {
		return newSessionKey(), nil
	}
	key, err := s.folder.root.ReadFile(sessionKeyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		key = newSessionKey()
		return key, s.folder.writeSessionKey(key)
	case err != nil:
		return nil, fmt.Errorf("store: read %s: %w", sessionKeyFile, diskError(err))
	case len(key) != sessionKeySize:
		return nil, fmt.Errorf("store: %s has %d bytes and not %d; it is damaged: remove it, and temporary credentials that were issued end", sessionKeyFile, len(key), sessionKeySize)
	}
	return key, nil
}

func newSessionKey() []byte {
	key := make([]byte, sessionKeySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// writeSessionKey writes the whole key or nothing.
func (f *folder) writeSessionKey(key []byte) error {
	const temporary = sessionKeyFile + ".new"
	file, err := f.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("store: write %s: %w", sessionKeyFile, diskError(err))
	}
	_, err = file.Write(key)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("store: write %s: %w", sessionKeyFile, diskError(err))
	}
	if err := f.root.Rename(temporary, sessionKeyFile); err != nil {
		return fmt.Errorf("store: write %s: %w", sessionKeyFile, diskError(err))
	}
	return f.syncDir(".")
}

package store

import (
	"bytes"
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

// SessionKey is a random key of 32 bytes that belongs to the data folder and stays the
// same, so that what was signed with it can be checked after a restart. In memory mode each
// store has a key of its own.
func (s *Store) SessionKey() []byte { return bytes.Clone(s.sessionKey) }

// openSessionKey reads the key, or makes it.
func (s *Store) openSessionKey() error {
	if s.folder == nil {
		s.sessionKey = newSessionKey()
		return nil
	}
	key, err := s.folder.root.ReadFile(sessionKeyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		key = newSessionKey()
		if err := s.withReserve(func() error { return s.folder.writeSessionKey(key) }); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("store: read %s: %w", sessionKeyFile, diskError(err))
	case len(key) != sessionKeySize:
		return fmt.Errorf("store: %s has %d bytes and not %d, so it is damaged; remove it, which ends all temporary credentials", sessionKeyFile, len(key), sessionKeySize)
	}
	s.sessionKey = key
	return nil
}

func newSessionKey() []byte {
	key := make([]byte, sessionKeySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// writeSessionKey writes the whole key or nothing.
func (f *folder) writeSessionKey(key []byte) error {
	const temporary = sessionKeyFile + ".new"
	file, err := f.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, privateFile)
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

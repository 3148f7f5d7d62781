package store

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
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
		if err := s.withReserve(func() error { return s.folder.writeWhole(sessionKeyFile, key) }); err != nil {
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

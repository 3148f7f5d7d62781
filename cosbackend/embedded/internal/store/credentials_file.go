package store

import (
	"errors"
	"fmt"
	"io/fs"
)

const credentialsFile = "CREDENTIALS"

// maxCredentials bounds the file. It is read into memory.
const maxCredentials = 4 << 10

// Credentials returns the text that fresh made when it was first asked for in this data
// folder: it stays the same from then on, in a file for the owner alone. In memory mode it
// is always fresh.
func (s *Store) Credentials(fresh func() string) (string, error) {
	if s.folder == nil {
		return fresh(), nil
	}
	info, err := s.folder.root.Stat(credentialsFile)
	if errors.Is(err, fs.ErrNotExist) {
		text := fresh()
		return text, s.withReserve(func() error { return s.folder.writeWhole(credentialsFile, []byte(text)) })
	}
	if err != nil {
		return "", fmt.Errorf("store: read %s: %w", credentialsFile, err)
	}
	if info.Size() > maxCredentials {
		return "", fmt.Errorf("store: %s has %d bytes; it is not of cosgate", credentialsFile, info.Size())
	}
	text, err := s.folder.root.ReadFile(credentialsFile)
	if err != nil {
		return "", fmt.Errorf("store: read %s: %w", credentialsFile, diskError(err))
	}
	return string(text), nil
}

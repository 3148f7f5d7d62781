package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSessionKeyStaysWithTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	key := s.SessionKey()
	if len(key) != 32 || bytes.Equal(key, make([]byte, 32)) {
		t.Errorf("SessionKey() = %d bytes, want 32 random ones", len(key))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, sessionKeyFile))
	if err != nil || info.Mode().Perm() != privateFile {
		t.Errorf("%s has the mode %v, %v, want %v", sessionKeyFile, info.Mode(), err, privateFile)
	}
	s = open(t, Options{Dir: dir})
	if again := s.SessionKey(); !bytes.Equal(again, key) {
		t.Error("after a restart SessionKey() is another one")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if other := open(t, Options{}).SessionKey(); bytes.Equal(other, key) || len(other) != 32 {
		t.Error("a store in memory has no key of its own")
	}
}

func TestSessionKeyRefusesADamagedOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := open(t, Options{Dir: dir}).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, sessionKeyFile), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Options{Dir: dir})
	if err == nil {
		_ = s.Close()
	}
	if err == nil || !strings.Contains(err.Error(), sessionKeyFile) || strings.Contains(err.Error(), "short") {
		t.Errorf("Open() = %v, want an error that names %s and not what is in it", err, sessionKeyFile)
	}
}

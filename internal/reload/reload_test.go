package reload_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/internal/reload"
)

type fixture struct {
	path string
	now  time.Time
	log  bytes.Buffer
	file *reload.File[string]
}

func (f *fixture) write(t *testing.T, text string) {
	t.Helper()
	tmp := f.path + ".new"
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, f.path); err != nil {
		t.Fatal(err)
	}
}

var errBad = errors.New("it is bad")

func open(t *testing.T, text string) *fixture {
	t.Helper()
	f := &fixture{path: filepath.Join(t.TempDir(), "file"), now: time.Unix(1_700_000_000, 0)}
	f.write(t, text)
	var err error
	f.file, err = reload.Open(f.path, func(b []byte) (string, error) {
		if string(b) == "bad" {
			return "", errBad
		}
		return string(b), nil
	}, reload.Options{What: "words", MaxSize: 8, Logger: slog.New(slog.NewTextHandler(&f.log, nil)), Clock: func() time.Time { return f.now }})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFileIsReadAgainWithinASecondOfAChange(t *testing.T) {
	t.Parallel()
	f := open(t, "one")
	f.write(t, "two")
	if got := f.file.Value(); got != "one" {
		t.Errorf("Value at once = %q, want the one in force", got)
	}
	f.now = f.now.Add(time.Second)
	if got := f.file.Value(); got != "two" {
		t.Errorf("Value a second later = %q, want two", got)
	}
}

func TestFileKeepsItsValueWhenBrokenAndLogsOnce(t *testing.T) {
	t.Parallel()
	f := open(t, "one")
	for _, text := range []string{"bad", "far too long"} {
		f.write(t, text)
		f.log.Reset()
		for range 3 {
			f.now = f.now.Add(time.Second)
			if got := f.file.Value(); got != "one" {
				t.Fatalf("Value with %q in the file = %q, want one", text, got)
			}
		}
		if n := strings.Count(f.log.String(), "not usable"); n != 1 {
			t.Errorf("%q was reported %d times, want once: %s", text, n, &f.log)
		}
	}
	f.write(t, "two")
	f.now = f.now.Add(time.Second)
	if got := f.file.Value(); got != "two" {
		t.Errorf("Value after the repair = %q, want two", got)
	}
}

func TestFileKeepsItsValueWhenRemoved(t *testing.T) {
	t.Parallel()
	f := open(t, "one")
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	if err := f.file.Reload(); err == nil {
		t.Errorf("Reload = %v, want that the file is gone", err)
	}
	if got := f.file.Value(); got != "one" {
		t.Errorf("Value = %q, want one", got)
	}
	f.write(t, "two")
	if err := f.file.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := f.file.Value(); got != "two" {
		t.Errorf("Value after it came back = %q, want two", got)
	}
}

func TestOpenNamesAnUnusableFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "absent")
	_, err := reload.Open(path, func([]byte) (int, error) { return 0, nil }, reload.Options{What: "policies"})
	if err == nil || !strings.HasPrefix(err.Error(), "policies "+path+": ") {
		t.Errorf("Open = %v, want the kind and the path", err)
	}
}

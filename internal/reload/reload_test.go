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

// passes is the value after a time in which the file is in use.
func (f *fixture) passes(d time.Duration) string {
	var got string
	for end := f.now.Add(d); f.now.Before(end); {
		f.now = f.now.Add(100 * time.Millisecond)
		got = f.file.Value()
	}
	return got
}

func TestFileIsReadAgainThreeSecondsAfterAChangeAtMost(t *testing.T) {
	t.Parallel()
	f := open(t, "one")
	f.write(t, "two")
	if got := f.passes(time.Second + reload.Settle - 200*time.Millisecond); got != "one" {
		t.Errorf("Value before the file was still = %q, want the one in force", got)
	}
	if got := f.passes(time.Second); got != "two" {
		t.Errorf("Value of the file that is still = %q, want two", got)
	}
	f.write(t, "three")
	if err := f.file.Reload(); err != nil || f.file.Value() != "three" {
		t.Errorf("Value after Reload = %q, %v, want three at once", f.file.Value(), err)
	}
}

// Whatever is written in between is in the file for a moment, and is never taken.
func TestFileTakesNothingOfWhatIsBeingWritten(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, f *fixture, text string){
		"in place": func(t *testing.T, f *fixture, text string) {
			if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"by renames":         func(t *testing.T, f *fixture, text string) { f.write(t, text) },
		"of the same length": func(t *testing.T, f *fixture, text string) { f.write(t, (text + "xxxxxxx")[:7]) },
		"after a removal": func(t *testing.T, f *fixture, text string) {
			if err := os.Remove(f.path); err != nil {
				t.Fatal(err)
			}
			f.passes(reload.Settle / 2)
			f.write(t, text)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, "one")
			for _, text := range []string{"a", "ab", "bad", "abc", "abcd", "", "abcde"} {
				change(t, f, text)
				if got := f.passes(reload.Settle * 3 / 4); got != "one" {
					t.Errorf("Value with %q in the file = %q, want the one in force", text, got)
				}
			}
			if strings.Contains(f.log.String(), "not usable") {
				t.Errorf("the log complains about a file that is not complete: %s", &f.log)
			}
			change(t, f, "all")
			if got := f.passes(time.Second + reload.Settle); !strings.HasPrefix(got, "all") {
				t.Errorf("Value in the end = %q, want all", got)
			}
		})
	}
}

func TestFileKeepsItsValueWhenBrokenAndLogsOnce(t *testing.T) {
	t.Parallel()
	f := open(t, "one")
	for _, text := range []string{"bad", "far too long"} {
		f.write(t, text)
		f.log.Reset()
		if got := f.passes(10 * time.Second); got != "one" {
			t.Fatalf("Value with %q in the file = %q, want one", text, got)
		}
		if n := strings.Count(f.log.String(), "not usable"); n != 1 {
			t.Errorf("%q was reported %d times, want once: %s", text, n, &f.log)
		}
		if err := f.file.Reload(); err == nil {
			t.Errorf("Reload with %q in the file = nil, want what is wrong", text)
		}
	}
	f.write(t, "two")
	if got := f.passes(4 * time.Second); got != "two" {
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

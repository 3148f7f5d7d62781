package cosbackend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxCredentialFile = 64 << 10
	fileCheckEvery    = time.Second
	// fileSettle is how long nobody must have written to a changed file.
	fileSettle = 2 * time.Second
)

// FileCredentials reads credentials from a file and again when it has changed and nobody
// has written to it for two seconds, which is noticed within a second of the next request.
// The file holds a line
// secret_id=..., one secret_key=..., and for temporary credentials one
// security_token=... and, if it is known, one expires=... with their end in the form
// 2026-01-02T15:04:05Z; empty lines and lines that begin with # are skipped.
//
// The file must be usable at the start. When it is broken later, the last good
// credentials stay in use and logger gets a warning. logger may be nil.
func FileCredentials(path string, logger *slog.Logger) (CredentialProvider, error) {
	return newFileProvider(path, logger, time.Now)
}

func newFileProvider(path string, logger *slog.Logger, clock func() time.Time) (*fileProvider, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	p := &fileProvider{path: path, logger: logger, clock: clock}
	state, err := readCredentialFile(path)
	if err != nil {
		return nil, fmt.Errorf("cosbackend: credentials file %s: %w", path, err)
	}
	p.state.Store(state)
	p.next.Store(clock().Add(fileCheckEvery).UnixNano())
	return p, nil
}

type fileProvider struct {
	path   string
	logger *slog.Logger
	clock  func() time.Time
	state  atomic.Pointer[fileState]
	next   atomic.Int64 // when the file is looked at again, unix nanoseconds

	// Of the one caller that looks at the file: what it found last, and since when.
	looking sync.Mutex
	found   os.FileInfo
	since   time.Time
}

// A fileState is the file as it was seen, and the credentials in force with it.
type fileState struct {
	credentials Credentials
	info        os.FileInfo // nil when the file could not be looked at
}

// Credentials looks at the file at most once a second, and only one caller does:
// the others go on with what is known.
func (p *fileProvider) Credentials(context.Context) (Credentials, error) {
	next := p.next.Load()
	now := p.clock()
	if now.UnixNano() >= next && p.next.CompareAndSwap(next, now.Add(fileCheckEvery).UnixNano()) {
		p.refresh()
	}
	return p.state.Load().credentials, nil
}

func (p *fileProvider) refresh() {
	p.looking.Lock()
	defer p.looking.Unlock()
	old := p.state.Load()
	info, err := os.Stat(p.path)
	if err == nil && (old.matches(info) || !p.still(info)) {
		return
	}
	state, err := readCredentialFile(p.path)
	if err != nil {
		if old.info != nil { // once for each change, not once a second
			p.logger.Warn("cosbackend: credentials file is not usable, the credentials in force stay", "path", p.path, "error", err)
		}
		p.state.Store(&fileState{credentials: old.credentials, info: info})
		return
	}
	p.logger.Info("cosbackend: credentials file was read again", "path", p.path)
	p.state.Store(state)
}

// still reports whether nobody writes to the file: it says that it is old, which is the case
// for a client that was not used for a while, or it has not changed since an earlier look.
func (p *fileProvider) still(info os.FileInfo) bool {
	now := p.clock()
	if age := now.Sub(info.ModTime()); age >= fileSettle {
		return true
	}
	if (&fileState{info: p.found}).matches(info) {
		return now.Sub(p.since) >= fileSettle
	}
	p.found, p.since = info, now
	return false
}

// matches reports whether info is of the file as it was read.
func (s *fileState) matches(info os.FileInfo) bool {
	return s.info != nil && os.SameFile(s.info, info) && s.info.Size() == info.Size() && s.info.ModTime().Equal(info.ModTime())
}

// readCredentialFile reads the file together with its description, so that a
// change between the two is noticed at the next look.
func readCredentialFile(path string) (*fileState, error) {
	f, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, errors.Unwrap(err) // the path is named by the caller
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at it: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxCredentialFile+1))
	if err != nil {
		return nil, fmt.Errorf("read it: %w", err)
	}
	if len(data) > maxCredentialFile {
		return nil, errors.New("it is larger than 64 KiB")
	}
	c, err := parseCredentials(string(data))
	if err != nil {
		return nil, err
	}
	return &fileState{credentials: c, info: info}, nil
}

// parseCredentials names lines by number only: what they hold is secret.
func parseCredentials(text string) (Credentials, error) {
	var c Credentials
	var expires string
	fields := map[string]*string{
		"secret_id": &c.SecretID, "secret_key": &c.SecretKey, "security_token": &c.Token, "expires": &expires,
	}
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		to := fields[strings.TrimSpace(name)]
		if !ok || to == nil {
			return c, fmt.Errorf("line %d is none of secret_id=, secret_key=, security_token= and expires= with a value", number)
		}
		if *to != "" {
			return c, fmt.Errorf("line %d sets a value again", number)
		}
		*to = strings.TrimSpace(value)
	}
	if expires != "" {
		var err error
		if c.Expires, err = time.Parse(time.RFC3339, expires); err != nil {
			return c, errors.New("expires is not a time such as 2026-01-02T15:04:05Z")
		}
	}
	return c, c.check()
}

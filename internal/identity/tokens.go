package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/cosgate/cosgate/internal/reload"
)

// tokenPrefix marks static tokens, so that scanners find one that was committed.
const tokenPrefix = "cosgate_"

// NewToken creates a token with 128 random bits and its line for the token file. The token
// is kept nowhere.
func NewToken(name string, groups ...string) (token, line string, err error) {
	for _, n := range append([]string{name}, groups...) {
		if !tokenName.MatchString(n) {
			return "", "", fmt.Errorf("identity: %q is not a name: letters, digits and ._-, at most 64", n)
		}
	}
	token = tokenPrefix + rand.Text()
	sum := sha256.Sum256([]byte(token))
	line = name + " sha256:" + hex.EncodeToString(sum[:])
	if len(groups) > 0 {
		line += " " + strings.Join(groups, ",")
	}
	return token, line, nil
}

// Tokens authenticates callers by static tokens, whose hashes are in a file. It is a
// [Bearer].
//
// The hash is a plain SHA-256: it protects random tokens of 128 bits, and would not
// protect passwords.
type Tokens struct {
	file *reload.File[tokenTable]
}

type tokenTable map[[sha256.Size]byte]Caller

// OpenTokens reads the file at path: a line "name sha256:hex" for each token, optionally
// followed by its groups, separated by commas. Empty lines and lines
// that begin with # are skipped. It is read again when it has changed and is still. logger and clock may
// be nil.
func OpenTokens(path string, logger *slog.Logger, clock func() time.Time) (*Tokens, error) {
	f, err := reload.Open(path, parseTokens, reload.Options{What: "tokens", Logger: logger, Clock: clock})
	if err != nil {
		return nil, err
	}
	return &Tokens{file: f}, nil
}

var tokenName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func parseTokens(data []byte) (tokenTable, error) {
	table := make(tokenTable)
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		hash, caller, err := parseToken(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if _, taken := table[hash]; taken {
			return nil, fmt.Errorf("line %d: the token is there twice", number)
		}
		table[hash] = caller
	}
	return table, nil
}

func parseToken(line string) (hash [sha256.Size]byte, c Caller, err error) {
	fields := strings.Fields(line)
	if len(fields) != 2 && len(fields) != 3 {
		return hash, c, errors.New("it is not a name, sha256: with a hash, and optional groups; `cosgate token NAME` prints such a line")
	}
	digits, ok := strings.CutPrefix(fields[1], "sha256:")
	sum, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sum) != sha256.Size {
		return hash, c, errors.New("the hash is not sha256: and 64 hex digits; never put the token itself here")
	}
	c.Name = tokenKind + fields[0]
	if len(fields) == 3 {
		c.Groups = strings.Split(fields[2], ",")
	}
	for _, name := range append([]string{fields[0]}, c.Groups...) {
		if !tokenName.MatchString(name) {
			return hash, c, errors.New("names and groups are letters, digits and ._-, at most 64")
		}
	}
	return [sha256.Size]byte(sum), c, nil
}

// Knows reports whether it is a static token.
func (t *Tokens) Knows(token string) bool { return strings.HasPrefix(token, tokenPrefix) }

// Identify finds the token by its hash, so that its duration reveals nothing about the
// tokens that exist.
func (t *Tokens) Identify(_ context.Context, token string) (Caller, error) {
	c, ok := t.file.Value()[sha256.Sum256([]byte(token))]
	if !ok {
		return Caller{}, rejected("the token is unknown; it may have been withdrawn")
	}
	return c, nil
}

// Check reads a changed file once it is still.
func (t *Tokens) Check() error { return t.file.Check() }

// Reload reads a changed file now.
func (t *Tokens) Reload() error { return t.file.Reload() }

// Package certs reloads the certificate of the gateway and the authorities of its callers
// when their files change.
//
// A [Store] checks the files when a connection begins, at most once a second, and without
// a watcher, which would miss changes on network file systems and behind the symbolic
// links of Kubernetes. Connections that are open stay open: they were verified with the
// certificates in force when they began.
package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/cosgate/cosgate/internal/reload"
)

const (
	// checkInterval is how often the files are checked while connections begin.
	checkInterval = time.Second
	// maxFile is more than any chain of certificates needs.
	maxFile = 1 << 20
)

// Options name the files, in PEM. The zero value of every field but Cert, Key and
// MinVersion is usable.
type Options struct {
	// Cert is the certificate with its intermediates, Key its private key.
	Cert, Key string
	// ClientCA has the authorities of client certificates. Empty asks for none.
	ClientCA string
	// RequireClient refuses connections without a client certificate. A certificate that
	// is shown is verified with ClientCA in any case.
	RequireClient bool
	// MinVersion is the lowest version of TLS, such as [tls.VersionTLS13].
	MinVersion uint16
	// Logger gets a line for every change, and for files that are not usable. Nil discards.
	Logger *slog.Logger
	// Clock measures expiry and the check interval. Nil is time.Now.
	Clock func() time.Time
}

// A Store is safe for concurrent use.
type Store struct {
	opts   Options
	state  atomic.Pointer[state]
	next   atomic.Int64 // when the files are checked again, unix nanoseconds
	reread sync.Mutex

	// Guarded by reread: what was taken or refused last, and what was wrong with it.
	tried   [3][]byte
	failed  error
	settled reload.Stillness
}

// A state is the result of reading all files once: a certificate is never combined with
// the key or the authorities of another reading.
type state struct {
	config *tls.Config
	leaf   *x509.Certificate
}

// Open reads the files, which must be usable now.
func Open(o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Store{opts: o}
	files, err := s.read()
	if err != nil {
		return nil, err
	}
	st, err := s.parse(files)
	if err != nil {
		return nil, err
	}
	s.tried = files
	s.state.Store(st)
	s.next.Store(o.Clock().Add(checkInterval).UnixNano())
	return s, nil
}

// Credentials are for [google.golang.org/grpc.Creds].
func (s *Store) Credentials() credentials.TransportCredentials {
	return credentials.NewTLS(&tls.Config{
		MinVersion: s.opts.MinVersion,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return s.current().config, nil
		},
	})
}

// Leaf is the certificate in force.
func (s *Store) Leaf() *x509.Certificate { return s.current().leaf }

// current returns the state in force. It checks the files when the last check is a second
// old; only one connection does, and the others continue.
func (s *Store) current() *state {
	next, now := s.next.Load(), s.opts.Clock()
	if now.UnixNano() >= next && s.next.CompareAndSwap(next, now.Add(checkInterval).UnixNano()) {
		_ = s.Check() // it was logged
	}
	return s.state.Load()
}

// Check looks at the files, and takes them when they have changed and have then been still
// for the time [reload.Settle]. When they are not usable it returns why, and the previous
// ones stay in force. That is logged once for each change.
func (s *Store) Check() error { return s.look(false) }

// Reload is Check for a caller who knows that the files are complete: it does not wait
// until they are still.
func (s *Store) Reload() error { return s.look(true) }

func (s *Store) look(complete bool) error {
	s.reread.Lock()
	defer s.reread.Unlock()
	files, err := s.read()
	if slices.EqualFunc(files[:], s.tried[:], bytes.Equal) {
		s.settled = reload.Stillness{}
		return s.failed
	}
	if !complete && !s.settled.For(files[:], s.opts.Clock()) {
		return s.failed
	}
	s.settled = reload.Stillness{}
	var st *state
	if err == nil {
		st, err = s.parse(files)
	}
	s.tried, s.failed = files, err
	if err != nil {
		s.opts.Logger.Error("certificates are not usable, the previous ones stay in force",
			"error", err, "expires", s.state.Load().leaf.NotAfter)
		return err
	}
	s.opts.Logger.Info("certificates were read again", "serial", st.leaf.SerialNumber.Text(16), "expires", st.leaf.NotAfter)
	s.state.Store(st)
	return nil
}

// read returns the content of the files. What cannot be read is nil.
func (s *Store) read() (files [3][]byte, err error) {
	for i, path := range []string{s.opts.Cert, s.opts.Key, s.opts.ClientCA} {
		if path == "" {
			continue
		}
		var readErr error
		files[i], readErr = readFile(path)
		err = errors.Join(err, readErr)
	}
	return files, err
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return os.ReadFile(path) //nolint:gosec // the operator names the file
}

func (s *Store) parse(files [3][]byte) (*state, error) {
	pair, err := tls.X509KeyPair(files[0], files[1])
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", s.opts.Cert, s.opts.Key, err)
	}
	if now := s.opts.Clock(); now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("%s: the certificate expired at %s", s.opts.Cert, pair.Leaf.NotAfter.Format(time.RFC3339))
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   s.opts.MinVersion,
		NextProtos:   []string{"h2"},
		Time:         s.opts.Clock,
		// A resumed session would not be verified with authorities that changed since.
		SessionTicketsDisabled: true,
	}
	if s.opts.ClientCA != "" {
		config.ClientAuth = tls.VerifyClientCertIfGiven
		if s.opts.RequireClient {
			config.ClientAuth = tls.RequireAndVerifyClientCert
		}
		if config.ClientCAs, err = authorities(files[2]); err != nil {
			return nil, fmt.Errorf("%s: %w", s.opts.ClientCA, err)
		}
	}
	return &state{config: config, leaf: pair.Leaf}, nil
}

// authorities refuses a file that is only partly readable: x509 would skip the rest, and
// callers with certificates of those authorities would be locked out.
func authorities(data []byte) (*x509.CertPool, error) {
	pool, n := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", n+1, err)
		}
		pool.AddCert(cert)
		n++
	}
	if n == 0 || bytes.Contains(data, []byte("-----BEGIN")) {
		return nil, fmt.Errorf("it is not a list of certificates in PEM; %d could be read", n)
	}
	return pool, nil
}

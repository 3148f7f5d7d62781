// Package certs keeps the certificate of the gateway and the authorities of its
// callers in step with their files.
//
// A [Store] looks at the files when a connection begins, at most once a second, and
// without a watcher that a network file system or the symbolic links of Kubernetes
// would leave blind. Connections that are open stay open: they were judged by what
// was in force when they began.
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
)

const (
	// checkEvery is how often the files are looked at while connections begin.
	checkEvery = time.Second
	// maxFile is more than any chain of certificates has.
	maxFile = 1 << 20
)

// Options name the files, in PEM. The zero value of every field but Cert, Key and
// MinVersion is usable.
type Options struct {
	// Cert is the certificate with its intermediates, Key its private key.
	Cert, Key string
	// ClientCA has the authorities of client certificates. Empty asks for none.
	ClientCA string
	// RequireClient refuses connections without a client certificate. Those that bring
	// one are held against ClientCA in any case.
	RequireClient bool
	// MinVersion is the lowest version of TLS, such as [tls.VersionTLS13].
	MinVersion uint16
	// Logger is told of every change, and of files that are not usable. Nil discards.
	Logger *slog.Logger
	// Clock is what expiry and the second are measured by. Nil is time.Now.
	Clock func() time.Time
}

// A Store is safe for concurrent use.
type Store struct {
	opts   Options
	state  atomic.Pointer[state]
	next   atomic.Int64 // when the files are looked at again, unix nanoseconds
	reread sync.Mutex

	// Under reread: what was read last, and what was wrong with it.
	tried  [3][]byte
	failed error
}

// A state is what one reading of all files gave: a certificate never meets the key or
// the authorities of another reading.
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
	s.next.Store(o.Clock().Add(checkEvery).UnixNano())
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

// current returns what is in force, after a look at the files when the last one is a
// second old. One connection looks, the others go on.
func (s *Store) current() *state {
	next, now := s.next.Load(), s.opts.Clock()
	if now.UnixNano() >= next && s.next.CompareAndSwap(next, now.Add(checkEvery).UnixNano()) {
		_ = s.Reload() // it was logged
	}
	return s.state.Load()
}

// Reload looks at the files now. It returns why they are not usable; what was in force
// before then stays. That is logged once for each change.
func (s *Store) Reload() error {
	s.reread.Lock()
	defer s.reread.Unlock()
	files, err := s.read()
	if slices.EqualFunc(files[:], s.tried[:], bytes.Equal) {
		return s.failed
	}
	var st *state
	if err == nil {
		st, err = s.parse(files)
	}
	s.tried, s.failed = files, err
	if err != nil {
		s.opts.Logger.Error("certificates are not usable, those before stay in force",
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
		// A resumed session would not be held against authorities that changed since.
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

// authorities refuses a file that is only partly readable: x509 would skip what it
// does not understand, and callers of that authority would be locked out.
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

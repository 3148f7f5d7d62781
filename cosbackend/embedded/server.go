package embedded

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// A Credential is one key pair that the server accepts signatures of.
type Credential struct {
	SecretID  string
	SecretKey string
	// Token makes the pair a temporary one: every request signed with it must carry
	// this x-cos-security-token. "" is a permanent pair, whose requests carry none.
	Token string
	// Expires is when a temporary pair ends; zero is never.
	Expires time.Time
}

// SignatureMode says which requests are admitted.
type SignatureMode int

const (
	// SignatureStrict checks every signature; a request without one may do only
	// what an ACL or a policy grants to everyone.
	SignatureStrict SignatureMode = iota
	// SignatureLenient refuses a wrong signature and admits a request without one.
	SignatureLenient
	// SignatureOff checks no signature.
	SignatureOff
)

// String returns the name that [ParseSignatureMode] reads.
func (m SignatureMode) String() string {
	switch m {
	case SignatureStrict:
		return "strict"
	case SignatureLenient:
		return "lenient"
	case SignatureOff:
		return "off"
	default:
		return fmt.Sprintf("SignatureMode(%d)", int(m))
	}
}

// ParseSignatureMode reads "strict", "lenient" or "off".
func ParseSignatureMode(s string) (SignatureMode, error) {
	for _, m := range []SignatureMode{SignatureStrict, SignatureLenient, SignatureOff} {
		if s == m.String() {
			return m, nil
		}
	}
	return SignatureStrict, fmt.Errorf("embedded: signature mode %q is not one of strict, lenient, off", s)
}

// DefaultRegion is the region of buckets whose request names none.
const DefaultRegion = "ap-guangzhou"

// A LockedError says that another process uses the data folder.
type LockedError = store.LockedError

// Options of a [Server]. The zero value is an empty server that keeps
// everything in memory and accepts a pair of its own, [Server.Credential].
type Options struct {
	Dir      string // data folder; "" keeps everything in memory
	MaxBytes int64  // memory only: limit on the sum of stored bodies; 0 is 1 GiB

	Region        string   // of new buckets whose request names none; "" is DefaultRegion
	Buckets       []string // name-appid; created at start when absent
	DefaultBucket string   // the bucket of requests whose host names none; "" refuses them

	// MinPartSize is the minimum size of every part of a multipart upload but the last,
	// in bytes; 0 is 1 MiB, as in COS. Tests that use small parts lower it.
	MinPartSize int64
	// RestoreDelay is how long it takes until a restored object can be read, by Clock.
	// 0 is no time; COS takes minutes or hours.
	RestoreDelay time.Duration
	// MaxCopySize is how many bytes one request may copy. 0 is 5 GiB, COS's limit;
	// tests set less, so that they need no objects of that size.
	MaxCopySize int64

	// KeepUnknownElements keeps elements and attributes of configurations that this server
	// does not know, and returns them where they were, as a newer COS would that knows
	// them (E123). Otherwise an unknown element is MalformedXML.
	KeepUnknownElements bool

	Credentials []Credential // accepted key pairs; none is one that the server makes, see Server.Credential
	// Temporary are pairs with a token that are accepted besides Credentials, as if STS had
	// issued them without a policy: for clients that have them in their configuration.
	Temporary []Credential
	Signature SignatureMode
	Suffixes  []string // host suffixes; none is myqcloud.com, tencentcos.cn, localhost

	// RefuseWebPages refuses what pages of other origins make a browser send, unless a
	// CORS rule of the bucket allows it, and keeps documents that a browser shows from
	// being pages of this origin. COS does neither: a server on a developer's machine
	// needs it, since each page that is open there reaches it.
	RefuseWebPages bool

	Clock  func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil discards
}

// A Server is one COS-compatible service with its own store. It serves its listeners
// until Close.
type Server struct {
	opts         Options
	hosts        hostParser
	keys         map[string]Credential // by secret id
	sessions     sessionKeys
	opened       openSessions
	routes       []route
	actions      map[string][]string // see camActions
	vocabulary   vocabulary
	contentTypes map[string]string // by suffix
	store        *store.Store
	buckets      bucketCache
	configs      configCache
	faults       Faults
	journal      Journal
	buffers      sync.Pool // of *[]byte, transferChunk long

	http       *http.Server
	memory     *memoryListener
	newConns   newConns
	stop       chan struct{}   // closed by Close: ends delays and stalls
	serving    sync.WaitGroup  // serving goroutines, and the one of the lifecycle
	background backgroundTasks // work that continues without its client

	instance uint32        // distinguishes the request ids of different servers
	requests atomic.Uint64 // numbers request ids

	once     sync.Once // for Close
	closeErr error
}

// New opens the store, creates the buckets of opts and opens the in-memory
// listener. The caller closes the server. An error names the invalid option.
func New(opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	st, err := store.Open(store.Options{Dir: opts.Dir, MaxBytes: opts.MaxBytes, Clock: opts.Clock, Logger: opts.Logger})
	if err != nil {
		return nil, fmt.Errorf("embedded: open store: %w", err)
	}
	if len(opts.Credentials) == 0 {
		own, err := ownCredential(st)
		if err != nil {
			return nil, errors.Join(err, st.Close())
		}
		opts.Credentials = []Credential{own}
	}
	s := &Server{
		opts:   opts,
		hosts:  newHostParser(opts.Suffixes),
		keys:   make(map[string]Credential, len(opts.Credentials)),
		routes: allRoutes(), actions: camActions(), vocabulary: newVocabulary(), contentTypes: contentTypes(),
		store:  st,
		memory: newMemoryListener(memoryBuffer),
		stop:   make(chan struct{}),
	}
	if s.sessions, err = newSessionKeys(st.SessionKey()); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	s.buffers.New = func() any { b := make([]byte, transferChunk); return &b }
	for _, c := range slices.Concat(opts.Credentials, opts.Temporary) {
		s.keys[c.SecretID] = c
	}
	var seed [4]byte
	_, _ = rand.Read(seed[:]) // never fails
	s.instance = binary.BigEndian.Uint32(seed[:])
	if err := s.createBuckets(context.Background(), opts.Buckets); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	s.http = s.newHTTPServer()
	s.serve(s.memory)
	s.serving.Go(s.applyLifecyclePeriodically)
	return s, nil
}

// Handler is the server as an http.Handler, for a listener of the caller's own. What
// is in front of it must not clean paths, as http.ServeMux does.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }

// Faults is the set of rules by which this server misbehaves, empty at first.
func (s *Server) Faults() *Faults { return &s.faults }

// Journal returns the requests that this server saw.
func (s *Server) Journal() *Journal { return &s.journal }

// withDefaults replaces zero values and refuses invalid options.
func (o Options) withDefaults() (Options, error) {
	if o.Region == "" {
		o.Region = DefaultRegion
	}
	if !validRegion(o.Region) {
		return o, fmt.Errorf("embedded: region %q is not a region name", o.Region)
	}
	if o.DefaultBucket != "" && !validBucketName(o.DefaultBucket) {
		return o, fmt.Errorf("embedded: default bucket %q is not of the form name-appid", o.DefaultBucket)
	}
	if o.MinPartSize < 0 {
		return o, fmt.Errorf("embedded: minimum part size %d is negative", o.MinPartSize)
	}
	if o.RestoreDelay < 0 {
		return o, fmt.Errorf("embedded: restore delay %v is negative", o.RestoreDelay)
	}
	if o.MaxCopySize <= 0 {
		o.MaxCopySize = maxObject
	}
	if o.MinPartSize == 0 {
		o.MinPartSize = defaultMinPart
	}
	for _, c := range o.Credentials {
		if c.SecretID == "" || c.SecretKey == "" {
			return o, errors.New("embedded: a credential needs a secret id and a secret key")
		}
	}
	ids := make(map[string]bool)
	for _, c := range slices.Concat(o.Credentials, o.Temporary) {
		if ids[c.SecretID] {
			return o, errors.New("embedded: two credentials have the same secret id")
		}
		ids[c.SecretID] = true
	}
	for _, c := range o.Temporary {
		if c.SecretID == "" || c.SecretKey == "" || c.Token == "" {
			return o, errors.New("embedded: a temporary credential needs a secret id, a secret key and a token")
		}
	}
	if o.Signature < SignatureStrict || o.Signature > SignatureOff {
		return o, fmt.Errorf("embedded: unknown signature mode %v", o.Signature)
	}
	if len(o.Suffixes) == 0 {
		o.Suffixes = []string{"myqcloud.com", "tencentcos.cn", "localhost"}
	}
	for _, suffix := range o.Suffixes {
		if strings.Trim(suffix, ".") == "" {
			return o, fmt.Errorf("embedded: host suffix %q is empty", suffix)
		}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// createBuckets creates the buckets of the options that do not exist yet.
func (s *Server) createBuckets(ctx context.Context, names []string) error {
	for _, name := range names {
		if !validBucketName(name) {
			return fmt.Errorf("embedded: bucket %q is not of the form name-appid", name)
		}
		b := store.Bucket{Name: name, Region: s.opts.Region, ACL: aclPrivate, Created: s.opts.Clock()}
		if err := s.store.CreateBucket(ctx, b); err != nil && !errors.Is(err, store.ErrBucketExists) {
			return fmt.Errorf("embedded: create bucket %s: %w", name, err)
		}
	}
	return nil
}

// Close closes the listeners, gives requests in progress a bounded time to finish, and
// closes the store. Later calls return what the first one did.
func (s *Server) Close() error {
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		defer cancel()
		close(s.stop)
		s.newConns.close()
		if err := s.http.Shutdown(ctx); err != nil {
			// What is still in progress is cancelled; its work ends with its request's context.
			_ = s.http.Close()
		}
		s.serving.Wait()
		s.background.wait()
		if err := s.store.Close(); err != nil {
			s.closeErr = fmt.Errorf("embedded: close store: %w", err)
		}
	})
	return s.closeErr
}

// closing reports whether Close was called.
func (s *Server) closing() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// Listen opens a TCP listener, such as "127.0.0.1:0", and serves it until Close. It
// may be called more than once. The listener speaks plain HTTP, so it is the caller's
// decision whether others can reach the address.
func (s *Server) Listen(addr string) (net.Addr, error) {
	if s.closing() {
		return nil, errors.New("embedded: listen on a closed server")
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("embedded: listen on %s: %w", addr, err)
	}
	bound := l.Addr()
	s.serve(newLimitListener(l, maxConnections))
	return bound, nil
}

// DialContext opens a connection through the in-memory listener. It is meant for
// http.Transport.DialContext; network and addr are ignored, because the bucket
// is found in the request.
func (s *Server) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := s.memory.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("embedded: dial: %w", err)
	}
	return conn, nil
}

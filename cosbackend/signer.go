package cosbackend

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // COS defines its signature on SHA-1.
	"encoding/hex"
	"hash"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// signSlack is how far in the past a signature begins, for clocks that differ.
	signSlack = 60 * time.Second
	// signatureLifetime is how long a signature is valid; only its verification must fall
	// into it, not the transfer.
	signatureLifetime = time.Hour
	// signReuse is how long one window, and the key derived for it, is used.
	signReuse = 60 * time.Second
)

// A signer makes the Authorization header of a request (A001). It keeps the key
// derived from the latest credentials, because deriving it costs as much as
// signing.
type signer struct {
	current atomic.Pointer[signingKey]
}

// A signingKey is what credentials become for one window of time.
type signingKey struct {
	credentials Credentials
	made        time.Time
	window      string    // "start;end" in unix seconds
	macs        sync.Pool // of *mac, keyed with the window's key
}

// A mac is one keyed hash with the room it works in.
type mac struct {
	hash hash.Hash
	text []byte
	sum  []byte
}

func newSigningKey(c Credentials, window string) *signingKey {
	h := hmac.New(sha1.New, []byte(c.SecretKey))
	h.Write([]byte(window))
	key := make([]byte, 40)
	hex.Encode(key, h.Sum(nil))
	return &signingKey{
		credentials: c,
		window:      window,
		macs:        sync.Pool{New: func() any { return &mac{hash: hmac.New(sha1.New, key)} }},
	}
}

// window returns the validity of a signature made at now.
func window(now time.Time) string {
	start := now.Add(-signSlack).Unix()
	return strconv.FormatInt(start, 10) + ";" + strconv.FormatInt(start+int64(signatureLifetime/time.Second), 10)
}

// key returns the key for c at now, the cached one when it is still valid.
func (s *signer) key(c Credentials, now time.Time) *signingKey {
	if k := s.current.Load(); k != nil && k.credentials == c {
		if age := now.Sub(k.made); age >= 0 && age < signReuse {
			return k
		}
	}
	k := newSigningKey(c, window(now))
	k.made = now
	s.current.Store(k)
	return k
}

// A presigner keeps the key of the latest window that was signed for others: what is
// presigned in the same second for the same time shares it.
type presigner struct {
	current atomic.Pointer[signingKey]
}

// key returns the key of a window. Keys of callers' own credentials are not cached.
func (s *presigner) key(c Credentials, window string, own bool) *signingKey {
	if k := s.current.Load(); k != nil && k.credentials == c && k.window == window {
		return k
	}
	k := newSigningKey(c, window)
	if !own {
		s.current.Store(k)
	}
	return k
}

// policySignature signs the policy of a form: the hash of its text, not of a request
// (A071).
func (k *signingKey) policySignature(policy []byte) string {
	m, _ := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	digest := sha1.Sum(policy) //nolint:gosec // COS defines its signature on SHA-1.
	m.hash.Reset()
	m.hash.Write(hex.AppendEncode(nil, digest[:]))
	m.sum = m.hash.Sum(m.sum[:0])
	return hex.EncodeToString(m.sum)
}

// authorization signs a request. path is decoded and begins with a slash. It
// sorts params and headers in place; every one of them is covered.
func (k *signingKey) authorization(method, path string, params, headers []pair) string {
	m, _ := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	sortPairs(params)
	sortPairs(headers)

	b := append(m.text[:0], strings.ToLower(method)...)
	b = append(b, '\n')
	b = append(b, path...)
	b = append(b, '\n')
	b = appendSigned(b, params)
	b = append(b, '\n')
	b = appendSigned(b, headers)
	b = append(b, '\n')
	request := sha1.Sum(b) //nolint:gosec // COS defines its signature on SHA-1.

	b = append(b[:0], "sha1\n"...)
	b = append(b, k.window...)
	b = append(b, '\n')
	b = hex.AppendEncode(b, request[:])
	b = append(b, '\n')
	m.hash.Reset()
	m.hash.Write(b)
	m.sum = m.hash.Sum(m.sum[:0])

	b = append(b[:0], "q-sign-algorithm=sha1&q-ak="...)
	b = append(b, k.credentials.SecretID...)
	b = append(b, "&q-sign-time="...)
	b = append(b, k.window...)
	b = append(b, "&q-key-time="...)
	b = append(b, k.window...)
	b = append(b, "&q-header-list="...)
	b = appendNames(b, headers)
	b = append(b, "&q-url-param-list="...)
	b = appendNames(b, params)
	b = append(b, "&q-signature="...)
	b = hex.AppendEncode(b, m.sum)
	m.text = b
	return string(b)
}

func sortPairs(pairs []pair) {
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := compareFold(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
}

// compareFold orders names as their lower-case spelling does, without making it.
func compareFold(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// appendSigned appends "name=value&...". The escapes of names are in lower case,
// those of values are not (A001).
func appendSigned(dst []byte, pairs []pair) []byte {
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = appendName(dst, p.name)
		dst = append(dst, '=')
		dst = appendEscaped(dst, p.value)
	}
	return dst
}

func appendNames(dst []byte, pairs []pair) []byte {
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = appendName(dst, p.name)
	}
	return dst
}

func appendName(dst []byte, name string) []byte {
	start := len(dst)
	dst = appendEscaped(dst, name)
	for i := start; i < len(dst); i++ {
		dst[i] = lower(dst[i])
	}
	return dst
}

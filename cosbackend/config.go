package cosbackend

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/url"
	"time"
)

// Config says how to reach COS. The zero value of every field but Credentials is usable.
type Config struct {
	// Profile is the name shown in errors and health. Empty is "default".
	Profile string
	// Endpoint is a template such as "https://{bucket}.cos.{region}.myqcloud.com",
	// which is the default. {bucket} must be the first label of the host; {region}
	// may be left out, and then the endpoint serves one region. With Bucket it may be a
	// custom domain, such as "https://files.example.com". Path, query and user are refused.
	Endpoint string
	// BackupDomain has a request that finds no connection to name-appid.cos.region.myqcloud.com
	// retried at the same host under tencentcos.cn, signed anew. Only an Endpoint of that
	// form has a backup. Presigned URLs, forms and ListBuckets do not use it.
	BackupDomain bool
	// Bucket is the only bucket that the client serves; requests for others are refused.
	// Empty is all. A custom domain needs it.
	Bucket string
	// PublicEndpoint is a template like Endpoint, for the presigned URLs and forms that
	// others use: where they reach COS when that is not where the client does. Empty is
	// Endpoint.
	PublicEndpoint string
	// ServiceEndpoint is where ListBuckets goes, without any placeholder. Empty is
	// derived from Endpoint: "https://service.cos.myqcloud.com" from the default. Nothing
	// can be derived from a custom domain, and ListBuckets is then refused.
	ServiceEndpoint string
	// Region is the default region. Empty means a lookup for each bucket.
	Region string
	// Credentials is required.
	Credentials CredentialProvider
	// Signing is how URLs and forms are signed for others.
	Signing   SigningOptions
	Transport TransportOptions
	Retry     RetryOptions
	// Observer is notified of every request. Nil costs nothing.
	Observer Observer
	// Clock is the time for signatures and caches. Nil is time.Now.
	Clock func() time.Time
	// Logger receives what no error can report. Nil discards.
	Logger *slog.Logger
}

// TransportOptions tune the HTTP transport. Zero values are the tuned defaults.
type TransportOptions struct {
	// DialContext replaces the dialer, for example by an in-memory one.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy is an HTTP proxy for every request. Nil is none: the environment is
	// ignored.
	Proxy *url.URL
	// RootCAs replaces the system's certificate authorities.
	RootCAs *x509.CertPool

	DialTimeout           time.Duration // 0 = 5 s
	TLSHandshakeTimeout   time.Duration // 0 = 10 s
	ResponseHeaderTimeout time.Duration // 0 = 60 s, from the end of the request on
	IdleConnTimeout       time.Duration // 0 = 90 s
	MaxIdleConnsPerHost   int           // 0 = 256
}

// RetryOptions bound the retries of a request, which never outlive the caller's
// deadline. [Client] and its methods say which failures are retried.
type RetryOptions struct {
	MaxAttempts int           // all attempts, the first included; 0 = 4, at most 20
	BaseDelay   time.Duration // before the second attempt; it doubles each time; 0 = 100 ms
	MaxDelay    time.Duration // of one delay, also of what Retry-After requests; 0 = 5 s
}

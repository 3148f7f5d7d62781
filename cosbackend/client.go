package cosbackend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Client talks to COS with one profile. It is safe for concurrent use.
//
// Its methods return [*ValidationError] without sending anything, [*Error] for
// what COS or the network refused, and the other error types of this package
// where their comments say so. When the context ends, errors.Is finds the
// context's error in what is returned.
//
// Retries happen within the caller's deadline, with a growing, jittered delay, and carry
// the header x-cos-sdk-retry. What is retried depends on the class of the operation and on
// the failure: docs/architecture.md has the table, each method names its class where that
// is not "idempotent" or "read-only".
type Client struct {
	profile   string
	region    string
	bucket    string // the only one that is served; "" for all
	endpoint  endpoint
	public    endpoint // of presigned URLs and forms
	backup    bool     // the backup domain may be tried
	service   serviceEndpoint
	provider  CredentialProvider
	signer    signer
	presigner presigner
	signing   SigningMode
	narrower  *narrower
	transport http.RoundTripper
	retry     RetryOptions
	regions   *regionCache
	clock     func() time.Time
	logger    *slog.Logger
	closed    context.CancelFunc

	observer    Observer
	connections connections
	unreadDates sync.Map // names of headers and elements whose dates could not be read
	skewLogged  atomic.Pointer[time.Time]

	asking  chan struct{} // holds whoever asks about the profile's credentials
	verdict verdict       // the result, guarded by asking
}

// A serviceEndpoint is where ListBuckets goes.
type serviceEndpoint struct {
	scheme, host string
	derived      bool // from the endpoint's template, so that a region has a host of its own
}

// New returns a client for cfg. It sends nothing. The error names the field of
// Config that is wrong.
func New(cfg Config) (*Client, error) {
	c := &Client{
		profile:  cmp.Or(cfg.Profile, "default"),
		region:   cfg.Region,
		provider: cfg.Credentials,
		clock:    cfg.Clock,
		logger:   cfg.Logger,
		observer: cfg.Observer,
		asking:   make(chan struct{}, 1),
	}
	if c.clock == nil {
		c.clock = time.Now
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	if err := c.configure(cfg); err != nil {
		return nil, err
	}
	c.transport = newTransport(cfg.Transport, &c.connections)
	lifetime, cancel := context.WithCancel(context.Background())
	c.closed = cancel
	c.regions = newRegionCache(lifetime, c)
	c.signing = cfg.Signing.Mode
	var err error
	if c.narrower, err = newNarrower(lifetime, c, cfg); err != nil {
		cancel()
		return nil, err
	}
	return c, nil
}

// configure checks cfg and keeps the values that need checking.
func (c *Client) configure(cfg Config) error {
	var err error
	if c.bucket = cfg.Bucket; c.bucket != "" && !validBucket(c.bucket) {
		return configError("Bucket", errors.New("must be the full name with the APPID, such as photos-1250000000"))
	}
	if c.endpoint, err = parseEndpoint(cmp.Or(cfg.Endpoint, defaultEndpoint), c.bucket); err != nil {
		return configError("Endpoint", err)
	}
	if c.backup = cfg.BackupDomain; c.backup && !c.endpoint.hasBackup() {
		return configError("BackupDomain", errors.New("needs an Endpoint of the form https://{bucket}.cos.{region}.myqcloud.com: only such hosts have a backup"))
	}
	if c.public, err = parseEndpoint(cmp.Or(cfg.PublicEndpoint, cfg.Endpoint, defaultEndpoint), c.bucket); err != nil {
		return configError("PublicEndpoint", err)
	}
	if c.public.hasRegion && !c.endpoint.hasRegion && cfg.Region == "" {
		return configError("PublicEndpoint", errors.New("has {region}, which neither Endpoint nor Region can fill"))
	}
	c.service = serviceEndpoint{scheme: c.endpoint.scheme, host: c.endpoint.serviceHost(), derived: true}
	if cfg.ServiceEndpoint != "" {
		c.service.derived = false
		if c.service.scheme, c.service.host, err = parseServiceEndpoint(cfg.ServiceEndpoint); err != nil {
			return configError("ServiceEndpoint", err)
		}
	}
	if cfg.Region != "" && !validRegion(cfg.Region) {
		return configError("Region", errors.New(regionProblem))
	}
	if cfg.Credentials == nil {
		return configError("Credentials", errors.New("must be given"))
	}
	if static, ok := cfg.Credentials.(staticProvider); ok {
		if err := static.credentials.check(); err != nil {
			return configError("Credentials", err)
		}
	}
	if err := checkTransport(cfg.Transport); err != nil {
		return err
	}
	c.retry, err = completeRetry(cfg.Retry)
	return err
}

func configError(field string, err error) error {
	return fmt.Errorf("cosbackend: configuration: %s %w", field, err)
}

func checkTransport(o TransportOptions) error {
	for name, d := range map[string]time.Duration{
		"DialTimeout": o.DialTimeout, "TLSHandshakeTimeout": o.TLSHandshakeTimeout,
		"ResponseHeaderTimeout": o.ResponseHeaderTimeout, "IdleConnTimeout": o.IdleConnTimeout,
	} {
		if d < 0 {
			return configError("Transport."+name, errors.New("must not be negative"))
		}
	}
	if o.MaxIdleConnsPerHost < 0 {
		return configError("Transport.MaxIdleConnsPerHost", errors.New("must not be negative"))
	}
	if p := o.Proxy; p != nil && (p.Hostname() == "" || p.Scheme != "http" && p.Scheme != "https") {
		return configError("Transport.Proxy", errors.New("must be an http:// or https:// URL with a host"))
	}
	return nil
}

func completeRetry(o RetryOptions) (RetryOptions, error) {
	switch {
	case o.MaxAttempts < 0 || o.MaxAttempts > 20:
		return o, configError("Retry.MaxAttempts", errors.New("must be from 1 to 20, or 0 for the default"))
	case o.BaseDelay < 0:
		return o, configError("Retry.BaseDelay", errors.New("must not be negative"))
	case o.MaxDelay < 0:
		return o, configError("Retry.MaxDelay", errors.New("must not be negative"))
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = 4
	}
	o.BaseDelay = cmp.Or(o.BaseDelay, 100*time.Millisecond)
	o.MaxDelay = cmp.Or(o.MaxDelay, 5*time.Second)
	if o.BaseDelay > o.MaxDelay {
		return o, configError("Retry.BaseDelay", errors.New("must not be longer than Retry.MaxDelay"))
	}
	return o, nil
}

// Close closes idle connections and ends lookups and fetches that no call waits for. Calls in
// flight and open downloads are not disturbed: end their contexts for that.
func (c *Client) Close() {
	c.closed()
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	c.narrower.sts.http.transport.CloseIdleConnections()
}

// Profile returns the name given in Config, or "default".
func (c *Client) Profile() string { return c.profile }

// Region returns the default region; "" when regions are looked up.
func (c *Client) Region() string { return c.region }

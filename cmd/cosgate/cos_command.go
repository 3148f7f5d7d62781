package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	"github.com/cosgate/cosgate/internal/config"
	"github.com/cosgate/cosgate/internal/logline"
)

type cosCommand struct {
	Listen string `placeholder:"ADDR" default:"127.0.0.1:9000" help:"Where to serve HTTP; port 0 takes a free one. Nothing is encrypted: others should not be able to reach it. Default: ${default}."`
	storeFlags
	temporaryFlags
	SecretID      string        `name:"secret-id" placeholder:"ID" and:"secret" env:"COSGATE_COS_SECRET_ID" help:"The secret id that signatures are checked with, also from ${env}. Default: a random pair, which is printed and kept in the data folder."`
	SecretKey     string        `name:"secret-key" placeholder:"KEY" and:"secret" env:"COSGATE_COS_SECRET_KEY" help:"The secret key that belongs to it, also from ${env}, which keeps it out of the process list."`
	Bucket        []string      `placeholder:"NAME-APPID" sep:"none" help:"Create this bucket when it is absent. May be repeated."`
	DefaultBucket string        `placeholder:"NAME-APPID" help:"The bucket of requests whose host names none, such as http://127.0.0.1:9000/key. Created when absent."`
	Region        string        `placeholder:"REGION" default:"ap-guangzhou" help:"The region of new buckets whose request names none. Default: ${default}."`
	RestoreDelay  time.Duration `placeholder:"DURATION" default:"0s" help:"How long a restored object of an archive class stays unreadable, such as 30s. Default: ${default}."`
	KeepUnknown   bool          `name:"keep-unknown-elements" help:"Accept configurations of buckets with XML elements and attributes that this server does not know, and return them as they were sent, as a newer COS would; nothing here acts on them. Default: an unknown element is MalformedXML."`
	Signature     string        `placeholder:"MODE" enum:"strict,lenient,off" default:"strict" help:"strict checks every signature; lenient also accepts requests without one; off checks none. Default: ${default}."`
}

// Help is printed below the flags.
func (cosCommand) Help() string {
	return `Objects survive kill -9: a write succeeds once it is on stable storage. What COS does and this server does not is refused with 501 NotImplemented; what COS does not know is ignored.

Real host names work through any SDK's HTTP proxy option, and keep the SDK's own signatures valid. Examples:

    cosgate cos --bucket photos-1250000000
    cosgate cos --memory --listen 127.0.0.1:0 --default-bucket test-1250000000 --signature off
    cosgate cos --bucket photos-1250000000 --temporary-credentials browser-keys.txt`
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?-[0-9]+$`)
	regionName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
)

// options checks the flags.
func (c cosCommand) options(log *slog.Logger) (embedded.Options, error) {
	if err := c.address().check(); err != nil {
		return embedded.Options{}, err
	}
	buckets := c.Bucket
	if c.DefaultBucket != "" {
		buckets = append(slices.Clip(buckets), c.DefaultBucket)
	}
	for _, b := range buckets {
		if !bucketName.MatchString(b) {
			return embedded.Options{}, usageErrorf("bucket %q is not of the form name-appid, such as photos-1250000000", b)
		}
	}
	if !regionName.MatchString(c.Region) {
		return embedded.Options{}, usageErrorf("--region %q is not a region, such as ap-guangzhou", c.Region)
	}
	if c.RestoreDelay < 0 {
		return embedded.Options{}, usageErrorf("--restore-delay %v is negative", c.RestoreDelay)
	}
	mode, err := embedded.ParseSignatureMode(c.Signature)
	if err != nil {
		return embedded.Options{}, usageErrorf("%s", err)
	}
	return embedded.Options{
		Region:         c.Region,
		Buckets:        buckets,
		DefaultBucket:  c.DefaultBucket,
		Credentials:    c.credentials(),
		Signature:      mode,
		RefuseWebPages: true,
		RestoreDelay:   c.RestoreDelay,

		KeepUnknownElements: c.KeepUnknown,

		Logger: log,
	}, nil
}

func (c cosCommand) address() address { return address{"--listen", c.Listen} }

// credentials are those of the flags; none lets the server make its own.
func (c cosCommand) credentials() []embedded.Credential {
	if c.SecretID == "" {
		return nil
	}
	return []embedded.Credential{{SecretID: c.SecretID, SecretKey: c.SecretKey}}
}

// Run serves until ctx ends.
func (c cosCommand) Run(ctx context.Context, out streams) (err error) {
	log := slog.New(logline.Bound(slog.NewTextHandler(out.stderr, nil)))
	opts, err := c.options(log)
	if err != nil {
		return err
	}
	if opts.Temporary, err = c.temporaryFlags.read(ctx); err != nil {
		return err
	}
	server, err := openEmbedded(c.storeFlags, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	addr, err := server.Listen(c.Listen)
	if err != nil {
		return c.address().refused(err)
	}
	if !config.Loopback(addr.String()) {
		log.Warn("others can reach this server, and its traffic is not encrypted", "addr", addr.String())
	}
	c.announce(out.stdout, addr.String(), server.Credential())
	<-ctx.Done()
	return nil
}

// announce prints what a user of an SDK needs. A secret key that was given is not printed.
func (c cosCommand) announce(w io.Writer, addr string, credential embedded.Credential) {
	shownKey := "as given"
	if c.SecretID == "" {
		shownKey = credential.SecretKey + "  (" + c.keptCredential() + ")"
	}
	bucket := "demo-1250000000"
	if len(c.Bucket) > 0 {
		bucket = c.Bucket[0]
	}
	fmt.Fprintf(w, `cosgate cos: a COS-compatible server

  address     http://%[1]s
  STS         http://%[9]s, with the address as HTTP proxy
  data        %[2]s
  signature   %[3]s
  secret id   %[4]s
  secret key  %[5]s

Point an SDK at it as at an HTTP proxy, with real host names:

  Node  new COS({SecretId, SecretKey, Protocol: 'http:', Proxy: 'http://%[1]s'})
  Go    http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: "%[1]s"})}
        below cos.AuthorizationTransport, and the bucket URL
        http://%[6]s.cos.%[7]s.myqcloud.com

%[8]s
`, addr, c.storeFlags, c.Signature, credential.SecretID, shownKey, bucket, c.Region, readyLine, embedded.STSHost)
}

package cosbackend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PresignOptions say what a presigned URL does.
type PresignOptions struct {
	// Method is GET, HEAD, PUT or DELETE.
	Method string
	// VersionID is the version to read or delete; "" for the object as such.
	VersionID string
	// UploadID and PartNumber make a PUT that of one part of a multipart upload. Both
	// are set or none.
	UploadID   string
	PartNumber int
	// Response replaces content headers of the response to a GET. Metadata and
	// StorageClass must be empty.
	Response Attributes
	// Headers are what the user of the URL must send, by name in lower case. They are
	// signed; see [Client.PresignURL] for those that can be.
	Headers map[string]string
	// Query holds further parameters: x-cos-traffic-limit and ci-process.
	Query map[string]string
	// Lifetime is how long the URL is valid, at least a second.
	Lifetime time.Duration
	// Session names who asked for it, for COS's log where it is signed with narrowed
	// credentials; empty is "cosgate". What STS does not take in a name is replaced.
	Session string
}

// A PresignedURL is a request that somebody else can make. Every way to print it
// shows only that it exists: anyone with the URL can use it.
type PresignedURL struct {
	URL    string
	Method string
	// Headers are those of PresignOptions: they must be sent with it.
	Headers map[string]string
	// Expires is when it ends, which may be earlier than Lifetime when the
	// credentials expire.
	Expires time.Time
}

const redactedURL = "PresignedURL{redacted}"

// String hides the URL.
func (u PresignedURL) String() string { return redactedURL }

// Format hides the URL from every verb.
func (u PresignedURL) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redactedURL) }

// LogValue hides the URL from slog.
func (u PresignedURL) LogValue() slog.Value { return slog.StringValue(redactedURL) }

// MarshalText hides the URL from encoders of text, JSON among them.
func (u PresignedURL) MarshalText() ([]byte, error) { return []byte(redactedURL), nil }

// PresignURL makes a URL at the public endpoint that carries its own signature, and
// the token of temporary credentials (A070). The signature covers the host, the whole
// query and Headers.
//
// COS accepts further headers and parameters with a signed request (A093). Where
// Config.Signing asks for it, the URL is therefore signed with temporary credentials that
// may do nothing else with nothing else. Getting them is one call of STS at most, and an
// [*Error] says why it failed; nothing is signed then. Apart from it nothing is sent,
// unless the region of the bucket has to be looked up. A caller's own credentials
// ([WithCallerCredentials]) sign as they are.
//
// Headers that can be bound are those that say what is stored or read: the content
// headers, ranges, conditions, x-cos-acl and the grants, tags, storage class,
// metadata, encryption with keys of COS, checksums and the traffic limit. What names
// another object (x-cos-copy-source), carries secrets (keys of SSE-C) or belongs to
// the signature cannot.
func (c *Client) PresignURL(ctx context.Context, loc Location, key string, o PresignOptions) (PresignedURL, error) {
	if err := c.checkPresign(loc, key, o); err != nil {
		return PresignedURL{}, err
	}
	p, err := c.presign(ctx, "PresignURL", loc, o.permission(loc.Bucket, key), o.Session, o.Lifetime)
	if err != nil {
		return PresignedURL{}, err
	}
	op := &operation{key: key, query: o.query()}
	if p.credentials.Token != "" {
		op.query = append(op.query, pair{"x-cos-security-token", p.credentials.Token})
	}
	headers := []pair{{"host", p.host}}
	for name, value := range o.Headers {
		headers = append(headers, pair{name, value})
	}
	path, raw := op.path()
	signature := p.key.authorization(o.Method, path, op.query, headers)
	for field := range strings.SplitSeq(signature, "&") {
		name, value, _ := strings.Cut(field, "=")
		op.query = append(op.query, pair{name, value})
	}
	return PresignedURL{
		URL:    p.scheme + "://" + p.host + cmp.Or(raw, path) + "?" + encodeQuery(op.query),
		Method: o.Method, Headers: maps.Clone(o.Headers), Expires: p.expires,
	}, nil
}

// query returns the parameters that are not of the signature.
func (o PresignOptions) query() []pair {
	var cl operation
	switch {
	case o.UploadID != "":
		cl.part(Upload{UploadID: o.UploadID}, o.PartNumber)
	default:
		cl.version(o.VersionID)
	}
	for _, h := range o.Response.headers(nil) {
		cl.query = append(cl.query, pair{"response-" + h.name, h.value})
	}
	for _, name := range slices.Sorted(maps.Keys(o.Query)) {
		cl.query = append(cl.query, pair{name, o.Query[name]})
	}
	return cl.query
}

// A presigning is what presigned URLs and forms have in common.
type presigning struct {
	scheme, host string
	credentials  Credentials
	key          *signingKey
	expires      time.Time
}

var errCredentialsEnded = errors.New("the temporary credentials have ended")

// presign finds host, credentials and key for a signature with this lifetime, which allows
// what p says and no more.
func (c *Client) presign(ctx context.Context, op string, loc Location, p permission, session string, lifetime time.Duration) (presigning, error) {
	region, err := c.locate(ctx, loc.Bucket, loc.Region)
	if err != nil {
		return presigning{}, err
	}
	credentials, own := callerCredentials(ctx)
	switch {
	case own:
	case c.SignsNarrowed():
		credentials, err = c.narrowed(ctx, region, p, session, lifetime)
	default:
		credentials, err = c.provider.Credentials(ctx)
	}
	if err == nil {
		err = credentials.check()
	}
	now := c.clock()
	end := now.Add(lifetime)
	if until := credentials.Expires; err == nil && !until.IsZero() && until.Before(end) {
		if end = until; !now.Before(until) {
			err = errCredentialsEnded
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return presigning{}, c.unsigned(err, Error{Op: op, Bucket: loc.Bucket, Key: p.Key, Region: region, CallerCredentials: own})
	}
	signed := presigning{
		scheme: c.public.scheme, host: c.public.publicHost(loc.Bucket, region),
		credentials: credentials, expires: time.Unix(end.Unix(), 0).UTC(),
	}
	window := strconv.FormatInt(now.Add(-signSlack).Unix(), 10) + ";" + strconv.FormatInt(end.Unix(), 10)
	signed.key = c.presigner.key(credentials, window, own)
	return signed, nil
}

// unsigned returns the error of what could not be signed: a refusal of an argument as it
// is, one of STS with what it was for, anything else as missing credentials.
func (c *Client) unsigned(err error, about Error) error {
	if _, ok := errors.AsType[*ValidationError](err); ok {
		return err
	}
	about.Profile = c.profile
	if e, ok := err.(*Error); ok { //nolint:errorlint // one that is the cause of another error is not STS's refusal
		own := *e
		own.Bucket, own.Key, own.Region, own.Profile, own.CallerCredentials = about.Bucket, about.Key, about.Region, about.Profile, about.CallerCredentials
		return &own
	}
	about.Origin, about.Cause = OriginTransport, fmt.Errorf("credentials of profile %q: %w", c.profile, err)
	return &about
}

func (c *Client) checkPresign(loc Location, key string, o PresignOptions) error {
	if err := c.checkObject(loc, key, o.VersionID); err != nil {
		return err
	}
	part := o.UploadID != "" || o.PartNumber != 0
	switch {
	case !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete}, o.Method):
		return invalid("operation", "must read, store or delete an object, read its metadata, or store a part")
	case o.Method == http.MethodPut && o.VersionID != "":
		return invalid("version_id", "cannot be given for what is written")
	case part && o.Method != http.MethodPut:
		return invalid("upload_id", "goes with storing a part only")
	}
	if part {
		if err := checkUploadID("upload_id", o.UploadID); err != nil {
			return err
		}
		if err := checkPartNumber("part_number", o.PartNumber); err != nil {
			return err
		}
	}
	if err := checkLifetime(o.Lifetime); err != nil {
		return err
	}
	if err := o.checkResponse(); err != nil {
		return err
	}
	if err := o.checkHeaders(); err != nil {
		return err
	}
	return o.checkQuery()
}

func checkLifetime(lifetime time.Duration) error {
	if lifetime < time.Second {
		return invalid("expires_in", "must be at least one second")
	}
	return nil
}

func (o PresignOptions) checkResponse() error {
	overrides := o.Response.headers(nil)
	if len(overrides) > 0 && o.Method != http.MethodGet {
		return invalid("response_headers", "goes with reading an object only")
	}
	for _, h := range overrides {
		field := "response_headers." + strings.ReplaceAll(h.name, "-", "_")
		if strings.HasPrefix(h.name, "x-cos-") {
			return invalid(field, "is not a header that a response can be given")
		}
		if err := checkHeader(field, h.value); err != nil {
			return err
		}
	}
	return nil
}

func (o PresignOptions) checkHeaders() error {
	for name, value := range o.Headers {
		if !presignable(name) {
			return invalid("headers", "must be headers that a presigned URL can bind, such as content-type or x-cos-meta-*, by name in lower case")
		}
		if err := checkHeader("headers["+name+"]", value); err != nil {
			return err
		}
		if value == "" || len(value) > maxHeader {
			return invalid("headers["+name+"]", "must be 1 to 1024 bytes")
		}
	}
	return nil
}

func (o PresignOptions) checkQuery() error {
	for name, value := range o.Query {
		if name != "x-cos-traffic-limit" && name != "ci-process" {
			return invalid("query", "must be x-cos-traffic-limit or ci-process")
		}
		if err := checkHeader("query["+name+"]", value); err != nil {
			return err
		}
	}
	return nil
}

// presignable reports whether a presigned URL can bind its user to a header.
func presignable(name string) bool {
	if suffix, ok := strings.CutPrefix(name, "x-cos-meta-"); ok {
		return suffix != "" && len(suffix) <= 128 && strings.Trim(suffix, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	}
	return slices.Contains(presignableHeaders(), name)
}

// presignableHeaders are the headers that a presigned URL can bind in addition to metadata. The
// contract has the same table, with the right that each needs: see by_header in
// presign_service.proto.
func presignableHeaders() []string {
	return []string{
		"content-type", "content-md5", "content-length", "content-disposition", "content-encoding", "content-language",
		"cache-control", "expires", "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
		"x-cos-acl", "x-cos-grant-read", "x-cos-grant-read-acp", "x-cos-grant-write-acp", "x-cos-grant-full-control",
		"x-cos-storage-class", "x-cos-tagging", "x-cos-traffic-limit", "x-cos-forbid-overwrite", "x-cos-content-sha1",
		"x-cos-server-side-encryption", "x-cos-server-side-encryption-cos-kms-key-id", "x-cos-server-side-encryption-context",
	}
}

package cosbackend

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"
)

const (
	stsEndpoint    = "https://sts.tencentcloudapi.com"
	stsRegion      = "ap-guangzhou"
	stsSessionName = "cosgate"
	stsSource      = "STS AssumeRole"
	stsMaxDuration = 12 * time.Hour // A086
	maxSessionName = 128            // A086
	maxRoleARN     = 1024
	roleCredential = "role credentials"

	sessionNameChars = "+=,.@-" // in addition to letters, digits and "_" (A086)
)

// AssumeRoleOptions say which role to assume and with which credentials. RoleARN and
// Source are required.
type AssumeRoleOptions struct {
	// RoleARN is the role, such as "qcs::cam::uin/100000000001:roleName/cosgate".
	RoleARN string
	// Source has the credentials that may assume it: permanent ones, or those of the
	// machine's role. It is queried for each renewal, and its owner closes it.
	Source CredentialProvider
	// SessionName shows in the account's audit log. Empty is "cosgate".
	SessionName string
	// Duration is the lifetime of credentials, in whole seconds up to 12 hours; the role
	// may allow less. 0 is two hours (A086).
	Duration time.Duration
	// Policy is a JSON policy that narrows what the role may do. Empty narrows nothing.
	Policy string
	// ExternalID is what the role's trust policy may require.
	ExternalID string
	// Endpoint replaces "https://sts.tencentcloudapi.com". Without TLS only a server
	// on this machine is accepted: the response holds secrets.
	Endpoint string
	// Region is where STS is called. Empty is "ap-guangzhou"; roles are the same in all.
	Region string
	// Transport tunes the connection to STS.
	Transport TransportOptions
	// Clock decides what has expired, and dates the signature. Nil is time.Now.
	Clock func() time.Time
	// Logger gets a line for each renewal and each failure. Nil discards.
	Logger *slog.Logger
}

// AssumeRoleCredentials come from the AssumeRole action of Tencent Cloud STS (A086).
// The error names the option that is wrong; no request is sent yet.
func AssumeRoleCredentials(o AssumeRoleOptions) (*TemporaryCredentials, error) {
	if err := checkTransport(o.Transport); err != nil {
		return nil, err
	}
	endpoint, err := stsAddress(cmp.Or(o.Endpoint, stsEndpoint))
	if err != nil {
		return nil, sourceError(roleCredential, "Endpoint", err)
	}
	if o.Source == nil {
		return nil, sourceError(roleCredential, "Source", errors.New("must be given"))
	}
	if region := cmp.Or(o.Region, stsRegion); !validRegion(region) {
		return nil, sourceError(roleCredential, "Region", errors.New(`must be like "ap-guangzhou"`))
	}
	payload, err := assumeRoleRequest(o)
	if err != nil {
		return nil, err
	}
	r := &assumedRole{
		sts:     &sts{endpoint: endpoint, region: cmp.Or(o.Region, stsRegion), clock: o.Clock, http: newSourceClient(o.Transport)},
		options: o,
		request: stsRequest{action: "AssumeRole", payload: payload, policy: o.Policy},
	}
	if r.sts.clock == nil {
		r.sts.clock = time.Now
	}
	t := newTemporaryCredentials(stsSource, r.sts.clock, o.Logger, r.fetch)
	t.role = r
	return t, nil
}

// An assumedRole assumes a role again and again, with the same request.
type assumedRole struct {
	sts     *sts
	options AssumeRoleOptions
	request stsRequest
}

func (r *assumedRole) fetch(ctx context.Context) (temporary, error) {
	signer, err := signerOf(ctx, r.options.Source)
	if err != nil {
		return temporary{}, fmt.Errorf("the credentials that assume the role: %w", err)
	}
	return r.sts.call(ctx, signer, r.request)
}

func stsAddress(s string) (*url.URL, error) {
	u, err := parseSourceEndpoint(s)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, errors.New("must be https://, except on this machine: the response holds secrets")
	}
	return u, nil
}

// assumeRoleRequest returns the body of the request, which never changes.
func assumeRoleRequest(o AssumeRoleOptions) ([]byte, error) {
	body := assumeRoleBody{RoleArn: o.RoleARN, RoleSessionName: cmp.Or(o.SessionName, stsSessionName), ExternalID: o.ExternalID}
	if err := checkRoleARN(o.RoleARN); err != nil {
		return nil, sourceError(roleCredential, "RoleARN", err)
	}
	if n := len(body.RoleSessionName); n < 2 || n > maxSessionName || !onlyWordCharsAnd(body.RoleSessionName, sessionNameChars) {
		return nil, sourceError(roleCredential, "SessionName", errors.New("must have 2 to 128 letters, digits or + = , . @ - _"))
	}
	if n := len(body.ExternalID); n > 128 || n == 1 || !onlyWordCharsAnd(body.ExternalID, "+=,.@:/-") {
		return nil, sourceError(roleCredential, "ExternalID", errors.New("must have 2 to 128 letters, digits or + = , . @ : / - _"))
	}
	if o.Duration < 0 || o.Duration > stsMaxDuration || o.Duration%time.Second != 0 {
		return nil, sourceError(roleCredential, "Duration", errors.New("must be whole seconds, at most 12 h, or 0 for the default"))
	}
	body.DurationSeconds = int64(o.Duration / time.Second)
	if o.Policy != "" {
		var compact bytes.Buffer
		if json.Compact(&compact, []byte(o.Policy)) != nil {
			return nil, sourceError(roleCredential, "Policy", errors.New("must be JSON"))
		}
		body.Policy = escapedPolicy(compact.String())
	}
	return json.Marshal(body)
}

func checkRoleARN(arn string) error {
	if !strings.HasPrefix(arn, "qcs::") || len(arn) > maxRoleARN || !printableASCII(arn) {
		return errors.New(`must be like "qcs::cam::uin/100000000001:roleName/cosgate"`)
	}
	return nil
}

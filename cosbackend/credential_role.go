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
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	stsEndpoint    = "https://sts.tencentcloudapi.com"
	stsRegion      = "ap-guangzhou"
	stsSessionName = "cosgate"
	stsSource      = "STS AssumeRole"
	stsMaxDuration = 12 * time.Hour // A086
	maxRoleARN     = 1024
	roleCredential = "role credentials"
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
	s := &sts{
		endpoint: endpoint, region: cmp.Or(o.Region, stsRegion), payload: payload, policy: o.Policy,
		source: o.Source, clock: o.Clock, http: newSourceClient(o.Transport),
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	return newTemporaryCredentials(stsSource, s.clock, o.Logger, s.fetch), nil
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
	body := struct {
		RoleArn         string
		RoleSessionName string
		DurationSeconds int64  `json:",omitempty"`
		Policy          string `json:",omitempty"`
		ExternalID      string `json:"ExternalId,omitempty"`
	}{RoleArn: o.RoleARN, RoleSessionName: cmp.Or(o.SessionName, stsSessionName), ExternalID: o.ExternalID}
	if !strings.HasPrefix(o.RoleARN, "qcs::") || len(o.RoleARN) > maxRoleARN || !printableASCII(o.RoleARN) {
		return nil, sourceError(roleCredential, "RoleARN", errors.New(`must be like "qcs::cam::uin/100000000001:roleName/cosgate"`))
	}
	if n := len(body.RoleSessionName); n < 2 || n > 128 || !onlyWordCharsAnd(body.RoleSessionName, "+=,.@-") {
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
		body.Policy = string(appendEscaped(nil, compact.String())) // STS expects it encoded as in a URL (A086)
	}
	return json.Marshal(body)
}

type sts struct {
	endpoint *url.URL
	region   string
	payload  []byte
	policy   string // as given; kept out of errors
	source   CredentialProvider
	clock    func() time.Time
	http     *sourceClient
}

// An stsResponse is either credentials or an error, with the status 200 (A087).
type stsResponse struct {
	Response struct {
		Error *struct {
			Code, Message string
		}
		Credentials struct {
			Token        string
			TmpSecretID  string `json:"TmpSecretId"`
			TmpSecretKey string
		}
		ExpiredTime int64
		Expiration  string
		RequestID   string `json:"RequestId"`
	}
}

func (s *sts) fetch(ctx context.Context) (temporary, error) {
	signer, err := s.source.Credentials(ctx)
	if err != nil {
		return temporary{}, fmt.Errorf("the credentials that assume the role: %w", err)
	}
	if err := signer.check(); err != nil {
		return temporary{}, fmt.Errorf("the credentials that assume the role: %w", err)
	}
	req, err := s.request(ctx, signer)
	if err != nil {
		return temporary{}, err
	}
	status, body, err := s.http.ask(req)
	if err != nil {
		return temporary{}, err
	}
	var parsed stsResponse
	if json.Unmarshal(body, &parsed) != nil { // its error may quote a secret
		return temporary{}, fmt.Errorf("the response with the HTTP status %d is not the JSON it should be", status)
	}
	r := &parsed.Response
	if r.Error != nil {
		secrets := s.secrets(signer, req.Header.Get("Authorization"))
		clean := func(text string, limit int) string { return cleanText(hide(text, secrets), limit) }
		return temporary{}, fmt.Errorf("STS refused: %s: %s (request id %s)",
			clean(r.Error.Code, maxCode), clean(r.Error.Message, maxMessage), clean(r.RequestID, maxID))
	}
	if status != http.StatusOK {
		return temporary{}, fmt.Errorf("the response has the HTTP status %d", status)
	}
	expires, err := expiry(r.ExpiredTime, r.Expiration)
	return newTemporary(r.Credentials.TmpSecretID, r.Credentials.TmpSecretKey, r.Credentials.Token, expires), err
}

// secrets are what STS was sent and might quote.
func (s *sts) secrets(signer Credentials, authorization string) []string {
	_, signature, _ := strings.Cut(authorization, "Signature=")
	all := append(signer.secrets(), authorization, signature, string(s.payload), s.policy)
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(s.policy)) == nil {
		quoted, _ := json.Marshal(compact.String()) // a string can be
		all = append(all, compact.String(), strings.Trim(string(quoted), `"`), string(appendEscaped(nil, compact.String())))
	}
	return secretForms(all)
}

// request builds and signs the request (A084, A085).
func (s *sts) request(ctx context.Context, signer Credentials) (*http.Request, error) {
	const (
		action      = "AssumeRole"
		contentType = "application/json; charset=utf-8"
	)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint.String()+"/", bytes.NewReader(s.payload))
	if err != nil {
		return nil, err
	}
	now := s.clock()
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Version", "2018-08-13")
	req.Header.Set("X-TC-Region", s.region)
	req.Header.Set("X-TC-Timestamp", strconv.FormatInt(now.Unix(), 10))
	if signer.Token != "" {
		req.Header.Set("X-TC-Token", signer.Token)
	}
	req.Header.Set("Authorization", authorizationTC3(signer, "sts", now,
		[]pair{{"content-type", contentType}, {"host", req.Host}, {"x-tc-action", action}}, s.payload))
	return req, nil
}

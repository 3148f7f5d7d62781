package cosbackend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const stsVersion = "2018-08-13"

// sts calls Tencent Cloud STS: the requests of version 2018-08-13, signed with
// TC3-HMAC-SHA256 (A084, A085).
type sts struct {
	endpoint *url.URL
	region   string
	clock    func() time.Time
	http     *sourceClient
}

// An stsRequest is one call of an action.
type stsRequest struct {
	action  string
	payload []byte
	policy  string // as given; kept out of errors
}

// An assumeRoleBody is the body of AssumeRole (A086).
type assumeRoleBody struct {
	RoleArn         string
	RoleSessionName string
	DurationSeconds int64  `json:",omitempty"`
	Policy          string `json:",omitempty"`
	ExternalID      string `json:"ExternalId,omitempty"`
}

// A federationTokenBody is the body of GetFederationToken (A088).
type federationTokenBody struct {
	Name            string
	Policy          string
	DurationSeconds int64
}

// escapedPolicy encodes a policy as in a URL: STS decodes it again (A086, A088).
func escapedPolicy(policy string) string { return string(appendEscaped(nil, policy)) }

// signerOf returns the credentials of source, if they can sign.
func signerOf(ctx context.Context, source CredentialProvider) (Credentials, error) {
	c, err := source.Credentials(ctx)
	if err == nil {
		err = c.check()
	}
	return c, err
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

// call makes one attempt. Its error is an [*Error] whose origin is STS when STS refused.
func (s *sts) call(ctx context.Context, signer Credentials, r stsRequest) (temporary, error) {
	req, err := s.request(ctx, signer, r)
	if err != nil {
		return temporary{}, err
	}
	failed := &Error{Op: r.action, Origin: OriginTransport, Attempts: 1}
	status, body, err := s.http.ask(req)
	if err != nil {
		failed.Cause, failed.Retryable = err, !certificateRefused(err)
		return temporary{}, failed
	}
	failed.HTTPStatus, failed.Retryable = status, status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
	got, err := r.decode(body, failed, secretForms(r.secrets(signer, req.Header.Get("Authorization"))))
	switch {
	case err != nil:
		failed.Cause = err
		return temporary{}, failed
	case failed.Origin == OriginSTS:
		return temporary{}, failed
	case status != http.StatusOK:
		failed.Cause = fmt.Errorf("the response has the HTTP status %d", status)
		return temporary{}, failed
	}
	return got, nil
}

// decode reads a response. What STS says when it refuses becomes a part of failed, without
// the secrets that it may quote.
func (r stsRequest) decode(body []byte, failed *Error, secrets []string) (temporary, error) {
	var parsed stsResponse
	if json.Unmarshal(body, &parsed) != nil { // its error may quote a secret
		return temporary{}, fmt.Errorf("the response with the HTTP status %d is not the JSON it should be", failed.HTTPStatus)
	}
	response := &parsed.Response
	clean := func(text string, limit int) string { return cleanText(hide(text, secrets), limit) }
	failed.RequestID = clean(response.RequestID, maxID)
	if refusal := response.Error; refusal != nil {
		failed.Origin, failed.Code, failed.Message = OriginSTS, clean(refusal.Code, maxCode), clean(refusal.Message, maxMessage)
		failed.Retryable = stsTransient(refusal.Code)
		return temporary{}, nil
	}
	if failed.HTTPStatus != http.StatusOK {
		return temporary{}, nil // the status says more than what is missing
	}
	expires, err := expiry(response.ExpiredTime, response.Expiration)
	return newTemporary(response.Credentials.TmpSecretID, response.Credentials.TmpSecretKey, response.Credentials.Token, expires), err
}

// stsTransient reports whether a refusal may pass by itself: a fault of STS, or too many
// calls in a second (A089).
func stsTransient(code string) bool {
	return strings.HasPrefix(code, "InternalError") || strings.HasPrefix(code, "RequestLimitExceeded") || code == "InvalidParameter.OverLimit"
}

// stsPolicyTooLong reports whether STS refused a policy for its length (A089).
func stsPolicyTooLong(code string) bool {
	return code == "InvalidParameter.PolicyTooLong" || code == "InvalidParameter.ExtendStrategyOverSize"
}

// secrets are what STS was sent and might quote.
func (r stsRequest) secrets(signer Credentials, authorization string) []string {
	_, signature, _ := strings.Cut(authorization, "Signature=")
	all := append(signer.secrets(), authorization, signature, string(r.payload), r.policy)
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(r.policy)) == nil {
		quoted, _ := json.Marshal(compact.String()) // a string can be
		all = append(all, compact.String(), strings.Trim(string(quoted), `"`), escapedPolicy(compact.String()))
	}
	return all
}

// request builds and signs a request.
func (s *sts) request(ctx context.Context, signer Credentials, r stsRequest) (*http.Request, error) {
	const contentType = "application/json; charset=utf-8"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint.String()+"/", bytes.NewReader(r.payload))
	if err != nil {
		return nil, err
	}
	now := s.clock()
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("X-TC-Action", r.action)
	req.Header.Set("X-TC-Version", stsVersion)
	req.Header.Set("X-TC-Region", s.region)
	req.Header.Set("X-TC-Timestamp", strconv.FormatInt(now.Unix(), 10))
	if signer.Token != "" {
		req.Header.Set("X-TC-Token", signer.Token)
	}
	req.Header.Set("Authorization", authorizationTC3(signer, "sts", now,
		[]pair{{"content-type", contentType}, {"host", req.Host}, {"x-tc-action", r.action}}, r.payload))
	return req, nil
}

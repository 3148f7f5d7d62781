package embedded

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// STSHost is the host under which a server is also Tencent Cloud STS, besides
// sts.<region>.tencentcloudapi.com and sts.<suffix>, such as sts.localhost.
const STSHost = "sts.tencentcloudapi.com"

const (
	stsDomain  = ".tencentcloudapi.com"
	stsVersion = "2018-08-13"
	// maxSTSBody is the size limit of a request to STS.
	maxSTSBody = 64 << 10

	opGetFederationToken = "GetFederationToken"
	opAssumeRole         = "AssumeRole"

	// Lifetimes in seconds, when none is asked for and at most.
	federationLifetime, maxFederationLifetime = 1800, 129_600
	roleLifetime, maxRoleLifetime             = 7200, 43_200
)

// An stsError is an error as STS reports it: its code and message stand in a response
// with the status 200.
type stsError struct{ code, message string }

// Error is the code and the message.
func (e *stsError) Error() string { return e.code + ": " + e.message }

func stsFail(code, message string) *stsError { return &stsError{code, message} }

// resolveSTS names the action for faults and the journal. An unknown one has no name.
func (x *exchange) resolveSTS() {
	x.response.request = newUUID()
	x.entry.RequestID = x.response.request
	if action := x.r.Header.Get("X-TC-Action"); action == opGetFederationToken || action == opAssumeRole {
		x.entry.Operation = action
	}
}

// newUUID is a request id as Tencent Cloud API has them.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// serveSTS handles a request to STS: API 3.0 with JSON bodies, version 2018-08-13.
func (s *Server) serveSTS(x *exchange) error {
	body, err := x.stsBody()
	if err != nil {
		return err
	}
	by, parent, err := x.authenticateTC3(body)
	if err != nil {
		return err
	}
	action, version := x.r.Header.Get("X-TC-Action"), x.r.Header.Get("X-TC-Version")
	switch {
	case version != stsVersion:
		return stsFail("NoSuchVersion", "X-TC-Version must be "+stsVersion+".")
	case action == opGetFederationToken:
		return s.getFederationToken(x, body, parent)
	case action == opAssumeRole:
		return s.assumeRole(x, body, by)
	case slices.Contains([]string{"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "GetCallerIdentity", "GetSessionToken", "QueryApiKey"}, action):
		return stsFail("UnsupportedOperation", "The embedded server does not implement "+action+".")
	default:
		return stsFail("InvalidAction", "The action in X-TC-Action does not exist.")
	}
}

// stsBody reads the body, and checks what surrounds it.
func (x *exchange) stsBody() ([]byte, error) {
	for _, name := range []string{"X-TC-Action", "X-TC-Version", "X-TC-Timestamp", "X-TC-Region"} {
		if len(x.r.Header.Values(name)) != 1 || x.r.Header.Get(name) == "" {
			return nil, stsFail("MissingParameter", "The header "+name+" must be given once.")
		}
	}
	kind, _, _ := strings.Cut(x.r.Header.Get("Content-Type"), ";")
	switch {
	case x.r.Method != http.MethodPost:
		return nil, stsFail("UnsupportedProtocol", "The embedded server takes POST with JSON only.")
	case strings.TrimSpace(strings.ToLower(kind)) != "application/json":
		return nil, stsFail("InvalidRequest", "Content-Type must be application/json.")
	case x.r.URL.Path != "/" || x.r.URL.RawQuery != "":
		return nil, stsFail("InvalidRequest", "The request must be to the path / without parameters.")
	}
	body, err := io.ReadAll(io.LimitReader(x.body(), maxSTSBody+1))
	if err != nil {
		return nil, stsFail("InvalidRequest", "The body was not received completely.")
	}
	if len(body) > maxSTSBody {
		return nil, stsFail("RequestSizeLimitExceeded", "The body has more than 64 KiB.")
	}
	return body, nil
}

// authenticateTC3 finds who signed the request, and with which long-lived keys; parent is
// "" for temporary ones. Without checks of signatures it is the first credential of the
// server.
func (x *exchange) authenticateTC3(body []byte) (by signer, parent string, err error) {
	if x.s.opts.Signature == SignatureOff {
		return signer{}, x.s.opts.Credentials[0].SecretID, nil
	}
	if len(x.r.Header.Values("Authorization")) != 1 {
		return by, "", stsFail("MissingParameter", "The header Authorization must be given once.")
	}
	auth, ok := parseTC3(x.r.Header.Get("Authorization"))
	timestamp, terr := strconv.ParseInt(x.r.Header.Get("X-TC-Timestamp"), 10, 64)
	if !ok || terr != nil || auth.date != time.Unix(timestamp, 0).UTC().Format(time.DateOnly) {
		return by, "", stsFail("AuthFailure.InvalidAuthorization", "The Authorization header does not conform to signature v3.")
	}
	if off := x.s.opts.Clock().Unix() - timestamp; off > int64(tc3Window/time.Second) || -off > int64(tc3Window/time.Second) {
		return by, "", stsFail("AuthFailure.SignatureExpire", "X-TC-Timestamp is more than five minutes from the server's time.")
	}
	token := x.r.Header.Get("X-TC-Token")
	by, err = x.s.signer(auth.secretID, token)
	switch e, refused := errors.AsType[*apiError](err); {
	case refused && (e.failure == expiredToken || token != ""):
		return by, "", stsFail("AuthFailure.TokenFailure", "The token is not valid, or has expired.")
	case err != nil:
		return by, "", stsFail("AuthFailure.SecretIdNotFound", "The secret id does not exist.")
	}
	if !auth.check(x.r, body, by.secretKey, timestamp) {
		return by, "", stsFail("AuthFailure.SignatureFailure", "The signature is not that of the request.")
	}
	if !by.temporary {
		parent = auth.secretID
	}
	return by, parent, nil
}

// stsParameters decodes the body into v, whose fields have their wire names.
func stsParameters(body []byte, v any, names ...string) error {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(body, &given); err != nil {
		return stsFail("InvalidRequest", "The body is not a JSON object.")
	}
	for name := range given {
		if !slices.Contains(names, name) {
			return stsFail("UnknownParameter", "The action has no parameter of a name that was given; it has "+strings.Join(names, ", ")+".")
		}
	}
	if err := json.Unmarshal(body, v); err != nil {
		return stsFail("InvalidParameter", "A parameter is not of the right type.")
	}
	return nil
}

// getFederationToken gives out credentials of the keys that signed the request, which a
// policy narrows.
func (s *Server) getFederationToken(x *exchange, body []byte, parent string) error {
	var in struct {
		Name, Policy    string
		DurationSeconds *int64
	}
	if err := stsParameters(body, &in, "Name", "Policy", "DurationSeconds"); err != nil {
		return err
	}
	switch {
	case parent == "":
		return stsFail("InvalidParameter.AccessKeyNotSupport", "GetFederationToken takes long-lived keys only.")
	case in.Name == "" || in.Policy == "":
		return stsFail("MissingParameter", "Name and Policy are required.")
	case len(in.Name) > 128 || strings.Trim(in.Name, nameLetters) != "": // (E115)
		return stsFail("InvalidParameter.ParamError", "Name must have 1 to 128 letters and hyphens.")
	}
	return s.issue(x, session{Parent: parent, Name: in.Name}, in.Policy, in.DurationSeconds, federationLifetime, maxFederationLifetime)
}

const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"

var (
	roleARN     = regexp.MustCompile(`^qcs::cam::uin/[0-9]+:role(Name)?/[\w+=,.@/-]+$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,128}$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]{2,128}$`)
)

// assumeRole gives out credentials of a role. There are no roles to configure: each exists,
// may be assumed by every caller that may call AssumeRole, and may do everything (E114).
func (s *Server) assumeRole(x *exchange, body []byte, by signer) error {
	var in struct {
		RoleArn, RoleSessionName, Policy string
		ExternalID                       *string `json:"ExternalId"`
		DurationSeconds                  *int64
	}
	if err := stsParameters(body, &in, "RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "ExternalId"); err != nil {
		return err
	}
	switch {
	case in.RoleArn == "" || in.RoleSessionName == "":
		return stsFail("MissingParameter", "RoleArn and RoleSessionName are required.")
	case !roleARN.MatchString(in.RoleArn):
		return stsFail("ResourceNotFound.RoleNotFound", "RoleArn is not of the form qcs::cam::uin/<account>:roleName/<role>.")
	case !sessionName.MatchString(in.RoleSessionName):
		return stsFail("InvalidParameter.ParamError", "RoleSessionName must have 2 to 128 letters, digits and =,.@-_.")
	case in.ExternalID != nil && !externalID.MatchString(*in.ExternalID):
		return stsFail("InvalidParameter.ParamError", "ExternalId must have 2 to 128 letters, digits and =,.@:/-_.")
	case by.session != nil && !by.session.allows(policyRequest{service: stsService, actions: []string{opAssumeRole}, key: in.RoleArn, context: conditionContext{length: -1}}):
		return stsFail("UnauthorizedOperation", "The policy of the temporary credentials does not grant sts:AssumeRole of this role.")
	}
	return s.issue(x, session{Name: in.RoleSessionName}, in.Policy, in.DurationSeconds, roleLifetime, maxRoleLifetime)
}

// issue completes a session and responds with its credentials.
func (s *Server) issue(x *exchange, of session, policy string, lifetime *int64, usual, longest int64) error {
	seconds := usual
	if lifetime != nil {
		seconds = *lifetime
	}
	if seconds < 1 {
		return stsFail("InvalidParameter.ParamError", "DurationSeconds must be at least 1.")
	}
	if seconds > longest {
		return stsFail("InvalidParameter.OverTimeError", "DurationSeconds must be at most "+strconv.FormatInt(longest, 10)+".")
	}
	if policy != "" {
		text, err := url.QueryUnescape(policy)
		if err != nil {
			return stsFail("InvalidParameter.StrategyFormatError", "Policy is not encoded as in a URL.")
		}
		if _, err := parseSessionPolicy(text); err != nil {
			return err
		}
		of.Policy = text
	}
	of.SecretID = newSecretID()
	of.Expires = s.opts.Clock().Unix() + seconds
	token, err := s.sessions.token(of)
	if err != nil {
		return err
	}
	x.sendSTS(http.StatusOK, map[string]any{
		"Credentials": map[string]string{"Token": token, "TmpSecretId": of.SecretID, "TmpSecretKey": s.sessions.secretKey(of.SecretID)},
		"ExpiredTime": of.Expires,
		"Expiration":  time.Unix(of.Expires, 0).UTC().Format(time.RFC3339),
	})
	return nil
}

// sendSTSError responds as STS does, with an error inside a 200 unless a fault rule wants
// another status.
func (x *exchange) sendSTSError(status int, code, message string) {
	x.sendSTS(status, map[string]any{"Error": map[string]string{"Code": code, "Message": message}})
}

func (x *exchange) sendSTS(status int, response map[string]any) {
	if x.response.request != "" {
		response["RequestId"] = x.response.request
	}
	text, err := json.Marshal(map[string]any{"Response": response})
	if err != nil { // texts and numbers can be
		x.response.abort()
	}
	x.response.header().Set("Content-Type", "application/json")
	x.response.begin(status, int64(len(text)))
	_, _ = x.response.Write(text) // response.err has a failure
}

package cosbackend

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const stsName = "sts.tencentcloudapi.com"

// narrowing opens a client that signs narrowed, and a server that is both COS and STS.
func narrowing(t *testing.T, respond script, change ...func(*Config)) (*Client, *scripted) {
	t.Helper()
	return open(t, respond, append([]func(*Config){func(cfg *Config) { cfg.Signing.Mode = SignNarrowed }}, change...)...)
}

// federation responds as STS does, with credentials for as long as they are asked for.
func federation(t *testing.T) script {
	return func(w http.ResponseWriter, r *http.Request, n int) {
		if r.Host != stsName {
			t.Errorf("a request to %s, want none but to STS", r.Host)
		}
		_, _ = io.WriteString(w, stsJSON(fmt.Sprintf("AKIDnarrow%d", n), time.Now().Add(30*time.Minute)))
	}
}

// askedOf returns the body of a request to STS and the policy in it.
func askedOf(t *testing.T, r request) (body map[string]any, policy string) {
	t.Helper()
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	text, _ := body["Policy"].(string)
	policy, err := url.PathUnescape(text)
	if err != nil {
		t.Fatal(err)
	}
	delete(body, "Policy")
	return body, policy
}

func TestPresignURLIsSignedWithNarrowedCredentials(t *testing.T) {
	t.Parallel()
	c, sts := narrowing(t, federation(t))
	u, err := c.PresignURL(t.Context(), at(testBucket), "mine/x", PresignOptions{Method: http.MethodPut, Lifetime: time.Minute, Session: "jwt:alice@example.org"})
	if err != nil || !strings.Contains(u.URL, "q-ak=AKIDnarrow1&") || !strings.Contains(u.URL, "x-cos-security-token="+token+"&") || strings.Contains(u.URL, testCredentials().SecretID) {
		t.Fatalf("PresignURL = %s, %v, want it signed with the credentials of STS", u.URL, err)
	}
	r := sts.seen()[0]
	if err := verifyTC3(r, testCredentials().SecretKey, time.Now()); err != nil {
		t.Errorf("the request to STS: %v", err)
	}
	body, policy := askedOf(t, r)
	name, _ := body["Name"].(string)
	if r.Header.Get("X-TC-Action") != "GetFederationToken" || !strings.HasPrefix(name, "jwt-alice-example-org-") || body["DurationSeconds"] != 1800.0 || len(body) != 2 {
		t.Errorf("%s of %v", r.Header.Get("X-TC-Action"), body)
	}
	want := `{"version":"2.0","statement":[{"effect":"allow","action":["name/cos:PutObject"],` +
		`"resource":["qcs::cos:ap-guangzhou:uid/1250000000:photos-1250000000/mine/x"],"condition":{"string_equal_if_exist":{`
	if !strings.HasPrefix(policy, want) || !strings.Contains(policy, `"cos:x-cos-acl":[""]`) {
		t.Errorf("policy = %s", policy)
	}
}

func TestPresignURLIsNotSignedWhenSTSRefuses(t *testing.T) {
	t.Parallel()
	c, sts := narrowing(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		_, _ = io.WriteString(w, `{"Response":{"Error":{"Code":"UnauthorizedOperation","Message":"no `+testCredentials().SecretKey+`"},"RequestId":"sts-9"}}`)
	})
	u, err := c.PresignURL(t.Context(), at(testBucket), "k", PresignOptions{Method: http.MethodGet, Lifetime: time.Minute})
	e := wantError(t, "PresignURL", err)
	if u.URL != "" || e.Origin != OriginSTS || e.Op != "GetFederationToken" || e.Code != "UnauthorizedOperation" || e.RequestID != "sts-9" ||
		e.Bucket != testBucket || e.Key != "k" || e.Profile != "default" || e.Retryable || e.Attempts != 1 {
		t.Errorf("PresignURL = %q, %+v", u.URL, e)
	}
	if text := err.Error(); strings.Contains(text, testCredentials().SecretKey) || strings.Contains(text, "mine") {
		t.Errorf("the error is %q", text)
	}
	if n := len(sts.seen()); n != 1 {
		t.Errorf("%d calls of STS, want 1", n)
	}
}

func TestPresignURLIsNotSignedWithCredentialsThatCannotBeNarrowed(t *testing.T) {
	t.Parallel()
	temporary := testCredentials()
	temporary.Token = "machine-token"
	c, sts := narrowing(t, federation(t), func(cfg *Config) { cfg.Credentials = StaticCredentials(temporary) })
	_, err := c.PresignURL(t.Context(), at(testBucket), "k", PresignOptions{Method: http.MethodGet, Lifetime: time.Minute})
	if e := wantError(t, "PresignURL", err); !errors.Is(err, errNotNarrowable) || e.Origin != OriginTransport || e.Attempts != 0 {
		t.Errorf("PresignURL = %+v", e)
	}
	if n := len(sts.seen()); n != 0 {
		t.Errorf("%d calls of STS, want none", n)
	}
}

func TestIssueTemporaryCredentialsAsksForTheGrantsAlone(t *testing.T) {
	t.Parallel()
	c, sts := open(t, federation(t))
	got, err := c.IssueTemporaryCredentials(t.Context(), at(testBucket), TemporaryCredentialsOptions{
		Grants: []SessionGrant{
			{Actions: []string{"GetObject"}, Key: "b/", Prefix: true},
			{Actions: []string{"GetObject", "HeadObject"}, Key: "a"},
			{Actions: []string{"GetObject", "HeadObject"}, Key: "c"},
		},
		Lifetime: 10 * time.Minute, Session: "team",
	})
	if err != nil || got.SecretID != "AKIDnarrow1" || got.SecretKey != secretKey || got.Token != token || got.Start.IsZero() || !got.Expires.After(got.Start) {
		t.Fatalf("IssueTemporaryCredentials = %+v, %v", got, err)
	}
	body, policy := askedOf(t, sts.seen()[0])
	if fmt.Sprint(body) != fmt.Sprint(map[string]any{"Name": "team", "DurationSeconds": 600.0}) {
		t.Errorf("asked for %v", body)
	}
	const versions = `"condition":{"string_equal_if_exist":{"cos:versionid":[""]}}`
	const objects = `qcs::cos:ap-guangzhou:uid/1250000000:photos-1250000000/`
	want := `{"version":"2.0","statement":[` +
		`{"effect":"allow","action":["name/cos:GetObject"],"resource":["` + objects + `b/*"],` + versions + `},` +
		`{"effect":"allow","action":["name/cos:GetObject","name/cos:HeadObject"],"resource":["` + objects + `a","` + objects + `c"],` + versions + `}]}`
	if policy != want {
		t.Errorf("policy = %s\nwant     %s", policy, want)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", got, got, &got, got); strings.Contains(text, secretKey) || strings.Contains(text, token) {
		t.Errorf("printed as %s", text)
	}
}

package cosbackend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

const stsName = "sts.tencentcloudapi.com"

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
	c, sts := open(t, federation(t))
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
	if !strings.HasPrefix(policy, want) || !strings.Contains(policy, `"cos:x-cos-acl":""`) {
		t.Errorf("policy = %s", policy)
	}
}

func TestPresignURLIsNotSignedWhenSTSRefuses(t *testing.T) {
	t.Parallel()
	c, sts := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
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
	c, sts := open(t, federation(t), func(cfg *Config) { cfg.Credentials = StaticCredentials(temporary) })
	_, err := c.PresignURL(t.Context(), at(testBucket), "k", PresignOptions{Method: http.MethodGet, Lifetime: time.Minute})
	if e := wantError(t, "PresignURL", err); !errors.Is(err, ErrNotNarrowable) || e.Origin != OriginTransport || e.Attempts != 0 {
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
	const versions = `"condition":{"string_equal_if_exist":{"cos:versionid":""}}`
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

func presignGet(t *testing.T, c *Client, key, session string, lifetime time.Duration) (PresignedURL, error) {
	t.Helper()
	return c.PresignURL(t.Context(), at(testBucket), key, PresignOptions{Method: http.MethodGet, Lifetime: lifetime, Session: session})
}

// lasting responds as STS does, with credentials for as long as they are asked for.
func lasting(t *testing.T) script {
	return func(w http.ResponseWriter, r *http.Request, n int) {
		var body struct{ DurationSeconds int64 }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("the body: %v", err)
		}
		_, _ = io.WriteString(w, stsJSON(fmt.Sprintf("AKIDnarrow%d", n), time.Now().Add(time.Duration(body.DurationSeconds)*time.Second)))
	}
}

func TestNarrowedCredentialsAreFetchedOnceForTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, sts := open(t, lasting(t))
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				if _, err := presignGet(t, c, "k", "alice", 10*time.Minute); err != nil {
					t.Errorf("PresignURL = %v", err)
				}
			})
		}
		callers.Wait()
		if n := len(sts.seen()); n != 1 {
			t.Fatalf("50 callers made %d calls of STS, want 1", n)
		}
		// 30 minutes were given: good for another URL of 10 minutes for a while.
		<-time.After(15 * time.Minute)
		u, err := presignGet(t, c, "k", "alice", 10*time.Minute)
		if err != nil || len(sts.seen()) != 1 || time.Until(u.Expires) < 599*time.Second {
			t.Errorf("PresignURL = until %v, %v, after %d calls of STS", u.Expires, err, len(sts.seen()))
		}
		for _, other := range []struct{ key, session string }{{"k", "bob"}, {"l", "alice"}} {
			if u, err := presignGet(t, c, other.key, other.session, time.Minute); err != nil || strings.Contains(u.URL, "q-ak=AKIDnarrow1&") {
				t.Errorf("PresignURL(%v) = %s, %v, want credentials of its own", other, u.URL, err)
			}
		}
		if n := len(sts.seen()); n != 3 {
			t.Errorf("%d calls of STS, want 3", n)
		}
	})
}

// Credentials that are about to be too short are fetched again while they are still used.
func TestNarrowedCredentialsAreFetchedAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, sts := open(t, lasting(t))
		for i, wait := range []time.Duration{0, 19*time.Minute + 30*time.Second, time.Minute} {
			<-time.After(wait)
			u, err := presignGet(t, c, "k", "", 10*time.Minute)
			want := []string{"AKIDnarrow1", "AKIDnarrow1", "AKIDnarrow2"}[i]
			if err != nil || !strings.Contains(u.URL, "q-ak="+want+"&") {
				t.Errorf("%d: PresignURL = %s, %v, want credentials %s", i, u.URL, err, want)
			}
			synctest.Wait()
			if n := len(sts.seen()); n != min(i+1, 2) {
				t.Errorf("%d: %d calls of STS", i, n)
			}
		}
	})
}

func TestNarrowedCredentialsLastNoLongerThanSTSGives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, sts := open(t, lasting(t), func(cfg *Config) { cfg.Signing.MaxDuration = time.Hour })
		u, err := presignGet(t, c, "k", "", 24*time.Hour)
		if err != nil || time.Until(u.Expires) > time.Hour || time.Until(u.Expires) < 59*time.Minute {
			t.Errorf("PresignURL = until %v, %v, want an hour", u.Expires, err)
		}
		if body, _ := askedOf(t, sts.seen()[0]); body["DurationSeconds"] != 3600.0 {
			t.Errorf("asked for %v", body)
		}
	})
}

func TestNarrowedCredentialsOfOthersAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	c, _ := open(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if body, _ := io.ReadAll(r.Body); strings.Contains(string(body), "slow") {
			<-slow
		}
		_, _ = io.WriteString(w, stsJSON(fmt.Sprintf("AKIDnarrow%d", n), time.Now().Add(time.Hour)))
	})
	waiting := make(chan error, 1)
	go func() {
		_, err := presignGet(t, c, "slow", "", time.Minute)
		waiting <- err
	}()
	if _, err := presignGet(t, c, "quick", "", time.Minute); err != nil {
		t.Errorf("PresignURL beside a slow one = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.PresignURL(ctx, at(testBucket), "slow", PresignOptions{Method: http.MethodGet, Lifetime: time.Minute})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("PresignURL of a caller that left = %v", err)
	}
	close(slow)
	if err := <-waiting; err != nil {
		t.Errorf("PresignURL = %v", err)
	}
}

func TestNarrowedCredentialsAreBounded(t *testing.T) {
	t.Parallel()
	n := &narrower{known: make(map[narrowKey]temporary), sts: &sts{clock: time.Now}}
	for i := range maxNarrowed + 100 {
		var key narrowKey
		key[0], key[1] = byte(i), byte(i>>8)
		n.remember(key, temporary{expires: time.Now().Add(time.Duration(i%2) * time.Hour)})
		if _, ok := n.cached(key); !ok {
			t.Fatalf("the latest of %d is forgotten", i+1)
		}
	}
	if got := len(n.known); got > maxNarrowed {
		t.Errorf("%d are remembered, want at most %d", got, maxNarrowed)
	}
}

func TestNarrowedCredentialsOfARoleAreAssumedWithAPolicy(t *testing.T) {
	t.Parallel()
	dial, sts := source(t, func(w http.ResponseWriter, r *http.Request, n int) {
		_, _ = io.WriteString(w, stsJSON(fmt.Sprintf("AKIDrole%d", n), time.Now().Add(time.Hour)))
	})
	o := roleOptions(dial)
	o.ExternalID = "ext"
	role, err := AssumeRoleCredentials(o)
	if err != nil {
		t.Fatal(err)
	}
	defer role.Close()
	c, cos := open(t, federation(t), func(cfg *Config) { cfg.Credentials = role })
	u, err := presignGet(t, c, "k", "jwt:alice smith", time.Minute)
	if err != nil || !strings.Contains(u.URL, "q-ak=AKIDrole1&") || len(cos.seen()) != 0 {
		t.Fatalf("PresignURL = %s, %v, want it signed with a narrowed role", u.URL, err)
	}
	r := sts.seen()[0]
	body, policy := askedOf(t, r)
	want := map[string]any{"RoleArn": testRoleARN, "RoleSessionName": "jwt-alice-smith", "DurationSeconds": 1800.0, "ExternalId": "ext"}
	if err := verifyTC3(r, testCredentials().SecretKey, time.Now()); err != nil || fmt.Sprint(body) != fmt.Sprint(want) || !strings.Contains(policy, "/k\"]") {
		t.Errorf("%s of %v with %s: %v", r.Header.Get("X-TC-Action"), body, policy, err)
	}

	o.Policy = `{"version":"2.0","statement":[]}`
	narrow, err := AssumeRoleCredentials(o)
	if err != nil {
		t.Fatal(err)
	}
	defer narrow.Close()
	c, _ = open(t, federation(t), func(cfg *Config) { cfg.Credentials = narrow })
	if _, err := presignGet(t, c, "k", "", time.Minute); !errors.Is(err, ErrNotNarrowable) {
		t.Errorf("PresignURL with a role under a policy = %v, want ErrNotNarrowable: a second policy would widen it", err)
	}
}

// A role can be named for narrowing: then the credentials may be temporary.
func TestNarrowedCredentialsOfAConfiguredRole(t *testing.T) {
	t.Parallel()
	machine := testCredentials()
	machine.Token = "machine-token"
	c, sts := open(t, federation(t), func(cfg *Config) {
		cfg.Credentials = StaticCredentials(machine)
		cfg.Signing.RoleARN, cfg.Signing.STSRegion = testRoleARN, "ap-shanghai"
	})
	if _, err := presignGet(t, c, "k", "", time.Minute); err != nil {
		t.Fatal(err)
	}
	r := sts.seen()[0]
	if r.Header.Get("X-TC-Action") != "AssumeRole" || r.Header.Get("X-TC-Token") != "machine-token" || r.Header.Get("X-TC-Region") != "ap-shanghai" {
		t.Errorf("asked with %v", r.Header)
	}
}

func TestSTSIsAskedAgainWhereThatHelps(t *testing.T) {
	t.Parallel()
	refusal := func(code string) string {
		return `{"Response":{"Error":{"Code":"` + code + `","Message":"m"},"RequestId":"sts-9"}}`
	}
	for name, tt := range map[string]struct {
		status int
		body   string
		calls  int
		retry  bool
	}{
		"internal":     {200, refusal("InternalError.SystemError"), 3, true},
		"frequency":    {200, refusal("RequestLimitExceeded"), 3, true},
		"over limit":   {200, refusal("InvalidParameter.OverLimit"), 3, true},
		"gateway":      {502, "<html>", 3, true},
		"cut short":    {200, `{"Response":`, 1, false},
		"unauthorized": {200, refusal("UnauthorizedOperation"), 1, false},
		"bad policy":   {200, refusal("InvalidParameter.StrategyInvalid"), 1, false},
		"no signature": {200, refusal("AuthFailure.SignatureFailure"), 1, false},
		"expired":      {200, stsJSON("AKIDold", time.Unix(1, 0)), 1, false},
		"no token":     {200, strings.Replace(stsJSON("AKIDold", time.Now().Add(time.Hour)), token, "", 1), 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, sts := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
					w.WriteHeader(tt.status)
					_, _ = io.WriteString(w, tt.body)
				}, attempts(3))
				u, err := presignGet(t, c, "k", "", time.Minute)
				e := wantError(t, "PresignURL", err)
				if n := len(sts.seen()); u.URL != "" || n != tt.calls || e.Attempts != n || e.Retryable != tt.retry || e.Op != "GetFederationToken" || e.Bucket != testBucket {
					t.Errorf("%d calls of STS and %+v, want %d", n, e, tt.calls)
				}
			})
		})
	}
}

func TestSTSThatFindsThePolicyTooLongIsAProblemOfTheGrants(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"InvalidParameter.PolicyTooLong", "InvalidParameter.ExtendStrategyOverSize"} {
		c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			_, _ = io.WriteString(w, `{"Response":{"Error":{"Code":"`+code+`","Message":"m"},"RequestId":"sts-9"}}`)
		})
		_, err := c.IssueTemporaryCredentials(t.Context(), at(testBucket), TemporaryCredentialsOptions{
			Grants: []SessionGrant{{Actions: []string{"GetObject"}, Key: "k"}}, Lifetime: time.Minute,
		})
		if e, ok := errors.AsType[*ValidationError](err); !ok || e.Field != "grants" {
			t.Errorf("%s: IssueTemporaryCredentials = %v, want a *ValidationError", code, err)
		}
	}
}

func TestSessionNamesAreWhatSTSTakes(t *testing.T) {
	t.Parallel()
	for session, want := range map[string][2]string{
		"":                       {"cosgate", "cosgate"},
		"reader":                 {"reader", "reader"},
		"jwt:alice@example.org":  {"jwt-alice@example.org", "jwt-alice-example-org-"},
		"cert:CN=a b":            {"cert-CN=a-b", "cert-CN-a-b-"},
		"7":                      {"cosgate-7", "-"},
		"中":                      {"cosgate--", "-"},
		strings.Repeat("x", 300): {strings.Repeat("x", 128), strings.Repeat("x", 23) + "-"},
	} {
		role, federated := roleSessionName(session), federationName(session)
		if role != want[0] || len(role) < 2 {
			t.Errorf("roleSessionName(%.20q) = %q, want %q", session, role, want[0])
		}
		if !strings.HasPrefix("-"+federated, "-"+strings.TrimPrefix(want[1], "-")) || federated == "" || len(federated) > maxFederationName ||
			strings.Trim(federated, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			t.Errorf("federationName(%.20q) = %q, want letters and hyphens that begin with %q", session, federated, want[1])
		}
	}
	if federationName("user1") == federationName("user2") {
		t.Error("two callers have the same name at STS")
	}
}

func TestPresignURLWithACallersOwnCredentialsAsksNobody(t *testing.T) {
	t.Parallel()
	c, sts := open(t, federation(t))
	own := WithCallerCredentials(t.Context(), Credentials{SecretID: "AKIDown", SecretKey: "own-key"})
	u, err := c.PresignURL(own, at(testBucket), "k*", PresignOptions{Method: http.MethodGet, Lifetime: time.Minute})
	if err != nil || !strings.Contains(u.URL, "q-ak=AKIDown&") || len(sts.seen()) != 0 {
		t.Errorf("PresignURL = %s, %v, with %d calls of STS", u.URL, err, len(sts.seen()))
	}
	issued, err := c.IssueTemporaryCredentials(own, at(testBucket), TemporaryCredentialsOptions{
		Grants: []SessionGrant{{Actions: []string{"GetObject"}, Key: "k"}}, Lifetime: time.Minute,
	})
	if err != nil || issued.SecretID == "" || !strings.Contains(sts.seen()[0].Header.Get("Authorization"), "Credential=AKIDown/") {
		t.Errorf("IssueTemporaryCredentials = %v: it must narrow the caller's credentials", err)
	}
}

func TestSigningOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change  func(*Config)
		problem string
	}{
		"role":               {func(cfg *Config) { cfg.Signing.RoleARN = "cosgate" }, "Signing.RoleARN must be like"},
		"longer than a role": {func(cfg *Config) { cfg.Signing.RoleARN, cfg.Signing.MaxDuration = testRoleARN, 13*time.Hour }, "Signing.MaxDuration must be"},
		"longer than a key":  {func(cfg *Config) { cfg.Signing.MaxDuration = 37 * time.Hour }, "Signing.MaxDuration must be"},
		"parts of a second":  {func(cfg *Config) { cfg.Signing.MaxDuration = time.Second / 2 }, "Signing.MaxDuration must be"},
		"region":             {func(cfg *Config) { cfg.Signing.STSRegion = "x/y" }, "Signing.STSRegion must be like"},
		"plain text":         {func(cfg *Config) { cfg.Signing.STSEndpoint = "http://sts.example.org" }, "Signing.STSEndpoint must be https://"},
		"plain text by proxy": {func(cfg *Config) {
			cfg.Signing.STSEndpoint, cfg.Transport.Proxy = "http://sts.example.org", &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
		}, "Signing.STSEndpoint must be https://"},
		"not an address": {func(cfg *Config) { cfg.Signing.STSEndpoint = "sts" }, "Signing.STSEndpoint must be an http"},
		"loopback":       {func(cfg *Config) { cfg.Signing.STSEndpoint = "http://127.0.0.1:1" }, ""},
		"in memory": {func(cfg *Config) {
			cfg.Signing.STSEndpoint, cfg.Transport.DialContext = "http://sts.example.org", noNetwork
		}, ""},
		"insecure": {func(cfg *Config) { cfg.Signing.STSEndpoint, cfg.Signing.Insecure = "http://sts.example.org", true }, ""},
	} {
		cfg := Config{Credentials: StaticCredentials(testCredentials())}
		tt.change(&cfg)
		c, err := New(cfg)
		if err == nil {
			c.Close()
		}
		if (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%s: New = %v, want %q", name, err, tt.problem)
		}
	}
}

// Where COS is played under its own names, STS is found in the same place; else it is
// never reached without TLS by itself.
func TestSTSIsReachedAsCOSIs(t *testing.T) {
	t.Parallel()
	proxy := &url.URL{Scheme: "http", Host: "cos.example.org:9000"}
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"localhost": {func(cfg *Config) { cfg.Endpoint = "http://{bucket}.cos.{region}.localhost:9000" }, "http://sts.localhost:9000"},
		"localhost by a proxy": {func(cfg *Config) {
			cfg.Endpoint, cfg.Transport.Proxy = "http://{bucket}.cos.{region}.localhost", proxy
		}, "http://sts.localhost"},
		"a name like it":  {func(cfg *Config) { cfg.Endpoint = "http://{bucket}.cos.{region}.notlocalhost" }, "https"},
		"COS":             {func(*Config) {}, "https"},
		"proxy":           {func(cfg *Config) { cfg.Transport.Proxy = proxy }, "https"},
		"http":            {func(cfg *Config) { cfg.Endpoint, cfg.Signing.Insecure = "http://{bucket}.example.org", true }, "https"},
		"http by a proxy": {func(cfg *Config) { cfg.Endpoint, cfg.Transport.Proxy = "http://{bucket}.example.org", proxy }, "https"},
		"by consent": {func(cfg *Config) {
			cfg.Endpoint, cfg.Transport.Proxy, cfg.Signing.Insecure = "http://{bucket}.example.org", proxy, true
		}, "http"},
		"in memory": {func(cfg *Config) { cfg.Endpoint, cfg.Transport.DialContext = "http://{bucket}.example.org", noNetwork }, "http"},
	} {
		cfg := Config{Credentials: StaticCredentials(testCredentials())}
		tt.change(&cfg)
		c, err := New(cfg)
		if err != nil {
			t.Fatalf("%s: New = %v", name, err)
		}
		c.Close()
		if got := c.narrower.sts.endpoint.String(); got != tt.want && got != tt.want+"://"+stsName {
			t.Errorf("%s: STS is at %s, want %s", name, got, tt.want)
		}
	}
}

func FuzzSTSResponse(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", `{"Response":null}`, `{"Response":{"Error":{}}}`, `{"Response":{"Error":{"Code":"AuthFailure","Message":"m"},"RequestId":"r"}}`,
		`{"Response":{"Credentials":{"Token":"t","TmpSecretId":"i","TmpSecretKey":"k"},"ExpiredTime":1,"Expiration":"x","RequestId":"r"}}`,
		`{"Response":{"ExpiredTime":9223372036854775807,"Credentials":{"Token":"t\n","TmpSecretId":"i","TmpSecretKey":"k"}}}`,
		stsJSON("AKIDx", time.Unix(1<<40, 0)), `{"Response":{"Error":{"Code":"testsecretkeyvalue","Message":"\u0000testsecretkeyvalue"},"RequestId":"testsecretkeyvalue"}}`,
	} {
		f.Add([]byte(seed), 200)
		f.Add([]byte(seed), 502)
	}
	secrets := secretForms(testCredentials().secrets())
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		failed := &Error{Op: "AssumeRole", Origin: OriginTransport, HTTPStatus: status}
		got, err := stsRequest{action: "AssumeRole"}.decode(body, failed, secrets)
		refused := err != nil || failed.Origin == OriginSTS || status != http.StatusOK
		if refused && got.credentials != (Credentials{}) && err == nil {
			t.Errorf("refused, with credentials")
		}
		failed.Cause = err
		if text := failed.Error(); strings.Contains(text, testCredentials().SecretKey) || !utf8.ValidString(text) || len(text) > 4096 {
			t.Errorf("the error is %q", text)
		}
	})
}

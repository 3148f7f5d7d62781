package cosbackend

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const testRoleARN = "qcs::cam::uin/100000000001:roleName/cosgate"

// The example of the public documentation of signature v3: DescribeInstances of cvm,
// with the intermediate values it prints.
func TestTC3SignatureIsThatOfTheDocumentation(t *testing.T) {
	t.Parallel()
	payload := `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	if got := hexSHA256([]byte(payload)); got != "35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064" {
		t.Errorf("hash of the payload = %s", got)
	}
	got := authorizationTC3(Credentials{SecretID: "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", SecretKey: "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"},
		"cvm", time.Unix(1551113065, 0).In(time.FixedZone("UTC+8", 8*3600)),
		[]pair{{"content-type", "application/json; charset=utf-8"}, {"host", "cvm.tencentcloudapi.com"}}, []byte(payload))
	want := "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, " +
		"SignedHeaders=content-type;host, Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
	if got != want {
		t.Errorf("authorizationTC3 =\n%s, want\n%s", got, want)
	}
}

// verifyTC3 verifies a request as the documentation says a server does, from what was
// received alone.
func verifyTC3(r request, secretKey string, now time.Time) error {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "TC3-HMAC-SHA256 ")
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ", ") {
		name, value, _ := strings.Cut(part, "=")
		fields[name] = value
	}
	credential := strings.Split(fields["Credential"], "/")
	if !ok || len(credential) != 4 || credential[3] != "tc3_request" {
		return fmt.Errorf("unusable Authorization with Credential %q", fields["Credential"])
	}
	seconds, err := strconv.ParseInt(r.Header.Get("X-TC-Timestamp"), 10, 64)
	if age := now.Sub(time.Unix(seconds, 0)); err != nil || age.Abs() > 5*time.Minute {
		return fmt.Errorf("the timestamp is off by %v", age)
	}
	if day := time.Unix(seconds, 0).UTC().Format("2006-01-02"); credential[1] != day {
		return fmt.Errorf("the date is %s, want %s", credential[1], day)
	}
	if service, _, _ := strings.Cut(r.Host, "."); credential[2] != "sts" || service != "sts" && service != "127" {
		return fmt.Errorf("signed for %q, sent to %q", credential[2], r.Host)
	}
	var canonical strings.Builder
	path, query, _ := strings.Cut(r.URI, "?")
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", r.Method, path, query)
	seen := map[string]bool{}
	for name := range strings.SplitSeq(fields["SignedHeaders"], ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		seen[name] = true
		fmt.Fprintf(&canonical, "%s:%s\n", name, strings.ToLower(strings.TrimSpace(value)))
	}
	if !seen["host"] || !seen["content-type"] {
		return errors.New("host and content-type must be signed")
	}
	fmt.Fprintf(&canonical, "\n%s\n%x", fields["SignedHeaders"], sha256.Sum256(r.Body))
	text := fmt.Sprintf("TC3-HMAC-SHA256\n%d\n%s/sts/tc3_request\n%x", seconds, credential[1], sha256.Sum256([]byte(canonical.String())))
	sum := func(key []byte, s string) []byte {
		h := hmac.New(sha256.New, key)
		_, _ = io.WriteString(h, s)
		return h.Sum(nil)
	}
	key := sum(sum(sum([]byte("TC3"+secretKey), credential[1]), "sts"), "tc3_request")
	if want := fmt.Sprintf("%x", sum(key, text)); fields["Signature"] != want {
		return fmt.Errorf("signature %s, want %s", fields["Signature"], want)
	}
	return nil
}

func stsJSON(id string, expires time.Time) string {
	return fmt.Sprintf(`{"Response":{"Credentials":{"Token":%q,"TmpSecretId":%q,"TmpSecretKey":%q},"ExpiredTime":%d,"Expiration":%q,"RequestId":"sts-1"}}`,
		token, id, secretKey, expires.Unix(), expires.UTC().Format(time.RFC3339))
}

func roleOptions(dial dialFunc) AssumeRoleOptions {
	return AssumeRoleOptions{
		RoleARN: testRoleARN, Source: StaticCredentials(testCredentials()),
		Endpoint: "http://127.0.0.1", Transport: TransportOptions{DialContext: dial},
	}
}

func TestAssumeRoleCredentialsSignForCOSAndAreRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Time
		dial, sts := source(t, func(w http.ResponseWriter, _ *http.Request, n int) {
			asked = append(asked, time.Now())
			_, _ = io.WriteString(w, stsJSON(fmt.Sprintf("AKIDrole%d", n), time.Now().Add(2*time.Hour)))
		})
		o := roleOptions(dial)
		o.SessionName, o.ExternalID, o.Duration = "cosgate@host-1", "ext:1/a", 2*time.Hour
		o.Policy = `{"version": "2.0", "statement": []}`
		p, err := AssumeRoleCredentials(o)
		if err != nil {
			t.Fatalf("AssumeRoleCredentials = %v", err)
		}
		defer p.Close()
		c, cos := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			respondXML(w, 200, "<ListBucketResult></ListBucketResult>")
		}, func(cfg *Config) { cfg.Credentials = p })
		for i := range 2 {
			if err := list(t.Context(), c); err != nil {
				t.Fatalf("ListObjects = %v", err)
			}
			r := cos.seen()[i]
			if got := r.Header.Get("Authorization"); !strings.Contains(got, fmt.Sprintf("q-ak=AKIDrole%d&", i+1)) || r.Header.Get("x-cos-security-token") != token {
				t.Errorf("request %d is signed %q with the token %q", i, got, r.Header.Get("x-cos-security-token"))
			}
			<-time.After(80 * time.Minute)
			synctest.Wait()
		}
		status, ok := c.CredentialStatus()
		if !ok || status.Failures != 0 || status.Obtained.IsZero() || !status.NextRefresh.After(status.Obtained) {
			t.Errorf("CredentialStatus = %+v, %v", status, ok)
		}
		checkAssumeRole(t, sts.seen()[0])
		for i, r := range sts.seen() {
			if err := verifyTC3(r, testCredentials().SecretKey, asked[i]); err != nil {
				t.Errorf("request %d to STS: %v", i, err)
			}
		}
	})
}

func checkAssumeRole(t *testing.T, r request) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Tc-Action": "AssumeRole", "X-Tc-Version": "2018-08-13", "X-Tc-Region": "ap-guangzhou", "X-Tc-Token": "",
		"Content-Type": "application/json; charset=utf-8",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	var body map[string]any
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	text, _ := body["Policy"].(string)
	policy, err := url.QueryUnescape(text)
	if err != nil || policy != `{"version":"2.0","statement":[]}` || strings.ContainsAny(text, " +{") {
		t.Errorf("Policy = %q, decoded %q, %v", text, policy, err)
	}
	delete(body, "Policy")
	want := map[string]any{"RoleArn": testRoleARN, "RoleSessionName": "cosgate@host-1", "DurationSeconds": 7200.0, "ExternalId": "ext:1/a"}
	if fmt.Sprint(body) != fmt.Sprint(want) {
		t.Errorf("body = %v, want %v", body, want)
	}
}

// The machine's role may assume another: the token of the first goes with the request.
func TestAssumeRoleCredentialsUseTheRoleOfTheMachine(t *testing.T) {
	t.Parallel()
	meta, _ := source(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		_, _ = io.WriteString(w, metadataJSON("AKIDmachine", time.Now().Add(time.Hour)))
	})
	machine, err := MetadataCredentials(MetadataOptions{Role: "r", DialContext: meta})
	if err != nil {
		t.Fatal(err)
	}
	defer machine.Close()
	dial, sts := source(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		_, _ = io.WriteString(w, stsJSON("AKIDrole", time.Now().Add(time.Hour)))
	})
	o := roleOptions(dial)
	o.Source = machine
	role, err := AssumeRoleCredentials(o)
	if err != nil {
		t.Fatal(err)
	}
	defer role.Close()
	wantID(t, role, "AKIDrole")
	r := sts.seen()[0]
	if err := verifyTC3(r, secretKey, time.Now()); err != nil || r.Header.Get("X-TC-Token") != token || !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIDmachine/") {
		t.Errorf("STS received the authorization %q with the token %q: %v", r.Header.Get("Authorization"), r.Header.Get("X-TC-Token"), err)
	}
	if want := `{"RoleArn":"` + testRoleARN + `","RoleSessionName":"cosgate"}`; string(r.Body) != want {
		t.Errorf("body = %s, want %s: what is not given is left to STS", r.Body, want)
	}
}

func TestTC3VerifierOfTheseTestsRefusesAnyChange(t *testing.T) {
	t.Parallel()
	dial, s := source(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(500) })
	p, err := AssumeRoleCredentials(roleOptions(dial))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = p.Credentials(t.Context())
	_ = p.Close()
	good := s.seen()[0]
	if err := verifyTC3(good, testCredentials().SecretKey, time.Now()); err != nil {
		t.Fatalf("verifyTC3 = %v", err)
	}
	for name, change := range map[string]func(*request){
		"body":      func(r *request) { r.Body = append([]byte(" "), r.Body...) },
		"action":    func(r *request) { r.Header.Set("X-TC-Action", "GetFederationToken") },
		"timestamp": func(r *request) { r.Header.Set("X-TC-Timestamp", "1551113065") },
		"host":      func(r *request) { r.Host = "sts.example.com" },
	} {
		r := good
		r.Header = good.Header.Clone()
		change(&r)
		if verifyTC3(r, testCredentials().SecretKey, time.Now()) == nil {
			t.Errorf("a changed %s passes", name)
		}
	}
}

func TestAssumeRoleCredentialsReportRefusals(t *testing.T) {
	t.Parallel()
	refused := errors.New("source")
	for name, tc := range map[string]struct {
		source   CredentialProvider
		response string
		status   int
		want     string
	}{
		"refusal":        {nil, `{"Response":{"Error":{"Code":"AuthFailure.SecretIdNotFound","Message":"The SecretId is not found. verysecretkey"},"RequestId":"sts-9"}}`, 200, "AuthFailure.SecretIdNotFound: The SecretId is not found. [redacted] (request id sts-9)"},
		"HTML":           {nil, "<html>verysecretkey", 502, "HTTP status 502"},
		"status":         {nil, `{"Response":{}}`, 500, "HTTP status 500"},
		"nothing":        {nil, `{}`, 200, "when the credentials end"},
		"redirect":       {nil, `{}`, 307, "HTTP status 307"},
		"no credentials": {nil, fmt.Sprintf(`{"Response":{"ExpiredTime":%d}}`, time.Now().Add(time.Hour).Unix()), 200, "secret id is empty"},
		"source fails":   {brokenSource{refused}, "", 200, "the credentials that assume the role: source"},
		"source empty":   {brokenSource{nil}, "", 200, "the credentials that assume the role: the secret id is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			dial, s := source(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.response)
			})
			o := roleOptions(dial)
			o.Source = StaticCredentials(secretCredentials())
			if tc.source != nil {
				o.Source = tc.source
			}
			p, err := AssumeRoleCredentials(o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Credentials(t.Context())
			_ = p.Close()
			if _, ok := errors.AsType[*CredentialsError](err); !ok || !strings.Contains(err.Error(), tc.want) || hasSecret(err.Error()) {
				t.Errorf("Credentials = %v, want a *CredentialsError with %q and no secret", err, tc.want)
			}
			if n := len(s.seen()); n > 1 {
				t.Errorf("%d requests were made, want at most 1", n)
			}
		})
	}
}

type brokenSource struct{ err error }

func (s brokenSource) Credentials(context.Context) (Credentials, error) { return Credentials{}, s.err }

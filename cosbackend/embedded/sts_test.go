package embedded_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// An stsCall is a request to STS. Zero fields have the usual value.
type stsCall struct {
	host, action, version string
	body                  string
	cred                  embedded.Credential // the client's own
	at                    time.Time           // of the timestamp; the client's clock
	change                func(*http.Request) // after signing
}

type stsResponse struct {
	Credentials struct{ Token, TmpSecretID, TmpSecretKey string }
	ExpiredTime int64
	Expiration  string
	RequestID   string
	Error       struct{ Code, Message string }
}

// sts makes a call, signed with signature v3 by code that shares nothing with the server.
func (c *client) sts(t testing.TB, in stsCall) stsResponse {
	t.Helper()
	if in.host == "" {
		in.host = embedded.STSHost
	}
	if in.cred == (embedded.Credential{}) {
		in.cred = c.cred
	}
	if in.at.IsZero() {
		in.at = c.clock()
	}
	if in.version == "" {
		in.version = "2018-08-13"
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+in.host+"/", strings.NewReader(in.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("X-TC-Action", in.action)
	r.Header.Set("X-TC-Version", in.version)
	r.Header.Set("X-TC-Region", "ap-guangzhou")
	r.Header.Set("X-TC-Timestamp", fmt.Sprint(in.at.Unix()))
	if in.cred.Token != "" {
		r.Header.Set("X-TC-Token", in.cred.Token)
	}
	signTC3(r, in.cred, in.at, in.body)
	if in.change != nil {
		in.change(r)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Response stsResponse }
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&doc); err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s = %d %s %q, %v, want JSON in a 200", in.action, resp.StatusCode, resp.Header.Get("Content-Type"), text, err)
	}
	if doc.Response.RequestID == "" {
		t.Errorf("%s: %s has no RequestId", in.action, text)
	}
	return doc.Response
}

func signTC3(r *http.Request, cred embedded.Credential, at time.Time, body string) {
	date := at.UTC().Format("2006-01-02")
	canonical := "POST\n/\n\ncontent-type:application/json; charset=utf-8\nhost:" + r.URL.Host + "\nx-tc-action:" +
		strings.ToLower(r.Header.Get("X-TC-Action")) + "\n\ncontent-type;host;x-tc-action\n" + fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
	text := fmt.Sprintf("TC3-HMAC-SHA256\n%d\n%s/sts/tc3_request\n%x", at.Unix(), date, sha256.Sum256([]byte(canonical)))
	mac := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		io.WriteString(m, text)
		return m.Sum(nil)
	}
	key := mac(mac(mac([]byte("TC3"+cred.SecretKey), date), "sts"), "tc3_request")
	r.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s/sts/tc3_request, SignedHeaders=content-type;host;x-tc-action, Signature=%x",
		cred.SecretID, date, mac(key, text)))
}

// jsonOf writes a body.
func jsonOf(fields map[string]any) string {
	text, _ := json.Marshal(fields)
	return string(text)
}

// federationBody asks for credentials with a policy.
func federationBody(policy string) string {
	return jsonOf(map[string]any{"Name": "test", "Policy": url.QueryEscape(policy), "DurationSeconds": 600})
}

func roleBody(policy string) string {
	fields := map[string]any{"RoleArn": testRole, "RoleSessionName": "test"}
	if policy != "" {
		fields["Policy"] = url.QueryEscape(policy)
	}
	return jsonOf(fields)
}

const testRole = "qcs::cam::uin/100000000001:roleName/test"

// as is the client with the credentials of a response.
func (c *client) as(t testing.TB, r stsResponse) *client {
	t.Helper()
	if r.Error.Code != "" || r.Credentials.Token == "" {
		t.Fatalf("STS = %+v, want credentials", r)
	}
	other := *c
	other.cred = embedded.Credential{SecretID: r.Credentials.TmpSecretID, SecretKey: r.Credentials.TmpSecretKey, Token: r.Credentials.Token}
	return &other
}

// narrowed is the client with credentials of GetFederationToken.
func (c *client) narrowed(t testing.TB, statements ...string) *client {
	t.Helper()
	return c.as(t, c.sts(t, stsCall{action: "GetFederationToken", body: federationBody(sessionPolicy(statements...))}))
}

func sessionPolicy(statements ...string) string {
	return `{"version":"2.0","statement":[` + strings.Join(statements, ",") + `]}`
}

// grants is a statement of a session policy; condition may be empty.
func grants(effect, action, resource, condition string) string {
	if !strings.HasPrefix(resource, "qcs") && resource != "*" {
		resource = "qcs::cos:ap-guangzhou:uid/1250000000:" + resource
	}
	text := `{"effect":"` + effect + `","action":["` + strings.ReplaceAll(action, " ", `","`) + `"],"resource":["` + resource + `"]`
	if condition != "" {
		text += `,"condition":` + condition
	}
	return text + "}"
}

// TestGetFederationTokenGivesCredentials holds E111 and E115.
func TestGetFederationTokenGivesCredentials(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	c := open(t, func(o *embedded.Options) { o.Clock = func() time.Time { return now } })
	c.put(t, "mine/k", "x")
	c.put(t, "other", "x")
	for _, host := range []string{"", "sts.ap-guangzhou.tencentcloudapi.com", "sts.localhost"} {
		got := c.sts(t, stsCall{host: host, action: "GetFederationToken", body: federationBody(sessionPolicy(grants("allow", "name/cos:GetObject", testBucket+"/mine/*", "")))})
		if got.ExpiredTime != now.Unix()+600 || got.Expiration != "2023-11-14T22:23:20Z" {
			t.Errorf("%s: ExpiredTime %d, Expiration %s, want ten minutes from now", host, got.ExpiredTime, got.Expiration)
		}
		narrow := c.as(t, got)
		narrow.do(t, call{method: "GET", key: "mine/k"}).want(t, 200, "")
		narrow.do(t, call{method: "GET", key: "other"}).want(t, 403, "AccessDenied")
		narrow.do(t, call{method: "PUT", key: "mine/k", body: []byte("y")}).want(t, 403, "AccessDenied")
	}
	if e := c.server.Journal().Entries()[2]; e.Operation != "GetFederationToken" || e.Status != 200 || e.RequestID == "" {
		t.Errorf("journal = %+v, want GetFederationToken", e)
	}
}

// TestSTSRefusesWhatIsNotSigned tries to get credentials without the keys.
func TestSTSRefusesWhatIsNotSigned(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	c := open(t, func(o *embedded.Options) { o.Clock = func() time.Time { return now } })
	wrong := c.cred
	wrong.SecretKey += "x"
	token := c.cred
	token.Token = "x"
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	replace := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		}
	}
	for name, tt := range map[string]struct {
		in   stsCall
		code string
	}{
		"a wrong key":                {stsCall{cred: wrong}, "AuthFailure.SignatureFailure"},
		"an unknown id":              {stsCall{cred: embedded.Credential{SecretID: "AKIDnobody", SecretKey: "x"}}, "AuthFailure.SecretIdNotFound"},
		"a token with permanent key": {stsCall{cred: token}, "AuthFailure.TokenFailure"},
		"a clock that is late":       {stsCall{at: now.Add(-301 * time.Second)}, "AuthFailure.SignatureExpire"},
		"a clock that is early":      {stsCall{at: now.Add(301 * time.Second)}, "AuthFailure.SignatureExpire"},
		"another timestamp":          {stsCall{change: header("X-TC-Timestamp", fmt.Sprint(now.Unix()+1))}, "AuthFailure.SignatureFailure"},
		"another action":             {stsCall{change: header("X-TC-Action", "AssumeRole")}, "AuthFailure.SignatureFailure"},
		"another type":               {stsCall{change: header("Content-Type", "application/json")}, "AuthFailure.SignatureFailure"},
		"another host":               {stsCall{change: func(r *http.Request) { r.Host = "sts.localhost" }}, "AuthFailure.SignatureFailure"},
		"another body": {stsCall{change: func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
		}}, "AuthFailure.SignatureFailure"},
		"a signature of COS":          {stsCall{change: header("Authorization", "q-sign-algorithm=sha1&q-ak=x")}, "AuthFailure.InvalidAuthorization"},
		"no signature":                {stsCall{change: func(r *http.Request) { r.Header.Del("Authorization") }}, "MissingParameter"},
		"two signatures":              {stsCall{change: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }}, "MissingParameter"},
		"another service":             {stsCall{change: replace("/sts/", "/cam/")}, "AuthFailure.InvalidAuthorization"},
		"another date":                {stsCall{change: replace("2023-11-14", "2023-11-13")}, "AuthFailure.InvalidAuthorization"},
		"the host unsigned":           {stsCall{change: replace("content-type;host;", "content-type;")}, "AuthFailure.InvalidAuthorization"},
		"a field twice":               {stsCall{change: replace(", Signature=", ", Signature=0, Signature=")}, "AuthFailure.InvalidAuthorization"},
		"a header twice in the list":  {stsCall{change: replace("content-type;host;", "content-type;host;host;")}, "AuthFailure.InvalidAuthorization"},
		"parameters in the URL":       {stsCall{change: func(r *http.Request) { r.URL.RawQuery = "Action=AssumeRole" }}, "InvalidRequest"},
		"another path":                {stsCall{change: func(r *http.Request) { r.URL.Path = "/x" }}, "InvalidRequest"},
		"a form":                      {stsCall{change: header("Content-Type", "multipart/form-data; boundary=x")}, "InvalidRequest"},
		"a GET":                       {stsCall{change: func(r *http.Request) { r.Method = "GET" }}, "UnsupportedProtocol"},
		"no region":                   {stsCall{change: func(r *http.Request) { r.Header.Del("X-TC-Region") }}, "MissingParameter"},
		"another version":             {stsCall{version: "2017-03-12"}, "NoSuchVersion"},
		"an unknown action":           {stsCall{action: "GetKeys"}, "InvalidAction"},
		"an action that is not there": {stsCall{action: "AssumeRoleWithSAML"}, "UnsupportedOperation"},
		"a body of 65 KiB":            {stsCall{body: strings.Repeat(" ", 65<<10)}, "RequestSizeLimitExceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.in.action == "" {
				tt.in.action = "GetFederationToken"
			}
			if tt.in.body == "" {
				tt.in.body = federationBody(sessionPolicy(grants("allow", "*", "*", "")))
			}
			got := c.sts(t, tt.in)
			if got.Error.Code != tt.code || got.Credentials.Token != "" || got.Credentials.TmpSecretKey != "" {
				t.Errorf("STS = %+v, want the error %s", got.Error, tt.code)
			}
		})
	}
}

// TestSTSRefusesInvalidParameters holds E114, E115 and E116.
func TestSTSRefusesInvalidParameters(t *testing.T) {
	t.Parallel()
	c := open(t)
	valid := sessionPolicy(grants("allow", "name/cos:GetObject", testBucket+"/k", ""))
	federation := func(change map[string]any) string {
		fields := map[string]any{"Name": "test", "Policy": url.QueryEscape(valid), "DurationSeconds": 60}
		maps.Copy(fields, change)
		return jsonOf(fields)
	}
	role := func(change map[string]any) string {
		fields := map[string]any{"RoleArn": testRole, "RoleSessionName": "test"}
		maps.Copy(fields, change)
		return jsonOf(fields)
	}
	type fields = map[string]any
	for _, tt := range []struct{ action, body, code string }{
		{"GetFederationToken", federation(nil), ""},
		{"GetFederationToken", federation(fields{"DurationSeconds": 129600}), ""},
		{"GetFederationToken", federation(fields{"DurationSeconds": 129601}), "InvalidParameter.OverTimeError"},
		{"GetFederationToken", federation(fields{"DurationSeconds": 0}), "InvalidParameter.ParamError"},
		{"GetFederationToken", federation(fields{"DurationSeconds": -1}), "InvalidParameter.ParamError"},
		{"GetFederationToken", federation(fields{"DurationSeconds": "60"}), "InvalidParameter"},
		{"GetFederationToken", federation(fields{"Name": ""}), "MissingParameter"},
		{"GetFederationToken", federation(fields{"Name": "a-b"}), ""},
		{"GetFederationToken", federation(fields{"Name": "a1"}), "InvalidParameter.ParamError"},
		{"GetFederationToken", federation(fields{"Name": strings.Repeat("a", 129)}), "InvalidParameter.ParamError"},
		{"GetFederationToken", federation(fields{"Policy": ""}), "MissingParameter"},
		{"GetFederationToken", federation(fields{"Policy": "%zz"}), "InvalidParameter.StrategyFormatError"},
		{"GetFederationToken", federation(fields{"Policy": "{}"}), "InvalidParameter.StrategyFormatError"},
		{"GetFederationToken", federation(fields{"Policy": url.QueryEscape(valid + strings.Repeat(" ", 6144-len(valid)))}), ""},
		{"GetFederationToken", federation(fields{"Policy": url.QueryEscape(valid + strings.Repeat(" ", 6145-len(valid)))}), "InvalidParameter.PolicyTooLong"},
		{"GetFederationToken", federation(fields{"Other": 1}), "UnknownParameter"},
		{"GetFederationToken", federation(fields{"name": "x"}), "UnknownParameter"},
		{"GetFederationToken", "[]", "InvalidRequest"},
		{"GetFederationToken", "", "InvalidRequest"},

		{"AssumeRole", role(nil), ""},
		{"AssumeRole", role(fields{"ExternalId": "customer:1", "Policy": url.QueryEscape(valid), "DurationSeconds": 43200}), ""},
		{"AssumeRole", role(fields{"DurationSeconds": 43201}), "InvalidParameter.OverTimeError"},
		{"AssumeRole", role(fields{"DurationSeconds": 0}), "InvalidParameter.ParamError"},
		{"AssumeRole", role(fields{"RoleArn": ""}), "MissingParameter"},
		{"AssumeRole", role(fields{"RoleArn": "arn:aws:iam::1:role/x"}), "ResourceNotFound.RoleNotFound"},
		{"AssumeRole", role(fields{"RoleArn": "qcs::cam::uin/1:role/4611686018427397919"}), ""},
		{"AssumeRole", role(fields{"RoleSessionName": "a"}), "InvalidParameter.ParamError"},
		{"AssumeRole", role(fields{"RoleSessionName": "a b"}), "InvalidParameter.ParamError"},
		{"AssumeRole", role(fields{"RoleSessionName": strings.Repeat("a", 129)}), "InvalidParameter.ParamError"},
		{"AssumeRole", role(fields{"ExternalId": "x"}), "InvalidParameter.ParamError"},
		{"AssumeRole", role(fields{"Policy": "x"}), "InvalidParameter.StrategyFormatError"},
		{"AssumeRole", role(fields{"Name": "x"}), "UnknownParameter"},
	} {
		if got := c.sts(t, stsCall{action: tt.action, body: tt.body}); got.Error.Code != tt.code {
			t.Errorf("%s %.200s = %+v, want %q", tt.action, tt.body, got.Error, tt.code)
		}
	}
}

func TestGetFederationTokenRefusesPoliciesThatItCannotRead(t *testing.T) {
	t.Parallel()
	c := open(t)
	allow := grants("allow", "name/cos:GetObject", testBucket+"/k", "")
	replace := func(old, new string) string { return sessionPolicy(strings.Replace(allow, old, new, 1)) }
	for policy, code := range map[string]string{
		sessionPolicy(allow):                                            "",
		`{"version":"2.0","statement":` + allow + `}`:                   "",
		`{"version":"2.0","statement":[]}`:                              "StrategyFormatError",
		`{"version":"1.0","statement":[` + allow + `]}`:                 "StrategyFormatError",
		sessionPolicy(allow) + "x":                                      "StrategyFormatError",
		sessionPolicy(allow) + sessionPolicy(allow):                     "StrategyFormatError",
		replace(`"allow"`, `"perhaps"`):                                 "StrategyFormatError",
		replace(`"effect"`, `"effects"`):                                "StrategyFormatError",
		replace("name/cos:GetObject", "GetObject"):                      "StrategyFormatError",
		replace("name/cos:GetObject", "name/*:GetObject"):               "StrategyFormatError",
		replace(`"effect":"allow"`, `"effect":"deny","Effect":"allow"`): "StrategyFormatError",
		replace(`"effect":"allow"`, `"effect":"allow","condition":{"string_equal":{"cos:versionid":"a","cos:versionid":"b"}}`):                       "StrategyFormatError",
		replace(`"effect":"allow"`, `"effect":"allow","condition":{"string_equal":{"cos:versionid":["a","a"]},"string_like":{"cos:versionid":"a"}}`): "",
		replace("name/cos:GetObject", "name/ci:CreateMediaJobs"):                                                                                     "",
		replace(`"qcs::cos`, `"arn:aws:s3`):                                "ResouceError",
		replace(`"effect"`, `"principal":"*","effect"`):                    "StrategyInvalid",
		replace(`"effect"`, `"notAction":["name/cos:GetBucket"],"effect"`): "StrategyInvalid",
	} {
		want := code
		if code != "" {
			want = "InvalidParameter." + code
		}
		if got := c.sts(t, stsCall{action: "GetFederationToken", body: federationBody(policy)}); got.Error.Code != want {
			t.Errorf("%s = %+v, want %q", policy, got.Error, want)
		}
	}
}

// TestAssumeRoleNeverWidensASession holds E114: a holder of narrow credentials cannot
// exchange them for wide ones.
func TestAssumeRoleNeverWidensASession(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	everything := c.as(t, c.sts(t, stsCall{action: "AssumeRole", body: roleBody("")}))
	everything.do(t, call{method: "GET", query: "acl"}).want(t, 200, "")
	again := everything.as(t, everything.sts(t, stsCall{action: "AssumeRole", body: roleBody("")}))
	again.do(t, call{method: "GET", key: "k"}).want(t, 200, "")
	if got := everything.sts(t, stsCall{action: "GetFederationToken", body: federationBody(sessionPolicy(grants("allow", "*", "*", "")))}); got.Error.Code != "InvalidParameter.AccessKeyNotSupport" {
		t.Errorf("GetFederationToken of temporary keys = %+v, want AccessKeyNotSupport", got.Error)
	}
	for name, tt := range map[string]struct{ statement, code string }{
		"all of COS":       {grants("allow", "name/cos:*", "*", ""), "UnauthorizedOperation"},
		"another role":     {grants("allow", "sts:AssumeRole", "qcs::cam::uin/100000000001:roleName/other", ""), "UnauthorizedOperation"},
		"this role":        {grants("allow", "name/sts:AssumeRole", testRole, ""), ""},
		"under conditions": {grants("allow", "sts:AssumeRole", testRole, `{"ip_equal":{"qcs:ip":"10.0.0.0/8"}}`), "UnauthorizedOperation"},
	} {
		narrow := c.narrowed(t, tt.statement)
		if got := narrow.sts(t, stsCall{action: "AssumeRole", body: roleBody("")}); got.Error.Code != tt.code {
			t.Errorf("AssumeRole by a session that may do %s = %+v, want %q", name, got.Error, tt.code)
		}
	}
}

// TestSessionTokensCannotBeForged holds E111.
func TestSessionTokensCannotBeForged(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	clock := func() time.Time { return now }
	c := open(t, func(o *embedded.Options) { o.Clock = clock })
	c.put(t, "k", "x")
	all := grants("allow", "name/cos:*", "*", "")
	narrow, wide := c.narrowed(t, grants("allow", "name/cos:GetObject", testBucket+"/none", "")), c.narrowed(t, all)
	stranger := open(t, func(o *embedded.Options) { o.Clock = clock }).narrowed(t, all)
	get := call{method: "GET", key: "k"}
	wide.do(t, get).want(t, 200, "")
	try := func(name string, change func(*embedded.Credential)) {
		t.Helper()
		other := *wide
		change(&other.cred)
		if got := other.do(t, get); got.StatusCode != 403 || got.err.Code != "InvalidAccessKeyId" && got.err.Code != "SignatureDoesNotMatch" {
			t.Errorf("%s: %d %s, want 403", name, got.StatusCode, got.err.Code)
		}
	}
	try("without the token", func(k *embedded.Credential) { k.Token = "" })
	try("the narrow id with the wide token", func(k *embedded.Credential) { k.SecretID, k.SecretKey = narrow.cred.SecretID, narrow.cred.SecretKey })
	try("the token of another server", func(k *embedded.Credential) { k.Token = stranger.cred.Token })
	try("all of another server", func(k *embedded.Credential) { *k = stranger.cred })
	try("a token with permanent keys", func(k *embedded.Credential) { k.SecretID, k.SecretKey = c.cred.SecretID, c.cred.SecretKey })
	try("the key of the account", func(k *embedded.Credential) { k.SecretKey = c.cred.SecretKey })
	token := wide.cred.Token
	for i := 0; i < len(token); i += 7 {
		changed := []byte(token)
		if changed[i]++; changed[i] == '{' || changed[i] == '[' || changed[i] == ':' || changed[i] == '.' {
			changed[i] = 'A'
		}
		try(fmt.Sprintf("a token with another byte at %d", i), func(k *embedded.Credential) { k.Token = string(changed) })
	}
	for _, n := range []int{1, 2, 10, len(token) / 2, len(token) - 1} {
		try(fmt.Sprintf("the first %d bytes of a token", n), func(k *embedded.Credential) { k.Token = token[:n] })
	}
	now = now.Add(600 * time.Second)
	wide.do(t, get).want(t, 400, "ExpiredToken")
	if got := wide.sts(t, stsCall{action: "AssumeRole", body: roleBody("")}); got.Error.Code != "AuthFailure.TokenFailure" {
		t.Errorf("AssumeRole with an expired token = %+v, want TokenFailure", got.Error)
	}
}

// TestSessionTokensSurviveARestart keeps a data folder, and then removes the keys that
// asked for the token.
func TestSessionTokensSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := func(keys ...embedded.Credential) *client {
		s, err := embedded.New(embedded.Options{Dir: dir, Buckets: []string{testBucket}, Credentials: keys})
		if err != nil {
			t.Fatal(err)
		}
		tr := &http.Transport{DialContext: s.DialContext}
		return &client{server: s, cred: keys[0], clock: time.Now, http: &http.Client{Transport: tr}}
	}
	stop := func(c *client) {
		c.http.CloseIdleConnections()
		if err := c.server.Close(); err != nil {
			t.Error(err)
		}
	}
	one, two := embedded.Credential{SecretID: "AKIDone", SecretKey: "one"}, embedded.Credential{SecretID: "AKIDtwo", SecretKey: "two"}
	c := start(one, two)
	c.put(t, "k", "x")
	issued := c.narrowed(t, grants("allow", "name/cos:GetObject", testBucket+"/k", "")).cred
	role := c.as(t, c.sts(t, stsCall{action: "AssumeRole", body: roleBody("")})).cred
	stop(c)
	for _, tt := range []struct {
		keys       []embedded.Credential
		federation int
		code       string
	}{
		{[]embedded.Credential{one, two}, 200, ""},
		{[]embedded.Credential{two}, 403, "InvalidAccessKeyId"},
	} {
		c := start(tt.keys...)
		c.cred = issued
		c.do(t, call{method: "GET", key: "k"}).want(t, tt.federation, tt.code)
		c.cred = role
		c.do(t, call{method: "GET", key: "k"}).want(t, 200, "")
		stop(c)
	}
}

// TestSTSIsOnEveryListener reaches it in memory, over TCP by a Host header, and with the
// server as an HTTP proxy.
func TestSTSIsOnEveryListener(t *testing.T) {
	t.Parallel()
	c := open(t)
	addr, err := c.server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for name, tr := range map[string]*http.Transport{
		"TCP": {DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr.String())
		}},
		"proxy": {Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: addr.String()})},
	} {
		other := *c
		other.http = &http.Client{Transport: tr}
		c.put(t, "k", "x")
		narrow := other.narrowed(t, grants("allow", "name/cos:GetObject", testBucket+"/k", ""))
		narrow.do(t, call{method: "GET", key: "k"}).want(t, 200, "")
		if narrow.do(t, call{method: "DELETE", key: "k"}).StatusCode != 403 {
			t.Errorf("%s: DELETE is not refused", name)
		}
		tr.CloseIdleConnections()
	}
}

// Nothing that signs stands in the journal.
func TestSTSLeavesNoSecretsInTheJournal(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	narrow := c.narrowed(t, grants("allow", "name/cos:*", "*", ""))
	r := c.request(t, call{method: "GET", key: "k", unsigned: true})
	r.URL.RawQuery = narrow.presigned(r) + "&x-cos-security-token=" + url.QueryEscape(narrow.cred.Token)
	c.send(t, r).want(t, 200, "")
	for _, e := range c.server.Journal().Entries() {
		text := fmt.Sprintf("%+v", e)
		for _, secret := range []string{narrow.cred.Token, narrow.cred.SecretKey, c.cred.SecretKey} {
			if strings.Contains(text, secret) {
				t.Errorf("the journal has a secret: %s", text)
			}
		}
	}
}

// TestSTSFaultsAreJSON makes STS misbehave.
func TestSTSFaultsAreJSON(t *testing.T) {
	t.Parallel()
	c := open(t)
	in := stsCall{action: "GetFederationToken", body: federationBody(sessionPolicy(grants("allow", "*", "*", "")))}
	id := c.server.Faults().Add(embedded.Fault{Operation: "GetFederationToken", Code: "RequestLimitExceeded", Message: "too many", Count: 1})
	if got := c.sts(t, in); got.Error.Code != "RequestLimitExceeded" || got.Error.Message != "too many" {
		t.Errorf("GetFederationToken = %+v, want the fault", got.Error)
	}
	if got := c.sts(t, in); got.Credentials.Token == "" || c.server.Faults().Hits(id) != 1 {
		t.Errorf("afterwards GetFederationToken = %+v, want credentials", got.Error)
	}
}

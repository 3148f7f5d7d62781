package embedded_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// The vectors are the samples of the COS documentation and of the Go SDK's tests.
func TestSignaturePublishedExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	docs := embedded.Credential{SecretID: "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q", SecretKey: "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz"}
	const docHost, docKey = "examplebucket-1250000000.cos.ap-beijing.myqcloud.com", "exampleobject(腾讯云)"
	tests := map[string]struct {
		cred   embedded.Credential
		now    int64
		in     call
		auth   string
		status int // what comes after the signature
	}{
		"put of the documentation": {
			docs, 1557989152,
			call{method: "PUT", host: docHost, key: docKey, body: []byte("ObjectContent"), header: map[string]string{
				"Content-MD5": "mQ/fVh815F3k6TAUm8m0eg==", "Content-Type": "text/plain", "Date": "Thu, 16 May 2019 06:45:51 GMT",
				"X-Cos-Acl": "private", "X-Cos-Grant-Read": `uin="100000000011"`,
			}},
			"q-sign-algorithm=sha1&q-ak=AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q&q-sign-time=1557989151;1557996351&q-key-time=1557989151;1557996351" +
				"&q-header-list=content-length;content-md5;content-type;date;host;x-cos-acl;x-cos-grant-read&q-url-param-list=&q-signature=3b8851a11a569213c17ba8fa7dcf2abec6935172",
			200,
		},
		"get of the documentation": {
			docs, 1557989754,
			call{
				method: "GET", host: docHost, key: docKey, query: "response-content-type=application%2Foctet-stream&response-cache-control=max-age%3D600",
				header: map[string]string{"Date": "Thu, 16 May 2019 06:55:53 GMT"},
			},
			"q-sign-algorithm=sha1&q-ak=AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q&q-sign-time=1557989753;1557996953&q-key-time=1557989753;1557996953" +
				"&q-header-list=date;host&q-url-param-list=response-cache-control;response-content-type&q-signature=01681b8c9d798a678e43b685a9f1bba0f6c0e012",
			404,
		},
		"put of the Go SDK": {
			embedded.Credential{SecretID: "QmFzZTY0IGlzIGEgZ2VuZXJp", SecretKey: "AKIDZfbOA78asKUYBcXFrJD0a1ICvR98JM"},
			1480932300,
			call{method: "PUT", host: "testbucket-125000000.cos.ap-guangzhou.myqcloud.com", key: "testfile2", body: []byte(""), header: map[string]string{
				"x-cos-content-sha1": "db8ac1c259eb89d4a131b253bacfca5f319d54f2", "x-cos-stroage-class": "nearline",
			}},
			"q-sign-algorithm=sha1&q-ak=QmFzZTY0IGlzIGEgZ2VuZXJp&q-sign-time=1480932292;1481012292&q-key-time=1480932292;1481012292" +
				"&q-header-list=host;x-cos-content-sha1;x-cos-stroage-class&q-url-param-list=&q-signature=ce4ac0ecbcdb30538b3fee0a97cc6389694ce53a",
			400, // the checksum is wrong; the header that nobody knows is signed and then ignored
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := open(t, func(o *embedded.Options) {
				o.Credentials, o.Clock = []embedded.Credential{tt.cred}, at(tt.now)
				o.Region, o.Buckets = "ap-beijing", []string{"examplebucket-1250000000"}
				if region := strings.Split(tt.in.host, ".")[2]; region != o.Region {
					o.Region, o.Buckets = region, []string{strings.Split(tt.in.host, ".")[0]}
				}
			})
			tt.in.unsigned = true
			tt.in.header["Authorization"] = tt.auth
			if got := c.do(t, tt.in); got.StatusCode != tt.status {
				t.Errorf("response = %d %s %s, want %d", got.StatusCode, got.err.Code, got.err.FormatString, tt.status)
			}
			tt.in.header["Authorization"] = tt.auth[:len(tt.auth)-1] + "f"
			c.do(t, tt.in).want(t, 403, "SignatureDoesNotMatch")
		})
	}
}

// TestSignatureErrorsHaveTheirCodes holds E009, E010 and E011.
func TestSignatureErrorsHaveTheirCodes(t *testing.T) {
	t.Parallel()
	now := int64(1700000000)
	demo := embedded.Credential{SecretID: "AKIDoftests", SecretKey: "secretkeyoftests"}
	window := "q-sign-time=1699999999;1700000600&q-key-time=1699999999;1700000600"
	auth := func(change func(r *http.Request) string) func(r *http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", change(r)) }
	}
	valid := func(r *http.Request) string { return signature(r, demo, now-1, now+600) }
	const (
		malformed = "AccessDenied The signature is malformed"
		expired   = "AccessDenied Request has expired"
		differs   = "SignatureDoesNotMatch The Signature you specified is invalid."
		unknown   = "InvalidAccessKeyId The Access Key Id you provided does not exist in our records"
		token     = "InvalidAccessKeyId The security token is not valid"
		skewed    = "RequestTimeTooSkewed The difference"
	)
	tests := map[string]struct {
		change func(r *http.Request)
		want   string
	}{
		"none":          {func(*http.Request) {}, "AccessDenied Access Denied."},
		"no scheme":     {auth(func(*http.Request) string { return "abc" }), malformed},
		"empty":         {auth(func(*http.Request) string { return "" }), malformed},
		"algorithm":     {auth(func(r *http.Request) string { return strings.Replace(valid(r), "sha1", "md5", 1) }), malformed},
		"field missing": {auth(func(r *http.Request) string { return strings.Replace(valid(r), "&q-url-param-list=", "", 1) }), malformed},
		"field twice":   {auth(func(r *http.Request) string { return valid(r) + "&q-ak=x" }), malformed},
		"field unknown": {auth(func(r *http.Request) string { return valid(r) + "&q-x=x" }), malformed},
		"two headers":   {func(r *http.Request) { r.Header["Authorization"] = []string{valid(r), valid(r)} }, malformed},
		"key time": {auth(func(r *http.Request) string {
			return strings.Replace(valid(r), "q-key-time=1699999999", "q-key-time=1699999998", 1)
		}), malformed},
		"window reversed":     {auth(func(r *http.Request) string { return signature(r, demo, now+600, now-1) }), malformed},
		"window not a number": {auth(func(r *http.Request) string { return strings.ReplaceAll(valid(r), "1699999999", "yesterday") }), malformed},
		"window of one time":  {auth(func(r *http.Request) string { return strings.ReplaceAll(valid(r), ";1700000600", "") }), malformed},
		"signature not hex":   {auth(func(r *http.Request) string { v := valid(r); return v[:len(v)-1] + "G" }), malformed},
		"signature too short": {auth(func(r *http.Request) string { v := valid(r); return v[:len(v)-1] }), malformed},
		"expired":             {auth(func(r *http.Request) string { return signature(r, demo, now-600, now-1) }), expired},
		"not begun":           {auth(func(r *http.Request) string { return signature(r, demo, now+60, now+600) }), expired},
		"clock ahead":         {auth(func(r *http.Request) string { return signature(r, demo, now+901, now+1600) }), skewed},
		"date behind": {func(r *http.Request) {
			r.Header.Set("Date", "Tue, 14 Nov 2023 21:00:00 GMT")
			r.Header.Set("Authorization", valid(r))
		}, skewed},
		"date no date": {func(r *http.Request) { r.Header.Set("Date", "today"); r.Header.Set("Authorization", valid(r)) }, "AccessDenied The Date header"},
		"id unknown": {auth(func(r *http.Request) string {
			return signature(r, embedded.Credential{SecretID: "AKIDx", SecretKey: "x"}, now-1, now+600)
		}), unknown},
		"secret wrong": {auth(func(r *http.Request) string {
			return signature(r, embedded.Credential{SecretID: demo.SecretID, SecretKey: "x"}, now-1, now+600)
		}), differs},
		"token in a header": {func(r *http.Request) {
			r.Header.Set("x-cos-security-token", "t")
			r.Header.Set("Authorization", valid(r))
		}, token},
		"token in the query": {func(r *http.Request) {
			r.URL.RawQuery = "x-cos-security-token=t"
			r.Header.Set("Authorization", valid(r))
		}, token},
		"listed header absent": {auth(func(r *http.Request) string {
			r.Header.Set("X-Extra", "1")
			v := valid(r)
			r.Header.Del("X-Extra")
			return v
		}), differs},
		"listed param absent": {auth(func(r *http.Request) string {
			r.URL.RawQuery = "prefix=a"
			v := valid(r)
			r.URL.RawQuery = ""
			return v
		}), differs},
		"another method": {auth(func(r *http.Request) string { r.Method = "HEAD"; v := valid(r); r.Method = "GET"; return v }), differs},
		"another key": {auth(func(r *http.Request) string {
			p := r.URL.Path
			r.URL.Path = "/other"
			v := valid(r)
			r.URL.Path = p
			return v
		}), differs},
		"header changed": {func(r *http.Request) {
			r.Header.Set("Range", "bytes=0-1")
			r.Header.Set("Authorization", valid(r))
			r.Header.Set("Range", "bytes=0-2")
		}, differs},
		"query form malformed":  {func(r *http.Request) { r.URL.RawQuery = "q-ak=x" }, malformed},
		"query field twice":     {func(r *http.Request) { r.URL.RawQuery = "q-ak=x&q-ak=y" }, malformed},
		"merged form malformed": {func(r *http.Request) { r.URL.RawQuery = "sign=abc" }, malformed},
		"signature of zeros": {auth(func(*http.Request) string {
			return "q-sign-algorithm=sha1&q-ak=" + demo.SecretID + "&" + window + "&q-header-list=&q-url-param-list=&q-signature=" + strings.Repeat("0", 40)
		}), differs},
	}
	c := open(t, func(o *embedded.Options) { o.Clock, o.Credentials = at(now), []embedded.Credential{demo} })
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := c.request(t, call{method: "GET", key: "k", unsigned: true})
			tt.change(r)
			got := c.send(t, r)
			if got.StatusCode != 403 || !strings.HasPrefix(got.err.Code+" "+got.err.Message, tt.want) {
				t.Errorf("response = %d %s %s, want 403 %s", got.StatusCode, got.err.Code, got.err.Message, tt.want)
			}
		})
	}
}

func TestSignatureRefusalShowsWhatWasSigned(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Clock = at(1700000000) })
	c.cred.SecretKey = "wrong"
	got := c.do(t, call{method: "GET", key: "a b", query: "versionId="}).want(t, 403, "SignatureDoesNotMatch")
	want := "get\n/a b\nversionid=\nhost=" + testHost + "\n"
	if got.err.FormatString != want {
		t.Errorf("FormatString = %q, want %q", got.err.FormatString, want)
	}
	if !strings.HasPrefix(got.err.StringToSign, "sha1\n1699999995;1700000600\n") {
		t.Errorf("StringToSign = %q", got.err.StringToSign)
	}
}

func TestSignatureRefusalOfASkewedClockHasTheTime(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *embedded.Options) { o.Clock = at(1700000000) })
	c.clock = at(1700003600)
	got := c.do(t, call{method: "GET", key: "k"}).want(t, 403, "RequestTimeTooSkewed")
	if got.err.ServerTime != "2023-11-14T22:13:20Z" {
		t.Errorf("ServerTime = %q, want 2023-11-14T22:13:20Z", got.err.ServerTime)
	}
	if d, err := http.ParseTime(got.Header.Get("Date")); err != nil || !d.Equal(time.Unix(1700000000, 0)) {
		t.Errorf("Date = %v, %v, want the server's clock", d, err)
	}
}

func TestSignatureInTheQuery(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "p/中 文+&?.txt", "presigned")
	r := c.request(t, call{method: "GET", key: "p/中 文+&?.txt", query: "response-content-type=text%2Fhtml", unsigned: true})
	text := c.presigned(r)
	merged := url.QueryEscape(signature(r, c.cred, time.Now().Unix()-5, time.Now().Unix()+60))
	for name, query := range map[string]string{
		"seven parameters":      text,
		"names in another case": strings.ReplaceAll(text, "q-ak", "Q-Ak"),
		"semicolons plain":      strings.ReplaceAll(text, "%3B", ";"),
		"merged":                "sign=" + merged,
	} {
		t.Run(name, func(t *testing.T) {
			r := c.request(t, call{method: "GET", key: "p/中 文+&?.txt", query: "response-content-type=text%2Fhtml&" + query, unsigned: true})
			got := c.send(t, r).want(t, 200, "")
			if string(got.body) != "presigned" || got.Header.Get("Content-Type") != "text/html" {
				t.Errorf("response = %q as %s", got.body, got.Header.Get("Content-Type"))
			}
		})
	}
}

// What is outranked is not looked at, right or wrong.
// It holds E007.
func TestSignatureFormsOutrankEachOther(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.put(t, "k", "x")
	plain := c.request(t, call{method: "GET", key: "k", unsigned: true})
	seven := c.presigned(plain)
	merged := "sign=" + url.QueryEscape(signature(plain, c.cred, time.Now().Unix()-5, time.Now().Unix()+60))
	const malformed = "sign=malformed"
	for name, tt := range map[string]struct {
		query  string
		signed bool // by the header, too
		status int
	}{
		"header over sign":         {malformed, true, 200},
		"header over q-parameters": {"q-ak=malformed", true, 200},
		"sign over q-parameters":   {merged + "&q-ak=malformed", false, 200},
		"malformed sign":           {malformed + "&" + seven, false, 403},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.do(t, call{method: "GET", key: "k", query: tt.query, unsigned: !tt.signed}); got.StatusCode != tt.status {
				t.Errorf("response = %d %s, want %d", got.StatusCode, got.err.Message, tt.status)
			}
		})
	}
	wrong := map[string]string{"Authorization": "malformed"}
	c.do(t, call{method: "GET", key: "k", query: seven, header: wrong, unsigned: true}).want(t, 403, "AccessDenied")
	c.do(t, call{method: "GET", key: "k", query: merged, header: wrong, unsigned: true}).want(t, 403, "AccessDenied")
}

func TestSignatureCoversAllValuesOfAParameter(t *testing.T) {
	t.Parallel()
	c := open(t)
	// The values are swapped on the way: what is signed is the sorted set (E008).
	r := c.request(t, call{method: "GET", query: "prefix=b&prefix=a"})
	r.URL.RawQuery = "prefix=a&prefix=b"
	c.send(t, r).want(t, 200, "")
	r.URL.RawQuery = "prefix=a&prefix=c"
	c.send(t, r).want(t, 403, "SignatureDoesNotMatch")
}

func TestSignatureModesAdmitWhatTheyPromise(t *testing.T) {
	t.Parallel()
	tests := []struct {
		mode                             embedded.SignatureMode
		missing, wrong, malformed, right int
	}{
		{embedded.SignatureStrict, 403, 403, 403, 404},
		{embedded.SignatureLenient, 404, 403, 403, 404},
		{embedded.SignatureOff, 404, 404, 404, 404},
	}
	for _, tt := range tests {
		t.Run(tt.mode.String(), func(t *testing.T) {
			c := open(t, func(o *embedded.Options) { o.Signature = tt.mode })
			right := c.do(t, call{method: "GET", key: "k"})
			missing := c.do(t, call{method: "GET", key: "k", unsigned: true})
			malformed := c.do(t, call{method: "GET", key: "k", unsigned: true, header: map[string]string{"Authorization": "x"}})
			c.cred.SecretKey = "wrong"
			wrong := c.do(t, call{method: "GET", key: "k"})
			got := [4]int{missing.StatusCode, wrong.StatusCode, malformed.StatusCode, right.StatusCode}
			if want := [4]int{tt.missing, tt.wrong, tt.malformed, tt.right}; got != want {
				t.Errorf("missing, wrong, malformed, right = %v, want %v", got, want)
			}
		})
	}
}

func TestSignatureModeNamesRoundTrip(t *testing.T) {
	t.Parallel()
	for _, m := range []embedded.SignatureMode{embedded.SignatureStrict, embedded.SignatureLenient, embedded.SignatureOff} {
		if got, err := embedded.ParseSignatureMode(m.String()); got != m || err != nil {
			t.Errorf("ParseSignatureMode(%q) = %v, %v", m.String(), got, err)
		}
	}
	if _, err := embedded.ParseSignatureMode("loose"); err == nil {
		t.Error(`ParseSignatureMode("loose") = nil error`)
	}
}

// TestAccessUnsignedRequestsMayDoWhatTheACLsGrant holds E018.
func TestAccessUnsignedRequestsMayDoWhatTheACLsGrant(t *testing.T) {
	t.Parallel()
	c := open(t)
	host := func(b string) string { return b + ".cos.ap-guangzhou.myqcloud.com" }
	for bucket, acl := range map[string]string{"private-1": "private", "read-1": "public-read", "write-1": "public-read-write"} {
		c.do(t, call{method: "PUT", host: host(bucket), header: map[string]string{"x-cos-acl": acl}}).want(t, 200, "")
		for key, acl := range map[string]string{"inherits": "default", "closed": "private", "opened": "public-read"} {
			c.do(t, call{method: "PUT", host: host(bucket), key: key, body: []byte("x"), header: map[string]string{"x-cos-acl": acl}}).want(t, 200, "")
		}
	}
	tests := []struct {
		bucket, method, key string
		want                int
	}{
		{"private-1", "GET", "inherits", 403},
		{"private-1", "GET", "opened", 200},
		{"private-1", "GET", "absent", 403},
		{"private-1", "GET", "", 403},
		{"private-1", "HEAD", "", 403},
		{"private-1", "PUT", "new", 403},
		{"private-1", "DELETE", "opened", 403},
		{"read-1", "GET", "inherits", 200},
		{"read-1", "HEAD", "inherits", 200},
		{"read-1", "GET", "closed", 403},
		{"read-1", "GET", "absent", 404},
		{"read-1", "GET", "", 200},
		{"read-1", "HEAD", "", 200},
		{"read-1", "PUT", "new", 403},
		{"read-1", "DELETE", "", 403},
		{"write-1", "PUT", "new", 200},
		{"write-1", "GET", "closed", 403},
		{"write-1", "DELETE", "new", 204},
		{"write-1", "DELETE", "", 403},
		{"absent-1", "GET", "", 404},
	}
	for _, tt := range tests {
		in := call{method: tt.method, host: host(tt.bucket), key: tt.key, unsigned: true}
		if tt.method == "PUT" {
			in.body = []byte("x")
		}
		if got := c.do(t, in); got.StatusCode != tt.want {
			t.Errorf("unsigned %s %s/%s = %d, want %d", tt.method, tt.bucket, tt.key, got.StatusCode, tt.want)
		}
	}
	in := call{method: "GET", host: host("read-1"), key: "inherits", query: "response-content-type=a%2Fb", unsigned: true}
	c.do(t, in).want(t, 400, "InvalidRequest")
	c.do(t, call{method: "GET", host: "service.cos.myqcloud.com", unsigned: true}).want(t, 403, "AccessDenied")
}

// A fixed temporary pair is good with its token alone, for as long as it lasts (E176).
func TestTemporaryCredentialsOfTheOptions(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	pair := embedded.Credential{SecretID: "AKIDfixed", SecretKey: "fixed-key", Token: "fixed-token", Expires: now.Add(time.Hour)}
	forever := embedded.Credential{SecretID: "AKIDforever", SecretKey: "forever-key", Token: "forever-token"}
	clock := now
	c := openForms(t, func(o *embedded.Options) {
		o.Temporary, o.Clock = []embedded.Credential{pair, forever}, func() time.Time { return clock }
	})
	c.clock = func() time.Time { return clock }
	c.put(t, "k", "x") // with the pair of the server, which has no token
	as := func(cred embedded.Credential) *client {
		other := *c
		other.cred = cred
		return &other
	}
	get := call{method: "GET", key: "k"}
	as(pair).do(t, get).want(t, 200, "")
	as(pair).put(t, "k", "y")
	as(forever).do(t, get).want(t, 200, "")
	for _, wrong := range []embedded.Credential{
		{SecretID: pair.SecretID, SecretKey: pair.SecretKey},
		{SecretID: pair.SecretID, SecretKey: pair.SecretKey, Token: "other"},
		{SecretID: pair.SecretID, SecretKey: pair.SecretKey, Token: forever.Token},
		{SecretID: c.cred.SecretID, SecretKey: c.cred.SecretKey, Token: pair.Token},
		{SecretID: "AKIDother", SecretKey: pair.SecretKey, Token: pair.Token},
	} {
		as(wrong).do(t, get).want(t, 403, "InvalidAccessKeyId")
	}
	as(embedded.Credential{SecretID: pair.SecretID, SecretKey: "other", Token: pair.Token}).do(t, get).want(t, 403, "SignatureDoesNotMatch")
	clock = clock.Add(time.Hour)
	as(pair).do(t, get).want(t, 400, "ExpiredToken")
	as(forever).do(t, get).want(t, 200, "")
}

func TestTemporaryCredentialsAreWhole(t *testing.T) {
	t.Parallel()
	whole := embedded.Credential{SecretID: "a", SecretKey: "b", Token: "c"}
	for _, o := range []embedded.Options{
		{Temporary: []embedded.Credential{{SecretID: "a", SecretKey: "b"}}},
		{Temporary: []embedded.Credential{{SecretID: "a", Token: "c"}}},
		{Temporary: []embedded.Credential{whole, whole}},
		{Temporary: []embedded.Credential{whole}, Credentials: []embedded.Credential{{SecretID: "a", SecretKey: "b"}}},
	} {
		if s, err := embedded.New(o); err == nil {
			t.Errorf("New(%d temporary) = a server, want an error", len(o.Temporary))
			_ = s.Close()
		}
	}
}

package cosbackend

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The vectors are the samples of the public documentation and of the official SDK.
func TestSignatureMatchesPublishedVectors(t *testing.T) {
	t.Parallel()
	docs := Credentials{SecretID: "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q", SecretKey: "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz"}
	for _, tc := range []struct {
		name, method, path, window string
		credentials                Credentials
		params, headers            []pair
		want                       string
	}{
		{
			name: "documentation, PUT", method: http.MethodPut, path: "/exampleobject(腾讯云)", window: "1557989151;1557996351", credentials: docs,
			headers: []pair{
				{"x-cos-grant-read", `uin="100000000011"`},
				{"x-cos-acl", "private"},
				{"host", "examplebucket-1250000000.cos.ap-beijing.myqcloud.com"},
				{"date", "Thu, 16 May 2019 06:45:51 GMT"},
				{"content-type", "text/plain"},
				{"content-md5", "mQ/fVh815F3k6TAUm8m0eg=="},
				{"content-length", "13"},
			},
			want: "q-sign-algorithm=sha1&q-ak=AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q&q-sign-time=1557989151;1557996351&q-key-time=1557989151;1557996351&q-header-list=content-length;content-md5;content-type;date;host;x-cos-acl;x-cos-grant-read&q-url-param-list=&q-signature=3b8851a11a569213c17ba8fa7dcf2abec6935172",
		},
		{
			name: "documentation, GET", method: http.MethodGet, path: "/exampleobject(腾讯云)", window: "1557989753;1557996953", credentials: docs,
			params:  []pair{{"response-content-type", "application/octet-stream"}, {"response-cache-control", "max-age=600"}},
			headers: []pair{{"host", "examplebucket-1250000000.cos.ap-beijing.myqcloud.com"}, {"date", "Thu, 16 May 2019 06:55:53 GMT"}},
			want:    "q-sign-algorithm=sha1&q-ak=AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q&q-sign-time=1557989753;1557996953&q-key-time=1557989753;1557996953&q-header-list=date;host&q-url-param-list=response-cache-control;response-content-type&q-signature=01681b8c9d798a678e43b685a9f1bba0f6c0e012",
		},
		{
			name: "official SDK", method: http.MethodPut, path: "/testfile2", window: "1480932292;1481012292",
			credentials: Credentials{SecretID: "QmFzZTY0IGlzIGEgZ2VuZXJp", SecretKey: "AKIDZfbOA78asKUYBcXFrJD0a1ICvR98JM"},
			headers: []pair{
				{"host", "testbucket-125000000.cos.ap-guangzhou.myqcloud.com"},
				{"x-cos-content-sha1", "db8ac1c259eb89d4a131b253bacfca5f319d54f2"},
				{"x-cos-stroage-class", "nearline"},
			},
			want: "q-sign-algorithm=sha1&q-ak=QmFzZTY0IGlzIGEgZ2VuZXJp&q-sign-time=1480932292;1481012292&q-key-time=1480932292;1481012292&q-header-list=host;x-cos-content-sha1;x-cos-stroage-class&q-url-param-list=&q-signature=ce4ac0ecbcdb30538b3fee0a97cc6389694ce53a",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			key := newSigningKey(tc.credentials, tc.window)
			for range 2 { // the second use takes a hash from the pool
				if got := key.authorization(tc.method, tc.path, tc.params, tc.headers); got != tc.want {
					t.Fatalf("authorization = %s\nwant %s", got, tc.want)
				}
			}
		})
	}
}

func TestSigningKeyIsReusedForAMinute(t *testing.T) {
	t.Parallel()
	var s signer
	now := time.Unix(1_700_000_000, 0)
	first := s.key(testCredentials(), now)
	if want := "1699999940;1700003540"; first.window != want {
		t.Errorf("window = %s, want %s: 60 s in the past, an hour long", first.window, want)
	}
	if s.key(testCredentials(), now.Add(59*time.Second)) != first {
		t.Error("the key was derived again within its minute")
	}
	for name, next := range map[string]*signingKey{
		"after a minute":         s.key(testCredentials(), now.Add(60*time.Second)),
		"when the clock is set":  s.key(testCredentials(), now.Add(-time.Second)),
		"for other credentials":  s.key(Credentials{SecretID: "a", SecretKey: "b"}, now),
		"for a token's rotation": s.key(Credentials{SecretID: "a", SecretKey: "b", Token: "c"}, now),
	} {
		if next == first {
			t.Errorf("the key was reused %s", name)
		}
	}
}

func TestSignatureCoversEverythingThatMatters(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		cosHeader(w)
		w.Header().Set("Content-Length", "0")
	}, func(cfg *Config) {
		cfg.Credentials = StaticCredentials(Credentials{SecretID: "id", SecretKey: "key", Token: "sts-token"})
	})
	_, err := c.PutObject(t.Context(), at(testBucket), "k", reopenable([]byte("hello")), PutOptions{
		Attributes: Attributes{ContentType: "text/plain", Metadata: map[string]string{"a": "1"}}, ContentMD5: make([]byte, 16),
	})
	if err != nil {
		t.Fatalf("PutObject = %v", err)
	}
	o, err := c.GetObject(t.Context(), at(testBucket), "k", ReadOptions{VersionID: "v1", Conditions: Conditions{IfMatch: "e"}, Range: &Range{Length: 1}})
	if err != nil {
		t.Fatalf("GetObject = %v", err)
	}
	_ = o.Body.Close()
	for i, want := range []string{
		"q-header-list=content-length;content-md5;content-type;host;x-cos-meta-a;x-cos-security-token&q-url-param-list=&",
		"q-header-list=host;if-match;range;x-cos-security-token&q-url-param-list=versionid&",
	} {
		if got := s.seen()[i].Header.Get("Authorization"); !strings.Contains(got, want) {
			t.Errorf("Authorization = %s, want it to hold %s", got, want)
		}
	}
	if got := s.seen()[0].Header.Get("X-Cos-Security-Token"); got != "sts-token" {
		t.Errorf("x-cos-security-token = %q, want the token", got)
	}
}

package cosbackend

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// testKey is the key of a customer; what it looks like on the wire is in the tests.
func testKey() CustomerKey { return CustomerKey("0123456789abcdef0123456789abcdef") }

const (
	testKeyBase64 = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	testKeyMD5    = "hRasmdxgYDKV3nvbahU1MA=="
)

func allSettings() Settings {
	return Settings{
		ACL:        "public-read",
		Grants:     &GrantHeaders{Read: []string{"1", "qcs::cam::uin/1:uin/2"}, FullControl: []string{"3"}},
		Tags:       []Tag{{Key: "a b", Value: "1+2"}, {Key: "é", Value: "@"}},
		Encryption: Encryption{CustomerKey: testKey()},
		Retention:  Retention{Until: time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)},
	}
}

func settingsHeader() map[string]string {
	return map[string]string{
		"X-Cos-Acl":                "public-read",
		"X-Cos-Grant-Read":         `id="1",id="qcs::cam::uin/1:uin/2"`,
		"X-Cos-Grant-Full-Control": `id="3"`,
		"X-Cos-Tagging":            "a%20b=1%2B2&%C3%A9=%40",
		"X-Cos-Object-Lock-Mode":   "COMPLIANCE", "X-Cos-Object-Lock-Retain-Until-Date": "2030-01-02T03:04:06.000Z",
		"X-Cos-Server-Side-Encryption-Customer-Algorithm": "AES256",
		"X-Cos-Server-Side-Encryption-Customer-Key":       testKeyBase64,
		"X-Cos-Server-Side-Encryption-Customer-Key-Md5":   testKeyMD5,
	}
}

func customerHeader(prefix string) map[string]string {
	return map[string]string{prefix + "Algorithm": "AES256", prefix + "Key": testKeyBase64, prefix + "Key-Md5": testKeyMD5}
}

// What each operation on an object sends, exactly.
func TestObjectSettingsAreSentAsDocumented(t *testing.T) {
	t.Parallel()
	const key, path = "a b/é", "/a%20b/%C3%A9"
	here, ctx := at(testBucket), t.Context()
	u := Upload{Location: here, Key: key, UploadID: "u1"}
	content := reopenable([]byte("x"))
	policy := &AccessControlPolicy{Owner: Owner{ID: "o<1>"}, Grants: []Grant{{ID: "2", DisplayName: "d", Permission: "READ"}, {URI: "http://g", Permission: "FULL_CONTROL"}}}
	for _, tc := range []struct {
		name, target string
		do           func(c *Client) error
		header       map[string]string
		body         string
	}{
		{"put", "PUT " + path, func(c *Client) error {
			_, err := c.PutObject(ctx, here, key, content, PutOptions{Settings: allSettings(), TrafficLimit: 819200, PicOperations: `{"a":1}`})
			return err
		}, mapOf(settingsHeader(), map[string]string{"X-Cos-Traffic-Limit": "819200", "Pic-Operations": `{"a":1}`}), "x"},
		{"put with SSE-COS", "PUT " + path, func(c *Client) error {
			_, err := c.PutObject(ctx, here, key, content, PutOptions{Settings: Settings{Encryption: Encryption{COS: true}}})
			return err
		}, map[string]string{"X-Cos-Server-Side-Encryption": "AES256"}, "x"},
		{"put with SSE-KMS", "PUT " + path, func(c *Client) error {
			_, err := c.PutObject(ctx, here, key, content, PutOptions{Settings: Settings{Encryption: Encryption{KMS: &KMSKey{ID: "k1", Context: map[string]string{"a": "b"}}}}})
			return err
		}, map[string]string{
			"X-Cos-Server-Side-Encryption": "cos/kms", "X-Cos-Server-Side-Encryption-Cos-Kms-Key-Id": "k1",
			"X-Cos-Server-Side-Encryption-Context": base64.StdEncoding.EncodeToString([]byte(`{"a":"b"}`)),
		}, "x"},
		{"put with a callback", "PUT " + path, func(c *Client) error {
			_, err := c.PutObject(ctx, here, key, content, PutOptions{Callback: &Callback{URL: "https://h/p?t=1", Host: "v", Body: "k=${object}", BodyType: "application/json", Vars: map[string]string{"a": "b"}}})
			return err
		}, map[string]string{
			"X-Cos-Callback":     base64.StdEncoding.EncodeToString([]byte(`{"callbackUrl":"https://h/p?t=1","callbackHost":"v","callbackBody":"k=${object}","callbackBodyType":"application/json"}`)),
			"X-Cos-Callback-Var": base64.StdEncoding.EncodeToString([]byte(`{"x:a":"b"}`)),
		}, "x"},
		{"initiate", "POST " + path + "?uploads=", func(c *Client) error {
			_, err := c.InitiateMultipartUpload(ctx, here, key, InitiateOptions{Settings: allSettings()})
			return err
		}, settingsHeader(), ""},
		{"append", "POST " + path + "?append=&position=0", func(c *Client) error {
			_, err := c.AppendObject(ctx, here, key, 0, content, AppendOptions{Settings: allSettings(), TrafficLimit: 838860800})
			return err
		}, mapOf(settingsHeader(), map[string]string{"X-Cos-Traffic-Limit": "838860800"}), "x"},
		{"part", "PUT " + path + "?partNumber=1&uploadId=u1", func(c *Client) error {
			_, err := c.UploadPart(ctx, u, 1, content, PartOptions{CustomerKey: testKey(), TrafficLimit: 819200})
			return err
		}, mapOf(customerHeader("X-Cos-Server-Side-Encryption-Customer-"), map[string]string{"X-Cos-Traffic-Limit": "819200"}), "x"},
		{"part copy", "PUT " + path + "?partNumber=1&uploadId=u1", func(c *Client) error {
			_, err := c.UploadPartCopy(ctx, u, 1, PartCopyOptions{Source: CopySource{Bucket: testBucket, Key: "s", CustomerKey: testKey()}, CustomerKey: testKey()})
			return err
		}, mapOf(customerHeader("X-Cos-Server-Side-Encryption-Customer-"), customerHeader("X-Cos-Copy-Source-Server-Side-Encryption-Customer-")), ""},
		{"copy", "PUT " + path, func(c *Client) error {
			_, err := c.CopyObject(ctx, here, key, CopyOptions{Source: CopySource{Bucket: testBucket, Key: "s", CustomerKey: testKey()}, ReplaceTags: true, Settings: allSettings()})
			return err
		}, mapOf(settingsHeader(), customerHeader("X-Cos-Copy-Source-Server-Side-Encryption-Customer-"), map[string]string{"X-Cos-Tagging-Directive": "Replaced", "X-Cos-Metadata-Directive": "Copy"}), ""},
		{"get", "GET " + path + "?response-cache-control=no&response-content-disposition=d&response-content-encoding=e&response-content-language=l&response-content-type=a%2Fb&response-expires=x&versionId=v1", func(c *Client) error {
			_, err := c.GetObject(ctx, here, key, ReadOptions{VersionID: "v1", CustomerKey: testKey(), TrafficLimit: 819200, ResponseHeaders: ResponseHeaders{"a/b", "no", "d", "e", "l", "x"}})
			return err
		}, mapOf(customerHeader("X-Cos-Server-Side-Encryption-Customer-"), map[string]string{"X-Cos-Traffic-Limit": "819200"}), ""},
		{"get tags", "GET " + path + "?tagging=&versionId=v1", func(c *Client) error {
			_, _, err := c.GetObjectTagging(ctx, here, key, "v1")
			return err
		}, nil, ""},
		{"put tags", "PUT " + path + "?tagging=", func(c *Client) error {
			_, err := c.PutObjectTagging(ctx, here, key, "", ObjectTags{Tags: []Tag{{Key: "a:", Value: "b/"}}})
			return err
		}, map[string]string{"Content-Type": "application/xml", "Content-Md5": "SP+Y2GRmZA52Kxq/ko7Wmw=="}, "<Tagging><TagSet><Tag><Key>a:</Key><Value>b/</Value></Tag></TagSet></Tagging>"},
		{"delete tags", "DELETE " + path + "?tagging=&versionId=v1", func(c *Client) error {
			_, err := c.DeleteObjectTagging(ctx, here, key, "v1")
			return err
		}, nil, ""},
		{"get acl", "GET " + path + "?acl=&versionId=v1", func(c *Client) error {
			_, err := c.GetObjectACL(ctx, here, key, "v1")
			return err
		}, nil, ""},
		{"put a canned acl", "PUT " + path + "?acl=", func(c *Client) error {
			return c.PutObjectACL(ctx, here, key, "", ACL{Preset: "private"})
		}, map[string]string{"X-Cos-Acl": "private"}, ""},
		{"put grants", "PUT " + path + "?acl=&versionId=v1", func(c *Client) error {
			return c.PutObjectACL(ctx, here, key, "v1", ACL{Grants: &GrantHeaders{ReadACP: []string{"1"}, WriteACP: []string{"2"}}})
		}, map[string]string{"X-Cos-Grant-Read-Acp": `id="1"`, "X-Cos-Grant-Write-Acp": `id="2"`}, ""},
		{"put a policy", "PUT " + path + "?acl=", func(c *Client) error {
			return c.PutObjectACL(ctx, here, key, "", ACL{Policy: policy})
		}, nil, `<AccessControlPolicy><Owner><ID>o&lt;1&gt;</ID></Owner><AccessControlList>` +
			`<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>2</ID><DisplayName>d</DisplayName></Grantee><Permission>READ</Permission></Grant>` +
			`<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group"><URI>http://g</URI></Grantee><Permission>FULL_CONTROL</Permission></Grant>` +
			`</AccessControlList></AccessControlPolicy>`},
		{"restore", "POST " + path + "?restore=&versionId=v1", func(c *Client) error {
			_, err := c.RestoreObject(ctx, here, key, "v1", RestoreOptions{Days: 3, Tier: "Bulk"})
			return err
		}, nil, "<RestoreRequest><Days>3</Days><CASJobParameters><Tier>Bulk</Tier></CASJobParameters></RestoreRequest>"},
		{"get retention", "GET " + path + "?retention=", func(c *Client) error {
			_, err := c.GetObjectRetention(ctx, here, key)
			return err
		}, nil, ""},
		{"put retention", "PUT " + path + "?retention=", func(c *Client) error {
			return c.PutObjectRetention(ctx, here, key, Retention{Until: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)})
		}, nil, "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2030-01-02T03:04:05.000Z</RetainUntilDate></Retention>"},
		{"get symlink", "GET " + path + "?symlink=&versionId=v1", func(c *Client) error {
			_, err := c.GetSymlink(ctx, here, key, "v1")
			return err
		}, nil, ""},
		{"put symlink", "PUT " + path + "?symlink=", func(c *Client) error {
			_, err := c.PutSymlink(ctx, here, key, "a/b é")
			return err
		}, map[string]string{"X-Cos-Symlink-Target": "a%2Fb%20%C3%A9", "Content-Length": "0"}, ""},
		{"options", "OPTIONS " + path, func(c *Client) error {
			_, err := c.OptionsObject(ctx, here, key, Preflight{Origin: "https://o", Method: "PUT", Headers: []string{"X-A", "b"}})
			return err
		}, map[string]string{"Origin": "https://o", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "X-A,b"}, ""},
		{"versions", "GET /?delimiter=%2F&encoding-type=url&key-marker=k&max-keys=2&prefix=p&version-id-marker=v&versions=", func(c *Client) error {
			_, err := c.ListObjectVersions(ctx, here, ListVersionsOptions{Prefix: "p", Delimiter: "/", KeyMarker: "k", VersionIDMarker: "v", MaxKeys: 2})
			return err
		}, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 403, errorXML("AccessDenied", "m")) })
			if e := wantError(t, tc.name, tc.do(c)); e.Code != "AccessDenied" || e.Attempts != 1 {
				t.Errorf("error = %+v, want AccessDenied at once", e)
			}
			got := s.seen()[0]
			if target := got.Method + " " + got.URI; target != tc.target || string(got.Body) != tc.body {
				t.Errorf("request = %s %q, want %s %q", target, got.Body, tc.target, tc.body)
			}
			for name, want := range tc.header {
				if v := got.Header.Get(name); v != want {
					t.Errorf("%s = %q, want %q", name, v, want)
				}
				if !strings.Contains(got.Header.Get("Authorization"), strings.ToLower(name)) && name != "Content-Length" {
					t.Errorf("%s is not signed", name)
				}
			}
		})
	}
}

func mapOf(all ...map[string]string) map[string]string {
	out := make(map[string]string)
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

// Unsafe values are never sent: they would become a header, a document or a host.
func TestObjectSettingsAreCheckedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { cosHeader(w) })
	ctx, here := t.Context(), at(testBucket)
	put := func(o PutOptions) error {
		_, err := c.PutObject(ctx, here, "k", Body{}, o)
		return err
	}
	tags := make([]Tag, 11)
	for i := range tags {
		tags[i] = Tag{Key: fmt.Sprint(i)}
	}
	call := func(b Callback) error { return put(PutOptions{Callback: &b}) }
	acl := func(a ACL) error { return c.PutObjectACL(ctx, here, "k", "", a) }
	for field, err := range map[string]error{
		"attributes.preset_acl":              put(PutOptions{Settings: Settings{ACL: "a\r\nb"}}),
		"attributes.grants.read[0]":          put(PutOptions{Settings: Settings{Grants: &GrantHeaders{Read: []string{`1",id="2`}}}}),
		"attributes.grants.write":            put(PutOptions{Settings: Settings{Grants: &GrantHeaders{Write: []string{"1"}}}}),
		"attributes.tags":                    put(PutOptions{Settings: Settings{Tags: tags}}),
		"attributes.encryption":              put(PutOptions{Settings: Settings{Encryption: Encryption{COS: true, CustomerKey: testKey()}}}),
		"attributes.encryption.customer_key": put(PutOptions{Settings: Settings{Encryption: Encryption{CustomerKey: testKey()[:31]}}}),
		"attributes.encryption.kms.key_id":   put(PutOptions{Settings: Settings{Encryption: Encryption{KMS: &KMSKey{ID: "a\nb"}}}}),
		"attributes.retention":               put(PutOptions{Settings: Settings{Retention: Retention{Mode: "COMPLIANCE"}}}),
		"attributes.retention.mode":          put(PutOptions{Settings: Settings{Retention: Retention{Mode: "a b", Until: time.Now()}}}),
		"traffic_limit":                      put(PutOptions{TrafficLimit: 819199}),
		"pic_operations":                     put(PutOptions{PicOperations: "{\n}"}),
		"callback.url":                       call(Callback{URL: "ftp://h/", Body: "b"}),
		"callback.host":                      call(Callback{URL: "http://h/", Host: "a b", Body: "b"}),
		"callback.body":                      call(Callback{URL: "http://h/"}),
		"callback.body_type":                 call(Callback{URL: "http://h/", Body: "b", BodyType: "text/html"}),
		"callback.vars":                      call(Callback{URL: "http://h/", Body: "b", Vars: map[string]string{"A": ""}}),
		"customer_key":                       second(c.HeadObject(ctx, here, "k", ReadOptions{CustomerKey: testKey()[:1]})),
		"response_headers.content_type":      second(c.GetObject(ctx, here, "k", ReadOptions{ResponseHeaders: ResponseHeaders{ContentType: "a\nb"}})),
		"source.customer_key":                second(c.CopyObject(ctx, here, "k", CopyOptions{Source: CopySource{Bucket: testBucket, Key: "s", CustomerKey: testKey()[:2]}})),
		"tags":                               second(c.PutObjectTagging(ctx, here, "k", "", ObjectTags{Tags: []Tag{{Key: "a\x01"}}})),
		"acl":                                acl(ACL{Preset: "private", Policy: &AccessControlPolicy{}}),
		"preset_acl":                         acl(ACL{Preset: "Private"}),
		"acl.owner":                          acl(ACL{Policy: &AccessControlPolicy{}}),
		"acl.grants[0].grantee":              acl(ACL{Policy: &AccessControlPolicy{Owner: Owner{ID: "1"}, Grants: []Grant{{Permission: "READ"}}}}),
		"acl.grants[0].permission":           acl(ACL{Policy: &AccessControlPolicy{Owner: Owner{ID: "1"}, Grants: []Grant{{ID: "1", Permission: "WRITE"}}}}),
		"days":                               second(c.RestoreObject(ctx, here, "k", "", RestoreOptions{Days: -1})),
		"tier":                               second(c.RestoreObject(ctx, here, "k", "", RestoreOptions{Tier: "<a>"})),
		"target_key":                         second(c.PutSymlink(ctx, here, "k", "")),
		"retention.retain_until_date":        c.PutObjectRetention(ctx, here, "k", Retention{}),
		"origin":                             second(c.OptionsObject(ctx, here, "k", Preflight{Origin: "a\r\nb", Method: "GET"})),
		"headers":                            second(c.OptionsObject(ctx, here, "k", Preflight{Origin: "a", Method: "GET", Headers: []string{"a,b"}})),
		"version_id_marker":                  second(c.ListObjectVersions(ctx, here, ListVersionsOptions{VersionIDMarker: "v"})),
		"version_id":                         second(c.GetSymlink(ctx, here, "k", "a&b")),
		"key":                                second(c.DeleteObjectTagging(ctx, here, "", "")),
	} {
		v, ok := err.(*ValidationError) //nolint:errorlint // it is returned as it is
		if !ok || v.Field != field {
			t.Errorf("%s: error = %v, want a ValidationError of it", field, err)
		}
	}
	if n := len(s.seen()); n != 0 {
		t.Errorf("%d requests were sent, want none", n)
	}
}

func TestHeadObjectAndGetObjectReturnSettings(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		cosHeader(w)
		h := w.Header()
		h.Set("Content-Length", "0")
		h.Set("ETag", `"e"`)
		h.Set("x-cos-server-side-encryption", "cos/kms")
		h.Set("x-cos-server-side-encryption-cos-kms-key-id", "k1")
		h.Set("x-cos-tagging-count", "2")
		h.Set("x-cos-replication-status", "PENDING")
		h.Set("x-cos-object-lock-mode", "COMPLIANCE")
		h.Set("x-cos-object-lock-retain-until-date", "2030-01-02T03:04:05.000Z")
		h.Set("x-cos-restore", `ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT"`)
		if r.URL.Path == "/ongoing" {
			h.Set("x-cos-restore", `ongoing-request="true"`)
		}
	})
	info, err := c.HeadObject(t.Context(), at(testBucket), "k", ReadOptions{})
	want := EncryptionInfo{Algorithm: "cos/kms", KMSKeyID: "k1"}
	if err != nil || info.Encryption != want || info.TagCount != 2 || !info.HasTagCount || info.ReplicationStatus != "PENDING" {
		t.Errorf("HeadObject = %+v, %v", info, err)
	}
	if info.Retention != (Retention{"COMPLIANCE", time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}) {
		t.Errorf("retention = %+v", info.Retention)
	}
	if r := info.Restore; r == nil || r.Ongoing || !r.Expires.Equal(time.Date(2029, 12, 21, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("restore = %+v", r)
	}
	info, err = c.HeadObject(t.Context(), at(testBucket), "ongoing", ReadOptions{})
	if err != nil || info.Restore == nil || !info.Restore.Ongoing || !info.Restore.Expires.IsZero() {
		t.Errorf("restore = %+v, %v, want one under way", info.Restore, err)
	}
}

// Customer keys and callbacks are in no error, whatever COS returns.
func TestErrorsHoldNoCustomerKeyOrCallback(t *testing.T) {
	t.Parallel()
	const callbackURL = "https://app.example/notify?token=VerySecret1"
	secrets := []string{testKeyBase64, string(testKey()), callbackURL, "VerySecret1", "VerySecret2"}
	for _, echo := range []string{"message", "header", "code", "html", "malformed"} {
		c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			all := strings.Join(secrets[:3], " ") + " " + r.Header.Get("X-Cos-Callback") + r.Header.Get("X-Cos-Callback-Var")
			switch echo {
			case "message":
				respondXML(w, 400, errorXML("InvalidArgument", all))
			case "code":
				respondXML(w, 400, errorXML(all, ""))
			case "header":
				maps.Copy(w.Header(), r.Header)
				w.Header().Set("x-cos-echo", all)
				respondXML(w, 500, errorXML("InternalError", ""))
			case "html":
				w.Header().Set("x-cos-request-id", all)
				w.WriteHeader(502)
			case "malformed":
				respondXML(w, 200, "<"+strings.ReplaceAll(all, " ", "")+"/>")
			}
		}, attempts(2))
		o := CopyOptions{Source: CopySource{Bucket: testBucket, Key: "s", CustomerKey: testKey()}}
		p := PutOptions{Settings: Settings{Encryption: Encryption{CustomerKey: testKey()}}, Callback: &Callback{URL: callbackURL, Body: "b", Vars: map[string]string{"v": "VerySecret2"}}}
		for op, call := range map[string]func(context.Context) error{
			"GetObject": func(ctx context.Context) error {
				return second(c.GetObject(ctx, at(testBucket), "k", ReadOptions{CustomerKey: testKey()}))
			},
			"CopyObject": func(ctx context.Context) error { return second(c.CopyObject(ctx, at(testBucket), "k", o)) },
			"PutObject":  func(ctx context.Context) error { return second(c.PutObject(ctx, at(testBucket), "k", Body{}, p)) },
		} {
			err := call(t.Context())
			seen := fmt.Sprintf("%v %+v", err, err)
			if e, ok := err.(*Error); ok { //nolint:errorlint // it is returned as it is
				seen += fmt.Sprintf("%+v", *e)
			}
			for i, s := range secrets {
				if op == "PutObject" || i < 2 {
					if strings.Contains(seen, s) {
						t.Errorf("%s of %s: %q shows in %s", echo, op, s, seen)
					}
				}
			}
			if strings.Contains(seen, base64.StdEncoding.EncodeToString([]byte(`{"x:v":"VerySecret2"}`))) {
				t.Errorf("%s of %s: a variable shows in %s", echo, op, seen)
			}
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, v := range []any{testKey(), PutOptions{Settings: allSettings()}, ReadOptions{CustomerKey: testKey()}} {
			got := fmt.Sprintf(verb, v)
			if strings.Contains(got, "0123") || strings.Contains(got, "30313233") || strings.Contains(got, "48 49 50") {
				t.Errorf("a key printed with %s is %s", verb, got)
			}
		}
	}
}

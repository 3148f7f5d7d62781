package cosbackend

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A PUT carries the document and its MD5, and is retried unchanged.
func TestBucketConfigurationsCarryContentMD5AndAreRetried(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 1 {
			respondXML(w, 500, errorXML("InternalError", "again"))
			return
		}
		respondXML(w, 200, "")
	})
	zero, no := int32(0), false
	err := c.PutBucketCORS(t.Context(), at(testBucket), &CORSConfiguration{
		Rules:        []CORSRule{{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: &zero}},
		ResponseVary: &no,
	})
	if err != nil {
		t.Fatalf("PutBucketCORS = %v", err)
	}
	const want = "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><MaxAgeSeconds>0</MaxAgeSeconds></CORSRule><ResponseVary>false</ResponseVary></CORSConfiguration>"
	sum := md5.Sum([]byte(want))
	for _, r := range s.seen() {
		if r.Method != "PUT" || r.URI != "/?cors=" && r.URI != "/?cors" || string(r.Body) != want {
			t.Errorf("%s %s carries %s, want %s", r.Method, r.URI, r.Body, want)
		}
		if got := r.Header.Get("Content-Md5"); got != base64.StdEncoding.EncodeToString(sum[:]) || r.Header.Get("Content-Type") != "application/xml" {
			t.Errorf("Content-MD5 = %q, Content-Type = %q", got, r.Header.Get("Content-Type"))
		}
	}
	if got := len(s.seen()); got != 2 {
		t.Errorf("COS received %d requests, want 2", got)
	}
}

func TestBucketConfigurationsOfAnotherKindAreRefused(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"another root": "<LifecycleConfiguration></LifecycleConfiguration>", "no XML": "hello", "truncated": "<CORSConfiguration><CORSRule>",
		"nothing": "", "no number": "<CORSConfiguration><CORSRule><MaxAgeSeconds>x</MaxAgeSeconds></CORSRule></CORSConfiguration>",
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, body) })
			_, err := c.GetBucketCORS(t.Context(), at(testBucket))
			if e := wantError(t, "GetBucketCORS", err); e.Cause == nil || NotConfigured(err) {
				t.Errorf("GetBucketCORS = %v, want a response that cannot be read", err)
			}
		})
	}
}

func TestNotConfiguredIsOnlyAMissingConfiguration(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		want   bool
	}{
		{404, "NoSuchCORSConfiguration", true},
		{404, "ReplicationConfigurationnotFoundError", true},
		{404, "NoSuchBucket", false},
		{403, "AccessDenied", false},
		{404, "", false},
	} {
		client, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, c.status, errorXML(c.code, "no")) })
		if _, err := client.GetBucketCORS(t.Context(), at(testBucket)); NotConfigured(err) != c.want {
			t.Errorf("NotConfigured(%v) = %v, want %v", err, !c.want, c.want)
		}
	}
	if NotConfigured(nil) || NotConfigured(errors.New("x")) {
		t.Error("NotConfigured takes any error")
	}
}

func TestBucketConfigurationsRefuseCharactersThatXMLCannotHold(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, "") })
	err := c.PutBucketTagging(t.Context(), at(testBucket), &BucketTagging{Tags: []Tag{{Key: "a\x01", Value: "b"}}})
	if e, ok := errors.AsType[*ValidationError](err); !ok || e.Field != "tagging" {
		t.Errorf("PutBucketTagging = %v, want a ValidationError of tagging", err)
	}
	if len(s.seen()) > 0 {
		t.Error("COS received a request")
	}
}

// Ids become part of the query.
func TestBucketConfigurationIDsAreChecked(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, "") })
	for _, id := range []string{"", "a b", "a&acl", "a/b", "é", "~", strings.Repeat("a", 129)} {
		_, err := c.GetBucketInventory(t.Context(), at(testBucket), id)
		if _, ok := errors.AsType[*ValidationError](err); !ok {
			t.Errorf("GetBucketInventory(%q) = %v, want a ValidationError", id, err)
		}
		if _, ok := errors.AsType[*ValidationError](c.PutBucketIntelligentTieringConfiguration(t.Context(), at(testBucket), &IntelligentTieringConfiguration{ID: id})); !ok {
			t.Errorf("PutBucketIntelligentTieringConfiguration(%q) is not refused", id)
		}
	}
	for _, domain := range []string{"", "a b", "a/b", "a&b", "a:1"} {
		if _, ok := errors.AsType[*ValidationError](c.DeleteBucketDomainCertificate(t.Context(), at(testBucket), domain)); !ok {
			t.Errorf("DeleteBucketDomainCertificate(%q) is not refused", domain)
		}
	}
	if len(s.seen()) > 0 {
		t.Error("COS received a request")
	}
}

func TestDeleteBucketRefererPutsAnEmptyDocument(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, "") })
	if err := c.DeleteBucketReferer(t.Context(), at(testBucket)); err != nil {
		t.Fatalf("DeleteBucketReferer = %v", err)
	}
	r := s.seen()[0]
	if r.Method != "PUT" || len(r.Body) > 0 || r.Header.Get("Content-Length") != "0" || r.Header.Get("Content-Md5") != "1B2M2Y8AsgTpgAmY7PhCfg==" {
		t.Errorf("%s with %q and %v, want a PUT of nothing with its MD5", r.Method, r.Body, r.Header)
	}
}

// The document of COS's page on origins comes back with all it has, where the official
// SDK's struct keeps one host.
func TestBucketOriginKeepsAllHosts(t *testing.T) {
	t.Parallel()
	const page = `<OriginConfiguration><OriginRule><RulePriority>0</RulePriority><OriginType>Mirror</OriginType>` +
		`<HTTPStandbyCode><StatusCode>404</StatusCode></HTTPStandbyCode><OriginInfo>` +
		`<HostInfo><HostName>a.example.com</HostName><Weight>4</Weight><StandbyHostName_1>b.example.com</StandbyHostName_1><StandbyHostName_2>c.example.com</StandbyHostName_2></HostInfo>` +
		`<HostInfo><HostName>d.example.com</HostName></HostInfo></OriginInfo></OriginRule></OriginConfiguration>`
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 200, strings.NewReplacer(
			"<StandbyHostName_1>b.example.com</StandbyHostName_1>", "",
			"</StandbyHostName_2>", "</StandbyHostName_2><StandbyHostName_1>b.example.com</StandbyHostName_1>",
		).Replace(page))
	})
	doc, err := c.GetBucketOrigin(t.Context(), at(testBucket))
	if err != nil {
		t.Fatalf("GetBucketOrigin = %v", err)
	}
	got, err := encodeDocument("OriginConfiguration", doc)
	if diff := cmp.Diff(page, string(got)); err != nil || diff != "" {
		t.Errorf("the document put back (-read +put):\n%s, %v", diff, err)
	}
}

func TestBucketLifecycleDatesAreReadInAnyZone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-01-01T00:00:00+08:00": time.Date(2025, 12, 31, 16, 0, 0, 0, time.UTC),
		" 2026-01-01T00:00:00.000Z": time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			respondXML(w, 200, "<LifecycleConfiguration><Rule><Expiration><Date>"+text+"</Date></Expiration></Rule></LifecycleConfiguration>")
		})
		doc, err := c.GetBucketLifecycle(t.Context(), at(testBucket))
		if err != nil || len(doc.Rules) != 1 || !doc.Rules[0].Expiration.Date.Equal(want) {
			t.Errorf("%q is %+v, %v, want %v", text, doc, err, want)
		}
		if got, _ := encodeDocument("E", doc); !strings.Contains(string(got), "<Date>"+want.Format("2006-01-02T15:04:05.000Z")+"</Date>") {
			t.Errorf("%q is written as %s", text, got)
		}
	}
}

func TestPutBucketACLWritesGrantsAsCOSReadsThem(t *testing.T) {
	t.Parallel()
	c, s := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, "") })
	const id = "qcs::cam::uin/100000000001:uin/100000000002"
	for _, acl := range []ACL{
		{Grants: &GrantHeaders{Read: []string{id, "100000000003"}, FullControl: []string{id}}},
		{Policy: &AccessControlPolicy{Owner: Owner{ID: id}, Grants: []Grant{{ID: id, Permission: "READ"}, {URI: "http://cam.qcloud.com/groups/global/AllUsers", Permission: "WRITE"}}}},
	} {
		if err := c.PutBucketACL(t.Context(), at(testBucket), acl); err != nil {
			t.Fatalf("PutBucketACL = %v", err)
		}
	}
	headers := s.seen()[0].Header
	if got := headers.Get("X-Cos-Grant-Read"); got != `id="`+id+`",id="100000000003"` || headers.Get("X-Cos-Grant-Full-Control") != `id="`+id+`"` {
		t.Errorf("the headers grant %v", headers)
	}
	const xsi = `xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type=`
	want := `<AccessControlPolicy><Owner><ID>` + id + `</ID></Owner><AccessControlList>` +
		`<Grant><Grantee ` + xsi + `"CanonicalUser"><ID>` + id + `</ID></Grantee><Permission>READ</Permission></Grant>` +
		`<Grant><Grantee ` + xsi + `"Group"><URI>http://cam.qcloud.com/groups/global/AllUsers</URI></Grantee><Permission>WRITE</Permission></Grant>` +
		`</AccessControlList></AccessControlPolicy>`
	if got := string(s.seen()[1].Body); got != want {
		t.Errorf("the document is %s, want %s", got, want)
	}
	for _, bad := range []ACL{{}, {Preset: "Private"}, {Preset: "private", Policy: &AccessControlPolicy{}}, {Grants: &GrantHeaders{Write: []string{`a"`}}}} {
		if _, ok := errors.AsType[*ValidationError](c.PutBucketACL(t.Context(), at(testBucket), bad)); !ok {
			t.Errorf("PutBucketACL(%+v) is not refused", bad)
		}
	}
}

func TestGetBucketACLReadsOlderGranteesAsAccounts(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		respondXML(w, 200, `<AccessControlPolicy><Owner><ID>o</ID></Owner><AccessControlList><Grant><Grantee type="RootAccount"><uin>1</uin></Grantee><Permission>READ</Permission></Grant>`+
			`<Grant><Grantee><uin>1</uin><Subaccount>2</Subaccount></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>`)
	})
	got, err := c.GetBucketACL(t.Context(), at(testBucket))
	want := []Grant{{ID: "qcs::cam::uin/1:uin/1", Permission: "READ"}, {ID: "qcs::cam::uin/1:uin/2", Permission: "READ"}}
	if err != nil {
		t.Fatalf("GetBucketACL = %v", err)
	}
	if diff := cmp.Diff(want, got.Grants); diff != "" {
		t.Errorf("the grants (-want +got):\n%s", diff)
	}
}

// An error keeps what COS said unless that quotes the key.
func TestPutBucketDomainCertificateErrorsHoldNoPrivateKey(t *testing.T) {
	t.Parallel()
	key := "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nabcdefghijkl\n-----END PRIVATE KEY-----\n"
	for message, want := range map[string]string{
		"the certificate is malformed": "the certificate is malformed",
		"bad: abcdefghijkl":            "bad: [redacted]", "bad: MIGHAgEAMBMG": "", "BEGIN PRIVATE KEY": "",
	} {
		c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			respondXML(w, 400, errorXML("InvalidArgument", message))
		})
		err := c.PutBucketDomainCertificate(t.Context(), at(testBucket), &DomainCertificate{CertType: "CustomCert", Cert: "c", PrivateKey: key})
		if e := wantError(t, "PutBucketDomainCertificate", err); e.Message != want {
			t.Errorf("COS says %q: the error says %q, want %q", message, e.Message, want)
		}
	}
	var log bytes.Buffer
	c, _ := open(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		cosHeader(w)
		w.WriteHeader(400)
		_, _ = w.Write([]byte(key))
	}, func(cfg *Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	err := c.PutBucketDomainCertificate(t.Context(), at(testBucket), &DomainCertificate{})
	if err == nil || strings.Contains(log.String(), "abcdefghijkl") || strings.Contains(err.Error(), "abcdefghijkl") {
		t.Errorf("PutBucketDomainCertificate = %v, and the log says %s", err, log.String())
	}
}

// A policy is returned as COS sent it; white space alone is none.
func TestGetBucketPolicyKeepsTheWhiteSpaceAroundIt(t *testing.T) {
	t.Parallel()
	for body, absent := range map[string]bool{"\r\n {\"version\": \"2.0\"}\r\n": false, "{}\n": false, " \n": true, "": true} {
		c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, body) })
		got, err := c.GetBucketPolicy(t.Context(), at(testBucket))
		if NotConfigured(err) != absent || !absent && (err != nil || got != body) {
			t.Errorf("GetBucketPolicy of %q = %q, %v", body, got, err)
		}
	}
}

// What a caller could write back in part only is not read: the rule would become wider.
func TestBucketConfigurationsWithSeveralAlternativesAreRefused(t *testing.T) {
	t.Parallel()
	const tag = "<Tag><Key>k</Key><Value>v</Value></Tag>"
	for body, get := range map[string]func(*Client) error{
		"<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter><Prefix>p</Prefix>" + tag + "</Filter></Rule></LifecycleConfiguration>": func(c *Client) error {
			_, err := c.GetBucketLifecycle(t.Context(), at(testBucket))
			return err
		},
		"<ReplicationConfiguration><Role>r</Role><Rule><Filter><And>" + tag + "</And><Prefix>p</Prefix></Filter><Destination><Bucket>b</Bucket></Destination></Rule></ReplicationConfiguration>": func(c *Client) error {
			_, err := c.GetBucketReplication(t.Context(), at(testBucket))
			return err
		},
		"<WebsiteConfiguration><RoutingRules><RoutingRule><Condition><KeyPrefixEquals>p</KeyPrefixEquals><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition></RoutingRule></RoutingRules></WebsiteConfiguration>": func(c *Client) error {
			_, err := c.GetBucketWebsite(t.Context(), at(testBucket))
			return err
		},
		"<WebsiteConfiguration><RoutingRules><RoutingRule><Redirect><ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>": func(c *Client) error {
			_, err := c.GetBucketWebsite(t.Context(), at(testBucket))
			return err
		},
	} {
		c, _ := open(t, func(w http.ResponseWriter, _ *http.Request, _ int) { respondXML(w, 200, body) })
		if err := get(c); !errors.Is(err, errSeveral) {
			t.Errorf("GET of %s = %v, want an error that says why", body, err)
		}
	}
}

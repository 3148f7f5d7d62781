//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// TestE2EGoSDKDoesOrdinaryWork uses the official Go SDK, unchanged, as an application does,
// with each kind of credentials. What was done is read back.
func TestE2EGoSDKDoesOrdinaryWork(t *testing.T) {
	server := startClientsCOS(t)
	issued, err := server.temporary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string]embedded.Credential{
		"own": server.own, "fixed": server.fixed, "issued": {SecretID: issued.SecretID, SecretKey: issued.SecretKey, Token: issued.Token},
	} {
		t.Run(name, func(t *testing.T) {
			w := goWork{Client: server.sdk(t, pair), prefix: name + "/", pair: pair, server: server}
			w.unknown(t)
			w.types(t)
			w.presigned(t)
			w.resumes(t)
			w.lists(t)
		})
	}
	t.Run("configurations", func(t *testing.T) { goConfigurations(t, server.sdk(t, server.own)) })
	t.Run("refused", func(t *testing.T) {
		for code, pair := range map[string]embedded.Credential{
			"InvalidAccessKeyId":    {SecretID: issued.SecretID, SecretKey: issued.SecretKey, Token: "other"},
			"SignatureDoesNotMatch": {SecretID: server.fixed.SecretID, SecretKey: "other", Token: server.fixed.Token},
		} {
			if _, _, err := server.sdk(t, pair).Bucket.Get(t.Context(), nil); !isCOSError(err, code) {
				t.Errorf("Get = %v, want %s", err, code)
			}
		}
		pair := embedded.Credential{SecretID: issued.SecretID, SecretKey: issued.SecretKey, Token: issued.Token}
		_, err := server.sdk(t, pair).Bucket.PutTagging(t.Context(), &cos.BucketPutTaggingOptions{TagSet: []cos.BucketTaggingTag{{Key: "a", Value: "b"}}})
		if !isCOSError(err, "AccessDenied") {
			t.Errorf("PutTagging with credentials for objects = %v, want AccessDenied", err)
		}
	})
}

// goWork is the work of one application, below a prefix of its own.
type goWork struct {
	*cos.Client
	prefix string
	pair   embedded.Credential
	server clientsCOS
}

func (w goWork) read(t *testing.T, key string) (http.Header, []byte) {
	t.Helper()
	resp, err := w.Object.Get(t.Context(), key, &cos.ObjectGetOptions{XOptionHeader: &http.Header{"X-Cos-Test": {"1"}}})
	if err != nil {
		t.Fatalf("Get(%q) = %v", key, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Header, data
}

// unknown sends headers that COS does not know.
func (w goWork) unknown(t *testing.T) {
	key, unknown := w.prefix+"中文 key.txt", http.Header{"X-Cos-Test": {"1"}, "X-Cos-Test2": {"v"}}
	_, err := w.Object.Put(t.Context(), key, strings.NewReader("content"), &cos.ObjectPutOptions{
		ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{XOptionHeader: &unknown, XCosMetaXXX: &http.Header{"X-Cos-Meta-Note": {"kept"}}},
	})
	if err != nil {
		t.Fatalf("Put = %v", err)
	}
	if header, data := w.read(t, key); string(data) != "content" || header.Get("x-cos-meta-note") != "kept" {
		t.Errorf("Get = %q, %v", data, header)
	}
	for position, text := range []string{"a", "b", "c"} {
		if _, _, err := w.Object.Append(t.Context(), w.prefix+"log", position, strings.NewReader(text), &cos.ObjectPutOptions{ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{XOptionHeader: &unknown}}); err != nil {
			t.Fatalf("Append at %d = %v", position, err)
		}
	}
	if _, data := w.read(t, w.prefix+"log"); string(data) != "abc" {
		t.Errorf("Get of what was appended = %q", data)
	}
	if _, _, err := w.Object.Copy(t.Context(), key+".copy", clientsBucket+".cos."+demoRegion+".myqcloud.com/"+key, &cos.ObjectCopyOptions{
		ObjectCopyHeaderOptions: &cos.ObjectCopyHeaderOptions{XOptionHeader: &unknown},
	}); err != nil {
		t.Fatalf("Copy = %v", err)
	}
	if _, data := w.read(t, key+".copy"); string(data) != "content" {
		t.Errorf("Get of the copy = %q", data)
	}
	if _, err := w.Object.Delete(t.Context(), key+".copy"); err != nil {
		t.Errorf("Delete = %v", err)
	}
	if _, err := w.Object.Head(t.Context(), key+".copy", nil); !cos.IsNotFoundError(err) {
		t.Errorf("Head of what was deleted = %v, want 404", err)
	}
}

// types says none: COS takes that of the suffix.
func (w goWork) types(t *testing.T) {
	for key, want := range map[string]string{"1.zip": "application/zip", "1.txt": "text/plain", "1": "application/octet-stream"} {
		key = w.prefix + key
		if _, err := w.Object.Put(t.Context(), key, strings.NewReader("x"), nil); err != nil {
			t.Fatalf("Put(%q) = %v", key, err)
		}
		head, err := w.Object.Head(t.Context(), key, nil)
		if err != nil || head.Header.Get("Content-Type") != want {
			t.Errorf("Head(%q) = %v, %v; want the type %s", key, head, err, want)
		}
	}
}

// presigned adds parameters to a URL.
func (w goWork) presigned(t *testing.T) {
	query := url.Values{"utm": {"mail"}}
	if w.pair.Token != "" {
		query.Set("x-cos-security-token", w.pair.Token)
	}
	u, err := w.Object.GetPresignedURL(t.Context(), http.MethodGet, w.prefix+"1.txt", w.pair.SecretID, w.pair.SecretKey, time.Minute, &cos.PresignedURLOptions{Query: &query})
	if err != nil {
		t.Fatal(err)
	}
	plain := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: w.server.addr})}}
	defer plain.CloseIdleConnections()
	for target, want := range map[string]int{
		u.String(): 200, u.String() + "&t=1": 200, u.String() + "&v=abc&_=17": 200,
		strings.Replace(u.String(), "utm=mail", "utm=other", 1): 403,
		strings.Split(u.String(), "?")[0] + "?t=1":              403,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := plain.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET of the URL with %q = %d, want %d", strings.TrimPrefix(target, u.String()), resp.StatusCode, want)
		}
	}
}

// An interruption cancels an upload once so many bytes were sent.
type interruption struct {
	after  int64
	cancel context.CancelFunc
}

func (i interruption) ProgressChangedCallback(e *cos.ProgressEvent) {
	if e.ConsumedBytes >= i.after {
		i.cancel()
	}
}

// resumes breaks an upload in parts off, and goes on with it.
func (w goWork) resumes(t *testing.T) {
	key, file, data := w.prefix+"film.mp4", filepath.Join(t.TempDir(), "film.mp4"), content(4<<20+17)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	upload := func(ctx context.Context, client *cos.Client, listener cos.ProgressListener) error {
		_, _, err := client.Object.Upload(ctx, key, file, &cos.MultiUploadOptions{
			OptIni:   &cos.InitiateMultipartUploadOptions{ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{Listener: listener, XCosTrafficLimit: 64 << 20}},
			PartSize: 1, ThreadPoolSize: 1, CheckPoint: true,
		})
		return err
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := upload(ctx, w.Client, interruption{2 << 20, cancel}); err == nil {
		t.Fatal("the upload was not broken off")
	}
	open, _, err := w.Bucket.ListMultipartUploads(t.Context(), &cos.ListMultipartUploadsOptions{Prefix: key})
	if err != nil || len(open.Uploads) != 1 {
		t.Fatalf("ListMultipartUploads = %+v, %v; want one upload", open, err)
	}
	parts, _, err := w.Object.ListParts(t.Context(), key, open.Uploads[0].UploadID, nil)
	if err != nil || len(parts.Parts) == 0 || len(parts.Parts) >= 5 {
		t.Fatalf("ListParts = %+v, %v; want some parts of 5", parts, err)
	}
	counter := &partCounter{base: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: w.server.addr})}}
	defer counter.base.CloseIdleConnections()
	another := cos.NewClient(w.BaseURL, &http.Client{Transport: &cos.AuthorizationTransport{SecretID: w.pair.SecretID, SecretKey: w.pair.SecretKey, SessionToken: w.pair.Token, Transport: counter}})
	if err := upload(t.Context(), another, nil); err != nil {
		t.Fatalf("Upload = %v", err)
	}
	if missing := 5 - len(parts.Parts); counter.parts != missing {
		t.Errorf("%d parts were sent to go on, want the %d that were missing", counter.parts, missing)
	}
	if header, got := w.read(t, key); !bytes.Equal(got, data) || header.Get("Content-Type") != "video/mp4" {
		t.Errorf("Get = %d bytes of type %s, want %d of video/mp4", len(got), header.Get("Content-Type"), len(data))
	}
}

// A partCounter counts the parts that are sent; one is sent at a time here.
type partCounter struct {
	base  *http.Transport
	parts int
}

func (c *partCounter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut && r.URL.Query().Has("partNumber") {
		c.parts++
	}
	return c.base.RoundTrip(r)
}

// lists finds everything page by page, and deletes it at once.
func (w goWork) lists(t *testing.T) {
	var found []cos.Object
	for marker, more := "", true; more; {
		page, _, err := w.Bucket.Get(t.Context(), &cos.BucketGetOptions{Prefix: w.prefix, MaxKeys: 2, Marker: marker, XOptionHeader: &http.Header{"X-Cos-Test": {"1"}}})
		if err != nil {
			t.Fatalf("Get = %v", err)
		}
		for _, o := range page.Contents {
			found = append(found, cos.Object{Key: o.Key})
		}
		marker, more = page.NextMarker, page.IsTruncated
	}
	want := []cos.Object{{Key: w.prefix + "1"}, {Key: w.prefix + "1.txt"}, {Key: w.prefix + "1.zip"}, {Key: w.prefix + "film.mp4"}, {Key: w.prefix + "log"}, {Key: w.prefix + "中文 key.txt"}}
	if d := cmp.Diff(want, found); d != "" {
		t.Errorf("the list (-want +got):\n%s", d)
	}
	for _, o := range found {
		if _, err := w.Object.Delete(t.Context(), o.Key); err != nil {
			t.Errorf("Delete(%q) = %v", o.Key, err)
		}
	}
	if left, _, err := w.Bucket.Get(t.Context(), &cos.BucketGetOptions{Prefix: w.prefix}); err != nil || len(left.Contents) != 0 {
		t.Errorf("Get afterwards = %+v, %v", left, err)
	}
}

// goConfigurations writes configurations as the SDK's types spell them, and reads them back.
func goConfigurations(t *testing.T, c *cos.Client) {
	ctx := t.Context()
	trip := func(name string, put error, get func() (any, error), want any) {
		t.Helper()
		if put != nil {
			t.Errorf("Put%s = %v", name, put)
			return
		}
		got, err := get()
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b xml.Name) bool { return true })); err != nil || d != "" {
			t.Errorf("Get%s = %v (-want +got):\n%s", name, err, d)
		}
	}
	_, err := c.Bucket.PutVersioning(ctx, &cos.BucketPutVersionOptions{Status: "Enabled"})
	trip("Versioning", err, func() (any, error) {
		got, _, err := c.Bucket.GetVersioning(ctx)
		return got.Status, err
	}, "Enabled")
	tags := []cos.BucketTaggingTag{{Key: "a", Value: "1"}, {Key: "键", Value: "值"}}
	_, err = c.Bucket.PutTagging(ctx, &cos.BucketPutTaggingOptions{TagSet: tags})
	trip("Tagging", err, func() (any, error) {
		got, _, err := c.Bucket.GetTagging(ctx)
		return got.TagSet, err
	}, tags)
	for _, class := range []string{"STANDARD_IA", "Standard_IA", "Archive"} {
		_, err = c.Bucket.PutLifecycle(ctx, &cos.BucketPutLifecycleOptions{Rules: []cos.BucketLifecycleRule{{
			ID: "1", Status: "Enabled", Filter: &cos.BucketLifecycleFilter{Prefix: "p/"}, Transition: []cos.BucketLifecycleTransition{{Days: 30, StorageClass: class}},
		}}})
		trip("Lifecycle of "+class, err, func() (any, error) {
			got, _, err := c.Bucket.GetLifecycle(ctx)
			if err != nil || len(got.Rules) != 1 || len(got.Rules[0].Transition) != 1 {
				return got, err
			}
			return got.Rules[0].Transition[0].Days, nil
		}, 30)
	}
	rules := []cos.BucketCORSRule{{ID: "1", AllowedMethods: []string{"GET", "PUT"}, AllowedOrigins: []string{"https://example.com"}, AllowedHeaders: []string{"*"}, MaxAgeSeconds: 5, ExposeHeaders: []string{"ETag"}}}
	_, err = c.Bucket.PutCORS(ctx, &cos.BucketPutCORSOptions{Rules: rules})
	trip("CORS", err, func() (any, error) {
		got, _, err := c.Bucket.GetCORS(ctx)
		return got.Rules, err
	}, rules)
	_, err = c.Bucket.PutEncryption(ctx, &cos.BucketPutEncryptionOptions{Rule: &cos.BucketEncryptionConfiguration{SSEAlgorithm: "AES256"}})
	trip("Encryption", err, func() (any, error) {
		got, _, err := c.Bucket.GetEncryption(ctx)
		return got.Rule.SSEAlgorithm, err
	}, "AES256")
	_, err = c.Bucket.PutReferer(ctx, &cos.BucketPutRefererOptions{Status: "Enabled", RefererType: "White-List", DomainList: []string{"*.example.com", "example.net"}, EmptyReferConfiguration: "Allow"})
	trip("Referer", err, func() (any, error) {
		got, _, err := c.Bucket.GetReferer(ctx)
		return got.DomainList, err
	}, []string{"*.example.com", "example.net"})
	_, err = c.Bucket.PutWebsite(ctx, &cos.BucketPutWebsiteOptions{
		Index: "index.html", Error: &cos.ErrorDocument{Key: "error.html"}, RedirectProtocol: &cos.RedirectRequestsProtocol{Protocol: "https"},
		RoutingRules: &cos.WebsiteRoutingRules{Rules: []cos.WebsiteRoutingRule{{ConditionErrorCode: "404", RedirectProtocol: "https", RedirectReplaceKey: "404.html"}}},
	})
	trip("Website", err, func() (any, error) {
		got, _, err := c.Bucket.GetWebsite(ctx)
		if err != nil || got.RoutingRules == nil || len(got.RoutingRules.Rules) != 1 {
			return got, err
		}
		return got.RoutingRules.Rules[0].RedirectReplaceKey, nil
	}, "404.html")
	for _, enabled := range []string{"true", "True"} {
		_, err = c.Bucket.PutInventory(ctx, "daily", &cos.BucketPutInventoryOptions{
			ID: "daily", IsEnabled: enabled, IncludedObjectVersions: "All", Schedule: &cos.BucketInventorySchedule{Frequency: "Daily"},
			Destination: &cos.BucketInventoryDestination{Bucket: "qcs::cos:" + demoRegion + "::" + clientsBucket, AccountId: "100000000001", Prefix: "reports", Format: "CSV"},
		})
		trip("Inventory", err, func() (any, error) {
			got, _, err := c.Bucket.GetInventory(ctx, "daily")
			return got.Destination.Prefix, err
		}, "reports")
	}
	_, err = c.Bucket.PutPolicy(ctx, &cos.BucketPutPolicyOptions{Version: "2.0", Statement: []cos.BucketStatement{{
		Effect: "allow", Principal: map[string][]string{"qcs": {"qcs::cam::uin/100000000001:uin/100000000001"}}, Action: []string{"name/cos:GetBucket"},
		Resource: []string{"qcs::cos:" + demoRegion + ":uid/1250000000:" + clientsBucket + "/*"},
	}}})
	trip("Policy", err, func() (any, error) {
		got, _, err := c.Bucket.GetPolicy(ctx)
		if err != nil || len(got.Statement) != 1 {
			return got, err
		}
		return got.Statement[0].Action, nil
	}, []string{"name/cos:GetBucket"})
	_, err = c.Bucket.PutACL(ctx, &cos.BucketPutACLOptions{Header: &cos.ACLHeaderOptions{XCosACL: "private", XCosGrantRead: `id="qcs::cam::uin/1:uin/1"`}})
	trip("ACL", err, func() (any, error) {
		got, _, err := c.Bucket.GetACL(ctx)
		return slices.Collect(func(yield func(string) bool) {
			for _, g := range got.AccessControlList {
				if !yield(g.Permission) {
					return
				}
			}
		}), err
	}, []string{"READ"})
	for name, remove := range map[string]func() error{
		"Tagging":    func() error { _, err := c.Bucket.DeleteTagging(ctx); return err },
		"Lifecycle":  func() error { _, err := c.Bucket.DeleteLifecycle(ctx); return err },
		"CORS":       func() error { _, err := c.Bucket.DeleteCORS(ctx); return err },
		"Encryption": func() error { _, err := c.Bucket.DeleteEncryption(ctx); return err },
		"Website":    func() error { _, err := c.Bucket.DeleteWebsite(ctx); return err },
		"Policy":     func() error { _, err := c.Bucket.DeletePolicy(ctx); return err },
	} {
		if err := remove(); err != nil {
			t.Errorf("Delete%s = %v", name, err)
		}
	}
	if _, _, err := c.Bucket.GetCORS(ctx); !isCOSError(err, "NoSuchCORSConfiguration") {
		t.Errorf("GetCORS afterwards = %v, want NoSuchCORSConfiguration", err)
	}
}

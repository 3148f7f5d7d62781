package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	cos "github.com/tencentyun/cos-go-sdk-v5"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// newSDK is the official Go SDK, unchanged, with the server at addr as its proxy.
// It checks the CRC64 of what it sends and reads.
func newSDK(t *testing.T, addr, bucket string, pair embedded.Credential) *cos.Client {
	t.Helper()
	transport := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: addr})}
	t.Cleanup(transport.CloseIdleConnections)
	client := cos.NewClient(
		&cos.BaseURL{BucketURL: &url.URL{Scheme: "http", Host: bucket + ".cos." + demoRegion + ".myqcloud.com"}},
		&http.Client{Transport: &cos.AuthorizationTransport{SecretID: pair.SecretID, SecretKey: pair.SecretKey, SessionToken: pair.Token, Transport: transport}},
	)
	client.Conf.RetryOpt.Count = 1
	if !client.Conf.EnableCRC {
		t.Fatal("the SDK does not check CRC64")
	}
	return client
}

// sdkKeys are of every kind that the Go SDK can send: it cleans the others itself.
var sdkKeys = []string{
	"plain.txt", "with space", "a//b", "dir/", "x/.hidden", "a..b", "100%", "%2F", "a+b", "q?x=1&y=2", "#hash",
	"中文/键.txt", "😀", "quote'()*!", `back\slash`, "tab\there", strings.Repeat("a", 850),
}

func TestGoSDKRoundTripsKeysOfEveryKind(t *testing.T) {
	t.Parallel()
	client := newSDK(t, startCOS(t), demoBucket, testPair())
	for i, key := range sdkKeys {
		body := []byte(fmt.Sprintf("content %d", i))
		header := http.Header{"X-Cos-Meta-Note": {"kept"}}
		_, err := client.Object.Put(t.Context(), key, bytes.NewReader(body), &cos.ObjectPutOptions{
			ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{ContentType: "text/x-test", XCosMetaXXX: &header},
		})
		if err != nil {
			t.Fatalf("Put(%q) = %v", key, err)
		}
		head, err := client.Object.Head(t.Context(), key, nil)
		if err != nil || head.ContentLength != int64(len(body)) || head.Header.Get("x-cos-meta-note") != "kept" {
			t.Errorf("Head(%q) = %v, %v, want %d bytes and the metadata", key, head, err, len(body))
		}
		resp, err := client.Object.Get(t.Context(), key, nil)
		if err != nil {
			t.Errorf("Get(%q) = %v", key, err)
			continue
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !bytes.Equal(got, body) || resp.Header.Get("Content-Type") != "text/x-test" {
			t.Errorf("Get(%q) = %q of type %q, %v, want %q of type text/x-test", key, got, resp.Header.Get("Content-Type"), err, body)
		}
	}
	checkListAndDelete(t, client)
}

// checkListAndDelete lists sdkKeys in pages, then deletes them in one request.
func checkListAndDelete(t *testing.T, client *cos.Client) {
	t.Helper()
	var found []string
	opt := &cos.BucketGetOptions{MaxKeys: 4, EncodingType: "url"}
	for more := true; more; {
		page, _, err := client.Bucket.Get(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			key, err := url.QueryUnescape(o.Key)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, key)
		}
		more = page.IsTruncated
		opt.Marker, _ = url.QueryUnescape(page.NextMarker)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(sdkKeys)), found); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	var doomed cos.ObjectDeleteMultiOptions
	for _, key := range sdkKeys {
		doomed.Objects = append(doomed.Objects, cos.Object{Key: key})
	}
	result, _, err := client.Object.DeleteMulti(t.Context(), &doomed)
	if err != nil || len(result.DeletedObjects) != len(sdkKeys) || len(result.Errors) > 0 {
		t.Errorf("DeleteMulti = %+v, %v, want all %d deleted", result, err, len(sdkKeys))
	}
	page, _, err := client.Bucket.Get(t.Context(), nil)
	if err != nil || len(page.Contents) != 0 {
		t.Errorf("list after the delete = %+v, %v, want nothing", page, err)
	}
}

func TestGoSDKCopiesAndDeletes(t *testing.T) {
	t.Parallel()
	client := newSDK(t, startCOS(t), demoBucket, testPair())
	body := bytes.Repeat([]byte("0123456789"), 100_000)
	if _, err := client.Object.Put(t.Context(), "中文 源", bytes.NewReader(body), nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.Object.Copy(t.Context(), "copy", client.BaseURL.BucketURL.Host+"/中文 源", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Object.Delete(t.Context(), "中文 源"); err != nil {
		t.Fatal(err)
	}
	resp, err := client.Object.Get(t.Context(), "copy", &cos.ObjectGetOptions{Range: "bytes=999990-"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || string(got) != "0123456789" || resp.StatusCode != http.StatusPartialContent {
		t.Errorf("Get of the last bytes = %d %q, %v, want 206 and ten bytes", resp.StatusCode, got, err)
	}
}

func TestGoSDKUnderstandsErrors(t *testing.T) {
	t.Parallel()
	addr := startCOS(t)
	demo := testPair()
	client := newSDK(t, addr, demoBucket, demo)
	if _, err := client.Object.Put(t.Context(), "key", strings.NewReader("x"), nil); err != nil {
		t.Fatal(err)
	}
	stranger := newSDK(t, addr, demoBucket, embedded.Credential{SecretID: "AKIDnobody", SecretKey: "x"})
	forger := newSDK(t, addr, demoBucket, embedded.Credential{SecretID: demo.SecretID, SecretKey: "wrong"})
	elsewhere := newSDK(t, addr, "absent-1250000000", demo)
	call := func(_ *cos.Response, err error) error { return err }
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"absent key":      {call(client.Object.Get(t.Context(), "absent", nil)), http.StatusNotFound, "NoSuchKey"},
		"full bucket":     {call(client.Bucket.Delete(t.Context())), http.StatusConflict, "BucketNotEmpty"},
		"own bucket":      {call(client.Bucket.Put(t.Context(), nil)), http.StatusConflict, "BucketAlreadyOwnedByYou"},
		"absent bucket":   {call(elsewhere.Bucket.Delete(t.Context())), http.StatusNotFound, "NoSuchBucket"},
		"unknown id":      {call(stranger.Object.Get(t.Context(), "key", nil)), http.StatusForbidden, "InvalidAccessKeyId"},
		"wrong signature": {call(forger.Object.Get(t.Context(), "key", nil)), http.StatusForbidden, "SignatureDoesNotMatch"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := errors.AsType[*cos.ErrorResponse](c.err)
			if !ok || got.Response.StatusCode != c.status || got.Code != c.code || got.RequestID == "" {
				t.Errorf("error = %v, want %d %s with a request id", c.err, c.status, c.code)
			}
		})
	}
}

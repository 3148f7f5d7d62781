package embedded_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	cos "github.com/tencentyun/cos-go-sdk-v5"
)

// sdk is the official client, with its CRC check on, over the in-memory door.
func (c *client) sdk(t *testing.T) *cos.Client {
	t.Helper()
	bucket, err := url.Parse("http://" + testHost)
	if err != nil {
		t.Fatal(err)
	}
	service, err := url.Parse("http://service.cos.myqcloud.com")
	if err != nil {
		t.Fatal(err)
	}
	cl := cos.NewClient(&cos.BaseURL{BucketURL: bucket, ServiceURL: service}, &http.Client{
		Transport: &cos.AuthorizationTransport{SecretID: c.cred.SecretID, SecretKey: c.cred.SecretKey, Transport: c.http.Transport},
	})
	cl.Conf.EnableCRC = true
	return cl
}

func TestTheOfficialSDKCanDoItsWork(t *testing.T) {
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	const key = "目录/中 文+&=.txt" // the SDK takes "?" in a copy source for the end of the key
	if _, err := sdk.Object.Put(ctx, key, strings.NewReader("from the sdk"), &cos.ObjectPutOptions{
		ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{ContentType: "text/plain", XCosMetaXXX: &http.Header{"x-cos-meta-a": {"1"}}},
	}); err != nil {
		t.Fatalf("Put = %v", err)
	}
	resp, err := sdk.Object.Get(ctx, key, &cos.ObjectGetOptions{Range: "bytes=5-7", ResponseContentType: "a/b"})
	if err != nil {
		t.Fatalf("Get = %v", err)
	}
	part, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(part) != "the" || err != nil || resp.Header.Get("Content-Type") != "a/b" {
		t.Errorf("Get of a range = %q, %v", part, err)
	}
	head, err := sdk.Object.Head(ctx, key, nil)
	if err != nil || head.Header.Get("x-cos-meta-a") != "1" || head.ContentLength != 12 {
		t.Errorf("Head = %v, %v", head, err)
	}
	copied, _, err := sdk.Object.Copy(ctx, "copy/ü", testHost+"/"+key, nil)
	if err != nil || copied.ETag != etagOf("from the sdk") || copied.CRC64 != crcOf("from the sdk") {
		t.Errorf("Copy = %+v, %v", copied, err)
	}
	list, _, err := sdk.Bucket.Get(ctx, &cos.BucketGetOptions{EncodingType: "url", Delimiter: "/"})
	if err != nil || len(list.CommonPrefixes) != 2 {
		t.Errorf("Bucket.Get = %+v, %v", list, err)
	}
	many, _, err := sdk.Object.DeleteMulti(ctx, &cos.ObjectDeleteMultiOptions{Objects: []cos.Object{{Key: "copy/ü"}, {Key: "absent"}}})
	if err != nil || len(many.DeletedObjects) != 2 || len(many.Errors) != 0 {
		t.Errorf("DeleteMulti = %+v, %v", many, err)
	}
	if _, err := sdk.Object.Delete(ctx, key); err != nil {
		t.Errorf("Delete = %v", err)
	}
	if _, err := sdk.Object.Head(ctx, key, nil); !cos.IsNotFoundError(err) {
		t.Errorf("Head of a deleted key = %v, want not found", err)
	}
	_, err = sdk.Object.Get(ctx, key, nil)
	if e, ok := cos.IsCOSError(err); !ok || e.Code != "NoSuchKey" || e.RequestID == "" || e.TraceID == "" || e.Resource != testHost+"/"+key {
		t.Errorf("Get of a deleted key = %+v", e)
	}
}

func TestTheOfficialSDKCanHandleBuckets(t *testing.T) {
	c := open(t)
	sdk, ctx := c.sdk(t), t.Context()
	all, _, err := sdk.Service.Get(ctx)
	if err != nil || len(all.Buckets) != 1 || all.Buckets[0].Name != testBucket || all.Buckets[0].Region != "ap-guangzhou" {
		t.Errorf("Service.Get = %+v, %v", all, err)
	}
	location, _, err := sdk.Bucket.GetLocation(ctx)
	if err != nil || location.Location != "ap-guangzhou" {
		t.Errorf("GetLocation = %+v, %v", location, err)
	}
	if ok, err := sdk.Bucket.IsExist(ctx); !ok || err != nil {
		t.Errorf("IsExist = %v, %v", ok, err)
	}
	if _, err := sdk.Bucket.Delete(ctx); err != nil {
		t.Errorf("Delete = %v", err)
	}
	if _, err := sdk.Bucket.Put(ctx, &cos.BucketPutOptions{XCosACL: "private"}); err != nil {
		t.Errorf("Put = %v", err)
	}
}

func TestPresignedURLsOfTheOfficialSDKWork(t *testing.T) {
	c := open(t)
	sdk := c.sdk(t)
	const key = "a b/ü"
	for _, merged := range []bool{false, true} {
		for _, method := range []string{http.MethodPut, http.MethodGet} {
			u, err := sdk.Object.GetPresignedURL(t.Context(), method, key, c.cred.SecretID, c.cred.SecretKey, time.Minute, &cos.PresignedURLOptions{SignMerged: merged})
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, u.String(), strings.NewReader(map[string]string{"PUT": "x"}[method]))
			if err != nil {
				t.Fatal(err)
			}
			c.send(t, r).want(t, 200, "")
		}
	}
}

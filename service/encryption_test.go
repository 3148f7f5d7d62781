package service

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/crc64ecma"
)

const plantedKey = "PlantedCustomerKey-0123456789abc"

func customer(key string) *cosgatev1.CustomerKey { return &cosgatev1.CustomerKey{Key: []byte(key)} }

func encryptedWith(key string) *cosgatev1.ObjectAttributes {
	return &cosgatev1.ObjectAttributes{Encryption: &cosgatev1.ServerSideEncryption{
		Method: &cosgatev1.ServerSideEncryption_CustomerKey{CustomerKey: customer(key)},
	}}
}

func TestEncryptionWithACustomerKeyNeedsThatKey(t *testing.T) {
	t.Parallel()
	g := open(t, smallParts)
	ctx := t.Context()
	other := strings.Repeat("o", 32)
	for _, size := range []int{10, 3*partSize + 1} { // one PUT, and parts
		data := noise(size)
		s := spec(-1)
		s.Attributes = encryptedWith(plantedKey)
		put, err := g.send(ctx, chunks(s, data, 50_000)...)
		must(t, err)
		if e := put.GetObject().GetEncryption(); size == 10 && e.GetCustomerKeyMd5() == "" {
			t.Errorf("PutObject says %v of the encryption", e)
		}
		got, ms, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey)})
		if err != nil || !bytes.Equal(got, data) || ms[0].GetObject().GetEncryption().GetAlgorithm() != "AES256" {
			t.Errorf("GetObject of %d bytes = %d bytes, %v", size, len(got), err)
		}
		must(t, second(g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey)})))
		source := &cosgatev1.CopySource{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey)}
		must(t, second(g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "copy", Source: source, Attributes: encryptedWith(other)})))
		if got, _, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "copy", CustomerKey: customer(other)}); err != nil || !bytes.Equal(got, data) {
			t.Errorf("GetObject of the copy = %d bytes, %v", len(got), err)
		}
		many, err := g.objects.HeadObjects(ctx, &cosgatev1.HeadObjectsRequest{Bucket: testBucket, CustomerKey: customer(plantedKey), Objects: toHead("k", "copy").GetObjects()})
		if err != nil || many.GetResults()[0].GetObject().GetSize() != int64(size) || codes.Code(many.GetResults()[1].GetStatus().GetCode()) != codes.InvalidArgument {
			t.Errorf("HeadObjects = %v, %v", many, err)
		}
		for name, err := range map[string]error{
			"GetObject without":       g.read(ctx),
			"GetObject with another":  third(g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", CustomerKey: customer(other)})),
			"CopyObject without":      second(g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "c", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k"}})),
			"HeadObject with another": second(g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", CustomerKey: customer(other)})),
		} {
			e, _ := detail[*cosgatev1.CosError](err)
			if status.Code(err) != codes.InvalidArgument || e.GetCode() != "SsecDecryptHeaderInvalid" && !strings.HasPrefix(name, "Head") {
				t.Errorf("%s = %v, want INVALID_ARGUMENT, SsecDecryptHeaderInvalid", name, err)
			}
		}
	}
	g.partsOf(t)
}

func third[A, B any](_ A, _ B, err error) error { return err }

// partsOf uploads and copies parts with a key.
func (g *gateway) partsOf(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	begun, err := g.uploads.InitiateMultipartUpload(ctx, &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: "p", Attributes: encryptedWith(plantedKey)})
	must(t, err)
	part := &cosgatev1.UploadPartCopyRequest{
		Bucket: testBucket, Key: "p", UploadId: begun.GetUploadId(), PartNumber: 1,
		Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey)},
	}
	if err := second(g.uploads.UploadPartCopy(ctx, part)); status.Code(err) != codes.InvalidArgument {
		t.Errorf("UploadPartCopy without the key of the upload = %v, want INVALID_ARGUMENT", err)
	}
	part.CustomerKey = customer(plantedKey)
	must(t, second(g.uploads.UploadPartCopy(ctx, part)))
	g.cos.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", Nth: 1, LoseResponse: true})
	g.complete(t, "p", begun.GetUploadId(), customer(plantedKey)) // found by a HEAD with the key
	if got, _, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "p", CustomerKey: customer(plantedKey)}); err != nil || string(got) != "x" {
		t.Errorf("GetObject = %q, %v", got, err)
	}
}

// A read that breaks off is taken up again with the key.
func TestGetObjectContinuesABrokenReadWithTheCustomerKey(t *testing.T) {
	t.Parallel()
	g := open(t)
	s, data := spec(-1), noise(100_000)
	s.Attributes = encryptedWith(plantedKey)
	must(t, second(g.send(t.Context(), chunks(s, data, 50_000)...)))
	g.cos.Faults().Add(embedded.Fault{Operation: "GetObject", Nth: 1, Truncate: 40_000})
	got, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey), TrafficLimit: 838860800})
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("GetObject = %d bytes, %v, want all %d", len(got), err, len(data))
	}
}

func TestEncryptionByCOSAndByTheKeyService(t *testing.T) {
	t.Parallel()
	g := open(t)
	for want, e := range map[string]*cosgatev1.ServerSideEncryption{
		"AES256 ":   {Method: &cosgatev1.ServerSideEncryption_Cos{Cos: &cosgatev1.SseCos{}}},
		"cos/kms k": {Method: &cosgatev1.ServerSideEncryption_Kms{Kms: &cosgatev1.SseKms{KeyId: "k", Context: map[string]string{"a": "b"}}}},
	} {
		s := spec(-1)
		s.Attributes = &cosgatev1.ObjectAttributes{Encryption: e}
		must(t, second(g.send(t.Context(), &putRequest{Spec: s, Chunk: chunk("x"), Finish: true})))
		head, err := g.objects.HeadObject(t.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"})
		if got := head.GetObject().GetEncryption(); err != nil || got.GetAlgorithm()+" "+got.GetKmsKeyId() != want || got.GetCustomerKeyMd5() != "" {
			t.Errorf("encryption = %v, %v, want %s", got, err, want)
		}
	}
	s := spec(-1)
	s.Attributes = &cosgatev1.ObjectAttributes{Encryption: &cosgatev1.ServerSideEncryption{}}
	if err := second(g.send(t.Context(), &putRequest{Spec: s, Chunk: chunk("x"), Finish: true})); status.Code(err) != codes.InvalidArgument {
		t.Errorf("PutObject with an encryption of no method = %v, want INVALID_ARGUMENT", err)
	}
}

// The ETag of encrypted content is not its MD5, and with a key of the key service it is
// another one each time. The checksums of the caller hold all the same, parts are completed
// with the ETags that they got last, and lost responses are found out about.
func TestEncryptedContentHasETagsOfItsOwn(t *testing.T) {
	t.Parallel()
	kms := &cosgatev1.ObjectAttributes{Encryption: &cosgatev1.ServerSideEncryption{Method: &cosgatev1.ServerSideEncryption_Kms{Kms: &cosgatev1.SseKms{}}}}
	for name, tt := range map[string]struct {
		attributes *cosgatev1.ObjectAttributes
		key        *cosgatev1.CustomerKey
	}{
		"KMS":             {kms, nil},
		"a key of theirs": {encryptedWith(plantedKey), customer(plantedKey)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := open(t, smallParts)
			for _, size := range []int64{10, 3*partSize + 1} { // one PUT, and parts
				g.cos.Faults().Add(embedded.Fault{Operation: "UploadPart", Nth: 2, LoseResponse: true})
				g.cos.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", Nth: 1, LoseResponse: true})
				data := noise(int(size))
				sum, crc := md5.Sum(data), crc64ecma.Checksum(data)
				s := spec(size)
				if size > 10 {
					s.Size = nil
				}
				s.Attributes = tt.attributes
				ms := chunks(s, data, 50_000)
				ms[0].Checksums = &cosgatev1.Checksums{Md5: sum[:], Crc64Ecma: &crc}
				put, err := g.send(t.Context(), ms...)
				must(t, err)
				etag := put.GetObject().GetEtag()
				if size == 10 && etag == hex.EncodeToString(sum[:]) || put.GetObject().GetCrc64Ecma() != crc {
					t.Errorf("PutObject of %d bytes = %v, want another ETag than the MD5", size, put.GetObject())
				}
				got, read, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", CustomerKey: tt.key, Preconditions: &cosgatev1.Preconditions{IfMatch: etag}})
				if err != nil || !bytes.Equal(got, data) || read[0].GetObject().GetEtag() != etag {
					t.Errorf("GetObject if it has the ETag %s = %d bytes, %v", etag, len(got), err)
				}
				copied, err := g.objects.CopyObject(t.Context(), &cosgatev1.CopyObjectRequest{
					Bucket: testBucket, Key: "copy", Attributes: tt.attributes,
					Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k", CustomerKey: tt.key},
				})
				must(t, err)
				if again := copied.GetObject().GetEtag(); tt.key == nil && again == etag || copied.GetObject().GetCrc64Ecma() != crc {
					t.Errorf("CopyObject = %v, want another ETag than %s", copied.GetObject(), etag)
				}
			}
		})
	}
}

func TestGetObjectReplacesHeadersAndObeysTrafficLimits(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	g.put(t, "k", []byte("x"))
	want := &cosgatev1.ContentHeaders{ContentType: "text/x", CacheControl: "no-cache", ContentDisposition: "attachment", ContentLanguage: "fr", ContentEncoding: "identity", Expires: "0"}
	_, ms, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", ResponseHeaders: want, TrafficLimit: 819200})
	if got := ms[0].GetObject().GetContent(); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("content = %v, %v, want %v", got, err, want)
	}
	for _, limit := range []int64{1, 819199, 838860801, -1} {
		s := spec(-1)
		s.TrafficLimit = limit
		for name, err := range map[string]error{
			"GetObject": third(g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", TrafficLimit: limit})),
			"PutObject": second(g.send(ctx, &putRequest{Spec: s, Chunk: chunk("x"), Finish: true})),
		} {
			if status.Code(err) != codes.InvalidArgument {
				t.Errorf("%s with a limit of %d = %v, want INVALID_ARGUMENT", name, limit, err)
			}
		}
	}
	s := spec(-1)
	s.TrafficLimit = 838860800
	must(t, second(g.send(ctx, &putRequest{Spec: s, Chunk: chunk("x"), Finish: true})))
}

const plantedURL = "https://app.example/notify?token=PlantedCallbackToken"

func withCallback() *cosgatev1.PutObjectSpec {
	s := spec(-1)
	s.Attributes = encryptedWith(plantedKey)
	s.Callback = &cosgatev1.UploadCallback{Url: plantedURL, Body: "key=${object}&who=${x:who}", Vars: map[string]string{"who": "PlantedVariable"}}
	return s
}

// callingBack allows callbacks to some servers.
func callingBack(hosts ...string) func(*setup) {
	return func(s *setup) { s.deps.CallbackHosts = map[string][]string{"default": hosts} }
}

func TestCallbackFailuresAreDistinctFromUploadFailures(t *testing.T) {
	t.Parallel()
	g := open(t, callingBack("app.example"))
	ctx := t.Context()
	etag := http.Header{"Etag": {`"e"`}}
	failure := []byte("<Error><Code>CallbackFailed</Code><Message>no response from " + plantedURL + "</Message></Error>")
	for _, c := range []struct {
		name  string
		fault embedded.Fault
		code  codes.Code
		want  string
	}{
		{"done", embedded.Fault{Header: etag, ContentType: "application/json", Body: []byte(`{"ok":true}`)}, codes.OK, `200 {"ok":true}`},
		{"failed", embedded.Fault{Header: etag, ContentType: "application/xml", Body: failure}, codes.OK, "0  CallbackFailed no response from [redacted]"},
		{"upload refused", embedded.Fault{Status: 403, Code: "AccessDenied"}, codes.PermissionDenied, ""},
		{"upload failed", embedded.Fault{Code: "InternalError"}, codes.Internal, ""},
	} {
		g.cos.Faults().Clear()
		c.fault.Operation = "PutObject"
		g.cos.Faults().Add(c.fault)
		resp, err := g.send(ctx, &putRequest{Spec: withCallback(), Chunk: chunk("x"), Finish: true})
		if got := callbackText(resp.GetCallback()); status.Code(err) != c.code || got != c.want {
			t.Errorf("%s: PutObject = callback %q, %v, want %q, %v", c.name, got, err, c.want, c.code)
		}
	}
	done := []byte("<CompleteMultipartUploadResult><ETag>e-1</ETag><CallbackResult><Status>203</Status><Error><Code>CallbackFailed</Code><Message>" + plantedURL + "</Message></Error></CallbackResult></CompleteMultipartUploadResult>")
	g.cos.Faults().Clear()
	g.cos.Faults().Add(embedded.Fault{Operation: "CompleteMultipartUpload", ContentType: "application/xml", Body: done})
	resp, err := g.uploads.CompleteMultipartUpload(ctx, &cosgatev1.CompleteMultipartUploadRequest{
		Bucket: testBucket, Key: "k", UploadId: "u", Parts: []*cosgatev1.CompletedPart{{PartNumber: 1, Etag: "e"}}, Callback: withCallback().GetCallback(), PicOperations: "{}",
	})
	if got := callbackText(resp.GetCallback()); err != nil || resp.GetObject().GetEtag() != "e-1" || got != "203  CallbackFailed [redacted]" || resp.GetPicResult() != string(done) {
		t.Errorf("CompleteMultipartUpload = %v, %v", resp, err)
	}
}

func callbackText(r *cosgatev1.CallbackResult) string {
	if r == nil {
		return ""
	}
	text := fmt.Sprintf("%d %s", r.GetHttpStatus(), r.GetBody())
	if e := r.GetError(); e != nil {
		text += " " + e.GetCode() + " " + e.GetMessage()
	}
	return text
}

func TestCallbackIsCheckedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	g := open(t)
	for name, c := range map[string]*cosgatev1.UploadCallback{
		"no url":      {Body: "b"},
		"no body":     {Url: "https://h/"},
		"scheme":      {Url: "file:///etc/passwd", Body: "b"},
		"user":        {Url: "https://PlantedUser:PlantedPassword@h/", Body: "b"},
		"fragment":    {Url: "https://h/#f", Body: "b"},
		"line break":  {Url: "https://h/\r\nx: y", Body: "b"},
		"host":        {Url: "https://h/", Host: "a\r\nb", Body: "b"},
		"type":        {Url: "https://h/", Body: "b", BodyType: "text/plain"},
		"variable":    {Url: "https://h/", Body: "b", Vars: map[string]string{"a b": "c"}},
		"large value": {Url: "https://h/", Body: "b", Vars: map[string]string{"a": strings.Repeat("c", 1000), "b": strings.Repeat("c", 1000), "c": strings.Repeat("c", 100)}},
	} {
		s := spec(-1)
		s.Callback = c
		err := second(g.send(t.Context(), &putRequest{Spec: s, Chunk: chunk("x"), Finish: true}))
		if status.Code(err) != codes.InvalidArgument || strings.Contains(fmt.Sprint(err, status.Convert(err).Proto()), "Planted") {
			t.Errorf("%s: PutObject = %v, want INVALID_ARGUMENT that repeats nothing", name, err)
		}
	}
	if n := len(g.requests()); n != 0 {
		t.Errorf("COS saw %d requests, want none", n)
	}
}

// Whatever COS says, and whatever goes wrong, a customer's key and the secrets of a
// callback show neither in statuses nor in logs.
func TestEncryptionKeysAndCallbacksAppearNowhere(t *testing.T) {
	t.Parallel()
	key64 := base64.StdEncoding.EncodeToString([]byte(plantedKey))
	planted := []string{plantedKey, key64, "PlantedCallbackToken", "PlantedVariable", base64.StdEncoding.EncodeToString([]byte(`{"x:who":"PlantedVariable"}`))}
	echo := strings.Join([]string{plantedKey, key64}, " and ")
	for i, f := range []embedded.Fault{
		{Reset: true},
		{Operation: "PutObject", Status: 400, Code: "InvalidArgument", Message: plantedURL},
		{Operation: "CompleteMultipartUpload", Status: 400, Code: "InvalidArgument", Message: plantedURL},
		{Status: 400, Code: "InvalidArgument", Message: echo},
		{Status: 400, Code: "SsecDecryptHeaderInvalid", Header: http.Header{"X-Cos-Server-Side-Encryption-Customer-Key": {key64}, "X-Cos-Echo": {echo}, "X-Cos-Callback": {echo}}},
		{Status: 502, ContentType: "text/html", Body: []byte(echo)},
		{Status: 200, ContentType: "application/xml", Body: []byte("<Error><Code>" + echo + "</Code><Message>" + echo + "</Message></Error>")},
		{Truncate: -1},
	} {
		g := open(t, func(s *setup) { s.backend.Retry.MaxAttempts = 2 })
		g.cos.Faults().Add(f)
		var seen bytes.Buffer
		note := func(m any, err error) { fmt.Fprintf(&seen, "%v %v %v\n", m, err, status.Convert(err).Proto()) }
		ctx := t.Context()
		note(g.send(ctx, &putRequest{Spec: withCallback(), Chunk: chunk("x"), Finish: true}))
		note(nil, third(g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey)})))
		note(g.objects.HeadObjects(ctx, &cosgatev1.HeadObjectsRequest{Bucket: testBucket, Objects: toHead("k").GetObjects(), CustomerKey: customer(plantedKey)}))
		note(g.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{Bucket: testBucket, Key: "c", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey)}}))
		note(g.uploads.CompleteMultipartUpload(ctx, &cosgatev1.CompleteMultipartUploadRequest{
			Bucket: testBucket, Key: "k", UploadId: "u", Parts: []*cosgatev1.CompletedPart{{PartNumber: 1, Etag: "e"}}, Callback: withCallback().GetCallback(), CustomerKey: customer(plantedKey),
		}))
		note(g.objects.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k", CustomerKey: customer(plantedKey[:31])}))
		seen.WriteString(g.logs.String())
		for _, s := range planted {
			if at := strings.Index(seen.String(), s); at >= 0 {
				t.Errorf("fault %d: %q shows in %.300s", i, s, seen.String()[max(at-200, 0):])
			}
		}
	}
}

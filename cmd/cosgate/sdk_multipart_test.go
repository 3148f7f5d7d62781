package main

import (
	"bytes"
	"context"
	"errors"
	"hash/crc64"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	cos "github.com/tencentyun/cos-go-sdk-v5"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// crossSizes are those of one request and of several parts of the gateway, 8 MiB each.
var crossSizes = []int{0, 1, 3 << 20, 8 << 20, 17<<20 + 5}

func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(b)
	return b
}

func ecma(data []byte) uint64 { return crc64.Checksum(data, crc64.MakeTable(crc64.ECMA)) }

// putUnsized stores data in messages of 1 MiB without saying how much it will be.
func putUnsized(ctx context.Context, objects cosgatev1.ObjectServiceClient, key string, data []byte) (*cosgatev1.Object, error) {
	stream, err := objects.PutObject(ctx)
	if err != nil {
		return nil, err
	}
	m := &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: demoBucket, Key: key}}
	for {
		n := min(len(data), 1<<20)
		m.Chunk = &cosgatev1.Chunk{Data: data[:n]}
		data = data[n:]
		m.Finish = len(data) == 0
		if err := stream.Send(m); err != nil || m.GetFinish() {
			break // the error is in CloseAndRecv
		}
		m = &cosgatev1.PutObjectRequest{}
	}
	resp, err := stream.CloseAndRecv()
	return resp.GetObject(), err
}

var errUnverified = errors.New("the gateway did not verify the checksum of the whole object")

// getVerified reads a whole object that the gateway held against COS's checksum.
func getVerified(ctx context.Context, objects cosgatev1.ObjectServiceClient, key string) (data []byte, object *cosgatev1.Object, err error) {
	stream, err := objects.GetObject(ctx, &cosgatev1.GetObjectRequest{Bucket: demoBucket, Key: key})
	if err != nil {
		return nil, nil, err
	}
	for verified := false; ; {
		m, err := stream.Recv()
		switch {
		case err == io.EOF && !verified: //nolint:errorlint // gRPC promises io.EOF itself
			return data, object, errUnverified
		case err == io.EOF: //nolint:errorlint // the same
			return data, object, nil
		case err != nil:
			return data, object, err
		case m.GetObject() != nil:
			object = m.GetObject()
		}
		data = append(data, m.GetChunk().GetData()...)
		verified = m.GetSummary().GetCrc64EcmaVerified()
	}
}

func TestGoSDKReadsWhatTheGatewayWrote(t *testing.T) {
	t.Parallel()
	dev := start(t, everyPortFree...)
	objects := cosgatev1.NewObjectServiceClient(dial(t, dev.value("gRPC")))
	sdk := newSDK(t, dev.value("COS"), demoBucket, announcedPair(dev.announcement))
	for _, size := range crossSizes {
		key, want := "from the gateway/"+strconv.Itoa(size), content(size)
		stored, err := putUnsized(t.Context(), objects, key, want)
		if err != nil || stored.GetCrc64Ecma() != ecma(want) {
			t.Fatalf("PutObject of %d bytes = %v, %v", size, stored, err)
		}
		resp, err := sdk.Object.Get(t.Context(), key, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !bytes.Equal(got, want) || resp.Header.Get("x-cos-hash-crc64ecma") != strconv.FormatUint(ecma(want), 10) {
			t.Errorf("the SDK read %d bytes, %v, CRC64 %s, want the %d that were stored", len(got), err, resp.Header.Get("x-cos-hash-crc64ecma"), size)
		}
		if size == 0 {
			continue // the SDK downloads no empty object in parts
		}
		file := filepath.Join(t.TempDir(), "file")
		// Download reads in parts and compares the CRC64 of the whole.
		if _, err := sdk.Object.Download(t.Context(), key, file, &cos.MultiDownloadOptions{PartSize: 1, ThreadPoolSize: 3}); err != nil {
			t.Errorf("Download of %d bytes = %v", size, err)
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the SDK downloaded %d bytes, %v, want the %d that were stored", len(got), err, size)
		}
	}
}

func TestGoSDKWritesWhatTheGatewayReads(t *testing.T) {
	t.Parallel()
	dev := start(t, everyPortFree...)
	objects := cosgatev1.NewObjectServiceClient(dial(t, dev.value("gRPC")))
	sdk := newSDK(t, dev.value("COS"), demoBucket, announcedPair(dev.announcement))
	for _, size := range crossSizes {
		want := content(size)
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, want, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := sdk.Object.Put(t.Context(), "put", bytes.NewReader(want), nil); err != nil {
			t.Fatal(err)
		}
		if _, _, err := sdk.Object.Upload(t.Context(), "upload", file, &cos.MultiUploadOptions{PartSize: 1, ThreadPoolSize: 3}); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"put", "upload"} {
			got, object, err := getVerified(t.Context(), objects, key)
			if err != nil || !bytes.Equal(got, want) || object.GetCrc64Ecma() != ecma(want) {
				t.Errorf("GetObject(%q) = %d bytes of %v, %v, want the %d that the SDK stored", key, len(got), object, err, size)
			}
		}
	}
}

// Parts and appends of one object may come from either side.
func TestGoSDKSharesUploadsAndAppendsWithTheGateway(t *testing.T) {
	t.Parallel()
	dev := start(t, everyPortFree...)
	conn := dial(t, dev.value("gRPC"))
	objects, uploads := cosgatev1.NewObjectServiceClient(conn), cosgatev1.NewMultipartServiceClient(conn)
	sdk := newSDK(t, dev.value("COS"), demoBucket, announcedPair(dev.announcement))
	ctx := t.Context()
	first, second := content(1<<20), content(12345)
	whole := append(bytes.Clone(first), second...)

	begun, _, err := sdk.Object.InitiateMultipartUpload(ctx, "shared", nil)
	if err != nil {
		t.Fatal(err)
	}
	one, err := sendPart(ctx, uploads, begun.UploadID, 1, first)
	if err != nil {
		t.Fatal(err)
	}
	two, err := sdk.Object.UploadPart(ctx, "shared", begun.UploadID, 2, bytes.NewReader(second), nil)
	if err != nil {
		t.Fatal(err)
	}
	crc := ecma(whole)
	_, err = uploads.CompleteMultipartUpload(ctx, &cosgatev1.CompleteMultipartUploadRequest{
		Bucket: demoBucket, Key: "shared", UploadId: begun.UploadID, Crc64Ecma: &crc,
		Parts: []*cosgatev1.CompletedPart{{PartNumber: 1, Etag: one.GetEtag()}, {PartNumber: 2, Etag: two.Header.Get("ETag")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := getVerified(ctx, objects, "shared"); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("an object of parts from both sides has %d bytes, %v, want %d", len(got), err, len(whole))
	}

	position, _, err := sdk.Object.Append(ctx, "log", 0, bytes.NewReader(first), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := sendAppend(ctx, objects, int64(position), second); err != nil {
		t.Fatal(err)
	}
	if got, _, err := getVerified(ctx, objects, "log"); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("an object appended to from both sides has %d bytes, %v, want %d", len(got), err, len(whole))
	}
}

func sendPart(ctx context.Context, uploads cosgatev1.MultipartServiceClient, id string, number int32, data []byte) (*cosgatev1.Part, error) {
	stream, err := uploads.UploadPart(ctx)
	if err != nil {
		return nil, err
	}
	size := int64(len(data))
	_ = stream.Send(&cosgatev1.UploadPartRequest{
		Spec:  &cosgatev1.UploadPartSpec{Bucket: demoBucket, Key: "shared", UploadId: id, PartNumber: number, Size: &size},
		Chunk: &cosgatev1.Chunk{Data: data}, Finish: true,
	}) // a failure shows in the response
	resp, err := stream.CloseAndRecv()
	return resp.GetPart(), err
}

func sendAppend(ctx context.Context, objects cosgatev1.ObjectServiceClient, position int64, data []byte) error {
	stream, err := objects.AppendObject(ctx)
	if err != nil {
		return err
	}
	size := int64(len(data))
	_ = stream.Send(&cosgatev1.AppendObjectRequest{
		Spec:  &cosgatev1.AppendObjectSpec{Bucket: demoBucket, Key: "log", Position: position, Size: &size},
		Chunk: &cosgatev1.Chunk{Data: data}, Finish: true,
	}) // a failure shows in the response
	_, err = stream.CloseAndRecv()
	return err
}

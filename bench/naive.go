package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/tencentyun/cos-go-sdk-v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// naiveMessage is the size of the content in a message of the naive gateway.
const naiveMessage = 256 << 10

// Naive is a first attempt at a gateway: the generated server on the official SDK, both
// with default settings, which include the SDK's check of the CRC64 of an upload.
type naive struct {
	cosgatev1.UnimplementedObjectServiceServer
	client *cos.Client
	// reuse sends every message of a read from the same buffer. Many gateways do; grpc
	// forbids it, since interceptors and stats handlers may read a message later.
	reuse bool
}

func newNaive(ctx context.Context, s settings, reuse bool) (*runningRole, error) {
	client := cos.NewClient(&cos.BaseURL{BucketURL: &url.URL{Scheme: "http", Host: s.Target}}, &http.Client{
		Transport: &cos.AuthorizationTransport{SecretID: "AKIDbench", SecretKey: "bench"},
	})
	return serveGRPC(ctx, &naive{client: client, reuse: reuse})
}

// HeadObject implements the RPC.
func (n *naive) HeadObject(ctx context.Context, req *cosgatev1.HeadObjectRequest) (*cosgatev1.HeadObjectResponse, error) {
	resp, err := n.client.Object.Head(ctx, req.GetKey(), nil)
	if err != nil {
		return nil, status.Error(codes.Unknown, err.Error())
	}
	object, err := objectOf(req.GetKey(), resp.Header, resp.ContentLength)
	return &cosgatev1.HeadObjectResponse{Object: object}, err
}

// GetObject implements the RPC.
func (n *naive) GetObject(req *cosgatev1.GetObjectRequest, stream grpc.ServerStreamingServer[cosgatev1.GetObjectResponse]) error {
	resp, err := n.client.Object.Get(stream.Context(), req.GetKey(), nil)
	if err != nil {
		return status.Error(codes.Unknown, err.Error())
	}
	defer func() { _ = resp.Body.Close() }()
	object, err := objectOf(req.GetKey(), resp.Header, resp.ContentLength)
	if err != nil {
		return err
	}
	if err := stream.Send(&cosgatev1.GetObjectResponse{
		Object: object,
		Range:  &cosgatev1.ContentRange{Length: object.GetSize(), Size: object.GetSize()},
	}); err != nil {
		return err
	}
	var sent int64
	buf := make([]byte, naiveMessage)
	for sent < object.GetSize() {
		if !n.reuse {
			buf = make([]byte, naiveMessage)
		}
		k, err := io.ReadFull(resp.Body, buf[:min(naiveMessage, object.GetSize()-sent)])
		if err != nil {
			return err
		}
		offset := sent
		sent += int64(k)
		if err := stream.Send(&cosgatev1.GetObjectResponse{Chunk: &cosgatev1.Chunk{Offset: &offset, Data: buf[:k]}}); err != nil {
			return err
		}
	}
	return stream.Send(&cosgatev1.GetObjectResponse{Summary: &cosgatev1.ReadSummary{Bytes: sent}})
}

// PutObject implements the RPC.
func (n *naive) PutObject(stream grpc.ClientStreamingServer[cosgatev1.PutObjectRequest, cosgatev1.PutObjectResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	spec := first.GetSpec()
	resp, err := n.client.Object.Put(stream.Context(), spec.GetKey(), &naiveBody{stream: stream, data: first.GetChunk().GetData()},
		&cos.ObjectPutOptions{ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{ContentLength: spec.GetSize()}})
	if err != nil {
		return status.Error(codes.Unknown, err.Error())
	}
	crc, err := strconv.ParseUint(resp.Header.Get("x-cos-hash-crc64ecma"), 10, 64)
	if err != nil {
		return err
	}
	return stream.SendAndClose(&cosgatev1.PutObjectResponse{Object: &cosgatev1.Object{
		Bucket: spec.GetBucket(), Key: spec.GetKey(), Size: spec.GetSize(), Etag: resp.Header.Get("ETag"), Crc64Ecma: &crc,
	}})
}

// A naiveBody reads the content of a stream.
type naiveBody struct {
	stream grpc.ClientStreamingServer[cosgatev1.PutObjectRequest, cosgatev1.PutObjectResponse]
	data   []byte
}

// Read implements [io.Reader].
func (b *naiveBody) Read(p []byte) (int, error) {
	for len(b.data) == 0 {
		m, err := b.stream.Recv()
		if errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, err
		}
		b.data = m.GetChunk().GetData()
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	return n, nil
}

package main

import (
	"context"
	"errors"
	"hash/crc32"
	"io"

	"google.golang.org/grpc"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/service/frames"
)

// The fields that hold the chunk.
const (
	getChunkField = 3
	putChunkField = 2
)

// tunedClient neither copies what comes nor encodes what goes, and has larger windows.
type tunedClient struct {
	conns      *connections
	chunk      int
	pool       *frames.Pool
	castagnoli *crc32.Table
}

func newTunedClient(s settings) (*tunedClient, error) {
	conns, err := dial(s.Target, s.Conns,
		grpc.WithInitialWindowSize(4<<20),
		grpc.WithInitialConnWindowSize(16<<20),
		grpc.WithReadBufferSize(128<<10),
		grpc.WithWriteBufferSize(128<<10),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(frames.NewCodec())))
	return &tunedClient{
		conns: conns, chunk: s.Chunk, pool: frames.NewPool(), castagnoli: crc32.MakeTable(crc32.Castagnoli),
	}, err
}

func (c *tunedClient) close() { c.conns.close() }

func (c *tunedClient) head(ctx context.Context, key string) error {
	_, err := cosgatev1.NewObjectServiceClient(c.conns.one()).HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: bucket, Key: key})
	return err
}

func (c *tunedClient) get(ctx context.Context, key string, sink func([]byte) error) (messages int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.conns.one().NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, cosgatev1.ObjectService_GetObject_FullMethodName)
	if err != nil {
		return 0, err
	}
	if err := stream.SendMsg(&cosgatev1.GetObjectRequest{Bucket: bucket, Key: key}); err != nil {
		return 0, err
	}
	if err := stream.CloseSend(); err != nil {
		return 0, err
	}
	var rest cosgatev1.GetObjectResponse
	m := frames.Received{Message: &rest, Field: getChunkField}
	defer m.Data.Free()
	ended := false
	for {
		err := stream.RecvMsg(&m)
		if errors.Is(err, io.EOF) && ended {
			return messages, nil
		}
		if errors.Is(err, io.EOF) {
			return messages, errNoSummary
		}
		if err != nil {
			return messages, err
		}
		ended = rest.GetSummary() != nil
		if m.Data.Len() > 0 {
			messages++
		}
		for _, piece := range m.Data.Pieces() {
			if err := sink(piece); err != nil {
				return messages, err
			}
		}
	}
}

func (c *tunedClient) put(ctx context.Context, key string, s *source) (messages int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.conns.one().NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, cosgatev1.ObjectService_PutObject_FullMethodName)
	if err != nil {
		return 0, err
	}
	messages, err = upload(key, s, c.chunk, func(m *cosgatev1.PutObjectRequest) error { return stream.SendMsg(m) },
		func(data []byte, offset int64) error { return stream.SendMsg(c.chunkOf(data, offset)) })
	if err != nil {
		return messages, err
	}
	resp := &cosgatev1.PutObjectResponse{}
	if err := stream.CloseSend(); err != nil {
		return messages, err
	}
	if err := stream.RecvMsg(resp); err != nil {
		return messages, err
	}
	return messages, checkStored(resp, s)
}

// chunkOf copies data once, as a caller would who reads a file into the message.
func (c *tunedClient) chunkOf(data []byte, offset int64) *frames.Sent {
	content := frames.NewContent(c.pool, len(data))
	copy(content.Bytes(), data)
	return &frames.Sent{Field: putChunkField, Content: content, Offset: offset, CRC32C: crc32.Checksum(data, c.castagnoli)}
}

package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	helper "github.com/cosgate/cosgate/client"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// tunedClient is package client. It does not report how many messages there were.
type tunedClient struct {
	clients []*helper.Client
	next    atomic.Uint64
}

func newTunedClient(s settings) (*tunedClient, error) {
	c := &tunedClient{}
	for range max(s.Conns, 1) {
		one, err := helper.Dial("passthrough:///"+s.Target, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return c, err
		}
		c.clients = append(c.clients, one)
	}
	return c, nil
}

func (c *tunedClient) close() {
	for _, one := range c.clients {
		_ = one.Close()
	}
}

func (c *tunedClient) one() *helper.Client {
	return c.clients[c.next.Add(1)%uint64(len(c.clients))]
}

func (c *tunedClient) head(ctx context.Context, key string) error {
	_, err := c.one().Objects().HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: bucket, Key: key})
	return err
}

func (c *tunedClient) get(ctx context.Context, key string, sink func([]byte) error) (messages int64, err error) {
	r, err := c.one().NewReader(ctx, &cosgatev1.GetObjectRequest{Bucket: bucket, Key: key})
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Close() }() // never fails
	_, err = r.WriteTo(writerFunc(sink))
	return 0, err
}

// A writerFunc is an io.Writer that writes all it is given.
type writerFunc func([]byte) error

// Write implements [io.Writer].
func (f writerFunc) Write(p []byte) (int, error) {
	if err := f(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *tunedClient) put(ctx context.Context, key string, s *source) (messages int64, err error) {
	w := c.one().NewWriter(ctx, &cosgatev1.PutObjectSpec{Bucket: bucket, Key: key, Size: &s.size})
	defer w.Abort() // does nothing after Commit
	if _, err := io.Copy(w, s); err != nil {
		return 0, err
	}
	object, err := w.Commit(ctx)
	if err != nil {
		return 0, err
	}
	if got, want := object.GetCrc64Ecma(), s.content.crc64(s.size); got != want {
		return 0, fmt.Errorf("the object stored has the CRC64 %d, and the content %d", got, want)
	}
	return 0, nil
}

package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cosgate/cosgate/client"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func Example() {
	c, err := client.Dial("dns:///localhost:50051", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer c.Close()
	buckets, err := c.Buckets().ListBuckets(context.Background(), &cosgatev1.ListBucketsRequest{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	for _, b := range buckets.GetBuckets() {
		fmt.Println(b.GetBucket(), b.GetRegion())
	}
}

// A file becomes an object: all of it, or nothing.
func ExampleWriter() {
	upload := func(ctx context.Context, c *client.Client, bucket, key, file string) (*cosgatev1.Object, error) {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		w := c.NewWriter(ctx, &cosgatev1.PutObjectSpec{Bucket: bucket, Key: key})
		defer w.Close() // aborts, unless Commit was reached
		if _, err := io.Copy(w, f); err != nil {
			return nil, err
		}
		return w.Commit(ctx)
	}
	_ = upload
}

// An object becomes a file. That there was no error says that every byte is right.
func ExampleReader() {
	download := func(ctx context.Context, c *client.Client, bucket, key string, to *os.File) error {
		r, err := c.NewReader(ctx, &cosgatev1.GetObjectRequest{Bucket: bucket, Key: key})
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(to, r)
		return err
	}
	_ = download
}

// What COS said is in the error of every call.
func ExampleError() {
	explain := func(err error) string {
		var e *client.Error
		switch {
		case !errors.As(err, &e):
			return err.Error()
		case e.Code == codes.NotFound:
			return "not there: " + e.COSCode
		case e.OutcomeUnknown:
			return "it may have happened; look before you do it again"
		default:
			return fmt.Sprintf("%v, COS request %s", e.Message, e.RequestID)
		}
	}
	_ = explain
}

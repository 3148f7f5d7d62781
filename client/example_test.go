package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cosgate/cosgate/client"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// COSGATE_TARGET is the address of a gateway, such as "dns:///localhost:50051", where
// "cosgate dev" listens.
func Example() {
	c, err := client.Dial(os.Getenv("COSGATE_TARGET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()

	w := c.NewWriter(ctx, &cosgatev1.PutObjectSpec{Bucket: "examples-1250000000", Key: "greetings/hello.txt"})
	defer w.Close() // aborts, unless Commit was called
	if _, err := io.WriteString(w, "Hello, COS!"); err != nil {
		log.Fatal(err)
	}
	object, err := w.Commit(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("stored", object.GetSize(), "bytes")

	r, err := c.NewReader(ctx, &cosgatev1.GetObjectRequest{Bucket: "examples-1250000000", Key: "greetings/hello.txt"})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("read %q\n", content)

	// Output:
	// stored 11 bytes
	// read "Hello, COS!"
}

// A gateway in production wants TLS, and may want a client certificate.
func ExampleDial() {
	certificate, err := tls.LoadX509KeyPair("client.crt", "client.key")
	if err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	c, err := client.Dial("dns:///cosgate.storage.svc:50051", grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
}

// New is for a program with a connection of its own. With the service config of this
// package, that connection balances and retries as that of Dial does.
func ExampleNew() {
	conn, err := grpc.NewClient(os.Getenv("COSGATE_TARGET"),
		grpc.WithDefaultServiceConfig(client.ServiceConfig()),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	c := client.New(conn)
	bucket, err := c.Buckets().HeadBucket(context.Background(), &cosgatev1.HeadBucketRequest{Bucket: "examples-1250000000"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bucket.GetRegion())

	// Output:
	// ap-guangzhou
}

// A file becomes an object with metadata. With the size known, the gateway streams the
// content to COS.
func ExampleClient_NewWriter() {
	c, err := client.Dial(os.Getenv("COSGATE_TARGET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()

	file := strings.NewReader("a,b\n1,2\n") // or an *os.File
	size := file.Size()
	w := c.NewWriter(ctx, &cosgatev1.PutObjectSpec{
		Bucket: "examples-1250000000",
		Key:    "tables/small.csv",
		Size:   &size,
		Attributes: &cosgatev1.ObjectAttributes{
			Content:  &cosgatev1.ContentHeaders{ContentType: "text/csv"},
			Metadata: map[string]string{"origin": "example"},
		},
	})
	defer w.Close()
	if _, err := io.Copy(w, file); err != nil {
		log.Fatal(err)
	}
	object, err := w.Commit(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(object.GetKey(), object.GetEtag())

	// Output:
	// tables/small.csv e5ebd4c02cefbe7955977c67ada242b7
}

// An object is created only if its key does not exist yet.
func ExampleWriter_Commit() {
	c, err := client.Dial(os.Getenv("COSGATE_TARGET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()

	create := func() error {
		w := c.NewWriter(ctx, &cosgatev1.PutObjectSpec{Bucket: "examples-1250000000", Key: "lock", ForbidOverwrite: true})
		defer w.Close()
		_, err := w.Commit(ctx)
		return err
	}
	for range 2 {
		err := create()
		e, ok := errors.AsType[*client.Error](err)
		switch {
		case err == nil:
			fmt.Println("created")
		case ok && e.Code == codes.AlreadyExists:
			fmt.Println("exists already")
		case ok && e.OutcomeUnknown:
			fmt.Println("may have been created: look before the next attempt")
		default:
			log.Fatal(err)
		}
	}

	// Output:
	// created
	// exists already
}

// A range of an object goes to any io.Writer.
func ExampleClient_NewReader() {
	c, err := client.Dial(os.Getenv("COSGATE_TARGET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	put(ctx, c, "alphabet", "abcdefghijklmnopqrstuvwxyz")

	length := int64(3)
	r, err := c.NewReader(ctx, &cosgatev1.GetObjectRequest{
		Bucket: "examples-1250000000",
		Key:    "alphabet",
		Range:  &cosgatev1.ByteRange{Offset: 10, Length: &length},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	var content bytes.Buffer
	if _, err := io.Copy(&content, r); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, %d of %d bytes\n", content.String(), r.Range().GetLength(), r.Range().GetSize())

	// Output:
	// klm, 3 of 26 bytes
}

// A Reader resumes by itself after a broken connection. A program that was stopped itself
// continues at the first missing byte, on condition that the object is still the same.
func ExampleReader() {
	c, err := client.Dial(os.Getenv("COSGATE_TARGET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	put(ctx, c, "alphabet", "abcdefghijklmnopqrstuvwxyz")

	// The program remembers how much it has stored, and the ETag.
	r, err := c.NewReader(ctx, &cosgatev1.GetObjectRequest{Bucket: "examples-1250000000", Key: "alphabet"})
	if err != nil {
		log.Fatal(err)
	}
	first := make([]byte, 10)
	if _, err := io.ReadFull(r, first); err != nil {
		log.Fatal(err)
	}
	etag := r.Object().GetEtag()
	r.Close()

	// After its restart:
	r, err = c.NewReader(ctx, &cosgatev1.GetObjectRequest{
		Bucket:        "examples-1250000000",
		Key:           "alphabet",
		Range:         &cosgatev1.ByteRange{Offset: int64(len(first))},
		Preconditions: &cosgatev1.Preconditions{IfMatch: etag},
	})
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code == codes.FailedPrecondition {
		log.Fatal("the object was replaced: begin again")
	}
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	rest, err := io.ReadAll(r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %s\n", first, rest)

	// Output:
	// abcdefghij klmnopqrstuvwxyz
}

// What COS and the gateway said is in the error of every call.
func ExampleError() {
	c, err := client.Dial(os.Getenv("COSGATE_TARGET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	_, err = c.NewReader(context.Background(), &cosgatev1.GetObjectRequest{Bucket: "examples-1250000000", Key: "absent"})
	if e, ok := errors.AsType[*client.Error](err); ok {
		fmt.Println("code:", e.Code)
		fmt.Println("reason:", e.Reason)
		fmt.Println("COS:", e.COSCode, e.HTTPStatus)
		fmt.Println("retryable:", e.Retryable)
		fmt.Println("ids for support:", e.RequestID != "", e.GatewayRequestID != "")
	}

	// Output:
	// code: NotFound
	// reason: NO_SUCH_KEY
	// COS: NoSuchKey 404
	// retryable: false
	// ids for support: true true
}

// FromError gives the errors of plain stubs the same shape.
func ExampleFromError() {
	conn, err := grpc.NewClient(os.Getenv("COSGATE_TARGET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	_, err = cosgatev1.NewBucketServiceClient(conn).HeadBucket(context.Background(), &cosgatev1.HeadBucketRequest{Bucket: "Not A Bucket"})
	if e, ok := client.FromError(err); ok {
		for _, f := range e.Fields {
			fmt.Println(e.Code, f.Field)
		}
	}

	// Output:
	// InvalidArgument bucket
}

// The loop ends after the last page, or with the first error.
func ExampleClient_ListObjects() {
	c, err := client.Dial(os.Getenv("COSGATE_TARGET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	for _, key := range []string{"photos/2024/1.jpg", "photos/2024/2.jpg", "photos/2025/3.jpg"} {
		put(ctx, c, key, "a picture")
	}

	for object, err := range c.ListObjects(ctx, &cosgatev1.ListObjectsRequest{Bucket: "examples-1250000000", Prefix: "photos/"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(object.GetKey(), object.GetSize())
	}

	// Output:
	// photos/2024/1.jpg 9
	// photos/2024/2.jpg 9
	// photos/2025/3.jpg 9
}

// With the delimiter "/", common prefixes are folders.
func ExampleClient_ListCommonPrefixes() {
	c, err := client.Dial(os.Getenv("COSGATE_TARGET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	for _, key := range []string{"photos/2024/1.jpg", "photos/2024/2.jpg", "photos/2025/3.jpg"} {
		put(ctx, c, key, "a picture")
	}

	req := &cosgatev1.ListObjectsRequest{Bucket: "examples-1250000000", Prefix: "photos/", Delimiter: "/"}
	for folder, err := range c.ListCommonPrefixes(ctx, req) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(folder)
	}

	// Output:
	// photos/2024/
	// photos/2025/
}

// A program that remembers next_page_token can continue a list later.
func ExamplePages() {
	c, err := client.Dial(os.Getenv("COSGATE_TARGET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	for _, key := range []string{"logs/1", "logs/2", "logs/3"} {
		put(ctx, c, key, "a line")
	}

	remembered := "" // or the token of an earlier run
	req := &cosgatev1.ListObjectsRequest{
		Bucket: "examples-1250000000", Prefix: "logs/", PageSize: 2, PageToken: remembered,
	}
	for page, err := range client.Pages(ctx, c.Objects().ListObjects, req) {
		if err != nil {
			log.Fatal(err)
		}
		for _, object := range page.GetObjects() {
			fmt.Println(object.GetKey())
		}
		remembered = page.GetNextPageToken()
		fmt.Println("more:", remembered != "")
	}

	// Output:
	// logs/1
	// logs/2
	// more: true
	// logs/3
	// more: false
}

// put stores what an example reads.
func put(ctx context.Context, c *client.Client, key, content string) {
	w := c.NewWriter(ctx, &cosgatev1.PutObjectSpec{Bucket: "examples-1250000000", Key: key})
	defer w.Close()
	if _, err := io.WriteString(w, content); err != nil {
		panic(err)
	}
	if _, err := w.Commit(ctx); err != nil {
		panic(err)
	}
}

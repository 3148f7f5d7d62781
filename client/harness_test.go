package client

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

const testBucket = "test-1250000000"

// content returns n bytes that look random and are always the same.
func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

func spec(key string) *cosgatev1.PutObjectSpec {
	return &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: key}
}

func object(key string) *cosgatev1.GetObjectRequest {
	return &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: key}
}

// put stores data under key with a Writer.
func put(t *testing.T, c *Client, key string, data []byte) *cosgatev1.Object {
	t.Helper()
	s := spec(key)
	s.Size = new(int64(len(data)))
	w := c.NewWriter(t.Context(), s)
	defer w.Close()
	if _, err := io.Copy(w, struct{ io.Reader }{bytes.NewReader(data)}); err != nil {
		t.Fatalf("write %q = %v", key, err)
	}
	o, err := w.Commit(t.Context())
	if err != nil {
		t.Fatalf("Commit of %q = %v", key, err)
	}
	return o
}

// mustHold checks what is stored under key.
func mustHold(t *testing.T, c *Client, key string, want []byte) {
	t.Helper()
	r, err := c.NewReader(t.Context(), object(key))
	if err != nil {
		t.Fatalf("NewReader(%q) = %v", key, err)
	}
	defer r.Close()
	got, err := io.ReadAll(struct{ io.Reader }{r})
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("reading %q gives %d bytes, the right ones: %t, and %v; want %d bytes", key, len(got), bytes.Equal(got, want), err, len(want))
	}
}

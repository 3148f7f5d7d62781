//go:build e2e

package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// A costAttack is a call that shall cost its caller more than the gateway.
type costAttack struct {
	name   string
	method string // such as ObjectService/HeadObject
	more   []hpack.HeaderField
	body   []byte
	open   bool          // the stream is not ended
	hold   time.Duration // from the last byte until the caller leaves; 0 waits for the end
	many   int           // how many there are at a time
	only   string        // who alone makes it; "" is everybody
	chunks int64         // bytes of content in one message, which the documents allow in addition
}

const (
	objectService = "cosgate.v1.ObjectService/"
	configService = "cosgate.v1.BucketConfigService/"
)

var gzipped = []hpack.HeaderField{{Name: "grpc-encoding", Value: "gzip"}}

// costAttacks are messages that are small or cheap to send.
func costAttacks(t *testing.T, forged string) []costAttack {
	t.Helper()
	emptyItems := withBucket(bytes.Repeat([]byte{0x32, 0}, 2_000_000)) // field 6, no bytes
	sections := withBucket(protowire.AppendBytes([]byte{0x32}, bytes.Repeat([]byte{1}, 4_000_000)))
	longKey := marshaled(t, &cosgatev1.HeadObjectRequest{Bucket: demoBucket, Key: strings.Repeat("k", 4_000_000)})
	upload := marshaled(t, &cosgatev1.PutObjectRequest{
		Spec: &cosgatev1.PutObjectSpec{Bucket: demoBucket, Key: "x"}, Chunk: &cosgatev1.Chunk{Data: make([]byte, 2<<20)},
	})
	items := &cosgatev1.DeleteObjectsRequest{Bucket: demoBucket}
	for range 150_000 {
		items.Objects = append(items.Objects, &cosgatev1.ObjectIdentifier{Key: "mine/0123456789"})
	}
	badKeys := &cosgatev1.DeleteObjectsRequest{Bucket: demoBucket}
	for range 1000 {
		badKeys.Objects = append(badKeys.Objects, &cosgatev1.ObjectIdentifier{Key: "\x18"})
	}
	badHeads := &cosgatev1.HeadObjectsRequest{Bucket: demoBucket}
	for range 1000 {
		badHeads.Objects = append(badHeads.Objects, &cosgatev1.HeadObjectsItem{Key: "\x18"})
	}
	head := marshaled(t, &cosgatev1.HeadObjectRequest{Bucket: demoBucket, Key: "mine/x"})
	list := marshaled(t, &cosgatev1.ListObjectsRequest{Bucket: demoBucket, Profile: "hostile", PageSize: 1000})
	return []costAttack{
		{name: "(a call that is served)", method: objectService + "HeadObject", body: framed(false, head), many: 1000, only: byProved},
		{name: "2,000,000 empty items as gzip", method: objectService + "DeleteObjects", more: gzipped, body: framed(true, zipped(t, emptyItems)), many: 1000},
		{name: "2,000,000 empty items", method: objectService + "DeleteObjects", body: framed(false, emptyItems), many: 1000},
		{name: "a key of 4 MB", method: objectService + "HeadObject", body: framed(false, longKey), many: 1000},
		{name: "a key of 64 MiB as gzip", method: objectService + "HeadObject", more: gzipped, body: framed(true, zippedZeros(t, 64<<20)), many: 1000},
		{name: "4,000,000 sections", method: configService + "GetBucketConfig", body: framed(false, sections), many: 1000},
		{name: "4,000,000 sections as gzip", method: configService + "GetBucketConfig", more: gzipped, body: framed(true, zipped(t, sections)), many: 1000},
		{name: "150,000 items, left after 300 ms", method: objectService + "DeleteObjects", body: framed(false, marshaled(t, items)), hold: 300 * time.Millisecond, many: 8},
		{name: "4,000,000 bytes of 4 MiB, held", method: objectService + "HeadObject", body: append(announced(false, 4<<20), make([]byte, 4_000_000)...), open: true, hold: 300 * time.Millisecond, many: 200},
		{name: "2,000,000 bytes of 2,000,004, held", method: configService + "PutBucketPolicy", body: append(announced(false, 2_000_004), make([]byte, 2_000_000)...), open: true, hold: 300 * time.Millisecond, many: 1000},
		{name: "a list of keys, unfinished", method: objectService + "DeleteObjects", body: append(announced(false, 1_000_004), make([]byte, 1_000_000)...), open: true, hold: 300 * time.Millisecond, many: 1000},
		{name: "no message, held", method: objectService + "HeadObject", open: true, hold: 300 * time.Millisecond, many: 1000},
		{name: "uploads of 2 MiB as gzip, held", method: objectService + "PutObject", more: gzipped, body: framed(true, zipped(t, upload)), open: true, hold: 300 * time.Millisecond, many: 1000, chunks: 2 << 20},
		{name: "1,000 bad keys to delete", method: objectService + "DeleteObjects", body: framed(false, marshaled(t, badKeys)), many: 1000},
		{name: "1,000 bad keys to look at", method: objectService + "HeadObjects", body: framed(false, marshaled(t, badHeads)), many: 1000},
		{name: "60 KiB of metadata, held", method: objectService + "HeadObject", more: []hpack.HeaderField{{Name: "x", Value: strings.Repeat("x", 60<<10), Sensitive: true}}, open: true, hold: 300 * time.Millisecond, many: 1000},
		{name: "a method that is not there", method: objectService + strings.Repeat("M", 8<<10), body: framed(false, head), many: 1000},
		{name: "an unknown encoding", method: objectService + "HeadObject", more: []hpack.HeaderField{{Name: "grpc-encoding", Value: "br"}}, body: framed(true, head), many: 1000},
		{name: "invalid UTF-8", method: objectService + "HeadObject", body: framed(false, []byte{0x12, 4, 0xff, 0xfe, 0xff, 0xfe}), many: 1000},
		{name: "not protobuf", method: objectService + "HeadObject", body: framed(false, bytes.Repeat([]byte{0xff}, 4<<10)), many: 1000},
		{name: "a service of 2 MB to watch, held", method: "grpc.health.v1.Health/Watch", body: framed(false, protowire.AppendString([]byte{0x0a}, strings.Repeat("k", 2_000_000))), hold: 300 * time.Millisecond, many: 1000},
		{name: "health watched, held", method: "grpc.health.v1.Health/Watch", body: framed(false, nil), hold: 300 * time.Millisecond, many: 1000},
		{name: "a symbol of 2 MB to describe", method: "grpc.reflection.v1.ServerReflection/ServerReflectionInfo", body: framed(false, protowire.AppendString([]byte{0x22}, strings.Repeat("k", 2_000_000))), many: 1000},
		{name: "a forged token", method: objectService + "HeadObject", more: bearerField(forged), body: framed(false, head), many: 1000, only: byStranger},
		{name: "16 MiB of <Contents/> from COS", method: objectService + "ListObjects", body: framed(false, list), many: 20, only: byProved},
	}
}

// bearerField is the metadata with a token.
func bearerField(token string) []hpack.HeaderField {
	return []hpack.HeaderField{{Name: "authorization", Value: "Bearer " + token}}
}

// withBucket is a message that begins with a bucket.
func withBucket(rest []byte) []byte {
	return append(protowire.AppendString([]byte{0x0a}, demoBucket), rest...)
}

func marshaled(t *testing.T, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	return zip(t, bytes.NewReader(data))
}

// zippedZeros is a HeadObjectRequest whose key has n zeros.
func zippedZeros(t *testing.T, n int64) []byte {
	t.Helper()
	head := protowire.AppendVarint(withBucket([]byte{0x12}), uint64(n))
	return zip(t, io.MultiReader(bytes.NewReader(head), io.LimitReader(zeros{}, n)))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func zip(t *testing.T, from io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = io.Copy(w, from)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

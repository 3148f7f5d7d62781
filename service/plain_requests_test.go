package service

import (
	"math/rand/v2"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// plainHead is a request whose names are the usual ones, changed by edit.
func plainHead(edit func(*cosgatev1.HeadObjectRequest)) *cosgatev1.HeadObjectRequest {
	r := &cosgatev1.HeadObjectRequest{Bucket: "photos-1250000000", Key: "a/b c", Region: "ap-guangzhou", VersionId: "MTg0-._~", Profile: "p_1.a-b"}
	edit(r)
	return r
}

func newPlainRequests(t *testing.T) *plainRequests {
	t.Helper()
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	return &plainRequests{validator: validator}
}

func TestPlainRequestsRecognizesUsualRequests(t *testing.T) {
	p := newPlainRequests(t)
	for name, m := range map[string]proto.Message{
		"all names": plainHead(func(*cosgatev1.HeadObjectRequest) {}),
		"few names": &cosgatev1.HeadObjectRequest{Bucket: "b-1", Key: "键"},
		"delete":    &cosgatev1.DeleteObjectRequest{Bucket: "b-1", Key: "k"},
		"bucket":    &cosgatev1.HeadBucketRequest{Bucket: "b-1"},
		"get":       &cosgatev1.GetObjectRequest{Bucket: "b-1", Key: "k"},
		"abort":     &cosgatev1.AbortMultipartUploadRequest{Bucket: "b-1", Key: "k", UploadId: "u"},
	} {
		if !p.plain(m) {
			t.Errorf("%s: plain(%v) = false, want true", name, m)
		}
	}
	r := plainHead(func(*cosgatev1.HeadObjectRequest) {})
	if n := testing.AllocsPerRun(100, func() { p.plain(r) }); n != 0 {
		t.Errorf("plain allocates %v times, want 0", n)
	}
}

func TestPlainRequestsLeavesOtherRulesToProtovalidate(t *testing.T) {
	t.Parallel()
	p := newPlainRequests(t)
	for name, m := range map[string]proto.Message{
		"a message in it":       plainHead(func(r *cosgatev1.HeadObjectRequest) { r.Preconditions = &cosgatev1.Preconditions{} }),
		"no bucket":             plainHead(func(r *cosgatev1.HeadObjectRequest) { r.Bucket = "" }),
		"rules about numbers":   &cosgatev1.GetObjectRequest{Bucket: "b-1", Key: "k", MessageSize: 1 << 20},
		"rules about a message": &cosgatev1.CopyObjectRequest{Bucket: "b-1", Key: "k"},
		"rules about lists":     &cosgatev1.DeleteObjectsRequest{Bucket: "b-1"},
	} {
		if p.plain(m) {
			t.Errorf("%s: plain(%v) = true, want false", name, m)
		}
	}
}

// Whatever passes here must pass the rules of the contract.
func TestPlainRequestsAcceptsNothingThatProtovalidateRefuses(t *testing.T) {
	t.Parallel()
	p := newPlainRequests(t)
	plain := 0
	check := func(m proto.Message) {
		if !p.plain(m) {
			return
		}
		plain++
		if err := p.validator.Validate(m); err != nil {
			t.Errorf("plain(%v) = true, but %v", m, err)
		}
	}
	edits := []func(*cosgatev1.HeadObjectRequest, string){
		func(r *cosgatev1.HeadObjectRequest, s string) { r.Bucket = s },
		func(r *cosgatev1.HeadObjectRequest, s string) { r.Key = s },
		func(r *cosgatev1.HeadObjectRequest, s string) { r.Region = s },
		func(r *cosgatev1.HeadObjectRequest, s string) { r.VersionId = s },
		func(r *cosgatev1.HeadObjectRequest, s string) { r.Profile = s },
	}
	names := []string{"", "-", "-1", "a-", "a-1", "a--1", "1-1", "A-1", "a_b-1", "a-1\n", "\na-1", "a.b-1", "ä-1", "~", ".", "a\x18", "a\x1b", "a\x17", "\xff"}
	for _, n := range []int{62, 63, 64, 65, 128, 129, 256, 257, 849, 850, 851} {
		names = append(names, strings.Repeat("a", n), strings.Repeat("a", n-2)+"-1", strings.Repeat("é", n/2))
	}
	const letters = "az09AZ-._~ /\n\x18\x1bé"
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := make([]byte, random.IntN(8))
		for i := range b {
			b[i] = letters[random.IntN(len(letters))]
		}
		names = append(names, string(b))
	}
	for _, name := range names {
		for _, edit := range edits {
			check(plainHead(func(r *cosgatev1.HeadObjectRequest) { edit(r, name) }))
		}
		check(&cosgatev1.AbortMultipartUploadRequest{Bucket: "b-1", Key: "k", UploadId: name})
	}
	if plain < 1000 {
		t.Errorf("only %d requests were plain; the test shows nothing", plain)
	}
}

package service

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func TestSymlinkLeadsToItsTarget(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	for i, target := range []string{"plain", "a/b é", "100%", "a+b", "腾讯云", "x?y&z"} {
		g.put(t, target, fmt.Append(nil, i))
		link := fmt.Sprint("link", i)
		put, err := g.objects.PutSymlink(ctx, &cosgatev1.PutSymlinkRequest{Bucket: testBucket, Key: link, TargetKey: target})
		must(t, err)
		got, err := g.objects.GetSymlink(ctx, &cosgatev1.GetSymlinkRequest{Bucket: testBucket, Key: link})
		if err != nil || got.GetTargetKey() != target || got.GetEtag() != put.GetEtag() {
			t.Errorf("GetSymlink(%q) = %v, %v", target, got, err)
		}
		data, ms, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: link})
		if err != nil || string(data) != fmt.Sprint(i) || ms[0].GetObject().GetObjectType() != "symlink" {
			t.Errorf("GetObject of a symlink to %q = %q, %v, %v", target, data, ms, err)
		}
	}
	_, err := g.objects.GetSymlink(ctx, &cosgatev1.GetSymlinkRequest{Bucket: testBucket, Key: "absent"})
	if e, _ := detail[*cosgatev1.CosError](err); status.Code(err) != codes.NotFound || e.GetCode() != "NoSuchKey" {
		t.Errorf("GetSymlink of an absent key = %v, want NOT_FOUND, NoSuchKey", err)
	}
}

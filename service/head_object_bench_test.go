package service

import (
	"testing"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// BenchmarkHeadObject counts what a small call costs, with the client and the embedded COS.
func BenchmarkHeadObject(b *testing.B) {
	g := open(b)
	request := &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: testBucket, Key: "k"}, Finish: true}
	if _, err := g.send(b.Context(), request); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.objects.HeadObject(b.Context(), &cosgatev1.HeadObjectRequest{Bucket: testBucket, Key: "k"}); err != nil {
			b.Fatal(err)
		}
	}
}

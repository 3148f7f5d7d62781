package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/frames"
)

// BenchmarkListObjects reads the same page of 1,000 of the embedded server in two ways, one after
// the other: with the COS client alone, and through the gateway with the generated
// client. "added-%" is how much longer the second takes than the first, the
// median of all pairs, so that a busy machine bears on both alike; it is to stay below
// 30. -race makes the numbers useless.
func BenchmarkListObjects(b *testing.B) {
	g := open(b, func(s *setup) { s.newPool = frames.NewPool })
	loc := cosbackend.Location{Bucket: testBucket, Region: testRegion}
	for i := range 3 * maxPage {
		key, content := fmt.Sprintf("photos/2026/%04d/image.jpg", i), fmt.Sprint("content ", i)
		body := cosbackend.Body{Reader: strings.NewReader(content), Size: int64(len(content))}
		if _, err := g.backend.PutObject(b.Context(), loc, key, body, cosbackend.PutOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	for name, v := range map[string]struct{ prefix, delimiter, after string }{
		"plain":     {after: "photos/2026/1000/"},
		"delimiter": {prefix: "photos/2026/", delimiter: "/", after: "photos/2026/1000/"},
	} {
		b.Run(name, func(b *testing.B) {
			compare(b, func(ctx context.Context) (int, error) {
				page, err := g.backend.ListObjects(ctx, loc, cosbackend.ListOptions{
					Prefix: v.prefix, Delimiter: v.delimiter, Marker: v.after, MaxKeys: maxPage,
				})
				return len(page.Objects) + len(page.CommonPrefixes), err
			}, func(ctx context.Context) (int, error) {
				page, err := g.objects.ListObjects(ctx, &cosgatev1.ListObjectsRequest{
					Bucket: testBucket, Prefix: v.prefix, Delimiter: v.delimiter, StartAfter: v.after,
				})
				return len(page.GetObjects()) + len(page.GetCommonPrefixes()), err
			})
		})
	}
}

// compare measures two ways to read one page, side by side, and reports medians.
func compare(b *testing.B, direct, through func(context.Context) (int, error)) {
	timed := func(list func(context.Context) (int, error)) (float64, int) {
		begun := time.Now()
		n, err := list(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		return float64(time.Since(begun).Microseconds()), n
	}
	var directs, throughs, added []float64
	var entries, same int
	b.ReportAllocs()
	for b.Loop() {
		var d, t float64
		if len(added)%2 == 0 { // which one comes first does not matter then
			d, entries = timed(direct)
			t, same = timed(through)
		} else {
			t, same = timed(through)
			d, entries = timed(direct)
		}
		directs, throughs, added = append(directs, d), append(throughs, t), append(added, 100*(t/d-1))
	}
	if entries != maxPage || same != maxPage {
		b.Fatalf("the pages have %d and %d entries, want full ones", entries, same)
	}
	b.ReportMetric(median(directs), "direct-µs")
	b.ReportMetric(median(throughs), "cosgate-µs")
	b.ReportMetric(median(added), "added-%")
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

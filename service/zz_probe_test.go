package service

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func TestZZProbe(t *testing.T) {
	for range 5 {
		begin := time.Now()
		t.Run("x", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := time.Now()
				g := open(t, smallParts, func(s *setup) { s.backend.Retry = cosbackend.RetryOptions{}; s.options.ReadStall = 0 })
				data := g.store(t, 300_000)
				g.cos.Faults().Add(embedded.Fault{Operation: "GetObject", StallAfter: 100_000, Count: 1})
				got, _, err := g.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
				t.Log(len(data), len(got), err, time.Since(b))
			})
		})
		t.Log(time.Since(begin))
	}
}

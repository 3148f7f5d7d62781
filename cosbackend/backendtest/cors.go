package backendtest

import (
	"context"
	"slices"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

func preflightChecks() []check {
	return []check{
		{"OptionsObject follows the rules of the bucket", "A060", preflightAllowed, []Ability{CreateBuckets, CORS}},
	}
}

func preflightAllowed(t *testing.T, s scope) {
	b := s.newBucket(t, s.region())
	const origin = "https://www.example.com"
	ask := func(ctx context.Context, method string) (cosbackend.PreflightResult, error) {
		return b.Client.OptionsObject(ctx, b.location(), b.key("k"), cosbackend.Preflight{Origin: origin, Method: method, Headers: []string{"x-a"}})
	}
	_, err := ask(t.Context(), "GET")
	wantRefused(t, "OptionsObject without rules", err, 403, "AccessForbidden")
	err = b.Client.PutBucketCORS(t.Context(), b.location(), &cosbackend.CORSConfiguration{Rules: []cosbackend.CORSRule{{
		AllowedOrigins: []string{origin}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"x-a"},
	}}})
	if err != nil {
		t.Fatalf("PutBucketCORS = %v", err)
	}
	allowed, err := ask(t.Context(), "GET")
	if err != nil || allowed.Origin != origin && allowed.Origin != "*" || !slices.Contains(allowed.Methods, "GET") {
		t.Errorf("OptionsObject = %+v, %v, want GET to be allowed", allowed, err)
	}
	_, err = ask(t.Context(), "PUT")
	wantRefused(t, "OptionsObject of another method", err, 403, "AccessForbidden")
}

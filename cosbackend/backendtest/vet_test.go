package backendtest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
)

func put(t *testing.T, tg Target, key string) {
	t.Helper()
	scope{Target: tg}.put(t, key, []byte("precious"))
}

func TestRunRefusesABucketInUse(t *testing.T) {
	t.Parallel()
	tg := target(t, serve(t, embedded.Options{}))
	put(t, tg, ours+"of-an-earlier-run/k")
	put(t, tg, "/../"+ours+"of-an-earlier-run/k")
	if err := tg.vet(t.Context()); err != nil {
		t.Fatalf("vet of a bucket with leftovers of the suite = %v", err)
	}
	put(t, tg, "precious/photo.jpg")
	err := tg.vet(t.Context())
	if err == nil || !strings.Contains(err.Error(), `it holds "precious/photo.jpg"`) || !strings.Contains(err.Error(), EnvAllowNonEmpty) {
		t.Fatalf("vet of a bucket in use = %v, want a refusal that names the object and the way out", err)
	}
	tg.AllowNonEmpty = true
	if err := tg.vet(t.Context()); err != nil {
		t.Errorf("vet of a bucket in use, allowed = %v", err)
	}
}

func TestRunRefusesAnOpenUpload(t *testing.T) {
	t.Parallel()
	tg := target(t, serve(t, embedded.Options{}))
	scope{Target: tg}.begin(t, ours+"of-an-earlier-run/k", cosbackend.Attributes{})
	if err := tg.vet(t.Context()); err != nil {
		t.Fatalf("vet of a bucket with an upload of the suite = %v", err)
	}
	scope{Target: tg}.begin(t, "precious/photo.jpg", cosbackend.Attributes{})
	err := tg.vet(t.Context())
	if err == nil || !strings.Contains(err.Error(), `an upload of "precious/photo.jpg" is open`) || !strings.Contains(err.Error(), EnvAllowNonEmpty) {
		t.Fatalf("vet of a bucket in use = %v, want a refusal that names the upload and the way out", err)
	}
	tg.AllowNonEmpty = true
	if err := tg.vet(t.Context()); err != nil {
		t.Errorf("vet of a bucket in use, allowed = %v", err)
	}
}

func TestRunRefusesVersioning(t *testing.T) {
	t.Parallel()
	server := serve(t, embedded.Options{})
	server.Faults().Add(embedded.Fault{Operation: "PutObject", Header: http.Header{"X-Cos-Version-Id": {"v1"}}})
	server.Faults().Add(embedded.Fault{Operation: "DeleteObject", Status: http.StatusNoContent})
	if err := target(t, server).vet(t.Context()); err == nil || !strings.Contains(err.Error(), "has versioning") {
		t.Errorf("vet = %v, want a refusal because of versioning", err)
	}
}

func TestRunRefusesATargetThatDoesNotRespond(t *testing.T) {
	t.Parallel()
	tg := target(t, serve(t, embedded.Options{}))
	tg.Bucket = "absent-1250000000"
	if err := tg.vet(t.Context()); err == nil || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("vet of a missing bucket = %v, want NoSuchBucket", err)
	}
	tg.Client = nil
	if err := tg.vet(t.Context()); err == nil {
		t.Error("vet without a client = nil")
	}
}

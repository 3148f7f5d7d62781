package backendtest

import (
	"net/http"
	"os"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
)

const testBucket = "suite-1250000000"

// serve starts an embedded server with an empty bucket.
func serve(t *testing.T, o embedded.Options) *embedded.Server {
	t.Helper()
	o.Buckets = []string{testBucket}
	o.Credentials = []embedded.Credential{testPair()}
	server, err := embedded.New(o)
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return server
}

// testPair is the key pair of the embedded servers of tests.
func testPair() embedded.Credential {
	return embedded.Credential{SecretID: "AKIDoftests", SecretKey: "secretkeyoftests"}
}

// target returns the bucket of server, reached in memory.
func target(t *testing.T, server *embedded.Server) Target {
	t.Helper()
	demo := testPair()
	client, err := cosbackend.New(cosbackend.Config{
		Endpoint: "http://{bucket}.cos.{region}.myqcloud.com", Region: embedded.DefaultRegion,
		Credentials: cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: demo.SecretID, SecretKey: demo.SecretKey}),
		Transport:   cosbackend.TransportOptions{DialContext: server.DialContext},
	})
	if err != nil {
		t.Fatalf("New = %v", err)
	}
	t.Cleanup(client.Close)
	plain := &http.Client{Transport: &http.Transport{DialContext: server.DialContext, DisableKeepAlives: true}}
	return Target{Client: client, Bucket: testBucket, SecretID: demo.SecretID, HTTP: plain, CanCreateBuckets: true, CanIssueCredentials: true}
}

func TestEmbeddedInMemory(t *testing.T) {
	t.Parallel()
	tg := target(t, serve(t, embedded.Options{}))
	Run(t, tg)
	page, err := tg.Client.ListObjects(t.Context(), tg.location(), cosbackend.ListOptions{})
	if err != nil || len(page.Objects) > 0 {
		t.Errorf("after the run the bucket holds %q, %v, want nothing", keysOf(page.Objects), err)
	}
	uploads, err := openUploads(t.Context(), tg.Client, tg.location(), "")
	if err != nil || len(uploads) > 0 {
		t.Errorf("after the run the uploads %+v, %v are open, want none", uploads, err)
	}
	buckets, err := tg.Client.ListBuckets(t.Context(), cosbackend.ListBucketsOptions{})
	if err != nil || len(buckets.Buckets) != 1 {
		t.Errorf("after the run there are the buckets %+v, %v, want %s only", buckets.Buckets, err, testBucket)
	}
}

// The environment names the embedded server as an HTTP proxy, which is how anyone
// reaches a local server under COS's host names.
func TestEmbeddedOnDiskAsProxy(t *testing.T) {
	t.Parallel()
	server := serve(t, embedded.Options{Dir: t.TempDir()})
	addr, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatalf("Listen = %v", err)
	}
	tg, ok, err := FromEnvironment(env(map[string]string{
		EnvEndpoint:  "http://{bucket}.cos.{region}.myqcloud.com",
		EnvProxy:     "http://" + addr.String(),
		EnvLacks:     string(Archive), // so that a skip is seen
		EnvSecretKey: testPair().SecretKey,

		EnvCreateBuckets: "1", EnvIssueCredentials: "1",
	}))
	if err != nil || !ok {
		t.Fatalf("FromEnvironment = %v, %v, want a target", ok, err)
	}
	t.Cleanup(tg.Client.Close)
	Run(t, tg)
}

// TestEnvironment runs the suite over the endpoint that the environment names.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	tg, ok, err := FromEnvironment(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		t.Skipf("skipped: no endpoint is named; set %s, %s, %s, %s and %s, see CONTRIBUTING.md",
			EnvEndpoint, EnvRegion, EnvBucket, EnvSecretID, EnvSecretKey)
	}
	t.Cleanup(tg.Client.Close)
	Run(t, tg)
}

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// checkRefused checks that a command printed nothing but one line of error,
// which begins with want and shows no secret, and that it ended with exitUsage.
func checkRefused(t *testing.T, code int, stdout, stderr, want string) {
	t.Helper()
	if code != exitUsage || stdout != "" {
		t.Errorf("exit code = %d, stdout %q, want %d and nothing", code, stdout, exitUsage)
	}
	if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, want) {
		t.Errorf("stderr = %q, want one line that begins with %q", stderr, want)
	}
	if strings.Contains(stderr, "muchtoosecret") {
		t.Errorf("stderr = %q shows a secret", stderr)
	}
}

// startCOS starts an embedded COS in this process, with the demo bucket, and
// returns its address.
func startCOS(t *testing.T, args ...string) string {
	t.Helper()
	args = append([]string{"cos", "--memory", "--listen", "127.0.0.1:0", "--bucket", demoBucket, "--secret-id", testPair().SecretID, "--secret-key", testPair().SecretKey}, args...)
	return start(t, args...).value("address")
}

func TestServeReachesEachOfItsProfiles(t *testing.T) {
	demo := testPair()
	t.Setenv("COSGATE_TEST_ID", demo.SecretID)
	t.Setenv("COSGATE_TEST_KEY", demo.SecretKey)
	secrets := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(secrets, []byte("secret_id="+demo.SecretID+"\nsecret_key="+demo.SecretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cos := "endpoint: 'http://{bucket}.cos.{region}.localhost', region: ap-guangzhou, proxy: 'http://" + startCOS(t) + "'"
	config := writeConfig(t, `
listen: 127.0.0.1:0
admin: 127.0.0.1:0
lifecycle: {drain_wait: 0s}
default_profile: env
profiles:
  env: {`+cos+`, credentials: {env: {secret_id: COSGATE_TEST_ID, secret_key: COSGATE_TEST_KEY}}}
  file: {`+cos+`, credentials: {file: '`+secrets+`'}}
`)
	s := start(t, "serve", "--config", config)
	buckets := cosgatev1.NewBucketServiceClient(dial(t, s.value("gRPC")))
	for _, profile := range []string{"", "env", "file"} {
		got, err := buckets.HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: demoBucket, Profile: profile})
		if err != nil || got.GetRegion() != demoRegion {
			t.Errorf("HeadBucket with profile %q = %v, %v, want region %s", profile, got, err, demoRegion)
		}
	}
	// What is signed is narrowed by STS, which is where COS is.
	url, err := cosgatev1.NewPresignServiceClient(dial(t, s.value("gRPC"))).PresignUrl(t.Context(), &cosgatev1.PresignUrlRequest{
		Bucket: demoBucket, Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT,
	})
	if err != nil || !strings.Contains(url.GetUrl(), "x-cos-security-token=") || strings.Contains(url.GetUrl(), demo.SecretID) {
		t.Errorf("PresignUrl = %v, want a URL that is signed with narrowed credentials", err)
	}
}

func TestServeTurnsUnreadyWhenCOSRefusesItsCredentials(t *testing.T) {
	t.Setenv("COS_SECRET_ID", "AKIDunknown")
	t.Setenv("COS_SECRET_KEY", "muchtoosecret")
	cos := "endpoint: 'http://{bucket}.cos.{region}.localhost', region: ap-guangzhou, proxy: 'http://" + startCOS(t) + "'"
	s := start(t, "serve", "--config", writeConfig(t,
		"listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlifecycle: {drain_wait: 0s}\nprofiles: {main: {"+cos+", credentials: {env: {}}}}\n"))
	if code, body := get(t, s, "/readyz"); code != http.StatusOK {
		t.Errorf("/readyz before the first call = %d %q, want 200", code, body)
	}
	objects := cosgatev1.NewObjectServiceClient(dial(t, s.value("gRPC")))
	_, err := objects.ListObjects(t.Context(), &cosgatev1.ListObjectsRequest{Bucket: demoBucket})
	if status.Code(err) != codes.Internal {
		t.Errorf("ListObjects = %v, want code Internal", err)
	}
	if code, body := get(t, s, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, `profile "main"`) {
		t.Errorf("/readyz after COS refused the credentials = %d %q, want 503 that names the profile", code, body)
	}
	if code, _ := get(t, s, "/livez"); code != http.StatusOK {
		t.Errorf("/livez = %d, want 200", code)
	}
	if strings.Contains(s.stderr.String(), "muchtoosecret") {
		t.Errorf("the log shows the secret: %s", s.stderr.String())
	}
}

func TestServeEndsTransfersAfterTheGraceWithUnavailable(t *testing.T) {
	demo := testPair()
	t.Setenv("COS_SECRET_ID", demo.SecretID)
	t.Setenv("COS_SECRET_KEY", demo.SecretKey)
	cos := "endpoint: 'http://{bucket}.cos.{region}.localhost', region: ap-guangzhou, proxy: 'http://" + startCOS(t) + "'"
	s := start(t, "serve", "--config", writeConfig(t,
		"listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlifecycle: {drain_wait: 0s, grace: 50ms}\nprofiles: {main: {"+cos+", credentials: {env: {}}}}\n"))
	objects := cosgatev1.NewObjectServiceClient(dial(t, s.value("gRPC")))
	if err := putObject(t.Context(), objects, "key", []byte("old")); err != nil {
		t.Fatal(err)
	}
	put, err := objects.PutObject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	size := int64(5)
	spec := &cosgatev1.PutObjectSpec{Bucket: demoBucket, Key: "key", Size: &size}
	if err := put.Send(&cosgatev1.PutObjectRequest{Spec: spec, Chunk: &cosgatev1.Chunk{Data: []byte("ne")}}); err != nil {
		t.Fatal(err)
	}
	// Only a call that the server has begun is one in flight.
	if _, err := getObject(t.Context(), objects, "key"); err != nil {
		t.Fatal(err)
	}
	s.stop(t)
	if err := put.RecvMsg(&cosgatev1.PutObjectResponse{}); status.Code(err) != codes.Unavailable {
		t.Errorf("PutObject after the grace = %v, want code Unavailable", err)
	}
}

func TestServeBoundsThePresignLifetime(t *testing.T) {
	demo := testPair()
	t.Setenv("COSGATE_TEST_ID", demo.SecretID)
	t.Setenv("COSGATE_TEST_KEY", demo.SecretKey)
	config := writeConfig(t, `
listen: 127.0.0.1:0
admin: 127.0.0.1:0
presign_max_lifetime: 2m
profiles:
  main: {region: ap-guangzhou, public_endpoint: 'https://{bucket}.example.org', signing: {mode: own_keys}, credentials: {env: {secret_id: COSGATE_TEST_ID, secret_key: COSGATE_TEST_KEY}}}
`)
	presign := cosgatev1.NewPresignServiceClient(dial(t, start(t, "serve", "--config", config).value("gRPC")))
	req := &cosgatev1.PresignUrlRequest{Bucket: demoBucket, Key: "k", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT, ExpiresIn: durationpb.New(2 * time.Minute)}
	if got, err := presign.PresignUrl(t.Context(), req); err != nil || !strings.HasPrefix(got.GetUrl(), "https://"+demoBucket+".example.org/k?") {
		t.Errorf("PresignUrl = %q, %v, want a URL at the public endpoint", got.GetUrl(), err)
	}
	req.ExpiresIn = durationpb.New(2*time.Minute + time.Second)
	if _, err := presign.PresignUrl(t.Context(), req); status.Code(err) != codes.InvalidArgument {
		t.Errorf("PresignUrl beyond presign_max_lifetime = %v, want code InvalidArgument", err)
	}
}

// Others on the network can read what is sent to COS in plain text, and a signature can be
// used again until it expires.
func TestServeReachesCOSInPlainTextByConsentOnly(t *testing.T) {
	demo := testPair()
	t.Setenv("COS_SECRET_ID", demo.SecretID)
	t.Setenv("COS_SECRET_KEY", demo.SecretKey)
	plain := "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlifecycle: {drain_wait: 0s}\nprofiles: {main: {endpoint: 'http://{bucket}.cos.{region}.myqcloud.com', region: ap-guangzhou, proxy: 'http://" +
		startCOS(t) + "', credentials: {env: {}}%s}}\n"
	refused := writeConfig(t, fmt.Sprintf(plain, ""))
	for _, args := range [][]string{{"serve", "--config", refused}, {"config", "check", refused}} {
		code, stdout, stderr := runToEnd(t, args...)
		if code != exitUsage || !strings.Contains(stdout+stderr, "profiles.main.endpoint: reaches COS in plain text over the network") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("run(%q) = %d, stdout %q, stderr %q, want %d and one line about the endpoint", args, code, stdout, stderr, exitUsage)
		}
	}
	s := start(t, "serve", "--config", writeConfig(t, fmt.Sprintf(plain, ", insecure: true")))
	if _, err := cosgatev1.NewBucketServiceClient(dial(t, s.value("gRPC"))).HeadBucket(t.Context(), &cosgatev1.HeadBucketRequest{Bucket: demoBucket}); err != nil {
		t.Errorf("HeadBucket = %v", err)
	}
	if !strings.Contains(s.stderr.String(), "COS is reached in plain text") {
		t.Errorf("the log does not warn: %s", s.stderr.String())
	}
}

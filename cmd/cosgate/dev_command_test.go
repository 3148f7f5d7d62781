package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// dial connects to a gateway until the test ends.
func dial(t *testing.T, addr string, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// get asks the admin port of c.
func get(t *testing.T, c interface{ value(label string) string }, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.value("admin")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// putObject stores data in one message.
func putObject(ctx context.Context, objects cosgatev1.ObjectServiceClient, key string, data []byte) error {
	stream, err := objects.PutObject(ctx)
	if err != nil {
		return err
	}
	size := int64(len(data))
	err = stream.Send(&cosgatev1.PutObjectRequest{
		Spec:   &cosgatev1.PutObjectSpec{Bucket: demoBucket, Key: key, Size: &size},
		Chunk:  &cosgatev1.Chunk{Data: data},
		Finish: true,
	})
	if err != nil && err != io.EOF { //nolint:errorlint // gRPC promises io.EOF itself; the reason comes with the response
		return err
	}
	_, err = stream.CloseAndRecv()
	return err
}

// getObject reads a whole object.
func getObject(ctx context.Context, objects cosgatev1.ObjectServiceClient, key string) ([]byte, error) {
	stream, err := objects.GetObject(ctx, &cosgatev1.GetObjectRequest{Bucket: demoBucket, Key: key})
	if err != nil {
		return nil, err
	}
	var data []byte
	for {
		msg, err := stream.Recv()
		if err == io.EOF { //nolint:errorlint // gRPC promises io.EOF itself
			return data, nil
		}
		if err != nil {
			return nil, err
		}
		data = append(data, msg.GetChunk().GetData()...)
	}
}

func TestDevServesCallsWithNothingConfigured(t *testing.T) {
	t.Parallel()
	dev := start(t, everyPortFree...)
	objects := cosgatev1.NewObjectServiceClient(dial(t, dev.value("gRPC")))
	want := bytes.Repeat([]byte("hello world\n"), 10_000)
	if err := putObject(t.Context(), objects, "dir/hello.txt", want); err != nil {
		t.Fatal(err)
	}
	if got, err := getObject(t.Context(), objects, "dir/hello.txt"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("GetObject = %d bytes, %v, want the %d that were stored", len(got), err, len(want))
	}
	if _, err := getObject(t.Context(), objects, "absent"); status.Code(err) != codes.NotFound {
		t.Errorf("GetObject(absent) = %v, want code NotFound", err)
	}
}

// Names under localhost are loopback to curl and browsers (RFC 6761). The resolver of Go
// asks the system, which need not know; here the dialer does.
func TestDevPresignsURLsThatReachIt(t *testing.T) {
	t.Parallel()
	dev := start(t, everyPortFree...)
	conn := dial(t, dev.value("gRPC"))
	if err := putObject(t.Context(), cosgatev1.NewObjectServiceClient(conn), "dir/中.txt", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	u, err := cosgatev1.NewPresignServiceClient(conn).PresignUrl(t.Context(), &cosgatev1.PresignUrlRequest{
		Bucket: demoBucket, Key: "dir/中.txt", Operation: cosgatev1.PresignOperation_PRESIGN_OPERATION_GET_OBJECT,
	})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil || !strings.HasSuffix(host, ".localhost") {
			t.Errorf("the URL leads to %s, want a name under localhost", addr)
		}
		var d net.Dialer
		return d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), u.GetMethod(), u.GetUrl(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || string(body) != "hello" {
		t.Errorf("GET = %d %q, %v, want the object", resp.StatusCode, body, err)
	}
	if curl, err := exec.LookPath("curl"); err == nil {
		if out, err := exec.CommandContext(t.Context(), curl, "--silent", "--noproxy", "*", u.GetUrl()).Output(); err != nil || string(out) != "hello" {
			t.Errorf("curl = %q, %v, want the object", out, err)
		}
	}
}

func TestDevKeepsItsDataBetweenRuns(t *testing.T) {
	t.Parallel()
	args := append([]string{"dev", "--data", t.TempDir()}, everyPortFree[2:]...)
	first := start(t, args...)
	objects := cosgatev1.NewObjectServiceClient(dial(t, first.value("gRPC")))
	if err := putObject(t.Context(), objects, "kept", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	first.stop(t)
	second := start(t, args...)
	objects = cosgatev1.NewObjectServiceClient(dial(t, second.value("gRPC")))
	if got, err := getObject(t.Context(), objects, "kept"); err != nil || string(got) != "kept" {
		t.Errorf("GetObject after a restart = %q, %v, want %q", got, err, "kept")
	}
}

func TestAdminServesOperators(t *testing.T) {
	t.Parallel()
	dev := start(t, everyPortFree...)
	for path, want := range map[string]string{
		"/livez":               "ok\n",
		"/readyz":              "ok\n",
		"/debug/pprof/":        "goroutine",
		"/debug/pprof/cmdline": "",
		"/debug/pprof/heap":    "",
	} {
		if code, body := get(t, dev, path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("GET %s = %d %.80q, want 200 with %q", path, code, body, want)
		}
	}
	code, body := get(t, dev, "/buildinfo")
	var info build
	if err := json.Unmarshal([]byte(body), &info); code != http.StatusOK || err != nil || info != readBuild() {
		t.Errorf("GET /buildinfo = %d %q, %v, want %+v", code, body, err, readBuild())
	}
	if code, _ := get(t, dev, "/"); code != http.StatusNotFound {
		t.Errorf("GET / = %d, want 404", code)
	}
}

func TestDevStopsByTurningHealthOffAndFinishingTransfers(t *testing.T) {
	t.Parallel()
	dev := start(t, everyPortFree...)
	conn := dial(t, dev.value("gRPC"))
	watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := watch.Recv(); err != nil || got.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("health = %v, %v, want SERVING", got, err)
	}
	put, err := cosgatev1.NewObjectServiceClient(conn).PutObject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	size := int64(5)
	spec := &cosgatev1.PutObjectSpec{Bucket: demoBucket, Key: "late", Size: &size}
	if err := put.Send(&cosgatev1.PutObjectRequest{Spec: spec, Chunk: &cosgatev1.Chunk{Data: []byte("la")}}); err != nil {
		t.Fatal(err)
	}

	dev.cancel()
	if got, err := watch.Recv(); err != nil || got.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Fatalf("health after the signal = %v, %v, want NOT_SERVING", got, err)
	}
	if code, _ := get(t, dev, "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz after the signal = %d, want 503", code)
	}
	if err := put.Send(&cosgatev1.PutObjectRequest{Chunk: &cosgatev1.Chunk{Data: []byte("ter")}, Finish: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := put.CloseAndRecv(); err != nil {
		t.Errorf("PutObject that was under way = %v, want success", err)
	}
	_ = conn.Close() // the health watch would go on to the end of the grace
	dev.stop(t)
}

func TestDevRoundTripsKeysOfEveryKind(t *testing.T) {
	t.Parallel()
	objects := cosgatev1.NewObjectServiceClient(dial(t, start(t, everyPortFree...).value("gRPC")))
	// These are the ones that the SDKs cannot send. Those that simplify to the bucket are refused (A122).
	keys := append([]string{"/lead", "../up", "./here", "a/../b", "c/%2e%2e/d"}, sdkKeys...)
	for _, key := range keys {
		want := "content of " + key
		if err := putObject(t.Context(), objects, key, []byte(want)); err != nil {
			t.Errorf("PutObject(%q) = %v", key, err)
			continue
		}
		if got, err := getObject(t.Context(), objects, key); err != nil || string(got) != want {
			t.Errorf("GetObject(%q) = %q, %v, want %q", key, got, err, want)
		}
	}
	list, err := objects.ListObjects(t.Context(), &cosgatev1.ListObjectsRequest{Bucket: demoBucket})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, o := range list.GetObjects() {
		found = append(found, o.GetKey())
	}
	if diff := gocmp.Diff(slices.Sorted(slices.Values(keys)), found); diff != "" {
		t.Errorf("ListObjects (-want +got):\n%s", diff)
	}
}

// The key pair is nobody else's, is printed, and lasts as long as the data folder.
func TestDevHasAKeyPairOfItsOwn(t *testing.T) {
	t.Parallel()
	for name, command := range map[string][]string{
		"dev": append([]string{"dev", "--data", "DIR"}, everyPortFree[2:]...),
		"cos": {"cos", "--listen", "127.0.0.1:0", "--bucket", demoBucket, "--data", "DIR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pairIn := func(dir string) embedded.Credential {
				args := slices.Clone(command)
				args[slices.Index(args, "DIR")] = dir
				c := start(t, args...)
				defer c.stop(t)
				pair := announcedPair(c.announcement)
				sdk := newSDK(t, cmp.Or(c.value("COS"), c.value("address")), demoBucket, pair)
				if _, err := sdk.Object.Put(t.Context(), "k", strings.NewReader("x"), nil); err != nil {
					t.Errorf("Put with the announced pair = %v", err)
				}
				http.DefaultClient.CloseIdleConnections()
				kept := filepath.Join(dir, "CREDENTIALS")
				if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(c.String(), kept) {
					t.Errorf("%s: %v, %v, want mode 0600 and its name in the announcement", kept, info, err)
				}
				text, err := os.ReadFile(kept)
				if err != nil || !strings.Contains(string(text), pair.SecretKey) || strings.Contains(c.stderr.String(), pair.SecretKey) {
					t.Errorf("%s = %q, %v, want the announced pair, and the log without it", kept, text, err)
				}
				return pair
			}
			one, other := t.TempDir(), t.TempDir()
			pair := pairIn(one)
			if again := pairIn(one); again != pair {
				t.Errorf("the pair after a restart is %v, want %v", again, pair)
			}
			if foreign := pairIn(other); foreign.SecretID == pair.SecretID || foreign.SecretKey == pair.SecretKey {
				t.Error("two data folders have the same pair")
			}
		})
	}
}

// Every page that a developer has open can send requests to dev.
func TestDevRefusesWebPages(t *testing.T) {
	t.Parallel()
	dev := start(t, everyPortFree...)
	for _, header := range []string{"Sec-Fetch-Site: cross-site", "Origin: http://localhost:3000"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+dev.value("COS")+"/k", nil)
		if err != nil {
			t.Fatal(err)
		}
		name, value, _ := strings.Cut(header, ": ")
		req.Host = demoBucket + ".cos." + demoRegion + ".localhost"
		req.Header.Set(name, value)
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "web page of another origin") || resp.Header.Get("Content-Security-Policy") != "sandbox" {
			t.Errorf("GET with %s = %d %s, %v, want it refused", header, resp.StatusCode, body, err)
		}
	}
}

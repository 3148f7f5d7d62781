//go:build e2e

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// The tests of this file and its neighbours with the same build tag run the real
// binary: `make e2e`.

// root is the repository.
const root = "../.."

// buildOnce builds cosgate the first time it is called, into an ignored folder. The
// variable COSGATE_E2E_BINARY names a program to test in its place, such as one of an
// earlier version.
var buildOnce = sync.OnceValues(func() (string, error) {
	if program := os.Getenv("COSGATE_E2E_BINARY"); program != "" {
		return program, nil
	}
	program := filepath.Join(root, "bin", "cosgate")
	// Go refuses to stamp a checkout that belongs to another user.
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return program, nil
})

// built is the program as users have it.
func built(t *testing.T) string {
	t.Helper()
	program, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// startBinary starts the program and waits until it is ready.
func startBinary(t *testing.T, args ...string) *process {
	t.Helper()
	p := spawn(t, built(t), args...)
	if !p.ready() {
		t.Fatalf("cosgate %q printed %q and said %q", args, p, p.stderr.String())
	}
	return p
}

// inRoot runs a command in the repository and returns both outputs together.
func inRoot(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// grpcurl runs the pinned grpcurl.
func grpcurl(ctx context.Context, args ...string) (string, error) {
	return inRoot(ctx, "go", append([]string{"tool", "-modfile=tools/go.mod", "grpcurl", "-plaintext"}, args...)...)
}

func TestE2EGrpcurlDecodesErrorDetailsWhereverTheSchemaComesFrom(t *testing.T) {
	addr := startBinary(t, everyPortFree...).value("gRPC")
	for name, schema := range map[string][]string{
		"reflection": nil,
		"proto":      {"-import-path", "proto", "-import-path", "third_party/proto", "-proto", "cosgate/v1/object_service.proto"},
		"protoset":   {"-protoset", "gen/cosgate.binpb"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append(append([]string{}, schema...), "-format-error", "-d", `{"bucket":"`+demoBucket+`","key":"absent"}`, addr)
			out, err := grpcurl(t.Context(), append(args, "cosgate.v1.ObjectService/GetObject")...)
			if err == nil {
				t.Fatalf("GetObject of an absent key succeeded: %s", out)
			}
			checkNoSuchKey(t, out)
			out, err = grpcurl(t.Context(), append(args, "cosgate.v1.ObjectService/HeadObject")...)
			if err == nil || !strings.Contains(out, "cosgate.v1.CosError") {
				t.Errorf("HeadObject of an absent key = %v: %s, want an error with a CosError", err, out)
			}
		})
	}
}

// checkNoSuchKey checks the decoded status that grpcurl prints with -format-error.
func checkNoSuchKey(t *testing.T, out string) {
	t.Helper()
	type detail struct {
		Type       string `json:"@type"`
		Reason     string
		Code       string
		RequestID  string `json:"requestId"`
		HTTPStatus int
		Headers    map[string]string
	}
	var status struct {
		Code    int
		Message string
		Details []detail
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	byType := make(map[string]detail)
	for _, d := range status.Details {
		byType[strings.TrimPrefix(d.Type, "type.googleapis.com/")] = d
	}
	if got := byType["google.rpc.ErrorInfo"]; status.Code != 5 || got.Reason != "NO_SUCH_KEY" {
		t.Errorf("code = %d, ErrorInfo = %+v, want 5 and NO_SUCH_KEY; grpcurl printed %s", status.Code, got, out)
	}
	got := byType["cosgate.v1.CosError"]
	if got.Code != "NoSuchKey" || got.HTTPStatus != 404 || got.RequestID == "" || got.Headers["x-cos-request-id"] != got.RequestID {
		t.Errorf("CosError = %+v, want NoSuchKey, 404 and the request id; grpcurl printed %s", got, out)
	}
	for _, name := range []string{"google.rpc.ResourceInfo", "google.rpc.RequestInfo"} {
		if _, ok := byType[name]; !ok {
			t.Errorf("there is no decoded %s; grpcurl printed %s", name, out)
		}
	}
}

func TestE2EGrpcurlListsAndDescribesTheAPI(t *testing.T) {
	addr := startBinary(t, everyPortFree...).value("gRPC")
	out, err := grpcurl(t.Context(), addr, "list")
	if err != nil {
		t.Fatalf("list: %v: %s", err, out)
	}
	for _, service := range []string{"cosgate.v1.BucketService", "cosgate.v1.ObjectService", "grpc.health.v1.Health"} {
		if !strings.Contains(out, service+"\n") {
			t.Errorf("list = %q, want %s in it", out, service)
		}
	}
	out, err = inRoot(t.Context(), "go", "tool", "-modfile=tools/go.mod", "grpcurl", "-protoset", "gen/cosgate.binpb", "describe", "cosgate.v1.ObjectService.PutObject")
	if err != nil || !strings.Contains(out, "// PutObject ") {
		t.Errorf("describe from the descriptor set = %v: %s, want the comment of the RPC", err, out)
	}
}

// pasted are the lines of an announcement that a reader pastes.
var pasted = regexp.MustCompile(`(?m)^  ((?:grpcurl |echo |grpcurl\(\)).*)$`)

func TestE2EDevPrintsLinesThatWork(t *testing.T) {
	dev := startBinary(t, everyPortFree...)
	lines := pasted.FindAllStringSubmatch(dev.String(), -1)
	if len(lines) != 7 {
		t.Fatalf("dev printed %d lines to paste, want 7:\n%s", len(lines), dev)
	}
	function := lines[0][1]
	for _, line := range lines[1:] {
		out, err := inRoot(t.Context(), "sh", "-c", function+"\n"+line[1])
		if absent := strings.Contains(line[1], "absent.txt"); absent {
			if err == nil || !strings.Contains(out, "NO_SUCH_KEY") || !strings.Contains(out, "requestId") {
				t.Errorf("%s\n= %v: %s\nwant NO_SUCH_KEY with the request id", line[1], err, out)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s\n= %v: %s", line[1], err, out)
		}
		if strings.Contains(line[1], "GetObject") && !strings.Contains(out, "aGVsbG8gd29ybGQK") {
			t.Errorf("%s\n= %s\nwant what was stored", line[1], out)
		}
	}
}

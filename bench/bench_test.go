package main

import (
	"bytes"
	"context"
	"hash/crc64"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain plays a role when the driver under test started this binary again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == roleArgument {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

func TestDriverMeasuresEveryVariant(t *testing.T) {
	// The race detector would make each of the many processes wait a second at its end.
	t.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	dir := t.TempDir()
	page := filepath.Join(dir, "report.md")
	var out, progress bytes.Buffer
	code := run(t.Context(), []string{
		"-rounds", "1", "-size", "4", "-calls", "64", "-slow", "4", "-slow-naive", "4", "-hold", "1ms", "-markdown", page,
		"-profile", dir, "-profile-size", "4",
	}, nil, &out, &progress)
	if code != 0 {
		t.Fatalf("run = %d\n%s", code, progress.String())
	}
	for _, want := range []string{
		"get 4 MiB, streams: 1", "get 4 MiB, streams: 8", "put 4 MiB, streams: 1", "put 4 MiB, streams: 8",
		"HeadObject, 64 callers", slowReaders, slowWriters, stalledPuts, "Targets",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report has no %q", want)
		}
	}
	if strings.Contains(out.String(), "not measured") {
		t.Errorf("a target was not measured:\n%s", out.String())
	}
	markdown, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range append(transferVariants(measureGet), minimalGateway()) {
		if !strings.Contains(string(markdown), "| "+v.name+" | ") {
			t.Errorf("the page has no row for %q", v.name)
		}
	}
	for _, name := range []string{"cosgate-ordinary-get.cpu.pprof", "cosgate-tuned-put.allocs.pprof", "naive-ordinary-head.cpu.pprof"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Size() == 0 {
			t.Errorf("Stat(%s) = %v, %v, want a file with content", name, info, err)
		}
	}
}

func TestFlagsThatAreInvalidAreExplained(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-only", "delete"}, {"-rounds", "0"}, {"-chunk", "2000000"}, {"extra"}, {"-nonsense"}, {roleArgument}, {roleArgument, "baker", "{}"},
	} {
		var stderr bytes.Buffer
		if code := run(t.Context(), args, nil, io.Discard, &stderr); code != 2 {
			t.Errorf("run(%q) = %d, want 2", args, code)
		}
		if !strings.Contains(stderr.String(), "wrong usage") {
			t.Errorf("run(%q) says %q", args, stderr.String())
		}
	}
}

func TestUpstreamRespondsAsCOSDoes(t *testing.T) {
	t.Parallel()
	u := &upstream{content: newContent()}
	u.buffers.New = func() any { b := make([]byte, blockSize); return &b }
	const size = 3<<20 + 7
	w := httptest.NewRecorder()
	u.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+objectKey(plainKey, size), nil))
	if w.Body.Len() != size {
		t.Fatalf("the body has %d bytes, want %d", w.Body.Len(), size)
	}
	want := strconv.FormatUint(crc64.Checksum(w.Body.Bytes(), crc64.MakeTable(crc64.ECMA)), 10)
	if got := w.Header().Get("X-Cos-Hash-Crc64ecma"); got != want {
		t.Errorf("x-cos-hash-crc64ecma = %s, want %s", got, want)
	}
	if w.Header().Get("X-Cos-Request-Id") == "" {
		t.Error("x-cos-request-id is absent")
	}
}

func TestUpstreamRefusesOtherContentWhenItVerifies(t *testing.T) {
	t.Parallel()
	u := &upstream{content: newContent()}
	u.buffers.New = func() any { b := make([]byte, blockSize); return &b }
	put := func(body io.Reader, length int64) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/"+objectKey(verifyKey, length), body)
		r.ContentLength = length
		w := httptest.NewRecorder()
		u.ServeHTTP(w, r)
		return w.Code
	}
	const size = 1 << 20
	if got := put(&source{content: u.content, size: size}, size); got != http.StatusOK {
		t.Errorf("PUT of the content = %d, want 200", got)
	}
	if got := put(bytes.NewReader(make([]byte, size)), size); got != http.StatusBadRequest {
		t.Errorf("PUT of zeros = %d, want 400", got)
	}
	if got := put(&source{content: u.content, size: size - 1}, size); got != http.StatusBadRequest {
		t.Errorf("PUT of too little = %d, want 400", got)
	}
}

func TestSeriesMedianAndRatio(t *testing.T) {
	t.Parallel()
	s := series{5, 1, 3}
	if s.median() != 3 || s.min() != 1 || s.max() != 5 {
		t.Errorf("median, min, max = %v, %v, %v, want 3, 1, 5", s.median(), s.min(), s.max())
	}
	if got := (series{4, 2}).median(); got != 3 {
		t.Errorf("median of two = %v, want 3", got)
	}
	if got := s.over(series{10, 1, 2}).median(); got != 1 {
		t.Errorf("median of the ratios = %v, want 1", got)
	}
	if got := (series{}).median(); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v, want NaN", got)
	}
}

//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/crc64ecma"
)

const (
	largeBlock = 1 << 20
	// largeRSS is the memory that the gateway may use for an object of any size.
	largeRSS = 200 << 20
)

// startGateway starts `serve` in a process of its own, with the COS at addr behind it and
// more sections of the configuration.
func startGateway(t *testing.T, addr string, more ...string) *process {
	t.Helper()
	return startBinary(t, "serve", "--config", gatewayConfig(t, addr, append(more, "log: {level: error}\n")...))
}

// gatewayConfig writes the configuration of a gateway in front of the COS at addr. What
// comes first in more can be further profiles.
func gatewayConfig(t *testing.T, addr string, more ...string) string {
	t.Helper()
	demo := testPair()
	t.Setenv("COS_SECRET_ID", demo.SecretID)
	t.Setenv("COS_SECRET_KEY", demo.SecretKey)
	return writeConfig(t, `
listen: 127.0.0.1:0
admin: 127.0.0.1:0
profiles:
  main:
    endpoint: 'http://{bucket}.cos.{region}.localhost'
    region: `+demoRegion+`
    proxy: 'http://`+addr+`'
    credentials: {env: {}}
`+strings.Join(more, ""))
}

// startBefore starts the gateway in front of a COS in this process.
func startBefore(t *testing.T, o embedded.Options, more ...string) (*embedded.Server, *process) {
	t.Helper()
	o.Region, o.Buckets = demoRegion, []string{demoBucket}
	o.Credentials = []embedded.Credential{testPair()}
	cos, err := embedded.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cos.Close(); err != nil {
			t.Error(err)
		}
	})
	addr, err := cos.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gateway := startGateway(t, addr.String(), more...)
	t.Cleanup(gateway.kill) // before the COS, which would wait for its requests
	return cos, gateway
}

// memory reads a line such as VmHWM of a process, in bytes.
func (p *process) memory(t *testing.T, line string) int64 {
	t.Helper()
	n, err := p.status(line)
	if err != nil {
		t.Skipf("SKIPPED: this system tells nothing of a process's memory: %v", err)
	}
	return n
}

var errNoLine = errors.New("there is no such line")

func (p *process) status(line string) (int64, error) {
	text, err := os.ReadFile("/proc/" + p.pid() + "/status")
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errNoLine
}

// watchMemory reads the size of a process until its result is called.
func (p *process) watchMemory() (stop func() []int64) {
	end, result := make(chan struct{}), make(chan []int64, 1)
	go func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		var sizes []int64
		for {
			select {
			case <-tick.C:
				if size, err := p.status("VmRSS"); err == nil {
					sizes = append(sizes, size)
				}
			case <-end:
				result <- sizes
				return
			}
		}
	}()
	return func() []int64 {
		close(end)
		return <-result
	}
}

// TestE2ELargeObject sends an object of undeclared size up and down: 10 GiB, or 2 GiB
// with -short. The gateway's memory must not grow with it.
func TestE2ELargeObject(t *testing.T) {
	size := int64(10 << 30)
	if testing.Short() {
		size = 2 << 30
	}
	dir := t.TempDir()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < 5*size/2 {
		t.Skipf("SKIPPED: %s has %d GiB free, and %d GiB are wanted for an object of %d GiB", dir, free>>30, 5*size/2>>30, size>>30)
	}
	cos := startBinary(t, "cos", "--data", dir, "--listen", "127.0.0.1:0", "--bucket", demoBucket, "--secret-id", testPair().SecretID, "--secret-key", testPair().SecretKey)
	gateway := startGateway(t, cos.value("address"))
	idle := gateway.memory(t, "VmRSS")
	objects := cosgatev1.NewObjectServiceClient(dial(t, gateway.value("gRPC")))

	begun := time.Now()
	want, err := putLarge(t.Context(), objects, size)
	if err != nil {
		t.Fatal(err)
	}
	up := time.Since(begun)
	afterUp := gateway.memory(t, "VmHWM")
	begun = time.Now()
	if err := getLarge(t.Context(), objects, size, want); err != nil {
		t.Error(err)
	}
	down := time.Since(begun)
	peak := gateway.memory(t, "VmHWM")
	t.Logf("%d GiB: up in %v (%.0f MiB/s), down in %v (%.0f MiB/s); the gateway took %d MiB idle, %d MiB at most up, %d MiB at most in all; COS %d MiB",
		size>>30, up.Round(time.Second), float64(size>>20)/up.Seconds(), down.Round(time.Second), float64(size>>20)/down.Seconds(),
		idle>>20, afterUp>>20, peak>>20, cos.memory(t, "VmHWM")>>20)
	if peak > largeRSS {
		t.Errorf("the gateway took %d MiB, want at most %d", peak>>20, largeRSS>>20)
	}
}

// largeContent fills block with the content of its index: no two blocks are equal.
func largeContent(block []byte, index int64) {
	for at := 0; at < len(block); at += 4096 {
		binary.LittleEndian.PutUint64(block[at:], uint64(index)<<32|uint64(at))
	}
}

// putLarge stores size bytes without announcing the size, and returns their checksum,
// which the response has too.
func putLarge(ctx context.Context, objects cosgatev1.ObjectServiceClient, size int64) (crc uint64, err error) {
	stream, err := objects.PutObject(ctx)
	if err != nil {
		return 0, err
	}
	block := content(largeBlock)
	m := &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: demoBucket, Key: "large"}}
	for index := range size / largeBlock {
		largeContent(block, index)
		crc = crc64ecma.Update(crc, block)
		m.Chunk = &cosgatev1.Chunk{Data: block}
		if err := stream.Send(m); err != nil {
			break // the error is in CloseAndRecv
		}
		m = &cosgatev1.PutObjectRequest{}
	}
	_ = stream.Send(&cosgatev1.PutObjectRequest{Finish: true}) // a failure shows in the response
	resp, err := stream.CloseAndRecv()
	if err != nil {
		return 0, err
	}
	if o := resp.GetObject(); o.GetSize() != size || o.GetCrc64Ecma() != crc {
		return 0, fmt.Errorf("the response has size %d and CRC64 %d, want %d and %d", o.GetSize(), o.GetCrc64Ecma(), size, crc)
	}
	return crc, nil
}

// getLarge reads the object and compares every byte.
func getLarge(ctx context.Context, objects cosgatev1.ObjectServiceClient, size int64, crc uint64) error {
	stream, err := objects.GetObject(ctx, &cosgatev1.GetObjectRequest{Bucket: demoBucket, Key: "large"})
	if err != nil {
		return err
	}
	want := content(largeBlock)
	var read, fresh int64 // the block that want holds, counted from 1
	for {
		m, err := stream.Recv()
		if err == io.EOF { //nolint:errorlint // gRPC promises io.EOF itself
			return fmt.Errorf("the stream ended after %d bytes without a summary", read)
		}
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", read, err)
		}
		for data := m.GetChunk().GetData(); len(data) > 0; {
			if index := read / largeBlock; fresh != index+1 {
				largeContent(want, index)
				fresh = index + 1
			}
			at := read % largeBlock
			n := min(int64(len(data)), largeBlock-at)
			if !bytes.Equal(data[:n], want[at:at+n]) {
				return fmt.Errorf("other bytes came between %d and %d", read, read+n)
			}
			data, read = data[n:], read+n
		}
		if s := m.GetSummary(); s != nil {
			if read != size || s.GetBytes() != size || s.GetCrc64Ecma() != crc || !s.GetCrc64EcmaVerified() {
				return fmt.Errorf("%d bytes came, with %v, want %d with CRC64 %d, verified", read, s, size, crc)
			}
			return nil
		}
	}
}

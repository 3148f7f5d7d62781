package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/cosgate/cosgate/client"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// proofs are the credentials that callers use at one time.
type proofs struct {
	turn        int64 // set by move
	certificate tls.Certificate
	tokens      [3]string // a static one, of the provider with a file, of that with a URL
}

// A load is callers that read and write continuously, with each kind of credential, half
// of them over a new connection for each call.
type load struct {
	addr    string
	servers *tls.Config // what callers trust
	proofs  atomic.Pointer[proofs]
	done    chan struct{}
	callers sync.WaitGroup
	turns   []atomic.Int64 // of the proofs of each caller's last completed call
	calls   atomic.Int64
	failed  atomic.Int64
	dials   atomic.Int64
}

const (
	loadCallers = 32
	// callEvery leaves the machine time for more than connections and copies.
	callEvery  = 40 * time.Millisecond
	pieceEvery = 10 * time.Millisecond // of slow callers
)

func startLoad(t *testing.T, addr string, servers *tls.Config, first proofs) *load {
	t.Helper()
	l := &load{addr: addr, servers: servers, done: make(chan struct{}), turns: make([]atomic.Int64, loadCallers)}
	l.proofs.Store(&first)
	for i := range loadCallers {
		l.callers.Go(func() { l.caller(t, i) })
	}
	return l
}

// stop ends the load after the calls in flight.
func (l *load) stop() {
	close(l.done)
	l.callers.Wait()
}

// move has every caller use p, and waits until no call is left that began before.
func (l *load) move(t *testing.T, p proofs) {
	t.Helper()
	p.turn = l.proofs.Load().turn + 1
	l.proofs.Store(&p)
	eventually(t, func() bool {
		for i := range l.turns {
			if l.turns[i].Load() < p.turn {
				return false
			}
		}
		return true
	})
}

// dial connects with the certificate, if any.
func (l *load) dial(certificate *tls.Certificate) (*client.Client, error) {
	l.dials.Add(1)
	c := l.servers.Clone()
	if certificate != nil {
		c.Certificates = []tls.Certificate{*certificate}
	}
	return client.Dial(l.addr, grpc.WithTransportCredentials(credentials.NewTLS(c)), grpc.WithDisableRetry())
}

// caller makes calls until the load ends. Every fourth proves itself by certificate;
// every second keeps its connection, and so its certificate, forever; every
// eighth is slow, so that its streams are open while things change.
func (l *load) caller(t *testing.T, i int) {
	way, keeps, slow := i%4, i/4%2 == 0, i%8 == 5 || i%16 == 10
	var kept *client.Client
	pause := time.NewTicker(callEvery)
	defer pause.Stop()
	for n := 0; ; n++ {
		select {
		case <-l.done:
			if kept != nil {
				_ = kept.Close()
			}
			return
		case <-pause.C:
		}
		p := l.proofs.Load()
		c := kept
		if c == nil {
			var certificate *tls.Certificate
			if way == 3 {
				certificate = &p.certificate
			}
			var err error
			if c, err = l.dial(certificate); err != nil {
				t.Error(err)
				return
			}
			if keeps {
				kept = c
			}
		}
		ctx := t.Context()
		if way < 3 {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+p.tokens[way])
		}
		l.calls.Add(2)
		if err := exchange(ctx, c, fmt.Sprintf("load/%d", i), n, slow); err != nil {
			l.failed.Add(1)
			t.Errorf("caller %d, call %d: %v", i, n, err)
		}
		if !keeps {
			_ = c.Close()
		}
		l.turns[i].Store(p.turn)
	}
}

// exchange writes an object and reads it back.
func exchange(ctx context.Context, c *client.Client, key string, n int, slow bool) error {
	piece := bytes.Repeat(fmt.Appendf(nil, "%08d", n), 8<<10)
	pieces := 1
	if slow {
		pieces = 32 // more than the gateway buffers before it sends
	}
	size := int64(pieces * len(piece))
	w := c.NewWriter(ctx, &cosgatev1.PutObjectSpec{Bucket: demoBucket, Key: key, Size: &size})
	defer func() { _ = w.Close() }() // after Commit it does nothing
	tick := time.NewTicker(pieceEvery)
	defer tick.Stop()
	for range pieces {
		if slow {
			<-tick.C
		}
		if _, err := w.Write(piece); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	if _, err := w.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	r, err := c.NewReader(ctx, &cosgatev1.GetObjectRequest{Bucket: demoBucket, Key: key})
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() { _ = r.Close() }() // only read
	got := make([]byte, len(piece))
	for i := range pieces {
		if slow {
			<-tick.C
		}
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, piece) {
			return fmt.Errorf("read piece %d, equal: %t: %w", i, bytes.Equal(got, piece), err)
		}
	}
	if _, err := r.Read(got); err != io.EOF { //nolint:errorlint // io.Reader promises it bare
		return fmt.Errorf("read the end: %w", err)
	}
	return nil
}

// bearer is a token that goes with every call.
type bearer string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (bearer) RequireTransportSecurity() bool { return true }

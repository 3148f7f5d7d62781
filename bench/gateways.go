package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/service"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// newCosgate is what `cosgate serve` runs: the same server over the same client, with
// the access log in a file. Only the dialer differs: it connects to the
// upstream, whatever the host name.
func newCosgate(ctx context.Context, s settings) (*runningRole, error) {
	logFile, err := os.OpenFile(s.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(logFile, nil))
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	client, err := cosbackend.New(cosbackend.Config{ //nolint:contextcheck // a client outlives any one context
		Endpoint:    "http://{bucket}.cos.{region}.myqcloud.com",
		Region:      region,
		Credentials: cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: "AKIDbench", SecretKey: "bench"}),
		Transport: cosbackend.TransportOptions{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, s.Target)
		}},
		Logger: log,
	})
	if err != nil {
		return nil, err
	}
	server, err := service.NewServer(service.Deps{ //nolint:contextcheck // calls have contexts of their own
		Profiles: map[string]*cosbackend.Client{"default": client},
		Logger:   log,
	}, service.Options{Reflection: true})
	if err != nil {
		return nil, err
	}
	lis, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var served sync.WaitGroup
	served.Go(func() {
		if err := server.Serve(ctx, lis, 0); err != nil {
			log.ErrorContext(ctx, "serve", slog.Any("error", err))
		}
	})
	return &runningRole{addr: lis.Addr().String(), close: func() {
		cancel()
		served.Wait()
		client.Close()
		_ = logFile.Close()
	}}, nil
}

// newHTTPGateway is a plain reverse proxy in Go: what two hops of HTTP cost.
func newHTTPGateway(ctx context.Context, s settings) (*runningRole, error) {
	target := &url.URL{Scheme: "http", Host: s.Target}
	return serveHTTP(ctx, &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: pooledTransport(),
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}, 0)
}

// pooledTransport keeps as many idle connections as there are callers. With net/http's
// default of two for each host, connecting would be measured instead.
func pooledTransport() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
}

// serveGRPC serves s on a free port until the runningRole is closed.
func serveGRPC(ctx context.Context, impl cosgatev1.ObjectServiceServer) (*runningRole, error) {
	lis, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer()
	cosgatev1.RegisterObjectServiceServer(server, impl)
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(lis) }) // ends with Stop
	return &runningRole{addr: lis.Addr().String(), close: func() {
		server.Stop()
		served.Wait()
	}}, nil
}

// Minimal is the shortest HeadObject written by hand: no signature, no validation, no log,
// no error details.
type minimal struct {
	cosgatev1.UnimplementedObjectServiceServer
	target    string
	transport *http.Transport
}

func newMinimal(ctx context.Context, s settings) (*runningRole, error) {
	return serveGRPC(ctx, &minimal{target: "http://" + s.Target + "/", transport: pooledTransport()})
}

// HeadObject implements the RPC.
func (m *minimal) HeadObject(ctx context.Context, req *cosgatev1.HeadObjectRequest) (*cosgatev1.HeadObjectResponse, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, m.target+req.GetKey(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := m.transport.RoundTrip(r)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, status.Errorf(codes.Unknown, "the response is %s", resp.Status)
	}
	object, err := objectOf(req.GetKey(), resp.Header, resp.ContentLength)
	return &cosgatev1.HeadObjectResponse{Object: object}, err
}

// objectOf makes an object from response headers.
func objectOf(key string, h http.Header, size int64) (*cosgatev1.Object, error) {
	crc, errCRC := strconv.ParseUint(h.Get("x-cos-hash-crc64ecma"), 10, 64)
	modified, errTime := http.ParseTime(h.Get("Last-Modified"))
	return &cosgatev1.Object{
		Bucket:       bucket,
		Key:          key,
		Size:         size,
		Etag:         h.Get("ETag"),
		Crc64Ecma:    &crc,
		LastModified: timestamppb.New(modified),
		StorageClass: "STANDARD",
		Content:      &cosgatev1.ContentHeaders{ContentType: h.Get("Content-Type")},
	}, errors.Join(errCRC, errTime)
}

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"github.com/fullstorydev/grpcui"
	"github.com/fullstorydev/grpcui/standalone"
	"github.com/jhump/protoreflect/desc" //nolint:staticcheck // deprecated, and what grpcui takes
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// buildingPage is held while a page is built: grpcui changes a printer of its own, which
// all pages of a process share.
var buildingPage sync.Mutex //nolint:gochecknoglobals // it guards a global of grpcui

// grpcuiPath is where the page is on the admin port.
const grpcuiPath = "/grpcui/"

// page returns the handler of a page that calls the API from a browser, or nil when it is
// off, and a function that releases its connection.
func (g *gateway) page() (http.Handler, func(), error) {
	if !g.grpcui {
		return nil, func() {}, nil
	}
	files, err := grpcui.AllFilesViaInProcess()
	if err != nil {
		return nil, nil, fmt.Errorf("grpcui: %w", err)
	}
	var services []*desc.ServiceDescriptor
	for _, f := range files {
		if strings.HasPrefix(f.GetPackage(), "cosgate.") || f.GetPackage() == "grpc.health.v1" {
			services = append(services, f.GetServices()...)
		}
	}
	conn, err := grpc.NewClient(ownAddress(g.rpc.Addr()), grpc.WithTransportCredentials(g.ownCredentials()))
	if err != nil {
		return nil, nil, fmt.Errorf("grpcui: %w", err)
	}
	buildingPage.Lock()
	defer buildingPage.Unlock()
	page := standalone.Handler(conn, g.rpc.Addr().String(), grpcui.AllMethodsForServices(services), files)
	return page, func() { _ = conn.Close() }, nil
}

// ownAddress is where this process reaches its own listener.
func ownAddress(listener net.Addr) string {
	at, err := netip.ParseAddrPort(listener.String())
	if err != nil || !at.Addr().IsUnspecified() {
		return listener.String()
	}
	if at.Addr().Is4() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), at.Port()).String()
}

var errNotOurs = errors.New("the certificate is not that of this gateway")

// ownCredentials accept only the certificate of this process, under any name: nobody else
// has its key.
func (g *gateway) ownCredentials() credentials.TransportCredentials {
	if g.certificates == nil {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(&tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is stricter
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !s.PeerCertificates[0].Equal(g.certificates.Leaf()) {
				return errNotOurs
			}
			return nil
		},
	})
}

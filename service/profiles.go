package service

import (
	"fmt"

	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// profiles finds the COS client that a request asks for.
type profiles struct {
	clients  map[string]*cosbackend.Client
	fallback string // the profile of requests that name none
}

func (p profiles) client(name string) (*cosbackend.Client, error) {
	if name == "" {
		name = p.fallback
	}
	c, ok := p.clients[name]
	if !ok {
		return nil, cosstatus.FailField(codes.NotFound, cosstatus.ReasonProfileNotFound, "profile",
			fmt.Sprintf("there is no profile %q; leave it empty for the default, or ask the gateway's operators for its profiles", name))
	}
	return c, nil
}

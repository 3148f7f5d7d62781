package service

import (
	"cmp"
	"fmt"

	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

// profiles finds the COS client of a request.
type profiles struct {
	clients        map[string]*cosbackend.Client
	defaultProfile string              // of requests that name none
	callbackHosts  map[string][]string // by profile
}

// newProfiles checks that the profiles of deps exist.
func newProfiles(deps Deps) (profiles, error) {
	p := profiles{clients: deps.Profiles, defaultProfile: deps.DefaultProfile, callbackHosts: deps.CallbackHosts}
	if p.defaultProfile == "" && len(deps.Profiles) == 1 {
		for name := range deps.Profiles {
			p.defaultProfile = name
		}
	}
	if _, ok := deps.Profiles[p.defaultProfile]; !ok {
		return profiles{}, fmt.Errorf("service: default profile %q is not among the profiles", p.defaultProfile)
	}
	for name := range deps.CallerCredentials {
		if _, ok := deps.Profiles[name]; !ok {
			return profiles{}, fmt.Errorf("service: profile %q, which is to accept callers' credentials, is not among the profiles", name)
		}
	}
	for name, hosts := range deps.CallbackHosts {
		if err := CheckCallbackHosts(hosts); err != nil {
			return profiles{}, fmt.Errorf("service: hosts for callbacks of profile %q: %w", name, err)
		}
	}
	return p, nil
}

// narrowed reports whether a profile signs URLs and forms with narrowed credentials. One
// that does not exist signs nothing.
func (p profiles) narrowed(name string) bool {
	c, ok := p.clients[name]
	return !ok || c.SignsNarrowed()
}

func (p profiles) client(requested string) (*cosbackend.Client, error) {
	name := cmp.Or(requested, p.defaultProfile)
	c, ok := p.clients[name]
	if !ok {
		return nil, cosstatus.FailField(codes.NotFound, cosstatus.ReasonProfileNotFound, "profile",
			fmt.Sprintf("there is no profile %q; leave it empty for the default, or ask the gateway's operators for its profiles", name))
	}
	return c, nil
}

package config

import (
	"time"

	"github.com/cosgate/cosgate/cosbackend"
)

// Signing says how presigned URLs and forms are signed, and where temporary credentials
// for callers come from.
type Signing struct {
	// narrowed: with temporary credentials of STS that allow what the URL or form is for,
	// and nothing else; where STS gives none, nothing is signed. own_keys: with the
	// profile's own credentials. COS then takes headers and parameters that were added
	// to a URL, with all rights of the profile.
	Mode string `yaml:"mode" default:"narrowed" enum:"narrowed,own_keys"`
	// The role that is narrowed, which the profile's credentials may assume. Without it
	// STS narrows the role of assume_role, or long-lived keys themselves; credentials
	// of metadata, and others that are temporary, need it.
	RoleARN string `yaml:"role_arn,omitempty"`
	// A value that the trust policy of role_arn may ask for.
	ExternalID string `yaml:"external_id,omitempty"`
	// The longest lifetime of what is signed with temporary credentials, and of those
	// that callers get. At most 12h with a role; STS gives the keys of an account 2h.
	MaxDuration Duration `yaml:"max_duration" default:"2h" min:"1m" max:"36h"`
	// Where STS is. Without it https://sts.tencentcloudapi.com, through proxy if that is
	// set. `cosgate cos` is STS as well: http://sts.localhost for an endpoint under
	// localhost, and http://sts.tencentcloudapi.com when insecure is true, there is a proxy
	// and endpoint is http.
	STSEndpoint string `yaml:"sts_endpoint,omitempty"`
	// The region in which STS is called.
	STSRegion string `yaml:"sts_region" default:"ap-guangzhou"`
}

// maxRoleDuration is how long STS gives credentials for a role.
const maxRoleDuration = 12 * time.Hour

// check finds what contradicts the credentials of the profile.
func (s *Signing) check(c Credentials, r *report) {
	if s == nil {
		return
	}
	if s.Mode != signOwnKeys && c.Metadata != nil && s.RoleARN == "" {
		r.add("mode", "is narrowed, and STS does not narrow the temporary credentials of metadata",
			"set role_arn to a role that they may assume, or mode: own_keys")
	}
	if s.ExternalID != "" && s.RoleARN == "" {
		r.add("external_id", "is set without role_arn", "set role_arn, or the external_id of assume_role")
	}
	if c.AssumeRole != nil && s.RoleARN == "" && time.Duration(s.MaxDuration) > maxRoleDuration {
		r.add("max_duration", "is above 12h, the most that STS gives for a role", "use at most 12h")
	}
}

const signOwnKeys = "own_keys"

// options are those of cosbackend. A section that is not there has the defaults.
func (s *Signing) options(insecure bool) cosbackend.SigningOptions {
	if s == nil {
		return cosbackend.SigningOptions{Insecure: insecure}
	}
	o := cosbackend.SigningOptions{
		RoleARN: s.RoleARN, ExternalID: s.ExternalID,
		MaxDuration: time.Duration(s.MaxDuration), STSEndpoint: s.STSEndpoint, STSRegion: s.STSRegion, Insecure: insecure,
	}
	if s.Mode == signOwnKeys {
		o.Mode = cosbackend.SignWithOwnKeys
	}
	return o
}

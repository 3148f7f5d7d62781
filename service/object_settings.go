package service

import (
	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// settings converts what a write says about its object besides attributes.
func settings(a *cosgatev1.ObjectAttributes) cosbackend.Settings {
	return cosbackend.Settings{
		ACL:        a.GetPresetAcl(),
		Grants:     perhaps(a.GetGrants(), grantHeaders),
		Tags:       mapped(a.GetTags(), tag),
		Encryption: encryption(a.GetEncryption()),
		Retention:  retention(a.GetRetention()),
	}
}

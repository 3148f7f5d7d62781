package service

import (
	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// settings converts the ACL, tags, encryption and retention of a write.
func settings(a *cosgatev1.ObjectAttributes) cosbackend.Settings {
	return cosbackend.Settings{
		ACL:        a.GetPresetAcl(),
		Grants:     mapOptional(a.GetGrants(), grantHeaders),
		Tags:       mapSlice(a.GetTags(), tag),
		Encryption: encryption(a.GetEncryption()),
		Retention:  retention(a.GetRetention()),
	}
}

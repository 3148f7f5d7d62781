package main

import (
	"context"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// temporaryFlags name fixed temporary credentials of an embedded COS.
type temporaryFlags struct {
	TemporaryCredentials []string `placeholder:"FILE" sep:"none" help:"Accept the temporary key pair of this file besides the permanent one, as if STS had issued it: lines secret_id=, secret_key=, security_token=, and expires= if it ends. Requests must have the token. May be repeated."`
}

// read returns the pairs of the files. An error names the file and none of what is in it.
func (f temporaryFlags) read(ctx context.Context) ([]embedded.Credential, error) {
	var pairs []embedded.Credential
	for _, file := range f.TemporaryCredentials {
		provider, err := cosbackend.FileCredentials(file, nil)
		if err != nil {
			return nil, usageErrorf("--temporary-credentials: %s", err)
		}
		c, err := provider.Credentials(ctx)
		if err != nil {
			return nil, usageErrorf("--temporary-credentials %s: %s", file, err)
		}
		if c.Token == "" {
			return nil, usageErrorf("--temporary-credentials %s has no security_token=; a permanent pair comes from --secret-id and COSGATE_COS_SECRET_KEY", file)
		}
		pairs = append(pairs, embedded.Credential{SecretID: c.SecretID, SecretKey: c.SecretKey, Token: c.Token, Expires: c.Expires})
	}
	return pairs, nil
}

package embedded

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// Credential is the first pair of the options, or the server's own when they have none:
// a random pair, which is kept in the file CREDENTIALS of the data folder, or for as long
// as the server lives when everything is in memory.
func (s *Server) Credential() Credential { return s.opts.Credentials[0] }

// ownCredential returns the pair of a data folder. The file has the form that credential
// files of the gateway have.
func ownCredential(st *store.Store) (Credential, error) {
	text, err := st.Credentials(func() string {
		return "secret_id=AKID" + rand.Text() + "\nsecret_key=" + rand.Text() + "\n"
	})
	if err != nil {
		return Credential{}, fmt.Errorf("embedded: %w", err)
	}
	var c Credential
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "secret_id":
			c.SecretID = value
		case "secret_key":
			c.SecretKey = value
		}
	}
	if c.SecretID == "" || c.SecretKey == "" {
		return Credential{}, fmt.Errorf("embedded: CREDENTIALS in the data folder has no secret_id and secret_key; remove it, and a new pair is made")
	}
	return c, nil
}

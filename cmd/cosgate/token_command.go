package main

import (
	"fmt"

	"github.com/cosgate/cosgate/internal/identity"
)

type tokenCommand struct {
	Name   string   `arg:"" help:"Who will use the token: letters, digits and ._-, at most 64."`
	Groups []string `placeholder:"GROUP" help:"The groups its holder is in."`
}

// Help is printed below the flags.
func (tokenCommand) Help() string {
	return `The token goes to its holder, who sends it in the metadata "authorization: Bearer TOKEN". The line goes into the file that authentication.tokens names; nobody can make the token of it. Take the line away to withdraw the token: that is noticed within a second.`
}

// Run makes a token and prints it once.
func (c tokenCommand) Run(out streams) error {
	token, line, err := identity.NewToken(c.Name, c.Groups...)
	if err != nil {
		return usageErrorf("%s", err)
	}
	_, err = fmt.Fprintf(out.stdout, "token  %s\nline   %s\n", token, line)
	return err
}

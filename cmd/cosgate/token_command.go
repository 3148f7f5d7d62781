package main

import (
	"fmt"

	"github.com/cosgate/cosgate/internal/identity"
)

type tokenCommand struct {
	Name   string   `arg:"" help:"The name of the caller: letters, digits and ._-, at most 64."`
	Groups []string `placeholder:"GROUP" help:"The groups of the caller."`
}

// Help is printed below the flags.
func (tokenCommand) Help() string {
	return `Give the token to the caller, who sends it in the metadata "authorization: Bearer TOKEN". Add the line to the file that authentication.tokens names; the token cannot be computed from it. Remove the line to withdraw the token, which takes effect within three seconds of the last change of the file.`
}

// Run creates a token and prints it once.
func (c tokenCommand) Run(out streams) error {
	token, line, err := identity.NewToken(c.Name, c.Groups...)
	if err != nil {
		return usageErrorf("%s", err)
	}
	_, err = fmt.Fprintf(out.stdout, "token  %s\nline   %s\n", token, line)
	return err
}

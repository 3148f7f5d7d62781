package main

import (
	_ "embed"
	"io"
)

// notices has the licences of what is linked into the binary, as they ask for; `make
// notices` writes it.
//
//go:embed notices.txt
var notices string

type licensesCommand struct{}

// Run prints the licences and notices.
func (licensesCommand) Run(out streams) error {
	_, err := io.WriteString(out.stdout, notices)
	return err
}

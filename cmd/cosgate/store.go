package main

import (
	"errors"
	"fmt"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	"github.com/cosgate/cosgate/cosbackend/embedded/store"
)

// storeFlags say where an embedded COS keeps what it is given.
type storeFlags struct {
	Data   string `placeholder:"DIR" default:"./cosgate-data" xor:"store" help:"Keep buckets and objects in this folder; it is made when absent, and one process at a time may use it. Default: ${default}."`
	Memory bool   `xor:"store" help:"Keep everything in memory, at most 1 GiB, and lose it at the end."`
}

// dir is what embedded.Options take: the empty string means memory.
func (f storeFlags) dir() string {
	if f.Memory {
		return ""
	}
	return f.Data
}

// String tells a reader where the data is.
func (f storeFlags) String() string {
	if f.Memory {
		return "in memory, lost at the end"
	}
	return "in " + f.Data
}

// openEmbedded starts an embedded COS without any door on the network.
func openEmbedded(f storeFlags, opts embedded.Options) (*embedded.Server, error) {
	opts.Dir = f.dir()
	server, err := embedded.New(opts)
	if locked, ok := errors.AsType[*store.LockedError](err); ok {
		return nil, fmt.Errorf("--data %s is in use by process %d; stop that one, or choose another folder", f.Data, locked.PID)
	}
	if err != nil {
		return nil, fmt.Errorf("--data %s: %w", f.Data, err)
	}
	return server, nil
}

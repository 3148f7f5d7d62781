package main

import (
	"errors"
	"fmt"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// storeFlags say where an embedded COS keeps what it is given.
type storeFlags struct {
	Data   string `placeholder:"DIR" xor:"store" help:"Keep buckets and objects in this folder; it is made when absent, and one process at a time may use it. Default: ./cosgate-data."`
	Memory bool   `xor:"store" help:"Keep everything in memory, at most 1 GiB, and lose it at the end."`
}

// defaultData stands in the help as well: a default that kong knew of would
// count as --data beside --memory.
const defaultData = "./cosgate-data"

// dir is what embedded.Options take: the empty string means memory.
func (f storeFlags) dir() string {
	if f.Memory || f.Data != "" {
		return f.Data
	}
	return defaultData
}

// String tells a reader where the data is.
func (f storeFlags) String() string {
	if f.Memory {
		return "in memory, lost at the end"
	}
	return "in " + f.dir()
}

// openEmbedded starts an embedded COS without any door on the network.
func openEmbedded(f storeFlags, opts embedded.Options) (*embedded.Server, error) {
	opts.Dir = f.dir()
	server, err := embedded.New(opts)
	if locked, ok := errors.AsType[*embedded.LockedError](err); ok {
		return nil, fmt.Errorf("--data %s is in use by process %d; stop that one, or choose another folder", opts.Dir, locked.PID)
	}
	if err != nil && f.Memory {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("--data %s: %w", opts.Dir, err)
	}
	return server, nil
}

package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// storeFlags say where an embedded COS keeps its data.
type storeFlags struct {
	Data   string `placeholder:"DIR" xor:"store" help:"Keep buckets and objects in this folder; it is created when absent, and only one process at a time can use it. Default: ./cosgate-data."`
	Memory bool   `xor:"store" help:"Keep everything in memory, at most 1 GiB, and lose it at the end."`
}

// defaultData is in the help as well: with a default that kong knows, --memory would
// conflict with it.
const defaultData = "./cosgate-data"

// dir is the folder for embedded.Options; empty means memory.
func (f storeFlags) dir() string {
	if f.Memory || f.Data != "" {
		return f.Data
	}
	return defaultData
}

// String says where the data is.
func (f storeFlags) String() string {
	if f.Memory {
		return "in memory, lost at the end"
	}
	return "in " + f.dir()
}

// keptCredential says where the key pair is kept that an embedded COS makes for itself.
func (f storeFlags) keptCredential() string {
	if f.Memory {
		return "random, lost at the end"
	}
	return "random, kept in " + filepath.Join(f.dir(), "CREDENTIALS")
}

// openEmbedded starts an embedded COS without a network listener.
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

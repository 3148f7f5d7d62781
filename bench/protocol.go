package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
)

// The names of the roles.
const (
	roleUpstream = "upstream"
	roleCosgate  = "cosgate"
	roleHTTP     = "httpgw"
	roleNaive    = "naive"
	roleReusing  = "naive-one-buffer"
	roleMinimal  = "minimal"
	roleClient   = "client"
)

// settings are what a role is started with, as JSON in its second argument.
type settings struct {
	// Target is the address that a gateway or a client calls.
	Target string
	// Client is the kind of a client.
	Client string
	Conns  int
	Chunk  int
	// SocketBuffer bounds what the kernel keeps for a connection of the upstream;
	// 0 leaves it to the kernel.
	SocketBuffer int
	// Log is the file that a gateway logs to.
	Log string
}

// The operations. Every role knows usage, reset-peak and the profiles.
const (
	opUsage        = "usage"
	opResetPeak    = "reset-peak"
	opProfile      = "profile"
	opProfileEnd   = "profile-end"
	opTransfer     = "transfer"
	opCalls        = "calls"
	opHold         = "hold"
	opHoldProgress = "hold-progress"
	opHoldEnd      = "hold-end"
)

// A command is a line that the driver writes to the standard input of a role.
type command struct {
	Op   string
	Path string `json:",omitempty"` // of a profile, without its ending
	Work work   `json:"work"`
}

// Work is what a client is to do.
type work struct {
	Method  string // measureGet or measurePut
	Key     string
	Size    int64
	Streams int
	Calls   int
	Rate    int64 // bytes a second of each stream that is held
	Verify  bool  // compare the content
}

// A reply is the line that a role responds with. The first one is written without a
// command, when the role is ready.
type reply struct {
	Err   string `json:",omitempty"`
	Addr  string `json:",omitempty"` // where the role listens
	Usage usage  `json:"usage"`
	Done  done   `json:"done"`
}

// Done is what a client did.
type done struct {
	Seconds  float64
	Bytes    int64
	Messages int64
	Calls    int
	P50, P99 float64 // seconds
	Failures int
	Failure  string // the first one
}

// A runningRole is what a role consists of in its process.
type runningRole struct {
	addr string
	// handle executes the operations of this role only. Nil has none.
	handle func(context.Context, command) (done, error)
	close  func()
}

// playRole runs a role until its standard input ends.
func playRole(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("%w: a role needs a name and settings", errUsage)
	}
	var s settings
	if err := json.Unmarshal([]byte(args[1]), &s); err != nil {
		return fmt.Errorf("settings of a role: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := newRole(ctx, args[0], s)
	if err != nil {
		return fmt.Errorf("start %s: %w", args[0], err)
	}
	defer p.close()
	return p.serveCommands(ctx, json.NewDecoder(stdin), json.NewEncoder(stdout))
}

func newRole(ctx context.Context, role string, s settings) (*runningRole, error) {
	switch role {
	case roleUpstream:
		return newUpstream(ctx, s)
	case roleCosgate:
		return newCosgate(ctx, s)
	case roleHTTP:
		return newHTTPGateway(ctx, s)
	case roleNaive:
		return newNaive(ctx, s, false)
	case roleReusing:
		return newNaive(ctx, s, true)
	case roleMinimal:
		return newMinimal(ctx, s)
	case roleClient:
		return newClientRole(s)
	}
	return nil, fmt.Errorf("%w: role %q", errUsage, role)
}

func (p *runningRole) serveCommands(ctx context.Context, in *json.Decoder, out *json.Encoder) error {
	if err := out.Encode(reply{Addr: p.addr}); err != nil {
		return err
	}
	var prof profile
	defer prof.end() //nolint:errcheck // the driver is gone
	for {
		var c command
		if err := in.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r, err := p.execute(ctx, c, &prof)
		if err != nil {
			r.Err = err.Error()
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
}

func (p *runningRole) execute(ctx context.Context, c command, prof *profile) (r reply, err error) {
	switch c.Op {
	case opUsage:
		r.Usage, err = readUsage()
	case opResetPeak:
		err = resetPeak()
	case opProfile:
		err = prof.begin(c.Path)
	case opProfileEnd:
		err = prof.end()
	default:
		if p.handle == nil {
			return r, fmt.Errorf("%w: operation %q", errUsage, c.Op)
		}
		r.Done, err = p.handle(ctx, c)
	}
	return r, err
}

// A profile writes CPU and allocation profiles.
type profile struct {
	path string
	cpu  *os.File
}

func (p *profile) begin(path string) error {
	f, err := os.Create(filepath.Clean(path + ".cpu.pprof"))
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	p.path, p.cpu = path, f
	return nil
}

func (p *profile) end() error {
	if p.cpu == nil {
		return nil
	}
	pprof.StopCPUProfile()
	err := p.cpu.Close()
	p.cpu = nil
	f, createErr := os.Create(filepath.Clean(p.path + ".allocs.pprof"))
	if createErr != nil {
		return errors.Join(err, createErr)
	}
	runtime.GC() // the profile ends at the last collection
	return errors.Join(err, pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}

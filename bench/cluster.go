package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// A variant is one way from a client to the objects.
type variant struct {
	name    string
	gateway string // a role; "" is none
	client  string // a kind of client
}

// The variants, as tables show them.
const (
	nameDirect  = "direct"
	nameHTTP    = "httpgw"
	nameNaive   = "naive"
	nameReusing = "naive, one buffer"
	nameMinimal = "minimal"
	nameCosgate = "cosgate"
	nameTuned   = "cosgate, tuned client"
)

func direct() variant         { return variant{nameDirect, "", clientHTTP} }
func plainHTTP() variant      { return variant{nameHTTP, roleHTTP, clientHTTP} }
func naiveGateway() variant   { return variant{nameNaive, roleNaive, clientOrdinary} }
func naiveOneBuffer() variant { return variant{nameReusing, roleReusing, clientOrdinary} }
func minimalGateway() variant { return variant{nameMinimal, roleMinimal, clientOrdinary} }
func cosgate() variant        { return variant{nameCosgate, roleCosgate, clientOrdinary} }
func tuned() variant          { return variant{nameTuned, roleCosgate, clientTuned} }

func transferVariants(method string) []variant {
	if method == measureGet {
		return []variant{direct(), plainHTTP(), naiveGateway(), naiveOneBuffer(), cosgate(), tuned()}
	}
	return []variant{direct(), plainHTTP(), naiveGateway(), cosgate(), tuned()}
}

func callVariants() []variant {
	return []variant{direct(), plainHTTP(), naiveGateway(), minimalGateway(), cosgate()}
}

// A cluster is one upstream with the gateways and clients of some variants. Variants
// share a gateway of the same role; each has a client of its own.
type cluster struct {
	upstream *process
	gateways map[string]*process // by role
	clients  map[string]*process // by name of the variant
}

// clusterSettings are what differs between clusters.
type clusterSettings struct {
	socketBuffer int
	conns        int
	chunk        int
	dir          string // of logs
}

// startCluster starts the processes of the variants and lets each variant move one
// small object, compared byte for byte, so that only working variants are measured.
func startCluster(ctx context.Context, variants []variant, cs clusterSettings, stderr io.Writer) (*cluster, error) {
	c := &cluster{gateways: make(map[string]*process), clients: make(map[string]*process)}
	if err := c.start(ctx, variants, cs, stderr); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	for _, v := range variants {
		if err := c.checkVariant(v); err != nil {
			return nil, errors.Join(fmt.Errorf("%s does not work: %w", v.name, err), c.stop())
		}
	}
	return c, nil
}

func (c *cluster) start(ctx context.Context, variants []variant, cs clusterSettings, stderr io.Writer) (err error) {
	c.upstream, err = start(ctx, roleUpstream, settings{SocketBuffer: cs.socketBuffer}, stderr)
	if err != nil {
		return err
	}
	for _, v := range variants {
		target := c.upstream.addr
		if v.gateway != "" {
			if c.gateways[v.gateway] == nil {
				gateway, err := start(ctx, v.gateway, settings{
					Target: target, Log: filepath.Join(cs.dir, v.gateway+".log"),
				}, stderr)
				if err != nil {
					return err
				}
				c.gateways[v.gateway] = gateway
			}
			target = c.gateways[v.gateway].addr
		}
		client, err := start(ctx, roleClient, settings{
			Target: target, Client: v.client, Conns: cs.conns, Chunk: cs.chunk,
		}, stderr)
		if err != nil {
			return err
		}
		c.clients[v.name] = client
	}
	return nil
}

// checkSize is several messages of every variant, and not a multiple of one.
const checkSize = 2<<20 + 1

func (c *cluster) checkVariant(v variant) error {
	w := work{Streams: 1, Size: checkSize, Verify: true, Key: objectKey(plainKey, checkSize), Calls: 1}
	if _, err := c.clients[v.name].do(opCalls, w); err != nil {
		return err
	}
	if v.gateway == roleMinimal {
		return nil // has HeadObject only
	}
	w.Method = measureGet
	if _, err := c.clients[v.name].do(opTransfer, w); err != nil {
		return err
	}
	w.Method, w.Key = measurePut, objectKey(verifyKey, checkSize)
	_, err := c.clients[v.name].do(opTransfer, w)
	return err
}

// stop ends all processes, those that call before those that are called.
func (c *cluster) stop() error {
	var errs []error
	for _, p := range c.clients {
		errs = append(errs, p.stop())
	}
	for _, p := range c.gateways {
		errs = append(errs, p.stop())
	}
	if c.upstream != nil {
		errs = append(errs, c.upstream.stop())
	}
	return errors.Join(errs...)
}

// A cost is what an operation of a variant did and used.
type cost struct {
	done
	gateway, upstream, client usage // what was used meanwhile; Peak and RSS at the end
}

// run runs an operation of a variant and reads what each process used.
func (c *cluster) run(v variant, op string, w work) (cost, error) {
	processes := []*process{c.upstream, c.clients[v.name]}
	if v.gateway != "" {
		processes = append(processes, c.gateways[v.gateway])
	}
	if v.gateway != "" {
		if _, err := c.gateways[v.gateway].ask(command{Op: opResetPeak}); err != nil {
			return cost{}, err
		}
	}
	before, err := usages(processes)
	if err != nil {
		return cost{}, err
	}
	result, err := c.clients[v.name].do(op, w)
	if err != nil {
		return cost{}, fmt.Errorf("%s: %w", v.name, err)
	}
	after, err := usages(processes)
	if err != nil {
		return cost{}, err
	}
	k := cost{done: result, upstream: after[0].since(before[0]), client: after[1].since(before[1])}
	if v.gateway != "" {
		k.gateway = after[2].since(before[2])
	}
	return k, nil
}

func usages(processes []*process) ([]usage, error) {
	out := make([]usage, len(processes))
	for i, p := range processes {
		var err error
		if out[i], err = p.usage(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// since is what was used after before.
func (u usage) since(before usage) usage {
	u.CPU -= before.CPU
	u.Allocs -= before.Allocs
	u.AllocBytes -= before.AllocBytes
	return u
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// options are the values of the flags.
type options struct {
	rounds      int
	size        int64
	streams     []int
	chunk       int
	conns       int
	callers     int
	calls       int
	slow        int
	slowNaive   int
	slowRate    int64
	hold        time.Duration
	measures    []string
	markdown    string
	profiles    string
	profileSize int64
}

var errUsage = errors.New("wrong usage; see -help")

// The values of -only.
const (
	measureGet    = "get"
	measurePut    = "put"
	measureHead   = "head"
	measureMemory = "memory"
)

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	var quick bool
	var sizeMiB, profileMiB int64
	var only string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&quick, "quick", false, "3 rounds of 64 MiB and 200 slow callers: under two minutes, for a first look only")
	f.IntVar(&o.rounds, "rounds", 9, "`rounds`, in each of which every variant runs once")
	f.Int64Var(&sizeMiB, "size", 256, "`MiB` of an object")
	f.IntVar(&o.chunk, "chunk", 1<<20, "`bytes` of content in a message of an upload")
	f.IntVar(&o.conns, "conns", 1, "gRPC `connections` of each client for transfers and calls")
	f.IntVar(&o.callers, "callers", 64, "`callers` of HeadObject at a time")
	f.IntVar(&o.calls, "calls", 20_000, "HeadObject `calls` in a round")
	f.IntVar(&o.slow, "slow", 1000, "slow `callers` whose memory is measured")
	f.IntVar(&o.slowNaive, "slow-naive", 250, "the same for the naive gateway, which needs several GiB for 1000")
	f.Int64Var(&o.slowRate, "slow-rate", 64<<10, "`bytes` a second that a slow caller moves")
	f.DurationVar(&o.hold, "hold", 10*time.Second, "how long slow callers are watched")
	f.StringVar(&only, "only", "get,put,head,memory", "what to measure, as a `list`")
	f.StringVar(&o.markdown, "markdown", "", "also write the tables as Markdown to this `file`")
	f.StringVar(&o.profiles, "profile", "", "write profiles of the gateways into this `folder`, in runs of their own after the measured ones")
	f.Int64Var(&profileMiB, "profile-size", 4096, "`MiB` to move while a profile is taken")
	if err := f.Parse(args); err != nil {
		return options{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if quick {
		applyQuick(&o, &sizeMiB, given)
	}
	o.size, o.profileSize = sizeMiB<<20, profileMiB<<20
	o.streams = []int{1, 8}
	o.measures = strings.Split(only, ",")
	return o, o.check(f.NArg())
}

// applyQuick lowers what is not set by another flag.
func applyQuick(o *options, sizeMiB *int64, given map[string]bool) {
	if !given["rounds"] {
		o.rounds = 3
	}
	if !given["size"] {
		*sizeMiB = 64
	}
	if !given["calls"] {
		o.calls = 5000
	}
	if !given["slow"] {
		o.slow = 200
	}
	if !given["slow-naive"] {
		o.slowNaive = 50
	}
	if !given["hold"] {
		o.hold = 3 * time.Second
	}
}

func (o options) check(rest int) error {
	known := []string{measureGet, measurePut, measureHead, measureMemory}
	for _, m := range o.measures {
		if !slices.Contains(known, m) {
			return fmt.Errorf("%w: -only accepts %s, not %q", errUsage, strings.Join(known, ", "), m)
		}
	}
	switch {
	case rest > 0:
		return fmt.Errorf("%w: no arguments are expected", errUsage)
	case o.rounds < 1 || o.size < 1 || o.conns < 1 || o.callers < 1 || o.calls < o.callers || o.slowRate < 1:
		return fmt.Errorf("%w: a number is too small", errUsage)
	case o.chunk < 1 || o.chunk > maxChunk:
		return fmt.Errorf("%w: -chunk must be from 1 to %d", errUsage, maxChunk)
	}
	return nil
}

func (o options) wants(measure string) bool { return slices.Contains(o.measures, measure) }

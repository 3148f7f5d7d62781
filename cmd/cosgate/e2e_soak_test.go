//go:build e2e

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

const (
	soakWorkers = 8
	// In a hundred operations, about one meets a fault of COS, and three a caller who
	// is killed or gives up.
	soakFaults, soakKills, soakCancels = 1, 2, 1
	soakDeadline                       = 40 * time.Second // longer than a read waits for a silent COS
)

// TestE2ESoak loads the real gateway for a minute (COSGATE_SOAK=10m for longer; 10
// seconds with -short) with everything that moves content. Callers are killed at random
// and COS fails at random. What was acknowledged must be there at the end, nothing
// else may be, and the gateway must be as large as it was when it was warm.
func TestE2ESoak(t *testing.T) {
	last := time.Minute
	if testing.Short() {
		last = 10 * time.Second
	}
	if text := os.Getenv("COSGATE_SOAK"); text != "" {
		var err error
		if last, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	s := openSoak(t, seed)
	s.round(t, last/6, false)
	warm := s.settled(t, residue{})
	sizes := s.gateway.watchMemory()
	s.round(t, last, true)
	memory := sizes()
	end := s.settled(t, warm)
	s.verify(t)
	s.report(t, seed, warm, end, memory)
}

// A soak is a gateway in a process of its own, in front of a COS in this process whose
// faults can be set.
type soak struct {
	cos     *embedded.Server
	gateway *process
	seed    uint64
	data    []byte // all content is cut from it
	workers []*soakWorker

	done, failed, faults, kills, cancels atomic.Int64
}

func openSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	cos, gateway := startBefore(t, embedded.Options{})
	s := &soak{cos: cos, gateway: gateway, seed: seed, data: content(24 << 20)}
	for i := range soakWorkers {
		s.workers = append(s.workers, &soakWorker{
			soak: s, number: i, random: rand.New(rand.NewPCG(seed, uint64(i))),
			objects: make(map[string]record), logs: make(map[string]record), ofParts: make(map[string]record),
		})
	}
	return s
}

// round lets all workers work for some time.
func (s *soak) round(t *testing.T, d time.Duration, trouble bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var all sync.WaitGroup
	for _, w := range s.workers {
		all.Go(func() {
			w.connect(t)
			defer w.disconnect()
			for ctx.Err() == nil && !t.Failed() {
				w.step(t, trouble)
			}
		})
	}
	all.Wait()
}

// residue is what the gateway holds while nobody calls it, without the connections to
// COS that it keeps for later.
type residue struct{ goroutines, descriptors int }

var (
	goroutineTotal = regexp.MustCompile(`^goroutine profile: total (\d+)`)
	goroutineGroup = regexp.MustCompile(`^(\d+) @`)
)

func (s *soak) residue(t *testing.T) residue {
	t.Helper()
	_, text := get(t, s.gateway, "/debug/pprof/goroutine?debug=1")
	total, _ := strconv.Atoi(goroutineTotal.FindStringSubmatch(text)[1])
	kept := 0
	for group := range strings.SplitSeq(text, "\n\n") {
		head := goroutineGroup.FindStringSubmatch(group[strings.Index(group, "\n")+1:])
		if head == nil {
			head = goroutineGroup.FindStringSubmatch(group)
		}
		if head == nil {
			continue
		}
		n, _ := strconv.Atoi(head[1])
		switch {
		case strings.Contains(group, "(*persistConn).readLoop"):
			kept += n
			total -= n
		case strings.Contains(group, "(*persistConn).writeLoop"):
			total -= n
		}
	}
	fds, err := os.ReadDir("/proc/" + s.gateway.pid() + "/fd")
	if err != nil {
		t.Skipf("this system tells nothing of a process's descriptors: %v", err)
	}
	return residue{goroutines: total, descriptors: len(fds) - kept}
}

// settled waits until the gateway holds no more than limit, for a bounded time. Without a
// limit it waits until what it holds stays the same.
func (s *soak) settled(t *testing.T, limit residue) residue {
	t.Helper()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	before := residue{}
	for range 80 {
		<-tick.C
		now := s.residue(t)
		small := now.goroutines <= limit.goroutines && now.descriptors <= limit.descriptors
		if small || limit == (residue{}) && now == before {
			return now
		}
		before = now
	}
	return before
}

func median(sizes []int64) int64 {
	sorted := slices.Sorted(slices.Values(sizes))
	return sorted[len(sorted)/2]
}

// report prints what happened and checks the gateway's size.
func (s *soak) report(t *testing.T, seed uint64, warm, end residue, memory []int64) {
	t.Helper()
	if len(memory) < 8 {
		t.Fatalf("the gateway's memory was read %d times only", len(memory))
	}
	quarter := len(memory) / 4
	early, late := median(memory[quarter:2*quarter]), median(memory[3*quarter:])
	t.Logf("seed %d: %d operations acknowledged, %d failed; %d faults, %d callers killed, %d gave up", seed,
		s.done.Load(), s.failed.Load(), s.faults.Load(), s.kills.Load(), s.cancels.Load())
	t.Logf("the gateway: %d goroutines and %d descriptors warm, %d and %d at the end; %d MiB in the second quarter, %d MiB in the last, %d MiB at most",
		warm.goroutines, warm.descriptors, end.goroutines, end.descriptors, early>>20, late>>20, slices.Max(memory)>>20)
	if end.goroutines > warm.goroutines || end.descriptors > warm.descriptors {
		t.Errorf("the gateway holds %+v at the end, and held %+v when it was warm", end, warm)
	}
	if late > early+early/4+16<<20 {
		t.Errorf("the gateway grew from %d MiB to %d MiB", early>>20, late>>20)
	}
	if s.done.Load() < 100 || s.faults.Load() == 0 || s.kills.Load() == 0 || s.cancels.Load() == 0 {
		t.Error("too little happened to prove anything")
	}
}

// verify reads every object of every worker, and looks for uploads left behind.
func (s *soak) verify(t *testing.T) {
	t.Helper()
	var all sync.WaitGroup
	for _, w := range s.workers {
		all.Go(func() {
			w.connect(t)
			defer w.disconnect()
			for _, of := range []map[string]record{w.objects, w.logs, w.ofParts} {
				for key, r := range of {
					w.check(t, key, r)
				}
			}
		})
	}
	all.Wait()
	conn := dial(t, s.gateway.value("gRPC"))
	list, err := cosgatev1.NewMultipartServiceClient(conn).ListMultipartUploads(t.Context(), &cosgatev1.ListMultipartUploadsRequest{Bucket: demoBucket, Prefix: "put/"})
	if err != nil || len(list.GetUploads()) > 0 {
		t.Errorf("PutObject left uploads behind: %v, %v; the gateway's log: %s", list.GetUploads(), err, s.gateway.stderr.String())
	}
}

// A record is what a key may hold: what was acknowledged last.
type record struct {
	crc  uint64
	size int64
}

// check reads an object and compares it with its record.
func (w *soakWorker) check(t *testing.T, key string, want record) {
	ctx, cancel := context.WithTimeout(t.Context(), soakDeadline)
	defer cancel()
	got, err := w.read(ctx, key)
	if err != nil || got != want {
		t.Errorf("worker %d: %s is %+v, %v, want %+v", w.number, key, got, err, want)
	}
}

// soakFault is a fault of COS during one operation of the gateway. Initiating an upload is
// spared: when its response is lost, an upload may be left behind.
func soakFault(random *rand.Rand, operation, key string) embedded.Fault {
	f := embedded.Fault{Operation: operation, Key: key, Count: 1 + random.IntN(6)}
	switch random.IntN(9) {
	case 0:
		f.Reset = true
	case 1:
		f.Delay = time.Duration(random.IntN(300)) * time.Millisecond
	case 2:
		f.Code = "InternalError"
	case 3:
		f.Code = "SlowDown"
	case 4:
		f.ErrorInSuccess = "InternalError"
	case 5:
		f.LoseResponse = true
	case 6:
		f.WrongCRC64 = true
	case 7:
		f.DropHeader = []string{"x-cos-hash-crc64ecma"}
	case 8:
		f.Truncate = 1 + random.Int64N(1<<20)
	}
	return f
}

// expected says whether a disturbed operation may end like this.
func expected(err error) bool {
	switch status.Code(err) {
	case codes.OK, codes.Unavailable, codes.Internal, codes.ResourceExhausted, codes.DataLoss, codes.Canceled:
		return true
	default:
		return false
	}
}

func (w *soakWorker) key(kind string) string {
	w.keys++
	return fmt.Sprintf("%s/worker %d/%d", kind, w.number, w.keys)
}

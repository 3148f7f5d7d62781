package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cos "github.com/tencentyun/cos-go-sdk-v5"
)

const (
	killBucket  = "kill-1250000000"
	killWriters = 8
	keysPerKill = 5 // keys of one writer
)

// killSizes are around the sizes at which the store changes how it keeps a body.
var killSizes = []int{0, 1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 64 << 10, 64<<10 + 1, 1 << 20}

// absent is the state of a key without an object.
var absent [sha256.Size]byte

// A ledger is what one writer knows of one of its keys. Nobody else writes the
// key, so after a crash it must be in the state that was last acknowledged, or
// in the one that was requested and not acknowledged.
type ledger struct {
	key          string
	acknowledged [sha256.Size]byte
	asked        [sha256.Size]byte
	size         int64 // of the acknowledged object
	askedSize    int64
}

// A killRun is one process of the server, between a start and a kill.
type killRun struct {
	server *process
	client *cos.Client
	acks   atomic.Int64
	wanted int64         // acknowledgements after which enough is closed
	enough chan struct{} // closed once
	once   sync.Once
	dead   atomic.Bool // set before the kill: from then on failures are expected
}

// TestCosLosesNothingAcknowledgedWhenKilled kills `cosgate cos` with
// SIGKILL at random moments while eight writers put, overwrite, delete and copy.
// After each kill every key must hold exactly what was acknowledged last, or the
// complete result of the operation in progress: nothing lost, nothing partial, no
// deleted object back, no other key.
func TestCosLosesNothingAcknowledgedWhenKilled(t *testing.T) {
	t.Parallel()
	kills := 50
	if testing.Short() {
		kills = 5
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dir := t.TempDir()
	var ledgers [killWriters][]*ledger
	for w := range ledgers {
		for k := range keysPerKill {
			ledgers[w] = append(ledgers[w], &ledger{key: fmt.Sprintf("writer %d/key %d", w, k)})
		}
	}
	var acknowledged int64
	for round := range kills {
		random := rand.New(rand.NewPCG(seed, uint64(round)))
		if round%5 == 4 {
			killWhileStarting(t, dir, random)
		}
		r := startKillRun(t, dir)
		r.wanted = random.Int64N(300)
		verifyLedgers(t, r, &ledgers)
		var writers sync.WaitGroup
		for w := range ledgers {
			own := rand.New(rand.NewPCG(seed, uint64(round)<<8|uint64(w)))
			writers.Go(func() { r.write(t, ledgers[w], own) })
		}
		select {
		case <-r.enough:
		case <-time.After(time.Duration(random.Int64N(int64(300 * time.Millisecond)))):
		}
		r.dead.Store(true)
		r.server.kill()
		writers.Wait()
		acknowledged += r.acks.Load()
		if t.Failed() {
			t.Fatalf("kill %d: the server said: %s", round, r.server.stderr.String())
		}
	}
	r := startKillRun(t, dir)
	verifyLedgers(t, r, &ledgers)
	t.Logf("%d kills, %d acknowledged changes", kills, acknowledged)
}

func spawnKillable(t *testing.T, dir string) *process {
	t.Helper()
	return spawn(t, os.Args[0], "cos", "--listen", "127.0.0.1:0", "--data", dir, "--bucket", killBucket)
}

// killWhileStarting kills a server that may still be recovering from the last kill.
func killWhileStarting(t *testing.T, dir string, random *rand.Rand) {
	t.Helper()
	p := spawnKillable(t, dir)
	select {
	case <-p.whole:
	case <-time.After(time.Duration(random.Int64N(int64(100 * time.Millisecond)))):
	}
	p.kill()
}

func startKillRun(t *testing.T, dir string) *killRun {
	t.Helper()
	p := spawnKillable(t, dir)
	if !p.ready() {
		t.Fatalf("cos did not start after a kill: %s", p.stderr.String())
	}
	client := newSDK(t, p.value("address"), killBucket, announcedPair(p.announcement))
	return &killRun{server: p, client: client, enough: make(chan struct{})}
}

// write changes keys of its own at random until the server is gone.
func (r *killRun) write(t *testing.T, keys []*ledger, random *rand.Rand) {
	for {
		l := keys[random.IntN(len(keys))]
		var err error
		switch choice := random.IntN(10); {
		case choice < 6:
			err = r.put(t.Context(), l, random)
		case choice < 8:
			err = r.delete(t.Context(), l)
		default:
			err = r.copy(t.Context(), keys[random.IntN(len(keys))], l)
		}
		if r.dead.Load() {
			if err == nil {
				l.acknowledged, l.size = l.asked, l.askedSize
			}
			return
		}
		if err != nil {
			t.Errorf("%s: %v before the kill", l.key, err)
			return
		}
		l.acknowledged, l.size = l.asked, l.askedSize
		if r.acks.Add(1) >= r.wanted {
			r.once.Do(func() { close(r.enough) })
		}
	}
}

func (r *killRun) put(ctx context.Context, l *ledger, random *rand.Rand) error {
	body := make([]byte, killSizes[random.IntN(len(killSizes))])
	fill := rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), random.Uint64())))
	_, _ = fill.Read(body)
	l.asked, l.askedSize = sha256.Sum256(body), int64(len(body))
	_, err := r.client.Object.Put(ctx, l.key, bytes.NewReader(body), nil)
	return err
}

func (r *killRun) delete(ctx context.Context, l *ledger) error {
	l.asked, l.askedSize = absent, 0
	_, err := r.client.Object.Delete(ctx, l.key)
	return err
}

// copy copies one key of a writer over another of its keys. Without a source it
// deletes instead.
func (r *killRun) copy(ctx context.Context, from, to *ledger) error {
	if from.acknowledged == absent || from == to {
		return r.delete(ctx, to)
	}
	to.asked, to.askedSize = from.acknowledged, from.size
	source := r.client.BaseURL.BucketURL.Host + "/" + from.key // the SDK escapes it
	_, _, err := r.client.Object.Copy(ctx, to.key, source, nil)
	return err
}

// verifyLedgers reads every key and the list, and takes what it finds as
// acknowledged.
func verifyLedgers(t *testing.T, r *killRun, ledgers *[killWriters][]*ledger) {
	t.Helper()
	var readers sync.WaitGroup
	for w := range ledgers {
		readers.Go(func() {
			for _, l := range ledgers[w] {
				r.verify(t, l)
			}
		})
	}
	readers.Wait()
	want := make(map[string]int64)
	for w := range ledgers {
		for _, l := range ledgers[w] {
			if l.acknowledged != absent {
				want[l.key] = l.size
			}
		}
	}
	list, _, err := r.client.Bucket.Get(t.Context(), &cos.BucketGetOptions{MaxKeys: 1000})
	if err != nil {
		t.Fatalf("list after a kill: %v", err)
	}
	for _, o := range list.Contents {
		if size, ok := want[o.Key]; !ok || size != o.Size {
			t.Errorf("the list shows %q with %d bytes, want %d (there: %v)", o.Key, o.Size, size, ok)
		}
		delete(want, o.Key)
	}
	if len(want) > 0 {
		t.Errorf("the list lacks %v", want)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// verify compares one key with its ledger. The SDK checks the CRC64 of what it reads.
func (r *killRun) verify(t *testing.T, l *ledger) {
	found, size := absent, int64(0)
	resp, err := r.client.Object.Get(t.Context(), l.key, nil)
	switch {
	case err == nil:
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Errorf("%s: read: %v", l.key, err)
			return
		}
		found, size = sha256.Sum256(body), int64(len(body))
	case !cos.IsNotFoundError(err):
		t.Errorf("%s: %v", l.key, err)
		return
	}
	if found != l.acknowledged && found != l.asked {
		t.Errorf("%s holds %d bytes (sha256 %x; zero: absent), want what was acknowledged (%x, %d bytes) or under way (%x, %d bytes)",
			l.key, size, found[:4], l.acknowledged[:4], l.size, l.asked[:4], l.askedSize)
	}
	l.acknowledged, l.asked, l.size, l.askedSize = found, found, size, size
}

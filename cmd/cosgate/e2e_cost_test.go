//go:build e2e

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/certs/certstest"
	"github.com/cosgate/cosgate/internal/identity/identitytest"
)

const (
	// What a call that is refused may cost: processor time, and memory above that of the
	// process before it.
	costCPU    = 10 * time.Millisecond
	costMemory = 16 << 20
	// costSlack is by how much a measurement on a busy machine may exceed that before the
	// test fails.
	costSlack = 4
	// costTrailers is how large a header list may be for every client to read it.
	costTrailers = 8 << 10
	// costConnections are those of attackers who call at once.
	costConnections = 10
	// costTime is how long one attacker repeats an attack, without a pause.
	costTime = 200 * time.Millisecond
	// costEnd is the memory at which a gateway is ended, before it takes that of the machine.
	costEnd = 3 << 30
	// costPatience is how long the calls of an attack may take, and costQuiet how long the
	// gateway may work on after they ended. costHold is how long they may take to send what
	// they then hold.
	costPatience = 10 * time.Second
	costHold     = 3 * time.Second
	costQuiet    = 5 * time.Second
	// costPace is the time between two calls of a bystander, and costCalls how many there
	// are at least.
	costPace  = 3 * time.Millisecond
	costCalls = 50

	// What the gateways may hold for content: that with a configuration, and dev.
	costReadMemory, costUploadMemory, costReceiveMemory = 32 << 20, 64 << 20, 32 << 20

	costDevMemory = 256<<20 + 512<<20 + 128<<20

	byStranger, byProved, inDev = "stranger", "proved", "dev"
)

// TestE2ECostOfRefusedCalls attacks the real gateway with calls that are small or cheap
// for those who make them: as somebody without an identity, as a caller who may do little,
// and in `dev`, where nobody has an identity. It prints what a call costs the gateway, what
// many at once cost, and what others notice.
func TestE2ECostOfRefusedCalls(t *testing.T) {
	provider := identitytest.NewKey(t, "key")
	serve, dev := openCostServe(t, provider), openCostDev(t)
	forger := identitytest.NewKey(t, "key")
	targets := []costTarget{
		{serve, byStranger, nil},
		{serve, byProved, bearerField(provider.Sign(t, identitytest.Claims("mallory", nil)))},
		{dev, inDev, nil},
	}
	table := []string{
		"| attack | by | result | CPU ms each | log KiB each | MiB above idle: one | many at once | others' p99: one attacker | many at once |",
		"| --- | --- | --- | --: | --: | --: | --: | --: | --: |",
	}
	for _, attack := range costAttacks(t, forger.Sign(t, identitytest.Claims("mallory", nil))) {
		for _, target := range targets {
			if attack.only == "" || attack.only == target.who {
				t.Run(attack.name+"/"+target.who, func(t *testing.T) {
					row := target.measure(t, attack)
					table = append(table, row.String())
					row.check(t)
				})
			}
		}
	}
	for _, g := range []*costGateway{serve, dev} {
		_ = g.conn.Close()
		t.Logf("%s: idle %d MiB, others' p99 %v, %d MiB in all are allowed for many calls at once", g.name, g.idle>>20, g.p99.Round(10*time.Microsecond), g.promised(t)>>20)
	}
	t.Logf("goals for one call that is refused: %v, %d MiB\n%s", costCPU, costMemory>>20, strings.Join(table, "\n"))
}

// promised is the memory that the documents allow for 1,000 calls, without the large
// messages of uploads.
func (g *costGateway) promised(t *testing.T) int64 {
	t.Helper()
	p := promisedSum(t)
	return g.content + p.process + 1000*p.upload + (costConnections+2)*p.connection
}

// A costGateway is a gateway in a process of its own, which can be started again.
type costGateway struct {
	*process
	name    string
	begin   func() *process
	tls     *tls.Config                   // of its callers; nil for plain text
	token   credentials.PerRPCCredentials // of the bystander, with TLS only
	audit   string                        // a file, or ""
	calls   cosgatev1.ObjectServiceClient // of the bystander
	conn    *grpc.ClientConn
	content int64         // what it may hold of that
	idle    int64         // its memory once it is warm
	p99     time.Duration // of the bystander's calls when nothing else happens
	each    time.Duration // of the processor, for one of them
	lines   int64         // of the log, in bytes for one of them
}

func openCostDev(t *testing.T) *costGateway {
	t.Helper()
	g := &costGateway{name: inDev, content: costDevMemory, begin: func() *process { return startBinary(t, everyPortFree...) }}
	g.restart(t)
	return g
}

// openCostServe starts a gateway with TLS, callers who prove who they are by tokens, and
// policies; in front of a COS, and of a hostile one.
func openCostServe(t *testing.T, provider identitytest.Key) *costGateway {
	t.Helper()
	dir := t.TempDir()
	path := func(name string, data []byte) string {
		p := filepath.Join(dir, name)
		certstest.Write(t, p, data)
		return p
	}
	servers := certstest.NewAuthority(t, "servers")
	f := certstest.NewFolder(t, servers.Issue(t, "gateway", nil), servers)
	cos := startBinary(t, "cos", "--memory", "--listen", "127.0.0.1:0", "--bucket", demoBucket, "--secret-id", testPair().SecretID, "--secret-key", testPair().SecretKey)
	more := []string{
		fmt.Sprintf("  hostile: {endpoint: 'http://{bucket}.cos.{region}.localhost', region: %s, proxy: '%s', credentials: {env: {}}}\n", demoRegion, hostileCOS(t)),
		"default_profile: main\n",
		fmt.Sprintf("audit: {file: '%s'}\n", filepath.Join(dir, "audit")),
		fmt.Sprintf("tls: {cert: '%s', key: '%s', client_ca: '%s', client_auth: verify_if_given}\n", f.Cert, f.Key, f.ClientCA),
		fmt.Sprintf("authentication: {certificates: {name_from: [cn]}, jwt: [{issuer: '%s', audiences: [%s], jwks: '%s'}]}\n",
			identitytest.Issuer, identitytest.Audience, path("keys.json", identitytest.Set(t, provider))),
		fmt.Sprintf("authorization: {policies: '%s'}\n", path("policies.cedar", []byte(costPolicies))),
		fmt.Sprintf("limits: {read_memory: %dMiB, upload_memory: %dMiB, receive_memory: %dMiB}\n", costReadMemory>>20, costUploadMemory>>20, costReceiveMemory>>20),
	}
	config := gatewayConfig(t, cos.value("address"), more...)
	g := &costGateway{
		name: "serve", content: costReadMemory + costUploadMemory + costReceiveMemory, begin: func() *process { return startBinary(t, "serve", "--config", config) },
		tls:   &tls.Config{RootCAs: servers.Pool(), ServerName: "gateway", MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}},
		token: bearer(provider.Sign(t, identitytest.Claims("bystander", nil))), audit: filepath.Join(dir, "audit"),
	}
	g.restart(t)
	return g
}

const costPolicies = `
permit (principal == Caller::"jwt:bystander", action in [Action::"read", Action::"write"], resource in Bucket::"` + demoBucket + `");
permit (principal == Caller::"jwt:mallory", action in [Action::"read", Action::"write", Action::"delete"], resource)
when { resource is Object && resource.key like "mine/*" };
permit (principal == Caller::"jwt:mallory", action == Action::"ListObjects", resource);
`

// hostileCOS responds to every request with a list of 16 MiB.
func hostileCOS(t *testing.T) string {
	t.Helper()
	list := []byte("<ListBucketResult>" + strings.Repeat("<Contents/>", 16<<20/len("<Contents/>")-10) + "</ListBucketResult>")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.Header().Set("X-Cos-Request-Id", "hostile")
		_, _ = io.Copy(w, bytes.NewReader(list)) // the gateway may disconnect
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// restart replaces the process by a warm one.
func (g *costGateway) restart(t *testing.T) {
	t.Helper()
	if g.process != nil {
		g.kill()
		_ = g.conn.Close()
	}
	g.process = g.begin()
	opts := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if g.tls != nil {
		opts = []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(g.tls)), grpc.WithPerRPCCredentials(g.token)}
	}
	conn, err := grpc.NewClient(g.value("gRPC"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	g.conn = conn
	g.calls = cosgatev1.NewObjectServiceClient(g.conn)
	if err := putObject(t.Context(), g.calls, "mine/x", make([]byte, 1<<10)); err != nil {
		t.Fatalf("PutObject = %v; the gateway said %s", err, g.stderr.String())
	}
	g.bystander(t, nil)
	if g.p99 == 0 {
		cpu, logged := g.cpu(), g.logged()
		seen := g.bystander(t, nil)
		g.p99, g.each, g.lines = seen.p99, (g.cpu()-cpu)/time.Duration(seen.calls), (g.logged()-logged)/int64(seen.calls)
	}
	g.idle = g.memory(t, "VmRSS")
}

// fresh starts the process anew if an attack left traces in its memory.
func (g *costGateway) fresh(t *testing.T) {
	t.Helper()
	size, err := g.status("VmRSS")
	if err != nil || size > g.idle+costMemory/4 {
		g.restart(t)
	}
}

// noticed is what a bystander noticed: the 99th percentile of the times of its calls.
type noticed struct {
	calls, failed int
	p99           time.Duration
}

// bystander makes calls until attacked is closed, and no fewer than costCalls.
func (g *costGateway) bystander(t *testing.T, attacked <-chan struct{}) (n noticed) {
	t.Helper()
	tick := time.NewTicker(costPace)
	defer tick.Stop()
	var times []time.Duration
	for len(times) < costCalls && !g.gone() || open(attacked) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), costPatience)
		_, err := g.calls.HeadObject(ctx, &cosgatev1.HeadObjectRequest{Bucket: demoBucket, Key: "mine/x"})
		cancel()
		times = append(times, time.Since(began))
		if err != nil {
			n.failed++
		}
		<-tick.C
	}
	slices.Sort(times)
	n.calls = len(times)
	if n.calls > 0 {
		n.p99 = times[n.calls*99/100]
	}
	return n
}

// gone reports whether the process has ended.
func (g *costGateway) gone() bool { return !open(g.exited) }

// guard ends the process when it takes too much. The caller calls stop.
func (g *costGateway) guard() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	p := g.process
	go func() {
		defer close(ended)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if size, err := p.status("VmRSS"); err == nil && size > costEnd {
					_ = p.cmd.Process.Kill()
				}
			case <-end:
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// cpu is the processor time that the process has used; 0 if it is gone.
func (g *costGateway) cpu() time.Duration {
	text, err := os.ReadFile("/proc/" + g.pid() + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] { // utime, stime: 100 a second on every Linux there is
		n, _ := strconv.ParseInt(field, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// quiet waits until the process does nothing, for a bounded time.
func (g *costGateway) quiet() {
	tick := time.NewTicker(60 * time.Millisecond)
	defer tick.Stop()
	for began, before := time.Now(), g.cpu(); time.Since(began) < costQuiet; {
		<-tick.C
		now := g.cpu()
		if now-before < 20*time.Millisecond {
			return
		}
		before = now
	}
}

// peakFrom forgets the largest size so far.
func (g *costGateway) peakFrom(t *testing.T) (base int64) {
	t.Helper()
	if err := os.WriteFile("/proc/"+g.pid()+"/clear_refs", []byte("5"), 0); err != nil {
		t.Skipf("SKIPPED: this system does not measure the peak of a process's memory: %v", err)
	}
	return g.memory(t, "VmRSS")
}

// above is by how much the process was larger than base; costEnd if it was ended.
func (g *costGateway) above(base int64) int64 {
	if peak, err := g.status("VmHWM"); err == nil {
		return max(0, peak-base)
	}
	return costEnd
}

// logged is the size of the log and the audit record.
func (g *costGateway) logged() int64 {
	n := int64(len(g.stderr.String()))
	if info, err := os.Stat(g.audit); err == nil {
		n += info.Size()
	}
	return n
}

// A costTarget is a gateway that is attacked in one way.
type costTarget struct {
	*costGateway
	who  string
	more []hpack.HeaderField // of the attackers' calls
}

// A costRow is what an attack cost.
type costRow struct {
	attack    costAttack
	target    costTarget
	results   tally
	each      time.Duration
	logged    int64 // of each
	one, many int64 // memory above idle
	peak      int64 // memory in all
	most      int64 // what the documents allow

	besideOne, besideMany noticed
	gone                  bool
}

func (c costTarget) measure(t *testing.T, a costAttack) *costRow {
	t.Helper()
	row := &costRow{attack: a, target: c, most: c.promised(t) + int64(a.many)*a.chunks}
	c.measureOne(t, row)
	c.measureMany(t, row)
	return row
}

// run makes n calls at once, over some connections.
func (c costTarget) run(t *testing.T, row *costRow, callers frameCallers, n int) {
	t.Helper()
	patience := costPatience
	if row.attack.hold > 0 {
		patience = costHold + row.attack.hold
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all sync.WaitGroup
	more := slices.Concat(row.attack.more, c.more)
	if row.attack.only == byStranger {
		more = row.attack.more
	}
	for i := range n {
		all.Go(func() {
			row.results.add(callers[i%len(callers)].call(ctx, row.attack, more))
		})
	}
	all.Wait()
}

// measureOne measures one call alone, and then repeats it beside a bystander.
func (c costTarget) measureOne(t *testing.T, row *costRow) {
	t.Helper()
	c.fresh(t)
	defer c.guard()()
	callers := dialManyFrames(t, 1, c.value("gRPC"), c.tls)
	defer callers.close()
	base := c.peakFrom(t)
	c.run(t, row, callers, 1)
	c.quiet()
	row.one = c.above(base)
	before, logged, n := c.cpu(), c.logged(), 0
	together := 1
	if row.attack.hold > 0 { // one at a time would be too few to measure
		together = min(row.attack.many, 20)
	}
	row.besideOne = c.beside(t, func() {
		for began := time.Now(); (n == 0 || time.Since(began) < costTime) && !c.gone(); n += together {
			c.run(t, row, callers, together)
		}
	})
	others, calls := int64(row.besideOne.calls), int64(max(n, 1))
	row.each = max(0, c.cpu()-before-time.Duration(others)*c.each) / time.Duration(calls)
	row.logged = max(0, c.logged()-logged-others*c.lines) / calls
	row.gone = c.gone()
}

// measureMany measures many calls at once.
func (c costTarget) measureMany(t *testing.T, row *costRow) {
	t.Helper()
	c.fresh(t)
	defer c.guard()()
	callers := dialManyFrames(t, costConnections, c.value("gRPC"), c.tls)
	defer callers.close()
	base := c.peakFrom(t)
	row.besideMany = c.beside(t, func() { c.run(t, row, callers, row.attack.many) })
	row.many = c.above(base)
	row.peak = base + row.many
	row.gone = row.gone || c.gone()
}

// beside runs an attack beside a bystander, and waits until the gateway is done with it.
func (c costTarget) beside(t *testing.T, attack func()) noticed {
	t.Helper()
	attacked := make(chan struct{})
	go func() {
		defer close(attacked)
		attack()
	}()
	n := c.bystander(t, attacked)
	<-attacked
	c.quiet()
	return n
}

func (r *costRow) String() string {
	size := func(n int64) string {
		if n >= costEnd {
			return fmt.Sprintf("> %d", costEnd>>20)
		}
		return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64)
	}
	others := func(n noticed) string {
		text := fmt.Sprintf("%v, × %.1f", n.p99.Round(10*time.Microsecond), float64(n.p99)/float64(r.target.p99))
		if n.failed > 0 {
			text += fmt.Sprintf(", %d failed", n.failed)
		}
		return text
	}
	return fmt.Sprintf("| %s | %s | %s | %.1f | %.1f | %s | %d: %s | %s | %s |", r.attack.name, r.target.who, &r.results,
		r.each.Seconds()*1000, float64(r.logged)/1024, size(r.one), r.attack.many, size(r.many), others(r.besideOne), others(r.besideMany))
}

// check fails the test when a measurement is far beyond its goal. Times of others are only
// printed, since attackers, gateway and bystander share the machine.
func (r *costRow) check(t *testing.T) {
	t.Helper()
	who := r.attack.name + " by " + r.target.who
	if r.gone {
		t.Errorf("%s: the gateway took more than %d MiB and was ended", who, costEnd>>20)
		return
	}
	if r.each > costSlack*costCPU {
		t.Errorf("%s: a call took %v of CPU, want about %v at most", who, r.each, costCPU)
	}
	if r.one > costSlack*costMemory {
		t.Errorf("%s: a call took %d MiB, want about %d at most", who, r.one>>20, costMemory>>20)
	}
	if r.peak > r.most {
		t.Errorf("%s: %d at once took %d MiB, want at most %d MiB", who, r.attack.many, r.peak>>20, r.most>>20)
	}
	if r.results.trailers > costTrailers {
		t.Errorf("%s: the status has %d bytes, want at most %d", who, r.results.trailers, costTrailers)
	}
	if n := r.besideOne.failed + r.besideMany.failed; n > 0 {
		t.Errorf("%s: %d calls of others failed", who, n)
	}
}

// idleConnections are more than the gateway may have descriptors.
const idleConnections = 400

// TestE2EIdleConnectionsLeaveDescriptorsForOthers opens more connections than the gateway
// may have files, and sends nothing. With limits.connections below what the system allows
// the gateway still serves its callers and the admin port.
func TestE2EIdleConnectionsLeaveDescriptorsForOthers(t *testing.T) {
	cos := startBinary(t, "cos", "--memory", "--listen", "127.0.0.1:0", "--bucket", demoBucket, "--secret-id", testPair().SecretID, "--secret-key", testPair().SecretKey)
	path := gatewayConfig(t, cos.value("address"), "limits: {connections: 100}\n")
	gateway := spawn(t, "sh", "-c", `ulimit -n 256 && exec "$0" "$@"`, built(t), "serve", "--config", path)
	if !gateway.ready() {
		t.Fatalf("the gateway said %s", gateway.stderr.String())
	}
	conn := dial(t, gateway.value("gRPC"))
	if err := head(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	for range idleConnections {
		idle, err := net.Dial("tcp", gateway.value("gRPC"))
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
	}
	if code, body := get(t, gateway, "/livez"); code != http.StatusOK {
		t.Errorf("/livez = %d, %s", code, body)
	}
	if err := head(t.Context(), conn); err != nil {
		t.Errorf("HeadBucket = %v", err)
	}
}

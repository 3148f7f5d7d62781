package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// everyPortFree makes dev take free ports and keep nothing.
var everyPortFree = []string{"dev", "--memory", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--cos-listen", "127.0.0.1:0"}

// A transcript collects what is written to it, for readers at any time.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// An announcement is what a command printed on stdout, and the value after each
// label that stands at the beginning of an indented line.
type announcement struct {
	mu     sync.Mutex
	text   strings.Builder
	values map[string]string
	whole  chan struct{} // closed once the last line is there, or stdout ended
	ended  chan struct{} // closed once stdout ended
}

// readAnnouncement reads r to its end, in the background.
func readAnnouncement(r io.Reader) *announcement {
	a := &announcement{values: make(map[string]string), whole: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(a.ended)
		done := sync.OnceFunc(func() { close(a.whole) })
		defer done()
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			a.add(lines.Text())
			if lines.Text() == readyLine {
				done()
			}
		}
	}()
	return a
}

func (a *announcement) add(line string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.text.WriteString(line + "\n")
	fields := strings.Fields(line)
	if !strings.HasPrefix(line, "  ") || len(fields) < 2 {
		return
	}
	if label := strings.Join(fields[:2], " "); label == "secret id" || label == "secret key" {
		fields = append([]string{label}, fields[2:]...)
	}
	if _, ok := a.values[fields[0]]; !ok {
		a.values[fields[0]] = strings.TrimPrefix(fields[1], "http://")
	}
}

// ready waits for the last line and reports whether it was printed.
func (a *announcement) ready() bool {
	<-a.whole
	return strings.HasSuffix(a.String(), readyLine+"\n")
}

// value returns what was announced under label, such as the address of "gRPC".
func (a *announcement) value(label string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.values[label]
}

func (a *announcement) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text.String()
}

// testPair is the key pair of embedded servers that are given one.
func testPair() embedded.Credential {
	return embedded.Credential{SecretID: "AKIDoftests", SecretKey: "secretkeyoftests"}
}

// announcedPair is the key pair that dev or cos made for itself.
func announcedPair(a *announcement) embedded.Credential {
	return embedded.Credential{SecretID: a.value("secret id"), SecretKey: a.value("secret key")}
}

// A running is run in a goroutine of this process.
type running struct {
	*announcement
	stderr transcript
	cancel context.CancelFunc
	code   chan int
}

// start runs args and waits until everything is announced. The command is stopped at the end of the test, and must then stop cleanly.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	c := &running{cancel: cancel, code: make(chan int, 1)}
	go func() {
		code := run(ctx, args, w, &c.stderr)
		_ = w.Close()
		c.code <- code
	}()
	c.announcement = readAnnouncement(r)
	if !c.ready() {
		t.Fatalf("run(%q) = %d before it was ready; stderr: %s", args, <-c.code, c.stderr.String())
	}
	t.Cleanup(func() { c.stop(t) })
	return c
}

// stop ends the command as a signal would. It may be called more than once.
func (c *running) stop(t *testing.T) {
	t.Helper()
	c.cancel()
	code := <-c.code
	c.code <- code
	if code != exitOK {
		t.Errorf("exit code = %d, want %d; stderr: %s", code, exitOK, c.stderr.String())
	}
}

// A process is cosgate in a process of its own.
type process struct {
	*announcement
	cmd    *exec.Cmd
	stderr transcript
	exited chan struct{} // closed once the process is gone
}

// spawn starts program with args and does not wait for anything. The process is
// killed at the end of the test if it is still there.
func spawn(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(program, args...), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.announcement = readAnnouncement(stdout)
	go func() {
		defer close(p.exited)
		<-p.ended // Wait closes the pipe, so everything is read first
		_ = p.cmd.Wait()
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as kill -9 does, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

func (p *process) pid() string { return strconv.Itoa(p.cmd.Process.Pid) }

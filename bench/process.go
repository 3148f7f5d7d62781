package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// stopLimit is how long a role may take to end before it is killed.
const stopLimit = 5 * time.Second

// A process is a running role, as seen by the driver. It is not safe for concurrent use.
type process struct {
	role  string
	addr  string
	cmd   *exec.Cmd
	stdin io.Closer
	in    *json.Encoder
	out   *json.Decoder
}

// start runs this program again in a role, and returns when it is ready. The process
// ends when ctx does, or when the driver ends and closes the pipe.
func start(ctx context.Context, role string, s settings, stderr io.Writer) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, roleArgument, role, string(encoded)) //nolint:gosec // it is this program
	cmd.Stderr = stderr
	cmd.WaitDelay = stopLimit
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the driver
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	p := &process{role: role, cmd: cmd, stdin: stdin, in: json.NewEncoder(stdin), out: json.NewDecoder(stdout)}
	ready, err := p.reply()
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	p.addr = ready.Addr
	return p, nil
}

func (p *process) reply() (reply, error) {
	var r reply
	if err := p.out.Decode(&r); err != nil {
		return r, fmt.Errorf("%s: no reply: %w", p.role, err)
	}
	if r.Err != "" {
		return r, fmt.Errorf("%s: %s", p.role, r.Err)
	}
	return r, nil
}

func (p *process) ask(c command) (reply, error) {
	if err := p.in.Encode(c); err != nil {
		return reply{}, fmt.Errorf("%s: %s: %w", p.role, c.Op, err)
	}
	r, err := p.reply()
	if err != nil {
		return r, fmt.Errorf("%s: %w", c.Op, err)
	}
	return r, nil
}

func (p *process) usage() (usage, error) {
	r, err := p.ask(command{Op: opUsage})
	return r.Usage, err
}

func (p *process) do(op string, w work) (done, error) {
	r, err := p.ask(command{Op: op, Work: w})
	return r.Done, err
}

// stop ends the process and waits for that.
func (p *process) stop() error {
	_ = p.stdin.Close() // ends the role
	timer := time.AfterFunc(stopLimit, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", p.role, err)
	}
	return nil
}

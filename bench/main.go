// Command bench measures cosgate against other ways to the same objects.
//
// It starts itself again in several roles, each in a process of its own: an upstream
// that responds as COS does, the gateways to compare, and the clients. The variants
// take turns within each round, so that other load on the machine affects all of them
// alike: look at the ratios. Everything is on loopback, and every process ends with the
// driver.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// roleArgument as the first argument makes this process play a role.
const roleArgument = "role"

// run runs the program, as driver or in a role, and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var err error
	if len(args) > 0 && args[0] == roleArgument {
		err = playRole(ctx, args[1:], stdin, stdout)
	} else {
		err = drive(ctx, args, stdout, stderr)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	fmt.Fprintln(stderr, "bench:", err)
	return 1
}

// A sharedWriter takes the messages of the driver and of all its processes.
type sharedWriter struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements [io.Writer].
func (w *sharedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// drive measures what the flags ask for and prints the report.
func drive(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	r, err := measure(ctx, o, &sharedWriter{to: stderr})
	if err != nil {
		return err
	}
	if err := r.print(stdout, textTables); err != nil {
		return err
	}
	if o.markdown == "" {
		return nil
	}
	f, err := os.Create(o.markdown)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return errors.Join(r.print(f, markdownTables), f.Close())
}

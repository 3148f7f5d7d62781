// Command cosgate is a gRPC gateway in front of Tencent Cloud Object Storage.
//
// This folder reads flags and configuration, puts the other packages together,
// and starts and stops what they build. Each entry point has its own file.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal finds the default behaviour: it kills at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

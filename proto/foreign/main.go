// Command foreign prints the protos of others that ours import into a folder
// where buf and grpcurl find them.
//
// They come from the descriptors inside the Go modules that the root go.mod
// pins, so the annotations that we compile against are always those that the
// running gateway enforces, and nothing is fetched from a schema registry. That
// is why this command stands here and not under tools, which has a go.mod of
// its own and could drift.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

func run(args []string, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: go run ./proto/foreign DIR")
		return 2
	}
	if err := write(args[0]); err != nil {
		fmt.Fprintln(stderr, "foreign:", err)
		return 1
	}
	return 0
}

// write replaces the protos below dir. What an earlier version of a module left
// there goes away first, so that a file which is no longer printed is no longer
// found.
func write(dir string) error {
	files := []protoreflect.FileDescriptor{
		validate.File_buf_validate_validate_proto,
		errdetails.File_google_rpc_error_details_proto,
		status.File_google_rpc_status_proto,
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	printer := protoprint.Printer{Compact: true, SortElements: true}
	for _, file := range files {
		text, err := printer.PrintProtoToString(file)
		if err != nil {
			return fmt.Errorf("print %s: %w", file.Path(), err)
		}
		path := filepath.Join(dir, filepath.FromSlash(file.Path()))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // protos of public modules
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // protos of public modules
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// The exit codes. Unless it is 0, one line on stderr says why.
const (
	exitOK      = 0
	exitFailure = 1 // something went wrong while starting or running
	exitUsage   = 2 // the command line or the configuration is wrong
)

// readyLine is the last line that dev, cos and serve print, once every listener is open;
// a script can wait for it.
const readyLine = "Ready. Stop it with Ctrl-C."

// commandLine is the command line.
type commandLine struct {
	Dev      devCommand      `cmd:"" help:"Run the gateway and an embedded COS in one process, with nothing to configure."`
	Cos      cosCommand      `cmd:"" help:"Run the embedded COS alone, for any COS SDK."`
	Serve    serveCommand    `cmd:"" help:"Run the gateway in front of a real COS, with a configuration file."`
	Config   configCommand   `cmd:"" help:"Check and print configuration files of serve."`
	Policy   policyCommand   `cmd:"" help:"Check and test the policies that say what callers may do."`
	Token    tokenCommand    `cmd:"" help:"Create a static token for a caller."`
	Version  versionCommand  `cmd:"" help:"Print the version, the commit and the Go version."`
	Licenses licensesCommand `cmd:"" help:"Print the licences of what is linked into this binary."`
}

// streams are where a command writes: its output, and the log.
type streams struct {
	stdout io.Writer
	stderr io.Writer
}

// A usageError is one that the user can fix with the help.
type usageError struct{ problem string }

func (e *usageError) Error() string { return e.problem }

func usageErrorf(format string, args ...any) error {
	return &usageError{problem: fmt.Sprintf(format, args...)}
}

// run is the whole program: it runs the command that args name until that is
// done or ctx ends, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := execute(ctx, args, streams{stdout: stdout, stderr: stderr})
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "cosgate:", oneLine(err))
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

func execute(ctx context.Context, args []string, out streams) error {
	var line commandLine
	helped := false
	parser, err := kong.New(&line,
		kong.Name("cosgate"),
		kong.Description("A gRPC gateway in front of Tencent Cloud Object Storage (COS). Start with: cosgate dev"),
		kong.Writers(out.stdout, out.stderr),
		kong.Exit(func(int) { helped = true }), // called once the help is printed
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if helped {
		return nil
	}
	if err != nil {
		return usageErrorf("%s; see: %s", err, helpCommand(err))
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return parsed.Run(out)
}

// helpCommand names the help page nearest to what was mistyped.
func helpCommand(err error) string {
	parse, ok := errors.AsType[*kong.ParseError](err)
	if ok && parse.Context != nil && parse.Context.Command() != "" {
		return "cosgate " + parse.Context.Command() + " --help"
	}
	return "cosgate --help"
}

// oneLine joins what errors.Join and libraries spread over several lines.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

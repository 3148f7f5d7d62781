package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/cosgate/cosgate/internal/config"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Find every mistake in a configuration file."`
	Print configPrintCommand `cmd:"" help:"Print the configuration in force, with defaults and overrides."`
}

type configCheckCommand struct {
	File             string `arg:"" help:"The file."`
	Files            bool   `help:"Also read the files and the environment variables that it names, as serve does."`
	config.Overrides `group:"In place of keys in the file:"`
}

// Help is printed below the flags.
func (configCheckCommand) Help() string {
	return `Every problem is a line with file, line and column, the key, and what to do about it; the exit code is then 2. It is everything that serve would refuse by the file alone. The files and the environment variables that the configuration names are looked at with --files, so that a file can also be checked where they are not.`
}

// Run prints a line for each problem.
func (c configCheckCommand) Run(ctx context.Context, out streams) error {
	err := c.check(ctx)
	if err == nil {
		fmt.Fprintf(out.stdout, "%s: no problems\n", c.File)
		return nil
	}
	problems, ok := errors.AsType[config.Problems](err)
	if !ok {
		return usageErrorf("%s", err)
	}
	for _, p := range problems {
		fmt.Fprintln(out.stdout, p)
	}
	return usageErrorf("%s: problems found: %d", c.File, len(problems))
}

// check takes the steps that serve takes before it listens.
func (c configCheckCommand) check(ctx context.Context) error {
	cfg, err := config.Load(c.File, c.Overrides)
	if err != nil || !c.Files {
		return err
	}
	parts, err := cfg.Build(ctx, config.Builder{Log: slog.New(slog.DiscardHandler), Stderr: io.Discard, Try: true})
	if err != nil {
		return err
	}
	parts.Close()
	return nil
}

type configPrintCommand struct {
	File             string `arg:"" help:"The file."`
	config.Overrides `group:"In place of keys in the file:"`
}

// Help is printed below the flags.
func (configPrintCommand) Help() string {
	return `What is printed is a configuration file that says the same. No secret is in it: the configuration only says where they are.`
}

// Run prints a YAML document.
func (c configPrintCommand) Run(out streams) error {
	cfg, err := config.Load(c.File, c.Overrides)
	if err != nil {
		return usageErrorf("%s", err)
	}
	return cfg.Print(out.stdout)
}

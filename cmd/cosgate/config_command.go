package main

import (
	"errors"
	"fmt"

	"github.com/cosgate/cosgate/internal/config"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Find every mistake in a configuration file."`
	Print configPrintCommand `cmd:"" help:"Print the configuration in force, with defaults and overrides."`
}

type configCheckCommand struct {
	File             string `arg:"" help:"The file."`
	config.Overrides `group:"In place of keys in the file:"`
}

// Help is printed below the flags.
func (configCheckCommand) Help() string {
	return `Every problem is a line with file, line and column, the key, and what to do about it; the exit code is then 2. The files and the environment variables that the configuration names are not looked at, so that a file can be checked where they are not.`
}

// Run prints a line for each problem.
func (c configCheckCommand) Run(out streams) error {
	_, err := config.Load(c.File, c.Overrides)
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

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// A build identifies a binary.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Modified bool   `json:"modified"` // the work tree had uncommitted changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

const unknown = "unknown"

// readBuild returns what the linker wrote into the binary. Commit is "unknown"
// when the binary was built outside a repository or with -buildvcs=false.
func readBuild() build {
	b := build{Version: unknown, Commit: unknown, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String is what `cosgate version` prints.
func (b build) String() string {
	commit := b.Commit
	if b.Modified {
		commit += " with changes"
	}
	return fmt.Sprintf("cosgate %s, commit %s, %s %s", b.Version, commit, b.Go, b.Platform)
}

type versionCommand struct{}

// Run prints one line.
func (versionCommand) Run(out streams) error {
	_, err := fmt.Fprintln(out.stdout, readBuild())
	return err
}

// Command notices writes the licence texts and notices of everything that is linked into
// cosgate, since those licences ask for it wherever the binary goes. It fails for a licence
// that it does not know, and for one that does not go with cosgate's own. Run it in the root:
//
//	go -C tools run ./notices
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	root   = ".."
	output = root + "/cmd/cosgate/notices.txt"
)

// platforms are those of the image and of developers: some modules are linked on one only.
func platforms() []string { return []string{"linux/amd64", "linux/arm64", "darwin/arm64"} }

// licenceFile matches the names of those that must have a licence that is known.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)`)

// A module is what a notice is for.
type module struct {
	Path, Version, Dir, GoVersion string
	Main                          bool
	Replace                       *module
}

type goPackage struct {
	Dir    string
	Module *module
}

// noticeFile matches the names under which licences and notices are found.
var noticeFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents|unlicense)([-._].*)?$`)

// kinds are the licences that go with cosgate's, by words that only they have.
func kinds() []kind {
	return []kind{
		{"Apache-2.0", "apache license version 2.0"},
		{"MPL-2.0", "mozilla public license version 2.0"},
		{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"},
		{"BSD", "redistribution and use in source and binary forms, with or without modification, are permitted"},
		{"ISC", "permission to use, copy, modify, and/or distribute this software for any purpose"},
		{"ISC", "permission to use, copy, modify, and distribute this software for any purpose"},
		{"Unlicense", "this is free and unencumbered software released into the public domain"},
		{"public domain", "has been dedicated to the public domain"},
	}
}

type kind struct{ name, words string }

// refused are titles of licences that do not go with it.
var refused = regexp.MustCompile(`^\W*(gnu (affero |lesser |library )?general public license|server side public license|business source license|elastic license)`)

func main() {
	text, err := notices(context.Background())
	if err == nil && len(os.Args) == 2 && os.Args[1] == "-check" {
		have, readErr := os.ReadFile(output)
		if readErr != nil || !bytes.Equal(have, text) {
			err = errors.New("cmd/cosgate/notices.txt is not of what is linked now; repair: make notices")
		}
	} else if err == nil {
		err = os.WriteFile(output, text, 0o644) //nolint:gosec // a file of the repository
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func notices(ctx context.Context) ([]byte, error) {
	folders, modules, err := linked(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[string][]string) // by text, the modules that have it
	var list strings.Builder
	var problems []error
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		found := make(map[string]bool)
		for _, dir := range folders[path] {
			texts, err := read(dir)
			if err != nil {
				return nil, err
			}
			for file, text := range texts {
				kind := classify(text)
				if kind == refusedKind || kind == "" && licenceFile.MatchString(file) {
					problems = append(problems, fmt.Errorf("%s: the licence %s is refused or unknown", path, file))
				}
				if kind != "" {
					found[kind] = true
				}
				if !slices.Contains(names[text], path) {
					names[text] = append(names[text], path)
				}
			}
		}
		if len(found) == 0 {
			problems = append(problems, fmt.Errorf("%s has no licence that is known", path))
		}
		fmt.Fprintf(&list, "%s %s: %s\n", path, modules[path].Version, strings.Join(slices.Sorted(maps.Keys(found)), ", "))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	var out bytes.Buffer
	out.WriteString("cosgate is licensed under the Apache License, version 2.0. These modules are linked into\nit; their licences and notices follow.\n\n" + list.String())
	texts := slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(slices.Compare(names[a], names[b]), strings.Compare(a, b))
	})
	for _, text := range texts {
		fmt.Fprintf(&out, "\n%s\nOf %s:\n\n%s\n", strings.Repeat("=", 80), strings.Join(names[text], ", "), text)
	}
	return out.Bytes(), nil
}

// linked returns the modules that are linked into cosgate on any of the platforms, and the
// folders in which their notices may be: those of the linked packages and all above them.
func linked(ctx context.Context) (folders map[string][]string, modules map[string]module, err error) {
	folders, modules = make(map[string][]string), make(map[string]module)
	for _, p := range platforms() {
		system, arch, _ := strings.Cut(p, "/")
		list := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Module", "./cmd/cosgate")
		list.Dir, list.Stderr = root, os.Stderr
		list.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch)
		data, err := list.Output()
		if err != nil {
			return nil, nil, fmt.Errorf("go list: %w", err)
		}
		for d := json.NewDecoder(bytes.NewReader(data)); ; {
			var pkg goPackage
			if err := d.Decode(&pkg); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, nil, fmt.Errorf("go list: %w", err)
			}
			m := pkg.Module
			if m == nil { // the standard library
				continue
			}
			if m.Main {
				modules["the Go standard library"] = module{Version: "of Go " + m.GoVersion}
				continue
			}
			dir := m.Dir
			if m.Replace != nil {
				dir = m.Replace.Dir
			}
			modules[m.Path] = *m
			for at := pkg.Dir; strings.HasPrefix(at, dir); at = filepath.Dir(at) {
				if !slices.Contains(folders[m.Path], at) {
					folders[m.Path] = append(folders[m.Path], at)
				}
			}
		}
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("go env: %w", err)
	}
	folders["the Go standard library"] = []string{strings.TrimSpace(string(goroot))}
	return folders, modules, nil
}

// read returns the notices in a folder, by file.
func read(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	texts := make(map[string]string)
	for _, e := range entries {
		if !e.Type().IsRegular() || !noticeFile.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") ||
			strings.HasSuffix(e.Name(), "-LOGO") { // of a picture that is not linked
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name())) //nolint:gosec // of a module
		if err != nil {
			return nil, err
		}
		texts[e.Name()] = strings.TrimSpace(strings.ReplaceAll(string(data), "\r", ""))
	}
	return texts, nil
}

const refusedKind = "refused"

// classify names the licences in a text. It is "" for a text that grants none that is
// known, such as a NOTICE.
func classify(text string) string {
	words := strings.ToLower(strings.Join(strings.Fields(text), " "))
	words = strings.ReplaceAll(words, "license, version", "license version")
	if refused.MatchString(words) {
		return refusedKind
	}
	var found []string
	for _, k := range kinds() {
		if strings.Contains(words, k.words) && !slices.Contains(found, k.name) {
			found = append(found, k.name)
		}
	}
	return strings.Join(found, " and ")
}

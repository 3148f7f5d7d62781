package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

const apiPage = "docs/api.md"

// rpcBlock matches one generated table of the page, with the service that it is about.
var rpcBlock = regexp.MustCompile(`(?s)(<!-- (\w+): made by go test \./cmd/cosgate -run APIDocument -update -->\n).*?(<!-- end -->)`)

// The tables of RPCs are made from the contract: what an RPC does is the first sentence
// of its comment, and whether it is retried is its idempotency_level.
func TestAPIDocumentHasEveryRPC(t *testing.T) {
	t.Parallel()
	tables := rpcTables(t)
	page := readRepository(t, apiPage)
	want := rpcBlock.ReplaceAllStringFunc(page, func(block string) string {
		m := rpcBlock.FindStringSubmatch(block)
		table, ok := tables[m[2]]
		if !ok {
			t.Errorf("%s has a table for %s, which is not a service or has one already", apiPage, m[2])
		}
		delete(tables, m[2])
		return m[1] + table + m[3]
	})
	for service := range tables {
		t.Errorf("%s has no table for %s", apiPage, service)
	}
	switch {
	case want == page:
	case *update:
		if err := os.WriteFile(filepath.Join(repositoryRoot, apiPage), []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not current: run go test ./cmd/cosgate -run APIDocument -update", apiPage)
	}
}

// rpcTables are the tables of the services of the contract, by name.
func rpcTables(t *testing.T) map[string]string {
	t.Helper()
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal([]byte(readRepository(t, "gen/cosgate.binpb")), &set); err != nil {
		t.Fatal(err)
	}
	tables := make(map[string]string)
	for _, file := range set.GetFile() {
		if file.GetPackage() != "cosgate.v1" {
			continue
		}
		comments := make(map[string]string)
		for _, l := range file.GetSourceCodeInfo().GetLocation() {
			comments[fmt.Sprint(l.GetPath())] = l.GetLeadingComments()
		}
		for i, service := range file.GetService() {
			table := "| RPC | does | retried |\n| --- | --- | --- |\n"
			for j, rpc := range service.GetMethod() {
				const services, methods = 6, 2 // of FileDescriptorProto and ServiceDescriptorProto
				comment := comments[fmt.Sprint([]int{services, i, methods, j})]
				does, ok := strings.CutPrefix(firstSentence(comment), rpc.GetName()+" ")
				if !ok {
					t.Errorf("the comment of %s does not begin with its name", rpc.GetName())
				}
				table += fmt.Sprintf("| `%s`%s | %s | %s |\n", rpc.GetName(), streamOf(rpc), does, isRetried(rpc))
			}
			tables[service.GetName()] = table
		}
	}
	return tables
}

// firstSentence is the first sentence of a comment, on one line.
func firstSentence(comment string) string {
	paragraph, _, _ := strings.Cut(strings.TrimSpace(comment), "\n\n")
	paragraph, _, _ = strings.Cut(paragraph, "\n \n")
	sentence, _, _ := strings.Cut(strings.Join(strings.Fields(paragraph), " "), ". ")
	return strings.TrimSuffix(sentence, ".")
}

func streamOf(rpc *descriptorpb.MethodDescriptorProto) string {
	switch {
	case rpc.GetClientStreaming():
		return " (client stream)"
	case rpc.GetServerStreaming():
		return " (server stream)"
	default:
		return ""
	}
}

func isRetried(rpc *descriptorpb.MethodDescriptorProto) string {
	if rpc.GetOptions().GetIdempotencyLevel() == descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN {
		return "no"
	}
	return "yes"
}

# `make` runs what CI runs before the end-to-end tests. Every step that fails prints the
# command that repairs it. Nothing here needs more of the network than a Go module proxy, but
# for `make vuln`.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := check

# TOOL calls what tools/go.mod pins; the first call builds it, later ones do not.
TOOL := go tool -modfile=tools/go.mod
BUF := $(TOOL) buf
FOREIGN := third_party/proto
FUZZTIME ?= 30s
E2E_TIMEOUT ?= 30m

.PHONY: check
check: VULN_OFFLINE := pass
check: build lint gen-check notices-check test vuln ## what CI runs: build, lint, gen-check, notices-check, test, vuln

.PHONY: build
build: ## compile everything, tests included, the cheapest check
	@echo "== go build and vet"
	@go build ./... && go vet ./... && go vet -tags e2e ./cmd/... && go -C bench vet ./... || { echo "repair: edit the lines above"; exit 1; }

.PHONY: help
help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' Makefile | awk -F':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

.PHONY: gen
gen: $(FOREIGN) ## write gen/ from proto/
	@# buf empties gen/ first, so the descriptor set comes second.
	@$(BUF) generate
	@$(BUF) build proto -o gen/cosgate.binpb

.PHONY: gen-check
gen-check: $(FOREIGN) ## fail when gen/ is not what `make gen` writes
	@echo "== gen-check"
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	$(BUF) generate -o "$$tmp" && \
	$(BUF) build proto -o "$$tmp/gen/cosgate.binpb" && \
	diff -r gen "$$tmp/gen" || { echo "gen/ does not match proto/; repair: make gen"; exit 1; }

# The foreign protos follow go.mod. They are printed anew each time: a formatter
# that went over them would show in the positions inside gen/cosgate.binpb.
.PHONY: $(FOREIGN)
$(FOREIGN):
	@go run ./proto/foreign $@

.PHONY: lint
lint: lint-proto lint-breaking lint-go lint-mod lint-deploy ## buf lint, format and breaking; golangci-lint; go.mod tidy and verified; kustomize build

.PHONY: lint-proto
lint-proto: $(FOREIGN)
	@echo "== buf lint"
	@$(BUF) lint || { echo "proto/ breaks the rules of buf.yaml; repair: edit the lines above"; exit 1; }
	@echo "== buf format"
	@$(BUF) format proto --diff --exit-code || { echo "proto/ is not formatted; repair: make fix"; exit 1; }

# What callers were promised is proto/baseline.binpb, so that the check needs no history
# of commits. docs/compatibility.md says when the baseline moves.
.PHONY: lint-breaking
lint-breaking: $(FOREIGN)
	@echo "== buf breaking"
	@$(BUF) breaking proto --exclude-imports --against proto/baseline.binpb || \
		{ echo "callers would break; repair: keep the old fields and add new ones (old numbers and names: reserved)"; exit 1; }

.PHONY: baseline
baseline: lint-breaking ## promise the contract as it is now to callers, at a release
	@$(BUF) build proto --exclude-source-info -o proto/baseline.binpb

.PHONY: lint-go
lint-go:
	@echo "== golangci-lint"
	@{ $(TOOL) golangci-lint run ./... && cd bench && go tool -modfile=../tools/go.mod golangci-lint run --config ../.golangci.yml ./... && cd ../tools && go tool golangci-lint run --config ../.golangci.yml ./...; } || { echo "repair: make fix, then edit what it leaves"; exit 1; }

.PHONY: lint-mod
lint-mod:
	@echo "== go.mod"
	@go mod tidy -diff || { echo "go.mod or go.sum is not tidy; repair: make fix"; exit 1; }
	@go -C tools mod tidy -diff || { echo "tools/go.mod or tools/go.sum is not tidy; repair: make fix"; exit 1; }
	@go -C bench mod tidy -diff || { echo "bench/go.mod or bench/go.sum is not tidy; repair: make fix"; exit 1; }
	@go mod verify || { echo "the module cache was changed; repair: go clean -modcache"; exit 1; }

.PHONY: lint-deploy
lint-deploy:
	@echo "== kustomize build"
	@$(TOOL) kustomize build deploy/kubernetes/base >/dev/null || { echo "repair: edit deploy/kubernetes/base"; exit 1; }

.PHONY: notices
notices: ## write the licences of linked modules, cmd/cosgate/notices.txt
	@go -C tools run ./notices

.PHONY: notices-check
notices-check: ## fail when the licences are not those of what is linked, or not to be had
	@echo "== notices-check"
	@go -C tools run ./notices -check

# The database is asked over the network, https://vuln.go.dev or GOVULNDB. When it is out of
# reach nothing is known: that fails, or passes with a line where VULN_OFFLINE=pass.
VULN_OFFLINE ?= fail

.PHONY: vuln
vuln: ## known vulnerabilities in what is called, by govulncheck; VULN_OFFLINE=pass without its database
	@echo "== govulncheck"
	@if out=$$($(TOOL) govulncheck ./... 2>&1); then echo "$$out"; \
	elif grep -qE 'fetching vulnerabilities|no such host|connection refused|i/o timeout' <<<"$$out"; then \
		echo "vuln: NOT CHECKED: the database of vulnerabilities is out of reach: $$(tail -n 1 <<<"$$out")"; \
		echo "repair: run it where $${GOVULNDB:-https://vuln.go.dev} can be reached, or set GOVULNDB to a mirror or a file:// folder"; \
		[ "$(VULN_OFFLINE)" = pass ]; \
	else echo "$$out"; echo "repair: go get the fixed versions named above, then make notices"; exit 1; fi

.PHONY: fix
fix: $(FOREIGN) ## repair what a tool can repair: formats, imports, simple findings, go.mod
	@$(BUF) format proto -w
	@$(TOOL) golangci-lint run --fix ./... || true
	@$(TOOL) golangci-lint fmt ./...
	@cd bench && go tool -modfile=../tools/go.mod golangci-lint fmt --config ../.golangci.yml ./...
	@go mod tidy
	@go -C tools mod tidy
	@go -C bench mod tidy

.PHONY: test
test: ## the README's test command with the race detector and in random order, and bench
	@echo "== go test -race"
	@export GOFLAGS="$${GOFLAGS:-} -race -shuffle=on -timeout=30m"; \
	{ go test ./... && go -C bench test ./...; } || { echo "run one again: go test -race -run 'TestName' ./package (add -shuffle=N with the seed printed above)"; exit 1; }

.PHONY: e2e
e2e: $(FOREIGN) ## the real binary, grpcurl, official SDKs in Go, Node and Chromium, the README's commands
	@echo "== go test -tags e2e"
	@go test -tags e2e -count=1 -v -timeout $(E2E_TIMEOUT) -run '^TestE2E' ./cmd/cosgate || { echo "run one again: go test -tags e2e -v -run 'TestE2EName' ./cmd/cosgate"; exit 1; }

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (30s)
	@grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | while read -r file; do \
		dir=$$(dirname "$$file"); \
		grep -oE '^func Fuzz[A-Za-z0-9_]+' "$$file" | sed 's/^func //' | while read -r target; do \
			echo "== fuzz $$dir $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$dir" </dev/null || \
				{ echo "run it again: go test -run $$target $$dir (the input is in $$dir/testdata/fuzz; commit it with the fix)"; exit 1; }; \
		done; \
	done

.PHONY: bench
bench: ## measure against plain HTTP, the SDK and a minimal gateway (BENCHFLAGS=-quick, -help)
	@go -C bench build -o ../bin/bench . && bin/bench $(BENCHFLAGS)

.PHONY: run
run: ## the gateway with an embedded COS, nothing to configure
	@go run ./cmd/cosgate dev

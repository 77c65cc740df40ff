# `make help` lists the targets. Everything but `tools` needs Go alone;
# `test` also needs the servers that `tools` installs.

SHELL     := /bin/bash
FUZZTIME  ?= 10s
BENCHTIME ?= 1s
TESTFLAGS ?=
N         ?= 20
SEED      ?= 0
RUNS      ?= 1
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Debian keeps mariadbd and haproxy where only root's PATH looks.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

.PHONY: help tools format vet staticcheck test quick build bench microbench fuzz faults

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

tools: ## install what the tests start, where apt-get may be used
	@bash .ci/tools

format: ## fail if gofmt would change a file
	@files="$$(gofmt -l .)"; [ -z "$$files" ] || { printf 'gofmt would change:\n%s\n' "$$files" >&2; exit 1; }

vet: ## go vet
	go vet ./...

staticcheck: ## staticcheck, pinned
	go run $(STATICCHECK) ./...

test: tools format vet staticcheck ## everything a change must pass: checks, then all tests with the race detector
	CGO_ENABLED=1 go test -race -timeout=15m $(TESTFLAGS) $$(go list ./... | grep -v /hubbub-bench)
	@bash .ci/faults $(TESTFLAGS)

quick: ## the tests that need little more than Go: under 30 s
	go test $(TESTFLAGS) ./chat/... ./bus/... ./mw/...

build: ## ./hubbub: one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o hubbub ./cmd/hubbub

bench: ## two nodes against the goals, and a table, in a few minutes (BENCH_LONG=1: full sizes, RUNS=3: each thrice, BENCH_DIR=/tmp keeps the reports)
	$(if $(BENCH_DIR),mkdir -p $(abspath $(BENCH_DIR)) &&) cd cmd/hubbub-bench && go test -run='^$$' -bench='^BenchmarkGoals$$' -benchtime=1x -timeout=0 -goals.n=$(RUNS) $(if $(BENCH_LONG),-goals.long) $(if $(BENCH_DIR),-goals.dir=$(abspath $(BENCH_DIR)))

microbench: ## all other Go benchmarks, BENCHTIME=1s each
	go test -run='^$$' -bench=. -skip='^BenchmarkGoals$$' -benchmem -benchtime=$(BENCHTIME) ./...

fuzz: ## every fuzz target, FUZZTIME=10s each
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed -E 's|/[^/]+_test\.go:func | |' | \
	while read -r dir target; do \
		echo "== $$target in $$dir"; \
		go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "$$dir" </dev/null || exit 1; \
	done

faults: ## every fault N=20 times at random instants (SEED=1 repeats those of seed 1, LONG=1 lasts longer), and a table
	cd cmd/hubbub-bench && go test -count=1 -timeout=0 -run='^TestFaults$$' -faults.n=$(N) -faults.seed=$(SEED) $(if $(LONG),-faults.long)

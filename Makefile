# Few targets, each does one obvious thing. Go is all they need; the tests on
# boards also need root, iproute2, nftables and util-linux, and skip without.
GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
BUILD    := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'
UNITS    := $(shell $(GO) list ./... 2>/dev/null | grep -v -e /integration -e /packaging) ./integration/workload ./integration/atonce
# Counted, because a fuzz run that ends by time now and then fails for just that.
FUZZTIME ?= 20000x
ROUNDS   ?= 50
SEEDS    ?= 10000
# The Debian release of the boards with systemd: bullseye, bookworm or trixie.
SUITE    ?= bookworm
# Boards wait more than they work.
PARALLEL ?= 4
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
# The race detector needs a C compiler.
RACE     := $(shell command -v cc >/dev/null 2>&1 && echo -race)

.PHONY: build demo test lint unit explore fuzz sim sim-short boards boards-short containers arm64 arm64-demo \
	deb deb-test lintian repo chaos bench-found bench-life bench-idle bench-busy size clean

build: ## the agent for this machine: bin/agent
	$(BUILD) -o bin/agent ./cmd/agent

demo: build ## a fleet on loopback addresses, live
	bin/agent demo

test: lint unit explore fuzz sim-short boards-short deb-test lintian containers arm64-demo ## all of it, in the short forms; what CI runs

lint: ## gofmt, go vet for both architectures, staticcheck
	@out=$$(gofmt -l .); test -z "$$out" || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

unit: ## all packages but the boards, with the race detector
	$(if $(RACE),,@echo "no C compiler: the race detector is left out")
	$(GO) test $(RACE) -short $(UNITS)

explore: ## the founding agreement in all interleavings of small worlds, every combination of facts; EXPLORE=-full for the largest
	$(GO) test -count=1 -v -timeout 30m -run 'TestAgreement|TestCheckerCanFail' ./bootstrap/founding $(EXPLORE)
	$(GO) test -count=1 -v -run TestEveryCombination ./bootstrap

fuzz: ## what is read from outside: profiles, gossip, founding messages
	$(GO) test -run '^$$' -fuzz FuzzParse -fuzztime $(FUZZTIME) -fuzzminimizetime 20x ./profiles
	$(GO) test -run '^$$' -fuzz FuzzDecodeCard -fuzztime $(FUZZTIME) -fuzzminimizetime 20x ./discovery
	$(GO) test -run '^$$' -fuzz FuzzFilter -fuzztime $(FUZZTIME) -fuzzminimizetime 20x ./discovery
	$(GO) test -run '^$$' -fuzz FuzzStep -fuzztime $(FUZZTIME) -fuzzminimizetime 20x ./bootstrap/founding

sim: ## a fleet in memory around the real decisions, with faults by seed; SEEDS=1000000 overnight
	$(GO) test -count=1 -v -timeout 24h -run '^TestSimulation$$' ./bootstrap/sim -seeds $(SEEDS)

sim-short: ## 2 500 seeds, the planted faults, and the fake etcd beside the real one
	$(MAKE) sim SEEDS=2500
	$(GO) test -count=1 -timeout 10m -run 'Conforms|CanFail|Rows|Replays' ./bootstrap/sim

boards: ## real boards made of network namespaces, all of it (root)
	MUSTER_LONG=1 $(GO) test -count=1 -timeout 90m -parallel $(PARALLEL) ./integration ./integration/boards

boards-short: ## the same without the scenarios that take minutes
	$(GO) test -count=1 -timeout 25m -parallel $(PARALLEL) ./integration ./integration/boards

containers: ## boards with systemd, made of containers: the package's whole life, reboots, power cuts, the first boot (root); SUITE=trixie for all of them on that Debian
	MUSTER_SUITE=$(SUITE) $(GO) test -count=1 -timeout 25m ./integration/containers

arm64: ## the package on arm64 machines in the emulator, with Debian's kernel (root); MUSTER_LONG=1 adds a fleet of three
	$(GO) test -count=1 -v -timeout 120m -run 'TestBoard|TestFleet' ./integration/emulated -machines

arm64-demo: ## the arm64 agent's demo, its instructions emulated (root)
	$(GO) test -count=1 -v -timeout 15m -run TestDemo ./integration/emulated

deb: ## the packages for arm64, amd64 and armhf: dist/muster_VERSION_ARCH.deb
	packaging/build.sh

deb-test: ## two builds compared, contents, maintainer scripts, the package's life with dpkg, an upgrade with apt (root)
	$(GO) test -count=1 -timeout 30m ./packaging

lintian: deb ## all tags of whatever severity
	packaging/lintian.sh

repo: deb ## a signed apt repository of all packages in dist: dist/repo
	packaging/repo.sh

chaos: ## many foundings disturbed by power cuts and partitions at random moments (root); ROUNDS=1000 overnight
	MUSTER_ROUNDS=$(ROUNDS) $(GO) test -count=1 -v -timeout 12h -run FoundingDisturbed ./integration

bench-found: ## founding, next to three plain etcd servers with a static list (root)
	$(GO) test -count=1 -timeout 30m -run '^$$' -bench Found -benchtime 1x ./integration

bench-life: ## moves, deaths and growth, next to the same done by hand with etcdctl (root)
	$(GO) test -count=1 -timeout 60m -run '^$$' -bench Life -benchtime 1x ./integration

bench-idle: ## an idle fleet, next to three plain etcd: lines logged, bytes written, processor time; MUSTER_MINUTES=60 for longer (root)
	$(GO) test -count=1 -timeout 3h -run '^$$' -bench Idle -benchtime 1x ./integration

bench-busy: ## what is written to disks under a hundred puts a second, next to three plain etcd; MUSTER_MINUTES=60 for longer (root)
	$(GO) test -count=1 -timeout 3h -run '^$$' -bench Busy -benchtime 1x ./integration

size: ## stripped arm64 binary, memory of agent, etcd child and standby
	$(GO) test -count=1 -timeout 30m -v -run '^TestSize$$' ./integration -size

clean:
	rm -rf bin dist

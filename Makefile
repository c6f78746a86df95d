# `make run`, `make test` and `make check-fast` need Rust, a C compiler and make, nothing else. The other targets
# install or find what they need, or say what is missing; none of them skips.

SHELL := bash
.DEFAULT_GOAL := help

CARGO ?= cargo
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.2
# As in Cargo.toml.
GUNGRAUN_VERSION := 0.20.0
MDBOOK_VERSION := 0.5.4
# How long `make fuzz` runs each target.
FUZZ_SECONDS ?= 60
tools := target/tools
export PATH := $(CURDIR)/$(tools)/bin:$(PATH)

.PHONY: help
help: ## Shows this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Runs the gateway with a Feishu simulator: no account needed
	$(CARGO) run -- dev

.PHONY: test
test: ## Runs the tests
	@set -o pipefail; $(CARGO) test --locked --workspace | awk '{ print; fflush() } \
	  /^test result:/ { passed += $$4; failed += $$6; ignored += $$8 } \
	  END { printf "all tests: %d passed; %d failed; %d ignored\n", passed, failed, ignored }'

.PHONY: faults
faults: ## Writes docs/en/design/faults.md from the results of the fault matrix
	WRITE_FAULTS=1 $(CARGO) test --quiet --locked --test faults

.PHONY: openapi-current
openapi-current: ## Compares openapi/ with what the program says
	@set -o pipefail; for document in en:openapi.json zh:openapi.zh.json; do \
	  $(CARGO) run --quiet --locked -- openapi --lang $${document%%:*} | diff -u openapi/$${document#*:} - || \
	    { echo "openapi/$${document#*:} is not what the program says: run make openapi"; exit 1; }; done

.PHONY: openapi
openapi: ## Writes openapi/openapi.json and openapi/openapi.zh.json from the program
	@mkdir -p openapi
	$(CARGO) run --quiet --locked -- openapi > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json
	$(CARGO) run --quiet --locked -- openapi --lang zh > openapi/openapi.zh.json.new
	mv openapi/openapi.zh.json.new openapi/openapi.zh.json

.PHONY: fmt
fmt: ## Formats the code
	$(CARGO) fmt --all

.PHONY: lint
lint: ## Checks format, clippy's lints and the documentation's links
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	# All targets are those that `cargo test` runs, which this is not.
	$(CARGO) clippy --locked --test prove -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --document-private-items

.PHONY: deny
deny: $(tools)/cargo-deny-$(CARGO_DENY_VERSION) ## Checks the dependencies' licences and sources, and that no banned one is used
	$(CARGO) deny --locked check --hide-inclusion-graph bans licenses sources

.PHONY: advisories
advisories: $(tools)/cargo-deny-$(CARGO_DENY_VERSION) ## Asks RustSec's database for known vulnerabilities in dependencies (GitHub)
	$(CARGO) deny --locked check --hide-inclusion-graph advisories

$(tools)/cargo-deny-$(CARGO_DENY_VERSION):
	# Not optimised: its build takes longer than its runs.
	$(CARGO) install --locked --quiet --debug --no-default-features --root $(tools) cargo-deny@$(CARGO_DENY_VERSION)
	touch $@

.PHONY: models
models: ## Explores the models of limits and claims, and runs the queue under shuttle, in less than a minute after the build
	cd models && $(CARGO) fmt --check
	# What it warns of in the gateway's own files is `make lint`'s to say.
	$(CARGO) clippy --quiet --locked --manifest-path models/Cargo.toml --target-dir target/models --lib --tests -- -D warnings
	$(CARGO) test --locked --manifest-path models/Cargo.toml --target-dir target/models --lib --tests -- --nocapture
	$(CARGO) run --quiet --locked --manifest-path models/Cargo.toml --target-dir target/models --example queue 2>&1 \
	  | grep 'sleeps for ever\|lost wake-up\|panicked at'; exit $${PIPESTATUS[0]}

.PHONY: fuzz
fuzz: $(tools)/cargo-fuzz-$(CARGO_FUZZ_VERSION) ## Fuzzes each parser for FUZZ_SECONDS, 60 if not set (c++)
	# Without a sanitizer, which would need a nightly Rust: it finds misuse of memory, which safe code excludes.
	# What is found stays in target, and the next run begins with it.
	@for target in request answer event config key tool; do \
	  found=target/fuzz/found/$$target; \
	  mkdir -p $$found; \
	  $(CARGO) fuzz run --sanitizer none --target-dir target/fuzz $$target $$found fuzz/corpus/$$target \
	    -- -max_total_time=$(FUZZ_SECONDS) -timeout=10 -verbosity=0 -print_final_stats=1 || exit; \
	done

$(tools)/cargo-fuzz-$(CARGO_FUZZ_VERSION):
	$(CARGO) install --locked --quiet --debug --root $(tools) cargo-fuzz@$(CARGO_FUZZ_VERSION)
	touch $@

.PHONY: steps
steps: ## Checks the instructions of each step of a request against its budget (python3, valgrind)
.PHONY: steps-budget
steps-budget: ## Sets the budget of each step to the instructions that it takes now (python3, valgrind)

steps steps-budget: $(tools)/gungraun-runner-$(GUNGRAUN_VERSION)
	@mkdir -p target/steps
	$(CARGO) bench --quiet --locked --bench steps -- --parallel --output-format=json > target/steps/counted.json
	python3 benches/steps/budget.py target/steps/counted.json $(if $(filter steps-budget,$@),write)

$(tools)/gungraun-runner-$(GUNGRAUN_VERSION):
	$(CARGO) install --locked --quiet --debug --root $(tools) gungraun-runner@$(GUNGRAUN_VERSION)
	touch $@

.PHONY: docs
docs: $(tools)/mdbook-$(MDBOOK_VERSION) ## Builds the site of docs/ in target/docs and checks all links (node, npm, python3)
	e2e/docs/run.sh

$(tools)/mdbook-$(MDBOOK_VERSION):
	# Not optimised: its build takes longer than its runs.
	$(CARGO) install --locked --quiet --debug --no-default-features --features search --root $(tools) mdbook@$(MDBOOK_VERSION)
	touch $@

.PHONY: test-sdks
test-sdks: ## Runs Feishu's own SDKs and lark-mcp against the gateway (node, npm, python3, go, java, maven)
	e2e/sdk/run.sh

.PHONY: test-schemathesis
test-schemathesis: ## Tests the running API against its OpenAPI document (python3, curl)
	e2e/schemathesis/run.sh

.PHONY: test-browser
test-browser: ## Tests the pages and Swagger UI in Chromium (chromium, node, npm)
	e2e/browser/run.sh

.PHONY: screenshots
screenshots: ## Writes docs/images from the pages in Chromium (chromium, node, npm, a font with Chinese characters)
	e2e/browser/screenshots.sh

.PHONY: test-openapi
test-openapi: ## Lints the OpenAPI document with redocly and spectral (node, npm, python3)
	e2e/openapi/run.sh

.PHONY: test-clients
test-clients: ## Generates clients from the OpenAPI document and runs them (node, npm, python3, go)
	e2e/clients/run.sh

.PHONY: test-mcp
test-mcp: ## Runs MCP's conformance suite, Inspector and official clients against the gateway (node, npm, python3, go)
	e2e/mcp/run.sh

.PHONY: test-examples
test-examples: ## Runs docs/examples, some with what others wrote (curl, git, go, java, jq, node, npm, python3, rsync)
	e2e/examples/run.sh

# Of the workspace, as `make test` builds it: otherwise much would be built again. The harness has no tests.
.PHONY: simulate
simulate: ## Simulates histories: SEED=0x12 replays one, SEEDS=100 plays so many new ones, SECONDS=60 as many as that takes
	@$(CARGO) test --quiet --locked --workspace --exclude gateway-harness --lib -- --ignored --exact --nocapture simulation::tests::simulate

.PHONY: simulate-scale
simulate-scale: ## Simulates 1 to 100 gateways on one Redis for SECONDS (20), and a broadcast to RECEIVERS (1000): what Redis is asked for
	@$(CARGO) test --quiet --locked --workspace --exclude gateway-harness --lib -- --ignored --exact --nocapture simulation::scale::simulate_scale

.PHONY: simulate-coverage
simulate-coverage: ## Shows which lines of the core SEEDS (200) new histories reach (llvm-cov, llvm-profdata, python3)
	e2e/simulate/coverage.sh

.PHONY: simulate-faults
simulate-faults: ## Plants each fault of e2e/simulate/faults.txt, and shows which ones the simulation finds (rsync)
	e2e/simulate/faults.sh

.PHONY: test-replicas
test-replicas: ## Tests 1 to 4 gateways that share a real Redis, and breaks both (cc, openssl, python3, redis-server)
	e2e/replicas/run.sh

.PHONY: test-observability
test-observability: ## Tests alerts, dashboard and metrics with a real Prometheus (promtool, prometheus, python3, redis-server)
	e2e/observability/run.sh

.PHONY: test-chart
test-chart: ## Lints the Helm chart, runs its unit tests, validates what it renders (go, python3)
	e2e/chart/run.sh

.PHONY: chart-docs
chart-docs: ## Writes the chart's README and the snapshot of its unit tests (go)
	e2e/chart/generate.sh

.PHONY: test-chart-apiserver
test-chart-apiserver: ## Installs the chart on a real Kubernetes control plane (etcd, go, jq, openssl, python3)
	e2e/chart/apiserver.sh

.PHONY: test-deploy
test-deploy: ## Tests compose, the systemd unit and kustomize (go, promtool, prometheus, python3, redis-server, systemd-analyze)
	e2e/deploy/run.sh

.PHONY: test-image
test-image: ## Builds the image without a registry, and runs it read-only and unprivileged (root, buildah, debootstrap, valgrind)
	e2e/image/run.sh

.PHONY: test-upgrade
test-upgrade: ## Tests upgrade and rollback: an earlier build and this one share a Redis and hand over a SQLite file (git, redis-server)
	e2e/upgrade/run.sh

.PHONY: test-workflows
test-workflows: ## Lints the workflows of GitHub (go)
	e2e/workflows/run.sh

.PHONY: openapi-breaking
openapi-breaking: ## Compares the OpenAPI document with the last release's (go, python3)
	e2e/openapi/breaking.sh

.PHONY: soak
soak: ## Mixed load and random faults for SOAK_SECONDS (60); checks each answer against the ledger
	$(CARGO) test --locked --test prove -- soak

.PHONY: soak-replicas
soak-replicas: ## Soaks two gateways that share a Redis; kills and stops all three (redis-server)
	@command -v redis-server >/dev/null || { echo "redis-server is not installed" >&2; exit 2; }
	SOAK_REPLICAS=2 $(CARGO) test --locked --test prove -- soak

.PHONY: memory
memory: ## Measures the memory of a gateway after MEMORY_KEYS (a million) keys, optimised: it takes minutes
	$(CARGO) test --locked --release --test prove -- memory

.PHONY: overload
overload: ## Sends ten times what the limits allow; measures how fast the rest is refused, and what it slows down
	$(CARGO) test --locked --test prove -- overload

.PHONY: broadcasts
broadcasts: ## Kills KILLS (20) gateways in the middle of broadcasts, kept by SQLite and by Redis (redis-server)
	@command -v redis-server >/dev/null || { echo "redis-server is not installed" >&2; exit 2; }
	$(CARGO) test --locked --test prove -- broadcasts

.PHONY: broadcasts-cost
broadcasts-cost: ## Measures what a receiver of a broadcast costs, with RECEIVERS (10000) in each of ten broadcasts
	$(CARGO) test --locked --test prove -- broadcasts-cost

.PHONY: scale
scale: ## Measures what gateways (GATEWAYS, 4), apps (MORE_APPS, 200), tenants (TENANTS, 200), forwards and broadcasts cost a shared Redis (redis-server)
	@command -v redis-server >/dev/null || { echo "redis-server is not installed" >&2; exit 2; }
	$(CARGO) test --locked --test prove -- scale

.PHONY: bench
bench: ## Compares with nginx and with wrappers on the SDKs, writes docs/en/design/benchmarks.md (curl, nginx, node, npm, python3, redis-server, wrk, xz)
	benches/comparison/run.sh

.PHONY: cost
cost: ## Checks the instructions of a whole request against its budget (python3, valgrind, xz)
	benches/forward/run.sh

.PHONY: cost-budget
cost-budget: ## Sets the budget of a request to what it and the floor take now (llvm-profdata, openssl, python3, valgrind, xz)
	benches/forward/run.sh write

.PHONY: structure
structure: ## Measures the sources: files, functions, circles, documentation, names twice, comments (python3)
	@python3 benches/structure/measure.py

.PHONY: check-fast
check-fast: test lint openapi-current ## Runs what must hold for each commit, in a few minutes

.PHONY: check
check: ## Runs all that must hold before a merge, as CI does (most of an hour on two cores)
	.ci/run

.PHONY: release
release: ## Builds the program as in the image, without dev (xz)
	deploy/build.sh build

.PHONY: dist
dist: ## Makes a release's files for this architecture in target/dist (root, buildah, debootstrap, go, jq, xz)
	deploy/dist.sh

.PHONY: dist-reproducible
dist-reproducible: ## Makes them twice from nothing and compares; takes twice as long
	deploy/dist.sh --twice

.PHONY: profile
profile: ## Makes deploy/release.profdata.xz, the profile of release builds (llvm-profdata, openssl, python3, xz)
	benches/forward/profile.sh

.PHONY: clean
clean: ## Removes everything that was built and installed
	$(CARGO) clean
	rm -rf target

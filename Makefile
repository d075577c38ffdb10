# FaceQL: `make run` installs everything and serves; `make test` installs everything and runs all tests.

.DEFAULT_GOAL := help
.PHONY: help prepare graphiql try-graphiql run demo test test-clients test-graphiql torture check fuzz bench clean

PYTHON ?= python3
CLIENTS := tests/clients

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

prepare: ## Install ONNX Runtime, the standard model pack and the test photos into .faceql/
	@$(PYTHON) models/prepare.py

GRAPHIQL := web/graphiql
GRAPHIQL_PACKAGES := $(GRAPHIQL)/node_modules/.package-lock.json

graphiql: $(GRAPHIQL)/dist/index.html ## Build GraphiQL, the page served at / (needs Node 20.19 or newer)

$(GRAPHIQL)/dist/index.html: $(GRAPHIQL_PACKAGES) $(GRAPHIQL)/index.html $(GRAPHIQL)/vite.config.js $(wildcard $(GRAPHIQL)/src/*)
	@npm --prefix $(GRAPHIQL) run build

$(GRAPHIQL_PACKAGES): $(GRAPHIQL)/package-lock.json $(GRAPHIQL)/package.json
	@npm --prefix $(GRAPHIQL) ci --loglevel=error
	@touch $@

# The server also runs without it, and the page at / says how to build it.
try-graphiql:
	@command -v npm >/dev/null || { echo "GraphiQL is skipped: Node is not installed"; exit 0; }; \
	$(MAKE) --no-print-directory graphiql || echo "GraphiQL is skipped: it could not be built"

run: prepare try-graphiql ## Install everything and serve on 127.0.0.1:8080
	@exec cargo run --release --locked --bin faceql -- serve

demo: prepare try-graphiql ## Run the main workflow in the terminal: upload three photos, follow, compare
	@cargo build --release --locked --bin faceql
	@exec cargo run --release --locked --package faceql-demo

test: prepare ## Install what is needed and run all tests
	@$(PYTHON) -m unittest discover models/tests
	@cargo test --workspace --locked

test-clients: $(CLIENTS)/node_modules/.installed $(CLIENTS)/.venv/.installed test-graphiql ## Test with published GraphQL clients, and GraphiQL in a browser
	@node $(CLIENTS)/run.mjs

$(CLIENTS)/node_modules/.installed: $(CLIENTS)/package.json $(CLIENTS)/package-lock.json
	@cd $(CLIENTS) && npm ci --loglevel=error
	@touch $@

$(CLIENTS)/.venv/.installed: $(CLIENTS)/requirements.txt
	@$(PYTHON) -m venv --clear $(CLIENTS)/.venv
	@$(CLIENTS)/.venv/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

test-graphiql: prepare graphiql ## Test only GraphiQL in a browser (FACEQL_BINARY selects another binary)
	@test -n "$(FACEQL_BINARY)" || cargo build --locked --bin faceql
	@CHROMIUM=$$($(GRAPHIQL)/test/chromium) && export CHROMIUM && npm --prefix $(GRAPHIQL) test

TORTURE ?= --kills 200
torture: prepare ## Kill the server 200 times on a disk that fills up and is emptied; nothing acknowledged may be lost
	@cargo test --workspace --locked --test torture -- $(TORTURE)

check: ## Check format, lints, documentation, the checked-in schema and settings, licences
	@./.ci/check

fuzz: ## Fuzz the parsers of untrusted input, FUZZ_SECONDS (60) per target
	@./fuzz/run

bench: prepare ## Measure against references in the same run and print the ratios
	@cargo bench --workspace --locked --bench '*'

clean: ## Remove everything that was built and installed; your data in .faceql/data is kept
	@cargo clean
	@rm -rf $(GRAPHIQL)/dist $(GRAPHIQL)/node_modules $(GRAPHIQL)/screenshots
	@rm -rf .faceql/lib .faceql/packs .faceql/photos .faceql/downloads
	@rm -rf $(CLIENTS)/node_modules $(CLIENTS)/.venv
	@rm -rf fuzz/.tools fuzz/target

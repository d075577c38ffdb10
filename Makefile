# FaceQL: `make run` sets everything up and serves; `make test` sets up and tests.

.DEFAULT_GOAL := help
.PHONY: help prepare run demo test test-clients check bench clean

PYTHON ?= python3
CLIENTS := tests/clients

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

prepare: ## Install ONNX Runtime, the standard model pack and the test photos into .faceql/
	@$(PYTHON) models/prepare.py

run: prepare ## Set everything up and serve on 127.0.0.1:8080
	@cargo build --release --locked --bin faceql
	@exec ./target/release/faceql serve

demo: prepare ## Show the main job in the terminal: upload three photos, watch, compare
	@cargo build --release --locked --bin faceql --example demo
	@exec ./target/release/examples/demo

test: prepare ## Set up and run every test
	@$(PYTHON) -m unittest discover models/tests
	@cargo test --workspace --locked

test-clients: prepare $(CLIENTS)/node_modules/.installed $(CLIENTS)/.venv/.installed ## Test with the GraphQL clients that people use
	@test -n "$$FACEQL_BINARY" || cargo build --locked --bin faceql
	@node $(CLIENTS)/run.mjs

$(CLIENTS)/node_modules/.installed: $(CLIENTS)/package.json $(CLIENTS)/package-lock.json
	@cd $(CLIENTS) && npm ci --loglevel=error
	@touch $@

$(CLIENTS)/.venv/.installed: $(CLIENTS)/requirements.txt
	@$(PYTHON) -m venv --clear $(CLIENTS)/.venv
	@$(CLIENTS)/.venv/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

check: ## Check format, lints, documentation, the checked-in schema and settings, licences
	@./.ci/check

bench: prepare ## Measure against references in the same run, and print the ratios
	@cargo bench --locked --package vision
	@cargo bench --locked --package faceql

clean: ## Remove what was built and set up; your data in .faceql/data stays
	@cargo clean
	@rm -rf .faceql/lib .faceql/packs .faceql/photos .faceql/downloads
	@rm -rf $(CLIENTS)/node_modules $(CLIENTS)/.venv

# Everything a newcomer does in this project, from a fresh clone with Python 3.11 and make.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# A name on PATH can be a version manager's stub that does not run, so both are tried, not only found.
PYTHON ?= $(shell for name in python3.11 python3; do "$$name" -c pass 2>/dev/null && { echo "$$name"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
# Written last, so that a setup that was interrupted is done again.
STAMP := $(VENV)/.installed
UV_VERSION := 0.13.9

# More for pytest, as in: make test PYTEST_ARGS='-k finalize'
PYTEST_ARGS ?=
# How long each part of the fuzzer runs, and more for it, as in:
# make fuzz FUZZ_SECONDS=600 FUZZ_ARGS='edge --seed 1'
FUZZ_SECONDS ?= 60
FUZZ_ARGS ?=
# Which modules are mutated, and for how long, as in: make mutation MUTATION_ARGS='resolve.keys --seconds 60'
MUTATION_ARGS ?=
# More for pip-audit, as in: make check AUDIT_ARGS='--vulnerability-service osv'
AUDIT_ARGS ?=
# How long chaos lives histories against the model, in memory and then on the real control plane.
MODEL_SECONDS ?= 300
# More for scale, chaos, flood and soak, as in: make chaos RUN_ARGS='--seconds 600 --seed 7'
RUN_ARGS ?=
# More for certs, as in: make certs CERTS_ARGS='--namespace elsewhere'
CERTS_ARGS ?=
# On which Kubernetes e2e, e2e-short and local run, as in: make e2e KUBERNETES=1.35.4. ASSETS is the
# command that prints the folder of a version; without a version, KUBEBUILDER_ASSETS names the folder.
KUBERNETES ?=
ASSETS ?= setup-envtest use -p path
SBOM ?= sbom.cdx.json

ON_KUBERNETES = $(if $(KUBERNETES),KUBEBUILDER_ASSETS="$$($(ASSETS) $(KUBERNETES))"; \
	export KUBEBUILDER_ASSETS KUBERNETES=$(KUBERNETES);)

# Without this, macOS and Windows terminals, and C locales, could show the README's signs wrongly.
export PYTHONUTF8 := 1
# Other environments' settings of these would let the tests import something else than this checkout.
unexport PYTHONPATH
unexport PYTHONHOME

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(STAMP) ## Make .venv with everything pinned (again only when the pins change)
	@:

# The lock is complete, so nothing is resolved (--no-deps): a resolver would look at newer versions
# of what only a dependency names, and refuse them for want of a hash. `pip check` finds what lacks.
$(STAMP): requirements-dev.txt
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python found: install Python 3.11 or later, or say where it is: make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$("$(PYTHON)" --version 2>&1); Python 3.11 or later is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up $(VENV) with $$("$(PYTHON)" --version) (about a minute, once)"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip --disable-pip-version-check check >$(VENV)/pip-check.log || { cat $(VENV)/pip-check.log; exit 1; }
	@touch $@

# Neighbours stay in one process, so that what a file's tests share is made once or twice.
SPREAD := -n auto --dist worksteal

.PHONY: run
run: $(STAMP) ## Show the main job on examples/, without a cluster
	@$(BIN)/python -m hooks preview examples/

.PHONY: test
test: $(STAMP) ## Run every test that needs only Python, with full coverage of the service
	@$(BIN)/python -m pytest tests --ignore=tests/e2e -m 'not long' $(SPREAD) --cov --cov-fail-under=100 $(PYTEST_ARGS)

.PHONY: test-changed
test-changed: $(STAMP) ## Run the tests that touch what is not committed (seconds)
	@$(BIN)/python -m tools.changed_tests $(PYTEST_ARGS)

.PHONY: test-long
test-long: $(STAMP) ## Run the tests that take minutes: recipes, the image, sensitivity of the model
	@$(BIN)/python -m pytest tests --ignore=tests/e2e -m long $(SPREAD) $(PYTEST_ARGS)

.PHONY: e2e
e2e: $(STAMP) ## Run the tests on a real control plane (needs KUBERNETES or KUBEBUILDER_ASSETS)
	@$(ON_KUBERNETES) $(BIN)/python -m pytest tests/e2e -rs $(SPREAD) $(PYTEST_ARGS)

.PHONY: e2e-short
e2e-short: $(STAMP) ## Run those of them that say most about another version (a minute)
	@$(ON_KUBERNETES) $(BIN)/python -m pytest tests/e2e -rs $(SPREAD) -m short $(PYTEST_ARGS)

.PHONY: check
check: $(STAMP) ## Check style, types, import rules and known vulnerabilities
# The audit does nothing but wait for the network, so the others do not wait for it.
	@$(MAKE) audit >$(VENV)/audit.log 2>&1 & audit=$$!; \
	$(BIN)/ruff check --quiet .; \
	$(BIN)/ruff format --quiet --check . || { echo "Not formatted; this mends it: $(BIN)/ruff format ." >&2; exit 1; }; \
	$(BIN)/mypy --no-error-summary; \
	$(BIN)/lint-imports --no-cache >$(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }; \
	echo "Style, types and import rules: all fine"; \
	wait $$audit || { cat $(VENV)/audit.log; exit 1; }; \
	cat $(VENV)/audit.log

.PHONY: audit
audit: $(STAMP) ## Look for known vulnerabilities in what the locks pin, where an index can be asked
	@$(BIN)/python -m tools.audit $(AUDIT_ARGS)

.PHONY: wheel
wheel: $(STAMP) ## Build the wheel with the kubectl plugin into dist/
	@$(BIN)/python -m hatchling build --target wheel

.PHONY: sbom
sbom: $(STAMP) ## List what the image runs as CycloneDX: versions, hashes, licences (sbom.cdx.json)
	@$(BIN)/python -m tools.sbom $(SBOM)

.PHONY: api-reference
api-reference: $(STAMP) ## Write docs/api-reference.md from the custom resource definition
	@$(BIN)/python -m tools.api_reference

.PHONY: monitoring
monitoring: $(STAMP) ## Write what is generated in monitoring/ from its rules, and what the chart has of it
	@$(BIN)/python -m tools.monitoring
	@$(BIN)/python -m tools.chart

.PHONY: chart
chart: $(STAMP) ## Write what the Helm chart has from elsewhere: definitions, types of settings, table of values
	@$(BIN)/python -m tools.chart

.PHONY: bench
bench: $(STAMP) ## Measure speed and memory as ratios, and fail when one is over its limit
	@$(BIN)/python -m tests.benchmarks

.PHONY: scale
scale: $(STAMP) ## Measure how time, memory and requests grow, and draw docs/scale.svg (RUN_ARGS)
	@$(BIN)/python -m tests.benchmarks.scale $(RUN_ARGS)

.PHONY: chaos
chaos: $(STAMP) ## Run random histories against a model, then break part after part, 250 times (RUN_ARGS)
	@$(BIN)/python -m tests.model --seconds $(MODEL_SECONDS)
	@$(BIN)/python -m tests.model --seconds $(MODEL_SECONDS) --real
	@$(BIN)/python -m tests.reliability chaos $(RUN_ARGS)

.PHONY: flood
flood: $(STAMP) ## Overload the product, and print which syncers wait for which (RUN_ARGS)
	@$(BIN)/python -m tests.reliability flood $(RUN_ARGS)

.PHONY: soak
soak: $(STAMP) ## Run random histories until Ctrl-C, and print by how much the hook grows (RUN_ARGS)
	@$(BIN)/python -m tests.reliability soak $(RUN_ARGS)

.PHONY: fuzz
fuzz: $(STAMP) ## Put mutated requests to the hook and to the running service (FUZZ_SECONDS=60 each)
	@$(BIN)/python -m tests.fuzzing --seconds $(FUZZ_SECONDS) $(FUZZ_ARGS)

.PHONY: mutation
mutation: $(STAMP) ## Change the modules that decide, one thing at a time, and see a test fail (an hour)
	@$(BIN)/python -m tests.mutation $(MUTATION_ARGS)

.PHONY: certs
certs: $(STAMP) ## Make the webhook's certificate and key for metacontroller/components/tls
	@$(BIN)/python -m tools.certificates $(CERTS_ARGS)

.PHONY: local
local: $(STAMP) ## Start a control plane, Metacontroller and the hook, and leave them running to try things
	@$(ON_KUBERNETES) $(BIN)/python -m tests.controlplane

.PHONY: lock
lock: ## Pin requirements.in and requirements-dev.in again
	@tools="$$(mktemp -d)"; trap 'rm -rf "$$tools"' EXIT; \
	"$(PYTHON)" -m venv "$$tools"; \
	"$$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	for name in requirements requirements-dev; do \
		UV_CUSTOM_COMPILE_COMMAND="make lock" "$$tools/bin/uv" pip compile --quiet --universal \
			--python-version 3.11 --generate-hashes --no-emit-index-url \
			--excludes requirements-excluded.in $(LOCK_ARGS) \
			"$$name.in" --output-file "$$name.txt"; \
	done
	@echo "requirements.txt and requirements-dev.txt are up to date (newer versions: make lock LOCK_ARGS=--upgrade)"

.PHONY: clean
clean: ## Remove everything that the other targets made
	@rm -rf $(VENV) sbom.cdx.json .coverage .coverage.* htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .fuzzing mutants
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

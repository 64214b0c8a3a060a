# Every command a person needs, and the ones CI runs. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FIXTURE := fixtures/her2-positive-fdg-response/input.json
READY := $(VENV)/.ready
PEERS := $(VENV)/.peers
PATIENTS := 5000
MCODE := build/mcode
MCODE_PACKAGE := hl7.fhir.us.mcode
MCODE_VERSION := 4.0.0
MCODE_SHA256 := 6bdb93934e2c0a859198e8c1c21eccb28915c73535d18c75c515c03bba9c45de

AXE := build/axe
AXE_VERSION := 4.14.1
AXE_SHA256 := e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
CHROMIUM ?= /usr/bin/chromium
FUZZ := 100000
SEED := oncology

HAPI := build/hapi/classes/peer/Hapi.class
HAPI_SOURCES := tests/peers/hapi/pom.xml $(shell find tests/peers/hapi/src -type f)
VALIDATOR := build/validator/classes/peer/Validator.class
VALIDATOR_SOURCES := tests/peers/validator/pom.xml $(shell find tests/peers/validator/src -type f)

.PHONY: help demo test fuzz test-network test-servers test-spark test-browser test-validator test-all conformance screenshots soak serve
.PHONY: bench bench-compare bench-memory cohort-bench audit sbom mcode hapi validator axe clean

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(READY) ## Interpret one synthetic patient, tissue and PET, and print the result for a person
	@$(BIN)/onco-adapter interpret $(FIXTURE) --summary
	@printf '\n%s\n%s\n' "The same as a page: 'make serve', then open http://127.0.0.1:8080/try/$(notdir $(patsubst %/,%,$(dir $(FIXTURE))))" \
	  "A Bundle of your own: http://127.0.0.1:8080/try"

test: $(READY) ## Style, types, the proofs over mappings/, and every test that needs no network
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/onco-adapter check
	$(BIN)/pytest -m "not (browser or network or servers or spark or validator)"

test-network: $(READY) mcode ## Only the tests that read the mCODE package
	$(BIN)/pytest -m network

test-servers: $(READY) hapi ## Only the tests that need PostgreSQL and HAPI FHIR JPA
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { echo "PostgreSQL was not found: the tests start one of their own. On Debian or Ubuntu: apt install postgresql" >&2; exit 1; }
	$(BIN)/pytest -m servers

test-spark: $(PEERS) ## Only the tests that start Apache Spark, which needs Java 17 or newer
	@command -v java >/dev/null || { echo "Java was not found: Spark needs version 17 or newer. On Debian or Ubuntu: apt install default-jre-headless" >&2; exit 1; }
	$(BIN)/pytest -m spark

test-browser: $(PEERS) axe ## Only the tests of the pages in a browser; pictures go to build/screenshots
	@test -x $(CHROMIUM) || { echo "Chromium was not found: it shows the pages that the tests look at. On Debian: apt install chromium, or name yours with CHROMIUM=/path" >&2; exit 1; }
	CHROMIUM=$(CHROMIUM) $(BIN)/pytest -m browser

screenshots: test-browser ## Make the pictures of README.md again
	cp build/screenshots/first-look.png build/screenshots/uptake.png $(dir $(FIXTURE))

test-validator: $(READY) mcode validator ## Only the tests that ask HL7's validator about everything we emit
	$(BIN)/pytest -m validator

test-all: test test-network test-servers test-validator test-spark test-browser ## Everything, with what it needs fetched into build/

conformance: $(READY) mcode validator ## Judge everything we emit by HL7's validator, and print how far it can be trusted
	@$(BIN)/onco-adapter conform
	@$(BIN)/python -m tests.conformance.figures

fuzz: $(READY) ## 100,000 hostile requests (FUZZ=1000 asks fewer, SEED=x asks others), on all cores
	@$(BIN)/python -m tests.fuzz.run --requests $(FUZZ) --seed $(SEED)

soak: $(READY) ## 10,000 notifications, two workers, random kills; some minutes, and figures at the end
	@$(BIN)/python -m tests.soak.soak

serve: $(READY) ## Run the service on 127.0.0.1:8080
	$(BIN)/onco-adapter serve --auth none

bench: $(READY) ## Measure the speed beside fhir.resources, orjson and fhirpathpy, and keep it in build/bench.json
	@$(BIN)/python -m tests.bench.bench

bench-compare: $(READY) ## Set two reports of make bench side by side: make bench-compare A=old.json B=new.json
	@$(BIN)/python -m tests.bench.compare $(A) $(B)

bench-memory: $(READY) ## Send 100,000 requests and print what the workers hold; some minutes
	@$(BIN)/python -m tests.bench.memory

audit: $(PEERS) ## Look for known holes in every locked package; fails on one that could not be looked up
	@$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off --requirement requirements.lock

sbom: $(PEERS) ## Write the list of all locked packages to build/sbom.json (CycloneDX)
	@mkdir -p build
	@$(BIN)/python -W ignore -m cyclonedx_py requirements requirements.lock --pyproject pyproject.toml --mc-type application \
	  --output-format JSON --output-reproducible --output-file build/sbom.json
	@echo "build/sbom.json" >&2

cohort-bench: $(PEERS) ## Measure whole cohorts, on this machine and on Spark: make cohort-bench PATIENTS=5000
	@command -v java >/dev/null || { echo "Java was not found: Spark needs version 17 or newer. On Debian or Ubuntu: apt install default-jre-headless" >&2; exit 1; }
	@$(BIN)/python -m tests.cohort.bench --patients $(PATIENTS)

mcode: $(MCODE)/package/package.json

hapi: $(HAPI)

axe: $(AXE)/package/axe.min.js
validator: $(VALIDATOR)

clean: ## Remove the environment and everything that tools made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The lock names every package with its hashes, so a changed file on an index is refused.
$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed, and '$(PYTHON)' was not found. Try: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "This Python has no venv module. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Preparing $(VENV) (the first time takes about a minute) ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

# What only the tests with a marker need, on top of the same pinned packages.
$(PEERS): requirements-peers.lock $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-peers.lock
	@touch $(PEERS)

$(MCODE)/package/package.json:
	@command -v npm >/dev/null || { echo "npm was not found: it fetches the mCODE package for the tests marked 'network'. Install Node.js, or run 'make test' for all other tests." >&2; exit 1; }
	@mkdir -p $(MCODE)
	@cd $(MCODE) && npm pack --silent $(MCODE_PACKAGE)@$(MCODE_VERSION) >/dev/null
	@$(PYTHON) -c 'import hashlib, sys; sys.exit(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest() != sys.argv[2])' \
	  $(MCODE)/$(MCODE_PACKAGE)-$(MCODE_VERSION).tgz $(MCODE_SHA256) \
	  || { echo "The fetched mCODE package is not the one that the tests were written for (wrong SHA-256)." >&2; exit 1; }
	@tar -xzf $(MCODE)/$(MCODE_PACKAGE)-$(MCODE_VERSION).tgz -C $(MCODE)
	@touch $@

$(AXE)/package/axe.min.js:
	@command -v npm >/dev/null || { echo "npm was not found: it fetches axe, which checks the pages for people who cannot see them well. Install Node.js, or run 'make test' for all other tests." >&2; exit 1; }
	@mkdir -p $(AXE)
	@cd $(AXE) && npm pack --silent axe-core@$(AXE_VERSION) >/dev/null
	@$(PYTHON) -c 'import hashlib, sys; sys.exit(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest() != sys.argv[2])' \
	  $(AXE)/axe-core-$(AXE_VERSION).tgz $(AXE_SHA256) \
	  || { echo "The fetched axe package is not the one that the tests were written for (wrong SHA-256)." >&2; exit 1; }
	@tar -xzf $(AXE)/axe-core-$(AXE_VERSION).tgz -C $(AXE)
	@touch $@

$(HAPI): $(HAPI_SOURCES)
	@command -v mvn >/dev/null && command -v javac >/dev/null || { echo "Maven and a JDK of 17 or newer were not found: they build HAPI FHIR JPA for the tests marked 'servers'. On Debian or Ubuntu: apt install maven default-jdk-headless" >&2; exit 1; }
	@mvn --quiet --batch-mode --file tests/peers/hapi/pom.xml process-classes
	@touch $@

$(VALIDATOR): $(VALIDATOR_SOURCES)
	@command -v mvn >/dev/null && command -v javac >/dev/null || { echo "Maven and a JDK of 17 or newer were not found: they build HL7's validator for the tests marked 'validator'. On Debian or Ubuntu: apt install maven default-jdk-headless" >&2; exit 1; }
	@mvn --quiet --batch-mode --file tests/peers/validator/pom.xml process-classes
	@touch $@

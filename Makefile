# Two commands matter: `make run` (set up, run the nightly job on the bundled sample) and `make test` (set up, run all tests).
# Needs git, make and Python 3.11 or newer; uv is used where it is present, and fetched into the environment where not.

VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test check fast e2e fuzz audit build docs site clean setup

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make run     set up and run the nightly job on the bundled sample
run: $(VENV)/.ready
	$(BIN)/basewatch nightly --sample

## make test    set up and run all checks and tests
test: check fast e2e

## make check   linters, types, import layers, SQL style, data dictionary up to date
check: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --processes 2 sql
	$(BIN)/python -m basewatch.warehouse.dictionary --check warehouse/README.md
	$(BIN)/python -m basewatch.cli.documents --check docs

## make fast    unit tests, SQL cases and contract tests
fast: $(VENV)/.ready-dev
	$(BIN)/pytest -m "not e2e" -n 2 --dist worksteal

## make e2e     whole runs, servers, browsers
e2e: $(VENV)/.ready-dev
	$(BIN)/pytest -m e2e -n 3 --dist loadfile

## make fuzz    ten minutes of hostile bytes for every reader (minutes=…); make fast tries a few
fuzz: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/fuzz.py --minutes $(or $(minutes),10)

## make audit   every dependency with its licence, held against known advisories where these can be reached
audit: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/audit.py

## make docs    write the pages that say what the code says: data dictionary, configuration, command line
docs: $(VENV)/.ready-dev
	$(BIN)/python -m basewatch.warehouse.dictionary warehouse/README.md
	$(BIN)/python -m basewatch.cli.documents docs

## make site    the guide as a site, in build/site; every link is checked
site: $(VENV)/.ready-dev
	$(BIN)/mkdocs build --quiet

## make build   wheel and sdist
build: $(VENV)/.ready-dev
	$(BIN)/python -m build --no-isolation

## make clean   remove the environment and caches (never the warehouse)
clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis build dist src/*.egg-info

setup: $(VENV)/.ready

# The locks hold hashes and no addresses, so both uv and pip verify what any registry serves.
define install
	@set -e; \
	uv=$$(command -v uv || true); \
	if [ -z "$$uv" ]; then \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) && uv=$(BIN)/uv || uv=; \
	fi; \
	if [ -n "$$uv" ]; then \
	  echo "installing from $(1) with $$uv"; \
	  "$$uv" pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r $(1); \
	  "$$uv" pip install --quiet --python $(BIN)/python --no-deps -e .; \
	else \
	  echo "installing from $(1) with pip"; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(1); \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .; \
	fi
	@touch $@
endef

$(BIN)/python:
	@set -e; for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "Python 3.11 or newer is needed; name one with make PYTHON=…" >&2; exit 2; fi; \
	$$found -m venv $(VENV) || { echo "python -m venv failed: on Debian install python3-venv" >&2; exit 2; }

$(VENV)/.ready: requirements.lock pyproject.toml | $(BIN)/python
	$(call install,requirements.lock)

$(VENV)/.ready-dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(call install,requirements-dev.lock)
	@touch $(VENV)/.ready

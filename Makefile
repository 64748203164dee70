# Every target makes what it needs: a virtual environment in .venv, with the newest Python from 3.11 on that starts.
.DEFAULT_GOAL := help
.PHONY: help dev demo test test-slow test-pip lint type format bench bench-docs docs picture build clean

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
TESTS ?=
WORKERS ?= auto

help:  ## Show this list.
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/made:
	@test -n "$(PYTHON)" || { echo "wheelwarm needs Python 3.11 or later: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

$(VENV)/installed: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

dev: $(VENV)/dev  ## Make the environment for work on wheelwarm.

demo: $(VENV)/installed  ## Warm pip's real cache for a real requirements file, and let pip prove it.
	@BIN=$(BIN) sh examples/demo.sh

test: $(VENV)/dev  ## Run the tests with coverage (TESTS='-k name' for some).
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) -m 'not pip_matrix and not slow' $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-slow: $(VENV)/dev  ## Run what takes longest: older pips, nox and pre-commit, killed processes, benches.
	$(BIN)/python -m pytest -n $(WORKERS) -m 'slow and not pip_matrix' $(TESTS)

test-pip: $(VENV)/dev  ## Run what is judged by the whole matrix of pip versions (slow).
	$(BIN)/python -m pytest -n $(WORKERS) -m pip_matrix $(TESTS)

lint: $(VENV)/dev  ## Check style.
	$(BIN)/ruff format --check
	$(BIN)/ruff check

type: $(VENV)/dev  ## Check types.
	$(BIN)/mypy

format: $(VENV)/dev  ## Mend style.
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/dev  ## Measure against pip, as ratios in one run.
	$(BIN)/python -m tests.bench

docs: $(VENV)/installed  ## Write docs/commands.md from the program.
	$(BIN)/python -m wheelwarm.cli.manual > docs/commands.md

picture: $(VENV)/installed  ## Draw docs/prefetch.svg from a real run (needs an index).
	$(BIN)/python examples/picture.py docs/prefetch.svg

bench-docs: $(VENV)/dev  ## Measure filling, and write the README's table and docs/bench.svg.
	$(BIN)/python -m tests.bench fill --docs .

build: $(VENV)/made  ## Build sdist and wheel into dist/.
	$(BIN)/python -m pip install --quiet build
	$(BIN)/python -m build

clean:  ## Remove everything that the other targets made.
	rm -rf $(VENV) build dist .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find wheelwarm tests -name __pycache__ -type d -prune -exec rm -rf {} +

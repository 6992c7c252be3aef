# Every verb a developer needs. Plain `make` prints them.
.DEFAULT_GOAL := help
.PHONY: help install demo test check fix chaos bench eval docs migration lock clean

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The long ones first, so that the short ones fill up the end. Two files at a time, since most of them wait; with a
# Redis database of yours one at a time, since each test empties it.
TESTS := tests/acceptance tests/integration tests/house tests/unit
TESTERS ?= $(if $(BIFROST_TEST_REDIS_URL),1,2)
# These hold the processes to their seconds: nothing else runs beside them.
ALONE := tests/acceptance/test_cancelling.py tests/acceptance/test_poison.py tests/acceptance/test_stopping.py

help: ## print this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  \033[1mmake %-10s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A stamp in .venv for each lock file: pip runs only when the lock has changed.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Bifrost needs Python 3.11 or newer; say which: make PYTHON=python3.12 …"; exit 1; }
	@echo "Making $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing Bifrost from its lock …"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "Installing what the tests need …"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

install: $(VENV)/dev.stamp ## install everything into .venv

demo: $(VENV)/run.stamp ## start the embedded stack, diagnose the example logs, stop
	@$(BIN)/bifrost-cli demo

test: $(VENV)/dev.stamp ## pass all tests: unit, house, integration, acceptance; hold the coverage
	@$(BIN)/coverage erase
	@$(BIN)/python -m pytest $(TESTS) $(ALONE:%=--ignore=%) --numprocesses=$(TESTERS) --dist=loadfile --no-loadscope-reorder --cov --cov-report=
	@$(BIN)/python -m pytest $(ALONE)
	@$(BIN)/coverage report --include='app/domain/*,app/services/*,app/pipeline/*' --fail-under=90

check: $(VENV)/dev.stamp ## what CI holds before the tests, cheap first: format, lint, types, contracts, unit tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/unit tests/house --quiet

fix: $(VENV)/dev.stamp ## format and repair what can be repaired
	@$(BIN)/ruff check --fix-only --exit-zero --quiet .
	@$(BIN)/ruff format .

chaos: $(VENV)/dev.stamp ## kill, freeze, flush and cut under load for about ten minutes; print what was lost (nothing)
	@$(BIN)/python -m tests.chaos

bench: $(VENV)/dev.stamp ## measure: submissions, end to end, preparation
	@$(BIN)/python -m tests.bench

eval: $(VENV)/dev.stamp ## score the rules and the configured models on labeled logs: make eval ARGS="--group held_out --json"
	@$(BIN)/python -m tests.evals $(ARGS)

docs: $(VENV)/dev.stamp ## write the generated pages of docs/ anew
	@$(BIN)/python docs/generate.py

migration: $(VENV)/dev.stamp ## begin a migration: make migration NAME="what it does"
	@test -n "$(NAME)" || { echo 'say what it does: make migration NAME="…"'; exit 2; }
	@$(BIN)/alembic revision -m "$(NAME)" --rev-id "$$(printf %04d $$(($$(ls migrations/versions/[0-9]*.py | wc -l) + 1)))"

lock: $(BIN)/python ## compile the lock files anew
	@$(PIP) install uv
	@PATH="$(CURDIR)/$(BIN):$$PATH" requirements/compile.sh --upgrade

clean: ## remove what was made
	rm -rf $(VENV) build dist *.egg-info .coverage* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

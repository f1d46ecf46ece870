# Everything a newcomer needs. `make help` lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DATA   ?= data
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help up test check format lock shot bench evaluate clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Sanse needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

up: $(STAMP)  ## start everything on this machine with the demo park; Ctrl-C stops all
	$(BIN)/sanse up --data $(DATA)

test: $(STAMP)  ## run every test that this machine can run
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup

check: $(STAMP)  ## format, lint, types, import contracts, templates, translations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/upgrade-check.py web/templates | (! grep -v hx-disable)  # its one false finding
	$(BIN)/python -m pytest -q tests/web/test_language.py

format: $(STAMP)  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(STAMP)  ## pin all dependencies anew, with hashes and without addresses
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-annotate --no-header --no-emit-index-url --python-version 3.11 pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-annotate --no-header --no-emit-index-url --python-version 3.11 --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

shot: $(STAMP)  ## take screenshots of the main pages of a running stack into build/shots
	$(BIN)/python -m tools.shot --data $(DATA)

bench: $(STAMP)  ## run every benchmark and write docs/performance.md
	$(BIN)/python -m benchmarks.all

evaluate: $(STAMP)  ## judge the rules in force on real and injected data and write docs/evaluation.md and the file the service ships
	$(BIN)/python -m benchmarks.evaluate

clean:  ## remove what was built here (not the data)
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# make demo   set everything up and run the whole path; VIDEOS=folder uses your own videos
# make test   set everything up and check it: lint, types, import rules, tests

VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
DEMO_OUT ?= demo_run

.PHONY: setup demo test lint clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "emoforge needs Python 3.11 or newer; name one with: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo,dev]'
	touch $@

demo: setup
	$(BIN)/emoforge demo --out $(DEMO_OUT) $(if $(VIDEOS),--videos "$(VIDEOS)")

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/emoforge weights fetch
	$(BIN)/pytest

clean:
	rm -rf $(VENV) demo_run build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

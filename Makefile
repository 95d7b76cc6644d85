# `make` prints the targets. `make run` and `make test` need Python 3.11+ and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONTZPATH :=  # zones come from the pinned tzdata; zones.py sees to it in any case
APP := $(VENV)/.app-installed
DEV := $(VENV)/.dev-installed

.DEFAULT_GOAL := help
.PHONY: help run graphiql test check quick livekit-test format lock outdated migrations schema clean

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(APP) graphiql ## a demo academy on http://127.0.0.1:8000
	@$(BIN)/python main.py demo --serve

test: $(DEV) ## the tests, on SQLite and PostgreSQL, side by side, and what they cover
	$(BIN)/python -m pytest -n auto --cov --cov-report=
	@echo "Covered, branches too: $$($(BIN)/coverage report --format=total) %. Of domain, and of actions/writing:"
	@$(BIN)/coverage report --include='domain/*' --fail-under=95
	@$(BIN)/coverage report --include='actions/writing/*' --fail-under=95

check: $(DEV) ## what is quick to know: format, lint, types, import contracts
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

quick: check ## the same, and the unit tests: about a minute, and no server is started
	$(BIN)/python -m pytest -n auto tests/unit

livekit-test: $(DEV) ## the tests against a real livekit-server
	$(BIN)/python -m pytest tests/livekit

format: $(DEV) ## put the code in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

schema: $(DEV) ## write schema/schema.graphql from the code
	$(BIN)/python main.py schema print > schema/schema.graphql.new
	mv schema/schema.graphql.new schema/schema.graphql

migrations: $(DEV) ## write the next migration from the models: make migrations name=what_changes
	$(BIN)/python -m models.migrations $(name)
	$(BIN)/ruff check --quiet --fix models/migrations
	$(BIN)/ruff format --quiet models/migrations

PIN := uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-header

lock: ## pin requirements/*.in, with hashes; needs uv
	$(PIN) requirements/app.in -o requirements/app.lock
	$(PIN) -c requirements/app.lock requirements/dev.in -o requirements/dev.lock

outdated: $(DEV) ## which pinned packages have a newer release
	@$(BIN)/python -m pip list --outdated --disable-pip-version-check --exclude pip --exclude setuptools

clean: ## remove what make made
	rm -rf $(VENV) graphiql/node_modules graphiql/dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

graphiql: ## build our own GraphiQL page, where npm is there
	@if ! command -v npm >/dev/null; then echo "No npm here: /graphql will load GraphiQL from a CDN."; \
	else $(MAKE) --no-print-directory graphiql/dist || \
		echo "GraphiQL could not be built: /graphql will load it from a CDN."; fi

graphiql/dist: $(wildcard graphiql/*.js graphiql/*.html graphiql/package*.json)
	@echo "Building GraphiQL …"
	@cd graphiql && npm ci --no-audit --no-fund --no-progress --loglevel=error >/dev/null && npm run --silent build
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Halaqa needs Python 3.11 or newer; $(PYTHON) is not. Try: make PYTHON=python3.12 run"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(APP): requirements/app.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/app.lock
	@touch $@

$(DEV): requirements/dev.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@ $(APP)

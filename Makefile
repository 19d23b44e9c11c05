# Two commands do everything: `make demo` and `make test`. The rest are their parts.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.PHONY: demo test check fmt bench setup setup-dev packages test-packages cluster-build cluster-up cluster-down lock clean

demo: setup ## the whole product on this machine: http://localhost:8888
	$(BIN)/kubectl-ai-slack demo $(DEMO_ARGS)

test: setup-dev test-packages check ## everything, on the real parts; says what it skips and why
	$(BIN)/python scripts/run_tests.py $(TEST_ARGS)

check: setup-dev ## format, lint, types, architecture
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

fmt: setup-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup-dev ## figures; asserts nothing
	$(BIN)/python -m bench

setup: packages $(VENV)/.installed

setup-dev: setup $(VENV)/.installed-dev

packages: ## Debian packages that are missing (root or sudo; otherwise says what to install)
	@scripts/packages.sh

test-packages: ## what only the tests need: jq, PostgreSQL, and Debian's Chromium
	@scripts/packages.sh tests

# Hashes pin every dependency (the locks are complete, so nothing is resolved); the project itself is installed without any.
PIP_INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-compile

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --require-hashes -r requirements.lock
	$(PIP_INSTALL) --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

cluster-build: ## builds Kubernetes, gVisor and agent-sandbox into the cache (about 15 minutes the first time)
	$(PYTHON) -m tests.cluster build

cluster-up: cluster-build
	$(PYTHON) -m tests.cluster up

cluster-down:
	$(PYTHON) -m tests.cluster down --wipe

COMPILE = uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header -q pyproject.toml

lock: ## pins the dependencies of pyproject.toml again; needs uv
	$(COMPILE) --group build -o requirements.lock
	$(COMPILE) --group build --group test --group dev -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

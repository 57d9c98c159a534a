# The verbs of this project. `make serve` and `make test` need only make and Python 3.11+:
# what is missing is installed into .venv, from the locks, with hashes.

PYTHON ?= python3
PORT ?= 3001
URL ?= http://127.0.0.1:$(PORT)
CODEC ?= json
STORY ?= work
SECONDS ?= 600
TIMES ?= 20
BIN := .venv/bin
# The benchmarks leave out the peers where Node is not there to run them.
PEERS := $(if $(shell command -v npm),.venv/peers.installed)
UV := .venv/lock/bin/uv
# A file stays on one worker, whose servers its tests share.
WORKERS := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Of the wheel, with its own Node, so that the machine needs none.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --silent --no-audit --no-fund --ignore-scripts
# One version of each package for every Python: a branch of the lock would be one that nobody runs.
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-header --no-emit-index-url

.PHONY: help serve demo test shake proxies check lint fmt fmt-check type bench bench-peers soak docs lock clean

help:  ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' $(MAKEFILE_LIST) | awk -F: '{printf "  make %-10s%s\n", $$1, $$2}'

serve: .venv/runtime.installed  ## Serve everything on PORT (3001), over emulators
	@$(BIN)/bountyexpo serve

demo: .venv/runtime.installed  ## Play a STORY (work, dispute, ..., all) against URL, over CODEC (json, msgpack)
	@$(BIN)/bountyexpo demo --url $(URL) --codec $(CODEC) --story $(STORY)

test: .venv/dev.installed .venv/js.installed  ## Run the tests; ARGS="-k name" narrows them
	@$(BIN)/python -m pytest $(WORKERS) $(ARGS)

shake: .venv/dev.installed .venv/js.installed  ## Run the tests TIMES (20) in random orders on a busy machine
	@$(BIN)/python -m tests.shaken --times $(TIMES) $(WORKERS) $(ARGS)

proxies: .venv/dev.installed .venv/debian.installed  ## Run the tests with programs of Debian's packages
	@$(BIN)/python -m pytest -m debian $(ARGS)

check: lint fmt-check type test  ## Everything that continuous integration runs

lint: .venv/dev.installed  ## Check the code with ruff
	@$(BIN)/ruff check .

fmt: .venv/dev.installed  ## Format the code, and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix-only . && $(BIN)/ruff format .

fmt-check: .venv/dev.installed  ## Check that the code is formatted
	@$(BIN)/ruff format --check .

type: .venv/dev.installed  ## Check the types with mypy
	@$(BIN)/mypy

bench: .venv/dev.installed $(PEERS)  ## Measure this machine against the goals; ARGS="messages --json" narrows
	@$(BIN)/python -m bench $(ARGS)

docs: .venv/dev.installed  ## Write the parts of docs/ that come from the code: rules, machines, ledger, protocol
	@$(BIN)/python docs/diagrams.py
	@$(BIN)/python docs/ledger_page.py
	@$(BIN)/python docs/protocol_page.py

bench-peers: .venv/dev.installed .venv/peers.installed  ## Compare with ws, websockets, Fastify ...
	@$(BIN)/python -m bench peers $(ARGS)

soak: .venv/dev.installed  ## Repeat tests many times; load and kill the server for SECONDS (600)
	@TEST_REPETITIONS=20 $(BIN)/python -m pytest -n auto --maxprocesses 4 -m repeated
	@$(BIN)/python -m bench.soak --seconds $(SECONDS)

lock: $(UV) .venv/dev.installed  ## Write the locks again from requirements/*.in
	@$(COMPILE) requirements/runtime.in --output-file requirements/runtime.lock
	@$(COMPILE) requirements/dev.in --constraint requirements/runtime.lock \
		--output-file requirements/dev.lock
	@$(COMPILE) bench/peers/requirements.in --output-file bench/peers/requirements.lock
	@$(NPM) install --prefix tests/clients/js --package-lock-only --omit-lockfile-registry-resolved

clean:  ## Remove the installed packages, the embedded data and all caches
	@rm -rf .venv .data .mypy_cache .ruff_cache .pytest_cache .hypothesis

# One rule installs either lock; it runs again when the lock or the project's settings change.
.venv/%.installed: requirements/%.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("bountyexpo needs Python 3.11 or newer; name one \
	with: make PYTHON=/path/to/python3" if sys.version_info < (3, 11) else 0)'
	@echo "Installing $< into .venv (once, and again when it changes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@touch $@

# The clients of others that the tests play, for the Node of the wheel.
.venv/js.installed: tests/clients/js/package-lock.json .venv/dev.installed
	@echo "Installing the packages of tests/clients/js into .venv/js ..."
	@mkdir -p .venv/js && cp tests/clients/js/package*.json .venv/js/
	@$(NPM) ci --prefix .venv/js
	@touch $@

# Packages are only unpacked, so that it needs no rights and leaves the machine as it is.
.venv/debian.installed: tests/proxies/packages.txt
	@echo "Unpacking the packages of $< into .venv/debian ..."
	@rm -rf .venv/debian && mkdir -p .venv/debian
	@cd .venv/debian && apt-get download --quiet --quiet $$(grep -v '^#' ../../$<) \
		|| { echo "They need Debian or Ubuntu, and a fresh list: apt-get update"; exit 1; }
	@for package in .venv/debian/*.deb; do dpkg --extract $$package .venv/debian; done
	@touch $@

# What the service is compared with lives in an environment of its own, Node's packages included.
.venv/peers.installed: bench/peers/requirements.lock bench/peers/package-lock.json
	@echo "Installing the peers into .venv/peers ..."
	@test -x .venv/peers/bin/python || $(PYTHON) -m venv .venv/peers
	@.venv/peers/bin/pip install --quiet --disable-pip-version-check --require-hashes \
		-r bench/peers/requirements.lock
	@mkdir -p .venv/peers/node && cp bench/peers/package*.json .venv/peers/node/
	@npm ci --prefix .venv/peers/node --silent --no-audit --no-fund
	@touch $@

$(UV):
	@$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv

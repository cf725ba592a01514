# `make help` says what there is. Nothing is needed beforehand but Python 3.11 and make.

HOST ?= 127.0.0.1
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.runtime-ready
DEV_READY := $(VENV)/.dev-ready
# Folders that come with later work are checked from the day they exist.
CODE := $(wildcard src tests scripts bench)

export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup run test check fix golden docs bench clients soak sizes lock clean

help:  ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(READY)  ## Install headgate into .venv (PYTHON=... picks the interpreter)

# The shell becomes the gateway, so a SIGTERM reaches it, and its exit code 0 is make's too. A
# SIGTERM sent to make is passed on and the gateway drains as well, but make then ends by that
# signal itself: GNU make allows nothing else.
run: $(READY)  ## Start headgate with the built-in lab provider (HOST=..., PORT=...)
	@exec $(BIN)/headgate demo --host $(HOST) --port $(PORT)

test: $(DEV_READY)  ## Run the tests (ARGS=... for pytest)
	$(BIN)/pytest $(ARGS)

check: $(DEV_READY)  ## Lint, formatting, types, and who imports whom
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

fix: $(DEV_READY)  ## Repair what lint and formatting can repair
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

golden: $(DEV_READY)  ## Rewrite the golden files; the diff is the review
	HEADGATE_GOLDEN=rewrite $(BIN)/pytest tests/golden $(ARGS)

docs: $(READY)  ## Rewrite the tables in docs/reference/ that the code knows better
	$(BIN)/python -m scripts.reference

bench: $(DEV_READY)  ## Measure headgate beside haproxy and nginx, into bench/results/
	$(BIN)/python -m bench $(ARGS)

clients: $(DEV_READY)  ## Run Claude Code, Codex, Gemini CLI... through headgate (ARGS=names; 2 GB)
	$(BIN)/python -m scripts.clients $(ARGS)

soak: $(DEV_READY)  ## Run the long tests that look for leaks
	$(BIN)/pytest -m soak $(ARGS)

sizes:  ## Print the longest functions and files
	@$(BIN)/python scripts/sizes.py

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

lock:  ## Write requirements/ anew from pyproject.toml (needs uv; UPGRADE=--upgrade for newer)
	$(LOCK) $(UPGRADE) pyproject.toml -o requirements/runtime.txt
	$(LOCK) $(UPGRADE) requirements/build.in -o requirements/build.txt
	$(LOCK) $(UPGRADE) pyproject.toml --extra dev -c requirements/runtime.txt \
		-o requirements/dev.txt

clean:  ## Remove .venv and everything that tools left behind
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each half: a repeat is instant, and a changed lock installs again.
$(READY): pyproject.toml requirements/build.txt requirements/runtime.txt scripts/setup.sh
	@scripts/setup.sh runtime
	@touch $@

$(DEV_READY): $(READY) requirements/dev.txt
	@scripts/setup.sh dev
	@touch $@

# `make up` and `make test` need nothing before them; `make help` explains itself.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(PYTHON) config/install.py
# Long files come first, whatever needs the engine before all (tests/workers.py): xdist
# shall not sort them anew.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup compile up down status logs check test test-fast bench bench-peers soak chaos profile docs

help: ## Show this list
	@echo "Tokenfab, the front office of a token fab."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Settings go before or behind, for instance: PORT=9000 ENGINE=simulator make up"
	@echo "  All of them: docs/operations.md"

setup: ## Install the packages into .venv (up and test do it themselves)
	@$(INSTALL) base

compile: setup ## Compile the proxy: a call costs two thirds of the CPU time
	@$(INSTALL) compile
	@$(BIN)/python -m config.compiled

up: setup ## Start everything and stay in the foreground; Ctrl-C stops it
	@$(BIN)/python manage.py up

down: setup ## Stop it from another terminal
	@$(BIN)/python manage.py down

status: setup ## Show processes, addresses and the engine's progress
	@$(BIN)/python manage.py status || true

logs: setup ## Follow the logs; one process with NAME=web
	@$(BIN)/python manage.py logs $(NAME)

check: ## Format, lint, types, import contracts, migrations, architecture
	@$(INSTALL) dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/architecture

test: compile ## Everything, with the real engine and a real browser; says what it skips
	@$(INSTALL) dev
	@$(INSTALL) chromium
	@$(BIN)/python -m inference.engine prepare || echo "The engine is not ready: its tests are skipped."
	$(BIN)/pytest $(PARALLEL)

test-fast: ## Everything but engine and browser, within three minutes
	@$(INSTALL) dev
	$(BIN)/pytest $(PARALLEL) -m "not engine and not browser"

bench: compile ## Measure the proxy beside its peers, and the shipper: twelve minutes at most
	@$(INSTALL) dev
	$(BIN)/python -m benchmarks.bench

bench-peers: ## Install the peers that `make bench` measures beside ours
	@$(INSTALL) dev
	$(BIN)/python -m benchmarks.install_peers

soak: compile ## Load the proxy for half an hour with 10,000 keys (DURATION=seconds)
	@$(INSTALL) dev
	$(BIN)/python -m benchmarks.soak

chaos: compile ## Kill processes of a running Tokenfab 200 times and count (KILLS=, SEED=)
	@$(INSTALL) dev
	$(BIN)/python -m benchmarks.chaos

profile: ## Show where the proxy spends its CPU time under load (SCENARIO=streamed)
	@$(INSTALL) dev
	$(BIN)/python -m benchmarks.loop_profile

docs: ## Check the documents: links, commands, settings
	@$(INSTALL) dev
	$(BIN)/pytest -q tests/docs

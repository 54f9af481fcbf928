# Few targets; `make` explains them. Everything lives in .venv, made from requirements/dev.lock.
.DEFAULT_GOAL := help
.PHONY: help demo test check bench lock up down clean venv

LANES ?= unit,engine,prefect,chaos,jenkins
ARGS ?=
TARGET ?= docker
CONTEXT ?=
# Tests wait more than they compute: more workers than two cores.
WORKERS ?= 3
bin := .venv/bin

help: ## this page
	@printf 'make <target>\n\n'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

demo: venv ## the whole story in about three minutes: commit to production, and back; TARGET=kubernetes on a cluster (CONTEXT=)
	@$(if $(filter kubernetes,$(TARGET)),$(bin)/python scripts/demo_cluster.py up "$(CONTEXT)",$(bin)/slipway demo --target="$(TARGET)") $(ARGS)

up: venv ## start the local stack (registry, Prefect server, worker) and wait until it is ready
	@$(bin)/slipway up $(ARGS)

down: venv ## stop the local stack; nothing is left behind
	@$(bin)/python scripts/demo_cluster.py down
	@$(bin)/slipway down --apps $(ARGS)

test: venv ## run the tests; LANES=unit,engine,prefect,chaos,jenkins,kubernetes chooses, WORKERS=0 takes one process, ARGS='-k word' goes to pytest
	@$(bin)/python -m tests --lanes="$(LANES)" --numprocesses="$(WORKERS)" $(ARGS)

check: venv ## format, lint, types, rooms, lock, sizes: all must be clean (ONLY=types runs one)
	@$(bin)/python scripts/check.py $(ONLY)

bench: venv ## measure what must stay fast beside the plain way, and write docs/performance.md (ARGS="--only p4,p5")
	@$(bin)/python -m bench $(ARGS)

lock: venv ## resolve pyproject.toml into requirements/*.lock (ARGS=--upgrade for the newest)
	@$(bin)/python scripts/lock.py $(ARGS)

clean: ## remove .venv and all caches (not .slipway: that is state, `make down` first)
	@rm -rf .venv build *.egg-info .*_cache .hypothesis .coverage*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@scripts/bootstrap

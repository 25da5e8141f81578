# Two commands are enough: `make smoke` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
# auto, pull or build: how setup.sh gets images.
IMAGES ?= auto
TOX := .venv/bin/tox
VENV := .venv/.ready

.PHONY: help setup smoke test lint types unit checks-doc report-schema lock bundle clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Engine, compose, images, secrets, Python environment; safe to repeat
	@stack/scripts/setup.sh --yes --with-tests --images $(IMAGES)
	@$(MAKE) --silent $(VENV)

smoke: setup ## Set up, start the stack, follow one event into InfluxDB, stop it
	@$(TOX) run -e smoke

test: setup ## Everything that gates a change
	@$(TOX) run -e lint,types,repo,unit,smoke,smoke-homeassistant,deployment,integration,acceptance-fast,foreign-gate,bench-proof

lint: $(VENV) ## ruff, shellcheck, hadolint
	@$(TOX) run -e lint

types: $(VENV) ## mypy --strict
	@$(TOX) run -e types

unit: $(VENV) ## Unit tests; no engine needed
	@$(TOX) run -e unit

checks-doc: $(VENV) ## Write docs/CHECKS.md from the checks of stackproof
	@$(TOX) run -qq -e generate -- docs/CHECKS.md python -m stackproof.catalogue

report-schema: $(VENV) ## Write the schema of capacity's report.json from its structs
	@$(TOX) run -qq -e generate -- benchmarks/src/capacity/document/report.schema.json capacity schema

bundle: setup ## Save all images to ha-ingestor-images.tar.gz for hosts without a registry
	@stack/scripts/setup.sh --yes --with-tests --save-bundle ha-ingestor-images.tar.gz

clean: ## Remove environments and caches; images, volumes and secrets stay
	rm -rf .venv .tox .mypy_cache .ruff_cache .pytest_cache

# uv comes with pip and its own pins; everything else comes with uv, which checks the
# hashes of constraints.txt for local packages too, where pip refuses them.
UV_PIN := awk '/^uv==/ {on = 1} on; on && !/\\$$/ {exit}' constraints.txt

$(VENV): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	@echo "making .venv with tox"
	@$(PYTHON) -m venv --clear .venv
	@$(UV_PIN) > .venv/uv.txt
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement .venv/uv.txt
	@.venv/bin/uv pip install --quiet --python .venv --constraint constraints.txt --group front-door
	@touch $(VENV)

LOCAL := services/servicekit services/websocket-ingestion services/enrichment-pipeline \
	services/admin-api suites/simulator suites/reference suites/stackproof[influx] \
	benchmarks[load,run]
LOCAL_NAMES := servicekit websocket-ingestion enrichment-pipeline admin-api ha-simulator \
	reference-stack stackproof capacity
LOCK_GROUPS := front-door build lint repo unit smoke types bench bench-micro
COMPILE := .venv/bin/uv pip compile --quiet $(UPGRADE) --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command 'make lock'

lock: $(VENV) ## Renew the pins from all pyproject.toml; UPGRADE=--upgrade for newer versions
	@printf -- '-e ./%s\n' $(LOCAL) > .venv/lock.in
	@$(COMPILE) --universal --python-version 3.11 $(LOCK_GROUPS:%=--group %) \
	  $(LOCAL_NAMES:%=--no-emit-package %) --output-file constraints.txt .venv/lock.in
	@$(COMPILE) --python-version 3.13.2 --output-file stack/docker/homeassistant/requirements.txt \
	  stack/docker/homeassistant/requirements.in

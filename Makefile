# make run and make test each make their own environment; nothing but Python 3.11 is needed.
PYTHON ?= python3.11
BIN := .venv/bin
export DAGSTER_DISABLE_TELEMETRY := yes
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help venv run test lint bench audit docs ui

help:
	@echo "make run    materialize the demo graph in ./synth_demo and show what came out"
	@echo "make test   lint, types and the test suite"
	@echo "make ui     Dagster's web pages on the demo"
	@echo "make bench  speed and accuracy beside the peers (slow; see docs/benchmarks.md)"
	@echo "make audit  slow statistical audits of the privacy claims"

venv: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "this needs Python 3.11: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "making .venv (a minute or two) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

run: venv
	@$(BIN)/synth-assets run

test: lint
	$(BIN)/python -m pytest -n 2

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: venv
	$(BIN)/python -m benchmarks

audit: venv
	$(BIN)/python -m pytest -m audit -n 2

docs: venv
	$(BIN)/python -c "import json; from synth_assets.spec import Spec; print(json.dumps(Spec.model_json_schema(), indent=1))" > docs/spec.schema.json
	$(BIN)/python -m benchmarks.points

ui: venv
	@$(BIN)/synth-assets ui

# Everything is installed into .venv, as constraints.txt pins it; nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

AZURITE := 3.37.0

# Tests and commands are hundreds of processes: without bytecode each would compile the project anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo dev test test-thorough check azurite lint validate docs format benchmark soak fuzz clean

help:
	@echo "make demo       from an approver's yes to a SQL table, in this terminal"
	@echo "make dev        the Dagster UI on port 3000, or PORT=..., the approver's page on 3001, or APPROVER_PORT=..., the insights on 3003, or INSIGHTS_PORT=..."
	@echo "make test       the tests"
	@echo "make check      formatting, lint, types, and the tests of rules, which need no sandbox: for every save"
	@echo "make test-thorough  the tests, with many more examples of each property, for every night"
	@echo "make azurite    Azure's storage for the tests and a benchmark, into .azurite; needs npm"
	@echo "make azure-cli  az for the tests that point it at the sandbox, into .azure-cli; 730 MB"
	@echo "make lint       formatting, lint, types"
	@echo "make validate   load the code location as Dagster does"
	@echo "make supply     what is shipped: build/sbom.cdx.json, build/licences.md; ADVISORIES=... looks for known holes"
	@echo "make docs       write the generated pages in docs/, and what the mart's SQL reads"
	@echo "make benchmark  how fast it is, beside plain code, in one table and docs/performance.md"
	@echo "make soak       random steps, kills, clock steps and faults, five seeds for two minutes each; SEEDS=... MINUTES=..."
	@echo "make fuzz       malformed inputs of every kind, a hundred thousand; SEEDS=... INPUTS=..."
	@echo "make format     format the code"
	@echo "make clean      remove .venv; the data in .o365 stays"

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml constraints.txt
	@echo "installing into $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "installing what the tests need ..."
	@$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/.installed-benchmark: $(VENV)/.installed-test
	@echo "installing what the benchmarks measure beside: polars, Spark (which needs Java 17), ..."
	@$(PIP) --editable '.[test,benchmark]'
	@touch $@

$(VENV)/.installed-lint: $(VENV)/.installed
	@echo "installing what the linters need ..."
	@$(PIP) --editable '.[test,lint]'
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/o365-pipeline demo

dev: $(VENV)/.installed
	@$(BIN)/o365-pipeline dev $(if $(PORT),--port $(PORT)) $(if $(APPROVER_PORT),--approver-port $(APPROVER_PORT)) $(if $(INSIGHTS_PORT),--insights-port $(INSIGHTS_PORT))

# Workers begin with tests that lie together, which share what is made once for a module. One more than there are cores,
# since some tests wait for servers and processes of their own; those of rules wait for nothing.
WORKERS = $(shell echo $$(($$($(BIN)/python -c 'import os; print(os.cpu_count())') + 1)))
PYTEST = $(BIN)/python -m pytest --dist worksteal

test: $(VENV)/.installed-test
	@$(PYTEST) --numprocesses $(WORKERS) --durations 20 --durations-min 1

test-thorough: $(VENV)/.installed-test
	@$(PYTEST) --numprocesses $(WORKERS) --durations 20 --durations-min 1 --hypothesis-profile thorough

check: lint
	@$(PYTEST) --numprocesses auto --quiet -m rules --hypothesis-profile save

azurite: .azurite/node_modules/.bin/azurite-blob

# Node has a list of authorities of its own; those of a company's proxy are in the system's.
.azurite/node_modules/.bin/azurite-blob: export NODE_EXTRA_CA_CERTS ?= $(wildcard /etc/ssl/certs/ca-certificates.crt)
.azurite/node_modules/.bin/azurite-blob:
	@echo "installing azurite $(AZURITE) into .azurite ..."
	@npm install --silent --no-save --no-package-lock --no-audit --no-fund --prefix .azurite azurite@$(AZURITE)

# An environment of its own: az is no dependency, and pins what it needs.
AZURE_CLI := 2.91.0
.PHONY: azure-cli
azure-cli: .azure-cli/.installed-$(AZURE_CLI)

.azure-cli/.installed-$(AZURE_CLI):
	@echo "installing azure-cli $(AZURE_CLI) into .azure-cli ..."
	@rm -rf .azure-cli && $(PYTHON) -m venv .azure-cli
	@.azure-cli/bin/python -m pip install --quiet --disable-pip-version-check azure-cli==$(AZURE_CLI)
	@touch $@

lint: $(VENV)/.installed-lint
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy o365_pipeline o365_pipeline_tests benchmarks deploy/supply_chain.py

# ADVISORIES=... is a checkout of github.com/pypa/advisory-database, which a machine without a network can be given.
.PHONY: supply
supply: $(VENV)/.installed-lint
	@$(BIN)/python deploy/supply_chain.py $(if $(ADVISORIES),--advisories $(ADVISORIES))

# Deprecated calls are errors; the one that is ignored is made by Dagster itself.
validate: $(VENV)/.installed
	@$(BIN)/python -W error::DeprecationWarning -W 'ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning' \
	  -m dagster definitions validate --workspace workspace.yaml

docs: $(VENV)/.installed-test
	@$(BIN)/o365-pipeline docs
	@$(BIN)/python -m o365_pipeline.mart.sql_reading

benchmark: $(VENV)/.installed-benchmark
	@PYTHONPATH=. $(BIN)/python -W ignore benchmarks/report.py

SEEDS ?= 1 2 3 4 5
MINUTES ?= 2

soak: $(VENV)/.installed-test
	@for seed in $(SEEDS); do $(BIN)/python -m benchmarks.soak --seed $$seed --minutes $(MINUTES) || exit 1; done

INPUTS ?= 100000

fuzz: $(VENV)/.installed-test
	@$(BIN)/python -m benchmarks.fuzz --seed $(firstword $(SEEDS)) --inputs $(INPUTS)

format: $(VENV)/.installed-lint
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV)

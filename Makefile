# Everything a contributor types. Works with GNU make 3.81 and needs only Python 3.11 or newer.
# Environments: .venv (commands, tests) and .drawops/ (tools, local cloud). Nothing outside the project is touched.

.DEFAULT_GOAL := help
SHELL := /bin/sh

# The first interpreter that is new enough; PYTHON=/path/to/python chooses another.
ifndef PYTHON
PYTHON := $(shell for name in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v "$$name" && break; done)
endif

# The user's uv, else one of our own in .drawops/tools.
UV_VERSION := 0.13.9
TOOLS := .drawops/tools
UV := $(shell command -v uv 2>/dev/null || echo $(TOOLS)/bin/uv)

VENV := .venv
IN_VENV := $(VENV)/bin
SETUP := $(VENV)/drawops-setup
PACKAGES := layers/core containers/vision .
LOCKED := $(wildcard requirements/*.in layers/*/requirements.in local/requirements/*.in containers/*/requirements*.in \
	benchmarks/peers/requirements*.in)
TYPED := layers/core/drawops containers/vision/drawops_vision cli/drawops_cli local/drawops_local \
	console/drawops_console functions containers/inference containers/training/drawops_training benchmarks docs/reference
DEXPI ?= ../shared/data/dexpi
SHEETS ?= dexpi,hard,mechanical

# A make around the recipe must not talk to the make that `sam build` runs for the layer.
NO_MAKE := MAKEFLAGS= MFLAGS= MAKELEVEL=

# torch has an environment of its own (containers/training/requirements.in says why).
TRAINING := .drawops/envs/training
# PaddleOCR as its users have it, without torch: the two must never share a process.
STOCK := .drawops/envs/paddleocr
BASELINE := .drawops/cache/baseline-model.tar.gz

.PHONY: help setup demo demo-learning test test-training lint format types lock vendor up down benchmark benchmark-platform clean

help: ## this list
	@echo "drawops: read engineering drawings on AWS or on this machine"
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-26s %s\n", $$1, $$2 }'
	@echo
	@echo "  $(IN_VENV)/drawops --help      the command itself, after make setup"

setup: $(SETUP) ## install everything into .venv (done once; the other targets call it)

demo: $(SETUP) ## read three sample drawings on a local cloud of its own, then stop it
	@$(NO_MAKE) exec $(IN_VENV)/drawops demo

demo-learning: $(SETUP) ## labels, training, gate, approval, deployment on a local cloud of its own (30 minutes, 6 GB)
	@$(NO_MAKE) exec $(IN_VENV)/drawops demo-learning

test: lint types ## lint, types and the whole test suite, local cloud included
	@$(NO_MAKE) $(IN_VENV)/python -m pytest tests/unit -n 2 --dist loadfile --durations=15
	@$(NO_MAKE) exec $(IN_VENV)/python -m pytest --ignore=tests/unit --durations=15

test-training: $(TRAINING)/drawops-setup $(STOCK)/drawops-setup $(BASELINE) ## what needs torch or PaddleOCR, in environments of their own (5 and 1 GB on Linux)
	@$(TRAINING)/bin/mypy --follow-imports=silent containers/training/drawops_training
	@$(TRAINING)/bin/python -m pytest --confcutdir=tests/training -m training tests/training --durations=5
	@$(STOCK)/bin/python -m pytest --confcutdir=tests/training -m training tests/training/test_stock_paddleocr.py --durations=5

lint: $(SETUP) ## ruff and cfn-lint
	@$(IN_VENV)/ruff check .
	@$(IN_VENV)/ruff format --check --quiet . || { echo "Run make format."; exit 1; }
	@$(IN_VENV)/cfn-lint template.yaml

format: $(SETUP) ## let ruff rewrite the code
	@$(IN_VENV)/ruff check --fix-only --quiet .
	@$(IN_VENV)/ruff format .

types: $(SETUP) ## mypy, strict
	@$(IN_VENV)/mypy $(TYPED)

lock: $(UV) ## pin all requirements*.in again; UPGRADE=1 takes newer versions
	@for source in $(LOCKED); do \
		echo "$$source"; \
		$(UV) pip compile --quiet "$$source" --universal --python-version 3.11 --generate-hashes --no-header \
			--no-emit-index-url --no-emit-find-links --no-emit-package drawops --no-emit-package drawops-core \
			--no-emit-package drawops-vision $(if $(UPGRADE),--upgrade) -o "$${source%.in}.txt" >/dev/null || exit 1; \
	done

vendor: ## take the web page's libraries anew from npm, as console/package-lock.json pins them (needs Node.js)
	@cd console && npm ci --silent --ignore-scripts --no-fund --no-audit && node vendor.mjs && rm -rf node_modules

up: $(SETUP) ## start the local cloud with drawops in it
	@$(NO_MAKE) exec $(IN_VENV)/drawops up

down: $(SETUP) ## stop the local cloud; its state is kept
	@$(IN_VENV)/drawops down

benchmark: $(SETUP) ## drawops against other OCR engines on the same sheets (SHEETS=dexpi,hard MODEL=folder)
	@$(IN_VENV)/python -m benchmarks.peers --sheets "$(SHEETS)" $(if $(MODEL),--model "$(MODEL)")

benchmark-platform: $(SETUP) ## read the DEXPI sheets through a local cloud of its own and score them
	@$(NO_MAKE) $(IN_VENV)/python -m benchmarks.read_through_platform --labels "$(DEXPI)/Label.txt"

clean: ## remove what was built; drawings of the local cloud (.drawops/cloud) stay
	@if [ -x $(IN_VENV)/drawops ]; then $(IN_VENV)/drawops down; fi
	@rm -rf $(VENV) .drawops/envs .drawops/images .drawops/cache .drawops/tools .drawops/demo .drawops/demo-logs \
		.drawops/peers .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis results/demo

$(SETUP): requirements/dev.txt pyproject.toml layers/core/pyproject.toml containers/vision/pyproject.toml | $(UV)
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is needed. Install it, or name it: make PYTHON=/path/to/python"; exit 1; fi
	@$(IN_VENV)/python -c '' 2>/dev/null || { echo "making $(VENV)"; $(UV) venv --quiet --clear --python "$(PYTHON)" $(VENV); }
	@echo "installing the locked packages into $(VENV)"
	@$(UV) pip install --quiet --python $(IN_VENV)/python --require-hashes -r requirements/dev.txt
	@$(UV) pip install --quiet --python $(IN_VENV)/python --no-deps $(foreach package,$(PACKAGES),-e ./$(package))
	@touch $@

$(TRAINING)/drawops-setup: containers/training/requirements-test.txt | $(SETUP) $(UV)
	@echo "installing the locked packages into $(TRAINING)"
	@$(UV) venv --quiet --clear --python $(IN_VENV)/python $(TRAINING)
	@$(UV) pip install --quiet --python $(TRAINING)/bin/python --require-hashes -r $<
	@$(UV) pip install --quiet --python $(TRAINING)/bin/python --no-deps -e ./layers/core -e ./containers/vision \
		-e ./containers/training
	@touch $@

$(STOCK)/drawops-setup: containers/training/requirements-paddleocr.txt | $(SETUP) $(UV)
	@echo "installing the locked packages into $(STOCK)"
	@$(UV) venv --quiet --clear --python $(IN_VENV)/python $(STOCK)
	@$(UV) pip install --quiet --python $(STOCK)/bin/python --require-hashes -r $<
	@touch $@

$(BASELINE): containers/inference/baseline_model.py $(wildcard containers/inference/weights/*) | $(SETUP)
	@mkdir -p $(@D)
	@$(IN_VENV)/python $< --out $@.part
	@mv $@.part $@

$(TOOLS)/bin/uv:
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is needed. Install it, or name it: make PYTHON=/path/to/python"; exit 1; fi
	@echo "installing uv $(UV_VERSION) into $(TOOLS)"
	@"$(PYTHON)" -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

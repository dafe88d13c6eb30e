# Every target sets up what it needs by itself, once, in .venv. `make help` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_FLAGS := --disable-pip-version-check --quiet
STAMP := $(VENV)/.installed
# hnswlib comes as source only: without a C++ compiler everything but the semantic extra is installed, and it is said.
CXX_FOUND := $(shell command -v c++ || command -v g++ || command -v clang++)
EXTRAS := $(if $(CXX_FOUND),all,litellm,redis,postgres,plot,compress)

export LITELLM_LOCAL_MODEL_COST_MAP := True

$(STAMP): pyproject.toml deploy/constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed; name it with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, this is $$($(PYTHON) -V); name another with make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(if $(CXX_FOUND),,echo "No C++ compiler found: the semantic extra is left out (hnswlib is built from source). Install g++ and run 'make clean' to have it.";) true
	@echo "Installing Tailrace and its tools into $(VENV) (once; a few minutes on a slow line) ..."
	@$(BIN)/python -m pip install $(PIP_FLAGS) -c deploy/constraints.txt -e '.[$(EXTRAS),dev]'
	@touch $@

.PHONY: help setup demo run test check format bench bench-caches docs prices weights router-weights lock evals clean
help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## install everything into .venv

demo: $(STAMP) ## an agent loop with and without the proxy, compared
	@$(BIN)/tailrace demo

run: $(STAMP) ## start the proxy as it comes (your keys, or the simulated provider)
	@$(BIN)/tailrace serve

test: $(STAMP) ## all tests that need nothing but this machine
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(STAMP) ## lint, format, types, layers, house rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest tests/house

format: $(STAMP) ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## speed beside nginx, plain aiohttp and LiteLLM (about 10 minutes)
	@$(BIN)/python tests/bench

bench-caches: $(STAMP) ## the caches beside LiteLLM's, and with 100,000 entries (about 10 minutes)
	@$(BIN)/python tests/bench/caches.py

evals: $(STAMP) ## scores on the evaluation data in ../shared/data, where it is there
	@$(BIN)/python -m pytest tests/evals

docs: $(STAMP) ## write the generated reference (docs/configuration.md)
	@$(BIN)/python -m tailrace.docs

prices: $(STAMP) ## renew the shipped tables of prices and abilities from the installed litellm
	@$(BIN)/python .ci/prices.py

weights: $(STAMP) ## learn the weights of the semantic cache's verifier from the pairs in tests
	@HF_HUB_OFFLINE=1 $(BIN)/python .ci/verifier_weights.py

router-weights: $(STAMP) ## learn the router's weights from the outcomes in ../shared/data/routellm and the requests in tests
	@HF_HUB_OFFLINE=1 $(BIN)/python .ci/router_weights.py ../shared/data/routellm

lock: ## renew deploy/constraints.txt from a fresh environment
	@bash .ci/lock

clean: ## remove .venv and caches
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Two commands do everything on a fresh checkout: `make screen` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
# One more than cores: tests of queues wait for most of their time.
TEST_PROCESSES ?= 3
CAMPAIGN ?= examples/quick.yaml

.PHONY: screen test check install gpaw clean
.DEFAULT_GOAL := help

help:
	@echo "make screen   install, then run $(CAMPAIGN): ranking on screen, report in runs/"
	@echo "make test     install, then run linters, type check and all tests"
	@echo "make check    linters and type check only"
	@echo "make gpaw     install, then build GPAW (needs g++, libxc-dev, libopenblas-dev)"

# torch first and pinned: an unpinned torch pulls in gigabytes of CUDA libraries.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

install: $(VENV)/.installed

# GPAW is C++ code that its package builds here; with MPI where mpic++ is on the PATH, which a wheel
# from the cache may lack.
$(VENV)/.gpaw: $(VENV)/.installed gpaw_siteconfig.py
	CC=g++ GPAW_CONFIG=$(CURDIR)/gpaw_siteconfig.py $(BIN)/python -m pip install --quiet --no-cache-dir \
		--constraint constraints.txt --no-binary gpaw --editable ".[gpaw]"
	touch $@

gpaw: $(VENV)/.gpaw

screen: install
	$(BIN)/misei screen $(CAMPAIGN) --workers $(WORKERS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p misei
	$(BIN)/codespell

test: check
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder --durations=15

clean:
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .pytest_cache .ruff_cache

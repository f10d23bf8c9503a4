# Everything a machine with Rust, Python 3 and a C++ compiler needs: `make run`, `make test`, `make bench`.
#
#   TORCH_INDEX=<url>   another index for the libtorch wheel, such as one of CPU-only builds
#   LIBTORCH=<folder>   a libtorch 2.11 that is already there
#   CUTPOINT_DATA=<dir> data sets that are already there

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Finds libtorch, or installs it into .venv, and prints its folder; see the script for the order.
WITH_LIBTORCH = LIBTORCH="$$(scripts/libtorch)" && export LIBTORCH &&
CUTPOINT = target/release/cutpoint
REFERENCE ?= ../shared/reference/tl_reference.py
WEIGHTS ?= ../shared/published/FashionMNIST/regular_classes.pth

.PHONY: help tools build run study lab test test-cells test-crate test-kernel test-notebooks test-torchvision docs \
  bench bench-kernel fuzz kills clean

help:
	@echo "make run    the quickstart notebook, from images to the answer, in this terminal; figures below run/"
	@echo "make lab    JupyterLab with the Rust kernel, ready to use"
	@echo "make study  a small study with the program alone (go on with it: make study again)"
	@echo "make test   build and run all tests: test-crate (library and program), test-kernel, test-notebooks"
	@echo "make docs   the documentation as a book, target/book/index.html, after its examples were tried"
	@echo "make fuzz   every parser on nearly right inputs, for as long as SECONDS_EACH=60 says"
	@echo "make kills  the program killed KILLS=100 times at random moments: nothing but runs in flight may be lost"
	@echo "make bench, make bench-kernel   this engine against PyTorch and scikit-learn, the kernel against evcxr_jupyter"
	@echo "make build  the program, $(CUTPOINT)"

tools:
	@scripts/tools

build: tools
	@$(WITH_LIBTORCH) cargo build --release --features cli

# The quickstart notebook without a browser: prepares the kernel, finds FashionMNIST or fetches it.
run: tools
	@bin="$$(scripts/jupyter kernel/requirements.txt)" && scripts/kernel >/dev/null && \
	  JUPYTER_PLATFORM_DIRS=1 "$$bin/python" scripts/notebooks --to run notebooks/quickstart.ipynb

# FashionMNIST, source classes 0-4, 6, 8, target classes 5, 7, 9: pre-trained for three epochs, then three repeats of
# every cut at 0.1% and 1% of the target data. What it writes is below run/.
study: build
	@$(CUTPOINT) sweep FashionMNIST/regular --setting FR --percentages 0.001,0.01 --repeats 3 \
	  --pretrain-epochs 3 --pretrain-batch-size 64 --or-glyphs --out run

# JupyterLab in notebooks/ (or in FOLDER), with the kernel installed in .venv.
FOLDER ?= $(wildcard notebooks)
lab: tools
	@bin="$$(scripts/jupyter kernel/requirements.txt)" && scripts/kernel >/dev/null && \
	  cd "$(or $(FOLDER),.)" && "$$bin/jupyter" lab --MultiKernelManager.default_kernel_name=cutpoint $(LAB_FLAGS)

# Each ends with 'N passed, N failed, N skipped'; tests of what cannot be had are skipped.
test: tools
	@scripts/test

test-crate: tools
	@scripts/test style crate

test-kernel test-notebooks: test-%: tools
	@scripts/test $*

# The table of cells, and random scripts against a model (CUTPOINT_SCRIPTS=1000 as many of them), in the kernel.
test-cells: tools
	@bin="$$(scripts/jupyter kernel/requirements.txt kernel/tests/requirements.txt)" && scripts/kernel >/dev/null && \
	  JUPYTER_PLATFORM_DIRS=1 "$$bin/python" -m pytest -q -p no:cacheprovider kernel/tests/test_cells.py kernel/tests/test_model.py

# Examples of README.md and docs/ are compiled or run; mdbook is installed into target/tools unless it is there.
docs: tools
	@scripts/docs

# The built-in networks with files that torchvision writes for it (1.6 GB, below target/).
test-torchvision: tools
	@scripts/torchvision

# Every parser of what comes from outside on inputs that are nearly right, for SECONDS_EACH; SEED draws others.
fuzz: tools
	@$(WITH_LIBTORCH) CUTPOINT_FUZZ_SECONDS=$(or $(SECONDS_EACH),60) CUTPOINT_FUZZ_SEED=$(or $(SEED),$$RANDOM) \
	  cargo test --release --features cli --test fuzz -- --nocapture

# The program killed at random moments, and what it leaves compared with what it writes undisturbed. POWER_CUT=1 loses what
# was not synced, too; SEED draws other moments.
kills: build
	@$(WITH_LIBTORCH) scripts/kills --kills $(or $(KILLS),100) --seed $(or $(SEED),1) $(if $(POWER_CUT),--power-cut) $(CUTPOINT)

# Start-up and cell times; with evcxr_jupyter on the path, its times too.
bench-kernel: tools
	@bin="$$(scripts/jupyter kernel/requirements.txt kernel/tests/requirements.txt)" && scripts/kernel >/dev/null && \
	  $(WITH_LIBTORCH) "$$bin/python" kernel/tests/times.py

bench: build
	@test -f "$(REFERENCE)" || { echo "bench: expected the reference program in PyTorch, tl_reference.py: make bench REFERENCE=<file>" >&2; exit 1; }
	@$(WITH_LIBTORCH) cargo bench --quiet --bench training_rate --bench figures
	@$$(scripts/python) benches/slice.py "$(REFERENCE)" $(CUTPOINT)
	@$$(scripts/python) -c 'import sklearn' 2>/dev/null || $$(scripts/python) -m pip install --quiet scikit-learn
	@$(WITH_LIBTORCH) CUTPOINT_WEIGHTS="$(WEIGHTS)" SKLEARN_PYTHON="$$(scripts/python)" cargo bench --quiet --bench clustering

# What was built. What was computed (results/, pretrained_models/, run/) stays.
clean:
	cargo clean

PYTHON ?= python3.11
BIN := .venv/bin
export ORT_DISABLE_TELEMETRY = 1

.PHONY: demo test suite quick lowest check fuzz kills docs dist lock audit sbom bench bench-real paper mae recovery agreement weights figures clean

# The environment, made anew when the dependencies change; what is imported is compiled then.
.venv/.made: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/.made  ## make cells, smear them, restore them, print the table
	$(BIN)/unsmear demo --output demo

test: .venv/.made  ## everything that CI runs: linters and types beside the tests
	$(MAKE) --no-print-directory --jobs 2 check suite

# Three processes compile all that they import at the same time, each for itself; one does it first.
.venv/.compiled: .venv/.made
	mkdir -p build
	$(BIN)/python -m pytest -n 0 --collect-only > build/collected.txt || { tail -n 20 build/collected.txt >&2; exit 1; }
	touch $@

suite: .venv/.compiled  ## every test
	$(BIN)/python -m pytest

quick: .venv/.made  ## the tests that take less than a second each
	$(BIN)/python -m pytest -m "not slow"

lowest:  ## the quick tests with the lowest versions that pyproject.toml allows, in .venv-lowest
	test -x .venv-lowest/bin/python || $(PYTHON) -m venv .venv-lowest
	mkdir -p build
	$(PYTHON) tests/lowest_versions.py > build/lowest.txt
	.venv-lowest/bin/python -m pip install --quiet --constraint build/lowest.txt --editable '.[dev]'
	.venv-lowest/bin/python -m pytest -m "not slow"

check: .venv/.made
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

SEED ?= 0
fuzz: .venv/.made  ## 20,000 changed files and 5,000 command lines; an hour and more; SEED=1 for others
	$(BIN)/python -m tests.fuzz --files 20000 --lines 5000 --long --seed $(SEED)

kills: .venv/.made  ## 1,000 kills, full disks and several at once; an hour and more
	$(BIN)/python -m tests.kills --kills 1000 --disk all --at-once 10 --seed $(SEED)

# The packages that build the site, beside those of the environment.
.venv/.docs: .venv/.made
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

docs: .venv/.docs  ## the documentation site, in build/site; any warning is an error
	$(BIN)/python docs/pages.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --config-file build/mkdocs.yml

DATA ?= ../shared/data
BENCH := wiener synth prepare speed slide_files training
# Longest last; what `restorers` has measured is not measured again.
BENCH_REAL := harm estimate real_classical ablation scmos resolution real_blur restorers

bench: .venv/.made  ## the tables in benchmarks/ that need no real images; minutes
	set -e; for name in $(BENCH); do $(BIN)/python benchmarks/$$name.py; done

bench-real: .venv/.made  ## the tables of real images, in the folder DATA; hours
	set -e; for name in $(BENCH_REAL); do $(BIN)/python benchmarks/$$name.py --data $(DATA); done

paper: .venv/.made  ## the paper's tables, trained small; needs `unsmear weights get vgg16`; hours
	$(BIN)/python recipes/paper/run.py --scale small --output runs/paper $(if $(wildcard $(DATA)/MANIFEST.csv),--real $(DATA))

mae: .venv/.made  ## masked autoencoders as pretraining for cells, compared; hours
	$(BIN)/python recipes/mae/run.py --scale small --output runs/mae --cells $(DATA)/hpa_single_cells

recovery: .venv/.made  ## what a classifier finds in real cells after restoring; an hour and more
	$(BIN)/python recipes/cells/run.py --data $(DATA)/hpa_single_cells --output runs/cells

agreement: .venv/.made  ## whether that depends on the classifier: two more of them; hours
	$(BIN)/python recipes/cells/agreement.py --data $(DATA)/hpa_single_cells --output runs/cells

STEPS ?= 7500
MINUTES ?= 64
# Threads that wait for each other slow a small network down; the second core draws the samples.
weights: .venv/.made  ## the shipped weights, from nothing; hours on two cores; goes on where it was
	OMP_NUM_THREADS=1 $(BIN)/python -m recipes.weights.deep_wiener --data $(DATA) --steps $(STEPS)
	$(BIN)/python -m recipes.weights.model_card --data $(DATA)
	OMP_NUM_THREADS=1 $(BIN)/python -m recipes.weights.distil --data $(DATA)
	$(BIN)/python -m recipes.weights.model_card --data $(DATA) --run runs/lean
	OMP_NUM_THREADS=1 $(BIN)/python -m recipes.weights.interval --data $(DATA)
	OMP_NUM_THREADS=1 $(BIN)/python -m recipes.weights.estimator --data $(DATA) --minutes $(MINUTES)
	$(BIN)/python -m recipes.weights.calibrator --data $(DATA)
	OMP_NUM_THREADS=1 $(BIN)/python -m recipes.weights.confidence --data $(DATA)
	OMP_NUM_THREADS=1 $(BIN)/python -m recipes.weights.classifier
	set -e; for name in deep-wiener deep-wiener-lean deep-wiener-fast estimator light-cells; do $(BIN)/unsmear export src/unsmear/weights/$$name; done

# Tools of a release, which the tests do without.
build/.release: pyproject.toml
	test -x build/release/bin/python || $(PYTHON) -m venv build/release
	build/release/bin/python -m pip install --quiet build check-wheel-contents pip-audit twine uv
	touch $@

dist: build/.release  ## the wheel and the source distribution, in dist/, and checks of both
	rm -rf dist
	build/release/bin/python -m build
	build/release/bin/twine check --strict dist/*
	build/release/bin/check-wheel-contents --ignore W002 dist/*.whl  # the licences lie there twice

lock: build/.release  ## uv.lock, from pyproject.toml
	build/release/bin/uv lock

EXPORT := build/release/bin/uv export --quiet --frozen
audit: build/.release  ## every version in uv.lock against the advisories that PyPI has; needs the internet
	$(EXPORT) --no-emit-project --all-extras --output-file build/locked.txt
	build/release/bin/pip-audit --requirement build/locked.txt --require-hashes --disable-pip \
		--strict --progress-spinner off || { echo "make audit: there is an advisory, or PyPI \
	could not be asked about all packages; see above." >&2; exit 1; }

VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' src/unsmear/__init__.py)
# Without the extras that nobody installs who uses the program.
sbom: build/.release  ## what the wheel and its extras are made with, in CycloneDX, in dist/
	mkdir -p dist
	$(EXPORT) --format cyclonedx1.5 --all-extras --no-extra dev --no-extra docs --no-extra flax \
		| sed 's/"name": "unsmear",/& "version": "$(VERSION)",/' > dist/unsmear-$(VERSION).cdx.json

figures: .venv/.made  ## the pictures and tables of the README, of trust and of the gallery
	$(BIN)/python docs/figures.py
	$(BIN)/python docs/explanation/trust.py
	$(BIN)/python docs/gallery.py --data $(DATA)

clean:
	rm -rf .venv .venv-lowest demo runs build dist

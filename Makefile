# The two commands are `make demo` and `make test`; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TRAFFIC ?= on
SHADOW ?= off
SECONDS ?= 120
RUNS ?= 200
# Because many tests wait for processes that start and end, one more than two cores can run at once.
JOBS ?= 3
PYTEST := $(BIN)/pytest -n $(JOBS) --dist worksteal
READY := $(VENV)/.ready
# Because the tests start hundreds of processes, each must find every module compiled, also where the environment says no.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install demo test lint types contracts core unit browser bench bench-shadow bench-operator soak rollback-sim lock clean

help:
	@echo "make demo [TRAFFIC=off]  start the monolith, the services and the proxy, and watch; TRAFFIC=reads changes no data"
	@echo "make demo SHADOW=on      the same with every read asked of both sides and compared: strangler shadow report -c demo/shadow.yaml"
	@echo "make test [JOBS=3]       lint, types, import contracts and all tests, so many at a time"
	@echo "make core                the deciders' own tests, which must reach every line and branch of strangler/core"
	@echo "make browser             the dashboard's tests in Debian's chromium; pictures of it in build/screenshots"
	@echo "make bench               CPU a request beside a plain aiohttp proxy and nginx (needs wrk and nginx)"
	@echo "make bench-shadow        what shadowing costs: latency with it on and off, memory, comparisons a second (needs wrk)"
	@echo "make bench-operator      what control, the command line and the dashboard take with 10, 1,000 and 5,000 routes"
	@echo "make soak [SECONDS=120]  mixed load while routes, workers and upstreams change; fails on a lost request or growth"
	@echo "make rollback-sim        rollback rules side by side: false alarms and minutes to a detection (15 minutes of CPU)"
	@echo "make lock                choose the dependencies' versions anew (needs uv)"
	@echo "make clean               remove .venv, build and caches; the flags in .strangler stay"

install: $(READY)

$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"strangler needs Python 3.11 or later; $(PYTHON) is {v[0]}.{v[1]}. Name another with: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@echo "Installing into $(VENV), half a minute to some minutes, as fast as the package index and this machine are; only now, and when requirements.lock changes ..."
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: install
ifeq ($(SHADOW),on)
	@exec $(BIN)/python -m demo --routes demo/shadow.yaml --data build/demo-shadow --traffic reads
else
	@exec $(BIN)/python -m demo --traffic $(TRAFFIC)
endif

test: lint types contracts core unit browser

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

contracts: install
	$(BIN)/lint-imports

# Because a decider has no excuse, the deciders' own tests reach every line and branch of them, or this fails.
core: install
	$(PYTEST) tests/core --cov=strangler.core --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=100

unit: install
	$(PYTEST) --ignore=tests/core --ignore=tests/browser

# Because the tests of one file share a demo and a browser, each file is one job's; without Chromium they are skipped.
browser: install
	$(BIN)/pytest -n 2 --dist loadfile tests/browser

bench: install
	@exec $(BIN)/python -m bench

bench-shadow: install
	@exec $(BIN)/python -m bench.shadow

bench-operator: install
	@exec $(BIN)/python -m bench.operator

soak: install
	@exec $(BIN)/python -m bench.soak --seconds $(SECONDS)

rollback-sim: install
	@exec $(BIN)/python -m bench.rollback --runs $(RUNS)

lock:
	uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes --no-strip-extras --no-emit-index-url \
	  --no-annotate --no-header --extra dev pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url \
	  --no-annotate --no-header --constraints requirements.lock pyproject.toml -o requirements-runtime.lock

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

# Three commands for a fresh machine with Python (3.11 or newer), git and make:
#   make demo    make serve    make test
# Another Python: make PYTHON=python3.13 demo. Arguments for the tests: make test ARGS="--pg=system".

PYTHON ?= python3
BIN := .venv/bin
# What the product needs to run, and what its development needs, too.
PRODUCT := .venv/.product-installed
ALL := .venv/.all-installed

# The quick ones first.
CHECKS := check-format check-lint check-docs check-secrets check-sql check-migrations check-types check-packages

# Every command here starts Python, some of them many times: what was compiled once is kept, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install demo serve screenshots test coverage mutants soak trust failover fuzz interleavings generate bench bench-full \
	bench-live bench-load bench-backfill bench-delivery bench-metrics docs dist format check $(CHECKS) hooks revision psql lock

# uv installs in seconds what takes pip minutes. Where uv is not to be had, or does not reach the index that pip is told of,
# pip does it.
define install_packages
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $@"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
		|| { echo "This Python cannot make a .venv; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing the packages of $(1) into .venv …"
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@$(PIP) --quiet --only-binary :all: --require-hashes -r requirements-installer.lock \
		&& $(BIN)/uv pip install --python $(BIN)/python --require-hashes -r $(1) \
		|| { echo "uv could not do it; pip does, which takes a minute or two."; $(PIP) --require-hashes -r $(1); }
endef
PIP := $(BIN)/python -m pip install --disable-pip-version-check

install: $(ALL)

$(ALL): requirements-dev.lock requirements-installer.lock pyproject.toml
	$(call install_packages,requirements-dev.lock)
	@$(PIP) --quiet --no-build-isolation --no-deps --editable .
	@touch $(PRODUCT) $@
	@echo "Installed. Next: make serve for the dashboard, make test for the tests, or CONTRIBUTING.md."

$(PRODUCT): requirements.lock requirements-installer.lock pyproject.toml
	$(call install_packages,requirements.lock)
	@touch $@
	@echo "Installed. What comes next needs no network."

demo: $(PRODUCT)
	$(BIN)/python -m demo

# Dashboard and API on http://127.0.0.1:8080, until Ctrl-C: make serve, or PORT=8081 make serve. Python hears Ctrl-C when it has
# imported what it needs; before, it would show where it was.
serve: $(PRODUCT)
	@trap '' INT; exec $(BIN)/python -m demo.serve

# The pictures of docs/dashboard.md, by an installed Chromium.
screenshots: install
	$(BIN)/python -m tools.screenshots

# As many processes as there are cores; make test JOBS=0 runs in one, as -s and --pdb need it.
JOBS ?= logical

test: install
	$(BIN)/pytest -n $(JOBS) $(ARGS)

# The same, and at the end how much of the product's Python ran.
coverage: install
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(JOBS) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered

# Which tests fail when a mechanism of the rule is taken away.
mutants: install
	$(BIN)/python -m tests.mutants $(ARGS)

# A hundred thousand steps of clients against a model; ARGS="--pg=system" on an installed PostgreSQL.
soak: install
	$(BIN)/python -m tests.trust.soak $(ARGS)

# The long forms of what tests/trust and tests/delivery show: the soak, fifty crashes, API and workers killed fifty times, every
# interleaving, restores, replication. Some ten minutes.
trust: install
	$(BIN)/python -m tests.trust.soak $(ARGS)
	$(BIN)/python -m tests.trust.crashes $(ARGS)
	$(BIN)/python -m tests.trust.api_killed $(ARGS)
	$(BIN)/python -m tests.delivery.workers_killed $(ARGS)
	$(BIN)/pytest tests/trust $(ARGS)

# Three nodes under Patroni: leader killed, switched over, restarted. Needs patroni and etcd; some ten minutes.
failover: install
	$(BIN)/python -m tests.trust.failover $(ARGS)

# Functions, commands, requests and answers of Telegram with made-up input, and how long they take; ARGS="--minutes 60" for longer.
fuzz: install
	$(BIN)/python -m tests.fuzz $(ARGS)

# What the interleavings are expected to end with, written anew.
interleavings: install
	$(BIN)/python -m tests.trust.interleave $(ARGS)

# Every file that is written from others, but the pictures (make screenshots): what doctor compares with,
# sql_exporter's queries, docs/reference/.
generate: install
	$(BIN)/python -m tools.fingerprint
	$(BIN)/python -m tools.sql_exporter
	$(BIN)/python -m tools.reference

# The rule against other ways of keeping it, side by side; ARGS="--pg=system" on an installed PostgreSQL.
bench: install
	$(BIN)/python -m tools.benchmarks $(ARGS)

# The same, growing to ten million channels.
bench-full: install
	$(BIN)/python -m tools.benchmarks --full $(ARGS)

# What clients feel while a live database is upgraded: make bench-live CHANNELS=2000000
CHANNELS ?= 300000
LIVE_PICTURE ?= docs/performance/live.png

bench-live: install
	$(BIN)/python -m tools.benchmarks.live --channels $(CHANNELS) --picture $(LIVE_PICTURE) $(ARGS)

# The backfill against one bare INSERT ... SELECT.
bench-backfill: install
	$(BIN)/python -m tools.benchmarks.backfill --channels $(CHANNELS) $(ARGS)

# Claiming and finishing broadcasts against other queues, growth of the tables, from a click to the first request, and to both messages.
bench-delivery: install
	$(BIN)/python -m tools.benchmarks.delivery $(ARGS)

# Two thousand open dashboards while channels change: who waits how long, memory, connections; ARGS="--quick" in half a minute.
LOAD_PICTURE ?= docs/performance/load.png

bench-load: install
	$(BIN)/python -m tools.benchmarks.dashboards --picture $(LOAD_PICTURE) $(ARGS)

# What a scrape costs at a million channels.
bench-metrics: install
	$(BIN)/python -m tools.benchmarks.metrics $(ARGS)

# The documentation as a site in site/; to read it: python -m http.server --directory site --bind 127.0.0.1
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Wheel and source archive, to the same bytes each time.
dist: install
	rm -rf dist
	$(BIN)/python -m hatchling build

format: install
	$(BIN)/ruff check --select I --fix
	$(BIN)/ruff format
	$(BIN)/sqlfluff fix --quiet sql/

# All of them, also after one has failed; the last lines name those that did.
check: install
	@$(MAKE) --no-print-directory --keep-going $(CHECKS)

check-format: install
	$(BIN)/ruff format --check

check-lint: install
	$(BIN)/ruff check

# Width, headings and links of Markdown, spelling everywhere, and phrases that nobody should have to read twice.
check-docs: install
	git ls-files -z '*.md' ':!.github' | xargs -0 $(BIN)/pymarkdown scan
	git ls-files -z ':!*.png' | xargs -0 $(BIN)/codespell
	git grep --line-number --ignore-case --extended-regexp -f .ci/banned-phrases -- '*.md'; test $$? -eq 1

check-secrets: install
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --baseline .secrets.baseline

check-sql: install
	$(BIN)/sqlfluff lint --processes 0 sql/

# squawk reads what alembic upgrade head --sql prints.
check-migrations: install
	set -e; script=$$(mktemp); trap 'rm -f "$$script"' EXIT; \
		$(BIN)/alembic upgrade head --sql \
		| sed "/^CREATE TABLE broadcast.alembic_version/i -- squawk-ignore prefer-robust-stmts" > "$$script"; $(BIN)/squawk "$$script"

check-types: install
	$(BIN)/mypy

# Known vulnerabilities of what is locked; the only check that asks the network.
check-packages: install
	$(BIN)/pip-audit --progress-spinner off --disable-pip --require-hashes -r requirements-dev.lock

# What git runs before each commit: .pre-commit-config.yaml.
hooks: install
	$(BIN)/pre-commit install

# The next revision, its way there and back from what changed in sql/ since the last release: make revision m="what it does"
revision: install
	$(BIN)/python -m tools.revision "$(m)"

psql: $(PRODUCT)
	$(BIN)/python -m demo.embedded .pgdata

# Takes the newest releases that the ranges in pyproject.toml allow: make lock UPGRADE=--upgrade
# Pinned for every Python from 3.11 on, with hashes, without index addresses and without this machine's paths.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"

lock: install
	$(COMPILE) $(UPGRADE) --group installer --output-file requirements-installer.lock
	$(COMPILE) $(UPGRADE) --all-extras --output-file requirements.lock pyproject.toml
	$(COMPILE) $(UPGRADE) --all-extras --group dev --constraint requirements.lock --output-file requirements-dev.lock \
		pyproject.toml

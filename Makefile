# Three commands for a fresh machine with Python (3.11 or newer), git and make:
#   make demo    make serve    make test
# Another Python: make PYTHON=python3.13 demo. Arguments for the tests: make test ARGS="--pg=system".

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

# What pip-compile is told, without index addresses and without this machine's paths.
LOCK := pip-compile --quiet --all-extras --allow-unsafe --generate-hashes --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	--output-file requirements.lock pyproject.toml

.PHONY: install demo serve screenshots test mutants soak trust failover fuzz interleavings fingerprint bench bench-full bench-live bench-backfill bench-delivery bench-metrics docs reference dist check revision psql lock

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 install"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
		|| { echo "This Python can not make a .venv; on Debian: apt-get install python3-venv"; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@

demo: install
	$(BIN)/python -m demo

# Dashboard and API on http://127.0.0.1:8080, until Ctrl-C: make serve, or PORT=8081 make serve. Python hears Ctrl-C when it has
# imported what it needs; before, it would show where it was.
serve: install
	@trap '' INT; exec $(BIN)/python -m demo.serve

# The pictures of docs/dashboard.md, by an installed Chromium.
screenshots: install
	$(BIN)/python -m tools.screenshots

# As many processes as there are cores; make test JOBS=0 runs in one, as -s and --pdb need it.
JOBS ?= logical

test: install
	$(BIN)/pytest -n $(JOBS) $(ARGS)

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

# Functions and commands with made-up input; ARGS="--minutes 60" for longer.
fuzz: install
	$(BIN)/python -m tests.fuzz $(ARGS)

# What the interleavings are expected to end with, written anew.
interleavings: install
	$(BIN)/python -m tests.trust.interleave $(ARGS)

# What doctor compares with, read off a database that was built from sql/.
fingerprint: install
	$(BIN)/python -m tools.fingerprint
	$(BIN)/python -m tools.sql_exporter

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

# What a scrape costs at a million channels.
bench-metrics: install
	$(BIN)/python -m tools.benchmarks.metrics $(ARGS)

# The documentation as a site in site/; to read it: python -m http.server --directory site --bind 127.0.0.1
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# docs/reference/, written anew from the database's comments, the commands, the settings and the API.
reference: install
	$(BIN)/python -m tools.reference

# Wheel and source archive, to the same bytes each time.
dist: install
	rm -rf dist
	$(BIN)/python -m hatchling build

check: install
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --baseline .secrets.baseline
	$(BIN)/pip-audit --progress-spinner off --disable-pip --require-hashes -r requirements.lock
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/sqlfluff lint sql/
	set -e; script=$$(mktemp); trap 'rm -f "$$script"' EXIT; \
		$(BIN)/alembic upgrade head --sql > "$$script"; $(BIN)/squawk "$$script"

revision: install
	set -e; n=$$(printf '%04d' $$(($$(ls migrations/versions/*.py | wc -l) + 1))); \
		$(BIN)/alembic revision --rev-id "$$n" -m "$(m)"; \
		file=$$(ls migrations/versions/"$$n"_*.py); touch "$${file%.py}.up.sql" "$${file%.py}.down.sql"

psql: install
	$(BIN)/python -m demo.embedded .pgdata

# Takes the newest releases that the ranges in pyproject.toml allow: make lock UPGRADE=--upgrade
lock: install
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/$(LOCK) $(UPGRADE)

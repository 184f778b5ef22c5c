"""Whether there is a PgBouncer to try."""

from tools.pgbouncer import find_pgbouncer

# tests/conftest.py tells of it.
collect_ignore = [] if find_pgbouncer() else ["test_pgbouncer.py"]

"""Writes ops/sql_exporter/broadcast_manager.yml, which holds a copy of the fingerprint's query (make generate)."""

import hashlib
import textwrap

from pyapi.checks.drift import expected_fingerprint, fingerprint_query
from tools.databases import ROOT

PATH = ROOT / "ops" / "sql_exporter" / "broadcast_manager.yml"

_TEMPLATE = """\
# Written by make generate; change the connections only, there are two.
# For sql_exporter (github.com/justwatchcom/sql_exporter; Debian: prometheus-sql-exporter): the database's metrics of
# docs/metrics.md where no Python runs.
# The role: CREATE ROLE metrics LOGIN IN ROLE broadcast_reader;
# ops/prometheus/prometheus.yml gives the figures the names that API and worker give them.
jobs:
  - name: broadcast_manager
    interval: 15s
    connections:
      - postgres://metrics@localhost/telepaypsql?sslmode=prefer
    queries:
      - name: broadcast_manager
        help: The figures of broadcast.metrics().
        labels: [name, label, label_value]
        values: [value]
        query: |
          SELECT m.name, coalesce(m.label, '') AS label, coalesce(m.label_value, '') AS label_value, m.value
          FROM broadcast.metrics() AS m
          WHERE m.value IS NOT NULL

  # At its own pace: it reads whole tables.
  - name: broadcast_manager_check
    interval: 10m
    connections:
      - postgres://metrics@localhost/telepaypsql?sslmode=prefer
    queries:
      - name: broadcast_manager_check
        help: 1 when this exporter made the last full check, 0 when another process had made it.
        labels: [name]
        values: [value]
        query: |
          SELECT '' AS name, broadcast.check_integrity('9 minutes 30 seconds')::integer AS value
      - name: broadcast_manager_drift
        help: 1 when the catalogue is not as this release made it, else 0; broadcast-manager doctor names what differs.
        labels: [name]
        values: [value]
        query: |
          SELECT
              'broadcast_manager_drift_objects' AS name,
              (md5(string_agg(f.fact, E'\\n' ORDER BY f.fact COLLATE "C")) IS DISTINCT FROM '{md5}')::integer AS value
          FROM (
              SELECT concat_ws('|', r.scope, r.kind, r.name, r.definition) AS fact
              FROM (
{query}
              ) AS r
              WHERE r.scope <> 'other'
          ) AS f
"""


def configuration() -> str:
    """The file's text."""
    facts = sorted(f"{f.scope}|{f.kind}|{f.name}|{f.definition}" for f in expected_fingerprint())
    digest = hashlib.md5("\n".join(facts).encode(), usedforsecurity=False).hexdigest()
    query = fingerprint_query().decode().strip().removesuffix(";")
    return _TEMPLATE.format(md5=digest, query=textwrap.indent(query, " " * 16))


if __name__ == "__main__":
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(configuration())

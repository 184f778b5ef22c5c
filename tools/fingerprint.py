"""Writes sql/checks/catalogue_fingerprint.csv, what doctor compares with: ``make generate``."""

import csv
from dataclasses import astuple, fields

from demo.embedded import embedded_server
from pyapi.checks.drift import Fact, read_fingerprint
from tools import databases


def main() -> None:
    """Upgrade an empty database and keep the facts of scope rule and needed."""
    with (
        embedded_server(fast=True) as server_url,
        databases.upgraded_database(server_url) as url,
        databases.connect(url) as conn,
    ):
        facts = [fact for fact in read_fingerprint(conn) if fact.scope != "other"]
    with (databases.ROOT / "sql/checks/catalogue_fingerprint.csv").open("w", newline="") as file:
        file.write("# Written by make generate, from a database that alembic upgrade head made.\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Fact))
        writer.writerows(astuple(fact) for fact in facts)


if __name__ == "__main__":
    main()

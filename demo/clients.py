"""Registers channels by the clients of examples/clients/. None of them knows of broadcast rows."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pyapi.project_file import project_file

from .errors import DemoError
from .target import Place

CLIENTS = {
    "psql": "psql.sql",
    "COPY": "psql_copy.sql",
    "psycopg": "with_psycopg.py",
    "SQLAlchemy ORM": "with_sqlalchemy.py",
}


def register_by(file: str, place: Place) -> UUID | None:
    """Run one of the examples.

    Args:
        file: its name in examples/clients/.
        place: where to register.

    Returns:
        The broadcast_id that it prints; None where it needs psql and none is installed.

    Raises:
        DemoError: it failed; the message is what it said.
    """
    script = project_file("examples/clients") / file
    environment = {**os.environ, "DATABASE_URL": place.url}
    command: list[str | Path] = [sys.executable, script]
    if script.suffix == ".sql":
        if place.psql is None:
            return None
        parameters = conninfo_to_dict(place.url)
        # On the command line everybody on the machine could read it.
        if password := parameters.pop("password", None):
            environment["PGPASSWORD"] = str(password)
        command = [place.psql, "-X", "-f", script, make_conninfo("", **parameters)]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)  # noqa: S603
    if done.returncode != 0:
        raise DemoError(f"{file} failed: {done.stderr.strip()}")
    return UUID(done.stdout.strip().rpartition(" ")[2])

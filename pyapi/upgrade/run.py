"""Runs the migrations from where they lie: beside the package in a checkout, inside it when installed."""

from typing import Literal

from alembic import command
from alembic.config import Config

from pyapi.project_file import project_file


def migrate(direction: Literal["upgrade", "downgrade"], revision: str, *, as_script: bool = False) -> None:
    """Do what ``alembic upgrade`` or ``alembic downgrade`` does in a checkout, in the database of DATABASE_URL.

    It logs to stderr how far it is.

    Args:
        direction: which of the two.
        revision: as Alembic takes it, such as ``head``, ``0012``, ``-1`` or, for a script, ``0012:0007``.
        as_script: write the script for psql to stdout instead; no database is needed.

    Raises:
        alembic.util.CommandError: it was refused, and the message says why; raised from
            sqlalchemy.exc.DBAPIError where the database did.
    """
    config = Config()
    # To Config a % begins a name.
    config.set_main_option("script_location", str(project_file("migrations")).replace("%", "%%"))
    run = command.upgrade if direction == "upgrade" else command.downgrade
    run(config, revision, sql=as_script)

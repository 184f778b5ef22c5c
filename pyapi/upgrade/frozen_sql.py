"""Runs the frozen SQL files of a revision: against the database, or into the script of `alembic upgrade --sql`."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from alembic import op

# A psql command at the end of a statement: \g runs it by itself, outside a transaction; \gexec runs each value that
# comes back as a statement. psql knows both, so the offline script is the very same text.
STEP = re.compile(r"^\\(g|gexec)$\n?", re.MULTILINE)


def frozen(revision_file: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """The upgrade() and downgrade() of a revision: they run the SQL files beside it.

    A file without psql commands runs as it is in the revision's transaction. One with them runs step by step, outside
    a transaction, as CREATE INDEX CONCURRENTLY and procedures that commit need it. Upwards `owner.sql` runs first: also
    an upgrade that goes on from where another ended is the tables' owner's.

    Args:
        revision_file: the revision's ``__file__``, such as ``0007_rule.py`` with ``0007_rule.up.sql`` and
            ``0007_rule.down.sql`` beside it.
    """

    def upgrade() -> None:
        _send(Path(revision_file).parents[1].joinpath("owner.sql").read_text(encoding="utf-8"))
        _run(revision_file, "up")

    def downgrade() -> None:
        _run(revision_file, "down")

    return upgrade, downgrade


def _run(revision_file: str, direction: Literal["up", "down"]) -> None:
    sql = Path(revision_file).with_suffix(f".{direction}.sql").read_text(encoding="utf-8")
    pieces = STEP.split(sql)
    if len(pieces) == 1:
        _send(sql)
        return
    with op.get_context().autocommit_block():
        if op.get_context().as_sql:
            _send(sql)
            return
        for statement, command in zip(pieces[::2], pieces[1::2], strict=False):
            if command == "g":
                _send(statement)
            else:
                for (made,) in op.get_bind().exec_driver_sql(statement).all():
                    _send(made)


def _send(sql: str) -> None:
    context = op.get_context()
    if context.as_sql:
        # Past Alembic's own output, which takes % and :name for parameters.
        context.impl.static_output(sql)
    else:
        # Without parameters the driver sends the text as it stands, % included.
        op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})

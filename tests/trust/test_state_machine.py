"""Whatever sessions do side by side, database and a plain-Python model agree: the short form of ``make soak``."""

from collections.abc import Callable

from tests.trust.machine import Run
from tests.trust.soak import explore

EXAMPLES = 40


def test_database_and_model_agree_after_every_statement(
    database: str, superuser: Callable[[str], str], seed: int
) -> None:
    run = Run(database, superuser(database))
    try:
        explore(run, EXAMPLES, seed)
    finally:
        run.close()
        print(run.report())
    assert run.steps > EXAMPLES
    assert run.outcomes["COMMIT", "ok"] > EXAMPLES

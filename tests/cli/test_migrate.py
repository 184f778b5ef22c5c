"""upgrade and downgrade: what Alembic does, and a sentence with an exit code where it cannot be done."""

import pytest

from pyapi.checks.drift import find_drift
from tests.cli.conftest import Run
from tests.migrations import builds
from tools import databases


def test_cli_upgrade_goes_to_a_revision_and_on_to_the_newest(run: Run, empty_database: str) -> None:
    assert run(empty_database, "upgrade", "0003").code == 0
    assert builds.revision(empty_database) == "0003"
    for _ in range(2):
        assert run(empty_database, "upgrade").code == 0
        assert find_drift(builds.fingerprint(empty_database)) == []


def test_cli_downgrade_takes_a_step_back_and_then_all(run: Run, old_database: str) -> None:
    before = builds.beside_the_rule(old_database)
    databases.upgrade(old_database)
    assert run(old_database, "downgrade", "-1").code == 0
    assert builds.revision(old_database) == builds.REVISIONS[-2]
    assert run(old_database, "downgrade", "base").code == 0
    assert builds.beside_the_rule(old_database) == before


def test_cli_upgrade_that_the_database_refuses_exits_with_1(run: Run, old_database: str) -> None:
    with databases.connect(old_database) as conn:
        conn.execute("ALTER TABLE broadcast_manager ADD COLUMN theirs int NOT NULL")
    outcome = run(old_database, "upgrade")
    assert (outcome.code, outcome.out) == (1, "")
    assert "theirs" in outcome.err
    assert "Way out: " in outcome.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["upgrade", "nonsense"], "nonsense"),
        (["downgrade", "--nonsense"], "nonsense"),
        (["downgrade"], "revision"),
    ],
)
def test_cli_migration_to_no_revision_exits_with_2(
    run: Run, empty_database: str, arguments: list[str], sentence: str
) -> None:
    outcome = run(empty_database, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert sentence in outcome.err


def test_cli_downgrade_writes_a_script_without_a_database(run: Run) -> None:
    outcome = run(None, "downgrade", "head:base", "--sql")
    assert outcome.code == 0
    assert outcome.out == builds.alembic("downgrade", "head:base", "--sql", url=None).stdout

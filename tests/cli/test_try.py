"""try: a channel's life, tried on the real tables and taken back."""

import psycopg
import pytest

from tests.adoption.states import picture
from tests.cli.conftest import Run
from tools import databases

OWN_TRIGGER = """
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no more today' USING ERRCODE = 'P0042'; END $$;
CREATE TRIGGER of_theirs BEFORE INSERT ON public.broadcast_manager FOR EACH ROW EXECUTE FUNCTION public.refuse();
"""


@pytest.fixture
def with_user(database: str) -> str:
    """A database with the rule and a user who has a channel."""
    with databases.connect(database) as conn:
        databases.add_channel(conn, databases.add_user(conn))
    return database


def test_each_step_is_told_and_nothing_stays(run: Run, with_user: str) -> None:
    before = picture(with_user)
    told = run(with_user, "try")
    assert (told.code, told.err) == (0, "")
    assert [line.split(":")[0] for line in told.out.splitlines()] == [
        "✓ A channel is inserted",
        "✓ Its broadcast row is there",
        "✓ COMMIT would take it",
        "✓ Its pair changes, and the row follows",
        "✓ It is deleted, and the row with it",
        "✓ Everything is taken back",
    ]
    assert picture(with_user) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (OWN_TRIGGER, "no more today (SQLSTATE P0042, from the trigger of_theirs on public.broadcast_manager)."),
        (
            "DROP TRIGGER create_broadcast_rows ON main_clients_database",
            "no broadcast row was created broadcast-manager doctor names what is missing (SQLSTATE P0001).",
        ),
        ("DELETE FROM registered_users", 'null value in column "client_id"'),
    ],
)
def test_error_is_told_with_where_it_came_from(run: Run, with_user: str, change: str, said: str) -> None:
    with psycopg.connect(with_user, autocommit=True) as conn:
        conn.execute(change.encode())
    before = picture(with_user)
    told = run(with_user, "try")
    assert told.code == 1
    assert said in told.out
    assert picture(with_user) == before

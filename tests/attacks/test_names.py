"""Whatever lies in the caller's search_path under names of ours or of PostgreSQL's, nothing of ours is led astray.

A cast has no schema, and only a type's owner can make one: there is nothing to look up in another place.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.conftest import Run
from tests.cli.conftest import run as run
from tests.fuzz.functions import Fuzz
from tools import databases

TRAPS = Path(__file__).parent / "traps.sql"
# The caller's own folly, and what everyone has where others may create objects in public (as before PostgreSQL 15).
PATHS = ["trap, pg_catalog, public", "public, trap"]
SET_INSIDE = "SET LOCAL search_path = pg_catalog, pg_temp;"
# Without a path of their own, so that the planner can inline them: our functions call them, which pin the path.
INLINED = {"broken_broadcasts", "finite", "transaction_mark"}
EXAMPLES = 4


@pytest.fixture(scope="module")
def trapped_template(server_url: str, template: str) -> Iterator[str]:
    """Name of a database with the rule and with a schema full of namesakes."""
    url = databases.create_database(server_url, template)
    databases.load(url, TRAPS)
    yield databases.name_of(url)
    databases.drop_database(server_url, url)


@pytest.fixture
def database(new_database: Callable[..., str], trapped_template: str) -> str:
    """URL of a fresh copy of it, as its owner."""
    return new_database(trapped_template)


def test_every_function_has_a_path_of_its_own_with_pg_temp_last(conn: psycopg.Connection[Any]) -> None:
    paths = conn.execute(
        "SELECT p.proname, p.prokind = 'p', p.prosecdef, p.prosrc,"
        " (SELECT c FROM unnest(p.proconfig) AS c WHERE c LIKE 'search_path=%')"
        " FROM pg_proc AS p WHERE p.pronamespace = 'broadcast'::regnamespace ORDER BY 1"
    ).fetchall()
    assert len(paths) > 30
    for name, is_procedure, security_definer, source, path in paths:
        # COMMIT and a SET clause exclude each other: procedures set it inside, for each transaction anew.
        if is_procedure:
            assert not security_definer, name
            assert source.count(SET_INSIDE) == source.count("COMMIT;") + 1, name
            continue
        if name in INLINED:
            assert not security_definer, name
            continue
        assert path == "search_path=pg_catalog, pg_temp", name


def test_nobody_may_execute_a_function_unless_it_was_granted(conn: psycopg.Connection[Any]) -> None:
    open_to_all = (
        "SELECT p.proname FROM pg_proc AS p CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a"
        " WHERE p.pronamespace = 'broadcast'::regnamespace AND a.grantee = 0"
    )
    assert conn.execute(open_to_all).fetchall() == []


@pytest.mark.parametrize("path", PATHS)
def test_functions_triggers_and_procedures_look_nothing_up_there(
    database: str, superuser: Callable[[str], str], seed: int, path: str
) -> None:
    fuzz = Fuzz(database, superuser(database), path)
    fuzz.functions = [function for function in fuzz.functions if function.name not in INLINED]
    for conn in (fuzz.conn, fuzz.owner):
        shadow_by_temp_tables(conn)
    try:
        wrong = fuzz.run(EXAMPLES, seed)
    finally:
        fuzz.close()
    assert wrong == [], "\n\n".join(wrong)


@pytest.mark.parametrize("path", PATHS)
def test_views_look_nothing_up_there(conn: psycopg.Connection[Any], path: str) -> None:
    views = conn.execute(
        "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'broadcast'::regnamespace AND c.relkind = 'v'"
    ).fetchall()
    assert {name for (name,) in views} >= {"integrity_violations", "rule_parts"}
    shadow_by_temp_tables(conn)
    conn.execute(b"SET search_path = " + path.encode())
    for (view,) in views:
        conn.execute(f"SELECT * FROM broadcast.{view}".encode())


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("public, trap", "unpinned('a', 'a')"),
        ("trap, pg_catalog, public", "unpinned('a', 'a')"),
        ("public, trap", "cardinality(CAST(ARRAY['a'] AS pg_catalog._text))"),
        ("trap, pg_catalog, public", "now()"),
        ("trap, pg_catalog, public", "CAST('a' AS text)"),
    ],
)
def test_the_traps_do_catch(conn: psycopg.Connection[Any], path: str, call: str) -> None:
    conn.execute(
        "CREATE FUNCTION public.unpinned(a text, b varchar) RETURNS boolean LANGUAGE plpgsql"
        " AS 'BEGIN RETURN a = b; END'"
    )
    conn.execute(b"SET search_path = " + path.encode())
    with pytest.raises(psycopg.errors.RaiseException, match="trapped"):
        conn.execute(f"SELECT {call}".encode())


@pytest.mark.parametrize("command", ["verify", "backfill"])
def test_commands_look_nothing_up_there(run: Run, database: str, command: str) -> None:
    outcome = run(f"{database}&options=-csearch_path%3Dpublic%2Ctrap", command)
    assert outcome.code == 0, outcome.out + outcome.err


def shadow_by_temp_tables(conn: psycopg.Connection[Any]) -> None:
    """Give every table and view a temporary namesake."""
    names = conn.execute(
        "SELECT format('%I', c.relname) FROM pg_catalog.pg_class AS c"
        " WHERE c.relnamespace IN ('public'::pg_catalog.regnamespace, 'broadcast'::pg_catalog.regnamespace)"
        " AND c.relkind IN ('r', 'v')"
    ).fetchall()
    for (name,) in names:
        conn.execute(f"CREATE TEMP TABLE {name} (trapped integer)".encode())

"""What docs/migrating-from-populate-script.md says of those who still create the rows themselves.

That a row after its channel keeps its id, and that one before it is refused, hold tests/guarantee/test_g6 and test_g5.
"""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from pyapi.checks.violations import find_violations
from tests.docs import populate_broadcast_manager
from tools import databases

Connection = psycopg.Connection[Any]

INSERT_ROW = (
    "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id) VALUES (%s, %s, %s) RETURNING id"
)


@pytest.fixture
def populate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the script on a database, and gives what it prints."""

    def run(url: str) -> list[str]:
        monkeypatch.setenv("DATABASE_URL", url)
        populate_broadcast_manager.main()
        return capsys.readouterr().out.splitlines()

    return run


def two_channels(conn: Connection) -> UUID:
    client = databases.add_user(conn)
    for _ in range(2):
        databases.add_channel(conn, client)
    return client


def test_populate_script_goes_on_working_after_the_upgrade(old_database: str, populate: Any) -> None:
    with databases.connect(old_database) as conn:
        client = two_channels(conn)
        assert populate(old_database) == ["🔍 2 channels without a broadcast row", "✅ 2 rows created"]
        databases.add_channel(conn, client)
        before = {row[0] for row in conn.execute("SELECT id FROM broadcast_manager")}
        databases.upgrade(old_database)
        after = {row[0] for row in conn.execute("SELECT id FROM broadcast_manager")}
        assert (before < after, len(after)) == (True, 3)
        databases.add_channel(conn, client)
        assert populate(old_database) == ["🔍 0 channels without a broadcast row", "✅ 0 rows created"]
        assert find_violations(conn) == []


def test_code_that_inserts_the_row_in_a_second_transaction_meets_the_one_that_is_there(database: str) -> None:
    with databases.connect(database) as conn:
        client = databases.add_user(conn)
        pair = databases.add_channel(conn, client)
        made = databases.broadcast_id(conn, pair)
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.execute(INSERT_ROW, [client, *pair])
        quiet = INSERT_ROW.replace("RETURNING", "ON CONFLICT (open_channel_id, closed_channel_id) DO NOTHING RETURNING")
        assert conn.execute(quiet.encode(), [client, *pair]).fetchone() is None
        upsert = INSERT_ROW.replace(
            "RETURNING", "ON CONFLICT (open_channel_id, closed_channel_id) DO UPDATE SET updated_at = now() RETURNING"
        )
        assert conn.execute(upsert.encode(), [client, *pair]).fetchone() == (made,)


def test_emptying_and_filling_anew_works_in_one_transaction_only(database: str) -> None:
    with databases.connect(database) as conn:
        two_channels(conn)
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            conn.execute("DELETE FROM broadcast_manager")
        before = {row[0] for row in conn.execute("SELECT id FROM broadcast_manager")}
        with conn.transaction():
            conn.execute("DELETE FROM broadcast_manager")
            channels = conn.execute(populate_broadcast_manager.MISSING).fetchall()
            with conn.cursor() as cursor:
                cursor.executemany(populate_broadcast_manager.INSERT, channels)
        after = {row[0] for row in conn.execute("SELECT id FROM broadcast_manager")}
        assert (len(after), before & after) == (2, set())
        assert find_violations(conn) == []


def test_who_still_inserts_rows_is_found_by_the_takeover_s_calls(database: str, superuser: Any) -> None:
    with databases.connect(superuser(database)) as conn:
        conn.execute(f"ALTER DATABASE {databases.name_of(database)} SET track_functions = 'pl'".encode())
    with databases.connect(database) as conn:
        client = databases.add_user(conn)
        with conn.transaction():
            pair = databases.add_channel(conn, client)
            conn.execute(INSERT_ROW, [client, *pair])
        databases.add_channel(conn, client)
        conn.execute("SELECT pg_stat_force_next_flush()")
        calls = conn.execute(
            "SELECT calls FROM pg_stat_user_functions WHERE funcname = 'take_over_auto_created_row'"
        ).fetchone()
    assert calls == (1,)


def test_a_role_without_the_privilege_can_not_go_on_unnoticed(database: str, superuser: Any) -> None:
    role = f"application_{uuid4().hex[:8]}"
    with databases.connect(superuser(database)) as conn:
        conn.execute(f"CREATE ROLE {role}".encode())
        try:
            conn.execute(f"GRANT ALL ON main_clients_database, registered_users TO {role}".encode())
            conn.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}".encode())
            conn.execute(f"GRANT SELECT, INSERT ON broadcast_manager TO {role}".encode())
            conn.execute(f"REVOKE INSERT ON broadcast_manager FROM {role}".encode())
            conn.execute(f"SET ROLE {role}".encode())
            client = databases.add_user(conn)
            pair = databases.add_channel(conn, client)
            assert databases.broadcast_id(conn, pair) is not None
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(INSERT_ROW, [client, *pair])
        finally:
            conn.execute("RESET ROLE")
            conn.execute(f"DROP OWNED BY {role}".encode())
            conn.execute(f"DROP ROLE {role}".encode())

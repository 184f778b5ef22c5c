"""What the database does not let be sent: seen, tried again after a pause, nothing deleted for it, nobody's failure."""

import asyncio
from collections.abc import Callable

import psycopg
import pytest
from typer.testing import CliRunner

from pyapi.cli import app
from pyapi.worker.loop import Round, run_round
from pyapi.worker.settings import WorkerSettings
from tests.delivery.broadcasts import Broadcast, Conn, add_broadcast, make_due, outcomes, parts, row, seconds
from tests.delivery.calls import claim
from tests.delivery.conftest import WORKER_PASSWORD
from tests.delivery.test_ways_to_run import environment as environment
from tests.functions.calls import value
from tools import databases
from tools.databases import connect
from tools.telegram import Telegram

PAUSE = seconds(minutes=5)

UNREADABLE_VALUE = (
    "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_sub_1_time_check;"
    "ALTER TABLE main_clients_database ALTER COLUMN sub_1_time TYPE text USING 'thirty days'"
)
MISSING_COLUMN = "ALTER TABLE broadcast_manager DROP COLUMN last_open_message_id"
PRICES_AS_TEXT = (
    "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_sub_1_price_check,"
    " ALTER COLUMN sub_1_price TYPE text"
)
HIDDEN_PARTS = (
    "ALTER TABLE broadcast.delivery_parts ENABLE ROW LEVEL SECURITY;"
    "ALTER TABLE broadcast.delivery_parts FORCE ROW LEVEL SECURITY"
)


def send(settings: WorkerSettings) -> Round:
    return asyncio.run(run_round(settings))


def sent_before(conn: Conn, settings: WorkerSettings) -> Broadcast:
    """A broadcast whose messages of last time stand, due again."""
    broadcast = add_broadcast(conn)
    assert send(settings).successful == 1
    make_due(conn, broadcast)
    return broadcast


@pytest.mark.parametrize(
    ("change", "sqlstate"), [(UNREADABLE_VALUE, "22P02"), (MISSING_COLUMN, "42703"), (HIDDEN_PARTS, "42501")]
)
def test_it_is_set_aside_and_the_messages_of_last_time_stand(
    conn: Conn, settings: WorkerSettings, telegram: Telegram, change: str, sqlstate: str
) -> None:
    broadcast = sent_before(conn, settings)
    conn.execute(change.encode())
    (result,) = send(settings).results
    assert result.outcome == "database_error"
    assert result.error is not None
    assert result.error.startswith(sqlstate)
    assert [message["deleted"] for message in telegram.messages()] == [False, False]
    now = row(conn, broadcast)
    assert PAUSE - 60 < now["due_in"] <= PAUSE
    assert sqlstate in now["last_error_message"]
    assert (now["consecutive_failures"], now["failed_broadcasts"], now["is_active"]) == (0, 0, True)
    assert conn.execute(
        "SELECT error_code, error_message FROM broadcast.deliveries WHERE finished_at IS NULL"
    ).fetchone() == ("database_error", result.error)
    # No loop: nothing is due.
    assert send(settings).results == []
    assert value(conn, "SELECT value FROM broadcast.metrics() WHERE name = 'broadcast_manager_database_errors'") == 1


def test_however_often_it_is_tried_it_is_never_switched_off_and_goes_out_when_the_cause_is_gone(
    conn: Conn, settings: WorkerSettings, telegram: Telegram
) -> None:
    broadcast = sent_before(conn, settings)
    conn.execute(PRICES_AS_TEXT)
    conn.execute("UPDATE main_clients_database SET sub_1_price = 'five'")
    for _ in range(6):
        assert send(settings).counts() == {"database_error": 1}
        make_due(conn, broadcast)
    conn.execute("UPDATE main_clients_database SET sub_1_price = '5'")
    assert send(settings).counts() == {"sent": 1}
    assert outcomes(conn, broadcast) == ["sent", "sent"]
    assert [message["deleted"] for message in telegram.messages()] == [True, False, True, False]
    assert row(conn, broadcast)["last_error_message"] is None
    assert value(conn, "SELECT value FROM broadcast.metrics() WHERE name = 'broadcast_manager_database_errors'") == 0


def test_one_broadcast_that_can_not_be_read_holds_up_no_other(
    conn: Conn, settings: WorkerSettings, telegram: Telegram
) -> None:
    bad, good = add_broadcast(conn), add_broadcast(conn)
    conn.execute(PRICES_AS_TEXT)
    conn.execute("UPDATE main_clients_database SET sub_1_price = 'five' WHERE open_channel_id = %s", [bad.open_id])
    assert send(settings).counts() == {"database_error": 1, "sent": 1}
    assert telegram.sent() == {good.open_id: 1, good.closed_id: 1}


def test_what_went_out_and_can_not_be_counted_is_not_sent_again(
    conn: Conn, settings: WorkerSettings, telegram: Telegram
) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast_manager SET total_broadcasts = 2147483647")
    for _ in range(3):
        assert send(settings).counts() == {"database_error": 1}
        make_due(conn, broadcast)
    assert telegram.sent() == {broadcast.open_id: 1, broadcast.closed_id: 1}
    assert parts(conn, broadcast) == [("open", "sent", None), ("closed", "sent", None)]
    conn.execute("UPDATE broadcast_manager SET total_broadcasts = 0")
    assert send(settings).counts() == {"sent": 1}
    assert sum(telegram.sent().values()) == 2


def test_row_whose_channel_is_missing_is_set_aside(
    conn: Conn, settings: WorkerSettings, telegram: Telegram, superuser: Callable[[str], str], database: str
) -> None:
    broadcast = sent_before(conn, settings)
    with connect(superuser(database)) as root:
        root.execute("SET session_replication_role = replica")
        root.execute("DELETE FROM main_clients_database")
    assert send(settings).counts() == {"database_error": 1}
    assert "no channel" in row(conn, broadcast)["last_error_message"]
    assert [message["deleted"] for message in telegram.messages()] == [False, False]


@pytest.mark.parametrize("table", ["settings", "deliveries", "delivery_parts", "bot_slot", "foreign_marks"])
def test_row_security_on_a_table_of_ours_hinders_no_delivery_where_it_is_not_forced(
    conn: Conn, settings: WorkerSettings, table: str
) -> None:
    add_broadcast(conn)
    conn.execute(f"ALTER TABLE broadcast.{table} ENABLE ROW LEVEL SECURITY".encode())
    assert send(settings).counts() == {"sent": 1}


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("table", ["settings", "deliveries", "bot_slot", "foreign_marks"])
def test_row_security_that_is_forced_ends_the_round_with_a_sentence(conn: Conn, telegram: Telegram, table: str) -> None:
    add_broadcast(conn)
    conn.execute(f"ALTER TABLE broadcast.{table} ENABLE ROW LEVEL SECURITY".encode())
    conn.execute(f"ALTER TABLE broadcast.{table} FORCE ROW LEVEL SECURITY".encode())
    run = CliRunner().invoke(app, ["send-due"])
    assert (run.exit_code, f'"{table}"' in run.stderr) == (2, True), run.stderr
    assert telegram.messages() == []


@pytest.mark.usefixtures("environment")
def test_send_due_lists_it(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    conn.execute(MISSING_COLUMN)
    run = CliRunner().invoke(app, ["send-due"])
    assert run.exit_code == 1
    assert f"database_error: {broadcast.id}: 42703" in run.stderr


def test_columns_whose_type_can_be_read_are_served(
    old_database: str, worker_role: str, settings: WorkerSettings, telegram: Telegram
) -> None:
    with connect(old_database) as conn:
        conn.execute("ALTER TABLE main_clients_database ALTER COLUMN sub_1_time TYPE integer")
        databases.upgrade(old_database)
        conn.execute("SELECT broadcast.set_sending(TRUE)")
        add_broadcast(conn)
        url = databases.at(old_database, databases.name_of(old_database), worker_role, WORKER_PASSWORD)
        assert send(settings.model_copy(update={"database_url": url})).counts() == {"sent": 1}
        assert len(telegram.messages()) == 2


def test_claim_that_is_lost_is_not_set_aside(conn: Conn) -> None:
    add_broadcast(conn)
    (delivery,) = claim(conn)
    assert value(conn, "SELECT broadcast.set_aside(%s, 'another', 'why')", delivery) == "lost"
    assert value(conn, "SELECT error_code FROM broadcast.deliveries") is None


def test_row_that_cannot_be_claimed_holds_up_no_other_and_is_tried_again_later(
    conn: Conn, settings: WorkerSettings, telegram: Telegram
) -> None:
    bad, good = add_broadcast(conn), add_broadcast(conn)
    conn.execute(
        f"ALTER TABLE broadcast_manager ADD CHECK (id <> '{bad.id}' OR broadcast_status <> 'in_progress')".encode()
    )
    assert send(settings).counts() == {"sent": 1}
    assert telegram.sent() == {good.open_id: 1, good.closed_id: 1}
    assert send(settings).results == []
    assert value(conn, "SELECT value FROM broadcast.metrics() WHERE name = 'broadcast_manager_database_errors'") == 1
    error = value(conn, "SELECT error_message FROM broadcast.deliveries WHERE broadcast_id = %s", bad.id)
    assert error.startswith("23514 ")

    conn.execute("ALTER TABLE broadcast_manager DROP CONSTRAINT broadcast_manager_check")
    assert send(settings).results == []
    conn.execute("UPDATE broadcast.deliveries SET claimed_at = claimed_at - interval '1 day'")
    assert send(settings).counts() == {"sent": 1}
    assert outcomes(conn, bad) == ["sent"]


def test_worker_that_may_not_claim_at_all_says_so(conn: Conn, settings: WorkerSettings) -> None:
    add_broadcast(conn)
    conn.execute("REVOKE EXECUTE ON FUNCTION broadcast.claim_due_broadcasts FROM broadcast_worker")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        send(settings)

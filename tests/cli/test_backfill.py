"""`broadcast-manager backfill`: creates what is missing, tells what it did, can be run as often as one likes."""

import json
import uuid
from collections.abc import Callable
from typing import LiteralString

import pytest

from tests.adoption.states import Conn, add_many_channels, broadcast, pairs_and_ids, picture
from tests.cli.conftest import Run
from tools import databases

CLIENT = uuid.UUID("7e1018e4-5644-4031-a05c-4166cc877264")
COUNT = 25


@pytest.fixture
def lacking(database: str, superuser: Callable[[str], str]) -> str:
    """A database with the rule where a superuser's session made 25 channels of one client without rows."""
    with databases.connect(superuser(database)) as boss:
        client = databases.add_user(boss, CLIENT)
        boss.execute("SET session_replication_role = replica")
        add_many_channels(boss, client, COUNT)
    return database


def summary(found: int, created: int, skipped: int, failed: int) -> str:
    return (
        f"📢 found {found}, created {created}, skipped {skipped} (made or deleted by others meanwhile), failed {failed}"
    )


def one_line(text: str) -> str:
    return " ".join(text.split())


def batches(text: str) -> list[tuple[int, int]]:
    *lines, last = [json.loads(line) for line in text.splitlines()]
    assert {line["event"] for line in lines} <= {"backfill.batch"}
    assert last["event"] == "backfill.done"
    return [(line["created"], line["found"]) for line in lines]


def test_backfill_creates_what_is_missing_and_tells_its_batches(run: Run, lacking: str) -> None:
    outcome = run(lacking, "backfill", "--batch-size", "10")
    assert outcome.code == 0
    assert summary(COUNT, COUNT, 0, 0) in one_line(outcome.out)
    # Once a second at most, but for the first and the last one.
    told = batches(outcome.err)
    assert (told[0], told[-1]) == ((10, COUNT), (25, COUNT))
    with databases.connect(lacking) as conn:
        assert len(pairs_and_ids(conn)) == COUNT


def test_backfill_run_again_changes_nothing(run: Run, lacking: str) -> None:
    run(lacking, "backfill")
    before = picture(lacking)
    outcome = run(lacking, "backfill")
    assert outcome.code == 0
    assert summary(0, 0, 0, 0) in one_line(outcome.out)
    assert batches(outcome.err) == []
    assert picture(lacking) == before


def test_backfill_dry_run_counts_and_changes_nothing(run: Run, lacking: str) -> None:
    before = picture(lacking)
    outcome = run(lacking, "backfill", "--dry-run")
    assert outcome.code == 1
    assert f"📢 {COUNT} channels lack their broadcast row; nothing was changed." in one_line(outcome.out)
    assert picture(lacking) == before


def test_backfill_dry_run_works_before_the_upgrade(run: Run, old_database: str) -> None:
    with databases.connect(old_database) as conn:
        databases.add_channel(conn, databases.add_user(conn))
    assert run(old_database, "backfill", "--dry-run").code == 1


def test_backfill_of_one_client_leaves_others_alone_and_tells_its_ids(
    run: Run, lacking: str, superuser: Callable[[str], str]
) -> None:
    with databases.connect(superuser(lacking)) as boss:
        boss.execute("SET session_replication_role = replica")
        other = databases.add_user(boss)
        pair = databases.add_channel(boss, other)
    nobody = run(lacking, "backfill", "--client", str(uuid.uuid4()))
    assert (nobody.code, summary(0, 0, 0, 0) in one_line(nobody.out)) == (0, True)
    outcome = run(lacking, "backfill", "--client", str(other))
    assert outcome.code == 0
    with databases.connect(lacking) as conn:
        assert pairs_and_ids(conn).keys() == {pair}
        assert str(databases.broadcast_id(conn, pair)) in outcome.out
    assert str(other) in outcome.out
    assert run(lacking, "backfill", "--client", str(CLIENT), "--dry-run").code == 1


def test_backfill_spreads_the_first_broadcasts(run: Run, lacking: str) -> None:
    assert run(lacking, "backfill", "--spread", "6 hours").code == 0
    with databases.connect(lacking) as conn:
        facts = conn.execute(
            "SELECT bool_and(next_send_time BETWEEN created_at AND created_at + interval '6 hours'),"
            " count(DISTINCT next_send_time) > 20 FROM broadcast_manager"
        ).fetchone()
    assert facts == (True, True)


def test_backfill_without_spread_is_due_at_once(run: Run, lacking: str) -> None:
    assert run(lacking, "backfill").code == 0
    with databases.connect(lacking) as conn:
        assert conn.execute("SELECT count(*) FROM broadcast_manager WHERE next_send_time <> created_at").fetchone() == (
            0,
        )


BREAK_AFTER_12 = """
CREATE SEQUENCE broken_after;
CREATE FUNCTION break_after() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN IF nextval(''public.broken_after'') > 12 THEN {} END IF; RETURN NEW; END';
CREATE TRIGGER zz_break BEFORE INSERT ON broadcast_manager FOR EACH ROW EXECUTE FUNCTION break_after();
"""


@pytest.mark.parametrize(
    "fault",
    ["RAISE ''the disk is full'';", "PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());"],
    ids=["error", "connection killed"],
)
def test_backfill_that_broke_in_the_middle_keeps_whole_batches_and_is_finished_by_running_again(
    run: Run, lacking: str, fault: str
) -> None:
    with databases.connect(lacking) as conn:
        conn.execute(BREAK_AFTER_12.format(fault).encode())
        outcome = run(lacking, "backfill", "--batch-size", "10")
        assert outcome.code == 2
        assert "broadcast-manager: " in outcome.err
        first = pairs_and_ids(conn)
        assert len(first) == 10
        conn.execute("DROP TRIGGER zz_break ON broadcast_manager")
        outcome = run(lacking, "backfill", "--batch-size", "10")
        assert outcome.code == 0
        assert summary(COUNT - 10, COUNT - 10, 0, 0) in one_line(outcome.out)
        assert len(pairs_and_ids(conn)) == COUNT
        assert pairs_and_ids(conn).items() >= first.items()


@pytest.mark.parametrize(
    "holding",
    [
        "SELECT open_channel_id, closed_channel_id FROM main_clients_database ORDER BY id LIMIT 1 FOR UPDATE",
        "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id)"
        " SELECT client_id, open_channel_id, closed_channel_id FROM main_clients_database ORDER BY id LIMIT 1"
        " RETURNING open_channel_id, closed_channel_id",
    ],
    ids=["channel locked", "row inserted"],
)
def test_backfill_lists_the_channel_that_another_session_holds_and_does_its_neighbours(
    run: Run, lacking: str, holding: LiteralString
) -> None:
    with databases.connect(lacking) as other, other.transaction(force_rollback=True):
        held = other.execute(holding).fetchone()
        assert held is not None
        outcome = run(lacking, "backfill")
    assert outcome.code == 1
    assert summary(COUNT, COUNT - 1, 0, 1) in one_line(outcome.out)
    assert f"missing: client {CLIENT}, pair ({held[0]}, {held[1]})" in outcome.err
    assert run(lacking, "backfill").code == 0


def test_backfill_rows_are_as_those_of_new_channels(run: Run, lacking: str) -> None:
    assert run(lacking, "backfill").code == 0
    with databases.connect(lacking) as conn:
        new = databases.add_channel(conn, CLIENT)
        ids = pairs_and_ids(conn)
        assert initial(conn, ids.pop(new)) == initial(conn, next(iter(ids.values())))


def initial(conn: Conn, broadcast_id: uuid.UUID) -> dict[str, object]:
    row = broadcast(conn, broadcast_id)
    assert row is not None
    own = ("id", "open_channel_id", "closed_channel_id", "created_at", "updated_at", "next_send_time")
    return {name: value for name, value in row.items() if name not in own}

"""An upgrade that is cut off anywhere is finished by the next one: nothing lost, nothing twice."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.live import interruptions
from tests.live.interruptions import Inventory, OwnServer
from tests.migrations import builds
from tools import databases
from tools.benchmarks import old_database

# More than one batch of repairs (100) and of backfill (500).
CHANNELS = 20_000

Interrupt = Callable[[OwnServer, str, str], None]
INTERRUPTS = [interruptions.kill_alembic, interruptions.terminate_backend, interruptions.crash_server]


@pytest.fixture(scope="module")
def filled(own_server: OwnServer) -> str:
    """Name of a database as the live system has it, with everything that may be wrong in it."""
    url = databases.create_database(own_server.url)
    old_database.fill(url, CHANNELS)
    return databases.name_of(url)


@pytest.fixture
def live(own_server: OwnServer, filled: str) -> Iterator[str]:
    """URL of a copy of it."""
    url = databases.create_database(own_server.url, filled)
    yield url
    databases.drop_database(own_server.url, url)


@pytest.mark.parametrize("interrupt", INTERRUPTS)
def test_upgrade_cut_off_in_every_revision_is_finished(interrupt: Interrupt, own_server: OwnServer, live: str) -> None:
    before = Inventory.of(live)
    for revision in builds.REVISIONS:
        with interruptions.version_table_held(live):
            interrupt(own_server, live, "relation")
        databases.upgrade(live, revision)
        assert builds.revision(live) == revision
    before.check(live)


@contextmanager
def index_build(url: str) -> Iterator[str]:
    """The build waits for a transaction that is older than it."""
    databases.upgrade(url, builds.revision_named("broadcast_pair_key"))
    with interruptions.holding(url, "LOCK TABLE main_clients_database IN ROW EXCLUSIVE MODE"):
        yield "virtualxid"


@contextmanager
def repair(url: str) -> Iterator[str]:
    """In the second batch."""
    with held_by_trigger(url, "broadcast.quarantine", "NEW.id > 150"):
        yield "advisory"


@contextmanager
def backfill(url: str) -> Iterator[str]:
    """In the last row of the second batch."""
    with held_by_trigger(url, "broadcast_manager", f"NEW.open_channel_id = '-1003{CHANNELS - 98:09}'"):
        yield "advisory"


@contextmanager
def held_by_trigger(url: str, table: str, condition: str) -> Iterator[None]:
    databases.upgrade(url, builds.revision_named("rule"))
    with databases.connect(url) as conn:
        conn.execute(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NEW; END $$"
        )
        conn.execute(
            f"CREATE TRIGGER hold BEFORE INSERT ON {table} FOR EACH ROW"
            f" WHEN ({condition}) EXECUTE FUNCTION hold()".encode()
        )
    with interruptions.holding(url, "SELECT pg_advisory_xact_lock(7)"):
        yield


@pytest.mark.parametrize("interrupt", INTERRUPTS)
@pytest.mark.parametrize("place", [index_build, repair, backfill])
def test_upgrade_cut_off_inside_a_step_is_finished(
    place: Callable[[str], AbstractContextManager[str]], interrupt: Interrupt, own_server: OwnServer, live: str
) -> None:
    before = Inventory.of(live)
    with place(live) as waits_for:
        interrupt(own_server, live, waits_for)
    databases.upgrade(live)
    before.check(live)

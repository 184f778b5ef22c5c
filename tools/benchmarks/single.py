"""One channel and its id: how long does a client wait, near and far?"""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from decimal import Decimal
from typing import Any, LiteralString, NamedTuple
from uuid import UUID, uuid4

import psycopg
from psycopg_pool import ConnectionPool
from rich.table import Table
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from pyapi import Channel, insert_channel
from pyapi.queries import QUERIES
from tools import databases
from tools.benchmarks.bulk import BY_HAND, INSERT, SERVICE_ROW
from tools.benchmarks.compare import bars, console, interleave, ratio
from tools.benchmarks.delay_proxy import delayed

BASE = "application, two INSERTs"
# Seconds added to a round trip → registrations in one round, over all connections.
ROUND_TRIPS = {0.0: 1000, 0.001: 200, 0.005: 200}
CONNECTIONS = (1, 8)
COMMITS = ("on", "off")
# Channels that are there before, under numbers that no registration reaches.
OTHERS = 20_000
FAR = 500_000_000
# As many as an account may have.
CHANNELS_PER_CLIENT = 10
_numbers = itertools.count(1)

ADD_USER: LiteralString = (
    "INSERT INTO registered_users (user_id, username, email, password_hash) VALUES (%s, %s, %s, 'x')"
)
ONE_CALL: LiteralString = "SELECT broadcast.register_channel(%s, %s, CAST(%s AS jsonb))"


class Load(NamedTuple):
    """How many connections share how many registrations in one round, and for whom."""

    connections: int
    registrations: int
    clients: Sequence[UUID]


def measure(server_url: str, rounds: int) -> None:
    """Print the median time of one registration for each delay, number of connections and synchronous_commit.

    Args:
        server_url: a superuser's URL.
        rounds: interleaved rounds of each variant.
    """
    settings = list(itertools.product(ROUND_TRIPS, CONNECTIONS, COMMITS))
    registrations = sum(ROUND_TRIPS[delay] for delay, _, _ in settings) * (len(WAYS) + 1) * rounds
    with databases_for_registrations(server_url, registrations) as (old, new, clients):
        table = Table(
            "round trip",
            "connections",
            "synchronous_commit",
            "variant",
            "µs",
            f"x {BASE}",
            title=f"One channel and its id: medians of {rounds} rounds",
        )
        speeds: dict[str, float] = {}
        for delay, connections, commit in settings:
            with ExitStack() as stack:
                options = f"-c synchronous_commit={commit}"
                near = [psycopg.conninfo.make_conninfo(url, options=options) for url in (old, new)]
                far = [stack.enter_context(delayed(url, delay) if delay else nullcontext(url)) for url in near]
                load = Load(connections, ROUND_TRIPS[delay], clients)
                variants = {name: _pooled(stack, far[name != BASE], load, register) for name, register in WAYS.items()}
                variants["ours, SQLAlchemy"] = _sqlalchemy(stack, far[1], load)
                times = interleave(variants, rounds)
            for name, seconds in times.items():
                micros = statistics.median(seconds) * connections * 1e6
                speed = ratio(times, BASE, name)
                table.add_row(
                    f"+{delay * 1000:.0f} ms", str(connections), commit, name, f"{micros:.0f}", f"{speed:.2f}"
                )
                if commit == "on" and name != BASE:
                    speeds[f"{name}, +{delay * 1000:.0f} ms, {connections} conn."] = speed
        console.print(table)
        label = f"times as fast as: {BASE} (median of {rounds} paired rounds)"
        bars("One channel and its id, synchronous_commit on", speeds, label, "single.png")


@contextmanager
def databases_for_registrations(server_url: str, registrations: int) -> Iterator[tuple[str, str, list[UUID]]]:
    """Make the live system's database and an upgraded one; give them and clients who may have so many channels."""
    old, new = databases.create_database(server_url), databases.create_database(server_url)
    clients = [uuid4() for _ in range(registrations // CHANNELS_PER_CLIENT + 1)]
    try:
        for url in (old, new):
            databases.load(url, databases.EXISTING_SCHEMA)
        databases.upgrade(new)
        for url, insert in ((old, BY_HAND), (new, INSERT)):
            _fill(url, insert, clients)
        yield old, new, clients
    finally:
        databases.drop_database(server_url, old)
        databases.drop_database(server_url, new)


def _fill(url: str, insert: LiteralString, clients: Sequence[UUID]) -> None:
    """Add the clients, after others with channels of their own: on empty tables plans are made that nobody has."""
    with databases.connect(url) as conn, conn.cursor() as cursor:
        others = [uuid4() for _ in range(OTHERS // CHANNELS_PER_CLIENT)]
        cursor.executemany(ADD_USER, [[other, other.hex, other.hex] for other in others])
        conn.execute(insert, {"first": FAR + 1, "last": FAR + OTHERS, "owners": len(others)})
        cursor.executemany(ADD_USER, [[client, client.hex, client.hex] for client in clients])
        conn.execute("VACUUM (ANALYZE) registered_users, main_clients_database, broadcast_manager")


def channel(clients: Sequence[UUID]) -> Channel:
    """A channel with a pair that no other has, of one client after the other."""
    number = next(_numbers)
    return Channel(
        open_channel_id=f"-100{1_000_000_000 + number}", closed_channel_id=f"-100{5_000_000_000 + number}",
        open_channel_title="Morning signals", open_channel_description="What moved over night",
        closed_channel_title="Morning signals, inside", closed_channel_description="Entries, exits, reasons",
        closed_channel_donation_message="If it paid for your breakfast, buy us one",
        sub_1_price=Decimal("5.00"), sub_1_time=30, client_wallet_address="0x71C7656EC7ab88b098defB751B7401B5f6d8976F",
        client_payout_currency="USDT", client_payout_network="ETH",
        client_id=clients[number % len(clients)],
    )  # fmt: skip


def _application(conn: psycopg.Connection[Any], channel: Channel) -> None:
    """What the seed's service does: the second row by a second statement, with the id from RETURNING."""
    with conn.transaction():
        conn.execute(QUERIES["insert_channel"], {"channel": channel.as_json()})
        conn.execute(
            SERVICE_ROW,
            [channel.client_id, channel.open_channel_id, channel.closed_channel_id],
        ).fetchone()


def _one_call(conn: psycopg.Connection[Any], channel: Channel) -> None:
    """One statement in autocommit: the function inserts the channel and gives the id."""
    conn.execute(ONE_CALL, [channel.client_id, "benchmark", channel.as_json()]).fetchone()


WAYS: dict[str, Callable[[psycopg.Connection[Any], Channel], object]] = {
    BASE: _application,
    "ours, pipeline": insert_channel,
    "ours, register_channel()": _one_call,
}


def _spread(work: Callable[[], object], load: Load) -> Callable[[int], float]:
    """Seconds for one registration, when all are shared out over as many threads as there are connections."""

    def run(_number: int) -> float:
        def share() -> None:
            for _ in range(load.registrations // load.connections):
                work()

        start = time.perf_counter()
        with ThreadPoolExecutor(load.connections) as threads:
            for done in [threads.submit(share) for _ in range(load.connections)]:
                done.result()
        return (time.perf_counter() - start) / load.registrations

    return run


def _pooled(
    stack: ExitStack, url: str, load: Load, register: Callable[[psycopg.Connection[Any], Channel], object]
) -> Callable[[int], float]:
    size = load.connections
    pool = stack.enter_context(
        ConnectionPool(url, min_size=size, max_size=size, kwargs={"autocommit": True}, open=True)
    )
    pool.wait()

    def work() -> None:
        with pool.connection() as conn:
            register(conn, channel(load.clients))

    return _spread(work, load)


def _sqlalchemy(stack: ExitStack, url: str, load: Load) -> Callable[[int], float]:
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), pool_size=load.connections, max_overflow=0
    )
    stack.callback(engine.dispose)

    def work() -> None:
        with Session(engine) as session:
            insert_channel(session, channel(load.clients))
            session.commit()

    return _spread(work, load)

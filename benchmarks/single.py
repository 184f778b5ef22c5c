"""One channel and its id: how long does a client wait, near and far?"""

import itertools
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import ConnectionPool
from rich.table import Table
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from benchmarks.bulk import SERVICE_ROW
from benchmarks.compare import console, interleave, ratio
from benchmarks.delay_proxy import delayed
from pyapi import Channel, insert_channel
from pyapi.queries import QUERIES
from tests import databases

BASE = "application: BEGIN, INSERT, INSERT, COMMIT"
_numbers = itertools.count(1)


def measure(server_url: str, rounds: int, registrations: int = 200) -> None:
    """Print the median time of one registration for each delay, number of connections and synchronous_commit.

    Args:
        server_url: a superuser's URL.
        rounds: interleaved rounds of each variant.
        registrations: in one round, over all connections.
    """
    old, new = databases.create_database(server_url), databases.create_database(server_url)
    try:
        databases.load(old, databases.EXISTING_SCHEMA)
        databases.load(new, databases.EXISTING_SCHEMA)
        databases.upgrade(new)
        with databases.connect(old) as conn:
            client = databases.add_user(conn)
        with databases.connect(new) as conn:
            databases.add_user(conn, client)
        table = Table(
            "round trip",
            "connections",
            "synchronous_commit",
            "variant",
            "µs",
            f"x {BASE}",
            title="One channel and its id",
        )
        for delay, connections, commit in itertools.product((0.0, 0.001, 0.005), (1, 8), ("on", "off")):
            with ExitStack() as stack:
                options = f"-c synchronous_commit={commit}"
                near = [psycopg.conninfo.make_conninfo(url, options=options) for url in (old, new)]
                far = [stack.enter_context(delayed(url, delay) if delay else nullcontext(url)) for url in near]
                times = interleave(
                    {
                        BASE: _pooled(stack, far[0], connections, registrations, client, _application),
                        "ours, pipeline": _pooled(stack, far[1], connections, registrations, client, insert_channel),
                        "ours, SQLAlchemy": _sqlalchemy(stack, far[1], connections, registrations, client),
                    },
                    rounds,
                )
            for name, seconds in times.items():
                micros = statistics.median(seconds) / registrations * connections * 1e6
                speed = f"{ratio(times, BASE, name):.2f}"
                table.add_row(f"+{delay * 1000:.0f} ms", str(connections), commit, name, f"{micros:.0f}", speed)
        console.print(table)
    finally:
        databases.drop_database(server_url, old)
        databases.drop_database(server_url, new)


def _channel(client: UUID) -> Channel:
    number = next(_numbers)
    return Channel(
        open_channel_id=f"-100{1_000_000_000 + number}", closed_channel_id=f"-100{5_000_000_000 + number}",
        open_channel_title="Morning signals", open_channel_description="What moved over night",
        closed_channel_title="Morning signals, inside", closed_channel_description="Entries, exits, reasons",
        closed_channel_donation_message="If it paid for your breakfast, buy us one",
        sub_1_price=Decimal("5.00"), sub_1_time=30, client_wallet_address="0x71C7656EC7ab88b098defB751B7401B5f6d8976F",
        client_payout_currency="USDT", client_payout_network="ETH", client_id=client,
    )  # fmt: skip


def _application(conn: psycopg.Connection[Any], channel: Channel) -> None:
    """What the seed's service does: the second row by a second statement, with the id from RETURNING."""
    with conn.transaction():
        conn.execute(QUERIES["insert_channel"], {"channel": channel.as_json()})
        conn.execute(
            SERVICE_ROW,
            [channel.client_id, channel.open_channel_id, channel.closed_channel_id],
        ).fetchone()


def _spread(work: Callable[[], object], connections: int, registrations: int) -> Callable[[int], float]:
    """Seconds for all registrations, shared out over as many threads as there are connections."""

    def run(_number: int) -> float:
        def share() -> None:
            for _ in range(registrations // connections):
                work()

        start = time.perf_counter()
        with ThreadPoolExecutor(connections) as threads:
            for done in [threads.submit(share) for _ in range(connections)]:
                done.result()
        return time.perf_counter() - start

    return run


def _pooled(
    stack: ExitStack,
    url: str,
    connections: int,
    registrations: int,
    client: UUID,
    register: Callable[[psycopg.Connection[Any], Channel], object],
) -> Callable[[int], float]:
    pool = stack.enter_context(
        ConnectionPool(url, min_size=connections, max_size=connections, kwargs={"autocommit": True}, open=True)
    )
    pool.wait()

    def work() -> None:
        with pool.connection() as conn:
            register(conn, _channel(client))

    return _spread(work, connections, registrations)


def _sqlalchemy(
    stack: ExitStack, url: str, connections: int, registrations: int, client: UUID
) -> Callable[[int], float]:
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), pool_size=connections, max_overflow=0
    )
    stack.callback(engine.dispose)

    def work() -> None:
        with Session(engine) as session:
            insert_channel(session, _channel(client))
            session.commit()

    return _spread(work, connections, registrations)

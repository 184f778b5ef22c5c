"""Which workers run, what they hold, and which one has not been heard of."""

import asyncio

from pyapi.worker.loop import run_worker
from pyapi.worker.settings import WorkerSettings
from tests.delivery.broadcasts import Conn, add_broadcast
from tests.delivery.calls import claim
from tests.functions.calls import value

LOOK = "SELECT broadcast.worker_looks(%s, '0.1.0', 'a_bot', 10, '5 seconds')"


def test_worker_is_shown_while_it_runs(conn: Conn, settings: WorkerSettings) -> None:
    workers = "SELECT json_array_length(broadcast.health() -> 'workers')"

    async def run() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(run_worker(settings, stop))
        async with asyncio.timeout(30):
            while value(conn, workers) == 0:
                await asyncio.sleep(0.02)
        stop.set()
        await running

    asyncio.run(run())
    assert value(conn, workers) == 0


def test_health_tells_what_each_holds_and_who_is_silent(conn: Conn) -> None:
    for process in ("host:1:a", "host:2:b", "host:3:c"):
        conn.execute(LOOK, [process])
    add_broadcast(conn)
    claim(conn, "host:1:a:7")
    conn.execute("UPDATE broadcast.workers SET last_look = now() - interval '31 seconds' WHERE process = 'host:2:b'")
    shown = value(conn, "SELECT broadcast.health() -> 'workers'")
    assert [(worker["process"], worker["state"], worker["holds"]) for worker in shown] == [
        ("host:2:b", "stalled", 0),
        ("host:1:a", "sending", 1),
        ("host:3:c", "idle", 0),
    ]


def test_worker_that_is_gone_is_forgotten(conn: Conn) -> None:
    conn.execute(LOOK, ["host:1:a"])
    conn.execute("UPDATE broadcast.workers SET last_look = now() - interval '16 minutes'")
    conn.execute(LOOK, ["host:2:b"])
    assert value(conn, "SELECT array_agg(process) FROM broadcast.workers") == ["host:2:b"]

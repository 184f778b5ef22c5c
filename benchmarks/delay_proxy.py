"""A TCP proxy on loopback that delays every packet: a network between client and server, on one machine."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo


@contextmanager
def delayed(url: str, round_trip: float) -> Iterator[str]:
    """Give a URL that leads to the same database with this much added to each round trip.

    Args:
        url: the server, on a Unix socket or on TCP.
        round_trip: seconds, half of them each way.
    """
    parameters = conninfo_to_dict(url)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(_serve(parameters, round_trip / 2), loop).result()
    try:
        port = server.sockets[0].getsockname()[1]
        yield make_conninfo("", **{**parameters, "host": "127.0.0.1", "port": port, "hostaddr": None})
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _serve(parameters: dict[str, str | int | None], delay: float) -> asyncio.Server:
    host, port = str(parameters.get("host") or "127.0.0.1"), int(parameters.get("port") or 5432)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if host.startswith("/"):
            upstream = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            upstream = await asyncio.open_connection(host, port)
        await asyncio.gather(_pass_on(reader, upstream[1], delay), _pass_on(upstream[0], writer, delay))

    return await asyncio.start_server(connect, "127.0.0.1", 0)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            loop.call_later(delay, writer.write, data)
    loop.call_later(delay, writer.close)

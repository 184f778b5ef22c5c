"""A TCP proxy on loopback that delays every packet: a network between client and server, on one machine."""

import asyncio
import subprocess
import sys
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
    server = [str(parameters.get("host") or "127.0.0.1"), str(parameters.get("port") or 5432)]
    # A process of its own, so that it does not share the clients' interpreter.
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.delay_proxy", *server, str(round_trip / 2)],
        stdout=subprocess.PIPE,
        text=True,
    ) as proxy:
        try:
            port = proxy.stdout.readline().strip() if proxy.stdout else ""
            yield make_conninfo("", **{**parameters, "host": "127.0.0.1", "port": port, "hostaddr": None})
        finally:
            proxy.kill()


async def serve(host: str, port: int, delay: float) -> None:
    """Pass everything on to the server, each packet after the delay in seconds, and print the port to connect to."""

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if host.startswith("/"):
            answers, questions = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            answers, questions = await asyncio.open_connection(host, port)
        await asyncio.gather(_pass_on(reader, questions, delay), _pass_on(answers, writer, delay))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            loop.call_later(delay, writer.write, data)
    loop.call_later(delay, writer.close)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))

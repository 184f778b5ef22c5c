"""A TCP line to the database that can fall silent, as a server that is gone without a word."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from psycopg.conninfo import conninfo_to_dict


@dataclass
class Line:
    """The database by this line; while it is silent, what either side says is lost."""

    url: str
    silent: threading.Event = field(default_factory=threading.Event)


@contextmanager
def line_to(url: str) -> Iterator[Line]:
    """A line to a database, on a port of 127.0.0.1."""
    place = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        parts = urlsplit(url)
        credentials = parts.netloc.rpartition("@")[0]
        line = Line(urlunsplit((parts.scheme, f"{credentials}@127.0.0.1:{port}", parts.path, "", "")))
        ends: list[socket.socket] = []

        def carry(source: socket.socket, target: socket.socket) -> None:
            with suppress(OSError):
                while data := source.recv(65536):
                    if not line.silent.is_set():
                        target.sendall(data)
                target.shutdown(socket.SHUT_WR)

        def answer() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = _connected(place["host"], int(place["port"]))
                    ends.extend((client, server))
                    for pair in (client, server), (server, client):
                        threading.Thread(target=carry, args=pair, daemon=True).start()

        threading.Thread(target=answer, daemon=True).start()
        try:
            yield line
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for end in ends:
                end.close()


def _connected(host: str, port: int) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{host}/.s.PGSQL.{port}")
    return server

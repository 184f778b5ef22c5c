"""A PostgreSQL to measure on, with fsync on: the installed one, the embedded one, or that of BENCH_DATABASE_URL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from demo.embedded import embedded_server
from tools import servers

KINDS = ("system", "embedded", "url")


@contextmanager
def durable_server(kind: str | None = None) -> Iterator[str]:
    """Run a server and give a superuser's URL.

    Args:
        kind: `system`, `embedded` or `url`; None takes the first to be had of url, system, embedded.

    Raises:
        servers.ServerMissing: the one asked for is not to be had.
    """
    url = os.environ.get("BENCH_DATABASE_URL")
    binaries = servers.system_binaries()
    if kind == "url" or (kind is None and url):
        if not url:
            raise servers.ServerMissing("BENCH_DATABASE_URL is not set: give it a superuser's URL")
        yield url
    elif kind == "system" or (kind is None and binaries):
        if binaries is None:
            raise servers.ServerMissing("no PostgreSQL is installed here")
        with servers.system_server(binaries, fast=False) as started:
            yield started
    else:
        with embedded_server() as started:
            yield started

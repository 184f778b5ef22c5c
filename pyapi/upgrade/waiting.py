"""Says every few seconds what an upgrade waits for: the build of an index waits without a word."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from pyapi.queries import QUERIES

# From one look to the next.
SECONDS = 5.0


@contextmanager
def waits_told(url: str, pid: int, tell: Callable[[str], None]) -> Iterator[None]:
    """Look from a second connection while the context lasts, and tell each wait that goes on.

    Args:
        url: the database, as libpq takes it.
        pid: the server process of the connection that may wait.
        tell: called with one sentence; from a thread.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(url, pid, tell, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(url: str, pid: int, tell: Callable[[str], None], ended: threading.Event) -> None:
    while not ended.wait(SECONDS):
        # Whatever goes wrong here, the upgrade itself says what is wrong with the database.
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=5, client_encoding="utf8") as conn:
                conn.execute(QUERIES["session_settings"])
                while not ended.wait(SECONDS):
                    for sentence in _waits(conn, pid):
                        tell(sentence)
        except psycopg.Error:
            continue


def _waits(conn: psycopg.Connection[Any], pid: int) -> list[str]:
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(QUERIES["upgrade_waits_for"], {"pid": pid}).fetchall()
    return [
        f"waiting for {row['seconds']} s for {row['blocker']}; the build of an index gives up after 10 minutes"
        for row in rows
    ]

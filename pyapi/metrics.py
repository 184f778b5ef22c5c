"""Metrics for Prometheus: what this process did, and what broadcast.metrics() says of the database.

docs/metrics.md lists them. They are served on an address of their own: the API's is for everyone, these are not.
"""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Annotated, Any

import psycopg
import structlog
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from pyapi.checks.drift import find_drift, read_fingerprint
from pyapi.database_url import connection_options
from pyapi.queries import QUERIES
from pyapi.settings import SettingsInvalid, read_environment

# A second series for each counter, of when it was made: nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]

REQUEST_SECONDS = Histogram(
    "broadcast_manager_request_duration_seconds",
    "From an HTTP request to the end of its answer.",
    ["method", "route", "status"],
)
PART_SECONDS = Histogram(
    "broadcast_manager_part_duration_seconds",
    "From a message sent to Telegram's answer.",
    ["part", "outcome"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60),
)
CLAIMS = Counter("broadcast_manager_claims", "Broadcasts that this process took to send.")
CLAIMS_ENDED = Counter("broadcast_manager_claims_ended", "How they ended, as finish_broadcast() says.", ["outcome"])
LAST_LOOK = Gauge(
    "broadcast_manager_worker_last_look_timestamp_seconds",
    "When this worker last looked for due broadcasts; 0 where no worker runs.",
)

# The server's own limit; one for a server that is gone, or stopped; and one for a scrape as a whole, however many hosts
# are tried: Prometheus gives it up after ten seconds.
_STATEMENT_MILLISECONDS = "5000"
_QUERY_SECONDS = 7
_SCRAPE_SECONDS = 8
_RETRY_SECONDS = 30

_Rows = list[tuple[Any, ...]]

log = structlog.get_logger()


class MetricsSettings(BaseSettings):
    """The settings, each the environment variable of the same name in capitals.

    Args:
        metrics_port: where to serve them; 0 takes a free port, and without it they are not served.
        metrics_host: the address to listen on; 0.0.0.0 for all of this machine's.
        integrity_check_seconds: at this age the last full check of the database is repeated, at twice this age at the
            latest, by one process of all.
    """

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    metrics_host: str = "127.0.0.1"
    # The alert BroadcastCheckTooOld allows an hour.
    integrity_check_seconds: Annotated[float, Field(gt=0, le=1800)] = 600.0


def read_metrics_settings() -> MetricsSettings:
    """The settings of this process's environment.

    Raises:
        SettingsInvalid: one sentence that names the variable and what it should hold.
    """
    return read_environment(MetricsSettings, {})


@contextmanager
def metrics_served(settings: MetricsSettings, database_url: str) -> Iterator[int | None]:
    """Serve them while the context lasts, and see to it that the full check of the database is not too old.

    Args:
        settings: nothing is done without metrics_port.
        database_url: as a member of broadcast_api, broadcast_worker or broadcast_reader.

    Yields:
        The port; None where they are not served.

    Raises:
        SettingsInvalid: the port is taken, or the address is not this machine's.
    """
    if settings.metrics_port is None:
        yield None
        return
    database = _Database(database_url)
    registry = CollectorRegistry()
    registry.register(database)
    registry.register(REGISTRY)
    try:
        server, serving = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except (OSError, UnicodeError) as error:
        # The latter for what cannot even be asked about, such as a name of 64 letters.
        reason = error.strerror or error if isinstance(error, OSError) else "no name or address of a machine"
        raise SettingsInvalid(
            f"METRICS_PORT: cannot listen on {settings.metrics_host}, port {settings.metrics_port}: {reason}"
        ) from error
    stop = threading.Event()
    max_age = timedelta(seconds=settings.integrity_check_seconds)
    # A daemon: a check that is under way does not hold up the end of the process.
    threading.Thread(target=database.keep_checking, args=(max_age, stop), daemon=True).start()
    log.info("metrics.listening", address=settings.metrics_host, port=server.server_port)
    try:
        yield server.server_port
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        serving.join()


class _Database(Collector):
    """What the database says at a scrape, and how many objects of the catalogue differed at the last check."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._drift: int | None = None
        self._asking = threading.Lock()
        self._answer: Future[_Rows] | None = None

    def collect(self) -> Iterator[Metric]:
        rows: _Rows = []
        try:
            rows = self._ask().result(_SCRAPE_SECONDS)
        except (psycopg.Error, TimeoutError) as error:
            _warn("metrics.database_away", error)
        yield GaugeMetricFamily("broadcast_manager_database_up", "Whether the database answered.", value=bool(rows))
        yield from _families(rows)
        if self._drift is not None:
            yield GaugeMetricFamily(
                "broadcast_manager_drift_objects",
                "Objects of the rule that are not as this release made them (broadcast-manager doctor names them).",
                value=self._drift,
            )

    def _ask(self) -> Future[_Rows]:
        """The answer to the question that is under way; it is asked now where none is."""
        with self._asking:
            if self._answer is None or self._answer.done():
                self._answer = Future()
                threading.Thread(target=_read_figures, args=(self._url, self._answer), daemon=True).start()
            return self._answer

    def keep_checking(self, max_age: timedelta, stop: threading.Event) -> None:
        """Have the full check made whenever the last one, by whichever process, is older than max_age."""
        while not stop.is_set():
            pause = max_age.total_seconds()
            try:
                with _connection(self._url) as conn:
                    conn.execute(QUERIES["check_integrity"], {"max_age": max_age})
                    self._drift = len(find_drift(read_fingerprint(conn)))
                    rows = conn.execute(QUERIES["metrics"]).fetchall()
                violations = sum(int(row[-1]) for row in rows if row[0] == "broadcast_manager_violations")
                level = logging.ERROR if violations or self._drift else logging.INFO
                log.log(level, "integrity.checked", violations=violations, drift=self._drift)
            except psycopg.Error as error:
                _warn("integrity.not_checked", error)
                pause = min(pause, _RETRY_SECONDS)
            stop.wait(pause)


def _read_figures(url: str, answer: Future[_Rows]) -> None:
    try:
        with _connection(url) as conn, _closed_after(conn, _QUERY_SECONDS), conn.transaction():
            conn.execute(QUERIES["limit_statements"], {"milliseconds": _STATEMENT_MILLISECONDS})
            rows = conn.execute(QUERIES["metrics"]).fetchall()
    except Exception as error:
        answer.set_exception(error)
    else:
        answer.set_result(rows)


@contextmanager
def _closed_after(conn: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Close a connection by force when it is still in use after so many seconds; libpq has no such limit."""
    with socket.socket(fileno=os.dup(conn.fileno())) as line:

        def close() -> None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(seconds, close)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _warn(event: str, error: psycopg.Error | TimeoutError) -> None:
    # A connection that cannot be had has no SQLSTATE: only the text's first line says why.
    sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
    log.warning(event, reason=type(error).__name__, sqlstate=sqlstate, description=str(error).partition("\n")[0])


def _families(rows: _Rows) -> Iterator[Metric]:
    families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    for name, documentation, label, label_value, value in rows:
        kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
        family = families.setdefault(name, kind(name, documentation, labels=[label] if label else []))
        if value is not None:
            family.add_metric([label_value] if label else [], value)
    yield from families.values()


def _connection(url: str) -> psycopg.Connection[Any]:
    conn = psycopg.connect(url, **connection_options(url, "metrics"))
    conn.execute(QUERIES["session_settings"])
    return conn

"""Logs: 📢 and a readable line on a terminal, one JSON object a line elsewhere; docs/logs.md lists the events.

What the libraries log by way of the standard library (uvicorn, the pool of connections) takes the same way out.
"""

import logging
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from pyapi.errors import BroadcastError, RuleError, typed_errors

if TYPE_CHECKING:
    from tenacity import RetryCallState

# Nothing of ours logs a secret; this is for what a library may say one day: a bot's token, a signed token, and a
# password in a URL or a libpq string.
_SECRETS = re.compile(
    r"\d{3,}:[\w-]{16,}|\beyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=://)[^\s/@:\"']*:[^\s/@\"']+(?=@)|\bpassword=[^\s\"']+"
)
_COMMON: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
]

# Who uses pyapi as a library sees its log where they configure one, and only there.
logging.getLogger("pyapi").addHandler(logging.NullHandler())


class _Stderr(logging.Handler):
    """Standard error as it is at the moment of each line: one process may run several commands, as tests do."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


_stderr = _Stderr()


def configure() -> None:
    """Log to standard error from now on: our events from INFO, what libraries say from WARNING. May be repeated."""
    last: list[Processor]
    if sys.stderr.isatty():
        # Otherwise tracebacks show local variables, secrets among them.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        last = [_announced, renderer]
    else:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    _stderr.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[
                *_COMMON,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                _event_beside_the_sentence,
            ],
            processors=[ProcessorFormatter.remove_processors_meta, *last, _without_secrets],
        )
    )
    logging.getLogger().addHandler(_stderr)
    # The second one tells of upgrades and backfills (pyapi/upgrade/progress.py).
    for name in ("pyapi", "alembic.broadcast_manager"):
        logging.getLogger(name).setLevel(logging.INFO)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_COMMON, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=BoundLogger,
    )


def library_logger(name: str) -> BoundLogger:
    """A logger for what others call in their own programs: silent until they configure the standard library's logging.

    Args:
        name: the module's.
    """
    logger: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=True,
    )
    return logger


@contextmanager
def failures_logged(log: BoundLogger, action: str) -> Iterator[None]:
    """Log what the database refuses, as a failure of the channel or of the broadcast, and raise it typed.

    Args:
        log: where; the fields that tell of what, such as client_id, are bound to it.
        action: what was to be done.

    Raises:
        RuleError: one of its subclasses, as typed_errors().
    """
    began = time.monotonic()
    try:
        with typed_errors():
            yield
    except RuleError as error:
        event = "broadcast.failed" if isinstance(error, BroadcastError) else "channel.failed"
        duration = milliseconds_since(began)
        log.warning(event, action=action, code=error.code, sqlstate=error.sqlstate, duration_ms=duration)
        raise


def retry_logged(event: str, **fields: Any) -> "Callable[[RetryCallState], None]":
    """A warning before each repetition, for tenacity's ``before_sleep``.

    Args:
        event: the event's name.
        fields: what is logged beside the error's class (reason), its code if it has one, and the attempt's number.
    """

    def before_sleep(state: "RetryCallState") -> None:
        error = state.outcome.exception() if state.outcome else None
        about = {"reason": type(error).__name__, "code": getattr(error, "code", None), "attempt": state.attempt_number}
        structlog.get_logger().warning(event, **about, **fields)

    return before_sleep


def milliseconds_since(began: float) -> float:
    """For duration_ms: since a moment of time.monotonic(), to a tenth."""
    return round((time.monotonic() - began) * 1000, 1)


def _event_beside_the_sentence(_: WrappedLogger, __: str, event_dict: EventDict) -> EventDict:
    # In one attribute of the record: it has some of its own, created for one.
    event_dict.update(event_dict.pop("pyapi_event", {}))
    return event_dict


def _announced(_: WrappedLogger, __: str, event_dict: EventDict) -> EventDict:
    event_dict["event"] = f"📢 {event_dict['event']}"
    return event_dict


def _without_secrets(_: WrappedLogger, __: str, line: Any) -> str:
    return _SECRETS.sub("***", line)

"""Logs: 📢 and a readable line on a terminal, one JSON object a line elsewhere; docs/logs.md lists the events.

What the libraries log by way of the standard library (uvicorn, the pool of connections) takes the same way out.
"""

import logging
import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

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
    """Log to standard error from now on: our events, what libraries say from WARNING. May be repeated.

    Our events are told from INFO on, with the environment variable LOG_LEVEL=debug from DEBUG on.
    """
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
    level = logging.DEBUG if os.environ.get("LOG_LEVEL", "").strip().lower() == "debug" else logging.INFO
    for name in ("pyapi", "alembic.broadcast_manager"):
        logging.getLogger(name).setLevel(level)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_COMMON, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=BoundLogger,
    )


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


def _event_beside_the_sentence(_: WrappedLogger, __: str, event_dict: EventDict) -> EventDict:
    # In one attribute of the record: it has some of its own, created for one.
    event_dict.update(event_dict.pop("pyapi_event", {}))
    return event_dict


def _announced(_: WrappedLogger, __: str, event_dict: EventDict) -> EventDict:
    event_dict["event"] = f"📢 {event_dict['event']}"
    return event_dict


def _without_secrets(_: WrappedLogger, __: str, line: Any) -> str:
    return _SECRETS.sub("***", line)

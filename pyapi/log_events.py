"""What pyapi logs as a library, by the standard library alone; logs.py is for our own processes."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyapi.errors import BroadcastError, RuleError, typed_errors

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

# Who uses pyapi as a library sees its log where they configure one, and only there.
logging.getLogger("pyapi").addHandler(logging.NullHandler())


class EventLogger:
    """Logs an event's name, and its fields as attributes of the record; silent until others configure logging.

    Args:
        name: the module's.
        fields: what each line carries.
    """

    def __init__(self, name: str, **fields: Any) -> None:
        self._logger = logging.getLogger(name)
        self._fields = fields

    def bind(self, **fields: Any) -> "EventLogger":
        """A logger whose lines carry these fields as well."""
        return EventLogger(self._logger.name, **self._fields, **fields)

    def info(self, event: str, **fields: Any) -> None:
        """Log an event that is as it should be."""
        self._logger.info(event, extra=self._fields | fields, stacklevel=2)

    def warning(self, event: str, **fields: Any) -> None:
        """Log an event that somebody may want to look at."""
        self._logger.warning(event, extra=self._fields | fields, stacklevel=2)


@contextmanager
def failures_logged(log: "BoundLogger | EventLogger", action: str) -> Iterator[None]:
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


def milliseconds_since(began: float) -> float:
    """For duration_ms: since a moment of time.monotonic(), to a tenth."""
    return round((time.monotonic() - began) * 1000, 1)

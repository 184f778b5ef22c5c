"""What goes wrong, as HTTP answers: {"success": false, "error": text, "code": slug, …}.

No answer repeats what the client sent.
"""

import http
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg import errors as pg
from starlette.exceptions import HTTPException

from pyapi import errors
from pyapi.channels.accounts import AccountInactive, LoginFailed
from pyapi.channels.field_problems import field_problems
from pyapi.web.login_limit import LoginRateLimited
from pyapi.web.middleware.request_log import path_for_log
from pyapi.web.tokens import TokenInvalid

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 5
_BEARER = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True)
class Failure:
    """One answer that tells of a failure; extra are further keys of its body."""

    status: int
    code: str
    error: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The JSON object."""
        return {"success": False, "error": self.error, "code": self.code, **self.extra}


_SOON = {"Retry-After": str(RETRY_AFTER_SECONDS)}
DATABASE_UNAVAILABLE = Failure(
    503, "database_unavailable", "The database does not answer right now; try again in a moment", headers=_SOON
)
DATABASE_NOT_READY = Failure(
    503, "database_not_ready", "The database is not upgraded, or this service may not use it: an operator must look"
)
OPERATORS_ONLY = Failure(403, "operators_only", "Only operators may do this")
DELIVERY_NOT_CONFIGURED = Failure(
    503, "delivery_not_configured", "This service cannot send: it has no bot token that Telegram accepts"
)
SENDING_OFF = Failure(503, "sending_off", "Sending is switched off: broadcast-manager sending says why")
TELEGRAM_UNAVAILABLE = Failure(
    503, "telegram_unavailable", "Telegram cannot be reached right now; try again in a moment", headers=_SOON
)
INTERNAL_ERROR = Failure(500, "internal_error", "Something went wrong on our side")
RULE_BROKEN = "The channel's broadcast could not be kept in order; nothing was stored"
PAYLOAD_TOO_LARGE = Failure(413, "content_too_large", "The request is too large")
TARGET_TOO_LONG = Failure(414, "uri_too_long", "The address is too long")
HEADERS_TOO_LARGE = Failure(431, "request_header_fields_too_large", "The request's headers are too large")

_RULE_FAILURES: dict[type[errors.RuleError], tuple[int, str]] = {
    errors.ChannelNotFound: (404, "There is no such channel"),
    errors.ChannelForbidden: (403, "This channel belongs to another account"),
    errors.ChannelAmbiguous: (409, "Several channels have this id; say which by closed_channel_id"),
    errors.ChannelPairTaken: (409, "This pair of channels is registered already"),
    errors.ChannelOwnerUnknown: (403, "This account is not known any more"),
    errors.ChannelIncomplete: (400, "A field that must have a value has none"),
    errors.ChannelInvalid: (400, "A value does not fit its field"),
    errors.BroadcastUnknown: (404, "There is no such broadcast"),
    errors.BroadcastForbidden: (403, "This broadcast belongs to another account"),
    errors.BroadcastInactive: (409, "This broadcast is switched off; switch it on again first"),
    errors.OperatorRequired: (403, "Only operators may do this"),
    errors.BroadcastInProgress: (409, "This broadcast is being sent right now"),
    errors.BroadcastWithoutTurns: (409, "This broadcast is sent by hand only: it has no next turn"),
}


def failure_of(error: Exception) -> Failure:
    """The answer that tells of an exception, INTERNAL_ERROR when it is none that anyone expected."""
    match error:
        case RequestValidationError() if wrong := [e["loc"][1] for e in error.errors() if e["loc"][0] == "path"]:
            # Nothing has such an id.
            return failure_of(errors.BroadcastUnknown("") if "broadcast_id" in wrong else errors.ChannelNotFound(""))
        case RequestValidationError():
            return _invalid(field_problems(error.errors(), skip=1))
        case HTTPException():
            return _of_http(error)
        case errors.ChannelLimitReached():
            return Failure(400, error.code, f"Maximum {error.max_channels} channels per account")
        case errors.ChannelFieldsInvalid():
            return _invalid(error.details)
        case errors.BroadcastRateLimited():
            return _too_soon(error.code, "This broadcast was triggered a short while ago", error.retry_after_seconds)
        case errors.RuleError() if type(error) in _RULE_FAILURES:
            status, text = _RULE_FAILURES[type(error)]
            return Failure(status, error.code, text)
        case errors.RuleError():
            return Failure(500, error.code, RULE_BROKEN)
        case LoginFailed():
            return Failure(401, "login_failed", "Username or password is wrong", headers=_BEARER)
        case AccountInactive():
            return Failure(403, "account_inactive", "This account is inactive")
        case TokenInvalid():
            return Failure(401, "token_invalid", "Sign in: the token is missing, expired or wrong", headers=_BEARER)
        case LoginRateLimited():
            return _too_soon("login_rate_limited", "Too many attempts to sign in", error.retry_after_seconds)
        case psycopg.OperationalError() | psycopg.InterfaceError() | pg.ReadOnlySqlTransaction():
            return DATABASE_UNAVAILABLE
        case (
            pg.InvalidSchemaName()
            | pg.UndefinedTable()
            | pg.UndefinedFunction()
            | pg.UndefinedColumn()
            | pg.InsufficientPrivilege()
        ):
            return DATABASE_NOT_READY
        case psycopg.DataError() | UnicodeEncodeError():
            return _invalid({"body": "holds text that the database cannot store"})
    return INTERNAL_ERROR


def _too_soon(code: str, text: str, seconds: int) -> Failure:
    headers = {"Retry-After": str(seconds)}
    return Failure(429, code, f"{text}; try again in {seconds} s", {"retry_after_seconds": seconds}, headers)


def _invalid(details: Mapping[str, str]) -> Failure:
    return Failure(400, "validation_failed", "Validation failed", {"details": details})


def _of_http(error: HTTPException) -> Failure:
    match error.status_code:
        case 400:
            return _invalid({"body": "must be JSON in UTF-8"})
        case 413:
            return PAYLOAD_TOO_LARGE
        case 414:
            return TARGET_TOO_LONG
        case 431:
            return HEADERS_TOO_LARGE
    phrase = http.HTTPStatus(error.status_code).phrase
    slug = phrase.lower().replace(" ", "_").replace("-", "_")
    return Failure(error.status_code, slug, phrase, headers=error.headers or {})


async def answer_failure(request: Request, error: Exception) -> JSONResponse:
    """The exception handler of everything under /api: failure_of() as JSON."""
    failure = failure_of(error)
    about = log.bind(code=failure.code, method=request.method, path=path_for_log(request.url.path))
    if failure.status >= 500:
        about.error("api.failed", reason=type(error).__name__)
    elif failure.status == 400 and not isinstance(error, errors.RuleError):
        # It never came to the functions that log what the database refuses.
        about.warning("request.invalid", fields=sorted(failure.extra["details"]))
    return JSONResponse(failure.body(), failure.status, dict(failure.headers))

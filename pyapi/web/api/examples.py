"""One example of each answer, for the OpenAPI document; those of failures are made by what answers them."""

from collections import defaultdict
from typing import Any

import psycopg
from fastapi.exceptions import RequestValidationError

from pyapi import errors
from pyapi.channels.accounts import AccountInactive, LoginFailed
from pyapi.channels.fields import FIELDS
from pyapi.web.api.bodies import ErrorAnswer
from pyapi.web.failures import PAYLOAD_TOO_LARGE, Failure, failure_of
from pyapi.web.login_limit import LoginRateLimited
from pyapi.web.tokens import TokenInvalid

Responses = dict[int | str, dict[str, Any]]

_TIMES = {"created_at": "2026-05-04T08:12:31.104225+00:00", "last_login": "2026-11-02T17:40:05.718336+00:00"}
_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…"  # noqa: S105

USER = {
    "user_id": "7e1018e4-5644-4031-a05c-4166cc877264",
    "username": "fruehaufsteher",
    "email": "signale@example.org",
    "email_verified": True,
    **_TIMES,
}
ACCESS = {"access_token": _TOKEN, "token_type": "bearer", "expires_in": 900}
LOGIN = {**USER, **ACCESS, "refresh_token": _TOKEN}
LOGIN_REQUEST = {"username": "fruehaufsteher", "password": "correct horse battery staple"}

REGISTRATION: dict[str, Any] = {name: (field.examples or [None])[0] for name, field in FIELDS.items()}
CHANGES = {"open_channel_title": "Evening signals", "sub_1_price": 6.5}
BROADCAST_ID = "019a4571-d2a0-8f3c-9b1e-4a4d5cc6e8d1"
# Without nulls: FastAPI leaves them out of the document.
_STANDING = {
    "broadcast_id": BROADCAST_ID,
    "state": "off",
    "off_reason": "failures",
    "is_active": False,
    "next_send_time": "2026-11-04T09:00:02.330871+00:00",
    "last_sent_time": "2026-11-03T09:00:02.330871+00:00",
    "last_manual_trigger_time": "2026-11-03T08:59:58.027461+00:00",
    "total_broadcasts": 16,
    "successful_broadcasts": 11,
    "failed_broadcasts": 5,
    "consecutive_failures": 5,
    "last_error_message": "Forbidden: bot was kicked from the channel chat",
    "last_error_time": "2026-11-04T08:00:01.914460+00:00",
    "retry_after_seconds": 0,
}
CHANNEL = {
    **REGISTRATION,
    "accumulated_amount": 37.5,
    # As a channel without them would have it.
    "problem": "it has no tier with a price and a number of days",
    "payout_threshold_updated_at": "2026-11-02T17:41:40.512004+00:00",
    "client_id": USER["user_id"],
    "created_by": USER["username"],
    "updated_at": "2026-11-02T17:41:40.512004+00:00",
    "notification_id": "6271402111",
    **_STANDING,
}
BROADCAST = {
    **_STANDING,
    "open_channel_id": REGISTRATION["open_channel_id"],
    "closed_channel_id": REGISTRATION["closed_channel_id"],
    "broadcast_status": "failed",
    "manual_trigger_count": 3,
    "schedule": {"kind": "daily", "send_at": "09:00", "time_zone": "Europe/Berlin"},
    "next_turn": "2026-11-29T08:00:00Z",
}
CHANNELS = {"channels": [CHANNEL], "count": 1, "max_channels": 10}
_CHANNEL_DONE = {"success": True, "channel_id": REGISTRATION["open_channel_id"], "broadcast_id": BROADCAST_ID}
REGISTERED = {**_CHANNEL_DONE, "message": "Channel registered"}
UPDATED = {**_CHANNEL_DONE, "message": "Channel updated", "channel": CHANNEL}
DELETED = {**_CHANNEL_DONE, "message": "Channel deleted, and its broadcast with it"}
CURRENCY_NETWORKS = {
    "network_to_currencies": {"ETH": [{"currency": "USDT", "currency_name": "Tether"}]},
    "currency_to_networks": {"USDT": [{"network": "ETH", "network_name": "Ethereum"}]},
    "networks_with_names": {"ETH": "Ethereum"},
    "currencies_with_names": {"USDT": "Tether"},
}
BROADCAST_REQUEST = {"broadcast_id": BROADCAST_ID}
TRIGGERED = {"success": True, "message": "Broadcast queued", "broadcast_id": BROADCAST_ID}
REACTIVATED = {"success": True, "message": "Broadcast switched on", "broadcast_id": BROADCAST_ID}
PAUSED = {"success": True, "message": "Broadcast paused", "broadcast_id": BROADCAST_ID}
SKIPPED = {"success": True, "message": "Next turn skipped", "broadcast_id": BROADCAST_ID}
SCHEDULED = {"success": True, "message": "Schedule changed", "broadcast_id": BROADCAST_ID}
_DAILY = {"kind": "daily", "send_at": "09:00", "time_zone": "Europe/Berlin"}
SCHEDULE_REQUEST = {"broadcast_id": BROADCAST_ID, "schedule": _DAILY}
_PART_SENT = {
    "part": "open",
    "attempts": 1,
    "state": "sent",
    "chat_id": REGISTRATION["open_channel_id"],
    "message_id": 4711,
    "decided_at": "2026-11-28T08:00:01Z",
    "deleted_at": None,
    "error_code": None,
    "error_message": None,
}
HISTORY = {
    "deliveries": [
        {
            "id": 812,
            "cause": "schedule",
            "due_at": "2026-11-28T08:00:00Z",
            "started_at": "2026-11-28T08:00:00Z",
            "finished_at": "2026-11-28T08:00:02Z",
            "outcome": "sent",
            "error_code": None,
            "error_message": None,
            "parts": [
                _PART_SENT,
                _PART_SENT | {"part": "closed", "chat_id": REGISTRATION["closed_channel_id"], "message_id": 92},
            ],
        }
    ]
}
EXECUTED = {
    "success": True,
    "total_broadcasts": 1,
    "successful": 1,
    "failed": 0,
    "execution_time_seconds": 0.412,
    "results": [{"broadcast_id": BROADCAST_ID, "outcome": "sent"}],
}
_RULE = {
    "broadcast_manager_client_id_pair_fkey": True,
    "create_broadcast_rows": True,
    "main_clients_database_pair_fkey": True,
    "refuse_broadcast_truncate": True,
    "take_over_auto_created_row": True,
}
HEALTHY = {"status": "healthy", "database": "ok", "rule": _RULE}
UNHEALTHY: dict[str, Any] = {
    "success": False,
    "error": "The database does not answer, or the rule is not in force",
    "code": "unhealthy",
    "status": "unhealthy",
    "database": "ok",
    "rule": {**_RULE, "create_broadcast_rows": False},
}

INVALID = failure_of(RequestValidationError([{"type": "missing", "loc": ("body", "some_field"), "msg": ""}]))
DATABASE = [failure_of(psycopg.OperationalError()), failure_of(psycopg.errors.UndefinedTable())]
SIGNED_IN = [failure_of(TokenInvalid()), failure_of(AccountInactive())]
LOGIN_FAILURES = [failure_of(LoginFailed()), failure_of(AccountInactive()), failure_of(LoginRateLimited(42))]
TOO_LARGE = PAYLOAD_TOO_LARGE
RULE_BROKEN = failure_of(errors.BroadcastMissing(""))
BROADCAST_OWN = [failure_of(errors.BroadcastUnknown("")), failure_of(errors.BroadcastForbidden(""))]
BROADCAST_NOW = [
    failure_of(errors.BroadcastInProgress("")),
    failure_of(errors.BroadcastRateLimited("", detail='{"retry_after_seconds": 299}')),
]
BROADCAST_READY = [failure_of(errors.BroadcastInactive("")), *BROADCAST_NOW]
BROADCAST_TURN = [
    failure_of(errors.BroadcastInactive("")),
    failure_of(errors.BroadcastInProgress("")),
    failure_of(errors.BroadcastWithoutTurns("")),
]
CHANNEL_OWN = [
    failure_of(error("")) for error in (errors.ChannelNotFound, errors.ChannelForbidden, errors.ChannelAmbiguous)
]
CHANNEL_FIELDS = [
    failure_of(errors.ChannelFieldsInvalid("", detail='{"sub_2_price": "must be above 0: tier 2 needs a price"}')),
    failure_of(errors.ChannelIncomplete("")),
    failure_of(errors.ChannelInvalid("")),
    failure_of(errors.ChannelPairTaken("")),
]
CHANNEL_LIMIT = failure_of(errors.ChannelLimitReached("", detail='{"max_channels": 10}'))
CHANNEL_OWNER = failure_of(errors.ChannelOwnerUnknown(""))


def answers(status: int, success: dict[str, Any], *failures: Failure) -> Responses:
    """What a route can answer, for its ``responses``: the success and each failure, with an example each."""
    by_status: dict[int | str, dict[str, Any]] = defaultdict(dict)
    for failure in failures:
        by_status[failure.status][failure.code] = {"summary": failure.error, "value": failure.body()}
    return {
        status: {"content": {"application/json": {"example": success}}},
        **{
            failed: {"model": ErrorAnswer, "content": {"application/json": {"examples": examples}}}
            for failed, examples in sorted(by_status.items(), key=lambda item: int(item[0]))
        },
    }

"""The one table of Telegram's answers."""

import json
from typing import Any

import pytest

from pyapi.worker import telegram_errors
from pyapi.worker.telegram_answer import read_answer
from pyapi.worker.telegram_errors import TABLE, Kind, Refusal, kind_of


def answer(status: int, description: str, **parameters: Any) -> Refusal:
    """What an answer of Telegram means."""
    body = {"ok": False, "error_code": status, "description": description}
    found = read_answer(
        "sendMessage", status, json.dumps(body | ({"parameters": parameters} if parameters else {})).encode()
    )
    assert isinstance(found, Refusal)
    return found


@pytest.mark.parametrize(
    ("status", "description", "code", "state"),
    [
        (401, "Unauthorized", "unauthorized", "failed"),
        (404, "Not Found", "unauthorized", "failed"),
        (403, "Forbidden: bot was kicked from the channel chat", "kicked", "failed"),
        (403, "Forbidden: bot is not a member of the channel chat", "kicked", "failed"),
        (400, "Bad Request: chat not found", "chat_not_found", "failed"),
        (400, "Bad Request: message to delete not found", "message_gone", "failed"),
        (400, "Bad Request: message can't be deleted", "message_kept", "failed"),
        (400, "Bad Request: message can't be deleted for everyone", "message_kept", "failed"),
        (400, "Bad Request: need administrator rights in the channel chat", "no_rights", "failed"),
        (400, "Bad Request: not enough rights to send text messages to the chat", "no_rights", "failed"),
        (400, "Bad Request: can't parse entities: unsupported start tag", "bad_request", "failed"),
        (400, "", "bad_request", "failed"),
        (409, "Conflict", "bad_request", "failed"),
        (413, "Request Entity Too Large", "bad_request", "failed"),
        (500, "Internal Server Error: restart", "server_error", "unknown"),
        (502, "Bad Gateway", "server_error", "unknown"),
        (504, "chat not found", "server_error", "unknown"),
        (302, "Found", "unexpected_answer", "unknown"),
    ],
)
def test_answers(status: int, description: str, code: str, state: str) -> None:
    found = answer(status, description)
    assert (found.kind.code, found.kind.state, found.retry_after) == (code, state, None)


@pytest.mark.parametrize(
    ("parameters", "seconds"), [({"retry_after": 35}, 35), ({}, 5), ({"retry_after": 0}, 5), ({"retry_after": "x"}, 5)]
)
def test_429_says_how_long_to_wait(parameters: dict[str, Any], seconds: int) -> None:
    found = answer(429, "Too Many Requests: retry after 35", **parameters)
    assert (found.kind.code, found.retry_after) == ("rate_limited", seconds)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[1]",
        b"null",
        b"\xff",
        b'{"description": "Forbidden"}',
        b'{"ok": false, "description": "Forbidden"}',
        b'{"ok": true, "error_code": %d}',
        b'{"ok": false, "error_code": 999}',
        b'{"ok": false, "error_code": "%d"}',
    ],
)
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 407, 429, 502])
def test_what_is_not_telegrams_is_unknown_whatever_its_status(status: int, body: bytes) -> None:
    found = read_answer("sendMessage", status, body.replace(b"%d", str(status).encode()))
    # Before Telegram stands a gateway, whose 502 has a page of its own.
    assert found.kind.code == ("server_error" if status == 502 else "unexpected_answer")
    assert (found.kind.state, found.retry_after, found.description) == ("unknown", None, None)


def test_every_status_is_somewhere_in_the_table() -> None:
    assert all(isinstance(kind_of(status, "anything"), Kind) for status in range(600))


def test_no_line_of_the_table_is_hidden_by_one_above() -> None:
    for number, (low, _, words, kind) in enumerate(TABLE):
        assert kind_of(low, words) is kind, number


def test_people_are_told_which_channel_and_what_to_do() -> None:
    told = answer(403, "Forbidden: bot was kicked from the channel chat").sentence("closed")
    assert told == (
        "Closed channel: The bot is no member here. Add it as an administrator who may post messages."
        " (Telegram: Forbidden: bot was kicked from the channel chat)"
    )
    kinds = [kind for kind in vars(telegram_errors).values() if isinstance(kind, Kind)]
    assert all(kind.sentence.endswith(".") for kind in kinds)

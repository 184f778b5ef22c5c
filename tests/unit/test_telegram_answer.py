"""What answers instead of Telegram may be anything: what is read of it has a type, a size and a range."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyapi.worker.telegram_answer import read_answer
from pyapi.worker.telegram_errors import Refusal
from tests.bot_api.answers import ANY_JSON, bodies

METHODS = ("sendMessage", "deleteMessage", "getMe")


def well_formed(method: str, answer: Any) -> bool:
    """Whether it can be stored and shown."""
    if not isinstance(answer, Refusal):
        return {
            "sendMessage": type(answer) is int and 1 <= answer < 2**63,
            "deleteMessage": answer is True,
            "getMe": isinstance(answer, str) and answer.isascii() and 1 <= len(answer) <= 64,
        }[method]
    sentence = answer.sentence("open")
    return (
        (answer.retry_after is None or (type(answer.retry_after) is int and 1 <= answer.retry_after <= 3600))
        and len(sentence) < 500
        and sentence.isascii()
        and sentence.isprintable()
    )


@given(st.sampled_from(METHODS), st.integers(100, 599), bodies())
@example("sendMessage", 200, b"[" * 100_000)
@example("sendMessage", 200, b'{"ok": true, "result": {"message_id": ' + b"9" * 5000 + b"}}")
@example("sendMessage", 429, b'{"ok": false, "error_code": 429, "parameters": {"retry_after": ' + b"9" * 400 + b"}}")
def test_any_bytes_give_a_result_or_a_refusal(method: str, status: int, body: bytes) -> None:
    assert well_formed(method, read_answer(method, status, body))


@pytest.mark.parametrize("message_id", [None, True, 0, -1, 2**63, 1.0, 1e30, float("nan"), "1", [1], {}])
def test_message_id_that_is_none_is_unknown(message_id: object) -> None:
    body = json.dumps({"ok": True, "result": {"message_id": message_id}}).encode()
    found = read_answer("sendMessage", 200, body)
    assert (found.kind.code, found.kind.state) == ("unexpected_answer", "unknown")


@given(ANY_JSON)
def test_retry_after_is_never_longer_than_an_hour(asked: Any) -> None:
    answer = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": asked}}
    found = read_answer("sendMessage", 429, json.dumps(answer).encode())
    assert found.kind.code == "rate_limited"
    assert well_formed("sendMessage", found)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(35, 35), (35.2, 36), (3600, 3600), (3601, 3600), (10**12, 3600), (1e30, 3600), (True, 5), (-1, 5), ("9", 5)],
)
def test_how_long_to_wait(asked: object, seconds: int) -> None:
    answer = {"ok": False, "error_code": 429, "parameters": {"retry_after": asked}}
    assert read_answer("sendMessage", 429, json.dumps(answer).encode()).retry_after == seconds


def test_group_that_became_a_supergroup_is_told_with_its_new_id() -> None:
    answer = {
        "ok": False,
        "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": -1003268562299},
    }
    found = read_answer("sendMessage", 400, json.dumps(answer).encode())
    assert found.kind.code == "migrated"
    assert "Edit the channel: its id is -1003268562299 now." in found.sentence("open")


@pytest.mark.parametrize("moved_to", [True, 1, -(10**14), "-1003268562299", None, 1e300])
def test_new_id_that_is_none_is_not_told(moved_to: object) -> None:
    answer = {"ok": False, "error_code": 400, "parameters": {"migrate_to_chat_id": moved_to}}
    assert read_answer("sendMessage", 400, json.dumps(answer).encode()).kind.code == "bad_request"
